"""The port through which the coalescer reaches a shard: bytes in, bytes out, and two ways to fail.

`client.LinkClient` is the socket; the simulation brings its own network.
"""

from typing import Protocol


class NotSent(Exception):
    """Certainly nothing arrived: safe to send again, here or elsewhere."""


class OutcomeUnknown(Exception):
    """The shard may or may not have served this, or may yet: ask again under the same key."""


class Transport(Protocol):
    """One shard, as seen from here."""

    async def exchange(self, payload: bytes) -> bytes:
        """Send one batch, return its answers; NotSent or OutcomeUnknown. May be cancelled at any time."""
