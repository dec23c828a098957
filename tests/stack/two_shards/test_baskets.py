"""A basket over two events on different shards, over HTTP: held, ordered, paid, and in the end cancelled."""

import re
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.stack.load import written
from tests.stack.running_stack import RunningStack

pytestmark = pytest.mark.stack

HALL = {
    "currency": "EUR",
    "categories": [{"name": "A", "price": 100}],
    "sections": [{"name": "Stalls", "category": "A", "rows": [{"name": "1", "seats": "1..20"}]}],
}
SEATS = ["Stalls/1/1", "Stalls/1/2"]
PATIENCE_S = 30.0
MAX_EVENTS = 40


def hall_on_sale(client: httpx.Client, name: str) -> str:
    """A new event with a row of seats; its id."""
    event_id: str = written(client, "/v1/events", {"name": name, "layout": HALL}, f"create {name}")["event_id"]
    written(client, f"/v1/events/{event_id}/open-sale", {}, f"open {name}")
    return event_id


def shard_of(running: RunningStack, event_id: str) -> str:
    ran = running.command("shards", "list", "--blocks")
    assert ran.returncode == 0, ran.stderr
    found = re.search(rf"^{event_id} .*?(shard-\d+)", ran.stdout, re.MULTILINE)
    assert found is not None, ran.stdout
    return found[1]


def on_two_shards(running: RunningStack, client: httpx.Client) -> tuple[str, str]:
    """Two events that different shards have."""
    first = hall_on_sale(client, "basket 0")
    shard = shard_of(running, first)
    for number in range(1, MAX_EVENTS):
        other = hall_on_sale(client, f"basket {number}")
        if shard_of(running, other) != shard:
            return first, other
    raise AssertionError(f"{MAX_EVENTS} events are all on {shard}")


def statuses(client: httpx.Client, event_id: str) -> set[str]:
    """How the basket's seats stand, as storefronts see them."""
    shown = client.get(f"/v1/events/{event_id}/units", params={"section": "Stalls"})
    units = shown.json().get("units", ())  # there are none for a moment after the event was created
    return {unit["status"] for unit in units if unit["unit"] in SEATS}


def comes_true(claim: Callable[[], bool], what: str) -> None:
    deadline_s = time.monotonic() + PATIENCE_S
    while not claim():
        assert time.monotonic() < deadline_s, f"it never came true that {what}"
        time.sleep(0.1)


def test_a_basket_over_two_shards_is_sold_and_comes_back(running: RunningStack) -> None:
    with running.client() as client:
        events = on_two_shards(running, client)

        def all_become(status: str) -> None:
            comes_true(lambda: all(statuses(client, event) == {status} for event in events), f"all are {status}")

        all_become("AVAILABLE")
        legs: list[dict[str, Any]] = [{"event_id": event, "units": SEATS} for event in events]
        hold = written(client, "/v1/holds", {"legs": legs}, "basket")
        assert {leg["event_id"] for leg in hold["legs"]} == set(events)
        assert hold["price"]["total_minor"] == 400
        all_become("HELD")
        assert written(client, "/v1/holds", {"legs": legs}, "basket")["hold_id"] == hold["hold_id"]
        refused = client.post("/v1/holds", json={"legs": legs}, headers={"Idempotency-Key": "another"})
        assert (refused.status_code, refused.json()["code"]) == (409, "UNITS_HELD")
        assert refused.json()["event_id"] in events

        order = written(client, "/v1/orders", {"hold_id": hold["hold_id"]}, "basket, order")
        path = f"/v1/orders/{order['order_id']}"
        paid = written(client, f"{path}/confirm", {}, "basket, confirm")
        assert sorted((ticket["event_id"], ticket["unit"]) for ticket in paid["tickets"]) == sorted(
            (event, seat) for event in events for seat in SEATS
        )
        all_become("SOLD")
        assert written(client, f"{path}/cancel", {}, "basket, cancel")["status"] == "CANCELLED"
        all_become("AVAILABLE")
        assert client.get(path).json()["status"] == "CANCELLED"
