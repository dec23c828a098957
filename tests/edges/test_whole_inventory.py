"""Courts, tables, price types, tickets of their own: each over both protocols, and a key is the same on both."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from actors.core.ids import ticket_id
from serve.grpc_api import replies
from serve.http_api import order_views
from tests.edges.asking import Ask, ask_grpc, ask_http
from tests.edges.both import both, thing
from tests.edges.club import Club, make_club, span
from tests.edges.edge_stack import Edges, now_ms

pytestmark = pytest.mark.anyio

ASKING = [ask_http, ask_grpc]


@pytest.fixture(scope="module")
async def club(edges: Edges) -> Club:
    """An event with everything in it; a court's first slot begins in two seconds."""
    return await make_club(edges, "club", soon_in_ms=2_000)


async def _order(edges: Edges, club: Club, wish: Mapping[str, Any], key: str, asking: Any = ask_http) -> Any:
    """A paid order of what is wished for."""
    hold = thing(await asking(edges, Ask("place_hold", wish, event_id=club.event, key=f"{key}, hold")), "hold")
    order = thing(await asking(edges, Ask("place_order", {"hold_id": hold["hold_id"]}, key=f"{key}, order")), "order")
    await asking(edges, Ask("confirm_order", order_id=order["order_id"], key=f"{key}, confirm"))
    return await both(edges, Ask("get_order", order_id=order["order_id"]), "order")


async def test_one_hold_of_everything_has_one_price_on_both(edges: Edges, club: Club) -> None:
    body = {
        "units": ["Stalls/C/1", "Salon/T1", club.slot_name(0)],
        "price_types": {"Stalls/C/1": "child"},
        "slots": [club.slot(1) | {"price_type": "child"}],
        "areas": [{"area": "Lawn", "quantity": 1}],
        "buyer_id": "everything",
    }
    placed = await ask_grpc(edges, Ask("place_hold", body, event_id=club.event, key="everything"))
    hold = await both(edges, Ask("get_hold", hold_id=placed.reply.hold.hold_id), "hold")
    table = [f"Salon/T1/{seat}" for seat in range(1, 5)]
    assert hold["units"] == ["Stalls/C/1", *table, club.slot_name(0), club.slot_name(1)]
    assert hold["areas"] == [{"area": "Lawn", "quantity": 1, "price_type": "adult"}]
    price = hold["price"]
    lines = [(line["category"], line["price_type"], line["quantity"], line["amount_minor"]) for line in price["lines"]]
    assert sorted(lines) == [
        ("Court", "adult", 1, 3000),
        ("Court", "child", 1, 2400),
        ("Lawn", "adult", 1, 1500),
        ("Stalls", "child", 1, 2000),
        ("Table", "adult", 4, 20000),
    ]
    assert {fee["name"] for fee in price["fees"]} == {"service", "order"}
    charged = sum(part["amount_minor"] for part in (*price["lines"], *price["fees"]))
    assert price["total_minor"] == charged == 28900 + 8 * 100 + 28900 // 20 + 250
    assert [(tax["name"], tax["rate_ppm"], tax["included"]) for tax in price["taxes"]] == [("VAT", 190_000, True)]
    again = await ask_http(edges, Ask("place_hold", body, event_id=club.event, key="everything"))
    assert again.reply["hold_id"] == hold["hold_id"]
    await ask_http(edges, Ask("release_hold", hold_id=hold["hold_id"], key="everything, released"))


async def test_the_best_seats_say_how_good_they_are(edges: Edges, club: Club) -> None:
    body = {
        "best": [
            {"quantity": 3, "sections": ["Stalls"], "categories": ["Stalls"], "price_types": {"child": 2}},
            {"quantity": 1, "accessible": 1},
        ],
        "channel": "presale",
        "buyer_id": "best",
    }
    placed = await ask_http(edges, Ask("place_hold", body, event_id=club.event, key="best"))
    hold = await both(edges, Ask("get_hold", hold_id=placed.reply["hold_id"]), "hold")
    assert len(hold["units"]) == 4
    assert hold["units"][3] == "Stalls/A/1"
    assert len(hold["choices"]) == 2
    assert all(choice.keys() == {"score", "orphans"} for choice in hold["choices"])
    assert hold["channel"] == "presale"
    quantities = {line["price_type"]: line["quantity"] for line in hold["price"]["lines"]}
    assert quantities == {"adult": 2, "child": 2}
    again = await ask_grpc(edges, Ask("place_hold", body, event_id=club.event, key="best"))
    assert again.reply.idempotency_replayed
    await ask_grpc(edges, Ask("release_hold", hold_id=hold["hold_id"], key="best, released"))


async def test_the_order_of_what_has_none_does_not_make_another_request(edges: Edges, club: Club) -> None:
    """Units, areas and the members of mappings may come in any order, over either protocol."""
    body = {
        "units": ["Stalls/C/9", "Stalls/C/10"],
        "price_types": {"Stalls/C/9": "child", "Stalls/C/10": "adult"},
        "areas": [{"area": "Lawn", "quantity": 1, "price_type": "child"}, {"area": "Lawn", "quantity": 1}],
        "buyer_id": "b",
    }
    turned = {
        "buyer_id": "b",
        "areas": list(reversed(body["areas"])),  # type: ignore[call-overload]
        "price_types": {"Stalls/C/10": "adult", "Stalls/C/9": "child"},
        "units": ["Stalls/C/10", "Stalls/C/9"],
    }
    first = await ask_http(edges, Ask("place_hold", body, event_id=club.event, key="turned"))
    again = await ask_grpc(edges, Ask("place_hold", turned, event_id=club.event, key="turned"))
    assert again.reply.hold.hold_id == first.reply["hold_id"]
    other = {**body, "price_types": {"Stalls/C/9": "adult", "Stalls/C/10": "child"}}
    reused = await ask_grpc(edges, Ask("place_hold", other, event_id=club.event, key="turned"))
    assert reused.code == "IDEMPOTENCY_KEY_REUSED"
    await ask_http(edges, Ask("release_hold", hold_id=first.reply["hold_id"], key="turned, released"))


async def check_tickets(edges: Edges, club: Club, asking: Any, name: str) -> None:
    """A ticket keeps its id whatever becomes of the others; a new one has an id that there never was."""
    wish = {"units": ["Stalls/C/4", "Stalls/C/5"], "areas": [{"area": "Lawn", "quantity": 1}], "buyer_id": name}
    order = await _order(edges, club, wish, f"tickets {name}", asking)
    order_id = order["order_id"]
    first, second, third = (ticket["ticket_id"] for ticket in order["tickets"])

    cancel = Ask("cancel_tickets", {"tickets": [first]}, order_id=order_id, key=f"{name}, cancel")
    left = thing(await asking(edges, cancel), "order")
    assert left["status"] == "PARTLY_CANCELLED"
    assert [ticket["ticket_id"] for ticket in left["tickets"]] == [second, third]
    assert (left["units"], left["areas"]) == (["Stalls/C/5"], order["areas"])
    assert left["price"]["total_minor"] < order["price"]["total_minor"]
    replay = await (ask_grpc if asking is ask_http else ask_http)(edges, cancel)
    assert thing(replay, "order") == left

    assign = Ask("reassign_ticket", {"buyer_id": "friend"}, ticket_id=second, key=f"{name}, reassign")
    assert thing(await asking(edges, assign), "order")["tickets"][0] == {
        "ticket_id": second,
        "unit": "Stalls/C/5",
        "code_revision": 2,
        "holder": "friend",
        "event_id": club.event,
    }

    body = {"tickets": [third, second], "units": ["Stalls/C/4", "Stalls/C/5"], "price_types": {"Stalls/C/4": "child"}}
    exchange = Ask("exchange_tickets", body, order_id=order_id, key=f"{name}, exchange")
    exchanged = thing(await asking(edges, exchange), "order")
    assert (exchanged["units"], exchanged["areas"]) == (["Stalls/C/4", "Stalls/C/5"], [])
    tickets = {ticket["ticket_id"]: ticket for ticket in exchanged["tickets"]}
    assert len(tickets) == 2
    assert not tickets.keys() & {first, second, third}
    assert all((ticket["code_revision"], ticket["holder"]) == (1, "") for ticket in tickets.values())
    turned = Ask("exchange_tickets", {**body, "tickets": [second, third]}, order_id=order_id, key=exchange.key)
    assert thing(await ask_grpc(edges, turned), "order") == exchanged, "the same tickets in another order"

    void = await asking(edges, Ask("cancel_tickets", {"tickets": [second]}, order_id=order_id, key=f"{name}, void"))
    assert void.code == "TICKET_VOID"
    rest = Ask("cancel_tickets", {"tickets": list(tickets)}, order_id=order_id, key=f"{name}, rest")
    over = thing(await asking(edges, rest), "order")
    assert (over["status"], over["tickets"]) == ("CANCELLED", [])
    assert await both(edges, Ask("get_order", order_id=order_id), "order") == over


@pytest.mark.parametrize("asking", ASKING)
async def test_tickets_are_cancelled_exchanged_and_reassigned_one_by_one(edges: Edges, club: Club, asking: Any) -> None:
    await check_tickets(edges, club, asking, asking.__name__)


@pytest.mark.parametrize(("asking", "views"), [(ask_http, order_views), (ask_grpc, replies)])
async def test_the_check_notices_tickets_that_are_counted_anew(
    edges: Edges, asking: Any, views: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control: a ticket bears the id of another that there was."""
    club = await make_club(edges, f"counted anew {asking.__name__}")
    former = ticket_id
    monkeypatch.setattr(views, "ticket_id", lambda block, order, index: former(block, order, max(index - 1, 0)))
    with pytest.raises(AssertionError):
        await check_tickets(edges, club, asking, f"anew {asking.__name__}")


@pytest.mark.parametrize(
    ("asking", "operation", "status"),
    [(ask_http, "complete_order", "COMPLETED"), (ask_grpc, "mark_no_show", "NO_SHOW")],
)
async def test_an_order_of_a_time_ends_once_that_has_begun(
    edges: Edges, club: Club, asking: Any, operation: str, status: str
) -> None:
    """Not before: then it says when to ask again."""
    soon = await make_club(edges, f"soon {operation}", soon_in_ms=1_500)
    order = await _order(edges, soon, {"slots": [span("Court 1", soon.soon_ms, 2)], "buyer_id": "b"}, operation)
    early = await asking(edges, Ask(operation, order_id=order["order_id"], key=f"{operation}, early"))
    if now_ms() < soon.soon_ms:
        assert early.code == "ORDER_NOT_DUE"
        assert early.retry_at is not None
    await asyncio.sleep(max(soon.soon_ms - now_ms(), 0) / 1000 + 0.1)
    ended = thing(await asking(edges, Ask(operation, order_id=order["order_id"], key=f"{operation}, then")), "order")
    assert (ended["status"], len(ended["tickets"])) == (status, 2)
    assert await both(edges, Ask("get_order", order_id=order["order_id"]), "order") == ended


@pytest.mark.parametrize("asking", ASKING)
async def test_what_comes_back_is_offered_to_who_waits(edges: Edges, asking: Any) -> None:
    """All that was wished for or nothing; the hold is the waiter's to order."""
    name = asking.__name__
    club = await make_club(edges, f"waiting {name}")
    held = Ask("place_hold", {"slots": [club.slot(0, 2)], "buyer_id": "first"}, event_id=club.event, key="first")
    hold = thing(await asking(edges, held), "hold")
    wish = {"slots": [club.slot(0, 3)], "buyer_id": "second"}
    joined = await asking(edges, Ask("join_waiting_list", wish, event_id=club.event, key="second"))
    waiter = thing(joined, "waiter")
    assert (waiter["status"], waiter["ahead"], waiter["event_id"]) == ("WAITING", 0, club.event)
    assert "hold_id" not in waiter
    other = {"units": ["Stalls/A/9"], "buyer_id": "third"}
    behind = thing(await asking(edges, Ask("join_waiting_list", other, event_id=club.event, key="third")), "waiter")
    assert behind["ahead"] == 1
    read = Ask("get_waiter", waiter_id=waiter["waiter_id"])
    assert await both(edges, read, "waiter") == waiter
    await asking(edges, Ask("release_hold", hold_id=hold["hold_id"], key="given back"))
    offered = await both(edges, read, "waiter")
    assert (offered["status"], offered["ahead"]) == ("OFFERED", 0)
    given = await both(edges, Ask("get_hold", hold_id=offered["hold_id"]), "hold")
    assert (given["status"], given["buyer_id"], len(given["units"])) == ("ACTIVE", "second", 3)
    gone = await asking(edges, Ask("leave_waiting_list", waiter_id=waiter["waiter_id"], key="late"))
    assert gone.code == "WAITER_GONE"
    leave = Ask("leave_waiting_list", waiter_id=behind["waiter_id"], key="enough")
    left = thing(await asking(edges, leave), "waiter")
    assert left["status"] == "LEFT"
    assert thing(await (ask_grpc if asking is ask_http else ask_http)(edges, leave), "waiter") == left


async def test_a_buyer_waits_so_often_and_no_oftener(edges: Edges) -> None:
    """The refusal names the field on both. What is set aside is waited for."""
    club = await make_club(edges, "waiting often")
    wish = {"units": ["Stalls/A/9"], "buyer_id": "eager"}
    for time in range(20):
        join = Ask("join_waiting_list", wish, event_id=club.event, key=f"time {time}")
        assert thing(await ask_http(edges, join), "waiter")["ahead"] == time
    for asking in ASKING:
        once_more = await asking(edges, Ask("join_waiting_list", wish, event_id=club.event, key="once more"))
        assert (once_more.code, once_more.fields) == (
            "BUYER_LIMIT_EXCEEDED",
            (("buyer_id", "waits 20 times already"),),
        )
