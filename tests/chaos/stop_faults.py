"""Shards that are told to stop, as `holdfast shards stop` does: they hand over, and no call may fail because of it.

Nor does one fail where a shard is killed and has a successor in time, as gateways ask again; so each must say itself
that it has handed over.
"""

import asyncio
import os
import signal
import time
from collections import Counter
from collections.abc import Iterable
from typing import ClassVar

import msgspec

from actors.audit.ids import block_of_event
from loadtests.history.calls import Call, Outcome, read_calls
from loadtests.history.standing import TURNED_AWAY
from serve.local.processes import is_living
from tests.chaos.fault import Fault
from tests.chaos.load import Turn
from tests.chaos.stage import LOOK_EVERY_S, Stage, until

HANDS_OVER_WITHIN_S = 25.0  # a shard gives up after 20
STOPPED_BOUND_S = 4.0  # successors start and load what sells beside all that goes on
LEFT = "left"  # the reason of a buyer who hangs up, which is no fault

_SERVING = "select distinct on (shard) shard, pid, epoch from shards order by shard, epoch desc"
_HANDED_OVER = """
select
  owned.epoch as former,
  count(*) as had,
  count(*) filter (where head.epoch > owned.epoch) as handed_over,
  coalesce(bool_or(head.epoch > owned.epoch) filter (where owned.block_id = $2), true) as is_event_handed_over
from (select distinct epoch, block_id from journal where epoch = any($1::bigint[])) as owned
cross join lateral (
  select epoch from journal where journal.block_id = owned.block_id order by position desc limit 1
) as head
group by 1
"""


class ShardStopped(Fault):
    """The one that sells gets TERM. It serves until its successor is there, lets go, and ends by itself."""

    what = "shard told to stop"
    struck = "a shard, which is told to stop"
    is_single = True
    inflicted = "TERM"
    observed = "the process has ended by itself, says that it has handed over, and another writes to what it had"
    told_s = 3.4
    bound_s = STOPPED_BOUND_S
    effect_within_s = HANDS_OVER_WITHIN_S
    word: ClassVar[signal.Signals] = signal.SIGTERM

    def __init__(self) -> None:
        super().__init__()
        self._stopped: dict[int, int] = {}  # each process, with its epoch
        self._since_s = 0.0
        self._since_us = 0

    async def victims(self, stage: Stage) -> dict[int, int]:
        """Whom to tell, with the epoch of each."""
        owner = await stage.owner()
        return {row["pid"]: row["epoch"] for row in await stage.fetch(_SERVING) if row["shard"] == owner.shard}

    async def inflict(self, stage: Stage) -> None:
        """Tell them, one right after the other."""
        self._stopped = await self.victims(stage)
        self._since_s, self._since_us = time.monotonic(), time.time_ns() // 1000
        for pid in self._stopped:
            os.kill(pid, self.word)

    async def effect(self, stage: Stage) -> str:
        """Until they have ended, and others write to what sells and to something that each of them had."""
        await until(lambda: not any(map(is_living, self._stopped)))
        ended_s = time.monotonic() - self._since_s
        block = block_of_event(stage.load.event_id)
        while True:
            found = await stage.fetch(_HANDED_OVER, list(self._stopped.values()), block)
            if found and all(row["handed_over"] and row["is_event_handed_over"] for row in found):
                break
            await asyncio.sleep(LOOK_EVERY_S)
        handed_over, had = (sum(row[name] for row in found) for name in ("handed_over", "had"))
        gone = f"pid {', '.join(map(str, self._stopped))} gone by itself within {ended_s:.1f} s"
        return f"{gone}, others write by now to {handed_over} of the {had} blocks that were written to before"

    async def harm(self, stage: Stage) -> list[str]:
        """Those that did not hand over."""
        codes = {pid: code_of(stage, pid) for pid in self._stopped}
        return [f"pid {pid} did not hand over: its code is {code}" for pid, code in codes.items() if code != 0]

    async def judge(self, stage: Stage, turn: Turn) -> list[str]:
        """Calls that were answered since, and not for good."""
        of_each = {
            "buyers": failed(read_calls(turn.calls_files), self._since_us),
            "buyers of baskets": stage.baskets.failed(self._since_s),
            "an organizer": stage.organizer.failed(self._since_s),
        }
        return [
            f"{number} calls of {who} came to nothing: {cause}"
            for who, causes in of_each.items()
            for cause, number in causes.items()
        ]


class ShardsStopped(ShardStopped):
    """All of them at once, as when a machine is put away."""

    what = "all shards told to stop at once"
    struck = "all shards, which are told to stop"
    is_single = False

    async def victims(self, stage: Stage) -> dict[int, int]:
        """All that serve."""
        return {row["pid"]: row["epoch"] for row in await stage.fetch(_SERVING)}


def code_of(stage: Stage, pid: int) -> int | None:
    """With which code a shard says that it has left; None: it has not said so."""
    for log in stage.main.folder.ray.glob(f"session_latest/logs/worker-*-{pid}.err"):
        for line in log.read_text(errors="replace").splitlines():
            if '"left"' in line:
                code: int = msgspec.json.decode(line)["code"]
                return code
    return None


def failed(calls: Iterable[Call], since_us: int) -> Counter[str]:
    """How many calls were answered since then so that nothing is known, or that they may be asked again, and why."""
    return Counter(
        call.reason
        for call in calls
        if (call.returned_us or since_us) >= since_us
        and (call.outcome is Outcome.INFO or call.reason in TURNED_AWAY)
        and call.reason != LEFT
    )
