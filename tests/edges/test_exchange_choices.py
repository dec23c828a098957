"""An exchange for the best seats says why it chose these, as a hold does; of events that are split as of others."""

from typing import Any

import pytest

from actors.core import orders
from tests.edges.asking import Ask, ask_grpc, ask_http
from tests.edges.both import both, thing
from tests.edges.edge_stack import Edges

pytestmark = pytest.mark.anyio

ASKING = [ask_http, ask_grpc]
LAYOUT = {
    "currency": "EUR",
    "categories": [{"name": "Seat", "price": 4500}],
    "sections": [
        {"name": name, "category": "Seat", "rows": [{"names": "A..B", "seats": "1..4"}]} for name in ("north", "south")
    ],
}
SPLITS: list[list[list[str]]] = [[], [["north"], ["south"]]]
BEST = {"best": [{"quantity": 3, "sections": ["north"]}]}


async def check_choices(edges: Edges, asking: Any, split: list[list[str]], name: str) -> None:
    """The order tells what a hold of the same seats was told, read or asked again too, until it has others."""
    body = {"name": name, "layout": LAYOUT} | ({"split": split} if split else {})
    event = thing(await asking(edges, Ask("create_event", body, key=name)), "event")["event_id"]
    await asking(edges, Ask("open_sale", event_id=event, key=f"{name}, open"))
    held = await asking(edges, Ask("place_hold", {"units": ["south/A/1"]}, event_id=event, key=f"{name}, hold"))
    placed = Ask("place_order", {"hold_id": thing(held, "hold")["hold_id"]}, key=f"{name}, order")
    order_id = thing(await asking(edges, placed), "order")["order_id"]
    paid = thing(await asking(edges, Ask("confirm_order", order_id=order_id, key=f"{name}, paid")), "order")
    assert paid["choices"] == []

    like = thing(await asking(edges, Ask("place_hold", BEST, event_id=event, key=f"{name}, like")), "hold")
    await asking(edges, Ask("release_hold", hold_id=like["hold_id"], key=f"{name}, released"))
    assert [choice["orphans"] for choice in like["choices"]] == [1]

    swap = {"tickets": [paid["tickets"][0]["ticket_id"]], **BEST}
    exchange = Ask("exchange_tickets", swap, order_id=order_id, key=f"{name}, exchange")
    for _ in range(100):  # until the seats are back where they were held
        exchanged = await asking(edges, exchange)
        if exchanged.code != "NOT_ENOUGH_AVAILABLE":
            break
    order = thing(exchanged, "order")
    assert (order["units"], order["choices"]) == (like["units"], like["choices"])
    assert await both(edges, Ask("get_order", order_id=order_id), "order") == order
    for again in ASKING:
        assert thing(await again(edges, exchange), "order") == order, "a replay"

    tickets = [ticket["ticket_id"] for ticket in order["tickets"]]
    named = {"tickets": tickets[:1], "units": ["south/B/1"]}
    renamed = Ask("exchange_tickets", named, order_id=order_id, key=f"{name}, named")
    assert thing(await asking(edges, renamed), "order")["choices"] == []


@pytest.mark.parametrize("asking", ASKING)
@pytest.mark.parametrize("split", SPLITS)
async def test_an_exchange_says_why_it_chose(edges: Edges, asking: Any, split: list[list[str]]) -> None:
    await check_choices(edges, asking, split, f"choices {len(split)} {asking.__name__}")


@pytest.mark.parametrize("asking", ASKING)
@pytest.mark.parametrize("split", SPLITS)
async def test_the_check_notices_choices_that_are_not_told(
    edges: Edges, asking: Any, split: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control: the order says nothing of them."""
    monkeypatch.setattr(orders, "order_choices", lambda *order: ())
    with pytest.raises(AssertionError):
        await check_choices(edges, asking, split, f"untold {len(split)} {asking.__name__}")
