"""Who was refused, and asks again, is not told yes for what the refused try had done: the row that bears the key came
before the next try was asked.
"""

from collections.abc import Callable, Sequence

import msgspec
import pytest

from actors.audit.findings import Fault
from loadtests.history import witness as witness_module
from loadtests.history.asking import Tries
from loadtests.history.calls import Call, Kind
from loadtests.history.lateness import Lateness
from loadtests.history.timed import Timed, Written
from tests.history.notes import fail, info, ok
from tests.history.watched import CHAOS, NARROW, NONE, Tolerated, watched
from tests.loadtests.journals import START_MS, Journal, Shop, made_event

A = ("A/1/1",)
KEY = "hold 1"
HELD_ROW = 4
OFF_MS = 100
AGAIN_MS = 1_000  # when it is asked again
LONG_AFTER_MS = START_MS + 10**7


def held_after(after_ms: int) -> Journal:
    """A is held so long after it was asked for first, by the journal's clock."""
    shop = Shop()
    made_event(shop)
    shop.now_ms += after_ms
    shop.hold(1, A)
    shop.commit()
    return shop.journal()


def at(first_ms: int, last_ms: int) -> tuple[int, int]:
    """From when to when a call was, after the first one was asked."""
    return START_MS + first_ms, START_MS + last_ms


def refused(first_ms: int, last_ms: int, reason: str = "UNAVAILABLE") -> Call:
    """A try that was."""
    return fail(Kind.HOLD, 0, at(first_ms, last_ms), reason, KEY, units=A)


def done(first_ms: int, last_ms: int) -> Call:
    """The try that was told yes, as the answer again of something that was done before."""
    return ok(Kind.HOLD, 1, at(first_ms, last_ms), KEY, units=A, replayed=True)


def lost(first_ms: int) -> Call:
    """A try of which nobody heard again."""
    over_us = (START_MS + first_ms + 15_000) * 1000
    return info(Kind.HOLD, 0, START_MS + first_ms, KEY, units=A, over_us=over_us)


def came(after_ms: int) -> Written:
    """The row came so long after it was asked for first; of the others nobody knows."""
    return Written([0] * (HELD_ROW - 1) + [(START_MS + after_ms) * 1000], OFF_MS)


def found(
    calls: Sequence[Call],
    after_ms: int,
    tolerated: Tolerated = NONE,
    timed: Timed | None = None,
    written: Written | None = None,
) -> list[Fault]:
    """What is, if the hold was decided so long after it was asked for first."""
    return watched(held_after(after_ms), calls, LONG_AFTER_MS, tolerated, timed, written)


AGAIN = [refused(0, 20), done(AGAIN_MS, AGAIN_MS + 10)]
IN_TIME_MS = AGAIN_MS - OFF_MS  # the row may have come then, by a clock that is off by that
WRONG = [Fault.DONE_THOUGH_REFUSED]

BAD: dict[str, tuple[list[Call], int]] = {
    "done by the refused try": (AGAIN, 10),
    "done after the refusal": (AGAIN, IN_TIME_MS - 1),
    "refused twice": ([refused(0, 20), refused(500, 520), done(AGAIN_MS, AGAIN_MS + 10)], 510),
    "refused for good": ([refused(0, 20, "EVENT_NOT_FOUND"), done(AGAIN_MS, AGAIN_MS + 10)], 10),
    "nobody heard of the next try": ([refused(0, 20), lost(AGAIN_MS)], 10),
    "heard of the try after the next": ([refused(0, 20), lost(AGAIN_MS), done(AGAIN_MS + 50, AGAIN_MS + 90)], 10),
}
GOOD: dict[str, tuple[list[Call], int]] = {
    "done by the next try, which was sent twice": (AGAIN, AGAIN_MS + 5),
    "as far as the clocks tell": (AGAIN, IN_TIME_MS),
    "tries at once": ([refused(0, 20), done(15, AGAIN_MS)], 10),
    "nobody heard of the try before": ([lost(0), refused(30, 50), done(AGAIN_MS, AGAIN_MS + 10)], 10),
    "nobody heard of the next try": ([refused(0, 20), lost(30), done(AGAIN_MS, AGAIN_MS + 10)], 40),
    "never told": ([refused(0, 20), lost(AGAIN_MS)], AGAIN_MS + 5_000),
}


@pytest.mark.parametrize("name", BAD)
def test_what_was_done_before_the_first_try_that_was_not_refused_is_found(name: str) -> None:
    calls, came_ms = BAD[name]
    for tolerated in (NONE, NARROW, CHAOS):
        assert found(calls, 5, tolerated, written=came(came_ms)) == WRONG, tolerated


@pytest.mark.parametrize("name", GOOD)
def test_what_a_try_has_done_that_was_not_refused_is_right(name: str) -> None:
    calls, came_ms = GOOD[name]
    assert found(calls, 5, written=came(came_ms)) == []


def test_where_nobody_knows_when_rows_came_their_own_times_count() -> None:
    assert found(AGAIN, 10, NARROW) == WRONG
    assert found(AGAIN, IN_TIME_MS - 1, NARROW, written=Written([0] * HELD_ROW)) == WRONG
    assert found(AGAIN, IN_TIME_MS, NARROW) == []
    assert found(AGAIN, 10, NONE) == [], "the clocks have nothing to do with each other"
    assert found(AGAIN, 10, NARROW, Timed(row=HELD_ROW - 1)) == [], "nor have they any more"
    assert found(AGAIN, 10, NARROW, Timed(row=HELD_ROW)) == WRONG


@pytest.mark.parametrize(("began_ms", "ended_ms", "wrong"), [(0, 1_005, []), (0, 990, WRONG), (500, 1_005, WRONG)])
def test_a_clock_that_stood_still_may_tell_of_when_it_did(began_ms: int, ended_ms: int, wrong: list[Fault]) -> None:
    gap_us = ((START_MS + began_ms) * 1000, (START_MS + ended_ms) * 1000)
    assert found(AGAIN, 10, NARROW, Timed(gaps=[gap_us])) == wrong
    assert found(AGAIN, 10, NARROW, Timed(gaps=[gap_us]), came(15)) == WRONG, "it is known when the row came"


def without_refusals(call: Call, low: int, _: Call | None) -> Tries:
    """As if it were not kept that others had been refused."""
    return Tries(call, low)


@pytest.mark.parametrize(
    ("owner", "name", "broken"),
    [
        (Lateness, "early_ms", lambda *_: 0),
        (Written, "of", lambda *_: 0),
        (witness_module, "Tries", without_refusals),
    ],
    ids=["nothing is early", "no row is known", "no refusal is kept"],
)
def test_control_a_witness_to_whom_a_refusal_is_nothing(
    monkeypatch: pytest.MonkeyPatch, owner: object, name: str, broken: Callable[..., object]
) -> None:
    monkeypatch.setattr(owner, name, broken)
    with pytest.raises(AssertionError):
        test_what_was_done_before_the_first_try_that_was_not_refused_is_found("done by the refused try")


def test_control_a_try_that_is_taken_for_the_first_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then what is right would be found."""
    early_ms = Lateness.early_ms

    def as_told(self: Lateness, row: int, asked_us: int, answered_us: int) -> int:
        return early_ms(self, row, max(asked_us, answered_us - 10_000), answered_us)

    monkeypatch.setattr(Lateness, "early_ms", as_told)
    with pytest.raises(AssertionError):
        test_what_a_try_has_done_that_was_not_refused_is_right("nobody heard of the next try")


def test_an_answer_again_is_no_sign_that_a_refusal_was_wrong() -> None:
    """One try alone may be sent to two shards, and be told the first one's deed by the second."""
    told = [msgspec.structs.replace(done(AGAIN_MS, AGAIN_MS + 10), replayed=replayed) for replayed in (True, False)]
    assert [found([refused(0, 20), one], 5, written=came(AGAIN_MS + 5)) for one in told] == [[], []]
    assert [found([refused(0, 20), one], 5, written=came(10)) for one in told] == [WRONG, WRONG]
