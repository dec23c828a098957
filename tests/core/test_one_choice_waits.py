"""Who waits leaves one choice at most to us: with more, what is hopeless may be so no longer when another is served."""

import pytest

from actors.core import waiting
from actors.core.block import apply
from actors.core.commands import Command, CreateEvent, JoinWaitingList, OpenSale, PlaceHold, ReleaseHold, Stamp
from actors.core.layout import Category, Layout, Row, Section
from actors.core.outcomes import Accepted, Outcome, Reason, Rejected
from actors.core.rules import Rules, WaitingList
from actors.core.snapshot import digest
from actors.core.state import BlockState
from actors.core.wishes import BestSeats, Wish
from tests.core.checked_block import CheckedBlock

NOW_MS = 1_700_000_000_000
THREE = BestSeats(3)
SEVEN = Layout("EUR", (Category("front", 1),), (Section("A", (Row("1", 0, 1, 7),)),), (), focus=(0, 0))
"""Three in the middle leave two and two; when the middle one is gone, there is room for three and three."""


class Row7:
    """A row of seven that is held, and two who wait: for these choices, and for the seat in the middle."""

    def __init__(self) -> None:
        self.block = CheckedBlock()
        self._asked = 0
        self.do(CreateEvent(self.stamp(), "Night", SEVEN, 600_000, Rules(waiting_list=WaitingList(60_000))))
        self.do(OpenSale(self.stamp()))
        self.do(PlaceHold(self.stamp(), 1, Wish(tuple(f"A/1/{seat}" for seat in range(1, 8))), 600_000))

    def stamp(self) -> Stamp:
        self._asked += 1
        key = self._asked.to_bytes(16)
        return Stamp("acme", "", key, key, NOW_MS)

    def ask(self, command: Command) -> Outcome:
        return self.block.ask(command, NOW_MS)

    def do(self, command: Command) -> None:
        outcome = self.ask(command)
        assert isinstance(outcome, Accepted), outcome

    def join(self, *choices: BestSeats) -> Outcome:
        return self.ask(JoinWaitingList(self.stamp(), 2, Wish(best=choices)))

    def let_go(self) -> None:
        """The second waits too, and all comes back at once; nobody waits then for what is there."""
        self.do(JoinWaitingList(self.stamp(), 3, Wish(("A/1/4",))))
        self.do(ReleaseHold(self.stamp(), 1))
        self.block.tick(NOW_MS)


def test_two_choices_cannot_be_waited_for() -> None:
    row = Row7()
    refused = row.join(THREE, THREE)
    assert isinstance(refused, Rejected)
    assert refused.reason is Reason.INVALID_ARGUMENT
    assert refused.details.fields == ("best: at most 1 can be waited for",)
    assert isinstance(row.join(THREE), Accepted)
    row.let_go()


def test_control_somebody_with_two_choices_waits_for_what_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "MAX_BEST_OF_WAITER", 2)
    row = Row7()
    assert isinstance(row.join(THREE, THREE), Accepted)
    with pytest.raises(AssertionError, match="somebody waits for what is there"):
        row.let_go()


def test_those_who_wait_for_two_already_are_replayed(monkeypatch: pytest.MonkeyPatch) -> None:
    row = Row7()
    with monkeypatch.context() as before:
        before.setattr(waiting, "MAX_BEST_OF_WAITER", 2)
        assert isinstance(row.join(BestSeats(3), BestSeats(4)), Accepted)
    row.do(ReleaseHold(row.stamp(), 1))
    assert len(row.block.tick(NOW_MS)) == 1
    replayed = BlockState()
    for entry in row.block.journal:
        apply(replayed, entry)
    assert digest(replayed) == digest(row.block.live)
    row.block.take_snapshot()
    row.block.check_replays()
