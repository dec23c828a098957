"""A fault counts when it met somebody: not where nobody waited, nobody looked, or who had sent it was dead."""

import asyncio

import pytest

from actors.core.ids import BlockId
from actors.core.wishes import Wish
from actors.journal.journal import JournalRefused, JournalUnavailable
from actors.journal.memory import Statement
from actors.reservations import Request
from tests.engine.stage import on_virtual_time
from tests.simulation.buyers import CALLER, DEADLINE_MS, create_event
from tests.simulation.faults import Fault
from tests.simulation.virtual_time import Process
from tests.simulation.world import World

ALWAYS = 20.0  # some come only every twentieth time of those
BLOCK = BlockId("0" * 16)
OF_STATEMENTS = (Fault.REFUSED, Fault.NO_ROOM, Fault.REFUSED_BLOCK, Fault.ACK_LOST)


async def _struck(fault: Fault, *, sender_is_dead: bool) -> int:
    """How often the fault counts that an append meets."""
    world = World(1, (), faults=frozenset({fault}))
    world.faults.rate = ALWAYS
    process, statement = Process("sender"), Statement("append", (BLOCK,))
    if sender_is_dead:
        process.kill()

    async def append() -> None:
        await world.journal_faults.before(statement)
        await world.journal_faults.after(statement)

    with pytest.raises((JournalUnavailable, JournalRefused)):
        await process.context.run(world.database.carry_out, append())
    return world.faults.counts[fault]


@pytest.mark.parametrize("fault", OF_STATEMENTS)
def test_what_befalls_a_statement_counts_if_its_sender_lives(fault: Fault) -> None:
    async def both() -> tuple[int, int]:
        return await _struck(fault, sender_is_dead=False), await _struck(fault, sender_is_dead=True)

    found: list[tuple[int, int]] = []

    @on_virtual_time
    async def main() -> None:
        found.append(await both())

    main()
    assert found == [(1, 0)]


@on_virtual_time
async def test_a_pause_counts_if_somebody_waits_for_the_shard() -> None:
    world = World(1, ("s1",), faults=False)
    event = await create_event(world.gateway(), "event")
    shard = world.newest["s1"]
    shard.pause()
    await asyncio.sleep(1)
    assert shard.process.parked, "it had something of its own to do"
    assert not shard.resume(), "and nobody waited"
    await asyncio.sleep(1)
    shard.pause()
    asked = Request(CALLER, "key", DEADLINE_MS, "ana")
    asking = asyncio.create_task(world.gateway().place_hold(asked, event, Wish(("A/1/1",))))
    await asyncio.sleep(1)
    assert shard.resume()
    await asking
    shard.pause()
    assert not shard.resume(), "it is answered"


@on_virtual_time
async def test_a_jump_of_a_shards_clock_counts_once_it_has_looked() -> None:
    world = World(1, ("s1", "s2"), faults=False)
    await asyncio.sleep(1)
    dead, living = world.newest["s1"], world.newest["s2"]
    dead.process.kill()
    dead.jump(30.0)
    living.jump(1.5)
    await asyncio.sleep(2)
    assert world.faults.counts[Fault.SHARD_CLOCK] == 0
    living.jump(-30.0)
    assert world.faults.counts[Fault.SHARD_CLOCK] == 0
    await asyncio.sleep(2)
    assert world.faults.counts[Fault.SHARD_CLOCK] == 1
    assert living.jumped_s == 28.5


@on_virtual_time
async def test_a_jump_of_the_journals_clock_counts_once_a_shard_has_heard() -> None:
    world = World(1, ("s1",), faults=False)
    await asyncio.sleep(1)
    world.journal_time.jump(1_000)
    await asyncio.sleep(2)
    assert world.faults.counts[Fault.JOURNAL_CLOCK] == 0
    world.newest["s1"].pause()
    world.journal_time.jump(20_000)
    await asyncio.sleep(2)
    world.now_ms()
    assert world.faults.counts[Fault.JOURNAL_CLOCK] == 0
    world.newest["s1"].resume()
    await asyncio.sleep(2)
    assert world.faults.counts[Fault.JOURNAL_CLOCK] == 1
