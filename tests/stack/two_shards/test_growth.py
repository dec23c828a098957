"""Blocks move and shards come and go while it sells: buyers see latency only, and the number of shards is kept."""

import asyncio
import re
from contextlib import AsyncExitStack

import pytest

from serve.local.processes import marked
from tests.stack.aftermath import lost
from tests.stack.census import of_kind
from tests.stack.load import Load, hall_on_sale
from tests.stack.running_stack import HOLDFAST, RunningStack, kill

pytestmark = pytest.mark.stack
HALLS = 6
LATENCY_S = 5.0  # what is promised for a process that dies; and these do not


def listed(running: RunningStack) -> dict[str, str]:
    """Each shard's state and health, as printed."""
    ran = running.command("shards", "list")
    assert ran.returncode == 0, ran.stderr
    return {line.split("  ")[0]: " ".join(line.split()[1:3]) for line in ran.stdout.splitlines()[1:]}


def places(running: RunningStack) -> dict[str, str]:
    """Each event's shard, as printed."""
    ran = running.command("shards", "list", "--blocks")
    assert ran.returncode == 0, ran.stderr
    return {line.split()[0]: line.split()[2] for line in ran.stdout.splitlines()}


def moved(running: RunningStack, event_id: str, shard: str) -> str:
    ran = running.command("shards", "move", event_id, shard)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def resized(running: RunningStack, count: int) -> str:
    ran = running.command("shards", "resize", str(count))
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def names(count: int) -> list[str]:
    return [f"shard-{number}" for number in range(1, count + 1)]


async def interrupt_a_resize(running: RunningStack, count: int) -> None:
    """Whoever wishes it is gone at once, and the directory when it has begun."""
    wishing = await asyncio.create_subprocess_exec(
        HOLDFAST, "shards", "resize", str(count), env=running.environ, stdout=asyncio.subprocess.PIPE
    )
    assert wishing.stdout is not None
    await wishing.stdout.readline()
    wishing.kill()
    await wishing.wait()
    kill(of_kind(marked(running.folder.stack_id), "Directory"))


async def change_everything(running: RunningStack, first: str) -> None:
    """Move one event to and fro, grow to four shards, and shrink to two."""
    for shard in ("shard-2", "shard-1"):
        said = await asyncio.to_thread(moved, running, first, shard)
        assert re.fullmatch(rf"{first} has moved from shard-. to {shard}: .*\n", said), said
        print(said.strip())
    before = await asyncio.to_thread(places, running)
    await interrupt_a_resize(running, 4)
    said = await asyncio.to_thread(resized, running, 4)
    assert said.splitlines()[-1] == "there are 4 shards"
    assert await asyncio.to_thread(listed, running) == dict.fromkeys(names(4), "serving well")
    grown = await asyncio.to_thread(places, running)
    drawn = {event for event in grown if grown[event] != before[event]}
    assert {grown[event] for event in drawn} <= {"shard-3", "shard-4"}
    await asyncio.to_thread(moved, running, first, "shard-4")
    await asyncio.to_thread(resized, running, 2)
    assert set((await asyncio.to_thread(places, running)).values()) <= set(names(2))


@pytest.mark.long
def test_buyers_see_latency_only_while_blocks_move_and_shards_come_and_go(running: RunningStack) -> None:
    with running.client() as client:
        halls = [hall_on_sale(client, f"hall {number}") for number in range(HALLS)]
    loads = [Load(running.stack.http_url, running.api_key, hall, "Hall", buyers=2, pause_s=0.1) for hall in halls]
    moved(running, halls[0], "shard-1")

    async def sell() -> list[str]:
        async with AsyncExitStack() as stack:
            for load in loads:
                await stack.enter_async_context(load)
            await change_everything(running, halls[0])
        return [fault for hall, load in zip(halls, loads, strict=True) for fault in await lost(running, hall, load)]

    assert asyncio.run(sell()) == []
    for load in loads:
        assert load.statuses.keys() <= {200, 201}, load.statuses
        assert load.longest_gap_s < LATENCY_S
    print("longest gaps", sorted(round(load.longest_gap_s, 3) for load in loads))


def test_a_wish_that_cannot_be_granted_is_one_line(running: RunningStack) -> None:
    for words, said in (
        (("move", running.event_id, "shard-9"), "shards: there is no shard shard-9: there are shard-1, shard-2\n"),
        (("move", "event_0123456789abcdef", "shard-1"), "shards: there is no event event_0123456789abcdef\n"),
        (("resize", "200"), "shards: 200 shards want 1630 sessions of Postgres, whose max_connections is 228\n"),
    ):
        ran = running.command("shards", *words)
        assert (ran.returncode, ran.stdout, ran.stderr) == (1, "", said)
