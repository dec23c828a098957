"""What is refused for what others have is borne out by the journals of the events, and what is not is found."""

from collections.abc import Iterator
from functools import partial

import pytest

from actors.core.outcomes import Reason
from tests.long_params import param
from tests.simulation import desk_refusals as module
from tests.simulation import runs
from tests.simulation.breaks import nearly_all_is_refused_elsewhere
from tests.simulation.controls import NOT_BORNE_OUT
from tests.simulation.desk_refusals import DeskRefusals, desk_refusals
from tests.simulation.desk_refusals import _is_of_events as is_of_events
from tests.simulation.faults import CLASSIC
from tests.simulation.market import Market
from tests.simulation.market_notes import RECORDED, VAGUE
from tests.simulation.runs import simulate
from tests.simulation.sim_report import SEEDS_FOR_FAULTS, Report
from tests.simulation.world import World

SEEDS = range(3)
LEAST_JUDGED = 30
REASONS = (
    Reason.UNITS_SOLD,
    Reason.UNITS_HELD,
    Reason.NOT_ENOUGH_AVAILABLE,
    Reason.BUYER_LIMIT_EXCEEDED,
    Reason.UNITS_BLOCKED,
    Reason.UNIT_UNKNOWN,
    Reason.SALE_CLOSED,
    Reason.EVENT_NOT_FOUND,
)


def found(seed: int) -> DeskRefusals:
    """What this check alone says of the seed."""
    kept: list[DeskRefusals] = []

    def judge(world: World, market: Market) -> Iterator[str]:
        kept.append(desk_refusals(world, market))
        yield from ()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runs, "CHECKS", [judge])
        runs.simulate(seed, faults=frozenset(CLASSIC))
    return kept[0]


def test_refusals_of_desks_are_borne_out_and_nearly_all_can_be_judged() -> None:
    all_of_them = [found(seed) for seed in SEEDS]
    assert [one.wrong for one in all_of_them] == [[] for _ in SEEDS]
    judged, vague = sum(one.judged for one in all_of_them), sum(one.vague for one in all_of_them)
    print(f"{judged} borne out, {vague} vague")
    assert judged > LEAST_JUDGED
    assert vague * 20 < judged
    assert sum(one.excused for one in all_of_them) == 0, "no row was lost"


@pytest.mark.parametrize("reason", [param(reason, reason.name, is_long=reason is not REASONS[0]) for reason in REASONS])
def test_a_desk_that_refuses_nearly_all_is_found_whatever_it_says(
    reason: Reason, monkeypatch: pytest.MonkeyPatch
) -> None:
    partial(nearly_all_is_refused_elsewhere, reason=reason)(monkeypatch)
    wrong = found(0).wrong
    print(reason.name, len(wrong))
    assert sum(f"refused as {reason.name}, {NOT_BORNE_OUT}" in said for said in wrong) > 3


def test_a_refusal_that_is_not_looked_at_is_wrong_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_is_of_events", lambda call: is_of_events(call) and call.reason != "UNITS_SOLD")
    said = simulate(1, faults=frozenset(CLASSIC)).wrong
    assert len(said) == 1
    assert said[0].endswith(" refusals elsewhere were held against no event")


def test_where_much_cannot_be_judged_nothing_is() -> None:
    report = Report()
    report.seeds = SEEDS_FOR_FAULTS
    report.judged.update({RECORDED: 1_000, VAGUE: 4})
    assert not any("nobody could judge" in missing for missing in report.missing())
    report.judged[VAGUE] += 1
    assert "a judgement: 5 of 1000 calls nobody could judge" in report.missing()


def test_control_without_a_look_at_the_events_nothing_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    nearly_all_is_refused_elsewhere(monkeypatch)
    monkeypatch.setattr(module, "stood_in_the_way", lambda *_: True)
    assert found(0).wrong == []
