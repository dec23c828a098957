"""Directory and projector that hang for good: each ends the other, Ray starts it again, and all is as before."""

import asyncio
import signal
import time

import pytest

from actors.core.ids import BlockId
from loadtests.server import block_of
from tests.chaos.within import Within
from tests.stack.census import of_kind
from tests.stack.owner import owner_of
from tests.stack.patience import await_that
from tests.stack.running_stack import RunningStack, kill, send
from tests.stack.test_deaths import projects, sells

pytestmark = pytest.mark.stack
WELL_WITHIN_S = 30.0
HEALED_WITHIN_S = 75.0  # about 30 s; the machine may be busy
LEFT_ALONE_S = 45.0


def hung(running: RunningStack, kind: str) -> int:
    """The one of this kind, which has just begun to hang."""
    (pid,) = of_kind(running.processes(), kind)
    send([pid], signal.SIGSTOP)
    return pid


def check_directory(running: RunningStack, within_s: float) -> None:
    """A shard that dies while its directory hangs has a successor all the same."""
    await_that("it sells", lambda: sells(running), WELL_WITHIN_S)
    pid, began_s = hung(running, "Directory"), time.monotonic()
    try:
        kill([asyncio.run(owner_of(running.stack.database_url, BlockId(block_of(running.event_id)))).pid])
        await_that("nobody sells", lambda: not sells(running), WELL_WITHIN_S)
        await_that("it sells again", lambda: sells(running), within_s)
        print(f"directory hung: a shard that died sold again after {time.monotonic() - began_s:.1f} s")
        assert pid not in running.processes()
    finally:
        send([pid], signal.SIGCONT)


def check_projector(running: RunningStack, within_s: float) -> None:
    """What is sold is counted by the read model again."""
    await_that("it is followed", lambda: projects(running), WELL_WITHIN_S)
    pid, began_s = hung(running, "ProjectorService"), time.monotonic()
    try:
        assert not projects(running)
        await_that("it is followed again", lambda: projects(running), within_s)
        print(f"projector hung: followed again after {time.monotonic() - began_s:.1f} s")
        assert pid not in running.processes()
    finally:
        send([pid], signal.SIGCONT)


def test_a_shard_that_dies_while_the_directory_hangs_gets_a_successor(running: RunningStack) -> None:
    check_directory(running, HEALED_WITHIN_S)


def test_after_a_projector_that_hangs_there_is_another(running: RunningStack) -> None:
    check_projector(running, HEALED_WITHIN_S)


@pytest.mark.long
@pytest.mark.parametrize("name", ["directory", "projector"])
def test_control_where_nobody_watches_it_stays_so(running: RunningStack, within: Within, name: str) -> None:
    check = {"directory": check_directory, "projector": check_projector}[name]
    within.leave_who_hangs(True)
    try:
        with pytest.raises(AssertionError, match="again"):
            check(running, LEFT_ALONE_S)
    finally:
        within.leave_who_hangs(False)
    await_that("it sells when it wakes up", lambda: sells(running) and projects(running), HEALED_WITHIN_S)
