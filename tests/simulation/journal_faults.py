"""The journal's database in a simulated run: what goes wrong with its statements, who wrote what, and a lost tail."""

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Coroutine, Sequence
from contextvars import ContextVar
from functools import partial
from random import Random
from typing import Any, NamedTuple, TypeVar

from actors.apart import look_at
from actors.core.ids import BlockId
from actors.journal.journal import Appended, Heads, JournalRefused, JournalRow, JournalUnavailable, NewRow
from actors.journal.memory import MemoryStore, Statement
from tests.simulation.clocks import loop_s
from tests.simulation.faults import AFTER_DEATH, BEHIND_A_LOOK, IN_A_PAUSE, Fault, Faults
from tests.simulation.loads import Takes
from tests.simulation.virtual_time import Process, current_process

MOST_UNDONE = 500
BOUND_S = 5.0
STRANDED = 0.5  # of what dead processes have sent arrives late
STRANDED_S = 8.0
COMMITS = frozenset(("append", "until_replicated", "save_snapshot"))
"""Statements that are answered when the replica has what they have written."""

T = TypeVar("T")

_sender: ContextVar[Process | None] = ContextVar("sender", default=None)


class Database(Process):
    """The database as a process: what was sent to it is carried out, whatever becomes of who sent it."""

    def __init__(self) -> None:
        super().__init__("database")

    def carry_out(self, work: Coroutine[Any, Any, T]) -> "asyncio.Task[T]":
        """Run what who runs now has sent. If it fails and nobody is left who waits for it, nobody minds."""
        context = self.context.copy()
        context.run(_sender.set, current_process())
        serving = asyncio.get_running_loop().create_task(work, context=context)
        serving.add_done_callback(look_at, context=self.context)
        return serving


def sender() -> Process | None:
    """Who sent the statement that runs now, if it is a process."""
    return _sender.get() or current_process()


class LostRow(NamedTuple):
    """A row that a failover lost: when it was written, and when it was lost."""

    written_s: float
    at_s: float
    row: JournalRow


class ReplicaAway:
    """A replica that commits wait for, and that does not answer: until the primary dies, and on until that is over."""

    def __init__(self) -> None:
        self.died = asyncio.Event()
        self.over = asyncio.Event()
        self.writers: set[Process] = set()  # of rows that only the primary has


class WatchedStore(MemoryStore):
    """A database that remembers in which order it changed, so that the last changes can be lost together.

    `on_row` is told of each new row, with who wrote it and who wrote the block's row before; `on_statement`, of how
    many rows came together. `landed` counts the rows that their writers have not lived to see, or not seen come.
    """

    def __init__(self, clock_ms: Callable[[], int]) -> None:
        super().__init__(clock_ms)
        self.on_row: Callable[[NewRow, Process | None, Process | None], None] = lambda *_: None
        self.on_statement: Callable[[int], None] = lambda _: None
        self.failover_count = 0
        self.lost_tail_count = 0
        self.break_count = 0  # of all connections, as the primary died
        self.replica_away: ReplicaAway | None = None
        self.withdrawn: set[BlockId] = set()  # of which a failover lost what was acknowledged to nobody
        self.away_until_s = 0.0
        self.lost: dict[BlockId, list[LostRow]] = {}  # others may stand there by now
        self._changes: deque[tuple[float, BlockId | None, Callable[[], None]]] = deque(maxlen=MOST_UNDONE)
        self._unreplicated: list[tuple[BlockId, int]] = []  # the last changes, all of them rows, with their positions
        self._writers: dict[BlockId, Process | None] = {}
        self.landed = Counter[str]()
        self._looks: dict[BlockId, tuple[Process | None, int]] = {}  # the last: who looked, and how many rows it saw
        self._awaited_looks: dict[BlockId, asyncio.Future[None]] = {}

    def append(self, rows: Sequence[NewRow]) -> Appended:
        """See `Journal.append`."""
        lengths = [len(self.journals.get(new.row.block, ())) for new in rows]
        appended = super().append(rows)
        writer, new_count = sender(), 0
        for new, length in zip(rows, lengths, strict=True):
            block = new.row.block
            if len(self.journals.get(block, ())) > length:
                new_count += 1
                self._changes.append((loop_s(), block, partial(self._pop, block)))
                self._note_unreplicated(new, writer)
                self.on_row(new, writer, self._writers.get(block))
                self._writers[block] = writer
                if writer is not None:
                    self._count_landing(block, writer, length)
        self.on_statement(new_count)
        return appended

    def heads(self, blocks: Sequence[BlockId]) -> Heads:
        """See `Journal.heads`."""
        for block in blocks:
            self._looks[block] = sender(), len(self.journals.get(block, ()))
            looked_at = self._awaited_looks.pop(block, None)
            if looked_at is not None and not looked_at.done():
                looked_at.set_result(None)
        return super().heads(blocks)

    async def until_looked_at(self, blocks: Sequence[BlockId], within_s: float) -> None:
        """Until somebody looks at the head of one of these blocks, for so many seconds at most."""
        looked_at = asyncio.get_running_loop().create_future()
        self._awaited_looks.update(dict.fromkeys(blocks, looked_at))
        await asyncio.wait((looked_at,), timeout=within_s)

    def _count_landing(self, block: BlockId, writer: Process, length: int) -> None:
        looked, seen = self._looks.get(block, (writer, 0))
        if writer.dead:
            self.landed[AFTER_DEATH] += 1
            if looked is not writer and seen == length:
                self.landed[BEHIND_A_LOOK] += 1
        elif writer.paused:
            self.landed[IN_A_PAUSE] += 1

    def _pop(self, block: BlockId) -> None:
        self.journals[block].pop()
        if not self.journals[block]:
            del self.journals[block]

    def changed(self, undo: Callable[[], None]) -> None:
        """Something else was committed, which `undo` takes back. The replica has it, and so all before it."""
        self._changes.append((loop_s(), None, undo))
        self._unreplicated.clear()

    def is_replicated(self, block: BlockId, position: int) -> bool:
        """Whether no failover to the replica loses this row."""
        return (block, position) not in self._unreplicated

    def _note_unreplicated(self, new: NewRow, writer: Process | None) -> None:
        if self.replica_away is not None:
            self._unreplicated.append((new.row.block, new.row.position))
            self.replica_away.writers.update(() if writer is None else (writer,))

    def lose_replica(self) -> ReplicaAway:
        """From now on commits wait in vain."""
        self._unreplicated.clear()
        self.replica_away = ReplicaAway()
        return self.replica_away

    def die(self, away_s: float) -> None:
        """The primary dies, and is back after a while: what it had flushed is there, and acknowledged to nobody."""
        assert self.replica_away is not None, "nothing waits"
        self._break_off(away_s)
        self.replica_away.died.set()

    def take_over(self, away_s: float) -> int:
        """The replica becomes the primary; how many rows are gone that it does not have."""
        self._break_off(away_s)
        self.failover_count += 1
        gone = len(self._unreplicated)
        for block, _ in self._unreplicated:
            self._changes.pop()[2]()
            self.withdrawn.add(block)
        self.find_replica()
        return gone

    def find_replica(self) -> None:
        """Commits are waited for no more: the replica has what there is."""
        if self.replica_away is not None:
            self.replica_away.over.set()
        self.replica_away = None
        self._unreplicated.clear()

    def _break_off(self, away_s: float) -> None:
        self.break_count += 1
        self.away_until_s = loop_s() + away_s

    def fail_over(self, row_count: int, away_s: float) -> int:
        """To a replica that lags by so many rows and by what was committed after them; how many rows were lost."""
        self._break_off(away_s)
        self.failover_count += 1
        self.lost_tail_count += 1
        self._unreplicated.clear()
        lost = 0
        while self._changes and lost < row_count:
            written_s, block, undo = self._changes.pop()
            if block is not None:
                lost += 1
                self.lost.setdefault(block, []).append(LostRow(written_s, loop_s(), self.journals[block][-1]))
            undo()
        return lost


class DeadLine(NamedTuple):
    """Of what is sent until then nothing arrives, or nothing is answered. `is_silent`: nobody is told."""

    until_s: float
    is_silent: bool
    loses_answers: bool


class JournalFaults:
    """Delays always; now and then fails, loses an acknowledgement, lets a line hang, or will have none of a block."""

    def __init__(self, random: Random, faults: Faults, store: WatchedStore, takes_s: Takes) -> None:
        """`takes_s`: how long a statement is on its way."""
        self._random = random
        self._takes_s = takes_s
        self._faults = faults
        self._store = store
        self._refused_until_s: dict[BlockId, float] = {}
        self._to_write: dict[Process | None, asyncio.Future[None]] = {}
        self._flushed: set[Statement] = set()  # by a primary that then died
        self._appends: dict[Process | None, Statement] = {}  # the last of each
        self._dead_lines: dict[Process | None, DeadLine] = {}
        self._again: set[tuple[Process | None, str]] = set()  # of whom which statement is the next to take too long

    async def until_writing(self, process: Process, within_s: float) -> None:
        """Until an append of this process is on its way, for so many seconds at most."""
        begun = self._to_write[process] = asyncio.get_running_loop().create_future()
        await asyncio.wait((begun,), timeout=within_s)
        self._to_write.pop(process, None)

    def cut_off(self, process: Process, for_s: float) -> None:
        """Nothing that the process sends for so long arrives, or nothing is answered; it is told, or hears nothing."""
        kind = self._random.randrange(3)
        self._dead_lines[process] = DeadLine(loop_s() + for_s, is_silent=kind > 0, loses_answers=kind > 1)

    def rows_of(self, process: Process) -> Sequence[NewRow]:
        """Those that the process has sent and waits for."""
        last = self._appends.get(process)
        return () if last is None or last.cut.is_set() else last.rows

    async def before(self, statement: Statement) -> None:
        faults, rate = self._faults, self._faults.rate
        breaks = self._store.break_count
        if statement.name == "append":
            self._appends[sender()] = statement
            if (begun := self._to_write.pop(sender(), None)) is not None:
                begun.set_result(None)
        self._refuse_while_away()
        await asyncio.sleep(self._takes_s(self._random))
        await self._lose_on_dead_line(is_answer=False)
        if faults.strikes(Fault.REFUSED, rate):
            self._count(Fault.REFUSED)
            raise JournalUnavailable("refused")
        if statement.name == "append" and statement.blocks and faults.strikes(Fault.NO_ROOM, rate):
            self._count(Fault.NO_ROOM)
            raise JournalUnavailable("no room", "53100")
        self._refuse_blocks(statement)
        await self._delay(statement)
        if statement.name == "append" and _is_dead() and self._random.random() < STRANDED:
            await self._store.until_looked_at(statement.blocks, STRANDED_S)
        if breaks == self._store.break_count and statement.name in COMMITS and await self._is_flushed_in_vain():
            self._flushed.add(statement)
            return
        self._refuse_while_away()
        if breaks != self._store.break_count:
            raise JournalUnavailable("the connection broke")

    async def _is_flushed_in_vain(self) -> bool:
        """Wait for the replica, if it is away; whether the primary has died meanwhile, with what it had flushed."""
        away = self._store.replica_away
        if away is None:
            return False
        if away.died.is_set():
            await away.over.wait()
            return False
        await away.died.wait()
        return True

    async def _delay(self, statement: Statement) -> None:
        faults, rate = self._faults, self._faults.rate
        if faults.strikes(Fault.LATE, rate / 3):
            await asyncio.sleep(self._random.uniform(0.5, BOUND_S - 1))
            if statement.name == "append" or not _is_dead():
                faults.took_effect(Fault.LATE)
        if statement.name not in ("newest_snapshot", "save_snapshot"):
            await self._time_out(statement)
        if statement.name in ("rows", "newest_snapshot") and faults.strikes(Fault.SLOW_REPLAY, 5 * rate):
            await asyncio.sleep(self._random.uniform(0.5, 3))
            self._count(Fault.SLOW_REPLAY)

    async def _time_out(self, statement: Statement) -> None:
        faults, rate, of = self._faults, self._faults.rate, (sender(), statement.name)
        is_again = of in self._again
        self._again.discard(of)
        if not is_again and faults.strikes(Fault.TIMED_OUT_AGAIN, rate / 5):
            self._again.add(of)
        elif not is_again and not faults.strikes(Fault.TIMED_OUT, rate / 5):
            return
        await asyncio.sleep(self._random.uniform(BOUND_S + 0.1, BOUND_S + 4))
        if is_again:
            self._count(Fault.TIMED_OUT_AGAIN)
        elif of not in self._again:
            self._count(Fault.TIMED_OUT)

    async def _lose_on_dead_line(self, *, is_answer: bool) -> None:
        """Raise if that is lost: at once where the line says so; where it is silent, when it is not dead any more."""
        dead = self._dead_lines.get(sender())
        if dead is None or loop_s() >= dead.until_s or dead.loses_answers != is_answer:
            return
        self._count(Fault.LINE_DEAD)
        if dead.is_silent:
            await asyncio.sleep(dead.until_s - loop_s())
        raise JournalUnavailable("the line is dead")

    def _count(self, fault: Fault) -> None:
        """It took effect, if somebody is there whom it meets."""
        if not _is_dead():
            self._faults.took_effect(fault)

    def _refuse_while_away(self) -> None:
        if asyncio.get_running_loop().time() < self._store.away_until_s:
            raise JournalUnavailable("failing over", "57P03")

    def _refuse_blocks(self, statement: Statement) -> None:
        if statement.name not in ("append", "heads", "rows", "newest_snapshot") or "" in statement.blocks:
            return
        now_s = asyncio.get_running_loop().time()
        if statement.blocks and self._faults.strikes(Fault.REFUSED_BLOCK, self._faults.rate / 20):
            self._refused_until_s[self._random.choice(statement.blocks)] = now_s + self._random.uniform(0.01, 1)
        if any(now_s < self._refused_until_s.get(block, 0) for block in statement.blocks):
            self._count(Fault.REFUSED_BLOCK)
            raise JournalRefused("of no use", "XX001")

    async def after(self, statement: Statement) -> None:
        if statement in self._flushed:
            self._flushed.remove(statement)
            raise JournalUnavailable("the primary died")
        await self._lose_on_dead_line(is_answer=True)
        if self._faults.strikes(Fault.ACK_LOST, self._faults.rate):
            if statement.name == "append":
                self._count(Fault.ACK_LOST)
            raise JournalUnavailable("the acknowledgement was lost")


def _is_dead() -> bool:
    """Whether who sent the statement that runs now does not live to see what comes of it."""
    waiting = sender()
    return waiting is not None and waiting.dead
