"""What nobody was told of may be done after its call, but not after its time, as far as the clocks can tell."""

import pytest

from actors.audit.findings import Fault
from loadtests.history.calls import Kind
from loadtests.history.lateness import Lateness
from loadtests.history.timed import Timed
from tests.history.notes import info, ok
from tests.history.watched import Tolerated, watched
from tests.loadtests.journals import START_MS, Journal, Shop, made_event

A, B = ("A/1/1",), ("A/1/2",)
OVER_MS = 15_000
LONG_AFTER_MS = START_MS + 10**7
HELD_ROW = 4
TOLERATED = (1_000, 1_000)


def held_after(after_ms: int) -> Journal:
    """A is held so long after it was asked for, by the journal's clock; then B, of whom somebody was told."""
    shop = Shop()
    made_event(shop)
    shop.now_ms += after_ms
    for hold, units in ((1, A), (2, B)):
        shop.hold(hold, units)
        shop.commit()
    return shop.journal()


def found(after_ms: int, over_ms: int, tolerated: Tolerated = TOLERATED, timed: Timed | None = None) -> list[Fault]:
    """Somebody asked for A at once and left; `over_ms`: how long after that it could be done."""
    over_us = (START_MS + over_ms) * 1000 if over_ms else 0
    after = START_MS + after_ms
    calls = [
        info(Kind.HOLD, 0, START_MS, "hold 1", units=A, over_us=over_us),
        ok(Kind.HOLD, 2, (after, after + 5), "hold 2", units=B),
    ]
    return watched(held_after(after_ms), calls, LONG_AFTER_MS, tolerated, timed)


def test_what_is_done_after_its_time_is_found() -> None:
    assert found(OVER_MS + 1_001, OVER_MS) == [Fault.DONE_TOO_LATE]
    assert found(2 * OVER_MS, OVER_MS, (100, None)) == [Fault.DONE_TOO_LATE]


@pytest.mark.parametrize("after_ms", [5, OVER_MS, OVER_MS + 1_000])
def test_what_is_done_in_its_time_is_right(after_ms: int) -> None:
    assert found(after_ms, OVER_MS) == []


def test_of_which_nobody_knows_when_it_is_over_may_be_done_at_any_time() -> None:
    assert found(10 * OVER_MS, 0) == []


def test_the_last_of_several_tries_counts() -> None:
    after = START_MS + 2 * OVER_MS
    first = info(Kind.HOLD, 0, START_MS, "hold 1", units=A, over_us=(START_MS + OVER_MS) * 1000)
    tells = ok(Kind.HOLD, 2, (after, after + 5), "hold 2", units=B)
    for over_ms, wrong in ((OVER_MS, [Fault.DONE_TOO_LATE]), (3 * OVER_MS, [])):
        again = info(Kind.HOLD, 0, START_MS + 7, "hold 1", units=A, over_us=(START_MS + over_ms) * 1000)
        assert watched(held_after(2 * OVER_MS), [first, again, tells], LONG_AFTER_MS, TOLERATED) == wrong


def test_who_was_told_in_the_end_had_a_try_that_was_in_time() -> None:
    after = START_MS + 2 * OVER_MS
    first = info(Kind.HOLD, 0, START_MS, "hold 1", units=A, over_us=(START_MS + OVER_MS) * 1000)
    told = [
        ok(Kind.HOLD, number, (after, after + 5), f"hold {number}", units=units) for number, units in ((1, A), (2, B))
    ]
    assert watched(held_after(2 * OVER_MS), [first, *told], LONG_AFTER_MS, TOLERATED) == []


@pytest.mark.parametrize(
    ("tolerated", "timed"),
    [
        ((None, None), None),
        (TOLERATED, Timed((START_MS + OVER_MS) * 1000)),
        (TOLERATED, Timed(row=HELD_ROW - 1)),
    ],
    ids=["never", "not any more", "not in this row"],
)
def test_clocks_that_have_nothing_to_do_with_each_other_tell_nothing(tolerated: Tolerated, timed: Timed | None) -> None:
    assert found(2 * OVER_MS, OVER_MS, tolerated, timed) == []


def test_control_a_witness_to_whom_nothing_is_late(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Lateness, "late_ms", lambda *_: 0)
    with pytest.raises(AssertionError):
        test_what_is_done_after_its_time_is_found()
