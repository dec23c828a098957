"""A database that is well: events that were sold and followed, a snapshot each, and a shard that beats."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from random import Random

from rich.progress import Progress

from actors.audit.rows import connect_to_read
from actors.auditor.board import Board
from actors.auditor.figures import AuditorFigures
from actors.catalogue.fleet import DIRECTORY_SESSION, Fleet
from actors.database.connect import Connection, connect
from actors.database.line import LineUnavailable
from actors.engine.catalogue_port import CatalogueUnavailable
from actors.journal.journal import Epoch
from actors.projections.availability import AvailabilityProjection
from actors.projections.deadlines import DeadlinesProjection
from actors.projections.listing import ListingProjection
from actors.projections.positions import Positions
from serve.doctor.examination import Examination, Tell, looked
from serve.doctor.findings import Finding, Patient, Standing
from tests.projections.selling import SellingEvent, World, follow_all

SERVING = Epoch(3, 1, 4)


class Ward:
    """The database and who is looked at in it. `clock_error_ms`: of the shard that beats. `figures`: of the auditor.

    `hanging`: who has a session and asks nothing.
    """

    def __init__(self, world: World, patient: Patient, events: list[SellingEvent], heart: Connection) -> None:
        self.world = world
        self.patient = patient
        self.events = events
        self.clock_error_ms = 0
        self.figures: AuditorFigures | None = AuditorFigures(block_count=3)
        self.hanging: set[str] = set()
        self._fleet = Fleet(world.database_url, application_name=DIRECTORY_SESSION)
        self._positions = Positions(world.database_url)
        self._heart = heart  # a connection of its own: it beats beside all else that is asked
        self._one_at_a_time = asyncio.Lock()

    async def execute(self, statement: str, *arguments: object) -> None:
        """As superuser, out of order."""
        await self.world.connection.execute(statement, *arguments)

    async def looked(self, check: str) -> Sequence[Finding]:
        """What one check finds."""
        return [finding async for finding in looked(check, self.patient, quiet())]

    async def found(self, check: str, standing: Standing) -> Finding:
        """The one thing that it finds, which stands so and comes with advice."""
        (finding,) = await self.looked(check)
        assert (finding.check, finding.standing) == (check, standing), finding
        assert finding.advice
        return finding

    async def examined(self, *, repair: bool = False, quick: bool = False, tell: Tell = lambda _: None) -> Examination:
        """All checks, or the quick ones."""
        examination = Examination()
        await examination.make(self.patient, quiet(), tell, repair=repair, quick=quick)
        return examination

    async def beats(self, shard: str, epoch: Epoch, age_ms: int = 0) -> None:
        """Note a heartbeat of so long ago."""
        statement = (
            "insert into shards (shard, epoch, address, pid, heartbeat_at_ms, started_at) "
            "values ($1, $2, 'unix:/nowhere', 1, $3, now() - interval '1 hour') "
            "on conflict (shard, epoch) do update set heartbeat_at_ms = excluded.heartbeat_at_ms"
        )
        at_ms = time.time_ns() // 1_000_000 - age_ms + self.clock_error_ms
        async with self._one_at_a_time:
            await self._heart.execute(statement, shard, epoch.packed(), at_ms)

    async def directory_asks(self) -> None:
        """What a directory asks each second."""
        await self._fleet.states()

    async def projector_asks(self) -> None:
        """What a projector asks in each round."""
        await self._positions.behind(None, 1, (), ())

    async def close(self) -> None:
        """Neither has a session any more."""
        await self._fleet.close()
        await self._positions.close()

    async def beat_on(self) -> None:
        """For ever; the auditor tells its figures as well, if there is a Redis. Directory and projector ask."""
        board = None if self.patient.redis_url is None else Board(self.patient.redis_url)
        while True:
            await self.beats("shard-1", SERVING)
            if board is not None and self.figures is not None:
                await board.show(self.figures)
            with suppress(CatalogueUnavailable, LineUnavailable):  # there may be no such table any more
                if "directory" not in self.hanging:
                    await self.directory_asks()
                if "projector" not in self.hanging:
                    await self.projector_asks()
            await asyncio.sleep(0.2)


def quiet() -> Progress:
    """A progress bar that nobody sees."""
    return Progress(disable=True)


@asynccontextmanager
async def ward(world: World, data_dir: Path | None = None, redis_url: str | None = None) -> AsyncIterator[Ward]:
    """A database that is well, for as long as the block lasts."""
    events = []
    for seed in range(3):
        event = await world.event()
        await event.live_at_random(Random(seed), 10)
        await event.save_snapshot()
        await event.live_at_random(Random(seed + 10), 10)
        await event.save_snapshot()
        await event.live_at_random(Random(seed + 20), 3)
        events.append(event)
    await follow_all(world.projector(AvailabilityProjection(), DeadlinesProjection(), ListingProjection()))
    connection = await connect_to_read(world.database_url)
    patient = Patient(connection, world.database_url, redis_url, data_dir, disk_reserve_mb=1)
    heart = await connect(world.database_url, application_name="ward")
    made = Ward(world, patient, events, heart)
    await made.beats("shard-1", SERVING)
    await made.directory_asks()
    await made.projector_asks()
    beating = asyncio.create_task(made.beat_on())
    try:
        yield made
    finally:
        beating.cancel()
        await asyncio.gather(beating, return_exceptions=True)
        await made.close()
        await heart.close()
        await connection.close()
