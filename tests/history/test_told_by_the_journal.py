"""What the journal tells of what no client sees is searched with the rest; what is vague is so no longer than its hold
lives.
"""

import msgspec
import pytest

from loadtests.history import model
from loadtests.history.calls import Call, Kind, Seen
from loadtests.history.linear import check
from loadtests.history.lots import JOURNAL
from loadtests.history.model import ENDED_BY_ITSELF, Model
from loadtests.history.model_state import VAGUE, State, give_back
from tests.history.notes import fail, info, ok, read

A, B, C = ("A/1/1",), ("A/1/2",), ("A/1/3",)
FLOOR = (("floor", 3),)
HOLD, SEE = Kind.HOLD, Kind.READ_HOLD
TOLD = Model({"floor": 5}, are_ends_told=True, rows=[(*A, *B, *C)], near={"A/1/1": {"A/1/2"}})
FIRST = ok(HOLD, 1, (0, 10), units=A, expires_at_ms=100)
PLACES = ok(HOLD, 1, (0, 10), areas=FLOOR, expires_at_ms=100)


def ended(number: int, at_ms: int) -> Call:
    """The journal tells that the hold ended by itself, in a row of then."""
    told = read(SEE, number, (at_ms, at_ms), "EXPIRED")
    assert isinstance(told.told, Seen)
    return msgspec.structs.replace(told, client=JOURNAL, reason=ENDED_BY_ITSELF)


GOOD: dict[str, list[Call]] = {
    "held again when it had ended": [FIRST, ended(1, 110), ok(HOLD, 2, (105, 120), units=A)],
    "read as expired, and in the way": [
        FIRST, read(SEE, 1, (101, 103), "EXPIRED"), fail(HOLD, 0, (104, 106), "UNITS_HELD", units=A), ended(1, 110),
    ],
    "refused for a slot that needs a pause": [
        ok(HOLD, 1, (0, 10), units=B), fail(HOLD, 0, (11, 20), "UNITS_HELD", units=A, named=A),
    ],
    "no two seats side by side": [
        ok(HOLD, 1, (0, 10), units=B), fail(HOLD, 0, (11, 20), "NOT_ENOUGH_AVAILABLE", best=(2,)),
    ],
    "not so many places": [PLACES, fail(HOLD, 0, (11, 20), "NOT_ENOUGH_AVAILABLE", areas=FLOOR)],
}  # fmt: skip
BAD: dict[str, list[Call]] = {
    "ended before its time": [FIRST, ended(1, 90)],
    "held again though nothing tells that it had ended": [FIRST, ok(HOLD, 2, (105, 120), units=A)],
    "refused when it had ended": [FIRST, ended(1, 110), fail(HOLD, 0, (111, 120), "UNITS_HELD", units=A)],
    "refused for a slot that needs none": [
        ok(HOLD, 1, (0, 10), units=C), fail(HOLD, 0, (11, 20), "UNITS_HELD", units=A, named=A),
    ],
    "there are two seats side by side": [
        FIRST, fail(HOLD, 0, (11, 20), "NOT_ENOUGH_AVAILABLE", best=(2,)),
    ],
    "places that came back": [PLACES, ended(1, 110), fail(HOLD, 0, (111, 120), "NOT_ENOUGH_AVAILABLE", areas=FLOOR)],
}  # fmt: skip


def _checked(calls: list[Call], model: Model = TOLD) -> list[str]:
    found = check(sorted(calls, key=lambda call: call.invoked_us), model)
    assert found.unchecked == 0
    return found.wrong


@pytest.mark.parametrize("name", GOOD)
def test_what_the_journal_explains_has_an_order(name: str) -> None:
    assert _checked(GOOD[name]) == []


@pytest.mark.parametrize("name", BAD)
def test_what_it_does_not_explain_has_none(name: str) -> None:
    assert _checked(BAD[name]) != []


def test_what_the_journal_tells_is_in_no_count() -> None:
    found = check([FIRST, ended(1, 110), ok(HOLD, 2, (111, 120), units=A)], TOLD)
    assert (found.calls, found.checked, found.wrong) == (2, 2, [])


def test_refusals_are_counted_by_what_they_say() -> None:
    found = check([FIRST, fail(HOLD, 0, (11, 20), "UNITS_HELD", units=A)], TOLD)
    assert found.refused == {"UNITS_HELD": 1}


def test_steps_are_counted_as_long_as_something_is_vague() -> None:
    chosen = [info(HOLD, 0, 0, "k", best=(1,), ttl_ms=1_000), ok(HOLD, 2, (1, 9), units=B, expires_at_ms=900)]
    refused = fail(HOLD, 0, (11, 20), "UNITS_HELD", units=(*A, *B), named=(*A, *B))
    found = check([*chosen, refused], Model({}))
    assert found.wrong == []
    assert found.vague > 0
    assert check([FIRST, fail(HOLD, 0, (11, 20), "UNITS_HELD", units=A)], Model({})).vague == 0


EXCHANGED = [
    FIRST,
    ok(Kind.ORDER, 1, (11, 20)),
    ok(Kind.CONFIRM, 101, (21, 30)),
    ok(Kind.EXCHANGE, 101, (31, 40), units=B, tickets=(0,), replayed=True),
]
GIVEN_UP = ok(Kind.CANCEL, 101, (51, 60))
REFUSED = fail(HOLD, 0, (61, 70), "UNITS_SOLD", units=B, named=B)


def test_what_was_vague_for_a_holds_sake_is_not_when_the_hold_has_ended() -> None:
    assert _checked([*EXCHANGED, REFUSED], Model({})) == []
    assert _checked([*EXCHANGED, GIVEN_UP, REFUSED], Model({})) != []


def test_control_vagueness_without_an_end_explains_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    def give_back_vaguely(after: State, hold: str) -> None:
        vague = {name: fact for name, fact in after.items() if fact[0] == VAGUE}
        give_back(after, hold)
        after.update(vague)

    monkeypatch.setattr(model, "give_back", give_back_vaguely)
    assert _checked([*EXCHANGED, GIVEN_UP, REFUSED], Model({})) == []


def test_of_two_it_is_vague_until_both_have_ended() -> None:
    calls = [
        call
        for number, units in ((1, A), (2, C))
        for call in (
            ok(HOLD, number, (0, 10), units=units, expires_at_ms=900),
            ok(Kind.ORDER, number, (11, 20)),
            ok(Kind.CONFIRM, 100 + number, (21, 30)),
            ok(Kind.EXCHANGE, 100 + number, (31, 40), units=B, tickets=(0,), replayed=True),
        )
    ]
    calls.append(ok(Kind.CANCEL, 101, (41, 50)))
    refused = fail(HOLD, 0, (71, 80), "UNITS_SOLD", units=B, named=B)
    assert _checked([*calls, refused], Model({})) == []
    assert _checked([*calls, ok(Kind.CANCEL, 102, (51, 60)), refused], Model({})) != []


def test_control_a_model_that_knows_no_ends_lets_time_alone_give_back() -> None:
    assert _checked(BAD["held again though nothing tells that it had ended"], Model({})) == []
