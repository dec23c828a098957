"""`kill -9` of the shard that sells, in the middle of the sale."""

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import msgspec

from loadtests.server import Owner

SUCCESSOR_WITHIN_S = 30.0
LOOK_EVERY_S = 0.05
FELT_WITHIN_MS = 10_000

FindOwner = Callable[[], Awaitable[Owner | None]]


class Kill(msgspec.Struct, frozen=True):
    """A process that was killed, `at_ms` after the start, with so many commands of buyers in flight."""

    shard: str
    pid: int
    at_ms: int
    in_flight: int


def felt_until(kills: Sequence[Kill]) -> list[int]:
    """Until when buyers may have felt each kill, in ms from the start: a gap after the next one is that one's."""
    starts_ms = [kill.at_ms for kill in kills]
    return [min([at_ms + FELT_WITHIN_MS, *starts_ms[index + 1 :][:1]]) for index, at_ms in enumerate(starts_ms)]


class KillFailed(Exception):
    """There was no shard to kill; the text says why."""


async def kill_owner(
    find_owner: FindOwner, in_flight: Callable[[], int], starts_at_s: float, killed_before: set[int]
) -> Kill:
    """Kill the owner's process, when it is a shard's that was not killed before. Raises KillFailed."""
    give_up_at_s = time.monotonic() + SUCCESSOR_WITHIN_S
    while time.monotonic() < give_up_at_s:
        owner = await find_owner()
        waiting = in_flight()
        if owner is not None and owner.pid not in killed_before and waiting and _is_shard(owner.pid):
            os.kill(owner.pid, signal.SIGKILL)
            killed_before.add(owner.pid)
            return Kill(owner.shard, owner.pid, int((time.monotonic() - starts_at_s) * 1000), waiting)
        await asyncio.sleep(LOOK_EVERY_S)
    raise KillFailed(f"no shard's process had the block and commands in flight for {SUCCESSOR_WITHIN_S:.0f} s")


def _is_shard(pid: int) -> bool:
    """Whether it is an actor's process: Ray writes what it runs into the command line. A catalogue may be stale."""
    try:
        return b"ray::Shard" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
