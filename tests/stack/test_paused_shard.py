"""A shard hangs for twenty seconds, is replaced by the directory's own doing, and wakes up.

When it is stopped, its commit stands still in Postgres and dozens of commands wait behind that: decided, applied, and
not yet in any statement. After it wakes up it is asked directly. None of its writes may land, none of its answers may
be stale.
"""

import asyncio
import os
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from secrets import randbits, token_bytes

import asyncpg
import pytest

from actors.core.commands import PlaceHold, ReadHold, Stamp
from actors.core.ids import BlockId, Kind, parse_event_id, parse_id
from actors.core.outcomes import Details, Reason
from actors.core.prices import Price
from actors.core.replies import HoldReply, HoldStatus
from actors.core.wishes import AreaPlaces, Wish
from actors.link.address import parse_address
from actors.link.batch import Answer, Call, Failed, Fault, Refused, Replied, answers_decoder, encoder
from actors.link.client import ClientBounds, LinkClient
from actors.link.transport import OutcomeUnknown
from tests.engine.stuck_commit import commit_stuck
from tests.stack.awakening import Awakening, harm
from tests.stack.load import Load, hall_on_sale, written
from tests.stack.owner import owner_of
from tests.stack.running_stack import RunningStack

pytestmark = pytest.mark.stack
PAUSE_S = 20.0
PROMISED_S = 5.0
QUEUED = 60
TENANT = "demo"


class OldShard:
    """The shard that serves when this begins, and a connection straight to it."""

    def __init__(self, pid: int, epoch: int, client: LinkClient) -> None:
        self.pid = pid
        self.epoch = epoch
        self._client = client

    async def ask(self, block: BlockId, command: PlaceHold | ReadHold) -> Answer | None:
        """One command; None if it left without a word."""
        try:
            answers = await self._client.exchange(encoder.encode([Call(block, encoder.encode(command))]))
        except OutcomeUnknown:
            return None
        (answer,) = answers_decoder.decode(answers)
        return answer

    async def until_all_wait(self, asked: Sequence[asyncio.Task[Answer | None]]) -> None:
        """Until these were begun with over there: the first ping comes behind them all, the second when they were."""
        await asyncio.sleep(0)
        for _ in range(2):
            await self._client.ping(5)
        answered = Counter(repr(task.result()) for task in asked if task.done())
        assert not answered, f"they did not wait for the commit: {answered}"


@asynccontextmanager
async def old_shard(running: RunningStack, block: BlockId) -> AsyncIterator[OldShard]:
    """Connected to: that which has the block."""
    owner = await owner_of(running.stack.database_url, block)
    bounds = ClientBounds(exchange_timeout_s=PAUSE_S + 30)
    client = LinkClient(parse_address(owner.address), running.folder.secret("link").read_bytes(), bounds=bounds)
    try:
        await client.ping(5)
        yield OldShard(owner.pid, owner.epoch, client)
    finally:
        await client.close()


def place_hold() -> PlaceHold:
    """One place, under a key of its own."""
    stamp = Stamp(TENANT, "", token_bytes(16), token_bytes(16), int(time.time() * 1000) + 120_000)
    return PlaceHold(stamp, randbits(62) + 1, Wish(areas=(AreaPlaces("Hall", 1),)))


def asked(old: OldShard, block: BlockId, hold: int) -> list[asyncio.Task[Answer | None]]:
    """Sixty commands on their way, two writes for each read of the hold."""
    commands = [place_hold() if number % 3 else ReadHold(TENANT, hold) for number in range(QUEUED)]
    return [asyncio.create_task(old.ask(block, command)) for command in commands]


async def paused_and_woken(
    running: RunningStack, halls: list[str], hold_id: str, release: Callable[[], object]
) -> Awakening:
    """Stop the shard behind a commit of the second hall, let its successor sell and release in the first, wake it."""
    block, other = (parse_event_id(hall) for hall in halls)
    hold = parse_id(Kind.HOLD, hold_id)
    assert block is not None
    assert other is not None
    assert hold is not None
    url = running.stack.database_url
    journal = await asyncpg.connect(url)
    async with old_shard(running, block) as old:
        async with commit_stuck(url, other) as commit:
            under_way = asyncio.create_task(old.ask(other, place_hold()))
            await commit.until_waited_for()
            position = await journal.fetchval("select max(position) from journal where block_id = $1", block)
            queued = asked(old, block, hold[1])
            await old.until_all_wait(queued)
            os.kill(old.pid, signal.SIGSTOP)
        paused_at = time.monotonic()
        try:
            async with Load(running.stack.http_url, running.api_key, halls[0], "Hall") as load:
                await asyncio.sleep(PAUSE_S / 2)
                await asyncio.to_thread(release)
                await asyncio.sleep(PAUSE_S / 2)
            assert not any(task.done() for task in queued)
        finally:
            os.kill(old.pid, signal.SIGCONT)
        answers = await asyncio.gather(*queued)
        direct = await asyncio.gather(*asked(old, block, hold[1]))
        await asyncio.sleep(1)  # it loads the block anew, to read
        direct += await asyncio.gather(*asked(old, block, hold[1]))
        await under_way  # it was sent before the pause and may have been carried out
    rows = await journal.fetch(
        "select position, epoch from journal where block_id = $1 and position > $2", block, position
    )
    await journal.close()
    outage_s = load.accepted_at[0] - paused_at
    print(f"sold again after {outage_s:.1f} s, {len(load.accepted_at)} in all, then gaps of {load.longest_gap_s:.1f} s")
    assert max(outage_s, load.longest_gap_s) < PROMISED_S
    assert len(load.accepted_at) > 100
    return Awakening(old.epoch, position, [tuple(row) for row in rows], answers, direct)


def test_a_shard_that_was_replaced_while_it_hung_does_no_harm(running: RunningStack) -> None:
    with running.client() as client:
        halls = [hall_on_sale(client, name) for name in ("paused", "beside the paused")]
        wish = {"areas": [{"area": "Hall", "quantity": 1}]}
        hold_id = written(client, f"/v1/events/{halls[0]}/holds", wish, "paused-hold")["hold_id"]

        def release() -> object:
            return written(client, f"/v1/holds/{hold_id}/release", {}, "paused-release")

        awakening = asyncio.run(paused_and_woken(running, halls, hold_id, release))
    for name, answers in (("queued", awakening.queued), ("direct", awakening.direct)):
        print(name, Counter(answer.fault.name if isinstance(answer, Failed) else type(answer) for answer in answers))
    assert awakening.queued.count(Failed(Fault.FENCED)) >= 50, "they waited for a statement that came too late"
    assert any(isinstance(answer, Replied) for answer in awakening.direct), "it said nothing that could be stale"
    assert harm(awakening) == []


def replied(status: HoldStatus) -> Replied:
    """A hold stands so."""
    return Replied(encoder.encode(HoldReply(1, status, "", (), (AreaPlaces("Hall", 1),), Price("EUR", ()), 0, 0, 0)))


HARMLESS = Awakening(
    epoch=7,
    position=3,
    rows=[(4, 8), (5, 8)],
    queued=[Failed(Fault.FENCED), None],
    direct=[Failed(Fault.NOT_OWNER), replied(HoldStatus.RELEASED)],
)


def test_an_awakening_without_harm_is_let_be() -> None:
    assert harm(HARMLESS) == []


@pytest.mark.parametrize(
    "planted",
    [
        HARMLESS._replace(rows=[(4, 7), (5, 8)]),
        HARMLESS._replace(rows=[(4, 8), (5, 7)]),
        HARMLESS._replace(queued=[Failed(Fault.FENCED), replied(HoldStatus.ACTIVE)]),
        HARMLESS._replace(queued=[Refused(Reason.UNITS_HELD, Details())]),
        HARMLESS._replace(direct=[replied(HoldStatus.ACTIVE)]),
        HARMLESS._replace(direct=[Failed(Fault.BUG)]),
    ],
)
def test_control_harm_is_noticed(planted: Awakening) -> None:
    assert len(harm(planted)) == 1
