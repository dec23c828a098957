"""The continuous auditor of a simulated run, as a process: the shipped one, over the journals in memory.

Its reads fail now and then, and it dies: the next one begins at the first row. What it has found and told is kept, as
the catalogue would. All that befalls it is drawn for itself: nobody else's chance depends on it.
It finds nothing while all of Holdfast does what it should, but for what a failover has lost.
"""

import asyncio
from collections.abc import Callable, Collection, Iterator, Mapping
from random import Random
from typing import TYPE_CHECKING

from actors.audit.findings import Fault as Wrong
from actors.audit.findings import Finding
from actors.auditor.alarms import GONE, Alarm
from actors.auditor.auditor import Auditor
from actors.auditor.journals import Heads, Page, Span
from actors.catalogue.quarantines import Ends
from actors.core.ids import BlockId
from actors.database.line import LineUnavailable
from tests.simulation.clocks import loop_s
from tests.simulation.faults import Fault
from tests.simulation.journal_audit import row_of
from tests.simulation.journal_faults import WatchedStore
from tests.simulation.lost_tails import Excuses
from tests.simulation.virtual_time import Process

if TYPE_CHECKING:
    from tests.simulation.world import World

ANSWER_S = 0.001
CUT_RATE = 0.05
CRASHES_AFTER_S = (4.0, 20.0)
AWAY_S = 3.0


class MemoryReading:
    """See `actors.auditor.ports.Reading`: the journals of a simulation."""

    def __init__(self, store: WatchedStore, is_cut: Callable[[], bool]) -> None:
        self._store = store
        self._is_cut = is_cut

    async def heads(self, page_start: str | None, page_limit: int, also: Collection[str]) -> Heads:
        return await self.all_heads()

    async def all_heads(self) -> Heads:
        await self._answer()
        ends = {str(block): rows[-1] for block, rows in self._store.journals.items() if rows}
        positions = {block: row.position for block, row in ends.items()}
        return Heads(positions, chains={block: row.chain for block, row in ends.items()})

    async def rows(self, spans: Mapping[str, Span], limit: int) -> dict[str, Page]:
        await self._answer()
        pages = {}
        for block, span in spans.items():
            written = self._store.journals.get(BlockId(block), [])
            known = written[span.behind - 1] if 0 < span.behind <= len(written) else None
            rows = written[span.behind : min(span.last, span.behind + limit)]
            pages[block] = Page(None if known is None else row_of(known), [row_of(row) for row in rows])
        return pages

    async def close(self) -> None:
        """Nothing is open."""

    async def _answer(self) -> None:
        await asyncio.sleep(ANSWER_S)
        if loop_s() < self._store.away_until_s:
            raise LineUnavailable("failing over")
        if self._is_cut():
            raise LineUnavailable("the connection was cut")


class AuditorProcess:
    """One auditor from the beginning of a run to its end, whatever processes it has had. What it would have done about
    what it finds is noted here.
    """

    def __init__(self, world: "World", seed: int) -> None:
        self._store = world.store
        self._faults = world.faults
        self._random = Random(f"auditor {seed}")
        self._found: list[Finding] = []
        self._alarms: list[Alarm] = []
        self._begin()
        self._befalling = asyncio.get_running_loop().create_task(self._crash_now_and_then())

    def _begin(self) -> None:
        self.auditor = Auditor(MemoryReading(self._store, self._is_cut), self, self, monotonic=loop_s)
        self._process = Process("auditor")
        self._running = self._process.start(self.auditor.run())

    def _is_cut(self) -> bool:
        if not self._faults.on(Fault.AUDITOR_CUT) or self._random.random() >= CUT_RATE:
            return False
        self._faults.took_effect(Fault.AUDITOR_CUT)
        return True

    async def _crash_now_and_then(self) -> None:
        """Counted if it had seen a row."""
        while self._faults.on(Fault.AUDITOR_CRASH):
            await asyncio.sleep(self._random.uniform(*CRASHES_AFTER_S))
            if self._faults.on(Fault.AUDITOR_CRASH):
                if self.auditor.figures.row_count:
                    self._faults.took_effect(Fault.AUDITOR_CRASH)
                self._process.kill()
                await asyncio.sleep(self._random.uniform(0, AWAY_S))
                self._begin()

    async def impose(self, block: BlockId, position: int, why: str, by: str) -> bool:
        """See `Imposing`."""
        fault, _, sentence = why.partition(": ")
        self._found.append(Finding(block, position, Wrong(fault), sentence))
        return True

    async def ends_of(self, block: BlockId) -> Ends:
        """See `Imposing`."""
        return Ends()

    async def note(self, alarm: Alarm) -> bool:
        """See `Noting`."""
        self._alarms.append(alarm)
        return True

    async def close(self) -> None:
        """Nothing is open."""

    async def finish(self) -> None:
        """Audit what is there by now."""
        self._befalling.cancel()
        self._running.cancel()
        await asyncio.wait((self._running,))
        while await self.auditor.round():
            pass

    def wrong(self, excuses: Excuses) -> Iterator[str]:
        """What it found that no failover excuses, and what it has not looked at."""
        for finding in self._found:
            if not excuses.covers(finding):
                yield f"the auditor stops {finding}"
        for alarm in self._alarms:
            if not self._is_of_a_loss(alarm, excuses):
                yield f"the auditor tells {alarm}"
        figures = self.auditor.figures
        row_count = sum(map(len, self._store.journals.values()))
        if figures.lag_rows or figures.row_count < row_count:
            yield f"the auditor has seen {figures.row_count} of {row_count} rows, and lags by {figures.lag_rows}"
        if not figures.crossed_count:
            yield "the auditor has never held blocks against each other"

    def _is_of_a_loss(self, alarm: Alarm, excuses: Excuses) -> bool:
        if alarm.what in GONE:
            return BlockId(alarm.block) in self._store.lost.keys() | self._store.withdrawn
        fault = Wrong.__members__.get(alarm.what)
        return fault is not None and excuses.covers(Finding(alarm.block, alarm.position, fault, alarm.sentence))
