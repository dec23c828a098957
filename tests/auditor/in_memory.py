"""Events that sell into journals in memory, and an auditor over them whose rounds cost next to nothing."""

from collections.abc import Collection, Mapping, Sequence
from random import Random
from typing import Any

import msgspec

from actors.audit.rows import Row
from actors.auditor.alarms import Alarm
from actors.auditor.auditor import Auditor
from actors.auditor.journals import Heads, Page, Span
from actors.catalogue.quarantines import Ends
from actors.core.ids import BlockId
from actors.core.layout import Layout, Section
from actors.core.layout import Row as SeatRow
from actors.journal.journal import Appended, NewRow
from tests.auditor.watched import Event
from tests.projections.selling import LAYOUT

LARGE_SEATS = 2_000
_STAND = Section("Stand", (SeatRow("A", 1, 1, LARGE_SEATS),))
LARGE_LAYOUT = msgspec.structs.replace(LAYOUT, sections=(*LAYOUT.sections, _STAND))
"""Its seats weigh more in an audit than all that anybody sells here."""


class Journals:
    """See `Reading`; and what events append to."""

    def __init__(self) -> None:
        self.of_block: dict[str, list[Row]] = {}

    async def append(self, rows: Sequence[NewRow]) -> Appended:
        """See `Journal.append`."""
        for new in rows:
            row = Row(*msgspec.structs.astuple(new.row))
            self.of_block.setdefault(row.block, []).append(row)
        return Appended(frozenset(new.row.block for new in rows), frozenset(), 0)

    async def heads(self, page_start: str | None, page_limit: int, also: Collection[str]) -> Heads:
        return await self.all_heads()

    async def all_heads(self) -> Heads:
        ends = {block: rows[-1] for block, rows in self.of_block.items()}
        return Heads(
            {block: row.position for block, row in ends.items()},
            chains={block: row.chain for block, row in ends.items()},
        )

    async def rows(self, spans: Mapping[str, Span], limit: int) -> dict[str, Page]:
        pages = {}
        for block, span in spans.items():
            rows = self.of_block[block]
            known = rows[span.behind - 1] if span.behind else None
            pages[block] = Page(known, rows[span.behind : min(span.last, span.behind + limit)])
        return pages

    async def close(self) -> None:
        """Nothing is open."""


class Office:
    """What an auditor has done: which blocks it has stopped, which alarms it has raised."""

    def __init__(self) -> None:
        self.stopped: list[str] = []
        self.alarms: list[Alarm] = []
        self.journals = Journals()
        self.now_s = 0.0
        self.round_s = 0.5

    def auditor(self, **options: Any) -> Auditor:
        """Over the journals, by a clock that goes on with each round of `rounds`."""
        return Auditor(self.journals, self, self, monotonic=lambda: self.now_s, **options)

    async def event(self, seed: int = 0, row_count: int = 0, layout: Layout = LAYOUT) -> Event:
        """A new event, which has sold for so many times."""
        event = Event(self.journals, layout=layout)  # type: ignore[arg-type]
        await event.open()
        await event.live_at_random(Random(seed), row_count)
        return event

    async def round(self, auditor: Auditor) -> None:
        """One round."""
        await auditor.round()
        self.now_s += self.round_s

    async def impose(self, block: BlockId, position: int, why: str, by: str) -> bool:
        """See `Imposing`."""
        self.stopped.append(block)
        return True

    async def ends_of(self, block: BlockId) -> Ends:
        """See `Imposing`."""
        return Ends()

    async def note(self, alarm: Alarm) -> bool:
        """See `Noting`."""
        self.alarms.append(alarm)
        return True

    async def close(self) -> None:
        """Nothing is open."""
