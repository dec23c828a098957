"""Projectors of a simulated run: the shipped one and two of three shipped projections, over tables in memory."""

import asyncio
from collections.abc import Collection, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from actors.core.ids import BlockId
from actors.database.line import LineUnavailable
from actors.journal.journal import JournalRow
from actors.journal.memory import MemoryJournal
from actors.projections import availability, deadlines, positions
from actors.projections.availability import AvailabilityProjection
from actors.projections.deadlines import DeadlinesProjection
from actors.projections.positions_port import Behind, FoundRows, Quarantined, Seen, Step
from actors.projections.projection import Projection
from actors.projections.projector import Projector
from tests.simulation.clocks import loop_s
from tests.simulation.faults import Fault
from tests.simulation.virtual_time import Process, current_process

if TYPE_CHECKING:
    from tests.simulation.world import World

WRITE_S = 0.004
IDLE_IN_TRANSACTION_S = 30.0
WAIT_S = 0.01
CREATED, AS_OF = "availability, as created", "availability, as of"
"""What the rows of availability have besides: what `create` wrote; position and time."""

Key = tuple[str, BlockId]


class Tables:
    """What projections have committed: `rows` by projection and block, and the positions."""

    def __init__(self) -> None:
        self.positions: dict[Key, Seen] = {}
        self.rows: dict[Key, tuple[object, ...]] = {}
        self.went_back: list[str] = []  # must stay empty: absolute values of before over those of after
        self.holder: tuple[Process | None, float, object] | None = None  # of the positions' rows, in a transaction


class Transaction:
    """What the shipped projections ask of a connection: their own statements, carried out in memory."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._created: set[BlockId] = set()
        self.written: dict[Key, tuple[object, ...] | None] = {}

    async def execute(self, query: str, *columns: Sequence[Any]) -> None:
        """A statement that returns nothing."""
        await asyncio.sleep(WRITE_S)
        if query == deadlines._SQL["forget"]:
            self.written.update({("deadlines", block): None for block in columns[0]})
        elif query == deadlines._SQL["remember"]:
            self.written.update({("deadlines", block): (due,) for block, due in zip(*columns, strict=True)})
        else:
            assert query == availability._SQL["create"], query
            self._created.update(columns[0])
            self.written.update({(CREATED, block): tuple(fixed) for block, *fixed in zip(*columns, strict=True)})

    async def fetchval(self, query: str, *columns: Sequence[Any]) -> int:
        """A statement that says how many rows it changed."""
        assert query == availability._SQL["change"], query
        await asyncio.sleep(WRITE_S)
        changed = [
            (block, (position, as_of_ms), tuple(shown))
            for block, position, as_of_ms, *shown in zip(*columns, strict=True)
            if block in self._created or ("availability", block) in self._tables.rows
        ]
        self.written.update({("availability", block): shown for block, _, shown in changed})
        self.written.update({(AS_OF, block): as_of for block, as_of, _ in changed})
        return len(changed)


class MemoryPositions:
    """See `FollowedPositions`: one projector's line to the tables. Positions move by compare-and-set."""

    def __init__(self, world: "World", tables: Tables) -> None:
        self._world = world
        self._tables = tables

    async def behind(
        self, page_start: BlockId | None, page_limit: int, also: Collection[BlockId], projections: Sequence[str]
    ) -> Behind:
        """See `FollowedPositions.behind`."""
        await self._answer()
        catalogue = sorted(self._world.catalogue.owners)
        page = [block for block in catalogue if block > (page_start or "")][:page_limit]
        behind = sorted(block for block in {*page, *also} if any(self._is_behind(name, block) for name in projections))
        return Behind(behind, page[-1] if page and len(page) == page_limit else None)

    def _is_behind(self, name: str, block: BlockId) -> bool:
        rows, seen = self._world.store.journals.get(block), self._tables.positions.get((name, block))
        if not rows:
            return False
        return seen is None or (seen.position != rows[-1].position and seen.quarantined_because is None)

    async def seen(self, projections: Sequence[str], blocks: Sequence[BlockId]) -> dict[BlockId, dict[str, Seen]]:
        """See `FollowedPositions.seen`."""
        await self._answer()
        for key in [(name, block) for block in blocks for name in projections]:
            if key not in self._tables.positions:
                self._stand(key, Seen())
        return {block: {name: self._tables.positions[name, block] for name in projections} for block in blocks}

    async def rows(self, behind: dict[BlockId, int], limit: int) -> FoundRows:
        """See `FollowedPositions.rows`."""
        await self._answer()
        ahead = [
            (row.position - position, block, row)
            for block, position in behind.items()
            for row in [row for row in self._world.store.journals.get(block, ()) if row.position > position][:limit]
        ]
        found: dict[BlockId, list[JournalRow]] = {block: [] for block in behind}
        size_bytes = 0
        for _, block, row in sorted(ahead, key=lambda one: one[:2]):
            if size_bytes >= positions.MAX_ROWS_BYTES:
                break
            found[block].append(row)
            size_bytes += len(row.entries)
        is_full = size_bytes >= positions.MAX_ROWS_BYTES
        cut = frozenset(block for block, rows in found.items() if is_full or len(rows) >= limit)
        return FoundRows(found, cut, self._world.now_ms() if ahead else 0)

    async def move(self, projection: Projection, steps: Sequence[Step]) -> set[BlockId]:
        """See `FollowedPositions.move`."""
        await self._answer()
        tables, breaks, ticket = self._tables, self._world.store.break_count, object()
        await self._hold_rows(ticket)
        try:
            ours = [step for step in steps if self.is_unmoved(projection.name, step)]
            if len(ours) < len(steps) and sum(not projector.process.dead for projector in self._world.projectors) > 1:
                self._world.faults.took_effect(Fault.PROJECTOR_DOUBLE)
            transaction = Transaction(tables)
            await projection.write(transaction, [step.progress for step in ours])
            await asyncio.sleep(WRITE_S)
            ended = tables.holder is None or tables.holder[2] is not ticket
            if ended or self._world.store.replica_away is not None or breaks != self._world.store.break_count:
                raise LineUnavailable("the transaction was ended")
            self._commit(projection.name, ours, transaction)
        finally:
            if tables.holder is not None and tables.holder[2] is ticket:
                tables.holder = None
        if self._world.faults.strikes(Fault.PROJECTOR_CUT, 2 * self._world.faults.rate):
            self._world.faults.took_effect(Fault.PROJECTOR_CUT)
            raise LineUnavailable("committed, and nobody heard")
        return {step.progress.block for step in ours}

    def is_unmoved(self, name: str, step: Step) -> bool:
        """Compare: whether the projection stands where it was seen, and the row where it is to stand is there."""
        end = step.progress.rows[-1].row
        found = self._world.store.row_at(end.block, end.position)
        unmoved = self._tables.positions.get((name, end.block)) == step.seen
        return unmoved and found is not None and found.chain == end.chain

    async def _hold_rows(self, ticket: object) -> None:
        """Wait for whoever has the rows in a transaction; one whose process is dead or silent is ended."""
        tables = self._tables
        while tables.holder is not None:
            process, since_s, _ = tables.holder
            if (process is not None and process.dead) or loop_s() - since_s > IDLE_IN_TRANSACTION_S:
                break
            await asyncio.sleep(WAIT_S)
        tables.holder = current_process(), loop_s(), ticket

    def _commit(self, name: str, steps: Sequence[Step], transaction: Transaction) -> None:
        tables = self._tables
        for step in steps:
            end, key = step.progress.rows[-1].row, (name, step.progress.block)
            before = tables.positions.get(key, Seen()).position
            if end.position <= before:
                tables.went_back.append(f"{name} of {key[1]} went from {before} to {end.position}")
            self._stand(key, Seen(end.position, end.chain))
        rows_before = {key: tables.rows.get(key) for key in transaction.written}
        self._write(transaction.written)
        self._world.store.changed(lambda: self._write(rows_before))

    def _stand(self, key: Key, seen: Seen) -> None:
        """From now on, unless a failover loses that."""
        stood = self._tables.positions
        self._world.store.changed(partial(self._take_back, key, stood.get(key)))
        stood[key] = seen

    def _take_back(self, key: Key, before: Seen | None) -> None:
        if before is None:
            del self._tables.positions[key]
        else:
            self._tables.positions[key] = before

    def _write(self, written: dict[Key, tuple[object, ...] | None]) -> None:
        for key, row in written.items():
            if row is None:
                self._tables.rows.pop(key, None)
            else:
                self._tables.rows[key] = row
            if key[0] == DeadlinesProjection.name:
                self._world.catalogue.deadlines[key[1]] = None if row is None else int(str(row[0]))

    async def quarantine(self, block: BlockId, seen: dict[str, Seen], because: str) -> list[str]:
        """See `FollowedPositions.quarantine`."""
        await self._answer()
        stood = self._tables.positions
        stopped = [
            name
            for name, one in seen.items()
            if self._stands(name, block, one.position) and stood[name, block].quarantined_because != because
        ]
        for name in stopped:
            self._stand((name, block), Seen(stood[name, block].position, stood[name, block].chain, because))
        return stopped

    async def end_quarantine(self, block: BlockId, seen: dict[str, Seen]) -> list[str]:
        """See `FollowedPositions.end_quarantine`."""
        await self._answer()
        stood = self._tables.positions
        sound = [
            name
            for name, one in seen.items()
            if self._stands(name, block, one.position) and stood[name, block].quarantined_because is not None
        ]
        for name in sound:
            self._stand((name, block), Seen(stood[name, block].position, stood[name, block].chain))
        return sound

    def _stands(self, name: str, block: BlockId, position: int) -> bool:
        seen = self._tables.positions.get((name, block))
        return seen is not None and seen.position == position

    async def rebuild(self, block: BlockId) -> list[str]:
        """See `FollowedPositions.rebuild`."""
        await self._answer()
        names = [name for name, of_block in self._tables.positions if of_block == block]
        for name in names:
            self._stand((name, block), Seen())
        return names

    async def quarantined(self) -> list[Quarantined]:
        """See `FollowedPositions.quarantined`."""
        await self._answer()
        return [
            Quarantined(name, block, seen.quarantined_because)
            for (name, block), seen in sorted(self._tables.positions.items(), key=_by_block)
            if seen.quarantined_because is not None
        ]

    async def close(self) -> None:
        """Nothing is open."""

    async def _answer(self) -> None:
        await asyncio.sleep(self._world.random.uniform(0.0005, 0.002))
        faults = self._world.faults
        if loop_s() < self._world.store.away_until_s:
            raise LineUnavailable("failing over")
        if faults.strikes(Fault.PROJECTOR_CUT, faults.rate / 2):
            faults.took_effect(Fault.PROJECTOR_CUT)
            raise LineUnavailable("cut off")


def _by_block(of: tuple[Key, Seen]) -> tuple[BlockId, str]:
    (name, block), _ = of
    return block, name


class ProjectorProcess:
    """A projector as a process."""

    def __init__(self, world: "World", tables: Tables, name: str) -> None:
        self.process = Process(name)
        self._tables = tables
        self.projector = Projector(
            MemoryPositions(world, tables),
            MemoryJournal(world.store),
            (AvailabilityProjection(), DeadlinesProjection()),
            monotonic=loop_s,
        )
        self.process.start(self.projector.run())

    @property
    def in_transaction(self) -> bool:
        """Whether it has begun to write and not committed."""
        return self._tables.holder is not None and self._tables.holder[0] is self.process
