"""Whether a gateway can sell is what its shards say of themselves: real sockets, the real Postgres, in trouble."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from actors import watch as watch_module
from actors.catalogue.catalogue import Incarnation
from actors.engine.engine import Engine
from actors.link.address import parse_address
from actors.link.batch import Failed, Fault, Replied
from actors.link.client import LinkClient
from actors.link.handshake import Identity
from actors.link.transport import OutcomeUnknown
from actors.routes import CatalogueRoutes
from actors.watch import NoSuccessor, Watch
from tests.catalogue.house import House, house
from tests.catalogue.linked_shard import (
    NO_BEATS,
    NO_ROOM,
    NOT_ALLOWED,
    linked_shard,
)
from tests.database_faults import NO_REPLICA, Trouble, in_trouble
from tests.engine.postgres_shard import SHARD, ask_once, on_sale
from tests.engine.stage import hold
from tests.link.loopback import SECRET

pytestmark = pytest.mark.anyio

NO_JOURNAL = f"{SHARD} cannot write: the journal does not answer"
NO_BEAT = f"{SHARD} cannot write: no heartbeat has come through for"
NOTHING = ""
PATIENCE_S = 15.0


async def until(problem: str, routes: CatalogueRoutes) -> None:
    """Until this, or what begins like this, is all that keeps the gateway from selling."""
    found: tuple[str, ...] = ()
    for _ in range(int(PATIENCE_S / 0.05)):
        found = await routes.problems()
        if (len(found) == 1 and found[0].startswith(problem)) if problem else not found:
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"it stayed at {found}")


async def check_failing_commit(database_url: str, trouble: Trouble) -> None:
    """Named from when writes are refused until they are served again."""
    async with house(database_url) as built, linked_shard(built, database_url) as engine:
        routes, _ = await built.routes()
        block = await on_sale(engine, database_url, f"failing-{built.generation}")
        assert await routes.problems() == ()
        looking = asyncio.create_task(routes.run())
        async with in_trouble(database_url, trouble):
            sent = asyncio.create_task(ask_once(engine, block, hold(1, "1/1")))
            await until(NO_JOURNAL, routes)
            refused = await ask_once(engine, block, hold(2, "1/2"))
            assert isinstance(refused, Failed)
            assert refused.fault is Fault.UNAVAILABLE
            assert not sent.done()
        assert isinstance(await asyncio.wait_for(sent, PATIENCE_S), Replied)
        await until(NOTHING, routes)
        assert isinstance(await ask_once(engine, block, hold(3, "1/3")), Replied)
        looking.cancel()


@pytest.mark.parametrize("trouble", [NO_ROOM, NOT_ALLOWED, NO_REPLICA])
async def test_a_shard_whose_commits_fail_is_named_until_they_come_through(database_url: str, trouble: Trouble) -> None:
    await check_failing_commit(database_url, trouble)


async def check_idle(database_url: str, trouble: Trouble) -> None:
    """Nobody writes, and it is named all the same."""
    async with house(database_url) as built, linked_shard(built, database_url):
        routes, _ = await built.routes()
        looking = asyncio.create_task(routes.run())
        await asyncio.sleep(0.5)
        assert await routes.problems() == ()
        async with in_trouble(database_url, trouble):
            await until(NO_BEAT, routes)
        await until(NOTHING, routes)
        looking.cancel()


@pytest.mark.parametrize("trouble", [NO_BEATS, NO_REPLICA])
async def test_an_idle_shard_whose_heartbeats_do_not_come_through_is_named(database_url: str, trouble: Trouble) -> None:
    await check_idle(database_url, trouble)


@pytest.mark.parametrize(("check", "trouble"), [(check_failing_commit, NO_ROOM), (check_idle, NO_BEATS)])
async def test_control_a_shard_that_says_nothing_is_taken_for_well(
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
    check: Callable[[str, Trouble], Awaitable[None]],
    trouble: Trouble,
) -> None:
    monkeypatch.setattr("tests.catalogue.test_readiness.PATIENCE_S", 5.0)
    monkeypatch.setattr(Engine, "trouble", lambda _: "")
    with pytest.raises(AssertionError, match="it stayed at"):
        await check(database_url, trouble)


async def check_shared(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Readiness needs no key: however many ask at once, the shard is pinged for one of them at a time."""
    pings = 0
    ping = LinkClient.ping

    async def counted(client: LinkClient, timeout_s: float) -> str:
        nonlocal pings
        pings += 1
        return await ping(client, timeout_s)

    monkeypatch.setattr(LinkClient, "ping", counted)
    async with house(database_url) as built, linked_shard(built, database_url):
        routes, _ = await built.routes()
        answers = await asyncio.gather(*(routes.problems() for _ in range(100)))
    assert answers == [()] * 100
    assert pings == 1


async def test_all_who_ask_whether_it_can_sell_share_one_ping(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await check_shared(database_url, monkeypatch)


async def test_control_a_ping_for_each_shows(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CatalogueRoutes, "problems", CatalogueRoutes._problems)
    with pytest.raises(AssertionError):
        await check_shared(database_url, monkeypatch)


async def watched(built: House) -> tuple["asyncio.Task[None]", list[int]]:
    """The watch over the shard, and the numbers of the successors that it asks for; it gets none."""
    asked: list[int] = []

    async def start(_: str, number: int) -> Incarnation:
        asked.append(number)
        raise NoSuccessor

    def doorbell(current: Incarnation) -> LinkClient:
        return LinkClient(parse_address(current.address), SECRET, expects=Identity(current.shard, current.epoch))

    current = (await built.catalogue.newest_incarnations(built.generation))[0][SHARD]
    return asyncio.create_task(Watch(doorbell, built.catalogue, start).run(current)), asked


async def check_not_replaced(database_url: str) -> None:
    """For many pings long it says that it cannot write."""
    async with house(database_url) as built, linked_shard(built, database_url) as engine:
        block = await on_sale(engine, database_url, f"watched-{built.generation}")
        watching, asked = await watched(built)
        async with in_trouble(database_url, NO_ROOM):
            sent = asyncio.create_task(ask_once(engine, block, hold(1, "1/1")))
            await asyncio.sleep(1.5)
            assert engine.trouble()
            assert asked == []
        assert isinstance(await asyncio.wait_for(sent, PATIENCE_S), Replied)
        watching.cancel()


async def test_a_shard_that_cannot_write_is_not_replaced(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is alive, and no successor could write either."""
    monkeypatch.setattr(watch_module, "PERIOD_S", 0.1)
    await check_not_replaced(database_url)


async def test_control_a_watch_that_takes_trouble_for_silence_is_noticed(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ping = LinkClient.ping

    async def touchy(self: LinkClient, timeout_s: float) -> str:
        if trouble := await ping(self, timeout_s):
            raise OutcomeUnknown(trouble)
        return ""

    monkeypatch.setattr(watch_module, "PERIOD_S", 0.1)
    monkeypatch.setattr(LinkClient, "ping", touchy)
    with pytest.raises(AssertionError):
        await check_not_replaced(database_url)
