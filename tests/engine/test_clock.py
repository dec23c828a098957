"""The journal's clock, carried forward: small differences are followed, a jump is a fault, a slow answer is neither."""

import pytest

from actors.engine.clock import JUMP_BELIEVED_S, JournalClock, PatientClock

START_MS = 1_700_000_000_000


class Monotonic:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def monotonic() -> Monotonic:
    return Monotonic()


@pytest.fixture
def clock(monotonic: Monotonic) -> JournalClock:
    """A clock that was set at START_MS."""
    clock = JournalClock(monotonic)
    assert not clock.trusted
    clock.observe(START_MS, monotonic())
    assert clock.trusted
    return clock


def test_it_goes_on_by_itself(clock: JournalClock, monotonic: Monotonic) -> None:
    monotonic.now_s += 2.5
    assert clock.now_ms() == START_MS + 2_500


@pytest.mark.parametrize(
    ("passed_s", "took_s", "journal_ms", "trusted", "now_ms"),
    [
        (10, 0, 10_300, True, 10_300),  # a little ahead: followed
        (10, 0, 9_000, True, 9_000),  # a little behind
        (10, 0, 13_000, False, 10_000),  # a jump ahead: not followed
        (10, 0, 7_000, False, 10_000),  # a jump back
        (10, 0, 3_600_000, False, 10_000),
        (10, 5, 5_000, True, 10_000),  # the answer took 5 s and was true when it was made
        (10, 5, 10_000, True, 10_000),  # or just before it came
        (10, 5, 4_000, True, 9_000),  # it lags by 1 s at least
        (10, 5, 2_000, False, 10_000),  # it lags by 3 s at least
        (10, 5, 13_000, False, 10_000),  # it leads by 3 s at least
    ],
)
def test_what_an_answer_makes_of_it(
    clock: JournalClock,
    monotonic: Monotonic,
    passed_s: float,
    took_s: float,
    journal_ms: int,
    trusted: bool,
    now_ms: int,
) -> None:
    monotonic.now_s += passed_s
    clock.observe(START_MS + journal_ms, monotonic() - took_s)
    assert clock.trusted is trusted
    assert clock.now_ms() == START_MS + now_ms


def test_it_is_trusted_again_when_both_clocks_agree(clock: JournalClock, monotonic: Monotonic) -> None:
    clock.observe(START_MS + 60_000, monotonic())
    assert not clock.trusted
    monotonic.now_s += 1
    clock.observe(START_MS + 1_000, monotonic())
    assert clock.trusted


def test_it_is_not_later_for_sure_than_the_journal_has_told(clock: JournalClock, monotonic: Monotonic) -> None:
    monotonic.now_s += 1.5
    assert clock.sure_ms() == START_MS + 1_500
    monotonic.now_s += 30  # a jump, or a journal that is silent
    assert clock.sure_ms() == START_MS + 2_000
    clock.observe(START_MS + 1_600, monotonic())
    assert not clock.trusted
    assert clock.sure_ms() == START_MS + 3_600


@pytest.mark.parametrize(("took_s", "sure_ms"), [(0, 12_000), (2, 14_000), (10, 15_000)])
def test_an_answer_may_have_taken_long(clock: JournalClock, monotonic: Monotonic, took_s: float, sure_ms: int) -> None:
    monotonic.now_s += 10
    asked_s = monotonic()
    monotonic.now_s += took_s
    clock.observe(START_MS + 10_000, asked_s)
    monotonic.now_s += 100
    assert clock.sure_ms() == START_MS + sure_ms
    clock.observe(START_MS + 1_000, monotonic())
    assert clock.sure_ms() == START_MS + sure_ms, "it never runs backwards"


def test_it_never_runs_backwards(clock: JournalClock, monotonic: Monotonic) -> None:
    monotonic.now_s += 10
    before_ms = clock.now_ms()
    clock.observe(before_ms - 1_500, monotonic())
    assert clock.now_ms() == before_ms
    monotonic.now_s += 2
    assert clock.now_ms() == before_ms + 500


def test_an_answer_that_took_long_sets_the_clock_only_until_the_next(monotonic: Monotonic) -> None:
    clock = JournalClock(monotonic)
    clock.observe(START_MS, monotonic() - 5)  # made five seconds ago, or just now
    assert (clock.trusted, clock.now_ms()) == (True, START_MS)
    clock.observe(START_MS + 5_000, monotonic())
    assert (clock.trusted, clock.now_ms()) == (True, START_MS + 5_000)
    clock.observe(START_MS + 10_000, monotonic())
    assert not clock.trusted, "from now on that is a jump"


@pytest.mark.parametrize("by_ms", [60_000, -60_000])
def test_who_lets_nothing_expire_follows_a_jump_when_it_has_lasted(by_ms: int, monotonic: Monotonic) -> None:
    clock = PatientClock(monotonic)
    assert not clock.observe(START_MS, monotonic())
    for after_s in (1.0, JUMP_BELIEVED_S):
        monotonic.now_s = 100 + after_s
        assert not clock.observe(START_MS + int(after_s * 1000) + by_ms, monotonic()), "it has not lasted"
        assert clock.now_ms() == START_MS + after_s * 1000
    monotonic.now_s = 101 + JUMP_BELIEVED_S
    lasted_ms = START_MS + int(JUMP_BELIEVED_S * 1000) + 1_000 + by_ms
    assert clock.observe(lasted_ms, monotonic())
    assert clock.now_ms() == lasted_ms
    assert not clock.observe(lasted_ms, monotonic()), "it is where it should be"


def test_a_jump_that_is_taken_back_in_time_is_none(monotonic: Monotonic) -> None:
    clock = PatientClock(monotonic)
    for after_s, by_ms in ((0, 0), (1, 60_000), (9, 0), (10, 60_000), (19, 60_000)):
        monotonic.now_s = 100.0 + after_s
        assert not clock.observe(START_MS + after_s * 1000 + by_ms, monotonic())
    assert clock.now_ms() == START_MS + 19_000
