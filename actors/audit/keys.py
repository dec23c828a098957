"""Idempotency keys: no key has two effects while it lives, and an effect is told to whoever sent its key.

A hold's keys live as long as the hold and 10 minutes more, all other keys for 24 hours, the key that created the event
for ever, and that of a basket or an exchange that came to nothing not at all. Kept here as long as that, so that a long
journal needs no more memory than the block itself.
"""

from collections.abc import Callable
from hashlib import blake2b
from heapq import heappop, heappush
from typing import TypeAlias

import msgspec

from actors.core import entries as e

HOLD_KEY_KEPT_MS = 10 * 60_000
OTHER_KEY_KEPT_MS = 24 * 60 * 60_000
FOR_EVER_MS = 1 << 62
KEY_BYTES = 16

Keyed: TypeAlias = (
    e.EventCreated
    | e.SaleOpened
    | e.HoldPlaced
    | e.HoldExtended
    | e.HoldReleased
    | e.OrderPlaced
    | e.OrderConfirmed
    | e.OrderCancelled
    | e.StatusChanged
    | e.EventEdited
    | e.TicketsCancelled
    | e.TicketsExchanged
    | e.TicketReassigned
    | e.OrderClosed
    | e.WaiterJoined
    | e.WaiterLeft
    | e.BasketIntended
    | e.ExchangeIntended
)


def journaled_key(tenant: str, key: str, event: str = "") -> bytes:
    """A client's key as entries bear it (see `actors/core/entries.py`); `event`: of one that is split, held alone."""
    own = f"{len(tenant)}:{tenant}{key}".encode()
    salt = blake2b(event.encode(), digest_size=16).digest() if event else b""
    return blake2b(own, digest_size=KEY_BYTES, person=b"holdfast.key", salt=salt).digest()


class _Use(msgspec.Struct, gc=False):
    """`until_ms`: how long the key lives; 0: as its hold says."""

    what: str
    number: int
    until_ms: int


class KeyBook:
    """The keys of one block. `hold_ends_ms`: when a hold ended, or will by itself; 0 if it is unknown."""

    def __init__(self, hold_ends_ms: Callable[[int], int]) -> None:
        self._hold_ends_ms = hold_ends_ms
        self._uses: dict[bytes, _Use] = {}
        self._looks: list[tuple[int, bytes]] = []  # when to look again whether a key lives

    def use(self, entry: Keyed, what: str, number: int) -> str | None:
        """The entry's key had this effect; returns what it was used for before, if it still lived."""
        self._forget(entry.at_ms)
        before = self._uses.get(entry.key)
        match entry:
            case e.EventCreated() | e.ExchangeIntended():  # which is settled, or dropped
                until_ms = FOR_EVER_MS
            case e.HoldPlaced() | e.HoldExtended() | e.HoldReleased() | e.BasketIntended():
                until_ms = 0
            case _:
                until_ms = entry.at_ms + OTHER_KEY_KEPT_MS
        self._uses[entry.key] = _Use(what, number, until_ms)
        heappush(self._looks, (until_ms or entry.at_ms + HOLD_KEY_KEPT_MS, entry.key))
        return None if before is None or self._until_ms(before) <= entry.at_ms else f"{before.what} {before.number}"

    def keep(self, key: bytes, until_ms: int) -> None:
        """The key lives until then."""
        use = self._uses.get(key)
        if use is not None:
            use.until_ms = until_ms
            heappush(self._looks, (until_ms, key))

    def lives(self, key: bytes, at_ms: int) -> bool:
        """Whether the key had an effect that nobody may have forgotten by then."""
        use = self._uses.get(key)
        return use is not None and self._until_ms(use) > at_ms

    def forget(self, key: bytes) -> None:
        """The key had no effect after all, and may be used again."""
        self._uses.pop(key, None)

    def _until_ms(self, use: _Use) -> int:
        return use.until_ms or self._hold_ends_ms(use.number) + HOLD_KEY_KEPT_MS

    def _forget(self, at_ms: int) -> None:
        while self._looks and self._looks[0][0] <= at_ms:
            _, key = heappop(self._looks)
            use = self._uses.get(key)
            if use is None:
                continue
            until_ms = self._until_ms(use)
            if until_ms > at_ms:
                heappush(self._looks, (until_ms, key))
            else:
                del self._uses[key]
