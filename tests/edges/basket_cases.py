"""Refusals of holds over several events, and of what can be done with their orders."""

from collections.abc import Callable, Mapping

from actors.core.ids import TenantId, desks_of, event_id
from tests.edges.asking import Ask
from tests.edges.refusal_house import NOWHERE_EVENT, NOWHERE_HOLD, Case, House, ticket_of

FOUND = {"best": [{"quantity": 1}]}
"""What is always to be had of the house's spare event, whatever a former refusal has yet to give back."""
DESK = event_id(min(desks_of(TenantId("alpha"))))


def _basket(h: House, leg: Mapping[str, object], tenant: str = "alpha", **others: object) -> Ask:
    """Something of the spare event, and this leg."""
    legs = [{"event_id": h.spare, **FOUND}, leg]
    return Ask("place_basket", {"legs": legs, "buyer_id": "b", **others}, tenant=tenant)


def _of_event(h: House, **wish: object) -> Ask:
    return _basket(h, {"event_id": h.event, **wish})


def _of_club(h: House, **wish: object) -> Ask:
    return _basket(h, {"event_id": h.club.event, **wish})


def _exchange(h: House, event: str, *tickets: int, **wish: object) -> Ask:
    """Of the basket's order, which has two seats of the spare event."""
    body = {"tickets": [ticket_of(h.basket_order, ticket) for ticket in tickets or (2,)], **wish}
    return Ask("exchange_tickets", body | ({"event_id": event} if event else {}), order_id=h.basket_order)


BASKET_CASES = {
    "a basket of nothing": Case(lambda h: Ask("place_basket", {"legs": []}), "INVALID_ARGUMENT", ("legs",)),
    "a basket of nine events": Case(
        lambda h: Ask("place_basket", {"legs": [{"event_id": f"event_{n:016}", **FOUND} for n in range(9)]}),
        "INVALID_ARGUMENT",
        ("legs",),
    ),
    "a leg of no event": Case(lambda h: _basket(h, FOUND), "INVALID_ARGUMENT", ("legs[1].event_id",)),
    "an event in two legs": Case(
        lambda h: _basket(h, {"event_id": h.spare, **FOUND}), "INVALID_ARGUMENT", ("legs[1].event_id",)
    ),
    "legs with faults": Case(
        lambda h: Ask(
            "place_basket",
            {
                "legs": [
                    {"event_id": h.spare, "units": ["101/A/1"] * 2},
                    {"event_id": h.event},
                    {"event_id": h.club.event, "best": [{"quantity": 1, "accessible": 2}]},
                ],
                "buyer_id": "b b",
            },
        ),
        "INVALID_ARGUMENT",
        ("legs[0].units[1]", "legs[1].units", "legs[2].best[0].accessible", "buyer_id"),
    ),
    "legs with faults, and no key": Case(
        lambda h: _of_event(h, areas=[{"area": "Floor", "quantity": 0}], units=[""])._replace(key=None),
        "INVALID_ARGUMENT",
        ("idempotency_key", "legs[1].units[0]", "legs[1].areas[0].quantity"),
    ),
    "a basket that lives for ever": Case(
        lambda h: _basket(h, {"event_id": h.event, **FOUND}, ttl_seconds=86_401), "INVALID_ARGUMENT", ("ttl_seconds",)
    ),
    "a leg with more slots than a hold takes": Case(
        lambda h: _of_club(h, best=[{"quantity": 48}], slots=[h.club.slot(0, 3)]),
        "INVALID_ARGUMENT",
        ("legs[1].units",),
    ),
    "no buyer where a leg has a limit": Case(
        lambda h: _basket(h, {"event_id": h.club.event, "units": ["Stalls/C/3"]}, buyer_id=""),
        "INVALID_ARGUMENT",
        ("buyer_id",),
    ),
    "events of two currencies": Case(
        lambda h: _basket(h, {"event_id": h.dollars, **FOUND}), "INVALID_ARGUMENT", ("legs",)
    ),
    "a basket without a credential": Case(
        lambda h: _of_event(h, units=["101/A/1"])._replace(tenant=None), "UNAUTHENTICATED"
    ),
    "a leg of an unknown event": Case(lambda h: _basket(h, {"event_id": NOWHERE_EVENT, **FOUND}), "EVENT_NOT_FOUND"),
    "a leg of what is no event": Case(lambda h: _basket(h, {"event_id": "event_x", **FOUND}), "EVENT_NOT_FOUND"),
    "a leg of a desk": Case(lambda h: _basket(h, {"event_id": DESK, **FOUND}), "EVENT_NOT_FOUND"),
    "a leg of another tenant's event": Case(
        lambda h: Ask("place_basket", {"legs": [{"event_id": h.event, **FOUND}]}, tenant="beta"), "EVENT_NOT_FOUND"
    ),
    "a key of another basket": Case(
        lambda h: _of_event(h, units=["101/A/1"])._replace(key="basket"), "IDEMPOTENCY_KEY_REUSED"
    ),
    "a leg of unknown units": Case(
        lambda h: _of_event(h, units=["101/A/1", "9/A/1"]), "UNIT_UNKNOWN", units=("9/A/1",)
    ),
    "a leg of half a table": Case(lambda h: _of_club(h, units=["Salon/T1/2"]), "TABLE_NOT_WHOLE"),
    "a leg of a draft": Case(lambda h: _basket(h, {"event_id": h.draft, **FOUND}), "SALE_NOT_OPEN"),
    "a leg of a closed sale": Case(lambda h: _basket(h, {"event_id": h.closed, **FOUND}), "SALE_CLOSED"),
    "a leg over the buyer's limit": Case(lambda h: _of_club(h, best=[{"quantity": 9}]), "BUYER_LIMIT_EXCEEDED"),
    "a leg of the house's seats": Case(
        lambda h: _of_club(h, units=["Stalls/A/9"]), "UNITS_BLOCKED", units=("Stalls/A/9",)
    ),
    "a leg of another channel's seats": Case(
        lambda h: _of_club(h, units=["Stalls/B/1"], channel="box office"), "CHANNEL_REQUIRED", units=("Stalls/B/1",)
    ),
    "a leg of sold seats": Case(lambda h: _of_event(h, units=["101/B/2"]), "UNITS_SOLD", units=("101/B/2",)),
    "a leg of held seats": Case(lambda h: _of_event(h, units=["101/B/1"]), "UNITS_HELD", units=("101/B/1",)),
    "a leg of too many places": Case(
        lambda h: _of_event(h, areas=[{"area": "Floor", "quantity": 6}]), "NOT_ENOUGH_AVAILABLE", units=("Floor",)
    ),
    "another tenant's basket": Case(lambda h: Ask("get_hold", hold_id=h.basket_hold, tenant="beta"), "HOLD_NOT_FOUND"),
    "a basket that its desk does not have": Case(
        lambda h: Ask("get_hold", hold_id=f"hold_{DESK.removeprefix('event_')}{NOWHERE_HOLD[-13:]}"), "HOLD_NOT_FOUND"
    ),
    "a second order on a basket": Case(lambda h: Ask("place_order", {"hold_id": h.basket_hold}), "HOLD_CONFIRMED"),
    "another tenant's basket's order": Case(
        lambda h: Ask("cancel_order", order_id=h.basket_order, tenant="beta"), "ORDER_NOT_FOUND"
    ),
    "a desk to read as an event": Case(lambda h: Ask("get_event", event_id=DESK), "EVENT_NOT_FOUND"),
    "a desk to count": Case(lambda h: Ask("get_availability", event_id=DESK), "EVENT_NOT_FOUND"),
    "a desk to list": Case(lambda h: Ask("list_holds", event_id=DESK), "EVENT_NOT_FOUND"),
    "a desk to put on sale": Case(lambda h: Ask("open_sale", event_id=DESK), "EVENT_NOT_FOUND"),
    "nobody came for a basket": Case(lambda h: Ask("mark_no_show", order_id=h.basket_order), "ORDER_NOT_DUE"),
    "exchange in a basket for units of no event": Case(
        lambda h: _exchange(h, "", units=["101/A/1"]), "INVALID_ARGUMENT", ("event_id",)
    ),
    "exchange in a basket for what is no event's": Case(
        lambda h: _exchange(h, "event_x", units=["101/A/1"]), "EVENT_NOT_FOUND"
    ),
    "exchange in a basket for an unknown event": Case(
        lambda h: _exchange(h, NOWHERE_EVENT, units=["101/A/1"]), "EVENT_NOT_FOUND"
    ),
    "exchange in a basket for another currency": Case(
        lambda h: _exchange(h, h.dollars, **FOUND), "INVALID_ARGUMENT", ("event_id",)
    ),
    "exchange in a basket for sold seats": Case(
        lambda h: _exchange(h, h.event, units=["101/B/2"]), "UNITS_SOLD", units=("101/B/2",)
    ),
    "exchange of a ticket that the basket does not have": Case(
        lambda h: _exchange(h, h.event, 9, units=["101/A/1"]), "INVALID_ARGUMENT", ("tickets",)
    ),
    "exchange of a void ticket of a basket": Case(
        lambda h: _exchange(h, h.event, 1, 2, units=["101/A/1"]), "TICKET_VOID", ("tickets",)
    ),
    "exchange in an order that its desk does not have": Case(
        lambda h: Ask(
            "exchange_tickets",
            {"tickets": [f"ticket_{_nobodys(h)}-1"], "units": ["101/A/1"], "event_id": h.event},
            order_id=f"order_{_nobodys(h)}",
        ),
        "ORDER_NOT_FOUND",
    ),
    "exchange in an event's order for another event": Case(
        lambda h: Ask(
            "exchange_tickets",
            {"tickets": [ticket_of(h.confirmed_order, 1)], "units": ["101/A/1"], "event_id": h.spare},
            order_id=h.confirmed_order,
        ),
        "INVALID_ARGUMENT",
        ("event_id",),
    ),
}

NAMED_EVENTS: dict[str, Callable[[House], str]] = {
    "a leg of an unknown event": lambda h: NOWHERE_EVENT,
    "a leg of sold seats": lambda h: h.event,
    "a leg of a draft": lambda h: h.draft,
    "a leg of what is no event": lambda h: "event_x",
    "exchange in a basket for sold seats": lambda h: h.event,
    "events of two currencies": lambda h: "",
    "held seats": lambda h: "",
}
"""Which event a refusal names."""


def _nobodys(h: House) -> str:
    """A number that nobody has, of the basket's desk."""
    return h.basket_order.removeprefix("order_")[:-1] + ("0" if h.basket_order[-1] != "0" else "1")
