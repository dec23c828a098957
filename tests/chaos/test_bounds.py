"""What "When things die" says of each fault is what a campaign holds it to, with a margin that is stated."""

from pathlib import Path

import pytest

from tests.chaos import results
from tests.chaos.fault import MARGIN, PROMISED_S, UNNOTICED_ASKED, UNNOTICED_S, Fault
from tests.chaos.imagined_outcomes import outcome_of
from tests.chaos.plan import KINDS
from tests.chaos.process_faults import RayletKilled, RedisKilled, ShardKilled
from tests.chaos.results import lates

ARCHITECTURE = Path(__file__).resolve().parents[2] / "ARCHITECTURE.md"
LONGER = RayletKilled  # of one process, and takes all of Ray with it


def said_of(kind: type[Fault]) -> list[str]:
    """What clients see, by the rows that name the fault."""
    rows = [line.split(" | ") for line in ARCHITECTURE.read_text().splitlines() if line.startswith("| ")]
    return [row[1] for row in rows if f"::{kind.__name__}`" in row[-1]]


def check_bounds() -> None:
    for kind in KINDS:
        said = said_of(kind)
        assert len(said) == 1, f"{kind.__name__} is in {len(said)} rows"
        is_said = f"{kind.told_s:g} s" in said[0] if kind.told_s else said[0].startswith("nothing")
        assert is_said, f"{kind.__name__}: {kind.told_s:g} s, and it says: {said[0]}"
        assert kind.told_s <= kind.bound_s <= max(UNNOTICED_S, MARGIN * kind.told_s), kind.__name__
        if kind.is_single and not issubclass(kind, LONGER):
            assert kind.bound_s <= PROMISED_S, f"{kind.__name__} strikes one process alone"


def test_each_fault_is_held_to_what_is_said_of_it() -> None:
    check_bounds()


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [
        (ShardKilled, "bound_s", 5.0),
        (ShardKilled, "told_s", 3.0),
        (ShardKilled, "told_s", 0.0),
        (RedisKilled, "told_s", 0.1),
        (RedisKilled, "bound_s", 2.0),
    ],
)
def test_control_a_bound_that_is_not_what_is_said_is_noticed(
    monkeypatch: pytest.MonkeyPatch, kind: type[Fault], name: str, value: float
) -> None:
    monkeypatch.setattr(kind, name, value)
    with pytest.raises(AssertionError, match=kind.__name__):
        check_bounds()


def check_what_nobody_is_to_notice() -> None:
    few, more = ({"UNAVAILABLE": number} for number in (UNNOTICED_ASKED, UNNOTICED_ASKED + 1))
    unnoticed = [kind.what for kind in KINDS if not kind.told_s]
    assert lates([outcome_of(what, seen=few) for what in unnoticed], KINDS) == []
    for what in unnoticed:
        assert lates([outcome_of(what, seen=more)], KINDS) == [f"{what}: {UNNOTICED_ASKED + 1} calls were asked again"]
        assert len(lates([outcome_of(what, unavailable_s=UNNOTICED_S + 0.1)], KINDS)) == 1
    assert lates([outcome_of(seen=more)], KINDS) == [], "of others it is said that they are noticed"


def test_of_what_nobody_is_to_notice_hardly_any_call_is_asked_again() -> None:
    check_what_nobody_is_to_notice()


def test_control_any_number_of_refusals_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "UNNOTICED_ASKED", 1_000)
    with pytest.raises(AssertionError):
        check_what_nobody_is_to_notice()
