"""The keys of what a journal brings about; that of a basket or an exchange was journaled when it was meant."""

from typing import TypeAlias

from actors.core import entries as e

Leg: TypeAlias = tuple[str, int]
"""Its block, and its number there."""


class Intents:
    """The keys of baskets and exchanges that are being placed, and the legs of those that were, by key."""

    def __init__(self) -> None:
        self._keys: dict[tuple[type, int], bytes] = {}
        self._legs: dict[bytes, tuple[Leg, ...]] = {}

    def key_of(self, entry: e.Entry) -> bytes:
        """The key of what the next entry brings about; none if it is nobody's, or nothing came of it."""
        match entry:
            case e.BasketIntended():
                self._keys[e.BasketSettled, entry.basket] = entry.key
                return b""
            case e.ExchangeIntended():
                self._keys[e.ExchangeSettled, entry.order] = entry.key
                return b""
            case e.BasketSettled():
                return self._settled((e.BasketSettled, entry.basket), tuple((leg.block, leg.leg) for leg in entry.held))
            case e.ExchangeSettled():
                return self._settled((e.ExchangeSettled, entry.order), ((entry.held.block, entry.held.leg),))
            case e.BasketDropped():
                self._keys.pop((e.BasketSettled, entry.basket), b"")
                return b""
            case e.ExchangeDropped():
                self._keys.pop((e.ExchangeSettled, entry.order), b"")
                return b""
            case _:
                return getattr(entry, "key", b"")

    def take_legs(self, key: bytes) -> tuple[Leg, ...]:
        """Those that stand by the key, once."""
        return self._legs.pop(key, ())

    def _settled(self, what: tuple[type, int], legs: tuple[Leg, ...]) -> bytes:
        key = self._keys.pop(what, b"")
        if key:
            self._legs[key] = legs
        return key
