"""Idempotency keys: no key has two effects while it lives.

A hold's key lives as long as the hold and 10 minutes more, all other keys for 24 hours, the key that created the event
for ever. Kept here as long as that, so that a long journal needs no more memory than the block itself.
"""

from collections.abc import Callable
from heapq import heappop, heappush

import msgspec

HOLD_KEY_KEPT_MS = 10 * 60_000
OTHER_KEY_KEPT_MS = 24 * 60 * 60_000
FOR_EVER_MS = 1 << 62


class _Use(msgspec.Struct, gc=False):
    what: str
    number: int
    lives_until_ms: int
    of_hold: bool


class KeyBook:
    """The keys of one block. `hold_ends_ms`: when a hold ended, or will by itself; 0 if it is unknown."""

    def __init__(self, hold_ends_ms: Callable[[int], int]) -> None:
        self._hold_ends_ms = hold_ends_ms
        self._uses: dict[bytes, _Use] = {}
        self._ends: list[tuple[int, bytes]] = []

    def use(self, key: bytes, what: str, number: int, at_ms: int, *, lives_until_ms: int, of_hold: bool) -> str | None:
        """The key had this effect; returns what it was used for before, if it still lives."""
        self._forget(at_ms)
        before = self._uses.get(key)
        self._uses[key] = _Use(what, number, lives_until_ms, of_hold)
        heappush(self._ends, (lives_until_ms, key))
        return None if before is None or self._end_ms(before) <= at_ms else f"{before.what} {before.number}"

    def _end_ms(self, use: _Use) -> int:
        if not use.of_hold:
            return use.lives_until_ms
        return max(use.lives_until_ms, self._hold_ends_ms(use.number) + HOLD_KEY_KEPT_MS)

    def _forget(self, at_ms: int) -> None:
        while self._ends and self._ends[0][0] <= at_ms:
            _, key = heappop(self._ends)
            use = self._uses.get(key)
            if use is None:
                continue
            end_ms = self._end_ms(use)
            if end_ms > at_ms:
                heappush(self._ends, (end_ms, key))
            else:
                del self._uses[key]
