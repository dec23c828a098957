"""A kill hits the shard's process that serves now, once, and nothing else."""

import asyncio
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from loadtests import kills
from loadtests.kills import KillFailed, kill_owner
from loadtests.server import Owner


@pytest.fixture
def shard() -> Iterator["subprocess.Popen[bytes]"]:
    """A process that looks like a shard's."""
    process = subprocess.Popen(["ray::Shard.run", "-c", "import time; time.sleep(60)"], executable=sys.executable)
    yield process
    process.kill()
    process.wait()


def _kill(pid: int, killed: set[int], in_flight: int = 3) -> kills.Kill:
    async def find_owner() -> Owner:
        return Owner("shard-1", pid)

    return asyncio.run(kill_owner(find_owner, lambda: in_flight, time.monotonic(), killed))


def test_the_owner_is_killed_with_commands_in_flight(shard: "subprocess.Popen[bytes]") -> None:
    killed: set[int] = set()
    kill = _kill(shard.pid, killed)
    assert shard.wait(10) == -signal.SIGKILL
    assert (kill.shard, kill.pid, kill.in_flight, killed) == ("shard-1", shard.pid, 3, {shard.pid})


@pytest.mark.parametrize(("again", "in_flight"), [(True, 3), (False, 0)])
def test_no_kill_twice_and_none_without_commands(
    shard: "subprocess.Popen[bytes]", again: bool, in_flight: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kills, "SUCCESSOR_WITHIN_S", 0.2)
    with pytest.raises(KillFailed):
        _kill(shard.pid, {shard.pid} if again else set(), in_flight)
    assert shard.poll() is None


def test_a_stale_catalogue_does_not_cost_a_stranger_its_life(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kills, "SUCCESSOR_WITHIN_S", 0.2)
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        with pytest.raises(KillFailed):
            _kill(stranger.pid, set())
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_gap_after_the_next_kill_is_that_ones() -> None:
    three = [kills.Kill("shard-1", pid, at_ms, 1) for pid, at_ms in enumerate((6_700, 13_400, 30_000))]
    assert kills.felt_until([]) == []
    assert kills.felt_until(three) == [13_400, 23_400, 40_000]
