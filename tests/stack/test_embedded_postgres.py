"""What the supervisor does for the Postgres that it has started, while buyers wait for it."""

import asyncio
import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import asyncpg
import pytest

from serve.local.processes import named, state_of, title_of
from tests.stack.load import Load, hall_on_sale
from tests.stack.patience import await_that
from tests.stack.running_stack import RunningStack, kill

pytestmark = pytest.mark.stack
PATIENCE_S = 10.0
ON_A_FULL_MACHINE = 5.0  # times what "When things die" says: the other tests run beside it
STOPPED_S, KILLED_S = 1.1, 4.0
SOLD_AFTER = 50
_LINES = "select pid from pg_stat_activity where application_name like '%-commit %'"
TOLD = "was stopped at work, and was told to go on"


async def lines_of(url: str) -> list[int]:
    """The sessions that shards commit over."""
    connection = await asyncpg.connect(url)
    try:
        return [line["pid"] for line in await connection.fetch(_LINES)]
    finally:
        await connection.close()


def stop_at_work(pid: int) -> None:
    """Stop the session where it is in the middle of a statement."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        os.kill(pid, signal.SIGSTOP)
        await_that("it stands still", lambda: state_of(pid) == "T", PATIENCE_S)
        if not title_of(pid).endswith(" idle"):
            return
        os.kill(pid, signal.SIGCONT)
        time.sleep(random.uniform(0.01, 0.03))
    raise AssertionError("nothing is committed")


def goes_on(running: RunningStack, pid: int, said_before: int) -> bool:
    """Whether the session does, and the console says why."""
    return state_of(pid) != "T" and TOLD in running.said[said_before:]


async def gap_s(running: RunningStack, harm: Callable[[], None]) -> float:
    """The longest time in which nobody got a hold, when this was done to a stack that sells."""
    with running.client() as client:
        event_id = hall_on_sale(client, f"{harm.__name__} {time.time_ns()}")
    load = Load(running.stack.http_url, running.api_key, event_id, "Hall", pause_s=0.01)
    async with load:
        await sold(load, SOLD_AFTER)
        await asyncio.to_thread(harm)
        await sold(load, SOLD_AFTER)
    return load.longest_gap_s


async def sold(load: Load, more: int) -> None:
    """Wait until so many more have got something."""
    wanted = len(load.accepted_at) + more
    async with asyncio.timeout(PATIENCE_S * ON_A_FULL_MACHINE):
        while len(load.accepted_at) < wanted:  # noqa: ASYNC110  # buyers ring no bell
            await asyncio.sleep(0.05)


def check_a_stopped_session(running: RunningStack) -> None:
    (pid,) = asyncio.run(lines_of(running.stack.database_url))
    said_before = len(running.said)

    def stopped_in_a_commit() -> None:
        stop_at_work(pid)
        try:
            await_that("it goes on", lambda: goes_on(running, pid, said_before), STOPPED_S * ON_A_FULL_MACHINE)
        finally:
            os.kill(pid, signal.SIGCONT)

    took_s = asyncio.run(gap_s(running, stopped_in_a_commit))
    print(f"a session stopped in a commit: nobody got anything for {took_s:.1f} s")
    assert took_s < STOPPED_S * ON_A_FULL_MACHINE


@contextmanager
def nobody_looking(running: RunningStack) -> Iterator[None]:
    """The supervisor stands still meanwhile."""
    os.kill(running.supervisor_pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(running.supervisor_pid, signal.SIGCONT)


def test_a_session_that_is_stopped_in_a_commit_is_told_to_go_on(running: RunningStack) -> None:
    check_a_stopped_session(running)


def test_control_a_supervisor_that_does_not_look_is_noticed(running: RunningStack) -> None:
    with nobody_looking(running), pytest.raises(AssertionError, match="it goes on"):
        check_a_stopped_session(running)


def test_postgres_dies_and_is_started_again_while_buyers_wait(running: RunningStack) -> None:
    def postgres_dies() -> None:
        kill(named(running.processes(), "postgres"))

    took_s = asyncio.run(gap_s(running, postgres_dies))
    print(f"Postgres killed: nobody got anything for {took_s:.1f} s")
    assert 0.1 < took_s < KILLED_S * ON_A_FULL_MACHINE
