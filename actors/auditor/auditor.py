"""The continuous audit: follows every block's journal, row by row, and stops a block rather than let it sell wrongly.

Several times a second it asks where journals end: those that moved lately, those that it was told of (`hint`), and the
next page of the catalogue, which finds the rest. Rows are read and judged by the audit's own code; nothing that it does
is waited for by anybody who sells.

Rules it keeps:
- A block is judged when it is audited to where its journal ended when last looked at; a danger in its rows at once,
  unless a correction stands further on (`judging`).
- The row that was audited last must still be there when the next ones are read. If it is not, the journal has gone
  back, as after a failover that lost its last rows, which is no fault of the block: it is audited anew, and an alarm
  is kept, as somebody may have been told of the row.
- What is found is told once, and quarantines the block if it is a danger to who buys next (`dangers`), unless a
  correcting entry has settled it. A quarantine that cannot be imposed, as Postgres is away, is imposed later.
- Audits of blocks are kept up to about so much memory; another begins at its first row when the block moves, and every
  block gets its turn whatever sells (`turns`). What blocks show each other is always kept.
- A block whose rows cannot be read, or at which the audit itself fails, is told of as not audited, and tried again;
  all others go on. What was found in the rows before is judged at once. If it stays so, an alarm is kept, and a row
  that is damaged stops the block; a fault of the audit's own does not, nor what only a newer release knows. So it is
  where what a block shows others cannot be told or compared (`failures`).
- A block that a newer cluster has claimed is stopped by none but that cluster's auditor; others keep an alarm.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence

import msgspec
import structlog

from actors.audit.findings import Fault, Finding
from actors.audit.rows import Row
from actors.auditor.alarms import NOT_AUDITED, Alarm, alarm_of_gone
from actors.auditor.consequences import Consequences
from actors.auditor.crossing import OVERDUE_S, Crossing
from actors.auditor.failures import JUDGING_BETWEEN, SHOWING, Failures
from actors.auditor.figures import AuditorFigures
from actors.auditor.follower import LEG_BYTES, Follower, RowNotKnown
from actors.auditor.journals import Heads, Page, RowsRefused, Span
from actors.auditor.judging import Judging
from actors.auditor.ports import Imposing, Noting, Reading
from actors.auditor.shown import ShownMemory
from actors.auditor.turns import Turns
from actors.database.line import LineUnavailable

_log = structlog.get_logger(__name__)

ROUND_S = 0.5
RETRY_S = 1.0
FOLLOWED_S = 10.0  # a block that has just moved is looked at in every round
BLOCKS_PER_PAGE = 1_000
BLOCKS_PER_SLICE = 50
ROWS_PER_SLICE = 1_000  # of each block
ROWS_PER_TURN = 20  # of the event loop
MAX_HINTS = 10_000
MAX_KEPT_BYTES = 512 * 1024 * 1024
NEAR_ROWS = 5_000  # so near to the end of all journals, blocks can be held against each other
WRONG_TOLD_EVERY_S = 60.0
LAGGING_TOLD = 10
LATE_S = 60.0


class Auditor:
    """Keeps every block audited. `figures` say how far it is."""

    def __init__(
        self,
        journals: Reading,
        quarantines: Imposing,
        alarms: Noting,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        blocks_per_page: int = BLOCKS_PER_PAGE,
        rows_per_slice: int = ROWS_PER_SLICE,
        max_kept_bytes: int = MAX_KEPT_BYTES,
    ) -> None:
        self._journals = journals
        self._consequences = Consequences(quarantines, alarms)
        self._failures = Failures(self._consequences, monotonic)
        self._judging = Judging(self._consequences, self._failures)
        self._monotonic = monotonic
        self._blocks_per_page = blocks_per_page
        self._rows_per_slice = rows_per_slice
        self._followers: dict[str, Follower] = {}
        self._turns = Turns(max_kept_bytes)
        self._page_start: str | None = None
        self._swept = False
        self._hinted: set[str] = set()
        self._followed_until: dict[str, float] = {}
        self._crossing = Crossing(monotonic)
        self._shown = ShownMemory(monotonic)
        self._looked_at_s = monotonic()
        self._waits_because = ""
        self._figures = AuditorFigures()
        self._wrong_told_at_s = float("-inf")

    def hint(self, blocks: Iterable[str]) -> None:
        """These blocks have moved: look at them in the next round. A hint may get lost; then the sweep finds them."""
        self._hinted.update(blocks)
        while len(self._hinted) > MAX_HINTS:
            self._hinted.pop()

    @property
    def figures(self) -> AuditorFigures:
        """What there is to tell now."""
        now = self._monotonic()
        failing = self._failures.unaudited
        lags = sorted(
            (
                one.lag(now, failing.get(one.block, ""))
                for one in self._followers.values()
                if one.is_behind or one.trouble or one.block in failing
            ),
            key=lambda lag: (bool(lag.trouble), lag.seconds, lag.rows),
            reverse=True,
        )
        shown = [one.shown_leg_count for one in self._followers.values() if one.shows_something]
        crossed_at_s = self._crossing.done_at_s
        looked_ago_s = round(now - self._looked_at_s, 3)
        return msgspec.structs.replace(
            self._figures,
            finding_count=self._consequences.finding_count,
            alarm_count=self._consequences.alarm_count,
            stopped_count=self._consequences.stopped_count,
            unkept_count=self._consequences.unkept_count,
            block_count=len(self._followers),
            kept_count=len(self._turns.kept),
            kept_bytes=self._turns.kept_bytes,
            max_kept_bytes=self._turns.max_kept_bytes,
            again_count=self._turns.again_count,
            waiting_seconds=round(self._turns.waiting_s(now), 3),
            unaudited_count=sum(bool(lag.trouble) for lag in lags),
            lag_rows=sum(lag.rows for lag in lags),
            lag_seconds=max(0.0, looked_ago_s if self._waits_because else 0.0, *(lag.seconds for lag in lags)),
            lagging=tuple(lags[:LAGGING_TOLD]),
            crossed_count=self._crossing.done_count,
            crossed_ago_s=None if crossed_at_s is None else round(now - crossed_at_s, 3),
            looked_ago_s=looked_ago_s,
            waits_because=self._waits_because,
            uncrossed_seconds=round(self._crossing.overdue_s, 3),
            crossing_block_count=len(shown),
            crossing_leg_count=sum(shown),
            crossing_bytes=sum(shown) * LEG_BYTES,
        )

    async def run(self) -> None:
        """Audit for ever; while Postgres is away, wait for it."""
        while True:
            begun = self._monotonic()
            pause_s = 0.0
            try:
                if not await self.round():
                    pause_s = max(0.0, begun + ROUND_S - self._monotonic())
                self._waits_because = ""
            except LineUnavailable as fault:
                _log.warning("auditor waits for postgres", because=str(fault))
                self._waits_because = f"Postgres cannot be asked: {fault}"
                pause_s = RETRY_S
            self._tell_what_is_wrong()
            await asyncio.sleep(pause_s)

    async def round(self) -> bool:
        """Audit the next rows of what has moved, and go one page on in the sweep; True if there are yet more rows.

        Raises LineUnavailable: the next round goes on from where this one was.
        """
        await self._consequences.carry_out(tries_again=True)
        await self._look()
        self._crossing.wish(is_wanted=any(one.shows_something for one in self._followers.values()))
        if self._crossing.is_due and self._is_near():
            moment = await self._journals.all_heads()
            self._note(moment)
            self._crossing.begin(moment.positions, moment.put_away)
        await self._follow(self._due())
        await self._judge()
        await self._cross()
        self._note_what_lasts()
        return any(not one.trouble and one.is_behind for one in self._followers.values())

    async def close(self) -> None:
        """Give up the lines to Postgres; nothing in flight is waited for."""
        await self._journals.close()
        await self._consequences.close()

    async def _look(self) -> None:
        """Where the journals end of a page of the catalogue, and of those blocks that move."""
        now = self._monotonic()
        self._followed_until = {block: until for block, until in self._followed_until.items() if until > now}
        hinted = frozenset(self._hinted)
        found = await self._journals.heads(
            self._page_start, self._blocks_per_page, hinted | self._followed_until.keys()
        )
        self._hinted -= hinted
        self._looked_at_s = now
        self._note(found)
        self._page_start = found.page_end
        self._swept = self._swept or found.page_end is None

    def _note(self, heads: Heads) -> None:
        now = self._monotonic()
        for block in sorted(heads.put_away & self._followers.keys()):
            self._forget(block)
        for block, position in heads.positions.items():
            follower = self._followers.get(block)
            if follower is None:
                follower = self._followers[block] = Follower(block)
            follower.target = position
            chain = heads.chains.get(block)
            follower.is_doubted = position == follower.reached and chain not in (None, follower.reached_chain)
            if follower.is_behind:
                self._followed_until[block] = now + FOLLOWED_S
                if follower.behind_since_s is None:
                    follower.behind_since_s = now

    def _forget(self, block: str) -> None:
        """Whoever wants to read it needs its archive."""
        del self._followers[block]
        self._turns.forget(block)
        self._failures.forget(block)

    def _is_near(self) -> bool:
        """Whether every journal is audited almost to its end, and something is to be held against something."""
        behind = [one for one in self._followers.values() if one.is_behind and not one.trouble]
        return self._swept and self._crossing.is_wanted and sum(one.lag_rows for one in behind) <= NEAR_ROWS

    def _due(self) -> list[Follower]:
        """The blocks to read on."""
        now = self._monotonic()
        behind = [
            one
            for one in self._followers.values()
            if (self._end_of(one) != one.position or one.is_doubted) and not one.waits(now)
        ]
        return self._turns.due(behind, now)

    def _end_of(self, follower: Follower) -> int:
        """Up to which row it is to be audited now."""
        moment = self._crossing.moment
        if moment is None:
            return follower.target
        return moment.get(follower.block, follower.position)

    async def _follow(self, due: Sequence[Follower]) -> None:
        for start in range(0, len(due), BLOCKS_PER_SLICE):
            await self._follow_slice(due[start : start + BLOCKS_PER_SLICE], self._rows_per_slice)
            self._make_room()

    async def _follow_slice(self, slice_: Sequence[Follower], row_count: int) -> None:
        """Audit the next rows of these. Where some are refused, all that stand before them are audited nevertheless."""
        for follower in slice_:
            if follower.is_doubted or self._end_of(follower) < follower.reached:
                await self._has_begun_anew(follower)
            if not follower.is_kept:
                follower.begin()
        slice_ = [one for one in slice_ if one.block in self._followers and not one.waits(self._monotonic())]
        spans = {one.block: Span(one.position, self._end_of(one)) for one in slice_}
        try:
            pages = await self._journals.rows(spans, row_count)
        except RowsRefused as refusal:
            if len(slice_) > 1:
                for follower in slice_:
                    await self._follow_slice((follower,), row_count)
            elif row_count > 1:
                await self._follow_slice(slice_, row_count // 2)
            else:
                self._refused(slice_[0], slice_[0].position + 1, refusal)
            return
        for follower in slice_:
            self._turns.was_read(follower)
            await self._audit(follower, pages[follower.block])

    async def _audit(self, follower: Follower, page: Page) -> None:
        if not follower.is_where(page.known):
            if not await self._has_begun_anew(follower):
                follower.begin()
            return
        before = follower.entry_count
        for place, row in enumerate(page.rows):
            if row.position == follower.reached and row.chain != follower.reached_chain:
                self._tell_gone(follower, row, row.position)
                follower.forget_before()
            try:
                follower.take(row)
            except Exception as bug:  # noqa: BLE001 - the audit's, or rows that no audit expects: only this block
                _log.error("the audit of a block fails", block=follower.block, position=row.position, exc_info=bug)
                fails = f"the audit fails at row {row.position}: {bug!r}"
                self._trouble(follower, row.position, str(bug) if isinstance(bug, RowNotKnown) else fails)
                return
            if follower.position != row.position:
                return  # it begins again, without what the row strikes
            if place % ROWS_PER_TURN == 0:
                await asyncio.sleep(0)  # a long slice must not keep hints from coming in
        self._count(row_count=len(page.rows), entry_count=follower.entry_count - before)
        if self._end_of(follower) == follower.position:
            follower.go_on()
        if not follower.is_behind:
            follower.behind_since_s = None

    async def _has_begun_anew(self, follower: Follower) -> bool:
        """Whether its last row is gone indeed, so that it is audited anew. A block that was put away is forgotten."""
        block, position = follower.block, follower.reached
        heads = await self._journals.heads(None, 0, (block,))
        follower.is_doubted = False
        if block in heads.put_away:
            self._forget(block)
            return False
        try:
            known = (await self._journals.rows({block: Span(position, position)}, 1))[block].known
        except RowsRefused as refusal:
            self._refused(follower, position, refusal)
            return False
        if known is not None and known.chain == follower.reached_chain:
            return False
        self._tell_gone(follower, known, heads.positions.get(block, 0))
        self._count(begun_anew_count=1)
        self._crossing.give_up()
        follower.begin_anew()
        return True

    def _tell_gone(self, follower: Follower, now_there: Row | None, end: int) -> None:
        """A row that was audited is not there any more. Somebody may have heard of it: an operator is to say."""
        _log.error("a row that was audited is gone", block=follower.block, row=follower.reached, journal_ends_at=end)
        there = None if now_there is None else now_there.chain
        self._consequences.alarm(alarm_of_gone(follower.block, follower.reached, follower.reached_chain, there, end))

    def _refused(self, follower: Follower, position: int, refusal: RowsRefused) -> None:
        damaged = Finding(follower.block, position, Fault.ENTRIES_UNREADABLE, f"Postgres cannot read it: {refusal}")
        because = f"row {position} cannot be read: {refusal}"
        self._trouble(follower, position, because, damaged if refusal.is_damage else None)

    def _trouble(self, follower: Follower, position: int, because: str, damaged: Finding | None = None) -> None:
        """It cannot be audited on from this row. `damaged`: what is found if that stays so."""
        if follower.trouble != because:
            _log.error("block is not audited", block=follower.block, because=because)
        now = self._monotonic()
        was_stuck = follower.is_stuck
        follower.stop(because, now)
        if follower.is_stuck:
            self._consequences.alarm(Alarm(follower.block, position, NOT_AUDITED, because, recurs=not was_stuck))
            if damaged is not None:
                follower.cut_short.add(damaged)

    def _make_room(self) -> None:
        """Let go of audits, so that there is room for those that are read."""
        for follower in self._turns.to_let_go(self._followed_until):
            with self._failures.kept(follower.block, NOT_AUDITED, SHOWING):
                follower.let_go()

    async def _judge(self) -> None:
        """Tell what was found in blocks, as far as it can be judged by now."""
        for follower in self._followers.values():
            await self._judging.judge(follower, is_at_end=self._end_of(follower) == follower.position)
        await self._consequences.carry_out()

    async def _cross(self) -> None:
        """Hold blocks against each other, if all of them are audited up to the moment."""
        self._crossing.give_up_late()
        moment = self._crossing.moment
        if moment is None:
            return
        there = [one for block, one in self._followers.items() if block in moment and not one.trouble]
        if any(one.position != moment[one.block] for one in there):
            return
        for follower, findings in await self._crossing.compare(there, self._failures):
            with self._failures.kept(follower.block, NOT_AUDITED, JUDGING_BETWEEN):
                self._consequences.tell(follower.news_between(findings))
        await self._consequences.carry_out()

    def _note_what_lasts(self) -> None:
        """An alarm while blocks are not held against each other or one is not read on for minutes, or much is kept."""
        followers = self._followers.values()
        for alarm in (
            self._crossing.overdue_alarm(one for one in followers if one.is_behind or one.trouble),
            self._turns.overdue_alarm(self._monotonic()),
            self._shown.alarm(sum(one.shown_leg_count for one in followers) * LEG_BYTES),
        ):
            if alarm is not None:
                self._consequences.alarm(alarm)

    def _count(self, **more: int) -> None:
        changed = {name: getattr(self._figures, name) + count for name, count in more.items()}
        self._figures = msgspec.structs.replace(self._figures, **changed)

    def _tell_what_is_wrong(self) -> None:
        now = self._monotonic()
        if now - self._wrong_told_at_s < WRONG_TOLD_EVERY_S:
            return
        figures = self.figures
        is_late = figures.lag_seconds > LATE_S or figures.uncrossed_seconds > OVERDUE_S
        if figures.finding_count or figures.unaudited_count or is_late:
            self._wrong_told_at_s = now
            _log.warning("the audit is not well", **msgspec.to_builtins(figures))
