"""What a shard commits is projected in the next round, however large the catalogue: the shard hints at the block."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count

import pytest

from actors.catalogue.catalogue import Catalogue
from actors.core.ids import BlockId
from actors.engine.engine import Engine, Lines
from actors.engine.hints import Hints
from actors.journal.journal import Epoch
from actors.journal.postgres import PostgresJournal
from actors.link.batch import Call, Failed, Replied, answers_decoder, encoder
from actors.projections.projector import Projector
from tests.projections.selling import SEATS, SellingEvent, World, follow_all

pytestmark = pytest.mark.anyio

BLOCKS, PER_PAGE = 12, 3


@asynccontextmanager
async def shard(database_url: str) -> AsyncIterator[Engine]:
    """The shard of all events, running on the journal in Postgres."""
    lines = Lines(*(PostgresJournal(database_url) for _ in range(4)))
    catalogue = Catalogue(database_url)
    loop, nonces = asyncio.get_running_loop(), count(1)
    engine = Engine(
        "shard-1", Epoch(1, 1, 1), lines, catalogue, loop.time, lambda: next(nonces).to_bytes(8), cut_over=False
    )
    await engine.start()
    running = loop.create_task(engine.run())
    try:
        yield engine
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        for line in (*lines, catalogue):
            await line.close()


async def sell(engine: Engine, event: SellingEvent) -> None:
    """Sell a seat of the event by way of the shard."""
    event.now_ms = engine.clock.now_ms()
    payload = encoder.encode([Call(event.block, encoder.encode(event.hold(SEATS[0])))])
    for _ in range(500):
        (answer,) = answers_decoder.decode(await engine.serve(payload))
        if not isinstance(answer, Failed):
            break
        await asyncio.sleep(0.01)
    assert isinstance(answer, Replied), answer


async def held(world: World, block: BlockId) -> int:
    """How many units of the event are held, as the projection has it."""
    ((units,),) = await world.rows("select held from availability where block_id = $1", block)
    return int(units)


async def check_hinted(world: World) -> None:
    """Two blocks at the end of the catalogue sell by the shard, and the projector hears of what one shard says."""
    now_s = 0.0
    events = sorted([await world.event() for _ in range(BLOCKS)], key=lambda event: event.block)
    await follow_all(world.projector())
    projector = world.projector(blocks_per_page=PER_PAGE, monotonic=lambda: now_s)
    async with shard(world.database_url) as engine:
        await sell(engine, events[-1])
        projector.hint(engine.hints.drain())
        await sell(engine, events[-2])  # of this one the hint gets lost
    await projector.round()
    assert await held(world, events[-1].block) == 1, "it was hinted at"
    assert await held(world, events[-2].block) == 0, "nobody said anything of this one"
    await check_swept(world, projector, events[-2].block)


async def check_swept(world: World, projector: Projector, block: BlockId) -> None:
    """The last page of the catalogue has its turn all the same."""
    for _ in range(BLOCKS // PER_PAGE - 2):
        await projector.round()
        assert await held(world, block) == 0
    await projector.round()
    assert await held(world, block) == 1


async def test_a_block_that_is_hinted_at_is_projected_next_and_others_by_their_pages_turn(world: World) -> None:
    await check_hinted(world)


async def test_control_without_hints_it_waits_for_its_page(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Hints, "offer", lambda self, blocks: None)
    with pytest.raises(AssertionError, match="it was hinted at"):
        await check_hinted(world)
