"""Holds and orders of an event that is split are listed as those of any other."""

from typing import Any

import pytest

from actors.core.state import BlockState
from actors.journal.journal import GENESIS
from actors.projections import listing
from tests.edges.asking import Ask, ask_grpc, ask_http
from tests.edges.both import both, plain_of, thing
from tests.edges.edge_stack import Edges
from tests.edges.split_followed import ASKING, House, read
from tests.edges.split_house import Pair, like

pytestmark = pytest.mark.anyio

LISTS = {"list_holds": "holds", "list_orders": "orders"}


async def check_orders_and_holds(edges: Edges, pair: Pair) -> None:
    """Lists of holds and orders of both, under every filter, in pages of any size, over either protocol."""
    filters: list[tuple[str, dict[str, Any], dict[str, Any], int]] = [
        ("list_holds", {}, {}, 4),
        ("list_holds", {"buyer_id": "bo-A"}, {"buyer_id": "bo-A"}, 2),
        ("list_holds", {"status": "RELEASED", "buyer_id": "ana-A"}, {"status": 3, "buyer_id": "ana-A"}, 1),
        ("list_holds", {"buyer_id": "nobody"}, {"buyer_id": "nobody"}, 0),
        ("list_orders", {}, {}, 2),
        ("list_orders", {"status": "PARTLY_CANCELLED"}, {"status": 5}, 1),
        ("list_orders", {"status": "PENDING", "buyer_id": "bo-A"}, {"status": 1, "buyer_id": "bo-A"}, 1),
        ("list_orders", {"status": "PENDING", "buyer_id": "ana-A"}, {"status": 1, "buyer_id": "ana-A"}, 0),
    ]
    for operation, over_http, over_grpc, count in filters:
        for limit in (50, 1):
            lists = [
                [await listed(edges, asking, operation, event, limit, asked) for event in pair]
                for asking, asked in ((ask_http, over_http), (ask_grpc, over_grpc))
            ]
            assert lists[0][0] == lists[1][0], "over both protocols"
            assert lists[0][1] == lists[1][1], "over both protocols"
            split, plain = lists[0]
            assert len(split) == count, (operation, over_http)
            assert [like(one) for one in split] == [like(one) for one in plain]
            assert {one["event_id"] for one in split} <= {pair.split}


async def listed(
    edges: Edges, asking: Any, operation: str, event: str, limit: int, asked: dict[str, Any]
) -> list[dict[str, Any]]:
    """The whole list, but for those who only tried whether a seat can be had."""
    found: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        answered = await asking(edges, Ask(operation, asked | {"limit": limit} | cursor, event_id=event))
        page = thing(answered, "")
        shown = plain_of(page[LISTS[operation]], f"{LISTS[operation].upper()[:-1]}_STATUS_")
        found += [one | {"expires_in_seconds": 0} for one in shown if one["buyer_id"].endswith("-A")]
        if not page.get("next_cursor"):
            return found
        cursor = {"cursor": page["next_cursor"]}


async def test_its_holds_and_orders_are_listed_alike(house: House) -> None:
    await check_orders_and_holds(house.edges, house.pair)


async def test_the_check_notices_baskets_that_are_not_listed(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control: those of an event of which only a part is."""

    def those_at_home(state: BlockState, hold: Any) -> set[str]:
        basket = state.desk.baskets.get(hold.number)
        return set() if basket is None else {held.block for held in basket.held if not held.home}

    monkeypatch.setattr(listing, "_events_of", those_at_home)
    await house.world.connection.execute("delete from listed_baskets")
    await house.world.connection.execute("update projection_positions set position = 0, chain = $1", GENESIS)
    await house.follow()
    with pytest.raises(AssertionError):
        await check_orders_and_holds(house.edges, house.pair)
    monkeypatch.undo()
    await house.world.connection.execute("update projection_positions set position = 0, chain = $1", GENESIS)
    await house.follow()
    await check_orders_and_holds(house.edges, house.pair)


async def check_a_basket_of_both(house: House) -> None:
    """What is held of both events at once is in the lists of either, as it is when it is read by itself."""
    buyer, event_ids = f"both-{house.key()}", list(house.pair)
    unit = f"west/C/{next(house.seats)}"
    legs = [{"event_id": event, "units": [unit]} for event in event_ids]
    hold = await house.ask("place_basket", {"legs": legs, "buyer_id": buyer})
    order = await house.ask("place_order", {"hold_id": hold["hold_id"]})
    await house.settle()
    for asking in ASKING:
        for event in event_ids:
            for operation, kind, known in (("list_holds", "hold", hold), ("list_orders", "order", order)):
                page = await read(house.edges, asking, operation, event, buyer_id=buyer)
                listed_of_buyer = plain_of(page[f"{kind}s"], f"{kind.upper()}_STATUS_")
                assert len(listed_of_buyer) == 1
                found = listed_of_buyer[0]
                assert found[f"{kind}_id"] == known[f"{kind}_id"]
                assert {leg["event_id"]: leg["units"] for leg in found["legs"]} == {
                    event: [unit] for event in event_ids
                }
                assert not found.get("event_id")
                one = await both(house.edges, Ask(f"get_{kind}", **{f"{kind}_id": known[f"{kind}_id"]}), kind)
                assert like(found) == like(one)


async def test_a_basket_of_two_events_is_in_the_lists_of_both(house: House) -> None:
    await check_a_basket_of_both(house)


async def test_the_check_notices_a_basket_that_is_listed_once(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control."""
    honest = listing._events_of
    monkeypatch.setattr(listing, "_events_of", lambda state, hold: set(sorted(honest(state, hold))[:1]))
    with pytest.raises(AssertionError):
        await check_a_basket_of_both(house)
