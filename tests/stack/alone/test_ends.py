"""How a stack ends: told to stop, it answers what it has taken; killed, Postgres included, it has every fact when it is
started again, to the bit.
"""

import asyncio
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import asyncpg
import msgspec
import pytest

from actors.audit.audit import JournalAudit
from actors.audit.replies import Told, by_block
from actors.core.entries import HoldPlaced
from actors.journal.codec import decode_entries
from loadtests.server import block_of
from serve.local.processes import named
from serve.replay import Replayed
from tests.chaos.within import Within
from tests.stack.journal_alone import journal_alone
from tests.stack.load import Load, hall_on_sale, hold_and_release, written
from tests.stack.running_stack import RunningStack, kill, send
from tests.stack.two_shards.test_growth import listed, names, resized

pytestmark = pytest.mark.stack
INNER_PORT = 25000
ORDERS = 10
ENTRIES_PER_SNAPSHOT = 1_000  # ten times as many take the machine half a minute
SELLING_S = 2.0


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """A stack that these tests start, if it does not run, and end as they like."""
    within = Within(tmp_path_factory.mktemp("within"))
    within.snapshot_after(ENTRIES_PER_SNAPSHOT)
    running = RunningStack(tmp_path_factory.mktemp("ends"), INNER_PORT)
    running.environ = within.environ(running.environ)
    yield running
    if running.is_up:
        running.kill_everything()
    assert running.processes() == []


async def held(url: str, event_id: str) -> int:
    """How many holds were ever placed, by the journal."""
    connection = await asyncpg.connect(url)
    try:
        rows = await connection.fetch("select entries from journal where block_id = $1", block_of(event_id))
    finally:
        await connection.close()
    return sum(isinstance(entry, HoldPlaced) for row in rows for entry in decode_entries(row["entries"]))


async def unanswered_holds(running: RunningStack, stop: Callable[[], object], *, releases: bool = True) -> int:
    """Stop everything under load: how many holds the journal has of which no buyer was told. It has all the others."""
    if not running.is_up:
        await asyncio.to_thread(running.start)
    with running.client() as client:
        event_id = hall_on_sale(client, f"the last {stop.__name__}")
    load = Load(
        running.stack.http_url, running.api_key, event_id, "Hall", pause_s=0.01, timeout_s=5.0, releases=releases
    )
    async with load:
        await asyncio.sleep(SELLING_S)
        await asyncio.to_thread(stop)
    print("stopped", Counter(load.statuses))
    told_count = sum(reply.told is Told.HELD for reply in load.told)
    assert told_count > 0
    with journal_alone(running.folder.root) as url:
        audit = JournalAudit(url, by_block(load.told), {})
        assert [str(finding) async for finding in audit.run([block_of(event_id)])] == []
        return await held(url, event_id) - told_count


class Live(msgspec.Struct, frozen=True):
    """What the serving shard says of a block."""

    position: int
    entries_applied: int
    digest: str
    ledger_digest: str


class Killed(NamedTuple):
    """A stack that was killed while it sold, its Postgres included.

    `before`: what its shards had said of two events. `sold`: orders of those. `unanswered`: see `unanswered_holds`.
    """

    arena: str
    hall: str
    key: str
    before: dict[str, Live]
    sold: list[str]
    unanswered: int


@pytest.fixture(scope="module")
def killed(running: RunningStack) -> Killed:
    """It had two shards, more than it is started with."""
    running.start()
    resized(running, 2)
    arena, key = running.event_id, running.api_key
    with running.client() as client:
        hall = hall_on_sale(client, "hall")
    sold = sell(running, arena, [{"units": [f"101/B/{seat}"]} for seat in range(1, ORDERS + 1)])
    times = ENTRIES_PER_SNAPSHOT // 2
    asyncio.run(hold_and_release(running.stack.http_url, key, hall, "Hall", times))
    sold += sell(running, hall, [{"areas": [{"area": "Hall", "quantity": 2}]}] * ORDERS)  # behind the snapshot
    before = {event_id: live(running, event_id) for event_id in (arena, hall)}
    assert before[hall].entries_applied > ENTRIES_PER_SNAPSHOT

    def kill_from_the_front() -> None:
        processes = running.processes()
        postgres = named(processes, "postgres")
        assert postgres
        send(postgres, signal.SIGSTOP)
        time.sleep(0.5)
        kill(named(processes, "haproxy"))
        send(postgres, signal.SIGCONT)
        time.sleep(0.5)
        running.kill_everything()

    unanswered = asyncio.run(unanswered_holds(running, kill_from_the_front, releases=False))
    return Killed(arena, hall, key, before, sold, unanswered)


def test_control_a_stack_that_is_killed_leaves_buyers_without_an_answer(killed: Killed) -> None:
    """What buyers have asked for waits for Postgres, and is committed when nobody is left to tell them. It is a hold
    whatever it is, as they ask for nothing else.
    """
    assert killed.unanswered > 0


def test_every_acknowledged_fact_survives_the_death_of_everything(running: RunningStack, killed: Killed) -> None:
    running.start()
    hall, before = killed.hall, killed.before
    assert (running.event_id, running.api_key) == (killed.arena, killed.key)
    check_replay(running, killed.arena, before[killed.arena])
    replayed = check_replay(running, hall, before[hall])
    assert replayed.from_snapshot is not None
    assert replayed.snapshot_position is not None
    assert replayed.snapshot_position < before[hall].position, "there is a tail"
    with running.client() as client:
        for order_id in killed.sold:
            assert client.get(f"/v1/orders/{order_id}").json()["status"] == "CONFIRMED"
        again = client.post(
            f"/v1/events/{killed.arena}/holds", json={"units": ["101/B/1"]}, headers={"Idempotency-Key": "again"}
        )
        assert again.json()["code"] == "UNITS_SOLD"
    assert live(running, hall) == before[hall], "nobody has written to it"
    for event_id in before:
        check_replay(running, event_id, live(running, event_id))
        assert running.command("audit", event_id).returncode == 0


def test_the_number_of_shards_is_kept(running: RunningStack, killed: Killed) -> None:
    if not running.is_up:
        running.start()
    assert listed(running) == dict.fromkeys(names(2), "serving well")
    with running.client() as client:
        hall_on_sale(client, "one more hall")


def test_a_stack_that_is_told_to_stop_answers_what_it_has_taken(running: RunningStack) -> None:
    def stop() -> None:
        assert running.stop() == 0

    assert asyncio.run(unanswered_holds(running, stop)) == 0
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
