"""The running server as a load test sees it: what keys of the wrong kind come to, and what may be asked again."""

from collections.abc import AsyncIterator
from contextlib import nullcontext

import pytest

from loadtests.house import House
from loadtests.server import Administration, Server, ServerRefused
from serve import operations
from serve.ration import Ration
from tests.edges.edge_stack import Edges, operator_of, whole_edges

pytestmark = pytest.mark.anyio

LAYOUT = House(50).layout()


@pytest.fixture(scope="module")
async def edges(anyio_backend: str, database_url: str) -> AsyncIterator[Edges]:
    """Both edges over a shard with nothing in it; a digest may be asked for as soon as the one before is there."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(operations, "DIGEST_PERIOD_S", 0.0)
        async with whole_edges(database_url) as running:
            yield running


@pytest.fixture
async def administration(edges: Edges) -> AsyncIterator[Administration]:
    """With the keys that it needs."""
    administration = administration_of(edges, operator_of("alpha"))
    yield administration
    await administration.close()


def administration_of(edges: Edges, whose: str, http_url: str = "") -> Administration:
    """For an event of alpha's, with somebody's key for the operator's."""
    server = Server(http_url or edges.http_url, edges.grpc_address, "", edges.keys["alpha"], edges.keys[whose])
    return Administration(server)


async def test_an_event_is_made_with_one_key_and_looked_into_with_the_other(administration: Administration) -> None:
    event_id = await administration.create_event("An event", LAYOUT, 60, "made")
    live = await administration.live_digest(event_id)
    assert live is not None
    assert live.position > 0
    assert await administration.status() is not None


async def test_a_digest_that_may_be_had_later_is_no_refusal(
    administration: Administration, monkeypatch: pytest.MonkeyPatch
) -> None:
    """RATE_LIMITED says to ask again, and then it is there."""
    event_id = await administration.create_event("An event", LAYOUT, 60, "later")
    with monkeypatch.context() as patch:
        patch.setattr(Ration, "turn", lambda self, whose: nullcontext(False))
        assert await administration.live_digest(event_id) is None
    assert await administration.live_digest(event_id) is not None


async def test_a_tenants_key_for_the_operators_is_told_at_the_first_look_at_the_counters(edges: Edges) -> None:
    administration = administration_of(edges, "alpha")
    with pytest.raises(ServerRefused, match="with the operator's key: PERMISSION_DENIED: "):
        await administration.status()
    await administration.close()


async def test_another_tenants_operators_key_is_told_as_soon_as_there_is_an_event(edges: Edges) -> None:
    """Before the load, and not after it, when the digest cannot be had."""
    administration = administration_of(edges, operator_of("beta"))
    with pytest.raises(ServerRefused, match="with the operator's key: EVENT_NOT_FOUND: "):
        await administration.create_event("An event", LAYOUT, 60, "told")
    await administration.close()


async def test_a_bad_event_is_told_with_its_code(administration: Administration) -> None:
    with pytest.raises(ServerRefused, match=r"^POST /v1/events: INVALID_ARGUMENT: .*layout"):
        await administration.create_event("An event", {"currency": "euro"}, 60, "bad")


async def test_a_server_that_is_away_has_no_answer_yet(edges: Edges) -> None:
    administration = administration_of(edges, operator_of("alpha"), "http://127.0.0.1:1")
    assert await administration.status() is None
    await administration.close()
