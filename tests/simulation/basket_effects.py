"""Whether anything came of an idempotency key, by the journals."""

from actors.core.entries import BasketIntended, BasketSettled, ExchangeIntended, ExchangeSettled
from tests.simulation.basket_check import WatchedStore


def has_effect(store: WatchedStore, key: bytes) -> bool:
    """Whether a journal has an effect of it: an intent is none, what was settled of it is."""
    meant: set[int] = set()
    for block in store.journals:
        for entry in store.entries(block):
            match entry:
                case BasketIntended() if entry.key == key:
                    meant.add(entry.basket)
                case ExchangeIntended() if entry.key == key:
                    meant.add(entry.leg.leg)
                case BasketSettled() if entry.basket in meant:
                    return True
                case ExchangeSettled() if entry.held.leg in meant:
                    return True
                case BasketIntended() | ExchangeIntended():
                    pass
                case _ if getattr(entry, "key", b"") == key:
                    return True
    return False
