"""What a gateway knows of the cluster it serves: shards, what went through them, what is quarantined and audited."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

import msgspec
import structlog

from actors.apart import look_at
from actors.auditor.alarms import GRAVE, KEPT, OPEN_COUNTS, KeptAlarm
from actors.auditor.board import Board
from actors.auditor.figures import AuditorFigures
from actors.auditor.journals import AUDITOR_SESSION
from actors.core.ids import BlockId, event_id
from actors.database.line import Line, LineUnavailable
from actors.database.queries import load_queries
from actors.engine.catalogue_port import EngineCounters
from actors.journal.journal import Epoch
from actors.link.coalescer import CoalescerCounters
from actors.routes import CatalogueRoutes
from serve.auditor_signs import auditor_signs
from serve.doctor.findings import SQL as DOCTORS_SQL
from serve.local.postgres import SLOT
from serve.sessions import NEEDED, SQL, Sessions
from serve.wire_time import rfc3339

_log = structlog.get_logger(__name__)

QUARANTINE_FRESH_S = 5.0
"""How old what is known of the quarantine may be: Postgres is asked no more often, whoever asks for the status."""

BOUND_MS = 2_000
REMARKED_WITHIN_S = 0.3
"""How long `/readyz` waits for what it remarks: whoever asks gives up soon, and takes a gateway that sells for dead."""

MAX_BLOCKS = 100

_QUERIES = load_queries(Path(__file__).parent / "sql" / "quarantine.sql")


class ShardStatus(msgspec.Struct, frozen=True):
    """The newest incarnation of a shard; its own counters are a second old, `sent` is this gateway's share."""

    shard: str
    generation: int
    build: int
    incarnation: int
    pid: int
    served: EngineCounters
    sent: CoalescerCounters


class QuarantinedProjection(msgspec.Struct, frozen=True):
    """A projection that has stopped following some blocks, as what it read there cannot be right."""

    projection: str
    block_count: int


class QuarantinedBlock(msgspec.Struct, frozen=True):
    """A block that nobody is served from: since when, by whom, because of which row of its journal (0: none), why."""

    event_id: str
    since: str
    by: str
    position: int
    why: str


class AuditAlarm(msgspec.Struct, frozen=True):
    """What the audit found that stops no block, and nobody has acknowledged.

    `event_id`: empty if it is about none; `position`: of the row where it shows, 0: none. `old_chain`: in hexadecimal,
    of a row that was audited and is gone, `new_chain`: of the one in its place; empty where there is none.
    """

    number: int
    event_id: str
    position: int
    what: str
    sentence: str
    old_chain: str
    new_chain: str
    first_seen: str
    last_seen: str
    seen_count: int


class ClusterStatus(msgspec.Struct, frozen=True):
    """One gateway's view. What is quarantined, and the alarms: empty when all is well, null while Postgres is away.

    `auditor`: what it has told of itself within the last minute; null if nothing, or while Redis cannot be asked.
    `silent`: who does not run, or hangs, of those who work beside the shards, a sentence each; as the alarms otherwise.
    """

    shards: list[ShardStatus]
    quarantined: list[QuarantinedProjection] | None
    quarantined_blocks: list[QuarantinedBlock] | None
    auditor: AuditorFigures | None = None
    alarms: list[AuditAlarm] | None = None
    silent: list[str] | None = None


T = TypeVar("T")


class QuarantineReader:
    """What is not well beside the shards, as Postgres has it; of the auditor, what hangs on the board as well."""

    def __init__(self, database_url: str, board: Board) -> None:
        self._board = board
        self._line = Line(database_url, application_name="holdfast-status", bound_ms=BOUND_MS)

    async def find(self) -> list[QuarantinedProjection]:
        """Every projection that has stopped somewhere. Raises LineUnavailable."""
        return [QuarantinedProjection(*row) for row in await self._line.fetch(_QUERIES["quarantined"])]

    async def find_blocks(self) -> list[QuarantinedBlock]:
        """The blocks that nobody is served from, a hundred at most. Raises LineUnavailable."""
        return [
            QuarantinedBlock(event_id(BlockId(block)), rfc3339(at_ms), *rest)
            for block, at_ms, *rest in await self._line.fetch(_QUERIES["quarantined_blocks"], MAX_BLOCKS)
        ]

    async def find_alarms(self) -> list[AuditAlarm]:
        """The alarms that are open, rows that are gone first, a hundred at most. Raises LineUnavailable."""
        return [_told(KeptAlarm(*row)) for row in await self._line.fetch(KEPT, False, MAX_BLOCKS)]

    async def find_open_alarms(self) -> list[tuple[str, int]]:
        """Of each kind of alarm that is open, how many are. Raises LineUnavailable."""
        return [(row["what"], row["alarm_count"]) for row in await self._line.fetch(OPEN_COUNTS)]

    async def find_silent(self) -> list[str]:
        """Directory, projector and auditor, where they do not run or hang. Raises LineUnavailable."""
        names = {needed.session: name for name, needed in NEEDED.items()}
        rows = await self._line.fetch(SQL["sessions"], [*names, AUDITOR_SESSION])
        *found, auditor = (Sessions(*row) for row in rows)
        faults = {names[one.name]: one.fault() for one in found}
        faults["auditor"] = (await auditor_signs(self._board, auditor)).fault()
        return [f"the {name}: {fault}, see holdfast doctor" for name, fault in faults.items() if fault]

    async def find_unreceived(self) -> list[str]:
        """Slots of backups whose log nobody receives, or has a gap. Raises LineUnavailable."""
        rows = await self._line.fetch(DOCTORS_SQL["backup_slots"], SLOT)
        return [row["slot_name"] for row in rows if not row["active"] or row["wal_status"] == "lost"]

    async def close(self) -> None:
        """End the line; nothing in flight is waited for."""
        await self._line.close()


class Seen(NamedTuple, Generic[T]):
    """What could be read last. `age_s`: how long ago that was, 0 if it need not be read anew yet; None: never."""

    found: list[T]
    age_s: float | None


class Quarantine(Generic[T]):
    """What is quarantined: read when somebody asks, but not again within a few seconds. For one event loop.

    One reading is under way at a time, whoever asks, and it goes on when who asked has gone.
    """

    def __init__(
        self, find: Callable[[], Awaitable[list[T]]], monotonic_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._find = find
        self._monotonic_s = monotonic_s
        self._fresh_until_s = float("-inf")
        self._known: list[T] | None = None
        self._last: list[T] = []
        self._last_at_s: float | None = None
        self._reading: asyncio.Future[None] | None = None

    async def known(self) -> list[T] | None:
        """All of it; None if that cannot be read."""
        if self._reading is None and self._monotonic_s() >= self._fresh_until_s:
            self._reading = asyncio.ensure_future(self._read())
            self._reading.add_done_callback(look_at)
        if self._reading is not None:
            await asyncio.shield(self._reading)
        return self._known

    async def seen(self, wait_s: float) -> Seen[T]:
        """What could be read last; a reading that is due is waited for, so long at most."""
        known = None
        with suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                known = await self.known()
        if known is not None:
            return Seen(known, 0.0)
        return Seen(self._last, None if self._last_at_s is None else self._monotonic_s() - self._last_at_s)

    async def _read(self) -> None:
        try:
            self._known = self._last = await self._find()
            self._last_at_s = self._monotonic_s()
        except LineUnavailable:
            self._known = None
        except Exception as bug:  # noqa: BLE001  who asks is answered without it
            self._known = None
            _log.error("what is not well cannot be read", exc_info=bug)
        finally:
            self._fresh_until_s = self._monotonic_s() + QUARANTINE_FRESH_S
            self._reading = None


async def cluster_status(
    routes: CatalogueRoutes,
    projections: Quarantine[QuarantinedProjection],
    blocks: Quarantine[QuarantinedBlock],
    alarms: Quarantine[AuditAlarm],
    silent: Quarantine[str],
    board: Board,
) -> ClusterStatus:
    """The shards that these routes lead to, by name, what is quarantined, what is audited, and who is silent."""
    quarantined, quarantined_blocks, open_alarms, silent_ones, auditor = await asyncio.gather(
        projections.known(), blocks.known(), alarms.known(), silent.known(), board.find()
    )
    shards = []
    for incarnation, sent in routes.known():
        epoch = Epoch.unpacked(incarnation.epoch)
        shards.append(ShardStatus(incarnation.shard, *epoch, incarnation.pid, incarnation.counters, sent))
    return ClusterStatus(shards, quarantined, quarantined_blocks, auditor, open_alarms, silent_ones)


def _told(alarm: KeptAlarm) -> AuditAlarm:
    return AuditAlarm(
        alarm.number,
        event_id(BlockId(alarm.block)) if alarm.block else "",
        alarm.position,
        alarm.what,
        alarm.sentence,
        alarm.old_chain.hex(),
        alarm.new_chain.hex(),
        rfc3339(alarm.first_seen_at_ms),
        rfc3339(alarm.last_seen_at_ms),
        alarm.seen_count,
    )


async def remarks(
    blocks: Quarantine[QuarantinedBlock],
    open_alarms: Quarantine[tuple[str, int]],
    silent: Quarantine[str],
    unreceived: Quarantine[str],
) -> tuple[str, ...]:
    """What an operator should know of a cluster that sells.

    How many blocks do not, what the audit found, who hangs that it needs, of which backups the log may be lost. As of
    when, where that cannot be read at once.
    """
    of_blocks, of_alarms, of_silent, of_slots = await asyncio.gather(
        blocks.seen(REMARKED_WITHIN_S),
        open_alarms.seen(REMARKED_WITHIN_S),
        silent.seen(REMARKED_WITHIN_S),
        unreceived.seen(REMARKED_WITHIN_S),
    )
    known, alarms = of_blocks.found, of_alarms.found
    told = [f"{len(known)} quarantined: see holdfast quarantine list"] if known else []
    if alarms:
        grave = [f"{count} {what}" for what, count in alarms if what in GRAVE]
        among = f", among them {', '.join(grave)}" if grave else ""
        told.append(f"{sum(count for _, count in alarms)} alarms are open{among}: see holdfast alarms list")
    told += of_silent.found
    told += [
        f"nobody receives the log of the backup with the slot {slot}: see holdfast doctor" for slot in of_slots.found
    ]
    return (*told, *_as_of(of_blocks.age_s, of_alarms.age_s, of_silent.age_s, of_slots.age_s))


def _as_of(*ages_s: float | None) -> list[str]:
    """Said of readings some of which are old; as in `Seen`."""
    known_s = [age_s for age_s in ages_s if age_s is not None]
    if len(known_s) < len(ages_s):
        return ["what else there may be to remark is not known: Postgres does not say"]
    age_s = max(known_s)
    return [f"what there is to remark is as of {age_s:.0f} s ago: Postgres has not said since"] if age_s else []
