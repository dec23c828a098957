"""Negative controls: whatever guarantee is removed from the core, scenarios and random walks notice."""

from collections.abc import Callable, Iterable
from functools import partial

import pytest
from _pytest.mark import ParameterSet
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.core.random_walk import RandomWalk
from tests.core.sabotage import SABOTAGES
from tests.core.sabotage_corrections import CORRECTION_SABOTAGES
from tests.core.sabotage_inventory import INVENTORY_SABOTAGES
from tests.core.sabotage_waiting import SELDOM_NOTICED, WAITING_SABOTAGES
from tests.core.scenario import run
from tests.core.scenario_tables import Scenario, all_scenarios
from tests.long_params import param

_NOTICED = (AssertionError, LookupError)
_WALKS = 2_000  # stops at the first that notices

Sabotages = dict[Callable[[pytest.MonkeyPatch], None], str]

OFTEN_NOTICED = SABOTAGES | INVENTORY_SABOTAGES | WAITING_SABOTAGES
ALL = OFTEN_NOTICED | SELDOM_NOTICED
HUNDREDS_OF_WALKS = frozenset(
    {
        "an_order_may_lose_all_tickets",
        "what_is_overdue_counts_against_limits",
        "keys_of_extended_holds_are_forgotten",
        "prices_follow_the_layout",
        "only_the_tick_expires",
        "whatever_is_named_may_end",
        "units_keep_their_numbers",
        "choices_are_made_once",
        "snapshots_forget_what_came_back",
        "numbers_in_use_refuse_replays",
        "corrected_tickets_stay",
        "corrected_holds_stay",
    }
)
"""So many it takes until one of these is noticed, which scenarios do at once."""


def _each(sabotages: Iterable[Callable[[pytest.MonkeyPatch], None]]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("sabotage", sabotages, ids=lambda sabotage: str(sabotage.__name__))


def _marked(sabotage: Callable[[pytest.MonkeyPatch], None]) -> ParameterSet:
    return param(sabotage, sabotage.__name__, is_long=sabotage.__name__ in HUNDREDS_OF_WALKS)


@_each(ALL)
def test_scenarios_notice_sabotage(sabotage: Callable[[pytest.MonkeyPatch], None]) -> None:
    noticed = next(
        filter(partial(notices, sabotage), sorted(all_scenarios(), key=lambda s: s.subject != ALL[sabotage]))
    )
    run(noticed)  # and without the patch all is well


def notices(sabotage: Callable[[pytest.MonkeyPatch], None], scenario: Scenario) -> bool:
    """Whether the scenario comes out otherwise."""
    with pytest.MonkeyPatch.context() as patch:
        sabotage(patch)
        try:
            run(scenario)
        except _NOTICED:
            return True
    return False


@pytest.mark.parametrize("sabotage", [_marked(one) for one in (*OFTEN_NOTICED, *CORRECTION_SABOTAGES)])
def test_random_walks_notice_sabotage(
    sabotage: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    sabotage(monkeypatch)
    bounds = settings(
        max_examples=_WALKS,
        stateful_step_count=50,
        deadline=None,
        database=None,
        derandomize=True,
        phases=(Phase.generate,),
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    with pytest.raises(_NOTICED):
        run_state_machine_as_test(RandomWalk, settings=bounds)
