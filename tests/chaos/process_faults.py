"""Processes of a stack that die or hang."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import ClassVar

from actors.audit.ids import block_of_event
from actors.database.connect import connect
from serve.local.processes import is_living, named, state_of
from tests.chaos.fault import ONE_PROCESS, SHOWN_WITHIN_S, Fault
from tests.chaos.stage import LOOK_EVERY_S, Stage, until
from tests.chaos.wire import Passage
from tests.stack.census import serving_gateway
from tests.stack.running_stack import kill

PAUSE_S = 90.0
LEAVES_WITHIN_S = 30.0
HELD_UP_WITHIN_S = 3.0
QUEUES_FOR_S = 0.3  # every buyer waits by then

_ROWS_AFTER = """
select count(*) filter (where epoch = $2) as late, count(*) as later
from journal
where block_id = $1 and position > (select min(position) from journal where block_id = $1 and epoch > $2)
"""
_ROWS_OF = "select count(*) from journal where epoch = $1"
_HOLD_UP = "lock table journal in share mode"
_HELD_UP = "select exists (select from pg_locks where not granted and relation = 'journal'::regclass)"
_NEWEST = "select epoch, pid from shards where shard = $1 order by epoch desc limit 1"


class Killed(Fault):
    """`kill -9` of every process of a kind."""

    kind: ClassVar[str]
    struck = ONE_PROCESS
    is_single = True
    inflicted = "kill -9"
    observed = "the process is gone"

    def __init__(self) -> None:
        super().__init__()
        self._pids: list[int] = []

    async def victims(self, stage: Stage) -> list[int]:
        """Whom to kill."""
        return stage.pids(self.kind)

    async def inflict(self, stage: Stage) -> None:
        """Kill them."""
        self._pids = await self.victims(stage)
        kill(self._pids)

    async def effect(self, stage: Stage) -> str:
        """Until they are gone."""
        assert self._pids, f"there was no {self.what}"
        await until(lambda: not any(map(is_living, self._pids)))
        return f"pid {', '.join(map(str, self._pids[:3]))} gone" + (f" of {len(self._pids)}" * (len(self._pids) > 3))


class ShardKilled(Killed):
    """The one that sells."""

    what = "shard killed"
    told_s = 2.0
    bound_s = 4.0

    async def victims(self, stage: Stage) -> list[int]:
        """The owner of the event that is on sale."""
        return [(await stage.owner()).pid]


class GatewayKilled(Killed):
    """The replica that takes all requests."""

    what = "gateway replica killed"
    told_s = 0.8
    bound_s = 1.6

    async def victims(self, stage: Stage) -> list[int]:
        """Whom HAProxy names first."""
        return [serving_gateway(stage.main)]


class GatewayAndShardKilled(Killed):
    """Both at once: the replica that is asked next reaches no shard, and does not know what the first had come to."""

    what = "gateway replica and shard killed together"
    struck = ""
    is_single = False
    told_s = 2.0
    bound_s = 4.0

    async def victims(self, stage: Stage) -> list[int]:
        """Whom HAProxy names first, and the owner of the event that is on sale."""
        return [serving_gateway(stage.main), (await stage.owner()).pid]


class HaproxyKilled(Killed):
    """What all requests come through."""

    what = "HAProxy killed"
    told_s = 1.6
    bound_s = 3.2
    kind = "haproxy"


class ProjectorKilled(Killed):
    """Nobody who buys should notice; who looks is told as of when."""

    what = "projector killed"
    kind = "ProjectorService"
    is_shown_on = True
    unread_bound_s = SHOWN_WITHIN_S


class DirectoryKilled(Killed):
    """Nobody who buys should notice."""

    what = "directory killed"
    kind = "Directory"


class AuditorKilled(Killed):
    """Nobody who buys should notice."""

    what = "auditor killed"
    kind = "AuditorService"


class ControllerKilled(Killed):
    """Who looks after Serve's replicas and proxies."""

    what = "Serve's controller killed"
    kind = "ServeController"


class HaproxyManagerKilled(Killed):
    """Who looks after HAProxy, which ends with it."""

    what = "HAProxy's manager killed"
    told_s = 1.6
    bound_s = 3.2
    kind = "HAProxyManager"


class ProxyActorKilled(Killed):
    """Serve's own proxy, which stands behind HAProxy."""

    what = "Serve's fallback proxy killed"
    kind = "ProxyActor"


class RedisKilled(Killed):
    """Nobody who buys or looks should notice."""

    what = "Redis killed"
    kind = "redis-server"
    is_shown_on = True
    unread_bound_s = SHOWN_WITHIN_S


class RayletKilled(Killed):
    """All of Ray begins anew."""

    what = "raylet killed"
    struck = "raylet"
    kind = "raylet"
    told_s = 26.0
    bound_s = 40.0
    within_s = 120.0

    async def victims(self, stage: Stage) -> list[int]:
        """The raylet."""
        return named(stage.main.processes(), "raylet")


class GcsKilled(RayletKilled):
    """The same: nothing rebuilds it."""

    what = "Ray's GCS killed"
    struck = "Ray's GCS"

    async def victims(self, stage: Stage) -> list[int]:
        """The GCS."""
        return named(stage.main.processes(), "gcs_server")


class RayKilled(RayletKilled):
    """Every process that Ray has started, and Ray's own."""

    what = "the whole Ray killed"
    struck = "the whole Ray"
    is_single = False

    async def victims(self, stage: Stage) -> list[int]:
        """All but Redis: Postgres is not the stack's."""
        redis = stage.pids("redis-server")
        return [pid for pid in stage.main.processes() if pid not in redis]


class ShardPaused(Fault):
    """The one that sells hangs for a minute and a half, and wakes up.

    It is stopped while a commit of its stands still in Postgres and what it has decided since waits behind that, so
    that it has something to send when it wakes up. If it does not try, nothing is shown, and it does not count.
    """

    what = "shard paused for 90 s"
    told_s = 3.0
    bound_s = 5.0
    struck = ONE_PROCESS
    is_single = True
    inflicted = "SIGSTOP, while it commits and more waits"
    observed = "the process is stopped, another epoch writes, and it tries to when it wakes up"
    ended = "SIGCONT after 90 s"
    effect_within_s = PAUSE_S + 30
    within_s = 90.0

    def __init__(self) -> None:
        super().__init__()
        self._pid = 0
        self._epoch = 0
        self._block = ""
        self._lines: list[Passage] = []
        self._rows_asleep = self._sent_asleep = 0

    async def inflict(self, stage: Stage) -> None:
        """Stop it."""
        owner = await stage.owner()
        self._block = block_of_event(stage.load.event_id)
        ((self._epoch, self._pid),) = await stage.fetch(_NEWEST, owner.shard)
        self._lines = stage.wire.follow(self._pid)
        async with commits_held_up(stage.database.url):
            await asyncio.sleep(QUEUES_FOR_S)
            os.kill(self._pid, signal.SIGSTOP)

    async def effect(self, stage: Stage) -> str:
        """For as long as it is to hang."""
        await until(lambda: state_of(self._pid) == "T")
        began_s = time.monotonic()
        await asyncio.sleep(PAUSE_S)
        state, self.stood_still_s = state_of(self._pid), time.monotonic() - began_s
        ((_, later),) = await stage.fetch(_ROWS_AFTER, self._block, self._epoch)
        ((self._rows_asleep,),) = await stage.fetch(_ROWS_OF, self._epoch)
        self._sent_asleep = self._sent
        seen = (
            f"pid {self._pid} in state {state} for {self.stood_still_s:.1f} s, {later} rows of later epochs meanwhile"
        )
        return seen if later and state == "T" else ""

    async def end(self, stage: Stage) -> None:
        """Wake it up."""
        if self._pid:
            os.kill(self._pid, signal.SIGCONT)

    async def harm(self, stage: Stage) -> list[str]:
        """Rows of its own that landed after it was replaced, by when it has left, and those of any block since."""
        async with asyncio.timeout(LEAVES_WITHIN_S):
            await until(lambda: not is_living(self._pid))
        ((late, later),) = await stage.fetch(_ROWS_AFTER, self._block, self._epoch)
        ((rows,),) = await stage.fetch(_ROWS_OF, self._epoch)
        landed, sent = rows - self._rows_asleep, self._sent - self._sent_asleep
        self.is_shown = sent > 0
        self.shown = (
            f"after SIGCONT the shard that had been paused sent {sent} statements to commit, "
            f"of which {landed} rows landed: the journals had {self._rows_asleep} rows of its epoch before and {rows} "
            f"when it had left, {late} of them behind one of the {later} rows of its event that are of later epochs"
        )
        harm = [] if later else ["nobody wrote after it"]
        return harm + ([self.shown] if late or landed else [])

    @property
    def _sent(self) -> int:
        return sum(line.statement_count for line in self._lines)


@asynccontextmanager
async def commits_held_up(url: str) -> AsyncIterator[None]:
    """From when an append waits in the server; whatever waits there goes on when this is over. Raises TimeoutError."""
    connection = await connect(url, application_name="chaos")
    try:
        async with asyncio.timeout(HELD_UP_WITHIN_S):
            await connection.execute("begin")
            await connection.execute(_HOLD_UP)
            while not await connection.fetchval(_HELD_UP):  # noqa: ASYNC110  # Postgres rings no bell
                await asyncio.sleep(LOOK_EVERY_S)
        yield
        await connection.execute("rollback")
    finally:
        await connection.close()
