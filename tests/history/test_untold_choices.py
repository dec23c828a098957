"""A choice of units whose answer was lost may be in the way of whoever names units: nobody was told which it got."""

import pytest

from loadtests.history import linear
from loadtests.history.calls import Call, Kind
from loadtests.history.linear import check
from loadtests.history.model import Model
from tests.history.notes import fail, info, ok

A, B = ("A/1/1",), ("A/1/2",)
LOST = info(Kind.HOLD, 0, 0, "lost", best=(1,), ttl_ms=1_000)
REFUSED = fail(Kind.HOLD, 0, (50, 60), "UNITS_HELD", units=A, named=A)

BAD: dict[str, list[Call]] = {
    "it was asked for later": [
        fail(Kind.HOLD, 0, (0, 10), "UNITS_HELD", units=A, named=A),
        info(Kind.HOLD, 0, 11, "lost", best=(1,), ttl_ms=1_000),
    ],
    "its answer was told": [ok(Kind.HOLD, 1, (0, 10), units=B, best=(1,), expires_at_ms=1_000), REFUSED],
    "a unit is sold twice": [
        LOST,
        ok(Kind.HOLD, 1, (1, 10), units=A, expires_at_ms=1_000),
        ok(Kind.HOLD, 2, (11, 20), units=A),
    ],
}


def _wrong(calls: list[Call]) -> list[str]:
    found = check(calls, Model({}))
    assert found.unchecked == 0
    return found.wrong


def test_it_may_be_in_the_way() -> None:
    assert not _wrong([LOST, REFUSED])


@pytest.mark.parametrize("why", BAD)
def test_it_explains_nothing_else(why: str) -> None:
    assert _wrong(BAD[why]), why


def test_control_a_search_that_forgets_it_calls_a_good_history_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linear, "_is_untold_choice", lambda _: False)
    assert _wrong([LOST, REFUSED])


def test_control_a_model_that_takes_any_refusal_passes_what_was_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Model, "_refused", lambda _, state, *__: state)
    assert not _wrong(BAD["its answer was told"])
