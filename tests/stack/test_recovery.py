"""Everything is killed at once, Postgres included; the next start has every fact, to the bit."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.stack.running_stack import RunningStack

pytestmark = pytest.mark.stack
INNER_PORT = 25000
ORDERS = 10


def test_every_acknowledged_fact_survives_the_death_of_everything(tmp_path: Path) -> None:
    running = RunningStack(tmp_path, INNER_PORT)
    running.start()
    event_id, key = running.event_id, running.api_key
    with running.client() as client:
        order_ids = [sold_order(client, event_id, seat) for seat in range(1, ORDERS + 1)]
        as_operator = {"Authorization": f"Bearer {running.operator_key}"}
        before = client.get(f"/v1/events/{event_id}/digest", headers=as_operator).json()
    running.kill_everything()

    running.start()
    try:
        assert (running.event_id, running.api_key) == (event_id, key)
        replayed = replay(running, event_id, before["position"])
        assert replayed["from_first_row"]["digest"] == before["digest"]
        assert replayed["from_snapshot"]["digest"] == before["digest"]
        with running.client() as client:
            for order_id in order_ids:
                assert client.get(f"/v1/orders/{order_id}").json()["status"] == "CONFIRMED"
            again = client.post(
                f"/v1/events/{event_id}/holds", json={"units": ["101/B/1"]}, headers={"Idempotency-Key": "again"}
            )
            assert again.json()["code"] == "UNITS_SOLD"
        assert running.command("audit", event_id).returncode == 0
    finally:
        assert running.stop() == 0
    assert running.processes() == []


def sold_order(client: httpx.Client, event_id: str, seat: int) -> str:
    """Hold, order and confirm one seat; the order's id."""

    def write(path: str, body: object, key: str) -> Any:
        answer = client.post(path, json=body, headers={"Idempotency-Key": f"{key}-{seat}"})
        assert answer.is_success, answer.text
        return answer.json()

    hold = write(f"/v1/events/{event_id}/holds", {"units": [f"101/B/{seat}"]}, "hold")
    order_id: str = write("/v1/orders", {"hold_id": hold["hold_id"]}, "order")["order_id"]
    write(f"/v1/orders/{order_id}/confirm", {}, "confirm")
    return order_id


def replay(running: RunningStack, event_id: str, position: int) -> Any:
    """What the journal alone says of the event as of a position."""
    replayed = running.command("replay", event_id, "--position", str(position))
    assert replayed.returncode == 0, replayed.stderr
    return json.loads(replayed.stdout)
