"""The way of an order over both protocols: what one protocol does the other shows, and a key is the same on both."""

import asyncio
from typing import Any

import pytest

from tests.edges.asking import Ask, ask_grpc, ask_http
from tests.edges.both import both, thing
from tests.edges.edge_stack import Edges
from tests.edges.refusal_house import LAYOUT

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
async def event(edges: Edges) -> str:
    """The id of an event that is on sale."""
    created = await ask_http(edges, Ask("create_event", {"name": "An event", "layout": LAYOUT}, key="event"))
    assert created.status == 201
    assert created.reply["status"] == "DRAFT"
    opened = await ask_grpc(edges, Ask("open_sale", event_id=created.reply["event_id"], key="open"))
    assert not opened.reply.idempotency_replayed
    return str(opened.reply.event.event_id)


async def test_a_hold_becomes_an_order_and_tickets_onboth(edges: Edges, event: str) -> None:
    body = {
        "units": ["101/A/1", "101/A/2"],
        "areas": [{"area": "Floor", "quantity": 2}],
        "ttl_seconds": 300,
        "buyer_id": "buyer-7",
    }
    placed = await ask_grpc(edges, Ask("place_hold", body, event_id=event, key="hold"))
    hold = await both(edges, Ask("get_hold", hold_id=placed.reply.hold.hold_id), "hold")
    assert (hold["status"], hold["event_id"], hold["buyer_id"]) == ("ACTIVE", event, "buyer-7")
    assert hold["units"] == ["101/A/1", "101/A/2"]
    assert 295 <= hold["expires_in_seconds"] <= 300
    assert hold["price"] == {
        "currency": "EUR",
        "lines": [
            {"category": "Seat", "quantity": 2, "unit_price_minor": 4500, "amount_minor": 9000, "price_type": ""},
            {"category": "Floor", "quantity": 2, "unit_price_minor": 2500, "amount_minor": 5000, "price_type": ""},
        ],
        "total_minor": 14000,
        "fees": [],
        "taxes": [],
    }
    ordered = await ask_http(edges, Ask("place_order", {"hold_id": hold["hold_id"]}, key="order"))
    assert ordered.status == 201
    order = await both(edges, Ask("get_order", order_id=ordered.reply["order_id"]), "order")
    assert (order["status"], order["tickets"], order["pay_by"]) == ("PENDING", [], hold["expires_at"])
    confirmed = await ask_grpc(edges, Ask("confirm_order", order_id=order["order_id"], key="confirm"))
    order = await both(edges, Ask("get_order", order_id=order["order_id"]), "order")
    assert order == thing(confirmed, "order")
    assert [ticket["unit"] for ticket in order["tickets"]] == ["101/A/1", "101/A/2", "Floor", "Floor"]
    assert len({ticket["ticket_id"] for ticket in order["tickets"]}) == 4
    hold = await both(edges, Ask("get_hold", hold_id=hold["hold_id"]), "hold")
    assert (hold["status"], hold["order_id"]) == ("CONFIRMED", order["order_id"])


async def test_an_event_is_shown_alike(edges: Edges, event: str) -> None:
    shown = await both(edges, Ask("get_event", event_id=event), "event")
    assert (shown["status"], shown["capacity"], shown["hold_ttl_seconds"]) == ("ON_SALE", 605, 600)
    assert shown["sections"] == [{"section": "101", "capacity": 600}]


async def test_a_key_is_the_same_key_on_both_protocols(edges: Edges, event: str) -> None:
    ask = Ask("place_hold", {"units": ["101/C/1"], "buyer_id": "b"}, event_id=event, key="across")
    first, again = await ask_http(edges, ask), await ask_grpc(edges, ask)
    assert again.reply.idempotency_replayed
    assert again.reply.hold.hold_id == first.reply["hold_id"]


async def test_one_of_many_wins_whatever_the_protocol(edges: Edges, event: str) -> None:
    """Twenty buyers, half over each, ask for one seat at once: one hold, nineteen refusals with one code."""
    asks = [Ask("place_hold", {"units": ["101/D/1"]}, event_id=event, key=f"rush {number}") for number in range(20)]
    answers = await asyncio.gather(
        *(ask_http(edges, ask) for ask in asks[:10]), *(ask_grpc(edges, ask) for ask in asks[10:])
    )
    assert sorted(answer.code for answer in answers) == ["", *["UNITS_HELD"] * 19]


@pytest.mark.parametrize("asking", [ask_http, ask_grpc])
async def test_extending_by_nothing_releases(edges: Edges, event: str, asking: Any) -> None:
    ask = Ask("place_hold", {"units": ["101/E/1"]}, event_id=event, key=f"release {asking.__name__}")
    hold = thing(await asking(edges, ask), "hold")
    longer = thing(
        await asking(
            edges, Ask("extend_hold", {"ttl_seconds": 1_200}, hold_id=hold["hold_id"], key=f"{ask.key}, longer")
        ),
        "hold",
    )
    assert longer["expires_at"] > hold["expires_at"]
    ended = thing(
        await asking(edges, Ask("extend_hold", {"ttl_seconds": 0}, hold_id=hold["hold_id"], key=f"{ask.key}, end")),
        "hold",
    )
    assert (ended["status"], ended["expires_in_seconds"]) == ("RELEASED", 0)


@pytest.mark.parametrize("asking", [ask_http, ask_grpc])
async def test_a_hold_that_was_ordered_does_not_run_out(edges: Edges, event: str, asking: Any) -> None:
    ask = Ask("place_hold", {"units": ["101/F/1"]}, event_id=event, key=f"ordered {asking.__name__}")
    hold = thing(await asking(edges, ask), "hold")
    order = thing(
        await asking(edges, Ask("place_order", {"hold_id": hold["hold_id"]}, key=f"{ask.key}, order")), "order"
    )
    confirmed = thing(await asking(edges, Ask("get_hold", hold_id=hold["hold_id"])), "hold")
    assert (confirmed["status"], confirmed["expires_in_seconds"]) == ("CONFIRMED", 0)
    assert confirmed["expires_at"] == order["pay_by"]
    await asking(edges, Ask("cancel_order", order_id=order["order_id"], key=f"{ask.key}, cancel"))
    after = thing(await asking(edges, Ask("get_hold", hold_id=hold["hold_id"])), "hold")
    assert after["status"] == "CONFIRMED", "what became of the order is the order's to say"
