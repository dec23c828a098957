"""What a look at one who waits costs is counted, and whoever looks can stop when it has been enough."""

import pytest

from actors.core import waiting
from actors.core.block import next_due
from actors.core.commands import ReleaseHold
from actors.core.wishes import BestSeats, Wish
from tests.core.test_waiting_line import NOW_MS, House, groups

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
