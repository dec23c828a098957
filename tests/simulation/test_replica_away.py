"""What the simulated primary shows while its replica is away, and what a failover to that loses."""

import asyncio

import pytest

from actors.journal.journal import JournalUnavailable, NewRow
from actors.journal.memory import MemoryJournal
from tests.engine.stage import on_virtual_time
from tests.journal.backends import head_of, new_block, row_after
from tests.simulation.faults import Fault
from tests.simulation.world import World

AWAY_S = 0.1
SOON_S = 0.5


class Scene:
    """A primary that has died with one row of a block flushed that nobody was told of, behind one that is durable."""

    def __init__(self) -> None:
        self.world = World(1, (), faults=frozenset({Fault.REPLICA_AWAY}))
        self.store = self.world.store
        self.block = new_block()

    def line(self) -> MemoryJournal:
        """One more to the journal, with what befalls that."""
        return MemoryJournal(self.store, faults=self.world.journal_faults)

    async def until_back(self) -> tuple[NewRow, NewRow]:
        """The row that is durable, and the other."""
        line = self.line()
        told = row_after(None, self.block)
        assert (await line.append([told])).durable
        self.store.lose_replica()
        untold = row_after(head_of(told), self.block)
        appending = asyncio.create_task(line.append([untold]))
        await asyncio.sleep(SOON_S)
        assert not appending.done()
        assert (await self.line().heads([self.block])).heads[self.block] == head_of(told), "nobody sees it yet"
        self.store.die(AWAY_S)
        with pytest.raises(JournalUnavailable):
            await appending
        await asyncio.sleep(SOON_S)
        assert (await line.heads([self.block])).heads[self.block] == head_of(untold)
        return told, untold


@on_virtual_time
async def test_what_was_told_outlives_the_failover_and_what_was_not_is_gone() -> None:
    scene = Scene()
    told, untold = await scene.until_back()
    assert scene.store.is_replicated(scene.block, 1)
    assert not scene.store.is_replicated(scene.block, 2)
    assert scene.store.take_over(AWAY_S) == 1
    assert scene.store.journals[scene.block] == [told.row]
    assert (scene.store.withdrawn, scene.store.lost) == ({scene.block}, {})
    await asyncio.sleep(SOON_S)
    assert (await scene.line().append([untold])).durable == {scene.block}
    assert scene.store.is_replicated(scene.block, 2)


@on_virtual_time
async def test_who_asks_whether_it_is_replicated_waits_and_hears_that_it_is_gone() -> None:
    scene = Scene()
    _, untold = await scene.until_back()
    row, line = untold.row, scene.line()
    asking = asyncio.create_task(line.until_replicated(row.block, row.position, row.chain))
    await asyncio.sleep(SOON_S)
    assert not asking.done()
    scene.store.take_over(AWAY_S)
    with pytest.raises(JournalUnavailable):
        await asking
    await asyncio.sleep(SOON_S)
    assert not await line.until_replicated(row.block, row.position, row.chain)


@on_virtual_time
async def test_nothing_is_gone_when_the_replica_comes_back() -> None:
    scene = Scene()
    _, untold = await scene.until_back()
    row = untold.row
    asking = asyncio.create_task(scene.line().until_replicated(row.block, row.position, row.chain))
    await asyncio.sleep(SOON_S)
    scene.store.find_replica()
    assert await asking
    assert scene.store.is_replicated(row.block, row.position)
    assert not scene.store.withdrawn


@on_virtual_time
async def test_what_is_committed_otherwise_shows_that_the_replica_has_all_before_it() -> None:
    scene = Scene()
    _, untold = await scene.until_back()
    scene.store.changed(lambda: None)
    assert scene.store.take_over(AWAY_S) == 0
    assert scene.store.journals[scene.block][-1] == untold.row
