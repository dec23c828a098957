"""Means to plant single faults into the journals of baskets: entries as they should be, but for changes."""

from collections.abc import Callable

import msgspec

from actors.audit.findings import Fault
from actors.core import entries as e
from actors.core.baskets import LegPlan
from actors.core.wishes import Wish
from tests.loadtests.basket_journals import basket_journals
from tests.loadtests.basket_shops import DESK, FIRST, SECOND, THIRD
from tests.loadtests.journals import PRINT, Journal, audit_together, faults

KEYS = tuple(bytes(4) + bytes([number]) * 12 for number in range(1, 9))
"""Keys whose desk is the journals' own."""
DEADLINE_MS = 30_000
LIFE_MS = 7_200_000

Plant = Callable[["Journals"], None]


class Journals:
    """The clean journals, by what they are of."""

    def __init__(self) -> None:
        self.all = basket_journals()
        self.desk, self.first, self.second, self.third = self.all
        assert [journal.block for journal in self.all] == [DESK, FIRST, SECOND, THIRD]

    def at_desk(self, *entries: e.Entry) -> None:
        """More entries, at the end of the desk's journal."""
        self.desk.add(*entries)

    @property
    def now_ms(self) -> int:
        """The time of the last entry, in all of them."""
        return max(journal.last_ms for journal in self.all)

    def found(self, *, whole: bool = True) -> set[Fault]:
        """The kinds of what the audit finds."""
        return faults(audit_together(self.all, whole=whole))


def meant(journals: Journals, **changes: object) -> e.BasketIntended:
    """One more basket, over the last two events, right but for `changes`."""
    at_ms = journals.now_ms
    legs = (LegPlan(SECOND, 901, Wish(("A/2/2",))), LegPlan(THIRD, 902, Wish(("A/2/2",))))
    entry = e.BasketIntended(at_ms, "organizer", 90, "zoe", legs, 60_000, at_ms + 10_000, KEYS[0], PRINT, LIFE_MS)
    return msgspec.structs.replace(entry, **changes)


def pinned(journal: Journal, number: int, **changes: object) -> e.LegPinned:
    """The entry by which the leg was pinned."""
    row, place = journal.find(e.LegPinned, leg=number)
    entry = journal.drafts[row].entries[place]
    assert isinstance(entry, e.LegPinned)
    return msgspec.structs.replace(entry, **changes)


def held_by(journals: Journals, basket: int) -> e.BasketSettled:
    row, place = journals.desk.find(e.BasketSettled, basket=basket)
    entry = journals.desk.drafts[row].entries[place]
    assert isinstance(entry, e.BasketSettled)
    return entry


def change_held(journals: Journals, basket: int, number: int, **changes: object) -> None:
    held = list(held_by(journals, basket).held)
    held[number] = msgspec.structs.replace(held[number], **changes)
    journals.desk.change(e.BasketSettled, {"basket": basket}, held=tuple(held))


def left_out(journal: Journal, kind: type[e.Entry], **fields: object) -> None:
    row, place = journal.find(kind, **fields)
    del journal.drafts[row].entries[place]


def a_pin(journals: Journals, seats: tuple[int, ...], **changes: object) -> e.LegPinned:
    """Leg 901 of basket 90, in a plain event."""
    at_ms = journals.now_ms
    price = ((1, len(seats), 2_000),) if seats[0] > 5 else ((0, len(seats), 5_000),)
    pin = e.LegPinned(
        at_ms, 901, DESK, 90, 1, "zoe", seats, (), price, (), (), (), "", (), (), at_ms + 15_000
    )  # fmt: skip
    return msgspec.structs.replace(pin, **changes)
