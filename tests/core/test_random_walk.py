"""The core and the naive model agree on random walks."""

from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.core.random_walk import RandomWalk

_WALKS = 300
_STEPS = 50
_SEEN_IN_ANY_RUN = (
    "PlaceHold ACCEPTED",
    "PlaceHold REPLAYED",
    "PlaceHold UNITS_HELD",
    "PlaceHold NOT_ENOUGH_AVAILABLE",
    "PlaceHold IDEMPOTENCY_KEY_REUSED",
    "ExtendHold ACCEPTED",
    "ReleaseHold ACCEPTED",
    "PlaceOrder ACCEPTED",
    "PlaceOrder HOLD_EXPIRED",
    "ConfirmOrder ACCEPTED",
    "CancelOrder ACCEPTED",
    "tick expired",
)


def test_core_and_naive_model_agree_on_random_walks() -> None:
    RandomWalk.met.clear()
    bounds = settings(
        max_examples=_WALKS,
        stateful_step_count=_STEPS,
        deadline=None,
        database=None,
        print_blob=True,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(RandomWalk, settings=bounds)
    assert [what for what in _SEEN_IN_ANY_RUN if not RandomWalk.met[what]] == [], "the walks went nowhere"
