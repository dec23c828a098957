"""After a fault: is everything there that buyers were told, by its id and in the journal?"""

import asyncio
from collections.abc import Iterable

import aiohttp

from actors.audit.audit import JournalAudit, LiveDigest
from actors.audit.replies import Told, by_block
from loadtests.server import Administration, Server, block_of
from tests.stack.load import Load
from tests.stack.running_stack import RunningStack

READS_AT_ONCE = 32


async def lost(running: RunningStack, event_id: str, load: Load) -> list[str]:
    """What the load was told and is not so, and whatever else the audit of the event's journal finds."""
    stack = running.stack
    server = Server(stack.http_url, stack.grpc_target, stack.database_url, running.api_key, running.operator_key)
    live = await _live_digest(server, event_id)
    block = block_of(event_id)
    audit = JournalAudit(stack.database_url, by_block(load.told), {block: live})
    findings = [str(finding) async for finding in audit.run([block])]
    return findings + await _misread(running, _expected(load))


async def _live_digest(server: Server, event_id: str) -> LiveDigest:
    administration = Administration(server)
    try:
        async with asyncio.timeout(30):
            while True:
                live = await administration.live_digest(event_id)
                if live is not None:
                    return live
                await asyncio.sleep(0.5)
    finally:
        await administration.close()


def _expected(load: Load) -> dict[str, set[str]]:
    """The statuses that each hold may have, by its id."""
    released = {reply.id for reply in load.told if reply.told is Told.RELEASED}
    held = [reply.id for reply in load.told if reply.told is Told.HELD]
    expected: dict[str, set[str]] = {}
    for hold_id in held:
        expected[hold_id] = {"RELEASED"} if hold_id in released else {"ACTIVE"}
        if hold_id in load.doubtful:
            expected[hold_id].add("RELEASED")
    return expected


async def _misread(running: RunningStack, expected: dict[str, set[str]]) -> list[str]:
    headers = {"Authorization": f"Bearer {running.api_key}"}
    waiting = iter(expected.items())
    found: list[str] = []

    async def read(holds: Iterable[tuple[str, set[str]]], session: aiohttp.ClientSession) -> None:
        for hold_id, statuses in holds:
            async with session.get(f"/v1/holds/{hold_id}") as response:
                hold = await response.json(content_type=None)
            if response.status != 200 or hold["status"] not in statuses:
                found.append(f"{hold_id} was acknowledged and reads {response.status} {hold.get('status')}")

    async with aiohttp.ClientSession(running.stack.http_url, headers=headers) as session:
        await asyncio.gather(*(read(waiting, session) for _ in range(READS_AT_ONCE)))
    return found
