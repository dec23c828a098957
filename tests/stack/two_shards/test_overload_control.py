"""A gateway that a burst has made slower for good is noticed by the check that the other stack passes."""

import asyncio

import pytest

from tests.chaos.within import Within
from tests.stack.running_stack import RunningStack
from tests.stack.test_overload import check_burst

pytestmark = [pytest.mark.stack, pytest.mark.long]


def test_control_a_gateway_that_is_slower_ever_after_is_noticed(
    running: RunningStack, within: Within, monkeypatch: pytest.MonkeyPatch
) -> None:
    within.tire_gateways(True)
    try:
        with pytest.raises(AssertionError, match="not back at full speed"):
            asyncio.run(check_burst(running, monkeypatch))
    finally:
        within.tire_gateways(False)
