"""A shard that is stopped in the middle of its work, replaced, and woken up again, on the real Postgres.

`HOLDFAST_TEST_PAUSE_S` says how long it is stopped (5 s if not said).
"""

import asyncio
import os
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from actors.catalogue.catalogue import Catalogue
from actors.core.commands import Command, CreateEvent, OpenSale
from actors.core.entries import Activated, HoldPlaced
from actors.core.ids import BlockId, event_block
from actors.core.replies import HoldStatus
from actors.journal.codec import decode_entries
from actors.journal.journal import Epoch, JournalRow
from actors.journal.postgres import PostgresJournal
from actors.link.address import UnixAddress
from actors.link.batch import Answer, Call, Failed, Fault, Refused, Replied, answers_decoder, encoder
from actors.link.client import ClientBounds, LinkClient
from tests.engine.paused_shard import SHARD
from tests.engine.stage import NOT_READY, TENANT, hold, hold_status, read_hold, release, stamp
from tests.engine.stuck_commit import commit_stuck, until_calls_wait
from tests.link.loopback import SECRET
from tests.simulation.buyers import LAYOUT

PAUSE_S = float(os.environ.get("HOLDFAST_TEST_PAUSE_S", "5"))
QUEUED = 60
BLOCKS = ("sold", "watched", "other")  # that both want to sell, that is only read, that keeps the commit busy
SEATS = [f"{row}/{seat}" for row in (1, 2, 3) for seat in range(1, 11)]


class Child:
    """A shard process and a client of its own socket."""

    def __init__(self, process: asyncio.subprocess.Process, client: LinkClient) -> None:
        self.process = process
        self.client = client

    async def send(self, block: BlockId, *commands: Command) -> list[Answer]:
        """The answers to one batch."""
        calls = [Call(block, encoder.encode(command)) for command in commands]
        return answers_decoder.decode(await self.client.exchange(encoder.encode(calls)))

    async def ask(self, block: BlockId, *commands: Command) -> list[Answer]:
        """The answers, when the block is in."""
        for _ in range(500):
            answers = await self.send(block, *commands)
            if NOT_READY not in answers:
                return answers
            await asyncio.sleep(0.01)
        raise AssertionError("the block never came in")


@asynccontextmanager
async def shard(url: str, folder: str, epoch: Epoch, sabotage: str = "") -> AsyncIterator[Child]:
    """An incarnation that serves."""
    path = f"{folder}/{epoch.incarnation}"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.engine.paused_shard", url, path, str(epoch.packed()), sabotage),
        cwd=Path(__file__).parents[2],
        stdout=asyncio.subprocess.PIPE,
    )
    client = LinkClient(UnixAddress(path), SECRET, bounds=ClientBounds(exchange_timeout_s=PAUSE_S + 30))
    try:
        assert process.stdout is not None
        async with asyncio.timeout(20):
            assert await process.stdout.readline() == b"serving\n"
        yield Child(process, client)
    finally:
        await client.close()
        if process.returncode is None:
            process.kill()
        await process.wait()


async def on_sale(catalogue: Catalogue, owner: Child, key: str) -> BlockId:
    """A new event on sale."""
    block = event_block(TENANT, key)
    await catalogue.assign(block, TENANT, SHARD)
    answers = await owner.ask(
        block, CreateEvent(stamp(f"create-{key}"), key, LAYOUT, 600_000), OpenSale(stamp(f"open-{key}"))
    )
    assert all(isinstance(answer, Replied) for answer in answers)
    return block


class Aftermath:
    """What is there to judge: the journal, and what the woken shard said to whom."""

    def __init__(self) -> None:
        self.rows: list[JournalRow] = []
        self.queued: list[Answer] = []  # to what waited in the shard when it was stopped
        self.late_writes: list[Answer] = []  # to what it was asked directly after it woke up
        self.late_reads: list[Answer] = []  # of a hold that its successor has released
        self.reloaded: list[Answer] = []  # to the same, asked until it had loaded the block anew

    def check(self) -> None:
        """None of the woken shard's writes landed, none of its answers is stale."""
        epochs = [Epoch.unpacked(row.epoch).incarnation for row in self.rows]
        takeover = epochs.index(2)
        assert set(epochs[:takeover]) == {1}
        assert set(epochs[takeover:]) == {2}, "a row of the old owner landed behind the takeover"
        entries = [entry for row in self.rows for entry in decode_entries(row.entries)]
        assert sum(isinstance(entry, Activated) for entry in entries) == 2
        placed = [entry.hold for entry in entries if isinstance(entry, HoldPlaced)]
        assert placed == [1, *range(1_000, 1_000 + len(SEATS))]
        for answers in (self.queued, self.late_writes, self.late_reads):
            assert answers
            assert not any(isinstance(answer, Replied | Refused) for answer in answers), Counter(map(repr, answers))
        assert Failed(Fault.FENCED) in self.queued
        assert all(isinstance(answer, Failed) and answer.fault is not Fault.BUG for answer in self.queued)
        assert all(isinstance(answer, Failed) or hold_status(answer) is HoldStatus.RELEASED for answer in self.reloaded)


async def paused_and_replaced(url: str, pause_s: float, sabotage: str = "") -> Aftermath:
    """Stop a shard with a statement under way and another not yet sent, replace it, wake it, and ask it."""
    aftermath = Aftermath()
    catalogue, journal = Catalogue(url), PostgresJournal(url)
    first = Epoch(await catalogue.begin_generation(), 1, 1)
    with tempfile.TemporaryDirectory(prefix="hf-paused-") as folder:
        async with shard(url, folder, first, sabotage) as old:
            sold, watched, other = [await on_sale(catalogue, old, f"{name}-{sabotage}") for name in BLOCKS]
            for block in (sold, watched):
                assert isinstance((await old.ask(block, hold(1, "4/1")))[0], Replied)
            async with commit_stuck(url, other) as commit:
                under_way = asyncio.create_task(old.send(other, hold(1, "1/1")))
                await commit.until_waited_for()
                unsent = [
                    asyncio.create_task(sending)
                    for number in range(QUEUED // 2)
                    for sending in (
                        old.send(sold, hold(100 + number, SEATS[number % len(SEATS)])),
                        old.send(watched, read_hold(1)),
                    )
                ]
                await until_calls_wait(url, first.packed(), 1 + QUEUED)
                old.process.send_signal(signal.SIGSTOP)
            async with shard(url, folder, first._replace(incarnation=2)) as successor:
                sales = [hold(1_000 + number, seat) for number, seat in enumerate(SEATS)]
                answers = [*await successor.ask(sold, release(1), *sales), *await successor.ask(watched, release(1))]
                assert all(isinstance(answer, Replied) for answer in answers), answers
                assert not any(task.done() for task in unsent)
                await asyncio.sleep(pause_s)
                old.process.send_signal(signal.SIGCONT)
                aftermath.late_reads += await old.send(watched, read_hold(1))
                for number in range(5):
                    aftermath.late_writes += await old.send(sold, hold(200 + number, "4/2"))
                for task in unsent:
                    aftermath.queued += await task
                await under_way  # was sent before the pause: it may have been carried out
                aftermath.reloaded += await old.ask(watched, read_hold(1))
            aftermath.rows = await journal.rows(sold, 0, 1_000)
    await catalogue.close()
    await journal.close()
    return aftermath


def test_a_paused_and_replaced_shard_does_no_harm_when_it_wakes_up(database_url: str) -> None:
    aftermath = asyncio.run(paused_and_replaced(database_url, PAUSE_S))
    assert len(aftermath.queued) >= 50
    aftermath.check()


@pytest.mark.parametrize("sabotage", ["conflict_is_success", "append_behind_any_head", "no_head_check"])
def test_a_shard_that_minds_no_fence_would_be_caught(database_url: str, sabotage: str) -> None:
    aftermath = asyncio.run(paused_and_replaced(database_url, 0.5, sabotage))
    with pytest.raises(AssertionError):
        aftermath.check()
