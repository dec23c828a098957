"""Where too much is judged by less than all, a run is short of judgements and ends badly."""

import pytest

from tests.simulation.market_notes import EXCUSED, JUDGED, LEFT_OUT
from tests.simulation.sim_report import CEILINGS, SEEDS_FOR_FAULTS, Ceiling, Report

WHOLE = 10_000


@pytest.mark.parametrize("ceiling", CEILINGS, ids=[ceiling.said for ceiling in CEILINGS])
def test_a_share_beyond_its_ceiling_is_missed(ceiling: Ceiling) -> None:
    report, most = Report(), round(WHOLE * ceiling.most)
    report.seeds = SEEDS_FOR_FAULTS
    report.judged[ceiling.part] = most
    report.judged[ceiling.whole[0]] += WHOLE - most * (ceiling.part in ceiling.whole)
    assert _judgements(report) == []
    report.judged[ceiling.whole[0]] -= 10
    assert _judgements(report) == [f"a judgement: {most} of {WHOLE - 10} {ceiling.said}"]
    report.seeds -= 1
    assert _judgements(report) == [], "of so few seeds nobody can say"


def test_a_part_of_which_there_are_several_counts_together() -> None:
    assert {ceiling.part for ceiling in CEILINGS if ceiling.part not in JUDGED} == {EXCUSED, LEFT_OUT}
    for ceiling in CEILINGS:
        report = Report()
        report.judged.update({f"{ceiling.part}, of one kind": 2, f"{ceiling.part}, of another": 3})
        assert ceiling.of(report.judged)[0] == 5


def _judgements(report: Report) -> list[str]:
    return [missing for missing in report.missing() if missing.startswith("a judgement: ")]
