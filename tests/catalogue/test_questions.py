"""What a gateway asks the catalogue about blocks: never more than a few questions, and nothing else waits for them."""

import asyncio
import functools
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import pytest

from actors.catalogue import catalogue as catalogue_module
from actors.catalogue.catalogue import Catalogue
from actors.core.ids import BlockId
from actors.database.connect import Connection, connect
from actors.database.line import Line
from actors.dispatch import RoutesUnavailable
from actors.link.coalescer import Coalescer
from actors.questions import REST_S
from actors.routes import CatalogueRoutes
from tests.catalogue.house import TENANT, house, new_block, served_by
from tests.lock_waits import until_waited_for

pytestmark = pytest.mark.anyio

PATIENCE_S = 20.0  # with what is to come to Postgres
BOUND_S = 0.5

T = TypeVar("T")


async def found(routes: CatalogueRoutes, block: BlockId) -> Coalescer:
    way = await routes.route(block)
    assert way is not None
    return way


async def check_that_questions_end_with_their_askers(database_url: str) -> None:
    """Postgres accepts and is silent, while thousands ask for blocks that nobody has heard of, and leave."""
    async with house(database_url) as built:
        block = new_block()
        await built.catalogue.assign(block, TENANT, "s1")
        await built.shard("s1", 1)
        routes, _ = await built.routes()
        way = await found(routes, block)
        await built.wire.fall_silent()
        for _ in range(3):
            asking = [asyncio.create_task(routes.route(new_block())) for _ in range(1_000)]
            asking += [asyncio.create_task(routes.assign(new_block(), TENANT)) for _ in range(1_000)]
            await asyncio.sleep(0.1)
            for asker in asking:
                asker.cancel()
            await asyncio.gather(*asking, return_exceptions=True)
            assert not routes._finding._waiting
            assert len(routes._assigning._open) <= 1
        await built.shard("s1", 2)
        routes.doubt(block, way)
        routes._owners[block] = "s1"  # whose it is remains known
        built.wire.come_back()
        async with asyncio.timeout(REST_S + 2 * BOUND_S):
            assert await patiently(lambda: served_by(routes, block)) == "s1.2"
            assert await patiently(lambda: routes.route(new_block())) is None


async def patiently(ask: Callable[[], Awaitable[T]]) -> T:
    """What is said when it can be found out."""
    while True:
        try:
            return await ask()
        except RoutesUnavailable:
            await asyncio.sleep(0.05)


@contextmanager
def heedless_of_lines_cut_while_they_connect() -> Iterator[None]:
    """On a busy machine asyncpg may be just connecting when a line is given up, and it complains to the loop then."""
    loop = asyncio.get_running_loop()
    heeding = loop.get_exception_handler()

    def heed(heard_by: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        if "unexpected connection_lost" in str(context.get("exception")):
            return
        if heeding is None:
            heard_by.default_exception_handler(context)
        else:
            heeding(heard_by, context)

    loop.set_exception_handler(heed)
    try:
        yield
    finally:
        loop.set_exception_handler(heeding)


@pytest.fixture
def _soon_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines to the catalogue that give up a silent Postgres after half a second."""
    monkeypatch.setattr(catalogue_module, "Line", functools.partial(Line, bound_ms=int(BOUND_S * 1000)))


@pytest.mark.usefixtures("_soon_cut")
async def test_who_leaves_takes_the_question_along_and_after_a_silence_all_goes_on(database_url: str) -> None:
    with heedless_of_lines_cut_while_they_connect():
        await check_that_questions_end_with_their_askers(database_url)


async def check_that_looks_wait_behind_no_question(database_url: str) -> None:
    """Nobody can read whose a block is, and many ask; meanwhile a shard has a successor."""
    async with house(database_url) as built:
        block = new_block()
        await built.catalogue.assign(block, TENANT, "s1")
        await built.shard("s1", 1)
        routes, _ = await built.routes()
        way = await found(routes, block)
        other: Connection = await connect(database_url, application_name="tests")
        await other.execute("begin")
        await other.execute("lock table blocks")
        asking = [asyncio.create_task(routes.route(new_block())) for _ in range(100)]
        await until_waited_for(other, PATIENCE_S)
        await built.shard("s1", 2)
        routes.doubt(block, way)
        routes._owners[block] = "s1"  # whose it is remains known
        try:
            async with asyncio.timeout(1):
                assert await served_by(routes, block) == "s1.2"
        except TimeoutError:
            raise AssertionError("it waits behind questions about blocks") from None
        finally:
            await other.execute("rollback")
            await other.close()
            assert await asyncio.gather(*asking) == [None] * len(asking)


async def test_a_successor_is_found_though_many_wait_to_be_told_whose_a_block_is(database_url: str) -> None:
    await check_that_looks_wait_behind_no_question(database_url)


async def check_that_entering_stops_no_one_else(database_url: str) -> None:
    """Somebody else's transaction has entered the block and does not end, as where commits wait for replicas."""
    async with house(database_url) as built:
        await built.shard("s1")
        routes, _ = await built.routes()
        known, entered = new_block(), new_block()
        await built.catalogue.assign(known, TENANT, "s1")
        other: Connection = await connect(database_url, application_name="tests")
        await other.execute("begin")
        await other.execute("insert into blocks (block_id, tenant, shard) values ($1, $2, 's1')", entered, TENANT)
        entering = asyncio.create_task(routes.assign(entered, TENANT))
        await until_waited_for(other, PATIENCE_S)
        try:
            async with asyncio.timeout(2):
                assert await served_by(routes, known) == "s1.1"
        except TimeoutError:
            raise AssertionError("it waits for another block's commit") from None
        finally:
            assert not entering.done()
            await other.execute("commit")
            await other.close()
            await entering


async def test_a_block_that_is_entered_slowly_stops_no_one_else(database_url: str) -> None:
    await check_that_entering_stops_no_one_else(database_url)


def questions_outlive_their_askers(patch: pytest.MonkeyPatch) -> None:
    always = property(lambda question: True, lambda question, begun: None)
    patch.setattr("actors.questions._Question.begun", always, raising=False)


def looks_stand_behind_questions(patch: pytest.MonkeyPatch) -> None:
    _share_a_line(patch, "_line", "_owners")


def owners_stand_behind_entries(patch: pytest.MonkeyPatch) -> None:
    _share_a_line(patch, "_assigning", "_owners")


def _share_a_line(patch: pytest.MonkeyPatch, name: str, other: str) -> None:
    build = Catalogue.__init__

    def sharing(self: Catalogue, database_url: str, **settings: str) -> None:
        build(self, database_url, **settings)
        setattr(self, name, getattr(self, other))

    patch.setattr(Catalogue, "__init__", sharing)


@pytest.mark.parametrize(
    ("sabotage", "check"),
    [
        (questions_outlive_their_askers, check_that_questions_end_with_their_askers),
        (looks_stand_behind_questions, check_that_looks_wait_behind_no_question),
        (owners_stand_behind_entries, check_that_entering_stops_no_one_else),
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
