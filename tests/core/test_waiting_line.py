"""What the waiting list costs, in looks at those who wait: one for each wish whenever something comes back."""

from collections.abc import Sequence
from math import log2
from random import Random
from typing import Any

import pytest

from actors.core import waiting
from actors.core.block import apply, decide, next_deadline_ms, next_due
from actors.core.commands import (
    ChangeStatus,
    CreateEvent,
    EditEvent,
    JoinWaitingList,
    OpenSale,
    PlaceHold,
    ReadWaiter,
    ReleaseHold,
    Stamp,
    Write,
)
from actors.core.entries import Entry, HoldPlaced
from actors.core.layout import Area, Category, Layout, Row, Section
from actors.core.outcomes import Accepted, Outcome
from actors.core.replies import EventStatus, WaiterReply
from actors.core.rules import Rules, WaitingList, Window
from actors.core.snapshot import freeze, restore
from actors.core.standing import Standing
from actors.core.state import BlockState
from actors.core.waiting_line import WaitingLine
from actors.core.wishes import AreaPlaces, BestSeats, Wish

NOW_MS = 1_700_000_000_000
PAIR = Wish(areas=(AreaPlaces("floor", 2),))
FOREVER_MS = 1 << 60


def layout(sections: int, places: int) -> Layout:
    rows = tuple(Section(f"{number}", (Row("A", 0, 1, 10),)) for number in range(sections))
    return Layout("EUR", (Category("any", 1000),), rows, (Area("floor", 0, places),))


class House:
    """An event whose seats and places are all held, each section and each two places by one hold."""

    def __init__(self, sections: int, places: int) -> None:
        self.state = BlockState()
        self.numbers = 0
        rules = Rules(waiting_list=WaitingList(600_000))
        self.write(CreateEvent(self.stamp(), "Night", layout(sections, places), 600_000, rules))
        self.write(OpenSale(self.stamp()))
        self.sections = [self.hold(Wish(best=(BestSeats(10, (f"{number}",)),))) for number in range(sections)]
        self.pairs = [self.hold(PAIR) for _ in range(places // 2)]

    def stamp(self, buyer: str = "") -> Stamp:
        self.numbers += 1
        key = self.numbers.to_bytes(16)
        return Stamp("acme", buyer, key, key, FOREVER_MS)

    def write(self, command: Write) -> Outcome:
        outcome = decide(self.state, command, NOW_MS)
        assert isinstance(outcome, Accepted), outcome
        for entry in outcome.entries:
            apply(self.state, entry)
        return outcome

    def hold(self, wish: Wish, buyer: str = "") -> int:
        stamp = self.stamp(buyer)
        self.write(PlaceHold(stamp, self.numbers, wish, 3_600_000))
        return self.numbers

    def join(self, wish: Wish, buyer: str = "") -> int:
        stamp = self.stamp(buyer)
        self.write(JoinWaitingList(stamp, self.numbers, wish))
        self.offers()
        return self.numbers

    def join_each(self, wishes: Sequence[Wish]) -> None:
        for wish in wishes:
            self.join(wish)

    def offers(self) -> list[Entry]:
        offered: list[Entry] = []
        while (entry := next_due(self.state, NOW_MS)) is not None:
            assert isinstance(entry, HoldPlaced)
            apply(self.state, entry)
            offered.append(entry)
        return offered


def groups(sections: int) -> list[Wish]:
    """Eight different wishes for each section."""
    return [Wish(best=(BestSeats(size, (f"{number}",)),)) for number in range(sections) for size in range(2, 10)]


def check_joins() -> None:
    """Who joins is looked at, and nobody else; who wishes for what another waits for in vain is not even that."""
    house = House(40, 2)
    wishes = groups(40)
    house.join_each(wishes)
    assert house.state.line.looks == len(wishes)
    house.join_each(wishes)
    assert house.state.line.looks == len(wishes)


def check_offers() -> None:
    """Many places come back at once behind wishes that are hopeless."""
    house = House(20, 4)
    wishes = groups(20)
    house.join_each(wishes)
    house.join_each([PAIR] * 500)
    before = house.state.line.looks
    house.write(EditEvent(house.stamp(), house.state.revision, layout=layout(20, 904)))
    assert len(house.offers()) == 450
    assert house.state.line.looks - before == len(wishes) + 450 + 1


def check_releases_under_a_limit() -> None:
    """Those whose buyers have enough are looked at once, and each again when its own buyer gives something back."""
    house = House(0, 402)
    buyers = [f"buyer {number}" for number in range(200)]
    for buyer in buyers:
        house.join(PAIR, buyer)
    for pair in house.pairs[:200]:
        house.write(ReleaseHold(house.stamp(), pair))
    assert len(house.offers()) == 200
    for buyer in buyers:
        for _ in range(3):
            house.join(PAIR, buyer)
    limited = Rules(waiting_list=WaitingList(600_000), max_per_buyer=2)
    house.write(EditEvent(house.stamp(), house.state.revision, rules=limited))
    assert house.offers() == []
    before = house.state.line.looks
    house.write(ReleaseHold(house.stamp(), house.pairs[200]))
    assert house.offers() == []
    assert house.state.line.looks == before
    owned = next(hold for hold in house.state.holds.values() if hold.buyer == buyers[7] and hold.waiter)
    house.write(ReleaseHold(house.stamp(buyers[7]), owned.number))
    assert len(house.offers()) == 1
    assert house.state.line.looks - before == 3  # one is served, and the two others of that buyer have enough again


@pytest.mark.parametrize("check", [check_joins, check_offers, check_releases_under_a_limit])
def test_nobody_is_looked_at_in_vain(check: Any) -> None:
    check()


def test_control_whoever_begins_anew_at_each_offer_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    end_waiting = BlockState.end_waiting

    def stirring(state: BlockState, *given: Any) -> None:
        end_waiting(state, *given)
        state.line.stirred = True

    monkeypatch.setattr(BlockState, "end_waiting", stirring)
    with pytest.raises(AssertionError):
        check_offers()


def test_control_whoever_looks_at_all_when_one_joins_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    join = WaitingLine.join

    def stirring(line: WaitingLine, *given: Any) -> None:
        join(line, *given)
        line.stirred = True

    monkeypatch.setattr(WaitingLine, "join", stirring)
    with pytest.raises(AssertionError):
        check_joins()


def test_control_whoever_looks_at_those_with_enough_again_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    came_back = WaitingLine.came_back

    def for_all(line: WaitingLine, buyer: str) -> None:
        came_back(line, buyer)
        line.forgive()

    monkeypatch.setattr(WaitingLine, "came_back", for_all)
    with pytest.raises(AssertionError):
        check_releases_under_a_limit()


def test_a_waiter_that_leaves_is_passed_by() -> None:
    """Also one that stands aside, and the first of its wish before it was looked at."""
    line = WaitingLine()
    for waiter, buyer in ((1, "ana"), (2, "bob"), (3, "ana"), (4, "eve")):
        line.join(waiter, buyer, PAIR)
    assert line.first() == 1
    line.set_aside(1)
    assert line.first() == 2
    line.leave(2, PAIR)
    assert line.first() == 3
    line.set_aside(3)
    line.leave(3, PAIR)
    line.came_back("ana")
    line.begin_anew()
    assert [line.first(), line.ahead_of(4)] == [1, 1]
    line.skip(1)
    assert line.first() is None
    line.join(5, "", PAIR)
    assert line.first() is None
    for waiter in (1, 4, 5):
        line.leave(waiter, PAIR)
    line.join(6, "", PAIR)
    assert line.first() == 6


class _Counted(list[int]):
    steps = 0

    def __getitem__(self, at: Any) -> Any:
        type(self).steps += 1
        return super().__getitem__(at)


def test_how_many_stand_before_somebody_is_known_in_few_steps() -> None:
    standing, order, random = Standing(), list[int](), Random(7)
    for who in range(30_000):
        standing.join(who)
        order.append(who)
        if random.random() < 0.8:
            standing.leave(order.pop(random.randrange(len(order))))
    assert len(standing) == len(order)
    standing._sums = _Counted(standing._sums)
    assert [standing.before(who) for who in order] == list(range(len(order)))
    assert _Counted.steps <= len(order) * log2(len(standing._sums))


def test_the_waiter_is_shown_how_many_are_ahead() -> None:
    house = House(0, 2)
    waiters = [house.join(PAIR) for _ in range(5)]
    shown = [decide(house.state, ReadWaiter("acme", waiter), NOW_MS) for waiter in waiters]
    replies = [one.reply for one in shown if isinstance(one, Accepted)]
    assert [reply.ahead for reply in replies if isinstance(reply, WaiterReply)] == [0, 1, 2, 3, 4]


def test_a_block_whose_line_was_not_looked_through_is_restless() -> None:
    house = House(0, 2)
    house.join(PAIR)
    assert not waiting.is_restless(house.state, NOW_MS)
    house.write(ReleaseHold(house.stamp(), house.pairs[0]))
    assert waiting.is_restless(house.state, NOW_MS)
    house.offers()
    assert not waiting.is_restless(house.state, NOW_MS)


def check_openings() -> None:
    """The block wakes when a window opens while somebody waits, known from its entries alone; once, then no more."""
    house = House(0, 2)
    house.join(PAIR)
    opens_ms, ends_ms = NOW_MS + 1_000, NOW_MS + 3_600_000
    rules = Rules(Window(opens_ms), waiting_list=WaitingList(600_000))
    house.write(EditEvent(house.stamp(), house.state.revision, rules=rules))
    assert next_deadline_ms(house.state) == opens_ms
    house.offers()
    assert next_deadline_ms(house.state) == opens_ms
    assert next_deadline_ms(restore(freeze(house.state))) == opens_ms
    assert next_due(house.state, opens_ms) is None
    assert next_deadline_ms(house.state) == ends_ms
    house.write(ChangeStatus(house.stamp(), EventStatus.PAUSED))
    assert next_deadline_ms(restore(freeze(house.state))) == ends_ms


def test_a_window_that_opens_wakes_the_block() -> None:
    check_openings()


def test_control_a_block_that_sleeps_on_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "next_opening_ms", lambda _: None)
    with pytest.raises(AssertionError):
        check_openings()
