"""Parts of a running server die or hang: buyers see latency, nothing else.

A shard that is killed, and Postgres, are faults of `tests/chaos`, whose short form is in the tests.
"""

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import asyncpg
import httpx
import msgspec
import pytest

from actors.audit.ids import HOLD, id_of
from actors.audit.replies import Told
from actors.core.ids import BlockId
from loadtests.server import block_of
from serve.local.processes import marked, named
from tests.stack.aftermath import lost
from tests.stack.load import HALL, Load
from tests.stack.neighbours import beside, disturbances
from tests.stack.owner import owner_of
from tests.stack.running_stack import RunningStack, kill

pytestmark = pytest.mark.stack
PROMISED_S = 5.0
PAUSE_S = 0.15
HANG_UP_PAUSE_S = 0.15  # 50 connections then ask for a few hundred calls a second, and hear none of the answers


@pytest.fixture(scope="module")
def event_id(running: RunningStack) -> str:
    """A large hall on sale."""
    with running.client() as client:
        created = client.post("/v1/events", json={"name": "hall", "layout": HALL}, headers={"Idempotency-Key": "hall"})
        event_id: str = created.json()["event_id"]
        client.post(f"/v1/events/{event_id}/open-sale", headers={"Idempotency-Key": "open"}, json={})
    return event_id


async def shard_of(running: RunningStack, event_id: str) -> tuple[int, int]:
    """Process and epoch of the shard that sells the event."""
    pid, epoch, _ = await owner_of(running.stack.database_url, BlockId(block_of(event_id)))
    return pid, epoch


def command_of(pid: int) -> str:
    """How the process names itself."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0].decode()
    except OSError:
        return ""


async def rows_after(running: RunningStack, event_id: str, epoch: int, later_epoch: int) -> int:
    """How many rows of the older epoch stand behind the first of the later one."""
    connection = await asyncpg.connect(running.stack.database_url)
    try:
        block = event_id.removeprefix("event_")
        return int(
            await connection.fetchval(
                "select count(*) from journal where block_id = $1 and epoch = $2 and position > "
                "(select min(position) from journal where block_id = $1 and epoch >= $3)",
                block,
                epoch,
                later_epoch,
            )
        )
    finally:
        await connection.close()


async def under_load(running: RunningStack, event_id: str, hurt: Callable[[], Awaitable[None]], seconds: float) -> Load:
    """Do this to the server two seconds into the load, and let the load go on for so long."""
    async with hall_load(running, event_id) as load:
        await asyncio.sleep(2)
        hurt_at = time.monotonic()
        await hurt()
        await asyncio.sleep(seconds)
    assert load.accepted_at[0] < hurt_at < load.accepted_at[-1], "it sold before and after"
    return load


def hall_load(running: RunningStack, event_id: str, pause_s: float = PAUSE_S) -> Load:
    """Buyers of the hall."""
    return Load(running.stack.http_url, running.api_key, event_id, "Hall", pause_s=pause_s)


def test_control_what_was_told_and_is_not_so_is_found(running: RunningStack, event_id: str) -> None:
    async def main() -> None:
        async with hall_load(running, event_id) as load:
            await asyncio.sleep(0.5)
        released = {reply.id for reply in load.told if reply.told is Told.RELEASED}
        kept = next(reply for reply in load.told if reply.id not in released | load.doubtful)
        never_id = id_of(HOLD, block_of(event_id), 4711)
        never_held = msgspec.structs.replace(kept, id=never_id, hold_id=never_id)
        load.told += [never_held, msgspec.structs.replace(kept, told=Told.RELEASED)]
        found = await lost(running, event_id, load)
        assert sum(never_id in sentence for sentence in found) == 2, "neither by its id nor in the journal"
        assert sum(kept.id in sentence for sentence in found) == 2, "neither by its id nor in the journal"
        assert len(found) == 4

    asyncio.run(main())


def test_a_shard_hangs_and_comes_back(running: RunningStack, event_id: str) -> None:
    async def main() -> None:
        pid, epoch = await shard_of(running, event_id)

        async def hurt() -> None:
            os.kill(pid, signal.SIGSTOP)

        try:
            load = await under_load(running, event_id, hurt, 8)
        finally:
            os.kill(pid, signal.SIGCONT)
        later_pid, later_epoch = await shard_of(running, event_id)
        print(f"paused: longest gap {load.longest_gap_s:.2f} s, {dict(load.statuses)}")
        assert later_pid != pid
        assert set(load.statuses) <= {200, 201}
        assert load.longest_gap_s < PROMISED_S
        assert await lost(running, event_id, load) == []
        await asyncio.sleep(2)
        assert await rows_after(running, event_id, epoch, later_epoch) == 0

    asyncio.run(main())


@pytest.mark.long
def test_ray_dies_and_the_supervisor_repairs_it(running: RunningStack, event_id: str) -> None:
    with running.client() as client:
        held = client.post(
            f"/v1/events/{event_id}/holds",
            headers={"Idempotency-Key": "before the crash"},
            json={"areas": [{"area": "Hall", "quantity": 1}]},
        ).json()
        (raylet,) = named(marked(running.folder.stack_id), "raylet")
        os.kill(raylet, signal.SIGKILL)
        deadline = time.monotonic() + 60
        while named(marked(running.folder.stack_id), "raylet") in ([], [raylet]):
            assert time.monotonic() < deadline, running.said
            time.sleep(0.1)
        while True:
            try:
                answer = client.get(f"/v1/holds/{held['hold_id']}")
            except httpx.HTTPError:
                answer = None
            if answer is not None and answer.status_code == 200:
                break
            assert time.monotonic() < deadline, running.said
            time.sleep(0.2)
        assert answer.json()["units"] == held["units"]


def test_the_directory_dies_and_still_finds_the_next_death(running: RunningStack, event_id: str) -> None:
    async def main() -> None:
        (directory,) = [pid for pid in marked(running.folder.stack_id) if command_of(pid) == "ray::Directory"]
        os.kill(directory, signal.SIGKILL)
        await asyncio.sleep(4)  # Ray starts it anew
        pid, epoch = await shard_of(running, event_id)

        async def hurt() -> None:
            os.kill(pid, signal.SIGKILL)

        load = await under_load(running, event_id, hurt, 6)
        print(f"killed after the directory: longest gap {load.longest_gap_s:.2f} s, {dict(load.statuses)}")
        assert (await shard_of(running, event_id))[1] > epoch
        assert set(load.statuses) <= {200, 201}
        assert load.longest_gap_s < PROMISED_S
        assert await lost(running, event_id, load) == []

    asyncio.run(main())


def test_all_gateway_replicas_die_and_the_same_key_gets_the_same_answer(running: RunningStack, event_id: str) -> None:
    body = {"areas": [{"area": "Hall", "quantity": 1}]}
    headers = {"Idempotency-Key": "before and after"}
    with running.client() as client:
        before = client.post(f"/v1/events/{event_id}/holds", json=body, headers=headers).json()
        kill(pid for pid in marked(running.folder.stack_id) if command_of(pid).startswith("ray::ServeReplica"))
        deadline = time.monotonic() + 30
        while True:
            assert time.monotonic() < deadline, running.said
            try:
                after = client.post(f"/v1/events/{event_id}/holds", json=body, headers=headers)
            except httpx.HTTPError:
                continue
            if after.status_code == 201:
                break
            assert after.status_code in (502, 503, 504), after.text
            time.sleep(0.2)
    assert after.headers["Idempotency-Replayed"] == "true"
    assert after.json()["hold_id"] == before["hold_id"]


@pytest.mark.long
def test_buyers_who_hang_up_do_not_disturb_the_others(running: RunningStack, event_id: str) -> None:
    """Its check fails where a caller who goes breaks its batch: see tests/edges/test_hang_ups.py."""

    async def main() -> None:
        hang_ups = [0]

        async def hang_ups_for_ten_seconds() -> None:
            until = time.monotonic() + 10
            await asyncio.gather(*(hang_up(running, event_id, until, hang_ups) for _ in range(50)))

        neighbours = await beside(hall_load(running, event_id, 0.0), hang_ups_for_ten_seconds(), alone_s=5)
        print(f"{neighbours}, {hang_ups[0]} hang-ups")
        assert hang_ups[0] > 500
        assert disturbances(neighbours) == []

    asyncio.run(main())


async def hang_up(running: RunningStack, event_id: str, until: float, count: list[int]) -> None:
    """Send a request, or half of one, and drop the connection, over and over."""
    settings = running.stack.settings
    body = b'{"areas": [{"area": "Hall", "quantity": 1}]}'
    while time.monotonic() < until:
        count[0] += 1
        _, writer = await asyncio.open_connection("127.0.0.1", settings.http_port)
        head = (
            f"POST /v1/events/{event_id}/holds HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {running.api_key}\r\n"
            f"Idempotency-Key: hang-up-{count[0]}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        ).encode()
        whole = head + body
        writer.write(whole if count[0] % 2 else whole[: -len(body) // 2])
        await writer.drain()
        await asyncio.sleep(0.002 * (count[0] % 5))
        writer.transport.abort()
        await asyncio.sleep(HANG_UP_PAUSE_S)
