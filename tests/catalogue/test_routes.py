"""The gateway's way to the shards: found, renewed when in doubt, kept while the catalogue is away; never a storm."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from actors import routes as routes_module
from actors.catalogue.catalogue import Catalogue, Incarnation
from actors.core.ids import BlockId
from actors.dispatch import RoutesUnavailable
from actors.engine.catalogue_port import Move
from actors.link.coalescer import Coalescer
from actors.link.transport import NotSent, OutcomeUnknown
from actors.questions import Lookups, Questions
from actors.routes import CatalogueRoutes
from tests.catalogue.house import FOREVER_MS, TENANT, CountingCatalogue, House, house, new_block, served_by
from tests.link.loopback import SECRET

pytestmark = pytest.mark.anyio


async def test_a_block_is_reached_at_its_shard(database_url: str) -> None:
    async with house(database_url) as built:
        await built.shard("s1")
        await built.shard("s2")
        routes, catalogue = await built.routes()
        assert await routes.problems() == ()
        for shard in ("s1", "s2"):
            block = new_block()
            await built.catalogue.assign(block, TENANT, shard)
            assert await served_by(routes, block) == f"{shard}.1"
            assert await served_by(routes, block) == f"{shard}.1"
        assert catalogue.asked == {"newest": 1, "owners": 2}


async def test_a_new_block_is_entered_once_and_reached_at_once(database_url: str) -> None:
    async with house(database_url) as built:
        await built.shard("s1")
        await built.shard("s2")
        routes, _ = await built.routes()
        another, _ = await built.routes()
        block = new_block()
        assert await routes.route(block) is None
        await routes.assign(block, TENANT)
        await another.assign(block, TENANT)
        shard = await built.catalogue.owner(block)
        assert await served_by(routes, block) == await served_by(another, block) == f"{shard}.1"


async def test_a_successor_is_found_in_doubt_at_once(database_url: str) -> None:
    async with house(database_url) as built:
        block = new_block()
        await built.catalogue.assign(block, TENANT, "s1")
        former = await built.shard("s1", 1)
        routes, catalogue = await built.routes()
        assert await served_by(routes, block) == "s1.1"
        await former.stop(0.1)
        await built.shard("s1", 2)
        way = await routes.route(block)
        assert way is not None
        with pytest.raises((NotSent, OutcomeUnknown)):
            await way.call(block, b"command", TENANT, FOREVER_MS)
        routes.doubt(block, way)
        async with asyncio.timeout(0.5):
            assert await served_by(routes, block) == "s1.2"
        routes.doubt(block, way)  # by a caller that was slow to notice: the new way is not in doubt for that
        looks = catalogue.asked["newest"]
        assert await served_by(routes, block) == "s1.2"
        assert catalogue.asked["newest"] == looks


async def test_a_successor_is_found_by_itself_and_frees_those_who_wait_for_a_silent_one(database_url: str) -> None:
    async with house(database_url) as built:
        block = new_block()
        await built.catalogue.assign(block, TENANT, "s1")
        await built.shard("s1", 1, silent=True)
        routes, _ = await built.routes()
        looking = asyncio.create_task(routes.run())
        way = await routes.route(block)
        assert way is not None
        waiting = asyncio.create_task(way.call(block, b"command", TENANT, FOREVER_MS))
        await asyncio.sleep(0.1)
        await built.shard("s1", 2)
        async with asyncio.timeout(3):
            with pytest.raises(OutcomeUnknown):
                await waiting
        assert await served_by(routes, block) == "s1.2"
        looking.cancel()


async def test_a_shard_that_nobody_has_registered_is_no_way(database_url: str) -> None:
    async with house(database_url) as built:
        await built.shard("s1")
        routes, _ = await built.routes()
        block = new_block()
        await built.catalogue.assign(block, TENANT, "s7")
        with pytest.raises(RoutesUnavailable):
            await routes.route(block)
        await built.shard("s7")
        assert await served_by(routes, block) == "s7.1"


async def check_known_ways_go_on(database_url: str) -> None:
    async with house(database_url) as built:
        await built.shard("s1")
        await built.shard("s2")
        routes, _ = await built.routes()
        known, doubted, unknown = new_block(), new_block(), new_block()
        await built.catalogue.assign(known, TENANT, "s1")
        await built.catalogue.assign(doubted, TENANT, "s2")
        await built.catalogue.assign(unknown, TENANT, "s1")
        assert await served_by(routes, known) == "s1.1"
        way = await routes.route(doubted)
        assert way is not None
        looking = asyncio.create_task(routes.run())
        await built.wire.go_away()
        await asyncio.sleep(1.5)  # a look has failed
        routes.doubt(doubted, way)
        for block in (doubted, unknown):
            with pytest.raises(RoutesUnavailable):
                await routes.route(block)
        with pytest.raises(RoutesUnavailable):
            await routes.assign(new_block(), TENANT)
        for _ in range(20):
            try:
                assert await served_by(routes, known) == "s1.1"
            except RoutesUnavailable as fault:
                raise AssertionError("a known way was given up") from fault
        assert not looking.done()
        built.wire.come_back()
        assert await served_by(routes, unknown) == "s1.1"
        assert await served_by(routes, doubted) == "s2.1"
        looking.cancel()


async def test_while_the_catalogue_is_away_known_ways_go_on(database_url: str) -> None:
    await check_known_ways_go_on(database_url)


async def check_own_generation(database_url: str) -> None:
    async with house(database_url) as serving, house(database_url) as waiting:
        await serving.shard("s1", 3)
        routes, _ = await serving.routes()
        block = new_block()
        await serving.catalogue.assign(block, TENANT, "s1")
        await waiting.shard("s1", 4)
        routes.doubt(block, await found(routes, block))
        for _ in range(2):
            assert await served_by(routes, block) == "s1.3"
        gateways_of_the_other, _ = await waiting.routes()
        assert await served_by(gateways_of_the_other, block) == "s1.4"


async def found(routes: CatalogueRoutes, block: BlockId) -> Coalescer:
    way = await routes.route(block)
    assert way is not None
    return way


async def test_a_waiting_cluster_does_not_draw_the_gateways_of_the_one_that_serves(database_url: str) -> None:
    await check_own_generation(database_url)


async def check_no_storm(database_url: str) -> None:
    """A hundred callers whose shard is gone, and nobody to take its place; half of them know whose the block is."""
    async with house(database_url) as built:
        await built.shard("s1")
        routes, catalogue = await built.routes()
        catalogue.is_prompt = True
        blocks = [new_block() for _ in range(2)]
        for block in blocks:
            await built.catalogue.assign(block, TENANT, "s1")
        loop = asyncio.get_running_loop()
        until_s = loop.time() + 2.0

        async def caller(block: BlockId) -> None:
            while loop.time() < until_s:
                way = await routes.route(block)
                assert way is not None
                routes.doubt(block, way)
                routes._owners[blocks[0]] = "s1"
                await asyncio.sleep(0.01)

        await asyncio.gather(*(caller(blocks[number % 2]) for number in range(100)))
        assert 5 < catalogue.asked["newest"] <= 45
        assert catalogue.asked["owners"] < 300


async def test_many_callers_in_doubt_look_together_and_not_too_often(database_url: str) -> None:
    await check_no_storm(database_url)


async def check_gone_shard(database_url: str) -> None:
    """A gateway where nobody has asked for the block since it moved, and its shard has left since."""
    async with house(database_url) as built:
        await built.shard("s1")
        await built.shard("s2")
        (move,) = await _wished(built)
        routes, _ = await built.routes()
        assert await served_by(routes, move.block) == "s1.1"
        assert await built.catalogue.carry_out(move, built.generation, 0)
        await built.catalogue.register("s1", built.epoch(2), "", 0)  # as `retire` does
        await routes._refresh()
        try:
            assert await served_by(routes, move.block) == "s2.1"
        except RoutesUnavailable as fault:
            raise AssertionError("the block is not found any more") from fault


async def _wished(built: House) -> list[Move]:
    await built.wish_moves(1)
    return built.moves


async def test_a_block_is_found_though_the_shard_where_it_was_is_gone(database_url: str) -> None:
    await check_gone_shard(database_url)


async def check_moved_block(database_url: str) -> None:
    """Its shard says that it has moved: who has it is asked, and where the shards are is not."""
    async with house(database_url) as built:
        await built.shard("s1")
        await built.shard("s2")
        (move,) = await _wished(built)
        routes, catalogue = await built.routes()
        assert await served_by(routes, move.block) == "s1.1"
        assert await built.catalogue.carry_out(move, built.generation, 0)
        routes.moved(move.block)
        assert await served_by(routes, move.block) == "s2.1"
        assert catalogue.asked == {"newest": 1, "owners": 2}


async def test_a_block_that_has_moved_is_asked_for_and_no_way_is_in_doubt(database_url: str) -> None:
    await check_moved_block(database_url)


class JumpingCatalogue(CountingCatalogue):
    """A catalogue whose clock is the test's."""

    def __init__(self) -> None:
        super().__init__("postgresql://nobody@127.0.0.1:1/nothing")
        self.ahead_ms = 0

    async def newest_incarnations(self, generation: int) -> tuple[dict[str, Incarnation], int]:
        return {}, int(asyncio.get_running_loop().time() * 1000) + 1_700_000_000_000 + self.ahead_ms


async def check_clock(looks: int = 200) -> None:
    catalogue = JumpingCatalogue()
    routes = CatalogueRoutes(catalogue, SECRET, 1)
    await routes.start()
    before_ms = routes.now_ms()
    looking = asyncio.create_task(routes.run())
    catalogue.ahead_ms = 3_600_000
    await asyncio.sleep(0.2)
    assert routes.now_ms() - before_ms < 60_000  # not at once
    for _ in range(looks):
        await asyncio.sleep(0.1)
        if routes.now_ms() - before_ms > 3_500_000:
            break
    assert routes.now_ms() - before_ms > 3_500_000
    looking.cancel()
    await routes.close()


async def test_a_jump_of_the_journals_clock_is_believed_when_it_lasts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else every command would be too late for ever, or none ever."""
    monkeypatch.setattr(routes_module, "LOOK_S", 0.05)
    monkeypatch.setattr("actors.engine.clock.JUMP_BELIEVED_S", 2.0)
    await check_clock()


def every_way_is_in_doubt(patch: pytest.MonkeyPatch) -> None:
    class Everything(set[str]):
        def __contains__(self, shard: object) -> bool:
            return True

        def __ior__(self, other: object) -> "Everything":  # type: ignore[override]
            return self

    patch.setattr(routes_module, "set", Everything, raising=False)


def the_newest_cluster_is_everybodys(patch: pytest.MonkeyPatch) -> None:
    newest = Catalogue.newest_incarnations

    async def of_the_newest(self: Catalogue, _: int) -> tuple[dict[str, Incarnation], int]:
        generation = int((await self._line.fetch("select max(epoch) >> 40 from shards"))[0][0])
        return await newest(self, generation)

    patch.setattr(Catalogue, "newest_incarnations", of_the_newest)


def owners_are_for_ever(patch: pytest.MonkeyPatch) -> None:
    ask, found_first = Lookups[BlockId, str].ask, dict[BlockId, str | None]()

    async def remember(self: Lookups[BlockId, str], block: BlockId) -> str | None:
        if block not in found_first:
            found_first[block] = await ask(self, block)
        return found_first[block]

    patch.setattr(Lookups, "ask", remember)


def nobody_pauses(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(routes_module, "LOOK_PAUSE_S", 0.0)


def everybody_asks_alone(patch: pytest.MonkeyPatch) -> None:
    async def alone(_: Questions, __: str, put: Callable[[], Awaitable[object]]) -> object:
        return await put()

    patch.setattr(Questions, "ask", alone)


@pytest.mark.parametrize(
    ("sabotage", "check"),
    [
        (every_way_is_in_doubt, check_known_ways_go_on),
        (the_newest_cluster_is_everybodys, check_own_generation),
        (nobody_pauses, check_no_storm),
        (everybody_asks_alone, check_no_storm),
        (owners_are_for_ever, check_gone_shard),
        (owners_are_for_ever, check_moved_block),
    ],
)
async def test_the_check_notices(
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
    sabotage: Callable[[pytest.MonkeyPatch], None],
    check: Callable[[str], Awaitable[None]],
) -> None:
    sabotage(monkeypatch)
    with pytest.raises(AssertionError):
        await check(database_url)


async def test_a_jump_that_is_never_believed_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routes_module, "LOOK_S", 0.05)
    monkeypatch.setattr("actors.engine.clock.JUMP_BELIEVED_S", 1e9)
    with pytest.raises(AssertionError):
        await check_clock(looks=30)


async def test_what_keeps_a_gateway_from_selling_is_named(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("actors.routes.LOOK_OVERDUE_S", 0.5)
    async with house(database_url) as built:
        nobody, _ = await built.routes()
        assert await nobody.problems() == ("no shard is known",)
        server = await built.shard("s1")
        routes, _ = await built.routes()
        assert await routes.problems() == ()
        await server.stop(0.1)
        assert await routes.problems() == ("s1 does not answer",)
        await asyncio.sleep(0.6)  # nobody looks at the catalogue meanwhile, as when Postgres is away
        (problem,) = await routes.problems()
        assert problem.startswith("Postgres has not answered")
