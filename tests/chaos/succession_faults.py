"""Another takes over: a replica from its primary, a newer stack from an older one, and the other way round."""

import asyncio

from actors.audit.ids import block_of_event
from actors.journal.journal import Epoch
from serve.local.processes import is_living, named
from tests.chaos.database import Database
from tests.chaos.database_faults import POSTGRES_AWAY
from tests.chaos.fault import BASKETS_LATER_S, Fault
from tests.chaos.load import Turn
from tests.chaos.stage import LOOK_EVERY_S, OTHER_INNER_PORT, Stage, until
from tests.stack.running_stack import RunningStack, kill

SYNC_WITHIN_S = 30.0
BESIDE_S = 60.0
NEIGHBOUR_BOUND_S = 90.0

_SYNC = "select count(*) from pg_stat_replication where sync_state = 'sync' and state = 'streaming'"
_TIMELINE = "select left(pg_walfile_name(pg_current_wal_lsn()), 8)"
_GENERATIONS = """
select epoch >> 40 as generation, count(*) as rows
from journal
where block_id = $1 and position > $2
group by 1
order by 1
"""
_LAST = "select max(position) as position, max(epoch) as epoch from journal where block_id = $1"


class Failover(Fault):
    """A synchronous replica becomes the primary, when that has died."""

    what = "Postgres primary killed, its synchronous replica promoted"
    inflicted = "kill -9, pg_ctl promote, the wire leads there"
    observed = "the primary is gone, and another timeline writes"
    struck = "Postgres, whose replica is promoted"
    excused = POSTGRES_AWAY
    told_s = 0.5

    async def prepare(self, stage: Stage) -> None:
        """A replica that every commit waits for."""
        former = stage.database
        number = int(former.folder.name.rpartition("-")[2]) + 1
        self._standby = await asyncio.to_thread(former.standby, former.folder.with_name(f"postgres-{number}"))
        stage.leftovers += [self._standby.stop, former.stop]
        await asyncio.to_thread(self._standby.start)
        await stage.execute("alter system set synchronous_standby_names = '*'")
        await stage.execute("select pg_reload_conf()")
        ((self._timeline,),) = await stage.fetch(_TIMELINE)
        async with asyncio.timeout(SYNC_WITHIN_S):
            while (await stage.fetch(_SYNC))[0]["count"] != 1:  # noqa: ASYNC110  # Postgres rings no bell
                await asyncio.sleep(LOOK_EVERY_S)

    async def inflict(self, stage: Stage) -> None:
        """Kill, promote, lead."""
        self._former: Database = stage.database
        self._pids = self._former.kill()
        await asyncio.to_thread(self._standby.promote)
        stage.replace_database(self._standby)

    async def effect(self, stage: Stage) -> str:
        """Until the old one is gone and the new one writes."""
        await until(lambda: not any(map(is_living, self._pids)))
        ((timeline,),) = await stage.fetch(_TIMELINE)
        gone = f"{len(self._pids)} processes gone, timeline {timeline} after {self._timeline}"
        return gone if timeline > self._timeline else ""

    async def tidy(self, stage: Stage) -> None:
        """The old one's files go."""
        await asyncio.to_thread(self._former.remove)


class TwoStacks(Fault):
    """A newer cluster sells the same event for a minute, until the older one comes back under a still newer one.

    The newer takes the event as soon as something of it is due, so the older one's buyers wait from then on.
    """

    what = "two stacks of different generations on one database for a minute"
    inflicted = "a second stack is started, and a crowd buys from each"
    observed = "rows of the other generation in the journal"
    ended = "the first one's Ray is killed, so that it comes back as the newest; the second is stopped"
    told_s = 73.0
    bound_s = NEIGHBOUR_BOUND_S
    baskets_later_s = BESIDE_S + BASKETS_LATER_S  # desks are the newer one's for the minute, and then nobody's
    effect_within_s = BESIDE_S + 90
    within_s = 120.0

    def __init__(self) -> None:
        super().__init__()
        self._other: RunningStack | None = None
        self._turn: Turn | None = None

    async def inflict(self, stage: Stage) -> None:
        """Start it, and send a crowd there."""
        self._block = block_of_event(stage.load.event_id)
        ((self._position, epoch),) = await stage.fetch(_LAST, self._block)
        self._generation = Epoch.unpacked(epoch).generation
        self._other = self.stack(stage)
        stage.leftovers.append(self.end_other)
        await asyncio.to_thread(self._other.start)
        self._turn = await stage.load.next_turn(stage.server_of(self._other), stage.load.event_id)

    async def effect(self, stage: Stage) -> str:
        """For a minute."""
        await asyncio.sleep(BESIDE_S)
        foreign = await self.foreign_rows(stage)
        said = ", ".join(f"{count} rows of generation {generation}" for generation, count in foreign.items())
        return f"{said} in the journal of generation {self._generation}" if said else ""

    async def foreign_rows(self, stage: Stage) -> dict[int, int]:
        """How many rows of the event other generations have written since the second stack began."""
        rows = {row["generation"]: row["rows"] for row in await stage.fetch(_GENERATIONS, self._block, self._position)}
        return {generation: count for generation, count in rows.items() if generation != self._generation}

    async def end(self, stage: Stage) -> None:
        """The first takes it back, while buyers are still with the second, which then ends."""
        kill(named(stage.main.processes(), "raylet"))
        await stage.until_back()
        if self._turn is not None:
            self.beside.append((self._turn.began_at_s, await self._turn.end()))
        await asyncio.to_thread(self.end_other)

    def stack(self, stage: Stage) -> RunningStack:
        """The second one, not started yet."""
        return stage.stack(stage.folder / "other", OTHER_INNER_PORT)

    def end_other(self) -> None:
        """If there is a second one, it ends."""
        if self._other is not None:
            other, self._other = self._other, None
            assert other.stop() == 0, "the second stack did not end as it should"
            assert other.processes() == [], "the second stack left processes"
