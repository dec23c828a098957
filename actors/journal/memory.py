"""The journal in memory, for simulations: the rules of `Journal`, and faults as an injected script decides them.

A `MemoryStore` is the database, a `MemoryJournal` one line to it; two owners compete over two lines. Time is the event
loop's and the store's clock; nothing here is random.
"""

import asyncio
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Protocol, TypeAlias, TypeVar

from actors.apart import apart, look_at
from actors.core.ids import BlockId
from actors.journal.journal import (
    GENESIS,
    MAX_ROWS_BYTES,
    SNAPSHOT_BOUND_MS,
    STATEMENT_BOUND_MS,
    Appended,
    Head,
    Heads,
    JournalLate,
    JournalRow,
    JournalUnavailable,
    NewRow,
    Snapshot,
)

R = TypeVar("R")

Start: TypeAlias = Callable[[Coroutine[Any, Any, Any]], "asyncio.Task[Any]"]


class Statement:
    """One statement on its way, as a script of faults sees it."""

    def __init__(self, name: str, blocks: Sequence[BlockId] = (), rows: Sequence[NewRow] = ()) -> None:
        self.name = name  # of the method of `Journal`
        self.blocks = tuple(blocks)
        self.rows = tuple(rows)  # of an append
        self.cut = asyncio.Event()  # nobody waits for the answer any more


class Faults(Protocol):
    """What goes wrong with a statement. Both may sleep, wait for `statement.cut`, or raise JournalUnavailable.

    A statement that was cut is still carried out, unless `before` raises: a database does not notice a closed socket.
    """

    async def before(self, statement: Statement) -> None:
        """Called before the store carries the statement out; if it raises, the store never does."""
        ...

    async def after(self, statement: Statement) -> None:
        """Called when the statement is durable and before its answer is seen; if it raises, the answer is lost."""
        ...


class NoFaults:
    """Every statement arrives and is answered."""

    async def before(self, statement: Statement) -> None:
        """See `Faults.before`."""

    async def after(self, statement: Statement) -> None:
        """See `Faults.after`."""


class MemoryStore:
    """What every line sees: rows in order per block, snapshots, and the journal's clock in milliseconds."""

    def __init__(self, clock_ms: Callable[[], int]) -> None:
        self.clock_ms = clock_ms
        self.journals: dict[BlockId, list[JournalRow]] = {}
        self.snapshots: dict[tuple[BlockId, int], list[Snapshot]] = {}

    def row_at(self, block: BlockId, position: int) -> JournalRow | None:
        """The block's row at this position."""
        rows = self.journals.get(block, [])
        index = bisect_left(rows, position, key=_position)
        return rows[index] if index < len(rows) and rows[index].position == position else None

    def remove(self, block: BlockId, position: int) -> None:
        """Lose a row, as a failover to a replica that lags would."""
        self.journals[block] = [row for row in self.journals[block] if row.position != position]

    def append(self, rows: Sequence[NewRow]) -> Appended:
        """See `Journal.append`."""
        durable = set()
        for new in rows:
            journal = self.journals.get(new.row.block, [])
            if follows(journal[-1] if journal else None, new):
                self.journals.setdefault(new.row.block, journal).append(new.row)
                durable.add(new.row.block)
            elif already_there(self.row_at(new.row.block, new.row.position), new.row):
                durable.add(new.row.block)
        return Appended(frozenset(durable), frozenset(new.row.block for new in rows) - durable, self.clock_ms())

    def heads(self, blocks: Sequence[BlockId]) -> Heads:
        """See `Journal.heads`."""
        last = {block: self.journals[block][-1] for block in blocks if self.journals.get(block)}
        return Heads({block: Head(row.position, row.epoch, row.chain) for block, row in last.items()}, self.clock_ms())

    def until_replicated(self, block: BlockId, position: int, chain: bytes) -> bool:
        """See `Journal.until_replicated`; there are no replicas."""
        row = self.row_at(block, position)
        return row is not None and row.chain == chain

    def rows(self, block: BlockId, after_position: int, limit: int) -> list[JournalRow]:
        """See `Journal.rows`."""
        rows = self.journals.get(block, [])
        start = bisect_right(rows, after_position, key=_position)
        found: list[JournalRow] = []
        bytes_before = 0
        for row in rows[start : start + limit]:
            if bytes_before >= MAX_ROWS_BYTES:
                break
            found.append(row)
            bytes_before += len(row.entries)
        return found

    def save_snapshot(self, snapshot: Snapshot) -> None:
        """See `Journal.save_snapshot`."""
        kept = self.snapshots.get((snapshot.block, snapshot.format), [])
        below = [other for other in kept if other.position < snapshot.position]
        above = [other for other in kept if other.position > snapshot.position]
        self.snapshots[snapshot.block, snapshot.format] = [*below[-1:], snapshot, *above]

    def newest_snapshot(self, block: BlockId, format_: int, below_position: int) -> Snapshot | None:
        """See `Journal.newest_snapshot`."""
        for snapshot in reversed(self.snapshots.get((block, format_), [])):
            row = self.row_at(block, snapshot.position)
            if snapshot.position <= below_position and row is not None and row.chain == snapshot.chain:
                return snapshot
        return None


def follows(head: JournalRow | None, new: NewRow) -> bool:
    """Whether the row follows its block's head and extends that head's chain."""
    if head is None:
        return new.row.position == 1 and new.prev_chain == GENESIS
    return new.row.position == head.position + 1 and new.prev_chain == head.chain


def already_there(found: JournalRow | None, sent: JournalRow) -> bool:
    """Whether the row at that position is the very row that was sent."""
    return found is not None and found.chain == sent.chain


def _position(row: JournalRow) -> int:
    return row.position


class MemoryJournal:
    """A line to a `MemoryStore` (see `Journal`); a statement that takes longer than its bound is cut.

    `start` runs the store's half of a statement: a database goes on with it, whatever becomes of who waits for it.
    """

    def __init__(
        self,
        store: MemoryStore,
        *,
        faults: Faults | None = None,
        bound_ms: int = STATEMENT_BOUND_MS,
        snapshot_bound_ms: int = SNAPSHOT_BOUND_MS,
        start: Start = asyncio.create_task,
    ) -> None:
        self._store = store
        self._faults = faults or NoFaults()
        self._bound_ms = bound_ms
        self._snapshot_bound_ms = snapshot_bound_ms
        self._start = start
        self._turn = asyncio.Lock()
        self._running: Statement | None = None
        self._closed = False

    async def append(self, rows: Sequence[NewRow]) -> Appended:
        """See `Journal.append`."""
        assert len({new.row.block for new in rows}) == len(rows), "one row per block"
        statement = Statement("append", [new.row.block for new in rows], rows)
        return await self._in_turn(statement, lambda: self._store.append(rows))

    async def heads(self, blocks: Sequence[BlockId]) -> Heads:
        """See `Journal.heads`."""
        return await self._in_turn(Statement("heads", blocks), lambda: self._store.heads(blocks))

    async def until_replicated(self, block: BlockId, position: int, chain: bytes) -> bool:
        """See `Journal.until_replicated`."""
        return await self._in_turn(
            Statement("until_replicated", [block]), lambda: self._store.until_replicated(block, position, chain)
        )

    async def rows(self, block: BlockId, after_position: int, limit: int) -> list[JournalRow]:
        """See `Journal.rows`."""
        return await self._in_turn(Statement("rows", [block]), lambda: self._store.rows(block, after_position, limit))

    async def save_snapshot(self, snapshot: Snapshot) -> None:
        """See `Journal.save_snapshot`."""
        statement = Statement("save_snapshot", [snapshot.block])
        await self._in_turn(statement, lambda: self._store.save_snapshot(snapshot), self._snapshot_bound_ms)

    async def newest_snapshot(self, block: BlockId, format_: int, below_position: int) -> Snapshot | None:
        """See `Journal.newest_snapshot`."""
        return await self._in_turn(
            Statement("newest_snapshot", [block]),
            lambda: self._store.newest_snapshot(block, format_, below_position),
            self._snapshot_bound_ms,
        )

    async def now_ms(self) -> int:
        """See `Journal.now_ms`."""
        return await self._in_turn(Statement("now_ms"), self._store.clock_ms)

    async def close(self) -> None:
        """See `Journal.close`."""
        self._closed = True
        if self._running is not None:
            self._running.cut.set()

    async def _in_turn(self, statement: Statement, carry_out: Callable[[], R], bound_ms: int | None = None) -> R:
        """Run the statement when it is its turn, in a task of its own: a caller that goes away cancels nothing."""
        return await apart(self._run(statement, carry_out, bound_ms or self._bound_ms))

    async def _run(self, statement: Statement, carry_out: Callable[[], R], bound_ms: int) -> R:
        async with self._turn:
            if self._closed:
                raise JournalUnavailable("the line is closed")
            self._running = statement
            serving: asyncio.Task[R] = self._start(self._serve(statement, carry_out))
            serving.add_done_callback(look_at)
            bound = asyncio.get_running_loop().call_later(bound_ms / 1000, statement.cut.set)
            cut = asyncio.create_task(statement.cut.wait())
            try:
                await asyncio.wait((serving, cut), return_when=asyncio.FIRST_COMPLETED)
                if statement.cut.is_set() and not self._closed:
                    raise JournalLate("the line was cut by the statement's bound")
                if statement.cut.is_set():
                    raise JournalUnavailable("the line was cut")
                return serving.result()
            finally:
                bound.cancel()
                statement.cut.set()
                self._running = None

    async def _serve(self, statement: Statement, carry_out: Callable[[], R]) -> R:
        await self._faults.before(statement)
        done = carry_out()
        await self._faults.after(statement)
        return done
