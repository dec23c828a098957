"""A shard whose own way to Postgres is cut, on real sockets and the real Postgres: it answers, and is replaced."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from actors import watch as watch_module
from actors.catalogue.catalogue import Catalogue, Incarnation
from actors.engine.catalogue_port import CatalogueUnavailable, EngineCounters
from actors.link.address import parse_address
from actors.link.client import LinkClient
from actors.link.handshake import Identity
from actors.watch import Watch
from tests.catalogue.house import House, house
from tests.link.loopback import SECRET

pytestmark = pytest.mark.anyio
PATIENCE_S = 8  # a busy machine may need it
BY_ITSELF_S = 1.5  # in which no other reason is found to replace it


async def beat(catalogue: Catalogue, epoch: int) -> None:
    """Beat on as a shard does."""
    now_ms = 0
    while True:
        now_ms += 100
        try:
            await catalogue.heartbeat("s1", epoch, now_ms, EngineCounters())
        except CatalogueUnavailable:
            pass
        await asyncio.sleep(0.1)


async def until(happens: Callable[[], Awaitable[bool]], patience_s: float) -> None:
    """Or for so long."""
    try:
        async with asyncio.timeout(patience_s):
            while not await happens():  # noqa: ASYNC110  (nobody tells)
                await asyncio.sleep(0.05)
    except TimeoutError:
        pass


def doorbell(current: Incarnation) -> LinkClient:
    return LinkClient(parse_address(current.address), SECRET, expects=Identity(current.shard, current.epoch))


async def watched(built: House) -> tuple["asyncio.Task[None]", list[int]]:
    """The watch over shard s1, which serves, and the numbers of the successors that it starts."""
    started: list[int] = []

    async def start(shard: str, number: int) -> Incarnation:
        started.append(number)
        await built.shard(shard, number)
        return (await built.catalogue.newest_incarnations(built.generation))[0][shard]

    await built.shard("s1", 1)
    current = (await built.catalogue.newest_incarnations(built.generation))[0]["s1"]
    return asyncio.create_task(Watch(doorbell, built.catalogue, start).run(current)), started


async def check_cut_off(database_url: str, patience_s: float = PATIENCE_S) -> None:
    async with house(database_url) as built:
        own_way = Catalogue(built.wire.database_url)
        watching, started = await watched(built)
        beating = asyncio.create_task(beat(own_way, built.epoch(1)))
        try:
            await asyncio.sleep(1.5)
            assert started == []
            await built.wire.go_away()

            async def is_replaced() -> bool:
                newest, _ = await built.catalogue.newest_incarnations(built.generation)
                return newest["s1"].epoch >= built.epoch(2)

            await until(is_replaced, patience_s)
            assert started[:1] == [2]
            assert await is_replaced()
        finally:
            for task in (watching, beating):
                task.cancel()
            await own_way.close()


@pytest.fixture(autouse=True)
def _in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch_module, "PERIOD_S", 0.1)
    monkeypatch.setattr(watch_module, "BEATLESS_S", 0.8)


async def test_a_shard_that_is_cut_off_from_postgres_is_replaced(database_url: str) -> None:
    await check_cut_off(database_url)


async def test_a_watch_that_only_pings_would_be_noticed(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch_module, "BEATLESS_S", 1e9)
    with pytest.raises(AssertionError):
        await check_cut_off(database_url, BY_ITSELF_S)
