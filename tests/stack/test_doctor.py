"""The doctor looks at a stack that sells, and finds nothing but that it is one machine."""

import json
import signal

import pytest

from tests.stack.census import of_kind
from tests.stack.patience import await_that
from tests.stack.running_stack import RunningStack, send
from tests.stack.test_deaths import is_followed
from tests.stack.two_shards.test_the_auditor import caught_up

pytestmark = pytest.mark.stack


def test_a_stack_that_runs_is_well_but_for_its_one_machine(running: RunningStack) -> None:
    await_that("the event is followed", lambda: is_followed(running), 20)
    caught_up(running)
    ran = running.command("doctor", "--json")
    findings = json.loads(ran.stdout)["findings"]
    assert [finding for finding in findings if finding["standing"] != "OK"] == [
        finding for finding in findings if finding["check"] == "replication"
    ]
    assert ran.returncode == 1
    assert "MB left in" in next(finding["seen"] for finding in findings if finding["check"] == "disk")
    assert "it answers and evicts nothing" in next(
        finding["seen"] for finding in findings if finding["check"] == "redis"
    )


def standing_of(running: RunningStack, check: str) -> str:
    """How the doctor says that it stands."""
    findings = json.loads(running.command("doctor", "--quick", "--json").stdout)["findings"]
    (standing,) = {finding["standing"] for finding in findings if finding["check"] == check}
    return str(standing)


def remarks(running: RunningStack) -> str:
    """What `/readyz` says besides that it sells."""
    with running.client() as client:
        return " ".join(client.get("/readyz").raise_for_status().json()["remarks"])


@pytest.mark.parametrize(("check", "kind"), [("directory", "Directory"), ("projector", "ProjectorService")])
def test_one_that_hangs_is_found_until_there_is_another(running: RunningStack, check: str, kind: str) -> None:
    """While it asks nothing, and not for longer; nobody wakes it up."""
    await_that("it is well", lambda: standing_of(running, check) == "OK", 20)
    assert check not in remarks(running)
    pids = of_kind(running.processes(), kind)
    assert len(pids) == 1
    send(pids, signal.SIGSTOP)
    try:
        await_that("the gateway says so", lambda: f"the {check}: its sessions" in remarks(running), 40)
        assert standing_of(running, check) == "WARNING"
        await_that("it is ended", lambda: pids[0] not in running.processes(), 60)
        await_that("it is well again", lambda: standing_of(running, check) == "OK", 40)
    finally:
        send(pids, signal.SIGCONT)
    await_that("the gateway says so", lambda: check not in remarks(running), 20)
