"""Single processes of Postgres that die or hang, while the others live."""

import asyncio
import os
import random
import signal
from typing import ClassVar

from serve.local.stopped_sessions import StoppedSessions
from serve.local.supervisor import LOOK_PERIOD_S
from tests.chaos.database_faults import POSTGRES_AWAY
from tests.chaos.fault import ONE_PROCESS
from tests.chaos.pause_faults import Paused
from tests.chaos.process_faults import Killed
from tests.chaos.stage import Stage

STATE_WITHIN_S = 0.5

_BACKENDS = """
select pid
from pg_stat_activity
where application_name like '%-' || $1 || '-commit %'
order by backend_start desc
limit 1
"""
_WORKERS = "select pid from pg_stat_activity where backend_type = $1"
_STATE = "select state from pg_stat_activity where pid = $1"


class WorkerKilled(Killed):
    """Postgres then ends all its other processes, and recovers by itself."""

    struck = ONE_PROCESS
    excused = POSTGRES_AWAY
    told_s = 2.0
    bound_s = 4.0

    async def victims(self, stage: Stage) -> list[int]:
        """The worker."""
        return [worker["pid"] for worker in await stage.fetch(_WORKERS, self.kind)]


class CheckpointerKilled(WorkerKilled):
    """Who writes what is dirty."""

    what = "Postgres's checkpointer killed"
    kind = "checkpointer"


class WalwriterKilled(WorkerKilled):
    """Who writes the log that nobody waits for."""

    what = "Postgres's walwriter killed"
    kind = "walwriter"


class CommitBackendKilled(WorkerKilled):
    """The one that a shard commits over."""

    what = "the Postgres backend of a commit line killed"

    async def victims(self, stage: Stage) -> list[int]:
        """That of the shard that sells."""
        return [backend["pid"] for backend in await stage.fetch(_BACKENDS, (await stage.owner()).shard)]


class CommitBackendPaused(Paused):
    """The one that a shard commits over, between two commits."""

    what = "the Postgres backend of a commit line paused for 30 s between commits"
    told_s = 3.1
    bound_s = 5.0
    wanted: ClassVar[str] = "idle"

    async def victim(self, stage: Stage) -> int:
        """That of the shard that sells."""
        ((pid,),) = await stage.fetch(_BACKENDS, (await stage.owner()).shard)
        return int(pid)

    async def inflict(self, stage: Stage) -> None:
        """Stop it, and let it go on until it was stopped where it is to be."""
        await super().inflict(stage)
        while await self._state(stage) != self.wanted:
            os.kill(self._pid, signal.SIGCONT)
            await asyncio.sleep(random.uniform(0.01, 0.03))
            os.kill(self._pid, signal.SIGSTOP)

    async def _state(self, stage: Stage) -> str:
        try:
            async with asyncio.timeout(STATE_WITHIN_S):
                ((state,),) = await stage.fetch(_STATE, self._pid)
        except TimeoutError:
            return "it keeps others from being told"
        return str(state)


class CommitBackendPausedCommitting(CommitBackendPaused):
    """The same in the middle of a commit: what it has locked stays so until somebody tells it to go on.

    Who runs Postgres looks after its sessions, as `holdfast run` does after those of its own.
    """

    what = "the Postgres backend of a commit line paused in a commit"
    observed = "the process is stopped, and told to go on"
    ended = "by who runs Postgres"
    ended_within_s = 4.0
    told_s = 1.1
    bound_s = 2.2
    wanted = "active"

    def __init__(self) -> None:
        super().__init__()
        self._told = ""

    async def effect(self, stage: Stage) -> str:
        """Until it has been told to go on."""
        looking = asyncio.create_task(self._look_after(StoppedSessions(stage.database.workers)))
        try:
            return await super().effect(stage)
        finally:
            looking.cancel()

    def ender(self, stage: Stage) -> str:
        """What was said when it was told so."""
        return f"who runs Postgres ({self._told})"

    async def _look_after(self, sessions: StoppedSessions) -> None:
        while not self._told:
            self._told = sessions.look() or ""
            await asyncio.sleep(LOOK_PERIOD_S)


class WalwriterPaused(Paused):
    """Who writes the log that nobody waits for."""

    what = "Postgres's walwriter paused for 30 s"
    kind = "walwriter"

    async def victim(self, stage: Stage) -> int:
        """The worker."""
        ((pid,),) = await stage.fetch(_WORKERS, self.kind)
        return int(pid)


class PostmasterPaused(Paused):
    """Nobody new is let in."""

    what = "Postgres's postmaster paused for 30 s"

    async def victim(self, stage: Stage) -> int:
        """The first of them."""
        return int((stage.database.folder / "postmaster.pid").read_text().split()[0])
