"""A shard hangs for twenty seconds under load, is replaced by the directory's own doing, and wakes up.

While it hangs, commands for it wait in its socket, and after it wakes up it is asked directly: none of its writes may
land and none of its answers may be stale.
"""

import asyncio
import os
import signal
import time
from secrets import randbits, token_bytes
from typing import Any

import asyncpg
import pytest

from actors.core.commands import PlaceHold, ReadHold, Stamp
from actors.core.ids import BlockId, Kind, parse_event_id, parse_id
from actors.core.replies import AreaPlaces, HoldReply, HoldStatus
from actors.link.address import parse_address
from actors.link.batch import Answer, Call, Failed, Fault, Replied, answers_decoder, encoder, reply_decoder
from actors.link.client import LinkClient
from actors.link.transport import OutcomeUnknown
from tests.stack.load import HALL, Load
from tests.stack.running_stack import RunningStack

pytestmark = pytest.mark.stack
PAUSE_S = 20.0
QUEUED = 60
TENANT = "demo"


def test_a_shard_that_was_replaced_while_it_hung_does_no_harm(running: RunningStack) -> None:
    with running.client() as client:

        def write(path: str, body: object, key: str) -> Any:
            answer = client.post(path, json=body, headers={"Idempotency-Key": key})
            assert answer.is_success, answer.text
            return answer.json()

        event_id = write("/v1/events", {"name": "paused", "layout": HALL}, "paused")["event_id"]
        write(f"/v1/events/{event_id}/open-sale", {}, "paused-open")
        holds = f"/v1/events/{event_id}/holds"
        hold_id = write(holds, {"areas": [{"area": "Hall", "quantity": 1}]}, "paused-hold")["hold_id"]
        asyncio.run(_pause_and_wake(running, event_id, hold_id, lambda: write(f"/v1/holds/{hold_id}/release", {}, "r")))


async def _pause_and_wake(running: RunningStack, event_id: str, hold_id: str, release: Any) -> None:
    block, hold = parse_event_id(event_id), parse_id(Kind.HOLD, hold_id)
    assert block is not None
    assert hold is not None
    journal = await asyncpg.connect(running.stack.database_url)
    owner = await journal.fetchrow("select pid, epoch, address from shards order by epoch desc limit 1")
    direct = LinkClient(parse_address(owner["address"]), running.folder.secret("link").read_bytes())
    await direct.ping(5)
    async with Load(running.stack.http_url, running.api_key, event_id, "Hall", buyers=32) as load:
        await asyncio.sleep(2)
        os.kill(owner["pid"], signal.SIGSTOP)  # with a batch of buyers in it, decided or not, written or not
        paused_at = time.monotonic()
        try:
            waiting = [asyncio.create_task(_ask(direct, block, hold[1], writing=n % 3 > 0)) for n in range(QUEUED)]
            await asyncio.sleep(PAUSE_S / 2)
            await asyncio.to_thread(release)  # by way of the successor
            await asyncio.sleep(PAUSE_S / 2)
            sold_meanwhile = sum(at > paused_at + 5 for at in load.accepted_at)
        finally:
            os.kill(owner["pid"], signal.SIGCONT)
        late = await asyncio.gather(*waiting)
        later = await asyncio.gather(*(_ask(direct, block, hold[1], writing=n % 3 > 0) for n in range(QUEUED)))
    await direct.close()
    landed = await journal.fetchval(
        "select count(*) from journal where block_id = $1 and epoch = $2 and position > "
        "(select min(position) from journal where block_id = $1 and epoch > $2)",
        block,
        owner["epoch"],
    )
    await journal.close()
    answered = [answer for answer in (*late, *later) if answer is not None]
    print(f"{sold_meanwhile} sold meanwhile, gap {load.longest_gap_s:.1f} s, {len(answered)} answers by the old shard")
    assert sold_meanwhile > 100
    assert load.longest_gap_s < 5
    assert landed == 0
    assert answered, "the old shard was never heard"
    for answer in answered:
        judge(answer)


async def _ask(direct: LinkClient, block: BlockId, hold: int, *, writing: bool) -> Answer | None:
    """One command straight to the old shard; None if it left without a word."""
    stamp = Stamp(TENANT, "", token_bytes(16), token_bytes(16), int(time.time() * 1000) + 120_000)
    command = PlaceHold(stamp, randbits(62) + 1, (), (AreaPlaces("Hall", 1),)) if writing else ReadHold(TENANT, hold)
    try:
        reply = await direct.exchange(encoder.encode([Call(block, encoder.encode(command))]))
    except OutcomeUnknown:
        return None
    (answer,) = answers_decoder.decode(reply)
    return answer


def judge(answer: Answer) -> None:
    """It may say that it is not the owner, or how the hold stands now; nothing else."""
    if isinstance(answer, Failed):
        assert answer.fault in (Fault.FENCED, Fault.NOT_OWNER, Fault.NOT_READY, Fault.UNAVAILABLE), answer
        return
    assert isinstance(answer, Replied), answer
    reply = reply_decoder.decode(answer.reply)
    assert isinstance(reply, HoldReply)
    assert reply.status is HoldStatus.RELEASED, f"stale, or a write that landed: {reply}"
