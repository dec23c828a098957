"""What an event was at a past instant or position, and what layouts it had: folded from its journal, and never asked of
a shard.

From the newest snapshot at or before, or from the first row. Between slices of a few milliseconds others go on, but the
whole may take long: whoever lets somebody ask bounds how often.
"""

import asyncio
from collections import OrderedDict

import msgspec
import structlog

from actors.core.entries import EventCreated, EventEdited
from actors.core.events import event_layout
from actors.core.ids import BlockId
from actors.core.layout import Layout
from actors.core.snapshot import FORMAT, SnapshotDamaged, restoring
from actors.core.state import BlockState
from actors.journal.in_turn import rows_in_turn
from actors.journal.journal import GENESIS, Journal, JournalRefused, JournalRow, Snapshot
from actors.journal.striking import struck_behind
from actors.journal.succession import JournalDamaged, entries_of_next
from actors.projections.answers import EventLayout, digest_of_layout
from actors.projections.fold import Fold
from actors.projections.shown import Shown, shown_of
from actors.projections.whole import whole_of

_log = structlog.get_logger(__name__)

MAX_LAYOUTS_KNOWN = 5  # a few megabytes each


class Position(msgspec.Struct, frozen=True):
    """After this row of the journal."""

    position: int


class Instant(msgspec.Struct, frozen=True):
    """After the last row that was recorded at this time or before, by the journal's clock."""

    at_ms: int


class ManyJournals(Exception):
    """The event is split: no position is one of all its journals."""


class NotThere(Exception):
    """The journal does not go so far, or did not begin so early."""


class PutAway(NotThere):
    """The rows before this one, the first in the journal, are in an archive."""

    def __init__(self, position: int) -> None:
        super().__init__(position)
        self.position = position


class Past:
    """Events as they were, over a line to the journal. For one question at a time."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._layouts: OrderedDict[tuple[BlockId, int], EventLayout] = OrderedDict()

    async def shown(self, block: BlockId, at: Position | Instant) -> Shown:
        """What was shown then. As of the instant that was asked for, or of when the row was recorded.

        Of an event that is split the whole, as of an instant only, and at position 0. Raises NotThere and PutAway,
        ManyJournals, JournalUnavailable, JournalDamaged.
        """
        home = await self._block(block, at)
        parts = home.event.split.parts
        if not parts:
            return home
        if isinstance(at, Position):
            raise ManyJournals
        shown = {part: await self._block(part, at) for part in parts}
        # this is no moment that the projector has shown
        return msgspec.structs.replace(whole_of(home, shown, with_seats=True), position=0)

    def known_layout(self, block: BlockId, version: int) -> EventLayout | None:
        """The event's layout of this version, if it was asked for, or what was shown had it, a moment ago."""
        known = self._layouts.get((block, version))
        if known is not None:
            self._layouts.move_to_end((block, version))
        return known

    async def layout(self, block: BlockId, version: int) -> EventLayout:
        """The event's layout of this version; of an event that is split, that of all its parts together.

        Read from the first row on: only the entries of the home, of which none is applied. Raises NotThere,
        JournalUnavailable, JournalDamaged.
        """
        known = self.known_layout(block, version)
        if known is not None:
            return known
        first = await self._first_position(block)
        if first > 1:
            raise PutAway(first)
        position, chain, seen = 0, GENESIS, 0
        async for row in rows_in_turn(self._journal, block):
            for entry in entries_of_next(row, position, chain):
                layout = entry.layout if isinstance(entry, EventCreated | EventEdited) else None
                seen += layout is not None
                if layout is not None and seen == version:
                    return self._keep(block, version, layout)
            position, chain = row.position, row.chain
        raise NotThere

    def _keep(self, block: BlockId, version: int, layout: Layout) -> EventLayout:
        digest = digest_of_layout(msgspec.msgpack.encode(layout))
        kept = self._layouts[block, version] = EventLayout(block, version, digest, layout)
        if len(self._layouts) > MAX_LAYOUTS_KNOWN:
            self._layouts.popitem(last=False)
        return kept

    async def _block(self, block: BlockId, at: Position | Instant) -> Shown:
        row = await (self._row(block, at.position) if isinstance(at, Position) else self._last_before(block, at.at_ms))
        if row is None:
            raise NotThere
        fold = await self._fold(block, row.position)
        if fold.state.layout is None:
            raise NotThere
        if not fold.state.home and self.known_layout(block, fold.state.layout_version) is None:
            self._keep(block, fold.state.layout_version, event_layout(fold.state))
        as_of_ms = row.recorded_at_ms if isinstance(at, Position) else at.at_ms
        return shown_of(fold.state, fold.position, as_of_ms)[0]

    async def close(self) -> None:
        """End the line; nothing in flight is waited for."""
        await self._journal.close()

    async def _row(self, block: BlockId, position: int) -> JournalRow | None:
        rows = await self._journal.rows(block, position - 1, 1) if position > 0 else []
        if rows and rows[0].position != position:
            raise PutAway(rows[0].position)
        return rows[0] if rows else None

    async def _first_position(self, block: BlockId) -> int:
        rows = await self._journal.rows(block, 0, 1)
        return rows[0].position if rows else 1

    async def _last_before(self, block: BlockId, at_ms: int) -> JournalRow | None:
        """The last row that was recorded at that time or before: a block's rows are recorded one after the other."""
        if await self._journal.now_ms() < at_ms:
            return None
        head = (await self._journal.heads([block])).heads.get(block)
        first = low = await self._first_position(block)
        last, high = None, head.position if head else 0
        while low <= high:
            middle = (low + high) // 2
            row = await self._row(block, middle)
            if row is not None and row.recorded_at_ms <= at_ms:
                last, low = row, middle + 1
            else:
                high = middle - 1
        if last is None and first > 1:
            raise PutAway(first)
        return last

    async def _fold(self, block: BlockId, position: int) -> Fold:
        """From the newest snapshot that can be read and that the rows behind it fit."""
        below = position
        while (snapshot := await self._newest_snapshot(block, below)) is not None:
            try:
                fold = Fold(block, await _restored(snapshot), snapshot.position, snapshot.chain)
                return await self._followed(fold, position)
            except (SnapshotDamaged, JournalDamaged) as fault:
                _log.error("snapshot is of no use", block=block, position=snapshot.position, because=repr(fault))
                below = snapshot.position - 1
        try:
            return await self._followed(Fold.empty(block), position)
        except JournalDamaged:
            struck = await struck_behind(self._journal, block, 0)
            if not struck:
                raise
        return await self._followed(Fold.empty(block, struck), position)

    async def _newest_snapshot(self, block: BlockId, position: int) -> Snapshot | None:
        try:
            return await self._journal.newest_snapshot(block, FORMAT, position)
        except JournalRefused as refusal:
            _log.error("snapshot cannot be read", block=block, position=position, because=str(refusal))
            return None

    async def _followed(self, fold: Fold, position: int) -> Fold:
        async for row in rows_in_turn(self._journal, fold.block, fold.position, position):
            fold.extend(row)
            fold.let_go(fold.position)
        if fold.position < position:
            raise JournalDamaged(f"the journal ends at row {fold.position}, before row {position}")
        return fold


async def _restored(snapshot: Snapshot) -> BlockState:
    """The state, read in steps. Raises SnapshotDamaged."""
    steps = restoring(snapshot.state)
    while True:
        try:
            next(steps)
        except StopIteration as done:
            state: BlockState = done.value
            return state
        await asyncio.sleep(0)
