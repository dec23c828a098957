"""How much one statement is about: soon what the line can do, whatever it is that takes its time."""

from collections.abc import Callable, Iterable, Iterator

import pytest

from actors.engine import portions as portions_module
from actors.engine.portions import Portions
from actors.journal.journal import MAX_ROWS_BYTES, SILENT_BOUND_MS, STATEMENT_BOUND_MS

Takes = Callable[[int], float]  # a statement about so many, in seconds
MANY = 200


class Line:
    """Time passes as statements take it, and their bounds are those of the journal in Postgres."""

    def __init__(self, portions: Portions) -> None:
        self._portions = portions
        self._is_slow = True
        self.now_s = 0.0
        self.sent = 0
        self.given_up = 0

    def settle(self, count: int, takes: Takes, within_s: float = float("inf")) -> bool:
        """Send a cycle of so many until all are answered; whether they were, so soon."""
        left, over_s = [0] * count, self.now_s + within_s
        while left and self.now_s < over_s:
            asked = len(self._portions.first_of(left, int))
            bound_s = (STATEMENT_BOUND_MS if self._is_slow else SILENT_BOUND_MS) / 1000
            took_s = min(takes(asked), bound_s)
            self.now_s += took_s
            self.sent += 1
            self._is_slow = took_s > SILENT_BOUND_MS / 1000
            if takes(asked) > bound_s:
                self._is_slow = True
                self.given_up += 1
                self._portions.given_up(asked)
            else:
                self._portions.answered(asked, took_s)
                left = left[asked:]
        return not left


def each(seconds: float) -> Takes:
    """What is sent takes its time, as over a narrow line."""
    return lambda count: seconds * count


def whatever(seconds: float) -> Takes:
    """A statement takes so long, whatever it is about."""
    return lambda count: seconds


def check_progress() -> None:
    """On a line that is too slow for two at a time, one of them is answered after the other, with little in vain."""
    for seconds in (0.4, 1.0, 2.0, 3.0, 4.9):
        line = Line(Portions())
        assert line.settle(MANY, each(seconds), within_s=10 * MANY * seconds)
        assert line.now_s < 1.5 * MANY * seconds, f"{line.now_s:.0f} s for {MANY} of {seconds} s"


def check_small_cycles() -> None:
    """What was found out by one cycle is known to the next, though each is small."""
    line = Line(Portions())
    for _ in range(100):
        assert line.settle(4, each(3.0), within_s=120)
    assert line.given_up < 60, f"{line.given_up} in vain"


def check_quick_again() -> None:
    """As soon as the line is quick, one statement has all; not one more than it takes by doubling."""
    line = Line(Portions())
    assert line.settle(MANY, each(4.9), within_s=10_000)
    sent = line.sent
    assert line.settle(MANY, each(0.001), within_s=1)
    assert line.sent - sent <= 8
    sent = line.sent
    assert line.settle(MANY, each(0.001), within_s=1)
    assert line.sent - sent <= 2


def check_slow_statements() -> None:
    """After an outage each statement takes four seconds, however many it is about: they do not stay small."""
    line = Line(Portions())
    assert not line.settle(MANY, whatever(60.0), within_s=300)
    begun_s = line.now_s
    assert line.settle(MANY, whatever(4.0), within_s=100), "as slow as can be"
    for _ in range(3):
        assert line.settle(MANY, whatever(4.0), within_s=8)
    assert line.now_s - begun_s < 110


def check_a_cut_of_one() -> None:
    """There is nothing smaller than one."""
    line = Line(Portions())
    assert not line.settle(3, each(6.0), within_s=100)
    assert line.settle(3, each(4.0), within_s=60)


CHECKS = [check_progress, check_small_cycles, check_quick_again, check_slow_statements, check_a_cut_of_one]


@pytest.mark.parametrize("check", CHECKS)
def test_soon_it_is_as_much_as_the_line_can_do(check: Callable[[], None]) -> None:
    check()


class Deaf(Portions):
    """The same is sent again."""

    def given_up(self, count: int) -> None:
        """See `Portions.given_up`."""


class Forgetful(Portions):
    """What was answered is taken for a proof that there may be any number."""

    def answered(self, count: int, took_s: float) -> None:
        """See `Portions.answered`."""
        self._most = 1 << 30


class Timid(Portions):
    """What was too much once is so for ever."""

    def answered(self, count: int, took_s: float) -> None:
        """See `Portions.answered`."""


class OnlyWhenQuick(Portions):
    """More is tried only after an answer that was quick."""

    def answered(self, count: int, took_s: float) -> None:
        """See `Portions.answered`."""
        if took_s <= portions_module.QUICK_S:
            super().answered(count, took_s)


class Stubborn(Portions):
    """More is tried after each answer, however often that was in vain."""

    def given_up(self, count: int) -> None:
        """See `Portions.given_up`."""
        super().given_up(count)
        self._wanted_answers = 1


@pytest.mark.parametrize(
    ("kind", "check"),
    [
        (Deaf, check_progress),
        (Deaf, check_small_cycles),
        (Forgetful, check_progress),
        (Forgetful, check_small_cycles),
        (Timid, check_quick_again),
        (OnlyWhenQuick, check_slow_statements),
        (Stubborn, check_progress),
    ],
)
def test_control_portions_that_do_otherwise_are_noticed(
    kind: type[Portions], check: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(globals(), "Portions", kind)
    with pytest.raises(AssertionError):
        check()


def sizes_sent(sizes: Iterable[int]) -> Iterator[list[int]]:
    """What goes in each statement, on a line that is quick."""
    left, portions = list(sizes), Portions()
    while left:
        asked = list(portions.first_of(left, lambda size: size))
        yield asked
        left = left[len(asked) :]


def test_a_statement_has_no_more_bytes_than_its_bound_unless_it_is_about_one() -> None:
    half, most = MAX_ROWS_BYTES // 2, MAX_ROWS_BYTES
    assert list(sizes_sent([half, half, 1])) == [[half, half], [1]]
    assert list(sizes_sent([most, 1, 1])) == [[most], [1, 1]]
    assert list(sizes_sent([3 * most, 3 * most])) == [[3 * most], [3 * most]]
    assert list(sizes_sent([1, 3 * most, 1])) == [[1], [3 * most], [1]]
    assert list(sizes_sent([100] * MANY)) == [[100] * MANY]
