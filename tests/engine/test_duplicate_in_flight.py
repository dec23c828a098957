"""A key that is sent again while its first commit is in flight, which then fails, on the real Postgres.

The statement with the first stands still in the server; to the shard's memory the second is a replay. Meanwhile a
successor takes the block over. What was never written may be told to neither, and the key is still to be had.
"""

import asyncio
from collections.abc import Callable, Iterable
from typing import NamedTuple

import pytest

from actors.core.entries import HoldPlaced
from actors.core.ids import BlockId
from actors.engine.group_commit import Cycle, GroupCommit
from actors.engine.hosted import HostedBlock
from actors.journal.codec import decode_entries
from actors.journal.postgres import PostgresJournal
from actors.link.batch import Answer, Replied
from tests.core.sabotage import keys_are_not_looked_up
from tests.engine import postgres_shard
from tests.engine.paused_shard import ConflictIsSuccess
from tests.engine.postgres_shard import ask, ask_once, on_sale, send, shard
from tests.engine.stage import FENCED, hold, hold_reply
from tests.engine.stuck_commit import commit_stuck

KEY = "sent twice"


class Heard(NamedTuple):
    """What all callers heard, and the holds that the journal has in the end."""

    neighbour: Answer  # of another block, in the same statement
    first: Answer
    again: Answer
    of_successor: list[Answer]
    placed: list[int]

    def check(self) -> None:
        """Success is told of what is durable only, and the key has one effect."""
        assert isinstance(self.neighbour, Replied), "the statement was carried out, but for the block that was fenced"
        assert (self.first, self.again) == (FENCED, FENCED)
        assert [hold_reply(answer).hold for answer in self.of_successor] == [5, 5]
        assert [isinstance(answer, Replied) and answer.replayed for answer in self.of_successor] == [False, True]
        assert self.placed == [4, 5]


async def duplicate_in_flight(url: str, name: str) -> Heard:
    """Send a key twice to a shard whose commit stands still and then fails, and twice more to its successor."""
    async with shard(url) as former, shard(url, 2) as successor:
        # In the order in which a statement appends: what stands still comes before what is fenced.
        neighbour, block = sorted([await on_sale(former, url, f"{name}-{number}") for number in range(2)])
        async with commit_stuck(url, neighbour) as commit:
            first = asyncio.create_task(send(former, (neighbour, hold(1, "1/1")), (block, hold(2, "1/1", key=KEY))))
            await commit.until_waited_for()
            again = asyncio.create_task(ask_once(former, block, hold(3, "1/1", key=KEY)))
            await asyncio.sleep(0)  # decided
            assert isinstance(await ask(successor, block, hold(4, "2/1")), Replied)
        of_neighbour, of_first = await first
        of_again = await again
        of_successor = [await ask(successor, block, hold(number, "1/1", key=KEY)) for number in (5, 6)]
    return Heard(of_neighbour, of_first, of_again, of_successor, await holds_placed(url, block))


async def holds_placed(url: str, block: BlockId) -> list[int]:
    """All that the journal has of the block."""
    journal = PostgresJournal(url)
    rows = await journal.rows(block, 0, 100)
    await journal.close()
    return [entry.hold for row in rows for entry in decode_entries(row.entries) if isinstance(entry, HoldPlaced)]


def test_a_duplicate_in_flight_of_a_commit_that_fails_is_no_success(database_url: str) -> None:
    asyncio.run(duplicate_in_flight(database_url, "sound")).check()


def conflict_is_success(patch: pytest.MonkeyPatch) -> None:
    """What was sent is believed to be there."""
    patch.setattr(postgres_shard, "PostgresJournal", ConflictIsSuccess)


def replays_do_not_wait(patch: pytest.MonkeyPatch) -> None:
    """Who has nothing to write is answered from memory."""
    collect = GroupCommit.collect

    def at_once(self: GroupCommit, blocks: Iterable[HostedBlock]) -> Cycle:
        wanted = list(blocks)
        if any(hosted.pending for hosted in wanted):
            return collect(self, wanted)
        cycle = self._new_cycle()
        cycle.positions.update({hosted: hosted.position for hosted in wanted})
        cycle.finish()
        return cycle

    patch.setattr(GroupCommit, "collect", at_once)


@pytest.mark.parametrize("sabotage", [conflict_is_success, replays_do_not_wait, keys_are_not_looked_up])
def test_the_check_notices(
    database_url: str, sabotage: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    sabotage(monkeypatch)
    heard = asyncio.run(duplicate_in_flight(database_url, sabotage.__name__))
    with pytest.raises(AssertionError):
        heard.check()
