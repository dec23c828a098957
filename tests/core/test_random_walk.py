"""The core and the naive model agree on random walks."""

from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.core.random_walk import RandomWalk

WALKS = 600
STEPS = 50


def test_core_and_naive_model_agree_on_random_walks() -> None:
    RandomWalk.met.clear()
    bounds = settings(
        max_examples=WALKS,
        stateful_step_count=STEPS,
        deadline=None,
        database=None,
        print_blob=True,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(RandomWalk, settings=bounds)
    print(*sorted(RandomWalk.met.items(), key=lambda pair: -pair[1]), sep="\n")
