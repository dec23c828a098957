"""Lists of an event's holds and orders over both protocols: the same holds and orders as are read one by one."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict

from actors.core.commands import ConfirmOrder, PlaceOrder
from actors.core.ids import Kind, event_id, outside_id
from actors.projections.listing import ListingProjection
from tests.edges.asking import Answered, Ask, ask_grpc, ask_http
from tests.edges.both import plain_of
from tests.edges.edge_stack import Edges
from tests.edges.refusal_house import LAYOUT
from tests.projections.selling import SEATS, SellingEvent, World, follow_all, selling

pytestmark = pytest.mark.anyio

LISTS = {"list_holds": "holds", "list_orders": "orders"}


@pytest.fixture(scope="module")
async def world(edges: Edges, database_url: str) -> AsyncIterator[World]:
    async with selling(database_url) as world:
        yield world


@pytest.fixture(scope="module")
async def gala(world: World) -> SellingEvent:
    """Five holds; of the first two orders, of which one is confirmed."""
    event = await world.event("alpha", "Gala")
    await event.sell(*(event.hold(seat, places=number) for number, seat in enumerate(SEATS[:5])))
    first, second, *_ = event.state.holds
    await event.sell(PlaceOrder(event.stamp(), first, 101), PlaceOrder(event.stamp(), second, 102))
    await event.sell(ConfirmOrder(event.stamp(), 101))
    await follow_all(world.projector(ListingProjection()))
    return event


def listed(answered: Answered, operation: str) -> tuple[list[Any], str]:
    """The page in the form of HTTP's JSON, and the next cursor."""
    assert not answered.code, answered
    name = LISTS[operation]
    if answered.protocol == "http":
        return [plain_of(one, "") for one in answered.reply[name]], answered.reply["next_cursor"] or ""
    shown = MessageToDict(answered.reply, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)
    return [plain_of(one, f"{name.upper()[:-1]}_STATUS_") for one in shown[name]], shown["next_cursor"]


def plain(one: dict[str, Any]) -> dict[str, Any]:
    """Without the time that passes, and with protobuf's whole seconds."""
    times = {name: value.replace(".000Z", "Z") for name, value in one.items() if name.endswith(("_at", "_by"))}
    return one | times | {"expires_in_seconds": 0}


@pytest.mark.parametrize("operation", LISTS)
async def test_a_list_is_the_same_over_both_whatever_the_pages(
    edges: Edges, gala: SellingEvent, operation: str
) -> None:
    expected = {"list_holds": 5, "list_orders": 2}[operation]
    lists = []
    for asking, limit in ((ask_http, 50), (ask_grpc, 50), (ask_http, 2), (ask_grpc, 1)):
        found, cursor = [], ""
        for _ in range(expected + 1):
            body = {"limit": limit} | ({"cursor": cursor} if cursor else {})
            page, cursor = listed(await asking(edges, Ask(operation, body, event_id=event_id(gala.block))), operation)
            found += [plain(one) for one in page]
            if not cursor:
                break
        lists.append(found)
    assert len(lists[0]) == expected
    assert all(one == lists[0] for one in lists[1:])


async def test_what_is_listed_is_what_it_is(edges: Edges, gala: SellingEvent) -> None:
    event = event_id(gala.block)
    reply = (await ask_http(edges, Ask("list_orders", event_id=event))).reply
    assert (reply["event_id"], reply["sequence"]) == (event, len(gala.rows))
    assert 0 <= reply["age_ms"] < 60_000
    orders = {order["order_id"]: order for order in reply["orders"]}
    confirmed = orders[outside_id(Kind.ORDER, gala.block, 101)]
    assert (confirmed["status"], confirmed["units"], len(confirmed["tickets"])) == ("CONFIRMED", [SEATS[0]], 1)
    holds = (await ask_http(edges, Ask("list_holds", event_id=event))).reply["holds"]
    assert [hold["units"] for hold in holds if hold["order_id"] == confirmed["order_id"]] == [[SEATS[0]]]
    assert {hold["buyer_id"] for hold in holds} == {"ana"}


@pytest.mark.parametrize(
    ("operation", "filters", "numbers", "count"),
    [
        ("list_holds", {"status": "ACTIVE"}, {"status": 1}, 3),
        ("list_holds", {"status": "CONFIRMED", "buyer_id": "ana"}, {"status": 2, "buyer_id": "ana"}, 2),
        ("list_holds", {"status": "EXPIRED"}, {"status": 4}, 0),
        ("list_holds", {"buyer_id": "nobody"}, {"buyer_id": "nobody"}, 0),
        ("list_orders", {"status": "PENDING"}, {"status": 1}, 1),
        ("list_orders", {"status": "CONFIRMED"}, {"status": 2}, 1),
        ("list_orders", {"buyer_id": "nobody"}, {"buyer_id": "nobody"}, 0),
    ],
)
async def test_filters_are_the_same_over_both(
    edges: Edges, gala: SellingEvent, operation: str, filters: dict[str, Any], numbers: dict[str, Any], count: int
) -> None:
    event = event_id(gala.block)
    over_http, _ = listed(await ask_http(edges, Ask(operation, filters, event_id=event)), operation)
    over_grpc, _ = listed(await ask_grpc(edges, Ask(operation, numbers, event_id=event)), operation)
    assert [plain(one) for one in over_http] == [plain(one) for one in over_grpc]
    assert len(over_http) == count


@pytest.mark.parametrize("operation", LISTS)
async def test_a_status_that_there_is_not_and_a_foreign_cursor_are_refused(
    edges: Edges, gala: SellingEvent, operation: str
) -> None:
    event = event_id(gala.block)
    for asking, unknown in ((ask_http, "SOLD"), (ask_grpc, 99)):
        refused = await asking(edges, Ask(operation, {"status": unknown}, event_id=event))
        assert (refused.code, refused.fields[0][0]) == ("INVALID_ARGUMENT", "status")
    _, cursor = listed(await ask_http(edges, Ask("list_holds", {"limit": 1}, event_id=event)), "list_holds")
    for asking in (ask_http, ask_grpc):
        refused = await asking(edges, Ask("list_orders", {"cursor": cursor}, event_id=event))
        assert (refused.code, refused.fields[0][0]) == ("INVALID_ARGUMENT", "cursor")


@pytest.mark.parametrize("operation", LISTS)
async def test_an_event_that_is_not_followed_yet_is_not_unknown(edges: Edges, operation: str) -> None:
    created = await ask_http(edges, Ask("create_event", {"name": "New", "layout": LAYOUT}, key="new"))
    for asking in (ask_http, ask_grpc):
        answered = await asking(edges, Ask(operation, event_id=created.reply["event_id"]))
        assert (answered.code, answered.wait_s) == ("UNAVAILABLE", 1)
