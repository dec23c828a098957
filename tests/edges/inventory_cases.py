"""Refusals of what only some events have: rules, channels, tables, courts, tickets of their own, a waiting list."""

from tests.edges.asking import Ask
from tests.edges.refusal_house import (
    LAYOUT,
    NOWHERE_EVENT,
    NOWHERE_ORDER,
    NOWHERE_TICKET,
    NOWHERE_WAITER,
    Case,
    ticket_of,
)

BAD_RULES = {"max_per_buyer": -1, "channels": [{"name": "a/b", "sort": 1}], "waiting_list": {}, "until": 1}

EVENT_CASES = {
    "layout and rules with faults": Case(
        lambda h: Ask("create_event", {"name": "n", "layout": {"currency": "euro"}, "rules": BAD_RULES}),
        "INVALID_ARGUMENT",
        (
            "layout.currency",
            "layout.categories",
            "rules.until",
            "rules.max_per_buyer",
            "rules.channels[0].sort",
            "rules.channels[0].name",
            "rules.waiting_list.claim_seconds",
        ),
    ),
    "rules that contradict themselves": Case(
        lambda h: Ask(
            "create_event",
            {
                "name": "n",
                "layout": LAYOUT,
                "rules": {
                    "window": {"opens_at": "2030-05-01T18:00:00+02:00", "closes_at": "2030-05-01T16:00:00Z"},
                    "allotments": [{"name": "a", "channel": "none", "units": ["101"]}],
                },
            },
        ),
        "INVALID_ARGUMENT",
        ("rules.window.closes_at", "rules.allotments[0].channel"),
    ),
    "holds that live longer than the rules allow": Case(
        lambda h: Ask(
            "create_event",
            {"name": "n", "layout": LAYOUT, "rules": {"max_hold_life_seconds": 60}, "hold_ttl_seconds": 61},
        ),
        "INVALID_ARGUMENT",
        ("hold_ttl_seconds",),
    ),
    "allotment of what is not there": Case(
        lambda h: Ask(
            "create_event",
            {"name": "n", "layout": LAYOUT, "rules": {"allotments": [{"name": "a", "units": ["101", "Nowhere"]}]}},
        ),
        "UNIT_UNKNOWN",
        units=("Nowhere",),
    ),
    "edit of no revision": Case(
        lambda h: Ask("edit_event", {"name": "n"}, event_id=h.event), "INVALID_ARGUMENT", ("if_revision",)
    ),
    "edit of nothing": Case(
        lambda h: Ask("edit_event", event_id=h.event, if_revision=2), "INVALID_ARGUMENT", ("body",)
    ),
    "edit with three faults": Case(
        lambda h: Ask("edit_event", {"name": " ", "hold_ttl_seconds": 86_401}, event_id=h.event, key=None),
        "INVALID_ARGUMENT",
        ("if_revision", "idempotency_key", "hold_ttl_seconds"),
    ),
    "edit of another revision": Case(
        lambda h: Ask("edit_event", {"name": "n"}, event_id=h.event, if_revision=1), "REVISION_MISMATCH"
    ),
    "edit of an unknown event": Case(
        lambda h: Ask("edit_event", {"name": "n"}, event_id=NOWHERE_EVENT, if_revision=1), "EVENT_NOT_FOUND"
    ),
    "edit of another tenant's event": Case(
        lambda h: Ask("edit_event", {"name": "n"}, event_id=h.event, if_revision=2, tenant="beta"), "EVENT_NOT_FOUND"
    ),
    "edit that takes sold seats away": Case(
        lambda h: Ask(
            "edit_event",
            {"layout": LAYOUT | {"sections": [{"name": "101", "category": "Seat", "rows": [_row("A")]}]}},
            event_id=h.event,
            if_revision=2,
        ),
        "UNITS_SOLD",
        units=("101/B/2", "101/J/2"),
    ),
    "edit of the currency": Case(
        lambda h: Ask("edit_event", {"layout": LAYOUT | {"currency": "USD"}}, event_id=h.event, if_revision=2),
        "INVALID_ARGUMENT",
        ("layout.currency",),
    ),
    "pausing a draft": Case(lambda h: Ask("pause_sale", event_id=h.draft), "SALE_NOT_OPEN"),
    "closing another tenant's event": Case(
        lambda h: Ask("close_sale", event_id=h.event, tenant="beta"), "EVENT_NOT_FOUND"
    ),
    "cancelling an unknown event": Case(lambda h: Ask("cancel_event", event_id=NOWHERE_EVENT), "EVENT_NOT_FOUND"),
    "archiving what is on sale": Case(lambda h: Ask("archive_event", event_id=h.event), "SALE_OPEN"),
    "pausing a closed sale": Case(lambda h: Ask("pause_sale", event_id=h.closed), "SALE_CLOSED"),
    "opening a closed sale": Case(lambda h: Ask("open_sale", event_id=h.closed), "SALE_CLOSED"),
    "hold after the sale": Case(lambda h: Ask("place_hold", {"units": ["101/A/1"]}, event_id=h.closed), "SALE_CLOSED"),
}

WISH_CASES = {
    "a wish with faults of every kind": Case(
        lambda h: h.on_club(
            "place_hold",
            {
                "areas": [{"area": "Lawn", "quantity": 1}, {"area": "Lawn", "quantity": 2}],
                "price_types": {"Stalls/C/9": "child"},
                "best": [{"quantity": 2, "accessible": 3, "price_types": {"adult": 2, "child": 1}}],
                "slots": [
                    {
                        "resource": "Court 2",
                        "starts_at": "2030-05-01T18:00:00.000500Z",
                        "ends_at": "2030-05-01T18:00:00+02:00",
                    }
                ],
                "buyer_id": "b b",
            },
        ),
        "INVALID_ARGUMENT",
        (
            "areas[1].area",
            "price_types",
            "best[0].accessible",
            "best[0].price_types",
            "slots[0].starts_at",
            "slots[0].ends_at",
            "buyer_id",
        ),
    ),
    "no best seats": Case(
        lambda h: h.on_club("place_hold", {"best": [{"quantity": 0}]}), "INVALID_ARGUMENT", ("best[0].quantity",)
    ),
    "a time without an end": Case(
        lambda h: h.on_club(
            "place_hold", {"slots": [{"resource": "Court 2", "starts_at": "2030-05-01T18:00:00+00:00"}]}
        ),
        "INVALID_ARGUMENT",
        ("slots[0].ends_at",),
    ),
    "more slots than a hold takes": Case(
        lambda h: h.on_club("place_hold", {"best": [{"quantity": 48}], "slots": [h.club.slot(0, 3)]}),
        "INVALID_ARGUMENT",
        ("units",),
    ),
    "a slot by name and by time": Case(
        lambda h: h.on_club("place_hold", {"units": [h.club.slot_name(3)], "slots": [h.club.slot(2, 2)]}),
        "INVALID_ARGUMENT",
        ("units",),
    ),
    "no buyer where there is a limit": Case(
        lambda h: Ask("place_hold", {"units": ["Stalls/C/3"]}, event_id=h.club.event),
        "INVALID_ARGUMENT",
        ("buyer_id",),
    ),
    "unknown names of all kinds": Case(
        lambda h: h.on_club(
            "place_hold",
            {
                "units": ["Stalls/D/1", "Salon/T2"],
                "price_types": {"Stalls/D/1": "senior"},
                "areas": [{"area": "Roof", "quantity": 1, "price_type": "pet"}],
                "best": [{"quantity": 1, "sections": ["Gallery"], "categories": ["Royal"]}],
                "slots": [h.club.slot(-1)],
            },
        ),
        "UNIT_UNKNOWN",
        units=("Stalls/D/1", "senior", "Salon/T2", "Court 2", "Roof", "pet", "Royal", "Gallery"),
    ),
    "unknown channel": Case(
        lambda h: h.on_club("place_hold", {"units": ["Stalls/C/3"], "channel": "back door"}),
        "UNIT_UNKNOWN",
        units=("back door",),
    ),
    "price type that is not sold": Case(
        lambda h: h.on_club("place_hold", {"units": ["Salon/T1"], "price_types": {"Salon/T1": "child"}}),
        "UNIT_UNKNOWN",
        units=("child (Table)",),
    ),
    "half a table": Case(
        lambda h: h.on_club("place_hold", {"units": ["Salon/T1/2", "Salon/T1/3"]}),
        "TABLE_NOT_WHOLE",
        units=("Salon/T1/1", "Salon/T1/4"),
    ),
    "more than a buyer may have": Case(
        lambda h: h.on_club("place_hold", {"best": [{"quantity": 9}]}), "BUYER_LIMIT_EXCEEDED"
    ),
    "the house's and an accessible seat": Case(
        lambda h: h.on_club("place_hold", {"units": ["Stalls/A/1", "Stalls/A/3", "Stalls/A/9"]}),
        "UNITS_BLOCKED",
        units=("Stalls/A/1", "Stalls/A/9"),
    ),
    "another channel's seats": Case(
        lambda h: h.on_club("place_hold", {"units": ["Stalls/B/1", "Stalls/C/3"], "channel": "box office"}),
        "CHANNEL_REQUIRED",
        units=("Stalls/B/1",),
    ),
    "places that are kept for another channel": Case(
        lambda h: h.on_club("place_hold", {"areas": [{"area": "Lawn", "quantity": 5}]}),
        "NOT_ENOUGH_AVAILABLE",
        units=("Lawn",),
    ),
    "best seats where there are not so many": Case(
        lambda h: h.on_club("place_hold", {"best": [{"quantity": 2, "sections": ["Stalls"], "accessible": 2}]}),
        "NOT_ENOUGH_AVAILABLE",
        units=("Stalls",),
    ),
    "a court that is sold": Case(
        lambda h: h.on_club("place_hold", {"slots": [h.club.slot(4, 3)]}),
        "UNITS_SOLD",
    ),
    "waiting for nothing": Case(lambda h: h.on_club("join_waiting_list", {}), "INVALID_ARGUMENT", ("units",)),
    "waiting for two choices of seats": Case(
        lambda h: h.on_club("join_waiting_list", {"best": [{"quantity": 1}, {"quantity": 2}]}),
        "INVALID_ARGUMENT",
        ("best",),
    ),
    "waiting for what is not there": Case(
        lambda h: h.on_club("join_waiting_list", {"units": ["Stalls/D/1"]}), "UNIT_UNKNOWN", units=("Stalls/D/1",)
    ),
    "waiting for half a table": Case(
        lambda h: h.on_club("join_waiting_list", {"units": ["Salon/T1/1"]}), "TABLE_NOT_WHOLE"
    ),
    "waiting for more in a row than there ever is": Case(
        lambda h: h.on_club(
            "join_waiting_list", {"best": [{"quantity": 8, "sections": ["Salon"]}], "buyer_id": "nobody-yet"}
        ),
        "NOT_ENOUGH_AVAILABLE",
    ),
    "waiting where nobody can": Case(
        lambda h: Ask("join_waiting_list", {"units": ["101/B/2"]}, event_id=h.event), "NO_WAITING_LIST"
    ),
    "waiting in another tenant's event": Case(
        lambda h: Ask("join_waiting_list", {"units": ["101/B/2"]}, event_id=h.event, tenant="beta"), "EVENT_NOT_FOUND"
    ),
    "unknown waiter": Case(lambda h: Ask("get_waiter", waiter_id=NOWHERE_WAITER), "WAITER_NOT_FOUND"),
    "a hold's id for a waiter": Case(lambda h: Ask("get_waiter", waiter_id=h.held), "WAITER_NOT_FOUND"),
    "another tenant's waiter": Case(
        lambda h: Ask("leave_waiting_list", waiter_id=h.gone_waiter, tenant="beta"), "WAITER_NOT_FOUND"
    ),
    "leaving twice": Case(lambda h: Ask("leave_waiting_list", waiter_id=h.gone_waiter), "WAITER_GONE"),
}

TICKET_CASES = {
    "no tickets to cancel": Case(
        lambda h: Ask("cancel_tickets", {"tickets": []}, order_id=h.stalls_order), "INVALID_ARGUMENT", ("tickets",)
    ),
    "tickets of another order, twice, and none": Case(
        lambda h: Ask(
            "cancel_tickets",
            {"tickets": [ticket_of(h.court_order, 1), ticket_of(h.court_order, 1), h.stalls_order]},
            order_id=h.stalls_order,
        ),
        "INVALID_ARGUMENT",
        ("tickets[2]", "tickets[1]"),
    ),
    "tickets of another order": Case(
        lambda h: Ask(
            "cancel_tickets",
            {"tickets": [ticket_of(h.stalls_order, 2), ticket_of(h.court_order, 1)]},
            order_id=h.stalls_order,
        ),
        "INVALID_ARGUMENT",
        ("tickets[1]",),
    ),
    "a ticket that the order does not have": Case(
        lambda h: Ask("cancel_tickets", {"tickets": [ticket_of(h.stalls_order, 3)]}, order_id=h.stalls_order),
        "INVALID_ARGUMENT",
        ("tickets",),
    ),
    "reassigning a ticket that the order does not have": Case(
        lambda h: Ask("reassign_ticket", {"buyer_id": "c"}, ticket_id=ticket_of(h.stalls_order, 3)),
        "INVALID_ARGUMENT",
        ("ticket_id",),
    ),
    "reassigning to a mail address": Case(
        lambda h: Ask("reassign_ticket", {"buyer_id": "me@example.org"}, ticket_id=ticket_of(h.stalls_order, 2)),
        "INVALID_ARGUMENT",
        ("buyer_id",),
    ),
    "exchange for nothing": Case(
        lambda h: Ask("exchange_tickets", {"tickets": [ticket_of(h.stalls_order, 2)]}, order_id=h.stalls_order),
        "INVALID_ARGUMENT",
        ("units",),
    ),
    "cancelling tickets of an unknown order": Case(
        lambda h: Ask("cancel_tickets", {"tickets": [NOWHERE_TICKET]}, order_id=NOWHERE_ORDER), "ORDER_NOT_FOUND"
    ),
    "cancelling tickets of what is no order": Case(
        lambda h: Ask("cancel_tickets", {"tickets": [ticket_of(h.stalls_order, 2)]}, order_id=h.held),
        "ORDER_NOT_FOUND",
    ),
    "reassigning an unknown ticket": Case(
        lambda h: Ask("reassign_ticket", {"buyer_id": "c"}, ticket_id=NOWHERE_TICKET), "ORDER_NOT_FOUND"
    ),
    "reassigning what is no ticket": Case(
        lambda h: Ask("reassign_ticket", {"buyer_id": "c"}, ticket_id=h.stalls_order), "ORDER_NOT_FOUND"
    ),
    "reassigning another tenant's ticket": Case(
        lambda h: Ask("reassign_ticket", {"buyer_id": "c"}, ticket_id=ticket_of(h.stalls_order, 2), tenant="beta"),
        "ORDER_NOT_FOUND",
    ),
    "cancelling tickets of a pending order": Case(
        lambda h: Ask("cancel_tickets", {"tickets": [ticket_of(h.pending_order, 1)]}, order_id=h.pending_order),
        "ORDER_PENDING",
    ),
    "exchanging tickets of a cancelled order": Case(
        lambda h: Ask(
            "exchange_tickets",
            {"tickets": [ticket_of(h.cancelled_order, 1)], "units": ["101/A/1"]},
            order_id=h.cancelled_order,
        ),
        "ORDER_CANCELLED",
    ),
    "reassigning a ticket of an expired order": Case(
        lambda h: Ask("reassign_ticket", {"buyer_id": "c"}, ticket_id=ticket_of(h.expired_order, 1)), "ORDER_EXPIRED"
    ),
    "cancelling a void ticket": Case(
        lambda h: Ask("cancel_tickets", {"tickets": [ticket_of(h.stalls_order, 1)]}, order_id=h.stalls_order),
        "TICKET_VOID",
        ("tickets",),
    ),
    "cancelling half a table": Case(
        lambda h: Ask(
            "cancel_tickets",
            {"tickets": [ticket_of(h.table_order, 1), ticket_of(h.table_order, 4)]},
            order_id=h.table_order,
        ),
        "TABLE_NOT_WHOLE",
        units=("Salon/T1/2", "Salon/T1/3"),
    ),
    "exchanging half a table": Case(
        lambda h: Ask(
            "exchange_tickets",
            {"tickets": [ticket_of(h.table_order, 2)], "units": ["Stalls/C/9"]},
            order_id=h.table_order,
        ),
        "TABLE_NOT_WHOLE",
        units=("Salon/T1/1", "Salon/T1/3", "Salon/T1/4"),
    ),
    "reassigning a void ticket": Case(
        lambda h: Ask("reassign_ticket", {"buyer_id": "c"}, ticket_id=ticket_of(h.stalls_order, 1)), "TICKET_VOID"
    ),
    "exchange for sold seats": Case(
        lambda h: Ask(
            "exchange_tickets",
            {"tickets": [ticket_of(h.confirmed_order, 1)], "units": ["101/B/1"]},
            order_id=h.confirmed_order,
        ),
        "UNITS_HELD",
        units=("101/B/1",),
    ),
    "completing an order of seats": Case(lambda h: Ask("complete_order", order_id=h.confirmed_order), "ORDER_NOT_DUE"),
    "nobody came for tomorrow": Case(lambda h: Ask("mark_no_show", order_id=h.court_order), "ORDER_NOT_DUE"),
    "nobody came for an unknown order": Case(lambda h: Ask("mark_no_show", order_id=NOWHERE_ORDER), "ORDER_NOT_FOUND"),
    "completing twice": Case(lambda h: Ask("complete_order", order_id=h.completed_order), "ORDER_CLOSED"),
    "cancelling a completed order": Case(lambda h: Ask("cancel_order", order_id=h.completed_order), "ORDER_CLOSED"),
    "confirming a completed order": Case(lambda h: Ask("confirm_order", order_id=h.completed_order), "ORDER_CLOSED"),
}


def _row(name: str) -> dict[str, str]:
    return {"name": name, "seats": "1..60"}
