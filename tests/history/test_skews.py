"""Where clocks jump, deadlines say less in the search for an order: from then on, and no less than they still can."""

import pytest

from loadtests.history.calls import Kind
from loadtests.history.linear import check
from loadtests.history.model import Model
from loadtests.history.skews import FOR_EVER_MS, Skews
from tests.history.notes import fail, ok, read

A = ("A/1/1",)
HOLD, RELEASE, SEE = Kind.HOLD, Kind.RELEASE, Kind.READ_HOLD
FIRST = ok(HOLD, 1, (0, 10), units=A, expires_at_ms=1_000)


def test_skews_only_grow_and_are_for_ever_when_they_are_lost() -> None:
    skews = Skews()
    assert (skews.at(10), skews.widest_ms) == (0, 0)
    skews.widen(20, 5)
    skews.widen(30, 3)
    skews.lose(40)
    assert [skews.at(at_ms) for at_ms in (19, 20, 30, 39, 40)] == [0, 5, 5, 5, FOR_EVER_MS]
    assert (skews.widest_ms, skews.is_lost(39), skews.is_lost(40)) == (5, False, True)


def skewed(at_ms: int, skew_ms: int | None) -> Skews:
    """Clocks jump so far then; None: so far that they have nothing to do with each other."""
    skews = Skews()
    if skew_ms is None:
        skews.lose(at_ms)
    else:
        skews.widen(at_ms, skew_ms)
    return skews


TOO_EARLY = {
    "sold twice": [FIRST, ok(HOLD, 2, (400, 500), units=A)],
    "expired": [FIRST, read(SEE, 1, (400, 500), "EXPIRED")],
    "refused though its key stands": [
        FIRST, ok(RELEASE, 1, (11, 20)), ok(HOLD, 2, (21, 30), units=A, expires_at_ms=2_000),
        fail(HOLD, 0, (400, 500), "UNITS_HELD", FIRST.key, units=A),
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", TOO_EARLY)
@pytest.mark.parametrize(
    ("skews", "is_judged"),
    [
        (skewed(501, None), True), (skewed(501, 5_000), True), (skewed(300, 400), True),
        (skewed(500, None), False), (skewed(300, None), False),
    ],
)  # fmt: skip
def test_what_came_before_a_jump_is_judged_by_time_and_after_a_little_one_almost_so(
    name: str, skews: Skews, is_judged: bool
) -> None:
    found = check(TOO_EARLY[name], Model({}, skews=skews))
    assert bool(found.wrong) is is_judged
    assert bool(found.timeless) is not is_judged


def test_after_a_little_jump_what_is_due_may_have_ended_a_little_earlier() -> None:
    for name in ("sold twice", "expired"):
        assert check(TOO_EARLY[name], Model({}, skews=skewed(300, 500))).wrong == []
        assert check(TOO_EARLY[name], Model({}, skews=skewed(300, 499))).wrong
        assert check(TOO_EARLY[name], Model({}, skews=skewed(300, 500))).timeless == 0


def test_after_a_large_jump_nothing_ends_so_early_as_no_clock_is_ahead() -> None:
    for name in ("sold twice", "expired"):
        for ahead_ms, is_wrong in ((499, True), (500, False)):
            skews = Skews()
            skews.lose(300, ahead_ms)
            found = check(TOO_EARLY[name], Model({}, skews=skews))
            assert (bool(found.wrong), found.timeless) == (is_wrong, 1)


@pytest.mark.parametrize("name", TOO_EARLY)
def test_control_a_run_that_is_timeless_from_its_beginning_sees_none_of_it(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Skews, "at", lambda self, _: self._skews_ms[-1])
    monkeypatch.setattr(Skews, "ahead", lambda self, _: self._ahead_ms[-1])
    assert check(TOO_EARLY[name], Model({}, skews=skewed(501, None))).wrong == []


def test_where_clocks_jump_a_deadline_says_nothing() -> None:
    calls = [
        ok(HOLD, 1, (2_000_000, 2_000_010), units=A, ttl_ms=1_000, replayed=True),
        read(SEE, 1, (2_000_020, 2_000_030), "ACTIVE", expires_at_ms=2_500),
    ]
    assert check(calls, Model({}, skews=skewed(0, None))).wrong == []
    assert check(calls, Model({}, skews=skewed(0, 2_000_000))).wrong == []
    assert check(calls, Model({})).wrong


def test_where_clocks_tell_nothing_anybody_overdue_may_have_made_room() -> None:
    """The last hold is there, so one of the others had ended; it was the one that was due later."""
    calls = [
        ok(HOLD, 1, (0, 10), areas=(("Floor", 1),), expires_at_ms=1_000),
        ok(HOLD, 2, (20, 30), areas=(("Floor", 1),), expires_at_ms=2_000),
        ok(HOLD, 3, (40, 50), areas=(("Floor", 1),), expires_at_ms=9_000),
        read(SEE, 1, (60, 70), "ACTIVE"),
        read(SEE, 2, (80, 90), "EXPIRED"),
    ]
    assert check(calls, Model({"Floor": 2}, skews=skewed(0, None))).wrong == []
    assert check(calls, Model({"Floor": 2}, skews=skewed(0, 2_000))).wrong == []
    assert check(calls, Model({"Floor": 2})).wrong
    three_live = [*calls[:4], read(SEE, 2, (80, 90), "ACTIVE")]
    assert check(three_live, Model({"Floor": 2})).wrong


def test_a_shard_that_had_not_heard_the_journal_set_its_deadline_by_what_it_heard_last() -> None:
    calls = [
        ok(Kind.HOLD, 1, (9_000, 9_010), units=("A/1/1",), ttl_ms=5_000, replayed=True),
        read(Kind.READ_HOLD, 1, (9_020, 9_030), "ACTIVE", expires_at_ms=12_000),
    ]
    assert not check(calls, Model({}, unheard_ms=2_000)).wrong
    assert check(calls, Model({}, unheard_ms=1_000)).wrong
