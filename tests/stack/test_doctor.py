"""The doctor looks at a stack that sells, and finds nothing but that it is one machine."""

import json

import pytest

from tests.stack.patience import await_that
from tests.stack.running_stack import RunningStack
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
