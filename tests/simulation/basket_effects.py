"""Whether anything came of an idempotency key, by the journals."""

from actors.core.entries import BasketIntended, BasketSettled, ExchangeIntended, ExchangeSettled
from actors.core.ids import TenantId
from actors.core.keys import key_hash
from tests.simulation.basket_check import WatchedStore


def has_effect(store: WatchedStore, tenant: TenantId, key: str) -> bool:
    """Whether a journal has an effect of it: an intent is none, what was settled of it is.

    A desk remembers keys of events that are split as theirs.
    """
    keys = {key_hash(tenant, key), *(key_hash(tenant, key, event) for event in store.journals)}
    meant: set[int] = set()
    for block in store.journals:
        for entry in store.entries(block):
            match entry:
                case BasketIntended() if entry.key in keys:
                    meant.add(entry.basket)
                case ExchangeIntended() if entry.key in keys:
                    meant.add(entry.leg.leg)
                case BasketSettled() if entry.basket in meant:
                    return True
                case ExchangeSettled() if entry.held.leg in meant:
                    return True
                case BasketIntended() | ExchangeIntended():
                    pass
                case _ if getattr(entry, "key", b"") in keys:
                    return True
    return False
