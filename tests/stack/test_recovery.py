"""Everything is killed at once, Postgres included; the next start has every fact, to the bit."""

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest

from actors.engine.group_commit import ENTRIES_PER_SNAPSHOT
from serve.replay import Replayed
from tests.stack.load import hall_on_sale, hold_and_release, written
from tests.stack.running_stack import RunningStack

pytestmark = pytest.mark.stack
INNER_PORT = 25000
ORDERS = 10


class Live(msgspec.Struct, frozen=True):
    """What the serving shard says of a block."""

    position: int
    entries_applied: int
    digest: str
    ledger_digest: str


def test_every_acknowledged_fact_survives_the_death_of_everything(tmp_path: Path) -> None:
    running = RunningStack(tmp_path, INNER_PORT)
    running.start()
    arena, key = running.event_id, running.api_key
    try:
        with running.client() as client:
            hall = hall_on_sale(client, "hall")
        sold = sell(running, arena, [{"units": [f"101/B/{seat}"]} for seat in range(1, ORDERS + 1)])
        times = ENTRIES_PER_SNAPSHOT // 2
        asyncio.run(hold_and_release(running.stack.http_url, key, hall, "Hall", times))
        sold += sell(running, hall, [{"areas": [{"area": "Hall", "quantity": 2}]}] * ORDERS)  # behind the snapshot
        before = {event_id: live(running, event_id) for event_id in (arena, hall)}
        assert before[hall].entries_applied > ENTRIES_PER_SNAPSHOT
    finally:
        running.kill_everything()

    running.start()
    try:
        assert (running.event_id, running.api_key) == (arena, key)
        check_replay(running, arena, before[arena])
        replayed = check_replay(running, hall, before[hall])
        assert replayed.from_snapshot is not None
        assert replayed.snapshot_position is not None
        assert replayed.snapshot_position < before[hall].position, "there is a tail"
        with running.client() as client:
            for order_id in sold:
                assert client.get(f"/v1/orders/{order_id}").json()["status"] == "CONFIRMED"
            again = client.post(
                f"/v1/events/{arena}/holds", json={"units": ["101/B/1"]}, headers={"Idempotency-Key": "again"}
            )
            assert again.json()["code"] == "UNITS_SOLD"
        assert live(running, hall) == before[hall], "nobody has written to it"
        for event_id in before:
            check_replay(running, event_id, live(running, event_id))
            assert running.command("audit", event_id).returncode == 0
    finally:
        assert running.stop() == 0
    assert running.processes() == []


def sell(running: RunningStack, event_id: str, wishes: list[dict[str, Any]]) -> list[str]:
    """Hold, order and confirm each; the orders' ids."""
    order_ids = []
    with running.client() as client:
        for number, wish in enumerate(wishes):
            key = f"{event_id}-{number}"
            hold_id = written(client, f"/v1/events/{event_id}/holds", wish, f"hold-{key}")["hold_id"]
            order_id = written(client, "/v1/orders", {"hold_id": hold_id}, f"order-{key}")["order_id"]
            written(client, f"/v1/orders/{order_id}/confirm", {}, f"confirm-{key}")
            order_ids.append(order_id)
    return order_ids


def live(running: RunningStack, event_id: str) -> Live:
    """What the serving shard says of the event's block, which is shown."""
    asked = running.command("digest", event_id)
    assert asked.returncode == 0, asked.stderr
    said = msgspec.json.decode(asked.stdout, type=Live)
    print(event_id, said)
    return said


def check_replay(running: RunningStack, event_id: str, was: Live) -> Replayed:
    """What the journal alone says of the block, by its rows and by its snapshot if any, is what its shard said."""
    asked = running.command("replay", event_id, "--position", str(was.position))
    assert asked.returncode == 0, asked.stderr
    replayed = msgspec.json.decode(asked.stdout, type=Replayed)
    print(event_id, replayed)
    for found in (replayed.from_first_row, replayed.from_snapshot):
        assert found is None or (found.digest, found.ledger_digest) == (was.digest, was.ledger_digest)
    return replayed
