"""While events are put away, a leg's block that has no journal is found all the same, and none that is put away."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from rich.console import Console

from actors.audit.baskets import BasketCheck
from actors.audit.divisions import DivisionCheck
from actors.audit.findings import Fault
from loadtests.audit_command import CLEAN, WRONG, run_audit
from tests.auditor.watched import Watched, audit_all
from tests.loadtests.basket_journals import basket_journals
from tests.loadtests.basket_shops import DESK, SECOND, THIRD
from tests.loadtests.split_journals import split_journals
from tests.loadtests.split_shops import HOME, PARTS

pytestmark = pytest.mark.anyio

Check = Callable[[Watched], Awaitable[None]]


async def put_away(world: Watched, block: str) -> None:
    """As an archive leaves a block: its last row, and where the others are."""
    connection = world.world.connection
    await connection.execute(
        "insert into archived_blocks (position, block_id, home, chain, archive) "
        "select position, block_id, block_id, chain, 'elsewhere' from journal where block_id = $1 "
        "order by position desc limit 1",
        block,
    )
    await connection.execute(
        "delete from journal using archived_blocks as away "
        "where journal.block_id = $1 and away.block_id = $1 and journal.position < away.position",
        block,
    )


async def stopped_blocks(world: Watched) -> set[str]:
    """By an auditor that begins at the first rows."""
    auditor = world.auditor()
    await audit_all(auditor)
    assert auditor.figures.crossed_count > 0
    return {stopped.block for stopped in await world.stopped()}


async def audited(world: Watched) -> int:
    """What the command comes to that audits all there is."""
    return await asyncio.to_thread(run_audit, world.world.database_url, None, (), Console(quiet=True))


async def check_legs(world: Watched) -> None:
    """Of three events that baskets have legs in, one is put away: no fault; another is gone: one, at their desk."""
    for journal in basket_journals():
        await world.write(journal.rows())
    await put_away(world, THIRD)
    assert await stopped_blocks(world) == set()
    assert await audited(world) == CLEAN
    await world.world.connection.execute("delete from journal where block_id = $1", SECOND)
    assert await stopped_blocks(world) == {DESK}
    (stopped,) = await world.stopped()
    assert stopped.why.startswith((str(Fault.LEG_MISSING), str(Fault.DEED_MISSING))), stopped.why
    assert await audited(world) == WRONG


async def check_parts(world: Watched) -> None:
    """Of an event in parts something else is put away, and its home is gone: its parts are astray."""
    for journal in split_journals():
        await world.write(journal.rows())
    away = await world.event()
    await put_away(world, away.block)
    assert await stopped_blocks(world) == set()
    await world.world.connection.execute("delete from journal where block_id = $1", HOME)
    assert {part.block for part in PARTS} <= await stopped_blocks(world)
    assert away.block not in await stopped_blocks(world)
    assert str(Fault.PART_ASTRAY) in {stopped.why.partition(":")[0] for stopped in await world.stopped()}


async def test_of_legs_blocks_those_that_are_gone_are_told_from_those_put_away(world: Watched) -> None:
    await check_legs(world)


async def test_of_parts_events_those_that_are_gone_are_told_from_those_put_away(world: Watched) -> None:
    await check_parts(world)


def _nobody_can_say(patch: pytest.MonkeyPatch) -> None:
    """While anything is put away, any block may be."""
    shipped = BasketCheck.parts

    def parts(self: BasketCheck, *, whole: bool, put_away: Any = ()) -> Any:
        return shipped(self, whole=whole and not put_away)

    patch.setattr(BasketCheck, "parts", parts)


def _nothing_put_away(patch: pytest.MonkeyPatch) -> None:
    """What is put away has no journal."""
    shipped = BasketCheck.parts

    def parts(self: BasketCheck, *, whole: bool, put_away: Any = ()) -> Any:
        return shipped(self, whole=whole)

    patch.setattr(BasketCheck, "parts", parts)


def _legs_alone(patch: pytest.MonkeyPatch) -> None:
    """Of parts nothing is known."""
    shipped = DivisionCheck.parts
    patch.setattr(DivisionCheck, "parts", lambda self, _: shipped(self, lambda block: False))


@pytest.mark.parametrize(
    ("sabotage", "check"),
    [
        (_nobody_can_say, check_legs),
        (_nothing_put_away, check_legs),
        (_nobody_can_say, check_parts),
        (_legs_alone, check_parts),
    ],
)
async def test_control_who_does_not_tell_them_apart_is_noticed(
    world: Watched, monkeypatch: pytest.MonkeyPatch, sabotage: Callable[[pytest.MonkeyPatch], None], check: Check
) -> None:
    sabotage(monkeypatch)
    with pytest.raises(AssertionError):
        await check(world)
