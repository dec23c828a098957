"""Postgres dies, or the way to it."""

import asyncio
from typing import ClassVar

from serve.local.processes import is_living
from tests.chaos.fault import Fault
from tests.chaos.stage import Stage, until
from tests.chaos.wire import Cut

RESTART_BOUND_S = 15.0
SLOW_S = 2.0
SLOW_FOR_S = 12.0
SLOW_BOUND_S = 10.0  # a commit or two


class PostgresKilled(Fault):
    """It is started again at once, as whoever runs it would."""

    what = "Postgres killed and restarted"
    struck = "Postgres, which is restarted"
    inflicted = "kill -9 of all its processes"
    observed = "they are gone"
    ended = "started again"
    bound_s = RESTART_BOUND_S

    def __init__(self) -> None:
        super().__init__()
        self._pids: list[int] = []

    async def inflict(self, stage: Stage) -> None:
        """Kill it."""
        self._pids = stage.database.kill()

    async def effect(self, stage: Stage) -> str:
        """Until all are gone."""
        await until(lambda: not any(map(is_living, self._pids)))
        return f"{len(self._pids)} processes gone"

    async def end(self, stage: Stage) -> None:
        """Start it."""
        await asyncio.to_thread(stage.database.start)


class PostgresStopped(PostgresKilled):
    """As after a power cut: no checkpoint, nobody waited for."""

    what = "Postgres stopped immediately"
    inflicted = "pg_ctl stop -m immediate"

    async def inflict(self, stage: Stage) -> None:
        """Stop it."""
        self._pids = stage.database.processes()
        await asyncio.to_thread(stage.database.stop_immediately)


class CommitCut(Fault):
    """The connection that commits is cut, at some point."""

    where: ClassVar[Cut]
    inflicted = "the wire cuts the commit line"
    observed = "the wire has cut it there, and the shard has opened another"

    def __init__(self) -> None:
        super().__init__()
        self._seen: asyncio.Future[str] | None = None

    async def inflict(self, stage: Stage) -> None:
        """Lie in wait for the next commit."""
        self._before = stage.wire.commit_line_count
        self._seen = stage.wire.cut_next_commit(self.where)

    async def effect(self, stage: Stage) -> str:
        """Until it came, and was noticed."""
        assert self._seen is not None
        seen = await self._seen
        await until(lambda: stage.wire.commit_line_count > self._before)
        return f"{seen}; another was opened"


class CutBefore(CommitCut):
    """The commit is lost."""

    what = f"connection cut {Cut.BEFORE}"
    where = Cut.BEFORE


class CutDuring(CommitCut):
    """The commit takes place or not, and nobody says."""

    what = f"connection cut {Cut.DURING}"
    where = Cut.DURING


class CutAfter(CommitCut):
    """The commit has taken place, and nobody says."""

    what = f"connection cut {Cut.AFTER}"
    where = Cut.AFTER


class AllCut(Fault):
    """Every connection to Postgres is cut at once."""

    what = "all connections to Postgres cut"
    inflicted = "the wire cuts them"
    observed = "so many were open, and shards have opened others to commit on"

    def __init__(self) -> None:
        super().__init__()
        self._count = 0

    async def inflict(self, stage: Stage) -> None:
        """Cut them."""
        self._before = stage.wire.commit_line_count
        self._count = stage.wire.cut_all()

    async def effect(self, stage: Stage) -> str:
        """Until it was noticed."""
        await until(lambda: stage.wire.commit_line_count > self._before)
        return f"{self._count} connections cut; others were opened" if self._count else ""


class SlowCommits(Fault):
    """Each commit takes two seconds, for a while."""

    what = "commits of 2 s"
    inflicted = "the wire holds answers to commits back"
    observed = "it has held some"
    ended = "after 12 s"
    bound_s = SLOW_BOUND_S

    async def inflict(self, stage: Stage) -> None:
        """Hold them back."""
        stage.wire.hold_answers(SLOW_S)

    async def effect(self, stage: Stage) -> str:
        """For as long as it is to last."""
        before = stage.wire.held_count
        await asyncio.sleep(SLOW_FOR_S)
        held = stage.wire.held_count - before
        return f"{held} answers held for {SLOW_S:.0f} s each" if held else ""

    async def end(self, stage: Stage) -> None:
        """Hold nothing back."""
        stage.wire.hold_answers(0)
