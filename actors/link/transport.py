"""The port through which the coalescer reaches a shard: bytes in, bytes out, and two ways to fail.

`client.LinkClient` is the socket; the simulation brings its own network.
"""

from collections.abc import Callable
from typing import Protocol, TypeAlias

Hangs: TypeAlias = Callable[[], int]
"""How often this process was found to have stood still, so far. Whatever waits for its turn may ask it when that comes:
it was let in before a hang if the number is another than it was then."""


class NotSent(Exception):
    """Certainly nothing arrived: safe to send again, here or elsewhere."""


class OutcomeUnknown(Exception):
    """The shard may or may not have served this, or may yet: ask again under the same key."""


def never() -> int:
    """The `Hangs` of a process whose hanging is of no account."""
    return 0


class Transport(Protocol):
    """One shard, as seen from here."""

    async def exchange(self, payload: bytes) -> bytes:
        """Send one batch, return its answers; NotSent or OutcomeUnknown. May be cancelled at any time."""
