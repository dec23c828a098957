"""A shard's process gets TERM while it sells: its successor takes over, no buyer hears of it, and it ends by itself."""

import asyncio
import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import asyncpg
import pytest

from actors.audit.replies import Told
from actors.core.entries import HoldPlaced
from actors.core.ids import parse_event_id
from actors.journal.codec import decode_entries
from tests.stack.aftermath import lost
from tests.stack.load import Load, hall_on_sale
from tests.stack.owner import Owner, owner_of
from tests.stack.running_stack import RunningStack

pytestmark = pytest.mark.stack
SELLING_S = 2.0
PATIENCE_S = 15.0
SUCCESSIONS = 3
INNER_PORT = 21000


async def succeeded(running: RunningStack, event_id: str, number: signal.Signals) -> Owner:
    """Give the signal to the shard that has the event; it, once it has ended and another has its place."""
    block = parse_event_id(event_id)
    assert block is not None
    old = await owner_of(running.stack.database_url, block)
    os.kill(old.pid, number)
    deadline = time.monotonic() + PATIENCE_S
    while old.pid in running.processes() or (await owner_of(running.stack.database_url, block)).epoch == old.epoch:
        assert time.monotonic() < deadline, "it has not ended, or has no successor"
        await asyncio.sleep(0.05)
    return old


async def gaps(running: RunningStack, name: str, number: signal.Signals) -> list[float]:
    """The longest gap around each succession, in s; all that was answered was a hold or a release, and is there."""
    with running.client() as client:
        event_id = hall_on_sale(client, name)
    load = Load(running.stack.http_url, running.api_key, event_id, "Hall", pause_s=0.01)
    found = []
    async with load:
        await asyncio.sleep(SELLING_S)
        for _ in range(SUCCESSIONS):
            begun = len(load.accepted_at)
            await succeeded(running, event_id, number)
            await asyncio.sleep(SELLING_S)
            found.append(max(later - earlier for earlier, later in pairwise(load.accepted_at[begun - 1 :])))
    print(name, "gaps", [round(gap, 3) for gap in found], Counter(load.statuses), "p99 of pauses", _p99(load))
    assert load.statuses.keys() <= {200, 201}, load.statuses
    assert await lost(running, event_id, load) == []
    return found


def _p99(load: Load) -> float:
    pauses = sorted(later - earlier for earlier, later in pairwise(load.accepted_at))
    return round(pauses[len(pauses) * 99 // 100], 4)


def test_a_shard_that_is_told_to_stop_hands_over_and_one_that_is_killed_cannot(running: RunningStack) -> None:
    """The second is the control: the same load and the same look, and a gap of another size."""
    told = asyncio.run(gaps(running, "told to stop", signal.SIGTERM))
    killed = asyncio.run(gaps(running, "killed", signal.SIGKILL))
    log = "".join(path.read_text(errors="replace") for path in running.folder.ray.glob("session_latest/logs/worker-*"))
    assert log.count("'code': 0") + log.count('"code": 0') + log.count("code=0") == SUCCESSIONS
    assert 2 * sorted(told)[1] < sorted(killed)[1], (told, killed)


@pytest.fixture
def ending(tmp_path: Path) -> Iterator[RunningStack]:
    """A stack of its own, to be stopped."""
    running = RunningStack(tmp_path / "ending", INNER_PORT)
    running.start()
    yield running
    assert running.stop() == 0
    assert running.processes() == []


async def held(running: RunningStack, event_id: str) -> int:
    """How many holds were ever placed, by the journal."""
    connection = await asyncpg.connect(running.stack.database_url)
    try:
        rows = await connection.fetch("select entries from journal where block_id = $1", parse_event_id(event_id))
    finally:
        await connection.close()
    return sum(isinstance(entry, HoldPlaced) for row in rows for entry in decode_entries(row["entries"]))


async def unanswered_holds(running: RunningStack, stop: Callable[[], object]) -> int:
    """Stop everything under load and start it again: how many holds there are of which no buyer was told."""
    with running.client() as client:
        event_id = hall_on_sale(client, f"the last {stop.__name__}")
    load = Load(running.stack.http_url, running.api_key, event_id, "Hall", pause_s=0.01, timeout_s=5.0)
    async with load:
        await asyncio.sleep(SELLING_S)
        await asyncio.to_thread(stop)
    print("stopped", Counter(load.statuses))
    await asyncio.to_thread(running.start)
    assert await lost(running, event_id, load) == []
    return await held(running, event_id) - sum(reply.told is Told.HELD for reply in load.told)


def test_a_stack_that_is_told_to_stop_answers_what_it_has_taken(ending: RunningStack) -> None:
    assert asyncio.run(unanswered_holds(ending, ending.stop)) == 0


def test_control_one_that_is_killed_does_not(ending: RunningStack) -> None:
    """Sixteen buyers ask all the time, so something is nearly always decided and not yet told; a few tries find it."""
    assert any(asyncio.run(unanswered_holds(ending, ending.kill_everything)) > 0 for _ in range(3))
