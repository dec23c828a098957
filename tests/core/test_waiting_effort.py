"""What a look at one who waits costs is counted, and whoever looks can stop when it has been enough."""

import pytest

from actors.core import waiting, waiting_line
from actors.core.block import apply, decide, next_due
from actors.core.commands import JoinWaitingList, LeaveWaitingList, ReleaseHold
from actors.core.outcomes import Reason, Rejected
from actors.core.replies import WaiterStatus
from actors.core.wishes import BestSeats, Wish
from actors.engine.block_host import LOOKS_PER_TICK
from tests.core.test_waiting_line import NOW_MS, PAIR, House, groups

SECTIONS = 40
PATIENCE = 12
NAMED = Wish(tuple(f"{section}/A/1" for section in range(1, SECTIONS)), best=(BestSeats(9, ("0",)),))
"""One seat of every row but the first, and nine there."""


def stirred(wishes: list[Wish]) -> House:
    """They all wait in vain for seats of a full house, of which two places come back."""
    house = House(SECTIONS, 2)
    house.join_each(wishes)
    house.write(ReleaseHold(house.stamp(), house.pairs[0]))
    return house


def effort_of(wish: Wish) -> int:
    """What another look at who waits for it costs, in vain: all rows are there but the first."""
    house = House(SECTIONS, 4)
    house.join(wish)
    for section in house.sections[1:]:
        house.write(ReleaseHold(house.stamp(), section))
    assert house.offers() == []
    house.write(ReleaseHold(house.stamp(), house.pairs[0]))
    before = house.state.line.effort
    assert house.offers() == []
    return house.state.line.effort - before


def check_patience() -> None:
    """Each time a few are looked at, the next ones the next time, until all were."""
    wishes = groups(SECTIONS)[:60]
    house = stirred(wishes)
    line = house.state.line
    before = line.looks
    steps = 0
    while line.first() is not None or line.stirred:
        effort = line.effort
        assert waiting.is_restless(house.state, NOW_MS)
        assert next_due(house.state, NOW_MS, PATIENCE) is None
        assert 0 < line.effort - effort <= PATIENCE
        steps += 1
    assert line.looks - before == len(wishes)
    assert steps == len(wishes) // PATIENCE
    assert not waiting.is_restless(house.state, NOW_MS)


def check_rows() -> None:
    """Rows in which seats are named besides make a look dearer than one that names none."""
    assert effort_of(NAMED) >= effort_of(Wish(best=NAMED.best)) + SECTIONS // 3


def test_whoever_looks_can_stop() -> None:
    check_patience()


def test_control_looks_without_end_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    next_offer = waiting.next_offer
    monkeypatch.setattr(waiting, "next_offer", lambda state, now_ms, _: next_offer(state, now_ms, waiting.ENDLESS))
    with pytest.raises(AssertionError):
        check_patience()


def test_dear_looks_count_for_more() -> None:
    check_rows()


def test_control_looks_that_all_count_alike_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "ROWS_PER_LOOK", 1 << 30)
    with pytest.raises(AssertionError):
        check_rows()


def dear_wishes(number: int) -> list[Wish]:
    """Different ones, each for a seat of every row but the first, and for nine there."""
    return [
        Wish(tuple(f"{row}/A/{1 + (which + row * (which // 10)) % 10}" for row in range(1, SECTIONS)), best=NAMED.best)
        for which in range(number)
    ]


def take_turn(house: House) -> None:
    """What a shard brings about at once, or a little less: the looks of one turn."""
    looks = LOOKS_PER_TICK
    while looks > 0:
        before = house.state.line.effort
        entry = next_due(house.state, NOW_MS, looks)
        if entry is None:
            return
        apply(house.state, entry)
        looks -= house.state.line.effort - before


def check_the_last_is_come_to() -> None:
    """However dear those before are, and though something comes back before each turn."""
    house = House(SECTIONS, 60)
    waiter = 0
    for wish in dear_wishes(200):
        outcome = decide(house.state, JoinWaitingList(house.stamp(), house.numbers, wish), NOW_MS)
        if isinstance(outcome, Rejected):
            assert outcome.reason is Reason.OVERLOADED
            house.write(LeaveWaitingList(house.stamp(), waiter))
            break
        waiter = house.numbers
        for entry in outcome.entries:
            apply(house.state, entry)
        house.offers()
    for section in house.sections[1:]:
        house.write(ReleaseHold(house.stamp(), section))
        house.offers()
    last = house.join(PAIR)
    for pair in house.pairs[:10]:
        house.write(ReleaseHold(house.stamp(), pair))
        take_turn(house)
    assert house.state.waiters[last].status is WaiterStatus.OFFERED
    assert not waiting.is_restless(house.state, NOW_MS)


def test_every_turn_comes_to_the_last_of_them() -> None:
    check_the_last_is_come_to()
    assert 2 * waiting_line.MAX_EFFORT_OF_WISHES <= LOOKS_PER_TICK


def test_control_a_line_too_dear_for_a_turn_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting_line, "MAX_EFFORT_OF_WISHES", 1 << 30)
    with pytest.raises(AssertionError):
        check_the_last_is_come_to()


def test_room_for_dear_wishes_comes_back_with_who_leaves() -> None:
    line = waiting_line.WaitingLine()
    wishes = dear_wishes(100)
    waiting = 0
    while line.has_room(wishes[waiting]):
        line.join(waiting, "", wishes[waiting])
        waiting += 1
    assert waiting == waiting_line.MAX_EFFORT_OF_WISHES // waiting_line.effort_of(wishes[0])
    line.join(waiting, "", wishes[0])
    line.leave(0, wishes[0])
    assert not line.has_room(wishes[waiting]), "another still waits for the same"
    line.leave(waiting, wishes[0])
    assert line.has_room(wishes[waiting])
