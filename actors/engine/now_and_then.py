"""What happens all the time is said now and then."""

import asyncio


class NowAndThen:
    """`every_s`: how often at most, in seconds of the loop's time."""

    def __init__(self, every_s: float) -> None:
        self._every_s = every_s
        self._next_s = 0.0

    def is_due(self) -> bool:
        """Whether it is time again; then it is not for a while."""
        now_s = asyncio.get_running_loop().time()
        if now_s < self._next_s:
            return False
        self._next_s = now_s + self._every_s
        return True
