"""A stack that a burst has made slower for good is noticed by the check that the other stack passes."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from serve.local.processes import mark
from tests.chaos.within import Within
from tests.stack import test_overload
from tests.stack.running_stack import RunningStack
from tests.stack.test_overload import Burst, Crowd, check_burst

pytestmark = [pytest.mark.stack, pytest.mark.long]

BURNERS = 2 * (os.cpu_count() or 1)


def check_is_noticed(running: RunningStack, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For this reason, and no other: at once, as nobody else keeps the machine busy who would be an excuse."""
    monkeypatch.setattr(test_overload, "TRIES", 1)
    with pytest.raises(AssertionError, match="not back at full speed"):
        asyncio.run(check_burst(running, folder, monkeypatch))


def test_control_a_gateway_that_is_slower_ever_after_is_noticed(
    running: RunningStack, within: Within, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    within.tire_gateways(True)
    try:
        check_is_noticed(running, tmp_path, monkeypatch)
    finally:
        within.tire_gateways(False)


@contextmanager
def burning(running: RunningStack) -> Iterator[None]:
    """Processes of the stack that have no end of computing."""
    environ = os.environ | mark(running.folder.stack_id)
    with ExitStack() as stack:
        for _ in range(BURNERS):
            burner = stack.enter_context(subprocess.Popen([sys.executable, "-c", "while True: pass"], env=environ))
            stack.callback(burner.kill)
        yield


def test_control_what_the_stacks_other_processes_take_after_a_burst_is_no_excuse(
    running: RunningStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped = Crowd.come
    with ExitStack() as burners:

        async def come(self: Crowd, capacity: float) -> Burst:
            burst = await shipped(self, capacity)
            burners.enter_context(burning(running))
            return burst

        monkeypatch.setattr(Crowd, "come", come)
        check_is_noticed(running, tmp_path, monkeypatch)
