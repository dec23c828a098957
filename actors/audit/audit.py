"""The audit of one block, row by row, and of a journal, block by block; then legs of baskets against their desks.

Memory grows with the holds that a block ever had, by some 200 bytes each when they have ended: numbers never come back.
"""

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from typing import Any, Protocol, TypeAlias

import msgspec

from actors.audit.archives import Archives
from actors.audit.baskets import BasketCheck
from actors.audit.books import Books
from actors.audit.denials import DenialCheck, Denied
from actors.audit.findings import Fault, Finding, is_settled
from actors.audit.ledger import Ledger
from actors.audit.replies import Acknowledged, Answered, ReplyCheck
from actors.audit.rows import Row, RowCheck, all_blocks, blocks_put_away, connect_to_read, positions_read, rows_of
from actors.audit.sides import sides_of
from actors.core import entries as e

Struck: TypeAlias = frozenset[tuple[int, int]]


class LiveDigest(msgspec.Struct, frozen=True):
    """What a running server says of a block: the ledger digest after so many entries, in rows up to `position`."""

    ledger_digest: bytes
    entries_applied: int
    position: int


class Watcher(Protocol):
    """Who looks at a block while it is folded. What is found goes to `findings`, which the audit empties."""

    findings: list[Finding]

    def meet(self, entry: e.Entry, position: int, books: Books) -> None:
        """The entry is in the row at `position`; `books` do not have it yet."""
        ...

    def row_over(self, position: int, books: Books) -> None:
        """`books` have all of the row at `position`."""
        ...

    def finish(self, books: Books) -> None:
        """The journal is at its end."""
        ...


class BlockSummary(msgspec.Struct, frozen=True):
    """What was audited of a block. `open_deeds`: what it demanded of legs and did not see acknowledged yet.

    `capacity`: its units; `sold_count`: those of them that are sold at the end.
    """

    block: str
    row_count: int
    entry_count: int
    hold_count: int
    order_count: int
    digest_compared: bool
    open_deeds: int = 0
    capacity: int = 0
    sold_count: int = 0


class InArchive(ValueError):
    """A block that is to be audited has rows in an archive that was not given."""


class BlockAudit:
    """Takes the rows of one block in order, which must reach at least as far as others say to have read them.

    `struck`: the row and the place in it of each entry that does not count. A correction says so, behind it: whoever
    finds in the end that more is `struck` audits anew without that.
    """

    def __init__(
        self,
        block: str,
        answers: Iterable[Answered] = (),
        live: LiveDigest | None = None,
        read_by_others: int = 0,
        watcher: Watcher | None = None,
        struck: Struck = frozenset(),
    ) -> None:
        self._left_out, self.struck = struck, struck
        self._block = block
        self._rows = RowCheck(block)
        self._ledger = Ledger(block)
        told = list(answers)
        self._replies = ReplyCheck(block, (one for one in told if isinstance(one, Acknowledged)))
        self._denials = DenialCheck(block, (one for one in told if isinstance(one, Denied)))
        self._live = live
        self._read_by_others = read_by_others
        self._watcher = watcher
        self._compared = False
        self._row_count = 0

    def take(self, row: Row) -> Iterator[Finding]:
        """Audit the next row; yields what is wrong with it."""
        self._row_count += 1
        entries = self._rows.entries_of(row)
        for place, entry in enumerate(entries or ()):
            if type(entry) is e.Corrected and entry.struck:
                self.struck |= {(position, place) for position, places in entry.struck for place in places}
            self._replies.meet(entry, row.position, self._ledger.books)
            if self._watcher is not None:
                self._watcher.meet(entry, row.position, self._ledger.books)
            is_struck = bool(self._left_out) and (row.position, place) in self._left_out
            self._ledger.fold(entry, row.position, row.epoch, is_struck=is_struck)
            self._denials.meet(self._ledger.written_at_ms, self._ledger.books)
            if self._live is not None and self._ledger.entry_count == self._live.entries_applied:
                yield from self._compare(self._live)
        self._ledger.check_row()
        if self._watcher is not None:
            self._watcher.row_over(row.position, self._ledger.books)
        yield from self._drained()

    def finish(self) -> Iterator[Finding]:
        """The journal is at its end; yields what is missing."""
        self._replies.finish()
        self._denials.finish()
        if self._watcher is not None:
            self._watcher.finish(self._ledger.books)
        if not self._row_count:
            yield self._finding(Fault.JOURNAL_EMPTY, "the block does not exist, or all of its rows are gone")
        elif self._rows.position < self._read_by_others:
            yield self._finding(
                Fault.TAIL_MISSING, f"a snapshot or a projection has read on to row {self._read_by_others}"
            )
        if self._live is not None and not self._compared:
            behind = self._live.entries_applied - self._ledger.entry_count
            yield self._finding(Fault.DIGEST_AHEAD_OF_JOURNAL, f"{behind} entries that the server has are not there")
        yield from self._drained()

    @property
    def books(self) -> Books:
        """What the block came to."""
        return self._ledger.books

    @property
    def is_sound(self) -> bool:
        """Whether all that is struck was left out, as far as is known."""
        return self.struck == self._left_out

    @property
    def settled_position(self) -> int:
        """Up to which row all that was found is settled: by the corrections that ended a quarantine; 0: none did."""
        return self._ledger.books.settled_position

    @property
    def quarantines_ended(self) -> int:
        """The number of the last quarantine that a correction has ended; 0: none did."""
        return self._ledger.books.quarantines_ended

    @property
    def entry_count(self) -> int:
        """How many entries were audited."""
        return self._ledger.entry_count

    def summary(self) -> BlockSummary:
        """What was audited so far."""
        entry_count, books = self._ledger.entry_count, self._ledger.books
        return BlockSummary(
            self._block, self._row_count, entry_count, books.hold_count, len(books.orders), self._compared,
            books.desk.open_deeds, books.plan.capacity, books.sold,
        )  # fmt: skip

    def _compare(self, live: LiveDigest) -> Iterator[Finding]:
        self._compared = True
        position = self._rows.position
        if position > live.position:
            yield self._finding(
                Fault.DIGEST_AHEAD_OF_JOURNAL,
                f"the server named row {live.position} for {live.entries_applied} entries, the last of them is in "
                f"row {position}",
            )
        if self._ledger.digest() != live.ledger_digest:
            yield self._finding(
                Fault.DIGEST_DIFFERS, f"after {live.entries_applied} entries the server owes something else"
            )

    def _finding(self, fault: Fault, sentence: str) -> Finding:
        return Finding(self._block, self._rows.position, fault, sentence)

    def _drained(self) -> Iterator[Finding]:
        for findings in (
            self._rows.findings,
            self._ledger.books.findings,
            self._replies.findings,
            self._denials.findings,
            self._watcher.findings if self._watcher is not None else [],
        ):
            yield from findings
            findings.clear()


class JournalAudit:
    """Audits blocks of a journal in Postgres. `summaries` has those that are done.

    `settled`: what was found in a block's rows, and was looked at by whoever ended a quarantine of it by a correcting
    entry. What is found between blocks is not: one look does not tell whether it was so then, or came since.

    `watchers`: by block; these blocks come first, in their order, so that one watcher can go on from what another saw.

    `archives`: where rows are that are not in the journal any more. `left_out`: blocks whose rows are in others, by the
    names of those; only where nobody asked for them.
    """

    def __init__(
        self,
        database_url: str,
        answers: Mapping[str, Iterable[Answered]] | None = None,
        live: Mapping[str, LiveDigest] | None = None,
        watchers: Mapping[str, Watcher] | None = None,
        archives: Archives | None = None,
    ) -> None:
        self.left_out: dict[str, str] = {}
        self._archives = archives or Archives(())
        self.settled: list[Finding] = []
        self.summaries: list[BlockSummary] = []
        self.row_count = 0
        self._database_url = database_url
        self._answers = answers or {}
        self._live = live or {}
        self._watchers = watchers or {}

    async def run(self, blocks: Iterable[str] | None = None) -> AsyncIterator[Finding]:
        """Everything that is wrong with these blocks, or with all, as they are at one time, block by block.

        Blocks that answers or live digests are about are audited in any case: else what was acknowledged there could be
        lost unseen. Raises InArchive, UnreadableArchive, OSError, asyncpg.PostgresError.
        """
        connection = await connect_to_read(self._database_url)
        try:
            async with connection.transaction(isolation="repeatable_read", readonly=True):
                async for finding in self._run(connection, blocks):
                    yield finding
        finally:
            await connection.close()

    async def _run(self, connection: Any, blocks: Iterable[str] | None) -> AsyncIterator[Finding]:
        asked = None if blocks is None else [*blocks, *self._spoken_of()]
        read_by_others = await positions_read(connection, asked)
        if asked is None:
            asked = [*await all_blocks(connection), *read_by_others, *self._spoken_of()]
        baskets = BasketCheck()
        self.left_out = await self._missing_archives(connection, asked, [*(blocks or ()), *self._spoken_of()])
        for block in dict.fromkeys(each for each in (*self._watchers, *asked) if each not in self.left_out):
            audit, findings = await self._audited(connection, block, read_by_others.get(block, 0))
            for finding in findings:
                if is_settled(finding, audit.settled_position):
                    self.settled.append(finding)
                else:
                    yield finding
            self.summaries.append(audit.summary())
            baskets.take(sides_of(audit.books))
        for finding in baskets.finish(whole=blocks is None, put_away=self.left_out):
            yield finding

    async def _audited(
        self, connection: Any, block: str, read_by_others: int, struck: Struck = frozenset()
    ) -> tuple[BlockAudit, list[Finding]]:
        """The block at its end, and all that is wrong with it; where entries are struck, without those."""
        watcher = self._watchers.get(block)
        answers, live = self._answers.get(block, ()), self._live.get(block)
        audit = BlockAudit(block, answers, live, read_by_others, watcher, struck)
        findings, row_count = list[Finding](), 0
        async for row in self._rows(connection, block):
            row_count += 1
            findings += audit.take(row)
        if not audit.is_sound:
            return await self._audited(connection, block, read_by_others, audit.struck)
        self.row_count += row_count
        return audit, [*findings, *audit.finish()]

    async def _missing_archives(self, connection: Any, asked: Iterable[str], wanted: Iterable[str]) -> dict[str, str]:
        """Those that are asked for and are in archives that were not given; nobody may want one of them by name."""
        away = await blocks_put_away(connection)
        missing = {block: away[block] for block in asked if block in away and block not in self._archives}
        for block in wanted:
            if block in missing:
                raise InArchive(f"rows of {block} are in the archive {missing[block]}: give it with --archive")
        return missing

    async def _rows(self, connection: Any, block: str) -> AsyncIterator[Row]:
        """The block's rows: those that an archive has before the first that is in the journal, and then these."""
        is_first = True
        async for row in rows_of(connection, block):
            if is_first and row.position > 1:
                for archived in self._archives.rows_before(block, row.position):
                    yield archived
            is_first = False
            yield row

    def _spoken_of(self) -> list[str]:
        """The blocks of which clients were told something, or the server tells its state, or that somebody watches."""
        return [*self._answers, *self._live, *self._watchers]
