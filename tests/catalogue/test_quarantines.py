"""Quarantines on the real Postgres: who imposes what, and what is kept of it."""

from collections.abc import AsyncIterator

import pytest

from actors.catalogue.quarantines import Quarantines
from tests.catalogue.house import new_block

pytestmark = pytest.mark.anyio


@pytest.fixture
async def quarantines(database_url: str, anyio_backend: str) -> AsyncIterator[Quarantines]:
    """None stand."""
    quarantines = Quarantines(database_url)
    await quarantines._line.run(lambda connection: connection.execute("delete from quarantines"))
    yield quarantines
    await quarantines.close()


async def test_a_quarantine_is_news_once_and_keeps_its_first_reason(quarantines: Quarantines) -> None:
    block = new_block()
    assert await quarantines.impose(block, 7, "a unit has two owners", "auditor")
    assert not await quarantines.impose(block, 5, "something else", "mara")
    assert not await quarantines.impose(block, 9, "something else", "mara")
    (standing,) = await quarantines.of([block])
    assert (standing.block, standing.position, standing.last_position) == (block, 7, 9)
    assert (standing.why, standing.by, standing.is_ending) == ("a unit has two owners", "auditor", False)


async def test_those_of_some_blocks_and_all(quarantines: Quarantines) -> None:
    blocks = sorted(new_block() for _ in range(3))
    for block in blocks:
        await quarantines.impose(block, 0, "to be looked at", "mara")
    assert [standing.block for standing in await quarantines.all()] == blocks
    assert [standing.block for standing in await quarantines.of(blocks[1:])] == blocks[1:]
    assert await quarantines.of([new_block()]) == []
