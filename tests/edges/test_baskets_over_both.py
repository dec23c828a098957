"""Holds over several events, over both protocols: held, ordered, paid, changed, ended; a key is the same on both."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from actors.core.baskets import MAX_LEGS
from actors.core.ids import BlockId, event_id
from actors.reservations import baskets
from tests.edges.asking import Ask, ask_grpc, ask_http
from tests.edges.both import both, thing
from tests.edges.club import Club, make_club
from tests.edges.edge_stack import Edges
from tests.edges.refusal_house import LAYOUT

pytestmark = pytest.mark.anyio

ASKING = [ask_http, ask_grpc]


@pytest.fixture(scope="module")
async def gala(edges: Edges) -> str:
    """The id of an event that is on sale."""
    created = await ask_http(edges, Ask("create_event", {"name": "Gala", "layout": LAYOUT}, key="gala"))
    event = str(created.reply["event_id"])
    await ask_http(edges, Ask("open_sale", event_id=event, key="open"))
    return event


@pytest.fixture(scope="module")
async def club(edges: Edges) -> Club:
    """An event with everything in it."""
    return await make_club(edges, "club")


def basket(gala: str, row: str, club: Club, seats: tuple[int, int], **others: object) -> dict[str, object]:
    """Two seats of a row of the gala and a place of its floor, two seats and a place of the club."""
    first = {
        "event_id": gala,
        "units": [f"101/{row}/1", f"101/{row}/2"],
        "areas": [{"area": "Floor", "quantity": 1}],
    }
    second = {
        "event_id": club.event,
        "units": [f"Stalls/C/{seat}" for seat in seats],
        "price_types": {f"Stalls/C/{seats[0]}": "child"},
        "best": [{"quantity": 1, "sections": ["Stalls"]}],
    }
    return {"legs": [first, second], "buyer_id": row, **others}


async def statuses(edges: Edges, event: str, wish: Mapping[str, object]) -> str:
    """Why this cannot be held now; "" if it can, and then it is given back."""
    ask = Ask(
        "place_hold", {**wish, "buyer_id": "probe"}, event_id=event, key=f"probe {asyncio.get_running_loop().time()}"
    )
    held = await ask_http(edges, ask)
    if not held.code:
        await ask_http(edges, Ask("release_hold", hold_id=held.reply["hold_id"], key=f"{ask.key}, back"))
    return held.code


async def comes_to(edges: Edges, event: str, unit: str, code: str) -> None:
    """The unit's event learns within a moment what was decided."""
    for _ in range(100):
        if await statuses(edges, event, {"units": [unit]}) == code:
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"{unit} never came to {code or 'be available'}")


async def paid(edges: Edges, body: Mapping[str, object], name: str, asking: Any) -> Any:
    """A paid order of a basket."""
    hold = thing(await asking(edges, Ask("place_basket", body, key=f"{name}, hold")), "hold")
    order = thing(await asking(edges, Ask("place_order", {"hold_id": hold["hold_id"]}, key=f"{name}, order")), "order")
    await asking(edges, Ask("confirm_order", order_id=order["order_id"], key=f"{name}, confirm"))
    return await both(edges, Ask("get_order", order_id=order["order_id"]), "order")


@pytest.mark.parametrize("asking", ASKING)
async def test_a_basket_lives_and_ends_like_a_hold(edges: Edges, gala: str, club: Club, asking: Any) -> None:
    row, seats = ("A", (1, 2)) if asking is ask_http else ("B", (3, 4))
    ask = Ask("place_basket", basket(gala, row, club, seats, ttl_seconds=300), key=f"basket {row}")
    placed = thing(await asking(edges, ask), "hold")
    hold = await both(edges, Ask("get_hold", hold_id=placed["hold_id"]), "hold")
    assert hold | {"expires_in_seconds": 0} == placed | {"expires_in_seconds": 0}
    assert "event_id" not in hold
    assert (hold["status"], hold["units"], hold["areas"], hold["buyer_id"]) == ("ACTIVE", [], [], row)
    assert 295 <= hold["expires_in_seconds"] <= 300
    legs = {leg["event_id"]: leg for leg in hold["legs"]}
    assert legs.keys() == {gala, club.event}
    assert (legs[gala]["units"], legs[gala]["areas"]) == (
        [f"101/{row}/1", f"101/{row}/2"],
        [{"area": "Floor", "quantity": 1, "price_type": ""}],
    )
    assert legs[club.event]["units"][:2] == [f"Stalls/C/{seat}" for seat in seats]
    assert len(legs[club.event]["units"]) == 3
    assert len(hold["choices"]) == 1
    assert hold["price"]["total_minor"] == sum(leg["price"]["total_minor"] for leg in hold["legs"])
    assert legs[gala]["price"]["total_minor"] == 2 * 4500 + 2500
    assert await statuses(edges, gala, {"units": [f"101/{row}/1"]}) == "UNITS_HELD"

    longer = Ask("extend_hold", {"ttl_seconds": 900}, hold_id=hold["hold_id"], key=f"{row}, longer")
    extended = thing(await asking(edges, longer), "hold")
    assert extended["expires_at"] > hold["expires_at"]
    released = thing(await asking(edges, Ask("release_hold", hold_id=hold["hold_id"], key=f"{row}, end")), "hold")
    assert (released["status"], released["legs"]) == ("RELEASED", hold["legs"])
    for event, leg in legs.items():
        await comes_to(edges, event, leg["units"][0], "")


@pytest.mark.parametrize("asking", ASKING)
async def test_a_baskets_order_is_paid_and_cancelled(edges: Edges, gala: str, club: Club, asking: Any) -> None:
    row, seats = ("C", (5, 6)) if asking is ask_http else ("D", (7, 8))
    order = await paid(edges, basket(gala, row, club, seats), row, asking)
    assert "event_id" not in order
    assert (order["status"], order["units"], order["areas"]) == ("CONFIRMED", [], [])
    admitted: dict[str, list[str]] = {ticket["event_id"]: [] for ticket in order["tickets"]}
    for ticket in order["tickets"]:
        admitted[ticket["event_id"]].append(ticket["unit"])
    assert admitted[gala] == [f"101/{row}/1", f"101/{row}/2", "Floor"]
    assert len(admitted[club.event]) == 3
    await comes_to(edges, gala, f"101/{row}/1", "UNITS_SOLD")
    await comes_to(edges, club.event, f"Stalls/C/{seats[0]}", "UNITS_SOLD")
    cancelled = thing(await asking(edges, Ask("cancel_order", order_id=order["order_id"], key=f"{row}, no")), "order")
    assert (cancelled["status"], cancelled["tickets"], cancelled["legs"]) == ("CANCELLED", [], order["legs"])
    await comes_to(edges, gala, f"101/{row}/1", "")
    await comes_to(edges, club.event, f"Stalls/C/{seats[0]}", "")


@pytest.mark.parametrize("asking", ASKING)
async def test_tickets_of_a_basket_are_changed_one_by_one(edges: Edges, gala: str, club: Club, asking: Any) -> None:
    row = "E" if asking is ask_http else "F"
    body = basket(gala, row, club, (9, 10))
    order = await paid(edges, body, row, asking)
    order_id = order["order_id"]
    tickets = {ticket["unit"]: ticket["ticket_id"] for ticket in order["tickets"]}

    cancel = Ask("cancel_tickets", {"tickets": [tickets["Floor"]]}, order_id=order_id, key=f"{row}, cancel")
    left = thing(await asking(edges, cancel), "order")
    assert (left["status"], len(left["tickets"])) == ("PARTLY_CANCELLED", 5)
    assert left["price"]["total_minor"] == order["price"]["total_minor"] - 2500
    leg = next(leg for leg in left["legs"] if leg["event_id"] == gala)
    assert (leg["units"], leg["areas"]) == ([f"101/{row}/1", f"101/{row}/2"], [])

    first = tickets[f"101/{row}/1"]
    reassign = Ask("reassign_ticket", {"buyer_id": "friend"}, ticket_id=first, key=f"{row}, reassign")
    changed = {ticket["ticket_id"]: ticket for ticket in thing(await asking(edges, reassign), "order")["tickets"]}
    assert (changed[first]["holder"], changed[first]["code_revision"]) == ("friend", 2)

    given = {"tickets": [tickets[f"101/{row}/2"], tickets["Stalls/C/9"]]}
    exchange = Ask(
        "exchange_tickets",
        {**given, "units": [f"101/{row}/2", f"101/{row}/3"], "event_id": gala},
        order_id=order_id,
        key=f"{row}, exchange",
    )
    exchanged = thing(await asking(edges, exchange), "order")
    assert sorted(ticket["unit"] for ticket in exchanged["tickets"] if ticket["event_id"] == gala) == [
        f"101/{row}/1", f"101/{row}/2", f"101/{row}/3",
    ]  # fmt: skip
    assert not {*given["tickets"]} & {ticket["ticket_id"] for ticket in exchanged["tickets"]}
    other = ask_grpc if asking is ask_http else ask_http
    turned = {**exchange.body, "tickets": given["tickets"][::-1]}
    again = await other(edges, exchange._replace(body=turned))
    assert thing(again, "order") == exchanged, "the same tickets in another order"
    assert await both(edges, Ask("get_order", order_id=order_id), "order") == exchanged
    await comes_to(edges, club.event, "Stalls/C/9", "")
    await comes_to(edges, gala, f"101/{row}/3", "UNITS_SOLD")
    await asking(edges, Ask("cancel_order", order_id=order_id, key=f"{row}, no"))
    await comes_to(edges, club.event, "Stalls/C/10", "")


async def test_a_basket_of_one_event_alone_is_shown_like_a_hold_of_it(edges: Edges, gala: str) -> None:
    body = {"legs": [{"event_id": gala, "units": ["101/G/1"]}]}
    placed = await ask_grpc(edges, Ask("place_basket", body, key="alone"))
    hold = await both(edges, Ask("get_hold", hold_id=placed.reply.hold.hold_id), "hold")
    assert (hold["event_id"], hold["units"], hold["legs"]) == (gala, ["101/G/1"], []), "it looks like any other hold"
    assert 595 <= hold["expires_in_seconds"] <= 600
    await ask_http(edges, Ask("extend_hold", {"ttl_seconds": 0}, hold_id=hold["hold_id"], key="alone, end"))
    await comes_to(edges, gala, "101/G/1", "")


@pytest.mark.parametrize("asking", ASKING)
async def test_a_basket_is_of_eight_events_at_most(edges: Edges, asking: Any) -> None:
    events = []
    for number in range(MAX_LEGS):
        created = await ask_http(edges, Ask("create_event", {"name": "n", "layout": LAYOUT}, key=f"eight {number}"))
        events.append(str(created.reply["event_id"]))
        await ask_http(edges, Ask("open_sale", event_id=events[-1], key=f"eight {number}, open"))
    legs = [{"event_id": event, "best": [{"quantity": 1}]} for event in events]
    key = f"eight {asking.__name__}"
    placed = thing(await asking(edges, Ask("place_basket", {"legs": legs, "buyer_id": "b"}, key=key)), "hold")
    assert sorted(leg["event_id"] for leg in placed["legs"]) == sorted(events)
    more = [*legs, {"event_id": event_id(BlockId("0" * 16)), "best": [{"quantity": 1}]}]
    refused = await asking(edges, Ask("place_basket", {"legs": more, "buyer_id": "b"}, key=f"{key}, more"))
    assert (refused.code, [field for field, _ in refused.fields]) == ("INVALID_ARGUMENT", ["legs"])
    await asking(edges, Ask("release_hold", hold_id=placed["hold_id"], key=f"{key}, end"))


def turned(body: Mapping[str, Any]) -> dict[str, Any]:
    """The same in another order."""
    legs = [{**leg, "units": leg["units"][::-1]} for leg in body["legs"]]
    return {**body, "legs": legs[::-1]}


async def check_one_key(edges: Edges, gala: str, club: Club, row: str) -> None:
    """Over both protocols, and in whatever order the legs and their units stand, it is one basket."""
    body = basket(gala, row, club, (5, 6))
    first = await ask_http(edges, Ask("place_basket", body, key=f"one {row}"))
    assert first.status == 201
    for asking in ASKING:
        again = await asking(edges, Ask("place_basket", turned(body), key=f"one {row}"))
        assert thing(again, "hold") | {"expires_in_seconds": 0} == thing(first, "hold") | {"expires_in_seconds": 0}
    over_grpc = await ask_grpc(edges, Ask("place_basket", body, key=f"one {row}"))
    assert over_grpc.reply.idempotency_replayed
    await ask_http(edges, Ask("release_hold", hold_id=first.reply["hold_id"], key=f"one {row}, end"))
    await comes_to(edges, club.event, "Stalls/C/5", "")


async def test_a_key_is_the_same_key_on_both_protocols(edges: Edges, gala: str, club: Club) -> None:
    await check_one_key(edges, gala, club, "H")


async def test_the_check_notices_a_fingerprint_that_is_not_canonical(
    edges: Edges, gala: str, club: Club, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control."""
    monkeypatch.setattr(baskets, "canonical", lambda wish: wish)
    with pytest.raises(AssertionError):
        await check_one_key(edges, gala, club, "I")


async def test_a_key_that_comes_again_while_it_is_placed_has_one_answer(edges: Edges, gala: str) -> None:
    ask = Ask("place_basket", {"legs": [{"event_id": gala, "units": ["101/J/1"]}]}, key="at once")
    answers = await asyncio.gather(*(asking(edges, ask) for asking in ASKING * 5))
    assert len({thing(answer, "hold")["hold_id"] for answer in answers}) == 1


async def test_a_refusal_that_comes_to_many_at_once_is_the_same_for_all(edges: Edges, gala: str, club: Club) -> None:
    """Each under one key; nobody is told of what another's try has given back."""
    legs = [{"event_id": gala, "best": [{"quantity": 1}]}, {"event_id": club.event, "units": ["Stalls/A/9"]}]
    ask = Ask("place_basket", {"legs": legs, "buyer_id": "many"}, key="refused at once")
    answers = await asyncio.gather(*(asking(edges, ask) for asking in ASKING * 5))
    assert {answer.code for answer in answers} == {"UNITS_BLOCKED"}
    assert {answer.event_id for answer in answers} == {club.event}
