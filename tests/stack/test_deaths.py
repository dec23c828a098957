"""Parts that Ray or the supervisor start again: soon it sells as before, with as many processes as before."""

import os
import signal
import time
import uuid
from collections import Counter
from collections.abc import Callable
from contextlib import suppress

import httpx
import pytest

from tests.stack.census import census, lasting_census, of_kind
from tests.stack.patience import await_that
from tests.stack.running_stack import RunningStack

pytestmark = pytest.mark.stack
PATIENCE_S = 20.0
SOON_S = {"haproxy": 10.0}  # another stands in
FLOOR = {"areas": [{"area": "Floor", "quantity": 1}]}


def sells(running: RunningStack) -> bool:
    """Whether a buyer gets a place now."""
    with running.client() as client, suppress(httpx.HTTPError):
        headers = {"Idempotency-Key": uuid.uuid4().hex}
        return client.post(f"/v1/events/{running.event_id}/holds", json=FLOOR, headers=headers).status_code == 201
    return False


def places_held(running: RunningStack) -> int:
    """As the read model counts them."""
    with running.client() as client:
        answer = client.get(f"/v1/events/{running.event_id}/availability").raise_for_status()
    return sum(area["counts"]["held"] for area in answer.json()["areas"])


def places_held_at_rest(running: RunningStack) -> int:
    """Likewise, when nothing that was sold before is still on its way: it stands for a second."""
    before, deadline = places_held(running), time.monotonic() + PATIENCE_S
    while True:
        time.sleep(1)
        now = places_held(running)
        if now == before:
            return now
        assert time.monotonic() < deadline, f"what is held never stands: {before}, then {now}"
        before = now


def is_followed(running: RunningStack) -> bool:
    """Whether the read model has the event."""
    with running.client() as client:
        return client.get(f"/v1/events/{running.event_id}/availability").status_code == 200


def projects(running: RunningStack) -> bool:
    """Whether what is sold now is soon counted by the read model."""
    await_that("the event is followed", lambda: is_followed(running), PATIENCE_S)  # it was created a moment ago
    before = places_held_at_rest(running)
    deadline = time.monotonic() + 3
    if not sells(running):
        return False
    while places_held(running) <= before:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def census_at_rest(running: RunningStack) -> Counter[str]:
    """How many there are of each kind, when no HAProxy that was reloaded is on its way out: a controller that begins
    has it reloaded, twice, moments later.
    """
    deadline = time.monotonic() + PATIENCE_S
    while (found := lasting_census(running.processes))["haproxy"] != 1:
        assert time.monotonic() < deadline, f"a reloaded HAProxy has not gone: {found}"
    return found


@pytest.mark.parametrize(
    ("kind", "well"),
    [
        ("haproxy", sells),
        ("HAProxyManager", sells),
        ("ProxyActor", sells),
        ("ServeController", sells),
        ("ProjectorService", projects),
        ("redis-server", sells),
    ],
)
def test_it_is_killed_and_all_is_as_before(
    running: RunningStack, kind: str, well: Callable[[RunningStack], bool]
) -> None:
    await_that("all is well", lambda: well(running), SOON_S["haproxy"])  # another part has just been killed
    before = census_at_rest(running)
    (victim,) = of_kind(running.processes(), kind)
    said_before, killed_at = len(running.said), time.monotonic()
    os.kill(victim, signal.SIGKILL)
    await_that("the killed one has ended", lambda: victim not in running.processes(), 5)
    await_that("all is well again", lambda: well(running), SOON_S.get(kind, PATIENCE_S))
    print(f"{kind} killed: well after {time.monotonic() - killed_at:.1f} s")
    if kind in SOON_S:
        await_that("another stood in", lambda: "stands in for it" in running.said[said_before:], 1)
        await_that("Serve has one", lambda: "HAProxy is there again" in running.said[said_before:], PATIENCE_S)
    await_that(
        "there are as many as before",
        lambda: census(running.processes()) == before,
        PATIENCE_S,
        lambda: f"{before} and now {census(running.processes())}",
    )
