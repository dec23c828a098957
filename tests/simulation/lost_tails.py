"""What a failover that lost the end of the journal excuses between blocks: who was told of a row that is gone goes on.

A leg is pinned, its row is lost, and the gateway that was told of it asks the desk to settle: so only a synchronous
replica keeps baskets whole. Excused is only what names a leg that a lost row was about, or any leg of a basket whose
desk lost a row about it; and of a part what a lost row had told it. Within a block that is what a desk demands of a leg
that was booked by a lost row, and nothing else.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from actors.audit.findings import Fault, Finding
from actors.core import entries as e
from actors.core.ids import BlockId
from actors.journal.codec import decode_entries
from actors.journal.journal import JournalRow

OF_BASKETS = frozenset(
    (
        Fault.LEG_ASTRAY, Fault.LEG_MISSING, Fault.LEG_DIFFERS, Fault.DEED_NOT_DEMANDED, Fault.DEED_MISSING,
        Fault.LEG_LEFT_OVER, Fault.TICKETS_DIFFER, Fault.TICKETS_WRONG, Fault.COUNTED_WRONGLY,
    )
)  # fmt: skip
OF_PARTS = frozenset((Fault.PART_DIFFERS, Fault.PART_BEHIND))
_OfEvent = e.SaleOpened | e.StatusChanged | e.EventEdited | e.PartFollowed | e.EventFollowed
_OfLeg = e.LegPinned | e.LegBooked | e.LegReleased | e.LegBarred | e.LegAcknowledged


class Excuses:
    """What is excused. `lost`: the rows that are gone, by block."""

    def __init__(
        self, journals: Mapping[BlockId, Sequence[JournalRow]], lost: Mapping[BlockId, Sequence[JournalRow]]
    ) -> None:
        self.count = 0
        self._legs: set[str] = set()  # and baskets
        self._events: set[str] = set()
        if not lost:
            return
        baskets = _Baskets(entry for rows in (*journals.values(), *lost.values()) for entry in _entries(rows))
        for block, rows in lost.items():
            for entry in _entries(rows):
                if isinstance(entry, _OfEvent):
                    self._events.add(entry.part if isinstance(entry, e.PartFollowed) else block)
                elif isinstance(entry, _OfLeg):
                    self._legs.add(str(entry.leg))
                else:
                    self._legs.update(map(str, baskets.with_legs(entry)))

    def may_have_lost(self, leg: int) -> bool:
        """Whether a row that was lost was about the leg, or about its basket."""
        return str(leg) in self._legs

    def covers(self, finding: Finding) -> bool:
        """Whether it follows from a row that was lost."""
        names = {finding.block, *re.findall(r"\w+", finding.sentence)}
        covered = bool(
            (finding.fault in OF_BASKETS and names & self._legs) or (finding.fault in OF_PARTS and names & self._events)
        )
        self.count += covered
        return covered


class _Baskets:
    """Which legs each basket ever had, by all that was ever journaled."""

    def __init__(self, entries: Iterable[e.Entry]) -> None:
        self._legs: dict[int, set[int]] = {}
        self._of_order: dict[int, int] = {}
        exchanges: list[e.ExchangeIntended] = []
        for entry in entries:
            match entry:
                case e.BasketIntended():
                    self._legs.setdefault(entry.basket, set()).update(plan.leg for plan in entry.legs)
                case e.OrderPlaced():
                    self._of_order[entry.order] = entry.hold
                case e.ExchangeIntended():
                    exchanges.append(entry)
        for exchange in exchanges:
            self._legs.setdefault(self._of_order[exchange.order], set()).add(exchange.leg.leg)

    def with_legs(self, entry: e.Entry) -> Iterator[int]:
        """The basket that the entry is about, and its legs; nothing, if it is about none."""
        own = getattr(entry, "basket", 0) or getattr(entry, "hold", 0)
        basket = own or self._of_order.get(getattr(entry, "order", 0), 0)
        if basket in self._legs:
            yield basket
            yield from self._legs[basket]


def _entries(rows: Iterable[JournalRow]) -> Iterator[e.Entry]:
    for row in rows:
        yield from decode_entries(row.entries)
