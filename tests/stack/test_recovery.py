"""Everything is killed at once, Postgres included; the next start has every fact, to the bit."""

from pathlib import Path

import pytest

from tests.stack.running_stack import RunningStack

pytestmark = pytest.mark.stack
INNER_PORT = 25000


def test_every_acknowledged_fact_survives_the_death_of_everything(tmp_path: Path) -> None:
    running = RunningStack(tmp_path, INNER_PORT)
    running.start()
    event_id, key = running.event_id, running.api_key
    with running.client() as client:
        order_ids = []
        for seat in range(1, 11):
            headers = {"Idempotency-Key": f"hold-{seat}"}
            held = client.post(
                f"/v1/events/{event_id}/holds", json={"units": [f"101/B/{seat}"]}, headers=headers
            ).json()
            headers = {"Idempotency-Key": f"order-{seat}"}
            ordered = client.post("/v1/orders", json={"hold_id": held["hold_id"]}, headers=headers).json()
            headers = {"Idempotency-Key": f"confirm-{seat}"}
            assert client.post(f"/v1/orders/{ordered['order_id']}/confirm", json={}, headers=headers).status_code == 200
            order_ids.append(ordered["order_id"])
        before = client.get(f"/v1/events/{event_id}/digest").json()
    running.kill_everything()

    running.start()
    try:
        assert (running.event_id, running.api_key) == (event_id, key)
        with running.client() as client:
            after = client.get(f"/v1/events/{event_id}/digest").json()
            assert (after["position"], after["digest"]) == (before["position"], before["digest"])
            for order_id in order_ids:
                assert client.get(f"/v1/orders/{order_id}").json()["status"] == "CONFIRMED"
            taken = client.post(
                f"/v1/events/{event_id}/holds", json={"units": ["101/B/1"]}, headers={"Idempotency-Key": "again"}
            )
            assert taken.json()["code"] == "UNITS_SOLD"
    finally:
        assert running.stop() == 0
    assert running.processes() == []
