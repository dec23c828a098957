"""Means to plant single faults into the journals of an event that is split."""

from collections.abc import Callable

import msgspec

from actors.audit.findings import Fault
from actors.core import entries as e
from tests.loadtests.basket_shops import DESK
from tests.loadtests.journals import KEY, PRINT, Journal, audit_together, faults
from tests.loadtests.split_journals import split_journals
from tests.loadtests.split_shops import HOME, LEDGERS, PARTS, PLAIN, STALLS, TABLES, split_layout

LAST = split_layout(7)
Plant = Callable[["Journals"], None]


class Journals:
    """The clean journals, by what they are of. Ana's ledger is the second, fay's the first."""

    def __init__(self) -> None:
        self.all = split_journals()
        self.desk, self.home, self.stalls, self.tables, self.first, self.second, self.plain = self.all
        blocks = [journal.block for journal in self.all]
        assert blocks == [DESK, HOME, STALLS, TABLES, *LEDGERS, PLAIN]

    @property
    def now_ms(self) -> int:
        """The time of the last entry, in all of them."""
        return max(journal.last_ms for journal in self.all)

    def found(self, *, whole: bool = True) -> set[Fault]:
        """The kinds of what the audit finds."""
        return faults(audit_together(self.all, whole=whole))

    def edit(self, **changes: object) -> None:
        """One more edit of the event, of which no part has heard."""
        entry = e.EventEdited(self.now_ms, None, None, None, None, KEY, PRINT)
        self.home.add(msgspec.structs.replace(entry, **changes))

    def follow(self, journal: Journal, **changes: object) -> None:
        """The part follows what the event has become by its next edit, which changes nothing."""
        self.edit()
        followed = [entry for draft in journal.drafts for entry in draft.entries if isinstance(entry, e.EventFollowed)]
        revision = self.revision
        names = next(part.sections for part in PARTS if part.block == journal.block)
        sections = tuple(section for section in LAST.sections if section.name in names)
        layout = msgspec.structs.replace(LAST, sections=sections, areas=(), resources=(), calendars=())
        entry = msgspec.structs.replace(followed[-1], at_ms=self.now_ms, revision=revision, layout=layout)
        journal.add(msgspec.structs.replace(entry, **changes))

    @property
    def revision(self) -> int:
        """The event's."""
        kinds = e.EventCreated, e.EventEdited, e.SaleOpened, e.StatusChanged
        return sum(isinstance(entry, kinds) for draft in self.home.drafts for entry in draft.entries)

    def change_leg(self, basket: int, number: int, plan: dict[str, object], held: dict[str, object]) -> None:
        """Change what the desk meant the leg to be, and what it says that it holds."""
        at = self.desk.find(e.BasketIntended, basket=basket)
        meant = self.desk.drafts[at[0]].entries[at[1]]
        assert isinstance(meant, e.BasketIntended)
        plans = (msgspec.structs.replace(one, **plan) if one.leg == number else one for one in meant.legs)
        self.desk.change(e.BasketIntended, {"basket": basket}, legs=tuple(plans))
        at = self.desk.find(e.BasketSettled, basket=basket)
        settled = self.desk.drafts[at[0]].entries[at[1]]
        assert isinstance(settled, e.BasketSettled)
        legs = (msgspec.structs.replace(one, **held) if one.leg == number else one for one in settled.held)
        self.desk.change(e.BasketSettled, {"basket": basket}, held=tuple(legs))
