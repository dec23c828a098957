"""Where too much is judged by less than all, a run is short of judgements and ends badly."""

import asyncio
import math
from itertools import combinations
from random import Random

import pytest

from tests.simulation import virtual_time
from tests.simulation.faults import TOGETHER_S, Fault, Faults, pair
from tests.simulation.market_notes import (
    CALMED,
    ELSEWHERE,
    EXCUSED,
    JUDGED,
    LEFT_OUT,
    TIMELESS,
    UNKNOWN,
    UNTIMED,
    UNTIMED_DENIALS,
    VAGUE,
    VAGUE_STEPS,
)
from tests.simulation.overdue import BROUGHT_ABOUT
from tests.simulation.recording import REPEATED
from tests.simulation.sim_report import CEILINGS, FLOORS, SEEDS_FOR_FAULTS, SEEDS_FOR_PAIRS, Ceiling, Floor, Report

WHOLE = 10_000


@pytest.mark.parametrize("ceiling", CEILINGS, ids=[ceiling.said for ceiling in CEILINGS])
def test_a_share_beyond_its_ceiling_is_missed(ceiling: Ceiling) -> None:
    report, most = Report(), round(WHOLE * ceiling.most)
    report.seeds = SEEDS_FOR_FAULTS
    report.judged[ceiling.part] = most
    report.judged[ceiling.whole[0]] += WHOLE - most * (ceiling.part in ceiling.whole)
    assert _judgements(report, ceiling) == []
    report.judged[ceiling.whole[0]] -= 10
    assert _judgements(report, ceiling) == [f"a judgement: {most} of {WHOLE - 10} {ceiling.said}"]
    report.seeds -= 1
    assert _judgements(report, ceiling) == [], "of so few seeds nobody can say"


@pytest.mark.parametrize("floor", FLOORS, ids=[floor.what for floor in FLOORS])
def test_a_check_that_has_next_to_nothing_to_judge_is_missed(floor: Floor) -> None:
    report = Report()
    report.seeds = SEEDS_FOR_FAULTS
    report.judged.update({one.what: math.ceil(one.per_seed * report.seeds) for one in FLOORS})
    assert _of_too_little(report) == []
    report.judged[floor.what] -= 1
    assert _of_too_little(report) == [f"too little to judge: {report.judged[floor.what]} {floor.what}"]
    report.seeds -= 1
    assert _of_too_little(report) == [], "of so few seeds nobody can say"


def test_nothing_that_is_judged_may_be_left_out_altogether() -> None:
    may_be_none = {
        UNKNOWN,
        ELSEWHERE,
        VAGUE,
        UNTIMED,
        TIMELESS,
        UNTIMED_DENIALS,
        VAGUE_STEPS,
        CALMED,
    }  # the less of it the better
    assert {floor.what for floor in FLOORS} == set(JUDGED) - may_be_none
    assert set(BROUGHT_ABOUT) <= set(JUDGED)


def test_a_part_of_which_there_are_several_counts_together() -> None:
    parts = {ceiling.part for ceiling in CEILINGS if ceiling.part not in JUDGED}
    assert parts == {EXCUSED, f"{EXCUSED}{REPEATED}", LEFT_OUT}
    for ceiling in CEILINGS:
        report = Report()
        report.judged.update({f"{ceiling.part}, of one kind": 2, f"{ceiling.part}, of another": 3})
        assert ceiling.of(report.judged)[0] == 5


def test_two_faults_are_a_pair_if_one_soon_follows_the_other() -> None:
    crash, lost, moved = Fault.CRASH, Fault.LOST_TAIL, Fault.MOVED

    async def main() -> Faults:
        faults = Faults(Random(1), Fault)
        faults.took_effect(crash)
        await asyncio.sleep(TOGETHER_S + 0.1)
        faults.took_effect(lost)
        faults.took_effect(lost)
        await asyncio.sleep(TOGETHER_S - 0.1)
        faults.took_effect(moved)
        return faults

    assert virtual_time.run(main).pairs == {pair(moved, lost): 1}


def test_a_pair_that_never_came_together_is_missed_though_both_came() -> None:
    report = Report()
    report.seeds = SEEDS_FOR_PAIRS
    report.seeds_of.update(Fault)
    report.pairs.update(pair(first, second) for first, second in combinations(Fault, 2))
    assert _never_together(report) == []
    del report.pairs[pair(Fault.MOVED, Fault.CRASH)]
    assert _never_together(report) == [f"never together: {pair(Fault.CRASH, Fault.MOVED)}"]
    report.seeds -= 1
    assert _never_together(report) == [], "of so few seeds nobody can say"


def _never_together(report: Report) -> list[str]:
    return [missing for missing in report.missing() if missing.startswith("never together")]


def _of_too_little(report: Report) -> list[str]:
    return [missing for missing in report.missing() if missing.startswith("too little to judge: ")]


def _judgements(report: Report, ceiling: Ceiling) -> list[str]:
    return [missing for missing in report.missing() if missing.startswith("a judgement") and ceiling.said in missing]
