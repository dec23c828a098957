"""While commits wait for replicas that are missing: who is told so, and what is left of those who give up."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from itertools import count
from typing import Any

import pytest

from actors.catalogue import catalogue as catalogue_module
from actors.catalogue.catalogue import Catalogue
from actors.database import connect as database_connect
from actors.engine.catalogue_port import CatalogueUnavailable, EngineCounters
from tests.catalogue.house import TENANT, House, house, new_block
from tests.conftest import EmbeddedPostgres
from tests.database_faults import NO_REPLICA, in_trouble

pytestmark = pytest.mark.anyio


async def check_witness(postgres: EmbeddedPostgres, database_url: str) -> None:
    """Commits wait for a replica that is not there; reads go on."""
    async with house(database_url) as built:
        await built.shard("s1", 1)
        epoch = built.epoch(1)
        await built.catalogue.heartbeat("s1", epoch, 1_234_567, EngineCounters())
        assert await built.catalogue.witness_heartbeat_ms("s1", epoch) == 1_234_567
        assert await built.catalogue.witness_heartbeat_ms("s1", epoch + 1) is None
        async with in_trouble(postgres.url(), NO_REPLICA):
            assert await built.catalogue.last_heartbeat_ms("s1", epoch) == 1_234_567
            witnessing = asyncio.create_task(built.catalogue.witness_heartbeat_ms("s1", epoch))
            await asyncio.sleep(0.5)
            assert not witnessing.done()
        assert await witnessing == 1_234_567


async def test_a_heartbeat_is_witnessed_only_while_commits_come_through(
    postgres: EmbeddedPostgres, database_url: str
) -> None:
    await check_witness(postgres, database_url)


async def test_a_witness_that_only_reads_would_be_noticed(
    postgres: EmbeddedPostgres, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(catalogue_module._SQL, "witness_heartbeat", catalogue_module._SQL["last_heartbeat"])
    with pytest.raises(AssertionError):
        await check_witness(postgres, database_url)


async def check_witness_of_commits(postgres: EmbeddedPostgres, database_url: str) -> None:
    async with house(database_url) as built:
        await built.catalogue.witness_commit("s1")
        async with in_trouble(postgres.url(), NO_REPLICA):
            witnessing = asyncio.create_task(built.catalogue.witness_commit("s1"))
            await asyncio.sleep(0.5)
            assert not witnessing.done()
        await witnessing


async def test_it_is_witnessed_that_commits_come_through(postgres: EmbeddedPostgres, database_url: str) -> None:
    await check_witness_of_commits(postgres, database_url)


async def test_a_witness_that_commits_nothing_would_be_noticed(
    postgres: EmbeddedPostgres, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    query = catalogue_module._SQL["witness_commit"]
    assert "emit_message(true" in query
    monkeypatch.setitem(
        catalogue_module._SQL, "witness_commit", query.replace("emit_message(true", "emit_message(false")
    )
    with pytest.raises(AssertionError):
        await check_witness_of_commits(postgres, database_url)


Ask = Callable[[Catalogue, House], Coroutine[Any, Any, object]]


async def ask_for_heartbeat(catalogue: Catalogue, built: House) -> None:
    await catalogue.witness_heartbeat_ms("s1", built.epoch(1))


async def ask_for_commit(catalogue: Catalogue, _built: House) -> None:
    await catalogue.witness_commit("s1")


async def enter_another_block(catalogue: Catalogue, _built: House) -> None:
    await catalogue.assign(new_block(), TENANT, "s1")


async def carry_another_move_out(catalogue: Catalogue, built: House) -> None:
    await catalogue.carry_out(built.moves.pop(), built.generation, 0)


def all_numbers() -> Ask:
    """Each time the next one."""
    numbers = count(2)

    async def register_another(catalogue: Catalogue, built: House) -> None:
        await catalogue.register("s1", built.epoch(next(numbers)), "unix:/nowhere", 1)

    return register_another


EXCLUDING: dict[str, list[Ask]] = {  # by the statement
    "witness_heartbeat": [ask_for_heartbeat] * 4,
    "witness_commit": [ask_for_commit] * 4,
    "register": [all_numbers()] * 4,
    "assign": [enter_another_block] * 4,
    "carry_out": [carry_another_move_out] * 4,
}


async def check_tries_in_vain(postgres: EmbeddedPostgres, database_url: str, tries: Sequence[Ask]) -> None:
    """However often it is tried while commits wait, one session is left that waits with them."""
    async with house(database_url) as built:
        await built.shard("s1", 1)
        await built.wish_moves(len(tries))
        async with in_trouble(postgres.url(), NO_REPLICA) as admin:
            for ask in tries:
                catalogue = Catalogue(database_url, application_name="in-vain")
                asking = asyncio.create_task(ask(catalogue, built))
                await asyncio.sleep(0.2)
                await catalogue.close()
                with pytest.raises(CatalogueUnavailable):
                    await asking
            await asyncio.sleep(0.3)
            left = "select count(*) from pg_stat_activity where application_name = 'in-vain'"
            assert await admin.fetchval(left) == 1


@pytest.fixture
def _lost_clients_are_noticed_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(database_connect._SESSION, "client_connection_check_interval", "50ms")


@pytest.mark.parametrize(
    "tries",
    [*EXCLUDING.values(), [enter_another_block, ask_for_commit, all_numbers(), carry_another_move_out]],
    ids=[*EXCLUDING, "all that is entered for a shard"],
)
@pytest.mark.usefixtures("_lost_clients_are_noticed_soon")
async def test_sessions_do_not_pile_up_while_commits_wait(
    postgres: EmbeddedPostgres, database_url: str, tries: Sequence[Ask]
) -> None:
    await check_tries_in_vain(postgres, database_url, tries)


@pytest.mark.parametrize("query", EXCLUDING)
@pytest.mark.usefixtures("_lost_clients_are_noticed_soon")
async def test_statements_that_do_not_wait_for_each_other_would_be_noticed(
    postgres: EmbeddedPostgres, database_url: str, monkeypatch: pytest.MonkeyPatch, query: str
) -> None:
    alone = catalogue_module._SQL[query]
    together = alone.replace("for no key update", "for key share").replace("pg_advisory_xact_lock", "abs")
    assert together != alone
    monkeypatch.setitem(catalogue_module._SQL, query, together)
    with pytest.raises(AssertionError):
        await check_tries_in_vain(postgres, database_url, EXCLUDING[query])
