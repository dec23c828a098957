"""The projector: follows every block's journal, gap-free by position, and lets projections write what became of it.

Several times a second it asks which blocks have moved beyond their positions: those that moved lately, those that it
was told of (`hint`, by shards after their commits), and the next page of the catalogue, which finds the rest. What it
costs does not grow with the number of blocks, only how long a block may wait for its turn whose hint got lost.

Rules it keeps:
- Positions are read from Postgres in every round and move by compare-and-set, in one transaction with the rows. So two
  projectors may run at once, and one that was cut off in the middle goes on from what is committed.
- A bad row stops its block, as does one that Postgres cannot read, and what one block makes a projection fail at stops
  that projection of that block: logged as an error and kept as `quarantined_because`. All others go on. Whether it is
  the row that is bad, or the snapshot that the block was folded from, shows when it is folded once more from its first
  row.
- Where an operator has struck entries, all that was derived from the block's journal is derived anew without them.
- A quarantine ends when the block can be followed again. What Postgres has refused is tried again after a while, as it
  may pass; everything that is quarantined is when a projector starts, as that may be a newer one;
  `positions.Positions.rebuild` is for what was mended otherwise.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence

import msgspec
import structlog

from actors.core.ids import BlockId
from actors.core.snapshot import FORMAT
from actors.database.line import LineUnavailable
from actors.journal.journal import Journal, JournalRefused, JournalRow, JournalUnavailable, Snapshot
from actors.journal.striking import Struck, struck_behind
from actors.journal.succession import JournalDamaged
from actors.projections.fold import Fold, Folds
from actors.projections.positions_port import BlocksRefused, FollowedPositions, Seen, Step
from actors.projections.projection import Display, Progress, Projection

_log = structlog.get_logger(__name__)

ROUND_S = 0.2  # how often a block that sells is written, at most
RETRY_S = 1.0
REFUSED_RETRY_S = 10.0  # as a shard does
BLOCKS_PER_PAGE = 1_000
BLOCKS_PER_SLICE = 50
ROWS_PER_SLICE = 1_000  # of each block
FOLLOWED_S = 10.0  # a block that has just moved is looked at in every round
MAX_HINTS = 10_000
MAX_FOLDS_BYTES = 256 * 1024 * 1024


class Projector:
    """Keeps these projections up to date.

    `journal` is asked for snapshots, and what is struck; `display` shows what is committed.
    """

    def __init__(
        self,
        positions: FollowedPositions,
        journal: Journal,
        projections: Sequence[Projection],
        *,
        display: Display | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        blocks_per_page: int = BLOCKS_PER_PAGE,
        rows_per_slice: int = ROWS_PER_SLICE,
        max_folds_bytes: int = MAX_FOLDS_BYTES,
    ) -> None:
        self._positions = positions
        self._journal = journal
        self._projections = {projection.name: projection for projection in projections}
        self._display = display
        self._monotonic = monotonic
        self._blocks_per_page = blocks_per_page
        self._rows_per_slice = rows_per_slice
        self._folds = Folds(max_folds_bytes)
        self._page_start: BlockId | None = None
        self._hinted: set[BlockId] = set()
        self._from_first_row: set[BlockId] = set()  # to be folded so, whatever snapshots there are
        self._struck: dict[BlockId, Struck] = {}  # what does not count, of blocks that were folded so
        self._lost_from: dict[BlockId, dict[str, Seen]] = {}  # where they were when a move was last lost
        self._followed_until: dict[BlockId, float] = {}
        self._again_at: dict[BlockId, float] = {}  # quarantined, and when to try whether that can end

    def hint(self, blocks: Iterable[BlockId]) -> None:
        """These blocks have moved: look at them in the next round. A hint may get lost; then the sweep finds them."""
        self._hinted.update(blocks)
        while len(self._hinted) > MAX_HINTS:
            self._hinted.pop()

    async def run(self) -> None:
        """Follow for ever; while Postgres is away, wait for it."""
        greeted = False
        while True:
            begun = self._monotonic()
            pause_s = 0.0
            try:
                if not greeted:
                    await self._greet()
                    greeted = True
                if not await self.round():
                    pause_s = max(0.0, begun + ROUND_S - self._monotonic())
            except (LineUnavailable, JournalUnavailable) as fault:
                _log.warning("projector waits for postgres", because=str(fault))
                pause_s = RETRY_S
            await asyncio.sleep(pause_s)

    async def round(self) -> bool:
        """Follow what has moved, and go one page on in the sweep; True if some block has yet more rows.

        Raises LineUnavailable, JournalUnavailable: what is committed is committed, the next round goes on from there.
        """
        now = self._monotonic()
        self._followed_until = {block: until for block, until in self._followed_until.items() if until > now}
        due = [block for block, at in self._again_at.items() if at <= now][:BLOCKS_PER_SLICE]
        hinted = frozenset(self._hinted)
        also = hinted | self._followed_until.keys()
        found = await self._positions.behind(self._page_start, self._blocks_per_page, also, list(self._projections))
        moved = [block for block in found.blocks if block not in due]
        has_more = False
        for start in range(0, len(moved), BLOCKS_PER_SLICE):
            blocks = moved[start : start + BLOCKS_PER_SLICE]
            self._followed_until.update(dict.fromkeys(blocks, now + FOLLOWED_S))
            has_more |= await self._follow(await self._seen(blocks))
        for block in due:
            has_more |= await self._try_again(block)
        self._hinted -= hinted
        self._page_start = found.page_end
        return has_more

    async def close(self) -> None:
        """Give up the lines to Postgres; nothing in flight is waited for."""
        await self._positions.close()
        await self._journal.close()

    async def _greet(self) -> None:
        """Say what is quarantined, and try all of it again: this may be a build that knows better."""
        for stopped in await self._positions.quarantined():
            _log.error("projection is quarantined", **msgspec.structs.asdict(stopped))
            self._again_at[stopped.block] = self._monotonic()

    async def _seen(self, blocks: Sequence[BlockId]) -> dict[BlockId, dict[str, Seen]]:
        """Where the projections of these blocks are that are not quarantined."""
        seen = await self._positions.seen(list(self._projections), blocks)
        return {block: active for block, of_block in seen.items() if (active := _active(of_block))}

    async def _try_again(self, block: BlockId) -> bool:
        """Follow the block with all its projections, quarantined or not; True if there are yet more rows."""
        due_at = self._again_at[block]
        has_more = await self._follow(await self._positions.seen(list(self._projections), [block]))
        if not has_more and self._again_at.get(block) == due_at:  # else it is to be tried later, or no more
            del self._again_at[block]
        return has_more

    async def _follow(self, active: dict[BlockId, dict[str, Seen]]) -> bool:
        """Fold the next rows of these blocks, and let the projections write; True if there are yet more rows."""
        try:
            folds, has_more = await self._folds_of(active)
            found = await self._positions.rows(
                {block: fold.position for block, fold in folds.items()}, self._rows_per_slice
            )
        except BlocksRefused as refusal:
            return await self._follow_apart(active, refusal)
        has_more |= bool(found.cut)
        steps: dict[str, list[Step]] = {name: [] for name in self._projections}
        for block, fold in folds.items():
            seen, is_cut = active[block], block in found.cut
            try:
                _extend(fold, found.of_block[block], found.read_at_ms, is_cut=is_cut)
                ahead = _steps(fold, seen, is_cut=is_cut)
            except JournalDamaged as damage:
                has_more |= await self._begin_anew_or_stop(block, seen, str(damage))
            else:
                self._folds.keep(fold)
                if not is_cut:
                    self._from_first_row.discard(block)
                    await self._end_quarantine(fold, seen)
                for name, step in ahead.items():
                    steps[name].append(step)
            await asyncio.sleep(0)  # a long slice must not keep hints from coming in
        lost: set[BlockId] = set()
        for name, of_name in steps.items():
            lost |= await self._write(self._projections[name], of_name)
        await self._show(
            step.progress for of_name in steps.values() for step in of_name if step.progress.block not in lost
        )
        for block, fold in folds.items():
            self._end_turn(fold, active[block], lost=block in lost)
        return has_more

    def _end_turn(self, fold: Fold, seen: dict[str, Seen], *, lost: bool) -> None:
        """All has been written of the fold's rows; or not, as they or the positions have changed meanwhile."""
        if not lost:
            fold.let_go(fold.position)
            self._lost_from.pop(fold.block, None)
        elif self._lost_from.get(fold.block) == seen:  # nobody has moved the block: the rows that were folded are gone
            self._folds.drop(fold.block)
        else:
            self._lost_from[fold.block] = seen

    async def _follow_apart(self, active: dict[BlockId, dict[str, Seen]], refusal: BlocksRefused) -> bool:
        """Follow each of these blocks by itself, as one of them cannot be; if there is only one, it is stopped."""
        if len(active) > 1:
            return any([await self._follow({block: seen}) for block, seen in active.items()])
        for block, seen in active.items():
            self._folds.drop(block)
            self._from_first_row.discard(block)
            await self._quarantine(block, seen, f"its rows cannot be read: {refusal}", is_refused=True)
        return False

    async def _begin_anew_or_stop(self, block: BlockId, seen: dict[str, Seen], because: str) -> bool:
        """True if the block is to be folded from its first row; if it was, it is stopped."""
        self._folds.drop(block)
        if block not in self._from_first_row:
            _log.warning("rows do not fit: folding from the first row", block=block, because=because)
            self._from_first_row.add(block)
            return True
        if await self._is_struck_anew(block):
            return True
        self._from_first_row.discard(block)
        await self._quarantine(block, seen, because)
        return False

    async def _is_struck_anew(self, block: BlockId) -> bool:
        """Whether it is known only now that something in the journal does not count: what was derived from it goes."""
        try:
            struck = await struck_behind(self._journal, block, 0)
        except JournalRefused as refusal:
            _log.error("what is struck cannot be read", block=block, because=str(refusal))
            return False
        if struck <= self._struck.get(block, frozenset()):
            return False
        _log.warning("struck entries do not count: deriving it anew", block=block, count=len(struck))
        self._struck[block] = struck
        await self._positions.rebuild(block)
        return True

    async def _folds_of(self, active: dict[BlockId, dict[str, Seen]]) -> tuple[dict[BlockId, Fold], bool]:
        """The folds of those blocks that have one, and whether others are to begin anew. Raises BlocksRefused."""
        folds: dict[BlockId, Fold] = {}
        begin_anew = False
        for block, seen in active.items():
            try:
                folds[block] = await self._fold(block, seen)
            except JournalDamaged as damage:
                begin_anew |= await self._begin_anew_or_stop(block, seen, str(damage))
        return folds, begin_anew

    async def _fold(self, block: BlockId, seen: dict[str, Seen]) -> Fold:
        """The block as of where the last of its projections is, or as of a later row: what comes next is new to one.

        All the way at once, so that a fold that cannot be kept in memory gets further each time. Where the journal ends
        before, so does the fold. Raises BlocksRefused, JournalDamaged.
        """
        lowest = min(one.position for one in seen.values())
        fold = self._folds.get(block)
        if fold is None or fold.floor > lowest:
            fold = await self._newest_fold(block, lowest)
        while fold.position < lowest:
            found = await self._positions.rows({block: fold.position}, self._rows_per_slice)
            if not found.of_block[block]:
                break
            _extend(fold, found.of_block[block], found.read_at_ms, is_cut=block in found.cut)
            fold.let_go(min(fold.position, lowest))
            await asyncio.sleep(0)
        return fold

    async def _newest_fold(self, block: BlockId, lowest: int) -> Fold:
        """The block as of the newest snapshot at or below this position, or before its first row."""
        with_snapshot = lowest and block not in self._from_first_row
        snapshot = await self._newest_snapshot(block, lowest) if with_snapshot else None
        if snapshot is not None:
            try:
                return Fold.from_snapshot(snapshot)
            except Exception as fault:  # noqa: BLE001 - whatever is wrong with it, the rows are all there
                _log.error("snapshot cannot be read", block=block, position=snapshot.position, because=repr(fault))
        return Fold.empty(block, self._struck.get(block, frozenset()))

    async def _newest_snapshot(self, block: BlockId, position: int) -> Snapshot | None:
        """None as well where there is one that Postgres cannot read."""
        try:
            return await self._journal.newest_snapshot(block, FORMAT, position)
        except JournalRefused as refusal:
            _log.error("snapshot cannot be read", block=block, position=position, because=str(refusal))
            return None

    async def _write(self, projection: Projection, steps: Sequence[Step], *, was_tried: bool = False) -> set[BlockId]:
        """Let the projection write and move; the blocks that another projector, or a failover, moved meanwhile."""
        if not steps:
            return set()
        try:
            ours = await self._positions.move(projection, steps)
        except LineUnavailable:
            raise
        except Exception as fault:  # noqa: BLE001 - a bug or bad rows, unless it passes: stop only the one to blame
            if not was_tried:
                _log.warning("projection is tried again, by block", projection=projection.name, because=repr(fault))
                return {block for step in steps for block in await self._write(projection, [step], was_tried=True)}
            block, stopped = steps[0].progress.block, {projection.name: steps[0].seen}
            is_refused = isinstance(fault, BlocksRefused)
            await self._quarantine(block, stopped, f"it cannot be written: {fault!r}", is_refused=is_refused)
            return set()
        for step in steps:
            if step.seen.quarantined_because and step.progress.block in ours:
                _log.warning("projection follows again", projection=projection.name, block=step.progress.block)
        return {step.progress.block for step in steps} - ours

    async def _show(self, written: Iterable[Progress]) -> None:
        """Let each block be seen once as it is now, whichever projections wrote of it."""
        progress = {one.block: one for one in written}
        if self._display is not None and progress:
            await self._display.show(list(progress.values()))

    async def _quarantine(
        self, block: BlockId, seen: dict[str, Seen], because: str, *, is_refused: bool = False
    ) -> None:
        """Stop these projections of the block; to try them again after a while if it is Postgres that has refused."""
        now = self._monotonic()
        if is_refused:
            self._again_at[block] = now + REFUSED_RETRY_S
        elif block in self._again_at and self._again_at[block] <= now:
            del self._again_at[block]
        for name in await self._positions.quarantine(block, seen, because):
            _log.error("projection is quarantined", projection=name, block=block, because=because)

    async def _end_quarantine(self, fold: Fold, seen: dict[str, Seen]) -> None:
        """Of what was stopped where the journal ends, and so need not move. The others end theirs by moving."""
        stopped = {name: one for name, one in seen.items() if one.quarantined_because and one.position == fold.position}
        if stopped:
            for name in await self._positions.end_quarantine(fold.block, stopped):
                _log.warning("projection follows again", projection=name, block=fold.block)


def _active(seen: dict[str, Seen]) -> dict[str, Seen]:
    """What is not quarantined."""
    return {name: one for name, one in seen.items() if one.quarantined_because is None}


def _extend(fold: Fold, rows: Sequence[JournalRow], read_at_ms: int, *, is_cut: bool) -> None:
    """Apply the rows that were found; `is_cut`: there may be more. Raises JournalDamaged."""
    for row in rows:
        fold.extend(row)
    if not is_cut:
        fold.as_of_ms = max(fold.as_of_ms, read_at_ms)
    elif rows:
        fold.as_of_ms = max(fold.as_of_ms, rows[-1].recorded_at_ms)


def _steps(fold: Fold, seen: dict[str, Seen], *, is_cut: bool) -> dict[str, Step]:
    """What each projection has to write of. One that is ahead of the fold waits for it, if that is to go on.

    Raises JournalDamaged.
    """
    steps = {}
    for name, one in seen.items():
        if one.position > fold.position and is_cut:
            continue
        rows = fold.rows_behind(one.position, one.chain)
        if rows:
            steps[name] = Step(one, Progress(fold.block, rows, fold.state, fold.as_of_ms))
    fold.let_go(min(fold.position, *(one.position for one in seen.values())))
    return steps
