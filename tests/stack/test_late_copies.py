"""A replica hangs with a call in its sockets, and the other says no. When the first wakes up, that stays true."""

import os
import signal
import time

import pytest

from serve.validation import DEFAULT_TIMEOUT_MS
from tests.stack.census import serving_gateway
from tests.stack.load import HALL
from tests.stack.patience import await_that
from tests.stack.running_stack import RunningStack
from tests.stack.test_leaving import replicas

pytestmark = pytest.mark.stack

ONE = {"areas": [{"area": "Hall", "quantity": 1}]}
AWAKE_AFTER_S = 2.0
TAKEN_UP_AGAIN_S = 6.0
PATIENCE_S = 30.0
HEARD_OF_S = 3.0  # by then HAProxy has a file with both, whichever died before


@pytest.mark.parametrize("woken_after_s", [0.0, DEFAULT_TIMEOUT_MS / 1000 + 1])
def test_a_no_stays_one_when_the_replica_that_was_asked_first_wakes_up(
    running: RunningStack, woken_after_s: float
) -> None:
    """At once, within the call's limit, and when it is over."""
    await_that("another stands by", lambda: len(replicas(running)) == 2, PATIENCE_S)
    time.sleep(HEARD_OF_S)
    with running.client() as client:

        def post(path: str, key: str, body: object) -> tuple[int, dict[str, str]]:
            answer = client.post(path, json=body, headers={"Idempotency-Key": f"{key}, {woken_after_s}"}, timeout=30)
            return answer.status_code, answer.json()

        layout = HALL | {"areas": [{"name": "Hall", "category": "A", "capacity": 1}]}
        event = post("/v1/events", "create", {"name": "one place", "layout": layout})[1]["event_id"]
        assert post(f"/v1/events/{event}/open-sale", "open", {})[0] == 200
        hold = post(f"/v1/events/{event}/holds", "first", ONE)[1]["hold_id"]
        replica = serving_gateway(running)
        os.kill(replica, signal.SIGSTOP)
        try:
            asked_s = time.monotonic()
            assert post(f"/v1/events/{event}/holds", "refused", ONE)[0] == 409
            assert post(f"/v1/holds/{hold}/release", "release", {})[0] == 200
            time.sleep(max(0.0, asked_s + woken_after_s - time.monotonic()))
        finally:
            os.kill(replica, signal.SIGCONT)
        time.sleep(AWAKE_AFTER_S)
        assert post(f"/v1/events/{event}/holds", "other", ONE)[0] == 201, "the place is nobody's"
        time.sleep(TAKEN_UP_AGAIN_S)
