"""A shard's process gets TERM while it sells: its successor takes over, no buyer hears of it, and it ends by itself."""

import asyncio
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from statistics import median

import pytest

from actors.core.ids import parse_event_id
from tests.stack.aftermath import lost
from tests.stack.census import of_kind, serving_gateway
from tests.stack.load import UNANSWERED, Load, hall_on_sale
from tests.stack.owner import Owner, owner_of
from tests.stack.patience import await_that
from tests.stack.running_stack import RunningStack, kill

pytestmark = pytest.mark.stack
SELLING_S = 2.0
PATIENCE_S = 15.0
SUCCESSIONS = 3
TRIES = 3
BUYERS = 16
INNER_PORT = 21000
ROOT = Path(__file__).resolve().parents[2]


async def succeeded(running: RunningStack, event_id: str, number: signal.Signals) -> Owner:
    """Give the signal to the shard that has the event; it, once it has ended and another has its place."""
    block = parse_event_id(event_id)
    assert block is not None
    old = await owner_of(running.stack.database_url, block)
    os.kill(old.pid, number)
    deadline = time.monotonic() + PATIENCE_S
    while old.pid in running.processes() or (await owner_of(running.stack.database_url, block)).epoch == old.epoch:
        assert time.monotonic() < deadline, "it has not ended, or has no successor"
        await asyncio.sleep(0.05)
    return old


async def gaps(running: RunningStack, name: str, number: signal.Signals) -> list[float]:
    """The longest gap around each succession, in s; all that was answered was a hold or a release, and is there."""
    with running.client() as client:
        event_id = hall_on_sale(client, name)
    load = Load(running.stack.http_url, running.api_key, event_id, "Hall")
    found = []
    async with load:
        await asyncio.sleep(SELLING_S)
        for _ in range(SUCCESSIONS):
            begun = len(load.accepted_at)
            await succeeded(running, event_id, number)
            await asyncio.sleep(SELLING_S)
            found.append(max(later - earlier for earlier, later in pairwise(load.accepted_at[begun - 1 :])))
    print(name, "gaps", [round(gap, 3) for gap in found], Counter(load.statuses), "p99 of pauses", _p99(load))
    assert load.statuses.keys() <= {200, 201}, load.statuses
    assert await lost(running, event_id, load) == []
    return found


def _p99(load: Load) -> float:
    pauses = sorted(later - earlier for earlier, later in pairwise(load.accepted_at))
    return round(pauses[len(pauses) * 99 // 100], 4)


def test_a_shard_that_is_told_to_stop_hands_over_and_one_that_is_killed_cannot(running: RunningStack) -> None:
    """The second is the control: the same load and the same look, and a gap of another size."""
    found: list[tuple[list[float], list[float]]] = []
    while not found or (len(found) < TRIES and not is_sooner(*found[-1])):  # another excuses a busy machine
        told = asyncio.run(gaps(running, f"told to stop {len(found)}", signal.SIGTERM))
        found.append((told, asyncio.run(gaps(running, f"killed {len(found)}", signal.SIGKILL))))
    log = "".join(path.read_text(errors="replace") for path in running.folder.ray.glob("session_latest/logs/worker-*"))
    assert log.count("'code': 0") + log.count('"code": 0') + log.count("code=0") == SUCCESSIONS * len(found)
    assert is_sooner(*found[-1]), found


def is_sooner(told: list[float], killed: list[float]) -> bool:
    """Whether who is told is succeeded in clearly less time than who is killed, which somebody must notice first."""
    return 2 * median(told) < median(killed)


def test_the_command_says_who_took_over(running: RunningStack) -> None:
    ran = running.command("shards", "stop", "shard-1")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert re.fullmatch(r"shard-1 has handed over to incarnation \d+ in \d+\.\d s\n", ran.stdout), ran.stdout
    ran = running.command("shards", "stop", "shard-77")
    assert (ran.returncode, ran.stderr) == (1, "shards: shard-77 does not run on this machine\n")


def replicas(running: RunningStack) -> set[int]:
    """The processes of the gateway replicas."""
    return set(of_kind(running.processes(), "ServeReplica"))


def replace_gateways(running: RunningStack) -> None:
    """As an upgrade does: a new replica first, then the old one is stopped; until it has ended."""
    old = replicas(running)
    assert old
    command = [sys.executable, "-m", "tests.stack.replica_hand", str(running.folder.root)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=90, check=False, cwd=ROOT)
    assert ran.returncode == 0, ran.stderr
    await_that("the old replicas have ended", lambda: not old & replicas(running), PATIENCE_S)
    assert replicas(running)


def kill_gateways(running: RunningStack) -> None:
    """SIGKILL to every replica; until there is another."""
    old = replicas(running)
    kill(old)
    await_that("there are others", lambda: bool(replicas(running) - old), PATIENCE_S)


async def cut_short(
    running: RunningStack, name: str, change: Callable[[RunningStack], None], pause_s: float = 0.08
) -> int:
    """How many calls were cut short meanwhile: not answered, or answered only because HAProxy sent them once more."""
    with running.client() as client:
        event_id = hall_on_sale(client, name)
    load = Load(running.stack.http_url, running.api_key, event_id, "Hall", pause_s=pause_s)
    async with load:
        await asyncio.sleep(SELLING_S)
        await asyncio.to_thread(change, running)
        await asyncio.sleep(SELLING_S)
    print(name, Counter(load.statuses), "replays", load.replay_count, "longest gap", round(load.longest_gap_s, 3))
    assert await lost(running, event_id, load) == []
    return load.replay_count + sum(number for status, number in load.statuses.items() if status not in (200, 201))


@contextmanager
def haproxy_learns_late(running: RunningStack, late_s: float) -> Iterator[None]:
    """It takes so much longer than it does here to run with another file."""
    launcher = running.folder.ray / "haproxy-launcher"
    shipped = launcher.read_text()
    launcher.write_text(shipped.replace("\n", f"\nsleep {late_s}\n", 1))
    yield
    launcher.write_text(shipped)


@pytest.mark.long
def test_a_gateway_that_is_stopped_cuts_no_call_short(running: RunningStack) -> None:
    with haproxy_learns_late(running, 0.5):
        assert asyncio.run(cut_short(running, "replaced", replace_gateways)) == 0


@pytest.mark.long
def test_control_one_that_is_killed_does(running: RunningStack) -> None:
    """Something is nearly always decided and not yet told; a few tries find it."""
    assert any(asyncio.run(cut_short(running, f"killed {number}", kill_gateways, 0.01)) for number in range(3))


async def accepted_before_another_came(
    running: RunningStack, name: str, kill_some: Callable[[], None]
) -> tuple[int, set[int]]:
    """How many holds were placed after replicas were killed and before a new one was there; all that was answered."""
    with running.client() as client:
        event_id = hall_on_sale(client, name)
    await_that("there are two replicas", lambda: len(replicas(running)) == 2, PATIENCE_S)
    load = Load(running.stack.http_url, running.api_key, event_id, "Hall", buyers=BUYERS)
    async with load:
        await asyncio.sleep(SELLING_S)
        before = replicas(running)
        kill_some()
        begun = len(load.accepted_at)
        await asyncio.to_thread(await_that, "there is another", lambda: bool(replicas(running) - before), PATIENCE_S)
        accepted = len(load.accepted_at) - begun
        await asyncio.sleep(SELLING_S)
    print(name, Counter(load.statuses), "replays", load.replay_count, "accepted", accepted)
    assert await lost(running, event_id, load) == []
    return accepted, set(load.statuses)


def test_a_gateway_dies_and_another_that_was_there_goes_on_selling(running: RunningStack) -> None:
    """A call that it had not read yet is not asked of the other, and its caller may ask again."""

    def kill_one() -> None:
        kill([serving_gateway(running)])

    accepted, statuses = asyncio.run(accepted_before_another_came(running, "one killed", kill_one))
    assert accepted > 2 * BUYERS
    assert statuses <= {200, 201, 502, 503, UNANSWERED}


@pytest.mark.long
def test_control_where_none_is_left_everybody_waits(running: RunningStack) -> None:
    """What was answered and not yet read when they died may come yet."""

    def kill_all() -> None:
        kill(replicas(running))

    accepted, _ = asyncio.run(accepted_before_another_came(running, "all killed", kill_all))
    assert accepted <= BUYERS
