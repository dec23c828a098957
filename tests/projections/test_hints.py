"""What a shard commits is projected in the next round, however large the catalogue: the shard hints at the block."""

import pytest

from actors.core.ids import BlockId
from actors.engine.engine import Engine
from actors.engine.hints import Hints
from actors.link.batch import Replied
from actors.projections.projector import Projector
from tests.engine.postgres_shard import ask, shard
from tests.projections.selling import SEATS, SellingEvent, World, follow_all

pytestmark = pytest.mark.anyio

BLOCKS, PER_PAGE = 12, 3


async def sell(engine: Engine, event: SellingEvent) -> None:
    """Sell a seat of the event by way of the shard."""
    event.now_ms = engine.clock.now_ms()
    assert isinstance(await ask(engine, event.block, event.hold(SEATS[0])), Replied)


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
