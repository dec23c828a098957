"""The way of an order over both protocols: what one protocol does the other shows, and a key is the same on both."""

import asyncio
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict

from tests.edges.asking import Answered, Ask, ask_grpc, ask_http
from tests.edges.edge_stack import Edges
from tests.edges.refusal_cases import LAYOUT

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


def _thing(answered: Answered, name: str) -> Any:
    """What was answered, in the form of HTTP's JSON."""
    if answered.protocol == "http":
        return answered.reply
    message = getattr(answered.reply, name)
    shown = MessageToDict(message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)
    return _plain(shown, prefix=f"{name.upper()}_STATUS_")


def _plain(value: Any, prefix: str) -> Any:
    """Protobuf's JSON as ours: 64-bit numbers as numbers, enums by their bare names, no empty id."""
    if isinstance(value, dict):
        plain = {name: _plain(field, prefix) for name, field in value.items()}
        return {
            name: (None if name == "order_id" and field == "" else int(field) if _is_number(name, field) else field)
            for name, field in plain.items()
        }
    if isinstance(value, list):
        return [_plain(element, prefix) for element in value]
    return value.removeprefix(prefix) if isinstance(value, str) else value


def _is_number(name: str, field: Any) -> bool:
    return isinstance(field, str) and (name.endswith("_minor") or name in ("capacity", "expires_in_seconds"))


async def _both(edges: Edges, ask: Ask, name: str) -> Any:
    """What both protocols show, which must be the same but for the time that passes."""
    over_http, over_grpc = _thing(await ask_http(edges, ask), name), _thing(await ask_grpc(edges, ask), name)
    passing = {"expires_in_seconds": 0} if name == "hold" else {}
    assert over_http | passing == over_grpc | passing
    return over_http


async def test_a_hold_becomes_an_order_and_tickets_on_both(edges: Edges, event: str) -> None:
    body = {
        "units": ["101/A/1", "101/A/2"],
        "areas": [{"area": "Floor", "quantity": 2}],
        "ttl_seconds": 300,
        "buyer_id": "buyer-7",
    }
    placed = await ask_grpc(edges, Ask("place_hold", body, event_id=event, key="hold"))
    hold = await _both(edges, Ask("get_hold", hold_id=placed.reply.hold.hold_id), "hold")
    assert (hold["status"], hold["event_id"], hold["buyer_id"]) == ("ACTIVE", event, "buyer-7")
    assert hold["units"] == ["101/A/1", "101/A/2"]
    assert 295 <= hold["expires_in_seconds"] <= 300
    assert hold["price"] == {
        "currency": "EUR",
        "lines": [
            {"category": "Seat", "quantity": 2, "unit_price_minor": 4500, "amount_minor": 9000},
            {"category": "Floor", "quantity": 2, "unit_price_minor": 2500, "amount_minor": 5000},
        ],
        "total_minor": 14000,
    }
    ordered = await ask_http(edges, Ask("place_order", {"hold_id": hold["hold_id"]}, key="order"))
    assert ordered.status == 201
    order = await _both(edges, Ask("get_order", order_id=ordered.reply["order_id"]), "order")
    assert (order["status"], order["tickets"], order["pay_by"]) == ("PENDING", [], hold["expires_at"])
    confirmed = await ask_grpc(edges, Ask("confirm_order", order_id=order["order_id"], key="confirm"))
    order = await _both(edges, Ask("get_order", order_id=order["order_id"]), "order")
    assert order == _thing(confirmed, "order")
    assert [ticket["unit"] for ticket in order["tickets"]] == ["101/A/1", "101/A/2", "Floor", "Floor"]
    assert len({ticket["ticket_id"] for ticket in order["tickets"]}) == 4
    hold = await _both(edges, Ask("get_hold", hold_id=hold["hold_id"]), "hold")
    assert (hold["status"], hold["order_id"]) == ("CONFIRMED", order["order_id"])


async def test_an_event_is_shown_alike(edges: Edges, event: str) -> None:
    shown = await _both(edges, Ask("get_event", event_id=event), "event")
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
    hold = _thing(await asking(edges, ask), "hold")
    longer = _thing(
        await asking(
            edges, Ask("extend_hold", {"ttl_seconds": 1_200}, hold_id=hold["hold_id"], key=f"{ask.key}, longer")
        ),
        "hold",
    )
    assert longer["expires_at"] > hold["expires_at"]
    ended = _thing(
        await asking(edges, Ask("extend_hold", {"ttl_seconds": 0}, hold_id=hold["hold_id"], key=f"{ask.key}, end")),
        "hold",
    )
    assert (ended["status"], ended["expires_in_seconds"]) == ("RELEASED", 0)


@pytest.mark.parametrize("asking", [ask_http, ask_grpc])
async def test_a_hold_that_was_ordered_does_not_run_out(edges: Edges, event: str, asking: Any) -> None:
    ask = Ask("place_hold", {"units": ["101/F/1"]}, event_id=event, key=f"ordered {asking.__name__}")
    hold = _thing(await asking(edges, ask), "hold")
    order = _thing(
        await asking(edges, Ask("place_order", {"hold_id": hold["hold_id"]}, key=f"{ask.key}, order")), "order"
    )
    confirmed = _thing(await asking(edges, Ask("get_hold", hold_id=hold["hold_id"])), "hold")
    assert (confirmed["status"], confirmed["expires_in_seconds"]) == ("CONFIRMED", 0)
    assert confirmed["expires_at"] == order["pay_by"]
    await asking(edges, Ask("cancel_order", order_id=order["order_id"], key=f"{ask.key}, cancel"))
    after = _thing(await asking(edges, Ask("get_hold", hold_id=hold["hold_id"])), "hold")
    assert after["status"] == "CONFIRMED", "what became of the order is the order's to say"
