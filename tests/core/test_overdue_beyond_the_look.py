"""More is overdue than a decision looks at: who cannot be told "no" for certain is put off. Counted, not timed."""

from collections import Counter
from collections.abc import Callable

import pytest

from actors.core import ground, waiting
from actors.core.block import decide
from actors.core.commands import JoinWaitingList
from actors.core.entries import HoldExpired, HoldPlaced
from actors.core.ground import Ground
from actors.core.layout import Area, Category, Layout, Row, Section
from actors.core.outcomes import Accepted, Details, Outcome, Reason, Rejected
from actors.core.rules import Allotment, Channel, Rules, WaitingList
from actors.core.state import BlockState
from actors.core.wishes import AreaPlaces, BestSeats, Wish
from tests.core.bare_block import LONG_MS, MINUTE_MS, BareBlock, places

ROWS, SEATS = 60, 20
LAYOUT = Layout(
    "EUR",
    (Category("all", 2_000),),
    (
        Section("A", tuple(Row(str(row), 0, 1, SEATS) for row in range(1, ROWS + 1))),
        Section("B", (Row("1", 0, 1, 2),)),
    ),
    (Area("floor", 0, 3_000), Area("balcony", 0, 2)),
)
PER_TICK = 350
BALCONY, PAIR, NAMED = places(2, "balcony"), Wish(best=(BestSeats(2, ("B",)),)), Wish(("B/1/1", "B/1/2"))
SEATS_OF_A = [f"A/{row}/{seat}" for row in range(1, ROWS + 1) for seat in range(1, SEATS + 1)]


def a_crowd(block: BareBlock, count: int) -> None:
    """So many hold a place each, for a minute."""
    for _ in range(count):
        block.hold(places(1), ttl_ms=MINUTE_MS)


def a_seated_crowd(block: BareBlock, count: int) -> None:
    """So many hold a seat of A each, the first ones first, for a minute."""
    for seat in SEATS_OF_A[:count]:
        block.hold(Wish((seat,)), ttl_ms=MINUTE_MS)


def behind(crowd: Callable[[BareBlock, int], None], wish: Wish, ttl_ms: int = 2 * MINUTE_MS) -> BareBlock:
    """A crowd is overdue, and since later somebody who has what is wished for, unless `ttl_ms` is longer."""
    block = BareBlock(LAYOUT)
    crowd(block, 1_000)
    block.hold(wish, ttl_ms=ttl_ms)
    block.now_ms += 2 * MINUTE_MS
    return block


def told(block: BareBlock, wish: Wish) -> list[str]:
    """What whoever asks again and again is told, tick by tick, until that does not change any more."""
    answers = []
    for _ in range(6):
        outcome = decide(block.state, block.placing(wish), block.now_ms)
        answers.append("held" if isinstance(outcome, Accepted) else outcome.reason.name)
        block.tick(PER_TICK)
    return answers


CROWDS_AND_WISHES = [(a_crowd, BALCONY), (a_crowd, PAIR), (a_seated_crowd, PAIR), (a_seated_crowd, BALCONY)]
_each = pytest.mark.parametrize(("crowd", "wish"), CROWDS_AND_WISHES)


def check_no_false_no(crowd: Callable[[BareBlock, int], None], wish: Wish) -> None:
    """It is there all the time, by time."""
    answers = told(behind(crowd, wish), wish)
    assert answers == ["OVERLOADED"] * 2 + ["held"] * 4


@_each
def test_who_asks_for_what_is_overdue_behind_others_is_put_off_and_then_served(
    crowd: Callable[[BareBlock, int], None], wish: Wish
) -> None:
    check_no_false_no(crowd, wish)


@_each
def test_what_is_not_overdue_is_refused_for_certain_when_all_was_looked_at(
    crowd: Callable[[BareBlock, int], None], wish: Wish
) -> None:
    answers = told(behind(crowd, wish, LONG_MS), wish)
    assert answers == ["OVERLOADED"] * 2 + ["NOT_ENOUGH_AVAILABLE"] * 4


@pytest.mark.parametrize("crowd", [a_crowd, a_seated_crowd])
def test_what_is_named_is_judged_by_time_however_much_is_overdue(crowd: Callable[[BareBlock, int], None]) -> None:
    assert told(behind(crowd, NAMED), NAMED) == ["held"] * 6
    assert told(behind(crowd, NAMED, LONG_MS), NAMED) == ["UNITS_HELD"] * 6


def no_for_certain(_: Ground, named: tuple[str, ...], available: int) -> Rejected:
    """Whatever was looked at."""
    return Rejected(Reason.NOT_ENOUGH_AVAILABLE, Details(units=named, available=available))


@_each
def test_control_a_no_before_all_was_looked_at_is_noticed(
    crowd: Callable[[BareBlock, int], None], wish: Wish, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Ground, "_not_enough", no_for_certain)
    with pytest.raises(AssertionError):
        check_no_false_no(crowd, wish)


# Best seats: of all that is there by time; of what is there without what is overdue, if that is too much.


def seated(overdue: int) -> tuple[list[str], list[int]]:
    """What is the best seat when so many are overdue from the front on, and which of their holds end for it."""
    block = BareBlock(LAYOUT)
    a_seated_crowd(block, overdue)
    block.now_ms += MINUTE_MS
    outcome = decide(block.state, block.placing(Wish(best=(BestSeats(1, ("A",)),))), block.now_ms)
    assert isinstance(outcome, Accepted), outcome
    placed = outcome.entries[-1]
    assert isinstance(placed, HoldPlaced)
    ended = [entry.hold for entry in outcome.entries if isinstance(entry, HoldExpired)]
    return [block.state.index.unit_name(seat) for seat in placed.seats], ended


def check_best() -> None:
    """At the bound, and one beyond it."""
    most = ground.MAX_OVERDUE_SEATS
    seats, ended = seated(most)
    assert (seats, len(ended)) == ([SEATS_OF_A[0]], 1)
    assert seated(most + 1) == ([SEATS_OF_A[most + 1]], [])


def test_the_best_of_what_is_overdue_too_or_of_what_is_there_without() -> None:
    check_best()


def some_of_them(ground_: Ground) -> list[int]:
    """As many as are looked at."""
    return [seat for hold in ground_._overdue_holds() for seat in hold.seats][: ground.MAX_OVERDUE_SEATS]


@pytest.mark.parametrize("broken", [some_of_them, lambda _: []])
def test_control_seats_chosen_among_others_are_noticed(
    broken: Callable[[Ground], list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Ground, "_overdue_seats", broken)
    with pytest.raises(AssertionError):
        check_best()


def test_what_the_decision_ends_anyway_is_chosen_from_beyond_the_bound_too() -> None:
    """The only seat that is not held is worse than the one beside what is named."""
    block = BareBlock(LAYOUT)
    block.hold(Wish(("A/1/1", "A/1/2")), ttl_ms=MINUTE_MS)
    for seat in SEATS_OF_A[2:-1]:
        block.hold(Wish((seat,)), ttl_ms=MINUTE_MS)
    block.now_ms += MINUTE_MS
    wish = Wish(("A/1/2",), best=(BestSeats(1, ("A",)),))
    outcome = decide(block.state, block.placing(wish), block.now_ms)
    assert isinstance(outcome, Accepted), outcome
    ended, placed = outcome.entries
    assert isinstance(placed, HoldPlaced)
    assert isinstance(ended, HoldExpired)
    assert [block.state.index.unit_name(seat) for seat in placed.seats] == ["A/1/2", "A/1/1"]


# What a channel has had and gives back is the channel's again: in vain for all others, and each is looked at once.

BOX = Rules(channels=(Channel("box"),), allotments=(Allotment("box", "box", (), (AreaPlaces("floor", 3_000),)),))


def looks_at_units(overdue: int) -> int:
    """How often units are looked at for a place, when so many of the channel's are overdue."""
    block = BareBlock(LAYOUT, BOX)
    for _ in range(overdue):
        block.hold(Wish(areas=places(1).areas, channel="box"), ttl_ms=MINUTE_MS)
    block.now_ms += MINUTE_MS
    counts = Counter[str]()
    units_now = BlockState.units_now

    def counted(state: BlockState, lot: object) -> object:
        counts["looks"] += 1
        return units_now(state, lot)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BlockState, "units_now", counted)
        outcome = decide(block.state, block.placing(places(1)), block.now_ms)
    assert isinstance(outcome, Rejected)
    assert (outcome.reason, outcome.details.available) == (Reason.NOT_ENOUGH_AVAILABLE, 0)
    return counts.total()


def test_each_overdue_hold_is_looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    assert looks_at_units(400) <= 4 * looks_at_units(100)
    available = Ground._available  # the control

    def from_scratch(ground_: Ground, area: int, _: dict[str, int]) -> int:
        return available(ground_, area, ground_._back(area))

    monkeypatch.setattr(Ground, "_available", from_scratch)
    assert looks_at_units(400) > 12 * looks_at_units(100)


# Who would wait need not know whether it would be for long.


def joined() -> Outcome:
    """What whoever wants to wait is told, behind a crowd."""
    block = BareBlock(LAYOUT, Rules(waiting_list=WaitingList(MINUTE_MS)))
    a_crowd(block, ground.MAX_OVERDUE_LOOKED_AT + 1)
    block.hold(BALCONY)
    block.now_ms += MINUTE_MS
    assert block.ask(block.placing(BALCONY)) == Rejected(Reason.OVERLOADED)
    return decide(block.state, JoinWaitingList(block.stamp("ana"), 1 << 40, BALCONY), block.now_ms)


def test_who_cannot_be_told_yet_can_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(joined(), Accepted)
    certain = tuple(reason for reason in waiting.WORTH_WAITING_FOR if reason is not Reason.OVERLOADED)
    monkeypatch.setattr(waiting, "WORTH_WAITING_FOR", certain)  # the control
    assert joined() == Rejected(Reason.OVERLOADED)
