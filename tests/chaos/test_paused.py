"""What is made of who was paused: by somebody who ended it meanwhile, and of a shard, what it did when it woke up."""

import asyncio
import os
import subprocess
import sys
import time
from asyncio.subprocess import PIPE
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import asyncpg
import pytest

from serve.local.processes import state_of
from tests.chaos import pause_faults
from tests.chaos.backend_faults import CommitBackendPausedCommitting
from tests.chaos.pause_faults import (
    PAUSE_S,
    DirectoryPaused,
    HaproxyManagerPaused,
    HaproxyPaused,
    Paused,
    ProjectorPaused,
)
from tests.chaos.plan import KINDS
from tests.chaos.process_faults import _ROWS_AFTER, ShardPaused, commits_held_up
from tests.chaos.stage import Stage, until
from tests.chaos.wire import Wire

BLOCK = "0123456789abcdef"
OLD, NEW = 7, 8

_PLANT = """
insert into journal (block_id, position, epoch, recorded_at_ms, entry_count, chain, entries)
values ($1, $2, $3, 0, 1, $4, '')
"""
_AWAKENING = """
import asyncio, sys, asyncpg

async def main(url, statement):
    named = {"application_name": "holdfast-shard-0001-commit"}
    line = await asyncpg.connect(url, server_settings=named)
    print("asleep", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    if statement:
        again = await asyncpg.connect(url, server_settings=named)
        try:
            await (await again.prepare(statement)).fetch()
        except asyncpg.UniqueViolationError:
            pass

asyncio.run(main(*sys.argv[1:]))
"""


class SleeperPaused(Paused):
    """Whom nobody needs."""

    what = "sleeper paused"

    def __init__(self, pid: int) -> None:
        super().__init__()
        self._sleeper = pid

    async def victim(self, stage: Stage) -> int:
        """The sleeper."""
        return self._sleeper


class SleeperEnded(SleeperPaused):
    """Somebody is to end it."""

    ended_within_s = 5.0

    def ender(self, stage: Stage) -> str:
        """Its mother."""
        return "its mother"


async def ended_meanwhile(sleeper: "subprocess.Popen[bytes]", fault: Paused) -> str:
    """What is said of a process that is killed, and whose parent has seen its end, while it is paused."""
    stage = cast(Stage, None)
    await fault.inflict(stage)
    effect = asyncio.create_task(fault.effect(stage))
    while state_of(sleeper.pid) != "T":  # noqa: ASYNC110  # the kernel rings no bell
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.2)
    sleeper.kill()
    sleeper.wait()
    try:
        return await effect
    finally:
        await fault.end(stage)


@pytest.fixture
def sleepers() -> Iterator["Sequence[subprocess.Popen[bytes]]"]:
    """Processes that do nothing, for longer than anybody looks at them."""
    processes = [subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) for _ in range(3)]
    yield processes
    for process in processes:
        process.kill()
        process.wait()


@pytest.fixture
def sleeper(sleepers: "Sequence[subprocess.Popen[bytes]]") -> "subprocess.Popen[bytes]":
    """One of them."""
    return sleepers[0]


async def left_alone(fault: Paused) -> str:
    """What is said of a process that nobody ends."""
    stage = cast(Stage, None)
    await fault.inflict(stage)
    try:
        return await fault.effect(stage)
    finally:
        await fault.end(stage)


def check_a_pause_is_as_long_as_it_is_said_to_be(sleepers: "Sequence[subprocess.Popen[bytes]]") -> None:
    began_s = time.monotonic()
    pids = [sleeper.pid for sleeper in sleepers]
    cut_short, ended = SleeperPaused(pids[0]), SleeperEnded(pids[1])
    assert asyncio.run(ended_meanwhile(sleepers[0], cut_short)) == "", "somebody ended it, and should not have"
    assert 0.1 < cut_short.stood_still_s < 5
    seen = asyncio.run(ended_meanwhile(sleepers[1], ended))
    assert seen == f"pid {pids[1]} in state T for {ended.stood_still_s:.1f} s, then ended by its mother"
    assert time.monotonic() - began_s < PAUSE_S
    whole, never_ended = SleeperPaused(pids[2]), SleeperEnded(pids[2])
    whole.pause_s = never_ended.pause_s = 0.5  # type: ignore[misc]
    assert asyncio.run(left_alone(whole)) == f"pid {pids[2]} in state T for {whole.stood_still_s:.1f} s"
    assert 0.5 < whole.stood_still_s < 5
    assert asyncio.run(left_alone(never_ended)) == "", "nobody ended it, and should have"


def test_a_pause_counts_if_it_was_as_long_or_ended_as_it_is_said_to_be(
    sleepers: "Sequence[subprocess.Popen[bytes]]",
) -> None:
    check_a_pause_is_as_long_as_it_is_said_to_be(sleepers)


def test_control_a_pause_that_counts_however_short_it_was_is_noticed(
    sleepers: "Sequence[subprocess.Popen[bytes]]", monkeypatch: pytest.MonkeyPatch
) -> None:
    async def effect(self: Paused, stage: Stage) -> str:
        began_s = time.monotonic()
        await until(lambda: state_of(self._pid) != "T" or time.monotonic() - began_s > self.pause_s)
        return f"pid {self._pid} in state T for {time.monotonic() - began_s:.1f} s"

    monkeypatch.setattr(Paused, "effect", effect)
    with pytest.raises(AssertionError, match="should not have"):
        check_a_pause_is_as_long_as_it_is_said_to_be(sleepers)


@pytest.mark.parametrize(
    ("said", "ender"),
    [
        ("HAProxy (pid 7) does not answer,\nand was killed\n", "the supervisor"),
        ("HAProxy (pid 77) does not answer, and was killed\n", "Serve"),
    ],
)
def test_who_has_ended_haproxy_is_known_by_what_the_supervisor_says(said: str, ender: str) -> None:
    fault = HaproxyPaused()
    fault._pid = 7
    assert fault.ender(cast(Stage, SimpleNamespace(main=SimpleNamespace(said=said)))) == ender


def test_only_who_is_looked_after_is_ended_while_it_hangs() -> None:
    ended = {kind for kind in KINDS if issubclass(kind, Paused) and kind.ended_within_s is not None}
    assert ended == {
        HaproxyPaused,
        HaproxyManagerPaused,
        DirectoryPaused,
        ProjectorPaused,
        CommitBackendPausedCommitting,
    }


def test_control_a_look_that_fails_at_who_is_gone_is_noticed(
    sleeper: "subprocess.Popen[bytes]", monkeypatch: pytest.MonkeyPatch
) -> None:
    def look(pid: int) -> str:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]

    monkeypatch.setattr(pause_faults, "state_of", look)
    with pytest.raises((FileNotFoundError, ProcessLookupError)):
        asyncio.run(ended_meanwhile(sleeper, SleeperPaused(sleeper.pid)))


def test_a_part_that_is_on_its_way_back_is_waited_for_and_one_that_never_comes_is_missed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looks: list[list[int]] = [[], [], [os.getpid()], [os.getpid()]]
    back = cast(Stage, SimpleNamespace(pids=lambda kind: looks.pop(0)))
    assert asyncio.run(HaproxyManagerPaused().victim(back)) == os.getpid()
    assert not looks
    monkeypatch.setattr(pause_faults, "BACK_WITHIN_S", 0.2)
    with pytest.raises(AssertionError, match="there is no HAProxyManager"):
        asyncio.run(HaproxyManagerPaused().victim(cast(Stage, SimpleNamespace(pids=lambda kind: []))))


def row_at(position: int) -> str:
    """A statement that puts a row of the old epoch there."""
    return (
        "insert into journal (block_id, position, epoch, recorded_at_ms, entry_count, chain, entries) "
        f"values ('{BLOCK}', {position}, {OLD}, 0, 1, decode(repeat('00', 16), 'hex'), '')"
    )


async def paused(database_url: str, statement: str) -> tuple[ShardPaused, list[str]]:
    """Who is asleep when another has written two rows more, and sends this when it wakes up, over a line of its own.

    What the fault makes of that.
    """
    wire = Wire(database_url)
    server = await wire.serve()
    journal = await asyncpg.connect(database_url)
    sleeper = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _AWAKENING, wire.database_url, statement, stdin=PIPE, stdout=PIPE
    )
    assert sleeper.stdout is not None
    try:
        assert await sleeper.stdout.readline() == b"asleep\n"
        for position, epoch in ((1, OLD), (2, NEW), (3, NEW)):
            await journal.execute(_PLANT, BLOCK, position, epoch, bytes(16))
        fault = ShardPaused()
        fault._pid, fault._epoch, fault._block = sleeper.pid, OLD, BLOCK
        fault._lines = wire.follow(sleeper.pid)
        assert len(fault._lines) == 1
        fault._sent_asleep, fault._rows_asleep = fault._sent, 1
        waking = asyncio.create_task(sleeper.communicate(b"\n"))
        harm = await fault.harm(cast(Stage, SimpleNamespace(fetch=journal.fetch)))
        await waking
        return fault, harm
    finally:
        if sleeper.returncode is None:
            sleeper.kill()
        await sleeper.wait()
        await journal.close()
        server.close()
        await wire.close()


def test_who_tries_and_may_not_has_shown_that_it_is_fenced(own_database_url: str) -> None:
    fault, harm = asyncio.run(paused(own_database_url, row_at(2)))
    assert (fault.is_shown, harm) == (True, [])
    assert "sent 1 statements" in fault.shown


def test_control_who_does_not_try_has_shown_nothing(own_database_url: str) -> None:
    fault, harm = asyncio.run(paused(own_database_url, ""))
    assert (fault.is_shown, harm) == (False, [])


def test_control_who_tries_and_may_is_found(own_database_url: str) -> None:
    fault, harm = asyncio.run(paused(own_database_url, row_at(4)))
    assert fault.is_shown
    assert harm == [fault.shown]
    assert "of which 1 rows landed" in fault.shown


def test_an_append_stands_still_while_commits_are_held_up(own_database_url: str) -> None:
    async def main() -> None:
        line = await asyncpg.connect(own_database_url)
        appending = asyncio.create_task(_append_for_ever(line))
        async with asyncio.timeout(10), commits_held_up(own_database_url):
            before = await _rows(own_database_url)
            await asyncio.sleep(0.2)
            assert await _rows(own_database_url) == before
        while await _rows(own_database_url) <= before:  # noqa: ASYNC110  # Postgres rings no bell
            await asyncio.sleep(0.01)
        appending.cancel()
        line.terminate()

    asyncio.run(main())


async def _append_for_ever(line: asyncpg.Connection) -> None:
    position = 0
    while True:
        position += 1
        await line.execute(_PLANT, BLOCK, position, OLD, bytes(16))


async def _rows(url: str) -> int:
    connection = await asyncpg.connect(url)
    try:
        count: int = await connection.fetchval("select count(*) from journal")
        return count
    finally:
        await connection.close()


@pytest.mark.parametrize(("epochs", "late"), [((7, 7, 8, 8, 9), 0), ((7, 8, 7, 8, 7), 2)])
def test_control_rows_of_a_shard_that_was_replaced_are_seen(database_url: str, epochs: list[int], late: int) -> None:
    async def main() -> None:
        connection = await asyncpg.connect(database_url)
        try:
            block = f"{epochs[1]:016}"
            for position, epoch in enumerate(epochs, 1):
                await connection.execute(_PLANT, block, position, epoch, bytes(16))
            assert await connection.fetchval(_ROWS_AFTER, block, 7) == late
        finally:
            await connection.close()

    asyncio.run(main())
