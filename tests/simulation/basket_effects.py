"""Whether anything came of an idempotency key, by the journals."""

from collections import Counter

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


def keys_with_two_baskets(store: WatchedStore) -> list[str]:
    """A key stands for one basket that is held, or for none."""
    held: Counter[bytes] = Counter()
    for block in store.journals:
        key_of: dict[int, bytes] = {}
        for entry in store.entries(block):
            match entry:
                case BasketIntended():
                    key_of[entry.basket] = entry.key
                case BasketSettled():
                    held[key_of[entry.basket]] += 1
                case _:
                    pass
    return [f"a key stands for {count} baskets" for count in held.values() if count > 1]
