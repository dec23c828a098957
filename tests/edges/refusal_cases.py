"""The refusals of the contract as a table: what is asked, and the code that must come back."""

from tests.edges.asking import Ask
from tests.edges.basket_cases import BASKET_CASES
from tests.edges.inventory_cases import EVENT_CASES, TICKET_CASES, WISH_CASES
from tests.edges.refusal_house import LAYOUT, NOWHERE_EVENT, NOWHERE_HOLD, NOWHERE_ORDER, Case

EXPECTED = {
    "TOO_LARGE": (413, "INVALID_ARGUMENT"),
    "INVALID_ARGUMENT": (400, "INVALID_ARGUMENT"),
    "UNAUTHENTICATED": (401, "UNAUTHENTICATED"),
    "EVENT_NOT_FOUND": (404, "NOT_FOUND"),
    "HOLD_NOT_FOUND": (404, "NOT_FOUND"),
    "ORDER_NOT_FOUND": (404, "NOT_FOUND"),
    "WAITER_NOT_FOUND": (404, "NOT_FOUND"),
    "IDEMPOTENCY_KEY_REUSED": (422, "ALREADY_EXISTS"),
    "REVISION_MISMATCH": (412, "ABORTED"),
    "UNIT_UNKNOWN": (422, "INVALID_ARGUMENT"),
    "TABLE_NOT_WHOLE": (422, "INVALID_ARGUMENT"),
    "SALE_NOT_OPEN": (409, "FAILED_PRECONDITION"),
    "SALE_CLOSED": (409, "FAILED_PRECONDITION"),
    "SALE_OPEN": (409, "FAILED_PRECONDITION"),
    "HOLD_EXPIRED": (410, "FAILED_PRECONDITION"),
    "HOLD_RELEASED": (409, "FAILED_PRECONDITION"),
    "HOLD_CONFIRMED": (409, "FAILED_PRECONDITION"),
    "ORDER_EXPIRED": (410, "FAILED_PRECONDITION"),
    "ORDER_CANCELLED": (409, "FAILED_PRECONDITION"),
    "ORDER_CONFIRMED": (409, "FAILED_PRECONDITION"),
    "ORDER_PENDING": (409, "FAILED_PRECONDITION"),
    "ORDER_CLOSED": (409, "FAILED_PRECONDITION"),
    "ORDER_NOT_DUE": (409, "FAILED_PRECONDITION"),
    "TICKET_VOID": (409, "FAILED_PRECONDITION"),
    "WAITER_GONE": (409, "FAILED_PRECONDITION"),
    "NO_WAITING_LIST": (409, "FAILED_PRECONDITION"),
    "BUYER_LIMIT_EXCEEDED": (409, "FAILED_PRECONDITION"),
    "UNITS_BLOCKED": (409, "FAILED_PRECONDITION"),
    "CHANNEL_REQUIRED": (409, "FAILED_PRECONDITION"),
    "UNITS_SOLD": (409, "ABORTED"),
    "UNITS_HELD": (409, "ABORTED"),
    "NOT_ENOUGH_AVAILABLE": (409, "ABORTED"),
}
"""HTTP status and gRPC code as the contract has them; not read from the table under test."""


def _seats(count: int) -> list[str]:
    return [f"101/{'ABCDEFGHIJ'[number // 60]}/{number % 60 + 1}" for number in range(count)]


def _floor(quantity: int) -> dict[str, object]:
    return {"area": "Floor", "quantity": quantity}


FOREIGN_KEY = "hf_" + "0" * 16 + "_" + "0" * 64
A_HOLD = {"units": ["101/A/1"]}

CASES = {
    "wrong JSON": Case(
        lambda h: Ask("create_event", {"name": "n"}, raw=b'{"currency": "EUR",'), "INVALID_ARGUMENT", same_words=False
    ),
    "layout with faults": Case(
        lambda h: Ask("create_event", {"name": "n", "layout": {"currency": "euro"}}),
        "INVALID_ARGUMENT",
        ("layout.currency", "layout.categories"),
    ),
    "no key": Case(
        lambda h: Ask("place_hold", A_HOLD, event_id=h.event, key=None), "INVALID_ARGUMENT", ("idempotency_key",)
    ),
    "key of 256 characters": Case(
        lambda h: Ask("place_hold", A_HOLD, event_id=h.event, key="k" * 256), "INVALID_ARGUMENT", ("idempotency_key",)
    ),
    "300 seats in one hold": Case(
        lambda h: Ask("place_hold", {"units": _seats(300)}, event_id=h.event), "INVALID_ARGUMENT", ("units",)
    ),
    "51 units together": Case(
        lambda h: Ask("place_hold", {"units": _seats(49), "areas": [_floor(2)]}, event_id=h.event),
        "INVALID_ARGUMENT",
        ("units",),
    ),
    "negative quantity": Case(
        lambda h: Ask("place_hold", {"areas": [_floor(-1)]}, event_id=h.event),
        "INVALID_ARGUMENT",
        ("areas[0].quantity",),
    ),
    "nothing to hold": Case(lambda h: Ask("place_hold", {}, event_id=h.event), "INVALID_ARGUMENT", ("units",)),
    "a seat twice": Case(
        lambda h: Ask("place_hold", {"units": ["101/A/1"] * 2}, event_id=h.event), "INVALID_ARGUMENT", ("units[1]",)
    ),
    "four faults at once": Case(
        lambda h: Ask(
            "place_hold",
            {"units": ["", "101/A/1"], "areas": [_floor(0)], "ttl_seconds": 86_401},
            event_id=h.event,
            key=None,
        ),
        "INVALID_ARGUMENT",
        ("idempotency_key", "units[0]", "areas[0].quantity", "ttl_seconds"),
    ),
    "mail address as buyer": Case(
        lambda h: Ask("place_hold", A_HOLD | {"buyer_id": "me@example.org"}, event_id=h.event),
        "INVALID_ARGUMENT",
        ("buyer_id",),
    ),
    "extension without a time": Case(
        lambda h: Ask("extend_hold", {}, hold_id=h.held), "INVALID_ARGUMENT", ("ttl_seconds",)
    ),
    "page of 1000": Case(lambda h: Ask("list_events", {"limit": 1000}), "INVALID_ARGUMENT", ("limit",)),
    "a cursor that was not given out": Case(
        lambda h: Ask("list_events", {"cursor": "bm90aGluZw"}), "INVALID_ARGUMENT", ("cursor",)
    ),
    "20 MB": Case(
        lambda h: Ask("place_hold", {"units": ["x" * 100] * 200_000}, event_id=h.event), "TOO_LARGE", ("body",)
    ),
    "5 MB of layout": Case(
        lambda h: Ask("create_event", {"name": "n", "layout": {"currency": "x" * (5 << 20)}}), "TOO_LARGE", ("body",)
    ),
    "no credential": Case(lambda h: Ask("get_hold", hold_id=h.held, tenant=None), "UNAUTHENTICATED"),
    "unknown key": Case(
        lambda h: Ask("place_hold", A_HOLD, event_id=h.event, authorization=f"Bearer {FOREIGN_KEY}"), "UNAUTHENTICATED"
    ),
    "wrong secret": Case(lambda h: Ask("get_hold", hold_id=h.held, wrong_secret=True), "UNAUTHENTICATED"),
    "another scheme": Case(
        lambda h: Ask("get_hold", hold_id=h.held, authorization="Basic aGk6aGk="), "UNAUTHENTICATED"
    ),
    "unknown event": Case(lambda h: Ask("place_hold", A_HOLD, event_id=NOWHERE_EVENT), "EVENT_NOT_FOUND"),
    "unknown event to read": Case(lambda h: Ask("get_event", event_id=NOWHERE_EVENT), "EVENT_NOT_FOUND"),
    "unknown event to count": Case(lambda h: Ask("get_availability", event_id=NOWHERE_EVENT), "EVENT_NOT_FOUND"),
    "unknown event to list": Case(
        lambda h: Ask("list_units", {"section": "101"}, event_id=NOWHERE_EVENT), "EVENT_NOT_FOUND"
    ),
    "not an event's id": Case(lambda h: Ask("open_sale", event_id="event_x"), "EVENT_NOT_FOUND"),
    "unknown hold": Case(lambda h: Ask("get_hold", hold_id=NOWHERE_HOLD), "HOLD_NOT_FOUND"),
    "unknown hold in a known event": Case(
        lambda h: Ask("release_hold", hold_id=h.held[:-13] + "0" * 12 + "1"), "HOLD_NOT_FOUND"
    ),
    "an order's id for a hold": Case(lambda h: Ask("get_hold", hold_id=h.pending_order), "HOLD_NOT_FOUND"),
    "order on an unknown hold": Case(lambda h: Ask("place_order", {"hold_id": NOWHERE_HOLD}), "HOLD_NOT_FOUND"),
    "unknown order": Case(lambda h: Ask("confirm_order", order_id=NOWHERE_ORDER), "ORDER_NOT_FOUND"),
    "another tenant's event": Case(
        lambda h: Ask("place_hold", A_HOLD, event_id=h.event, tenant="beta"), "EVENT_NOT_FOUND"
    ),
    "another tenant's event to count": Case(
        lambda h: Ask("get_availability", event_id=h.event, tenant="beta"), "EVENT_NOT_FOUND"
    ),
    "another tenant's layout": Case(lambda h: Ask("get_layout", event_id=h.event, tenant="beta"), "EVENT_NOT_FOUND"),
    "another tenant's layout to edit": Case(
        lambda h: Ask("get_layout_document", event_id=h.event, tenant="beta"), "EVENT_NOT_FOUND"
    ),
    "another tenant's seats": Case(lambda h: Ask("get_statuses", event_id=h.event, tenant="beta"), "EVENT_NOT_FOUND"),
    "another tenant's list of holds": Case(
        lambda h: Ask("list_holds", event_id=h.event, tenant="beta"), "EVENT_NOT_FOUND"
    ),
    "another tenant's list of orders": Case(
        lambda h: Ask("list_orders", event_id=h.event, tenant="beta"), "EVENT_NOT_FOUND"
    ),
    "list of an unknown event's holds": Case(lambda h: Ask("list_holds", event_id=NOWHERE_EVENT), "EVENT_NOT_FOUND"),
    "list of an unknown event's orders": Case(lambda h: Ask("list_orders", event_id=NOWHERE_EVENT), "EVENT_NOT_FOUND"),
    "page of 1000 holds": Case(
        lambda h: Ask("list_holds", {"limit": 1000}, event_id=h.event), "INVALID_ARGUMENT", ("limit",)
    ),
    "cursor of another list": Case(
        lambda h: Ask("list_orders", {"cursor": "bm90aGluZw"}, event_id=h.event), "INVALID_ARGUMENT", ("cursor",)
    ),
    "page of 1001 units": Case(
        lambda h: Ask("list_units", {"section": "101", "limit": 1001}, event_id=h.event), "INVALID_ARGUMENT", ("limit",)
    ),
    "unknown event's layout": Case(lambda h: Ask("get_layout", event_id=NOWHERE_EVENT), "EVENT_NOT_FOUND"),
    "unknown event's seats": Case(lambda h: Ask("get_statuses", event_id=NOWHERE_EVENT), "EVENT_NOT_FOUND"),
    "seats since a position below none": Case(
        lambda h: Ask("get_statuses", {"since": -1}, event_id=h.event), "INVALID_ARGUMENT", ("since",)
    ),
    "a version that no layout has": Case(
        lambda h: Ask("get_layout", {"version": -1}, event_id=h.event), "INVALID_ARGUMENT", ("version",)
    ),
    "another tenant's hold": Case(lambda h: Ask("get_hold", hold_id=h.held, tenant="beta"), "HOLD_NOT_FOUND"),
    "another tenant's hold to release": Case(
        lambda h: Ask("release_hold", hold_id=h.held, tenant="beta"), "HOLD_NOT_FOUND"
    ),
    "another tenant's hold to order": Case(
        lambda h: Ask("place_order", {"hold_id": h.held}, tenant="beta"), "HOLD_NOT_FOUND"
    ),
    "another tenant's order": Case(
        lambda h: Ask("cancel_order", order_id=h.pending_order, tenant="beta"), "ORDER_NOT_FOUND"
    ),
    "key of another hold": Case(
        lambda h: Ask("place_hold", A_HOLD, event_id=h.event, key="hold B/1"), "IDEMPOTENCY_KEY_REUSED"
    ),
    "key of another buyer": Case(
        lambda h: Ask(
            "place_hold",
            {"units": ["101/B/1"], "ttl_seconds": 600, "buyer_id": "another"},
            event_id=h.event,
            key="hold B/1",
        ),
        "IDEMPOTENCY_KEY_REUSED",
    ),
    "key of another event": Case(
        lambda h: Ask("create_event", {"name": "Another", "layout": LAYOUT}, key="event"), "IDEMPOTENCY_KEY_REUSED"
    ),
    "unknown seat and area": Case(
        lambda h: Ask(
            "place_hold",
            {"units": ["101/A/1", "101/A/61", "9/A/1"], "areas": [{"area": "Roof", "quantity": 1}]},
            event_id=h.event,
        ),
        "UNIT_UNKNOWN",
        units=("101/A/61", "9/A/1", "Roof"),
    ),
    "sale not open": Case(lambda h: Ask("place_hold", A_HOLD, event_id=h.draft), "SALE_NOT_OPEN"),
    "order on an expired hold": Case(lambda h: Ask("place_order", {"hold_id": h.expired}), "HOLD_EXPIRED"),
    "extending an expired hold": Case(
        lambda h: Ask("extend_hold", {"ttl_seconds": 60}, hold_id=h.expired), "HOLD_EXPIRED"
    ),
    "order on a released hold": Case(lambda h: Ask("place_order", {"hold_id": h.released}), "HOLD_RELEASED"),
    "releasing twice": Case(lambda h: Ask("release_hold", hold_id=h.released), "HOLD_RELEASED"),
    "second order on a hold": Case(lambda h: Ask("place_order", {"hold_id": h.confirmed}), "HOLD_CONFIRMED"),
    "releasing an ordered hold": Case(lambda h: Ask("release_hold", hold_id=h.confirmed), "HOLD_CONFIRMED"),
    "confirming an expired order": Case(lambda h: Ask("confirm_order", order_id=h.expired_order), "ORDER_EXPIRED"),
    "cancelling an expired order": Case(lambda h: Ask("cancel_order", order_id=h.expired_order), "ORDER_EXPIRED"),
    "confirming a cancelled order": Case(lambda h: Ask("confirm_order", order_id=h.cancelled_order), "ORDER_CANCELLED"),
    "cancelling twice": Case(lambda h: Ask("cancel_order", order_id=h.cancelled_order), "ORDER_CANCELLED"),
    "confirming twice": Case(lambda h: Ask("confirm_order", order_id=h.confirmed_order), "ORDER_CONFIRMED"),
    "sold seats before held ones": Case(
        lambda h: Ask("place_hold", {"units": ["101/A/1", "101/B/1", "101/B/2"]}, event_id=h.event),
        "UNITS_SOLD",
        units=("101/B/2",),
    ),
    "held seats": Case(
        lambda h: Ask("place_hold", {"units": ["101/A/1", "101/B/1", "101/B/6"]}, event_id=h.event),
        "UNITS_HELD",
        units=("101/B/1", "101/B/6"),
    ),
    "too many places": Case(
        lambda h: Ask("place_hold", {"areas": [_floor(6)]}, event_id=h.event), "NOT_ENOUGH_AVAILABLE", units=("Floor",)
    ),
    **EVENT_CASES,
    **WISH_CASES,
    **TICKET_CASES,
    **BASKET_CASES,
}

BOTH_FIRST = {
    "too large, no key, no credential": Case(
        lambda h: Ask("place_hold", {"units": ["x" * 100] * 20_000}, event_id=h.event, key=None, tenant=None),
        "TOO_LARGE",
    ),
    "malformed, no credential": Case(
        lambda h: Ask("place_hold", {"areas": [_floor(-1)]}, event_id=h.event, tenant=None), "INVALID_ARGUMENT"
    ),
    "no credential, unknown event": Case(
        lambda h: Ask("place_hold", A_HOLD, event_id=NOWHERE_EVENT, tenant=None), "UNAUTHENTICATED"
    ),
    "another tenant's event, unknown seat": Case(
        lambda h: Ask("place_hold", {"units": ["no/such/seat"]}, event_id=h.event, tenant="beta"), "EVENT_NOT_FOUND"
    ),
    "key reused, unknown seat": Case(
        lambda h: Ask("place_hold", {"units": ["no/such/seat"]}, event_id=h.event, key="hold B/1"),
        "IDEMPOTENCY_KEY_REUSED",
    ),
    "no credential, no revision": Case(
        lambda h: Ask("edit_event", {"name": "n"}, event_id=h.event, tenant=None), "INVALID_ARGUMENT"
    ),
    "another revision, units that are not there": Case(
        lambda h: Ask(
            "edit_event",
            {"rules": {"allotments": [{"name": "a", "units": ["Nowhere"]}]}},
            event_id=h.event,
            if_revision=7,
        ),
        "REVISION_MISMATCH",
    ),
    "unknown seat where nobody can wait": Case(
        lambda h: Ask("join_waiting_list", {"units": ["no/such/seat"]}, event_id=h.event), "UNIT_UNKNOWN"
    ),
    "blocked and another channel's": Case(
        lambda h: h.on_club("place_hold", {"units": ["Stalls/B/1", "Stalls/A/9"]}), "UNITS_BLOCKED"
    ),
    "too many for the buyer, blocked": Case(
        lambda h: h.on_club("place_hold", {"units": ["Stalls/A/9"], "best": [{"quantity": 8}]}),
        "BUYER_LIMIT_EXCEEDED",
    ),
    "unknown seat, not on sale": Case(
        lambda h: Ask("place_hold", {"units": ["no/such/seat"]}, event_id=h.draft), "UNIT_UNKNOWN"
    ),
    "held seat, too many places": Case(
        lambda h: Ask("place_hold", {"units": ["101/B/1"], "areas": [_floor(6)]}, event_id=h.event), "UNITS_HELD"
    ),
}
"""Requests with two things wrong: the one that comes first in the contract is told."""
