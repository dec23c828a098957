"""The journal's database in a simulated run: what goes wrong with its statements, who wrote what, and a lost tail."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from random import Random
from typing import NamedTuple

from actors.core.ids import BlockId
from actors.journal.journal import Appended, JournalRefused, JournalRow, JournalUnavailable, NewRow
from actors.journal.memory import MemoryStore, Statement
from tests.simulation.clocks import loop_s
from tests.simulation.faults import Fault, Faults
from tests.simulation.virtual_time import Process, current_process

MOST_UNDONE = 500
BOUND_S = 5.0


class LostRow(NamedTuple):
    """A row that a failover lost: when it was written, and when it was lost."""

    written_s: float
    at_s: float
    row: JournalRow


class WatchedStore(MemoryStore):
    """A database that remembers in which order it changed, so that the last changes can be lost together.

    `on_row` is told of each new row, with who wrote it and who wrote the block's row before.
    """

    def __init__(self, clock_ms: Callable[[], int]) -> None:
        super().__init__(clock_ms)
        self.on_row: Callable[[NewRow, Process | None, Process | None], None] = lambda *_: None
        self.failover_count = 0
        self.away_until_s = 0.0
        self.lost: dict[BlockId, list[LostRow]] = {}  # others may stand there by now
        self._changes: deque[tuple[float, BlockId | None, Callable[[], None]]] = deque(maxlen=MOST_UNDONE)
        self._writers: dict[BlockId, Process | None] = {}

    def append(self, rows: Sequence[NewRow]) -> Appended:
        """See `Journal.append`."""
        lengths = [len(self.journals.get(new.row.block, ())) for new in rows]
        appended = super().append(rows)
        writer = current_process()
        for new, length in zip(rows, lengths, strict=True):
            block = new.row.block
            if len(self.journals.get(block, ())) > length:
                self._changes.append((loop_s(), block, partial(self._pop, block)))
                self.on_row(new, writer, self._writers.get(block))
                self._writers[block] = writer
        return appended

    def _pop(self, block: BlockId) -> None:
        self.journals[block].pop()
        if not self.journals[block]:
            del self.journals[block]

    def changed(self, undo: Callable[[], None]) -> None:
        """Something else was committed, which `undo` takes back."""
        self._changes.append((loop_s(), None, undo))

    def fail_over(self, row_count: int, away_s: float) -> int:
        """To a replica that lags by so many rows and by what was committed after them; how many rows were lost."""
        self.failover_count += 1
        self.away_until_s = loop_s() + away_s
        lost = 0
        while self._changes and lost < row_count:
            written_s, block, undo = self._changes.pop()
            if block is not None:
                lost += 1
                self.lost.setdefault(block, []).append(LostRow(written_s, loop_s(), self.journals[block][-1]))
            undo()
        return lost


class JournalFaults:
    """Delays always; now and then fails, loses an acknowledgement, lets a line hang, or will have none of a block."""

    def __init__(self, random: Random, faults: Faults, store: WatchedStore) -> None:
        self._random = random
        self._faults = faults
        self._store = store
        self._refused_until_s: dict[BlockId, float] = {}

    async def before(self, statement: Statement) -> None:
        faults, rate = self._faults, self._faults.rate
        failovers = self._store.failover_count
        self._refuse_while_away()
        await asyncio.sleep(self._random.uniform(0.0002, 0.002))
        if faults.strikes(Fault.REFUSED, rate):
            faults.took_effect(Fault.REFUSED)
            raise JournalUnavailable("refused")
        if statement.name == "append" and statement.blocks and faults.strikes(Fault.NO_ROOM, rate):
            faults.took_effect(Fault.NO_ROOM)
            raise JournalUnavailable("no room", "53100")
        self._refuse_blocks(statement)
        await self._delay(statement)
        self._refuse_while_away()
        if failovers != self._store.failover_count:
            raise JournalUnavailable("the connection broke")

    async def _delay(self, statement: Statement) -> None:
        faults, rate = self._faults, self._faults.rate
        if faults.strikes(Fault.LATE, rate / 3):
            faults.took_effect(Fault.LATE)
            await asyncio.sleep(self._random.uniform(0.5, BOUND_S - 1))
        if statement.name not in ("newest_snapshot", "save_snapshot") and faults.strikes(Fault.TIMED_OUT, rate / 5):
            faults.took_effect(Fault.TIMED_OUT)
            await asyncio.sleep(self._random.uniform(BOUND_S + 0.1, BOUND_S + 4))
        if statement.name in ("rows", "newest_snapshot") and faults.strikes(Fault.SLOW_REPLAY, 5 * rate):
            faults.took_effect(Fault.SLOW_REPLAY)
            await asyncio.sleep(self._random.uniform(0.5, 3))

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
            self._faults.took_effect(Fault.REFUSED_BLOCK)
            raise JournalRefused("of no use", "XX001")

    async def after(self, statement: Statement) -> None:
        if self._faults.strikes(Fault.ACK_LOST, self._faults.rate):
            if statement.name == "append":
                self._faults.took_effect(Fault.ACK_LOST)
            raise JournalUnavailable("the acknowledgement was lost")
