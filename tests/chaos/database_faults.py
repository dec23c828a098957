"""Postgres dies, or the way to it."""

import asyncio
import time
from typing import ClassVar

from serve.local.processes import is_living
from tests.chaos.fault import Fault
from tests.chaos.stage import Stage, until
from tests.chaos.wire import Cut

SLOW_S = 2.0
SLOW_FOR_S = 12.0
SLOW_BOUND_S = 10.0  # a batch waits for up to two commits, and for the batch before it
SLOW_BASKETS_LATER_S = 10.0  # a basket is intended, pinned and settled by commits one after the other
SLEEPS_LOOK_S = 0.25

POSTGRES_AWAY = {
    "the catalogue cannot be reached": "who directs shards asks it of Postgres, and says each second that it is away"
}
"""What is excused where Postgres is away, or every way to it."""

_SLEEP = "chaos_sleep() returns trigger language plpgsql as"
_PREPARE_SLEEP = f"""
create sequence chaos_slept;
create function {_SLEEP} $$ begin return null; end $$;
create constraint trigger chaos_sleep after insert on journal
  deferrable initially deferred for each row execute function chaos_sleep();
"""
_REMOVE_SLEEP = """
drop trigger chaos_sleep on journal;
drop function chaos_sleep();
drop sequence chaos_slept;
"""
_SLEPT = "select case when is_called then last_value else 0 end from chaos_slept"
_COMMITTING = """
select coalesce(max(extract(epoch from clock_timestamp() - xact_start)), 0)::float8 as age_s
from pg_stat_activity
where wait_event = 'PgSleep' and application_name like '%-commit %'
"""


class PostgresKilled(Fault):
    """It is started again at once, as whoever runs it would."""

    what = "Postgres killed and restarted"
    struck = "Postgres, which is restarted"
    inflicted = "kill -9 of all its processes"
    observed = "they are gone"
    ended = "started again"
    excused = POSTGRES_AWAY
    told_s = 4.0
    bound_s = 8.0

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
    """The connection that commits is cut, at some point.

    Whether the rows had landed nobody says, so that the shard sends them again; the answer to that tells.
    """

    where: ClassVar[Cut]
    told_s = 0.2
    inflicted = "the wire cuts the commit line"
    observed = "the wire has cut it there, and the shard has opened another and sent the rows again"

    def __init__(self) -> None:
        super().__init__()
        self._seen: asyncio.Future[str] | None = None
        self._landed: tuple[int, int] | None = None
        self._lacks_commit = False

    async def inflict(self, stage: Stage) -> None:
        """Lie in wait for the next commit."""
        self._before = stage.wire.commit_line_count
        self._seen = stage.wire.cut_next_commit(self.where)

    async def effect(self, stage: Stage) -> str:
        """Until it came, and was noticed."""
        assert self._seen is not None
        seen = await self._seen
        await until(lambda: stage.wire.commit_line_count > self._before)
        resent = stage.wire.resent
        assert resent is not None, "it was cut"
        if not resent.blocks:
            return ""  # it put in no rows
        self._landed, self._lacks_commit = (await resent.landed, len(resent.blocks)), resent.lacks_commit
        self.shown = landed_in_words(*self._landed)
        return f"{seen}; another was opened; {self.shown}"

    async def harm(self, stage: Stage) -> list[str]:
        """That rows landed which Postgres was not to commit, did not that it had committed, or some of a statement."""
        if self._landed is None:
            return []
        landed, count = self._landed
        either = (0,) if self._lacks_commit else (0, count)
        may_be = {Cut.BEFORE: (0,), Cut.DURING: either, Cut.AFTER: (count,)}[self.where]
        return [] if landed in may_be else [f"{landed} of {count} rows had landed, cut {self.where}"]


def landed_in_words(landed: int, count: int) -> str:
    """Of so many rows."""
    if 0 < landed < count:
        return f"{landed} of the {count} rows had landed"  # one statement, and not one outcome
    return "the rows had landed" if landed else "the rows had not landed"


class CutBefore(CommitCut):
    """The commit is lost."""

    what = f"connection cut {Cut.BEFORE}"
    where = Cut.BEFORE


class CutDuring(CommitCut):
    """The commit takes place or not, and nobody says: by turns its word is kept back, or races the rows' second try.

    Of one statement all rows land, or none.
    """

    what = f"connection cut {Cut.DURING}"
    where = Cut.DURING


class CutAfter(CommitCut):
    """The commit has taken place, and nobody says."""

    what = f"connection cut {Cut.AFTER}"
    where = Cut.AFTER


class AllCut(Fault):
    """Every connection to Postgres is cut at once."""

    what = "all connections to Postgres cut"
    told_s = 0.2
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


class SlowAnswers(Fault):
    """Each answer to a commit comes two seconds late, for a while; Postgres itself commits at once."""

    what = "answers to commits 2 s late"
    inflicted = "the wire holds answers to commits back"
    observed = "it has held some"
    ended = "after 12 s"
    told_s = 8.0
    bound_s = SLOW_BOUND_S
    baskets_later_s = SLOW_BASKETS_LATER_S

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


class SlowCommits(Fault):
    """Each commit of rows of the journal takes two seconds in Postgres itself, whoever sends them, for a while.

    Rows are in, and not yet there for others, and what they have locked stays so.
    """

    what = "commits of 2 s"
    inflicted = "a trigger of Postgres sleeps when a transaction that has put in rows is to be committed"
    observed = "it has slept, and transactions were as old as that"
    ended = "after 12 s"
    told_s = 8.0
    bound_s = SLOW_BOUND_S
    baskets_later_s = SLOW_BASKETS_LATER_S

    async def prepare(self, stage: Stage) -> None:
        """The trigger, which does nothing yet: to put it there takes a lock of the whole table."""
        await stage.execute(_PREPARE_SLEEP)

    async def inflict(self, stage: Stage) -> None:
        """Sleep."""
        await stage.execute(_sleeping(SLOW_S))

    async def effect(self, stage: Stage) -> str:
        """For as long as it is to last."""
        oldest_s, until_s = 0.0, time.monotonic() + SLOW_FOR_S
        while time.monotonic() < until_s:
            ((age_s,),) = await stage.fetch(_COMMITTING)
            oldest_s = max(oldest_s, age_s)
            await asyncio.sleep(SLEEPS_LOOK_S)
        ((count,),) = await stage.fetch(_SLEPT)
        seen = f"{count} transactions slept before their commits, and were up to {oldest_s:.1f} s old"
        return seen if count and oldest_s > SLOW_S / 2 else ""

    async def end(self, stage: Stage) -> None:
        """Sleep no more."""
        await stage.execute(_sleeping(0))

    async def tidy(self, stage: Stage) -> None:
        """Take it away."""
        await stage.execute(_REMOVE_SLEEP)


def _sleeping(seconds: float) -> str:
    """What the trigger is to do: once in a transaction, though it is called for each row."""
    sleep = f"""
      if current_setting('chaos.slept', true) is distinct from 'yes' then
        perform set_config('chaos.slept', 'yes', true), nextval('chaos_slept'), pg_sleep({seconds});
      end if;
    """
    return f"create or replace function {_SLEEP} $$ begin {sleep if seconds else ''} return null; end $$;"
