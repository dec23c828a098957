"""A shard's process gets TERM while it sells: its successor takes over, no buyer hears of it, and it ends by itself."""

import asyncio
import os
import signal
import time
from collections import Counter
from itertools import pairwise

import pytest

from actors.core.ids import parse_event_id
from tests.stack.aftermath import lost
from tests.stack.load import Load, hall_on_sale
from tests.stack.owner import Owner, owner_of
from tests.stack.running_stack import RunningStack

pytestmark = pytest.mark.stack
SELLING_S = 2.0
PATIENCE_S = 15.0
SUCCESSIONS = 3


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
