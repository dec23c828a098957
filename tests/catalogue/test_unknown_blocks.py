"""That there is no such block is told as of after the question, whoever else enters it; and a crowd costs no storm."""

import asyncio
from collections.abc import Awaitable, Callable, Collection

import pytest

from actors.core.ids import BlockId
from actors.questions import LOOKUP_PAUSE_S, Lookups
from actors.routes import CatalogueRoutes
from tests.catalogue.house import TENANT, CountingCatalogue, house, new_block, served_by

pytestmark = pytest.mark.anyio

CROWD = 1_000
AGAIN_S = 1.0


async def found(routes: CatalogueRoutes, block: BlockId) -> str:
    """Who serves a block that is there."""
    assert await routes.route(block) is not None, "a block that was entered is unknown"
    return await served_by(routes, block)


async def check_entered_through_another(database_url: str) -> None:
    """One gateway asks in vain, another enters the block, and the first is asked again as soon as that is done."""
    async with house(database_url) as built:
        await built.shard("s1")
        one, _ = await built.routes()
        another, _ = await built.routes()
        for _ in range(20):
            block = new_block()
            assert await one.route(block) is None
            await another.assign(block, TENANT)
            assert await found(one, block) == "s1.1"


async def test_what_another_gateway_has_entered_is_there_at_once(database_url: str) -> None:
    await check_entered_through_another(database_url)


class SlowCatalogue(CountingCatalogue):
    """Whose answers about owners are on their way until `arrive` is set."""

    def __init__(self, database_url: str) -> None:
        super().__init__(database_url)
        self.has_read = asyncio.Event()
        self.arrive = asyncio.Event()

    async def owners(self, blocks: Collection[BlockId]) -> dict[BlockId, str]:
        read = await super().owners(blocks)
        self.has_read.set()
        await self.arrive.wait()
        return read


async def check_entered_during_a_look(database_url: str) -> None:
    """The block is entered while an answer that it is not there is on its way, to somebody who had asked before."""
    async with house(database_url, SlowCatalogue) as built:
        await built.shard("s1")
        one, catalogue = await built.routes()
        assert isinstance(catalogue, SlowCatalogue)
        another, _ = await built.routes()
        block = new_block()
        before = asyncio.create_task(one.route(block))
        await catalogue.has_read.wait()
        await another.assign(block, TENANT)
        after = [asyncio.create_task(one.route(block)) for _ in range(3)]
        await asyncio.sleep(0)
        catalogue.arrive.set()
        assert await before is None
        assert None not in await asyncio.gather(*after), "a block that was entered is unknown"
        assert catalogue.asked["owners"] == 2


async def test_who_asks_while_others_are_answered_is_told_what_was_entered_before(database_url: str) -> None:
    await check_entered_during_a_look(database_url)


async def check_crowd_at_once(database_url: str) -> None:
    async with house(database_url) as built:
        routes, catalogue = await built.routes()
        block = new_block()
        for blocks in ([block] * CROWD, [new_block() for _ in range(CROWD)]):
            catalogue.asked.clear()
            assert await asyncio.gather(*(routes.route(each) for each in blocks)) == [None] * CROWD
            assert catalogue.asked["owners"] <= 2, "a storm"


async def test_a_crowd_that_asks_at_once_is_one_statement_whatever_it_asks_for(database_url: str) -> None:
    await check_crowd_at_once(database_url)


async def check_crowd_that_comes_again(database_url: str) -> None:
    """All of it asks again as soon as it is answered, half of it for one block, half for ever another."""
    async with house(database_url) as built:
        routes, catalogue = await built.routes()
        block, loop = new_block(), asyncio.get_running_loop()
        begun_s = loop.time()

        async def caller(number: int) -> None:
            while loop.time() < begun_s + AGAIN_S:
                assert await routes.route(block if number % 2 else new_block()) is None

        await asyncio.gather(*(caller(number) for number in range(CROWD)))
        assert catalogue.asked["owners"] <= 2 + (loop.time() - begun_s) / LOOKUP_PAUSE_S, "a storm"


async def test_a_crowd_that_comes_again_and_again_is_a_bounded_rate_of_statements(database_url: str) -> None:
    await check_crowd_that_comes_again(database_url)


def what_is_unknown_is_believed(patch: pytest.MonkeyPatch, believed_s: float = 0.25) -> None:
    """For a moment, as it once was."""
    ask, believed = Lookups[BlockId, str].ask, dict[tuple[int, BlockId], float]()

    async def believing(self: Lookups[BlockId, str], block: BlockId) -> str | None:
        now_s = asyncio.get_running_loop().time()
        if believed.get((id(self), block), 0.0) > now_s:
            return None
        shard = await ask(self, block)
        if shard is None:
            believed[id(self), block] = now_s + believed_s
        return shard

    patch.setattr(Lookups, "ask", believing)


def who_asks_joins_a_look_under_way(patch: pytest.MonkeyPatch) -> None:
    ask, under_way = Lookups[BlockId, str].ask, dict[tuple[int, BlockId], "asyncio.Task[str | None]"]()

    async def joining(self: Lookups[BlockId, str], block: BlockId) -> str | None:
        look = under_way.get((id(self), block))
        if look is None or look.done():
            look = under_way[id(self), block] = asyncio.ensure_future(ask(self, block))
        return await asyncio.shield(look)

    patch.setattr(Lookups, "ask", joining)


def each_asks_alone(patch: pytest.MonkeyPatch) -> None:
    async def alone(self: Lookups[BlockId, str], block: BlockId) -> str | None:
        return (await self._put([block])).get(block)

    patch.setattr(Lookups, "ask", alone)


@pytest.mark.parametrize(
    ("sabotage", "check", "said"),
    [
        (what_is_unknown_is_believed, check_entered_through_another, "unknown"),
        (who_asks_joins_a_look_under_way, check_entered_during_a_look, "unknown"),
        (each_asks_alone, check_crowd_at_once, "a storm"),
        (each_asks_alone, check_crowd_that_comes_again, "a storm"),
    ],
)
async def test_the_check_notices(
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
    sabotage: Callable[[pytest.MonkeyPatch], None],
    check: Callable[[str], Awaitable[None]],
    said: str,
) -> None:
    sabotage(monkeypatch)
    with pytest.raises(AssertionError, match=said):
        await check(database_url)
