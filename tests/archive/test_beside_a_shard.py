"""Beside a shard that serves: an event is put away and erased, and the shard goes on, with nobody's name in memory."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from actors.archive import erasing
from actors.archive.erasing import erase
from actors.archive.putting_away import put_away
from actors.core.commands import ChangeStatus, Command, ReadOrder, ReleaseLeg
from actors.core.ids import BlockId
from actors.core.outcomes import Reason
from actors.core.replies import EventStatus
from actors.engine.engine import Engine
from actors.journal.journal import JournalRow
from actors.link.batch import Answer, Failed, Refused, Replied
from tests.archive.finished import AFTER_ALL_MS
from tests.archive.test_erasing import listing
from tests.engine.postgres_shard import ask, on_sale, shard
from tests.engine.stage import TENANT, answered, confirm, hold, order, stamp
from tests.projections.selling import World, follow_all

pytestmark = pytest.mark.anyio

SOON_S = 5.0
AGAIN_S = 0.02
TIMERS_LOOK_S = 0.5


async def asked(engine: Engine, block: BlockId, *commands: Command) -> list[Answer]:
    """The answers, one after the other, asked again as a gateway does; an AssertionError if the shard gives none."""
    return [await answered(asyncio.create_task(_insist(engine, block, command)), SOON_S) for command in commands]


async def _insist(engine: Engine, block: BlockId, command: Command) -> Answer:
    answer = await ask(engine, block, command)
    while isinstance(answer, Failed):
        await asyncio.sleep(AGAIN_S)
        answer = await ask(engine, block, command)
    return answer


async def done(engine: Engine, block: BlockId, *commands: Command) -> None:
    for answer in await asked(engine, block, *commands):
        assert isinstance(answer, Replied), answer


async def check_beside_a_shard(world: World, folder: Path) -> None:
    """Whoever asks the shard is told nothing of what is erased, and its other events sell as before."""
    read = ReadOrder(TENANT, 11)
    async with shard(world.database_url) as engine:
        event = await on_sale(engine, world.database_url, "event")
        other = await on_sale(engine, world.database_url, "other")
        await done(engine, event, hold(1, "1/1"), order(11, 1), confirm(11))
        for status in (EventStatus.CLOSED, EventStatus.ARCHIVED):
            await done(engine, event, ChangeStatus(stamp(status.name), status))
        await follow_all(listing(world))
        await put_away(world.connection, event, folder, AFTER_ALL_MS)
        await done(engine, event, read)
        await done(engine, other, hold(1, "1/1"), order(11, 1))
        await erase(world.connection, event, folder, AFTER_ALL_MS)
        (answer,) = await asked(engine, event, read)
        assert isinstance(answer, Refused), "the shard tells what it has in memory"
        assert answer.reason is Reason.ORDER_NOT_FOUND
        await asyncio.sleep(TIMERS_LOOK_S)
        await done(engine, other, confirm(11), hold(2, "1/2"))
        # a desk that gives back what was sold of it, however late, comes to its end
        await done(engine, event, ReleaseLeg(TENANT, 5, 3))
        (answer,) = await asked(engine, event, read)
        assert isinstance(answer, Refused)


async def test_a_shard_that_has_the_event_in_memory_lets_go_of_it_and_goes_on(world: World, tmp_path: Path) -> None:
    await check_beside_a_shard(world, tmp_path)


async def test_the_check_notices_a_row_that_a_shard_takes_for_a_loss(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control: under the epoch of the last row it looks as if a failover had lost rows, and the shard ends."""

    async def same(_: Any, last: JournalRow) -> int:
        return last.epoch

    monkeypatch.setattr(erasing, "_moved", same)
    with pytest.raises(AssertionError, match=r"nobody answered|the block never came in"):
        await check_beside_a_shard(world, tmp_path)


async def test_the_check_notices_a_claim_that_the_catalogue_does_not_know(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control: the block is never claimed again by the shard whose it is."""
    monkeypatch.setitem(erasing._SQL, "assign_anew", "select from blocks where block_id = $1 and $2::bigint > 0")
    with pytest.raises(AssertionError):
        await check_beside_a_shard(world, tmp_path)
