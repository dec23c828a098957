"""What a failover that lost rows does to baskets: by itself it stops nothing, and who went on with what is lost does.

The log of a Postgres has one order, so what a replica lacks is gone from all blocks as of one moment. But a gateway
that was told of a row goes on after the failover, and then a desk and its legs do not agree. The auditor cannot tell
that from a fault of ours, and stops whichever block says what the other does not know.
"""

from collections.abc import Awaitable, Callable

import pytest

from actors.audit.findings import Fault
from actors.auditor import consequences as consequences_module
from actors.auditor.alarms import GONE
from actors.auditor.dangers import DANGERS, Danger
from tests.auditor.test_settled import corrected, desk_and_events
from tests.auditor.watched import Watched, audit_all
from tests.loadtests.basket_shops import DESK, FIRST, SECOND, THIRD

pytestmark = pytest.mark.anyio

Check = Callable[[Watched], Awaitable[None]]
WHOSE = "true"

LOST: dict[str, tuple[str, int, dict[str, set[Fault]]]] = {
    "a leg is pinned, and its desk settles": (FIRST, 1, {DESK: {Fault.LEG_MISSING}}),
    "a leg gave tickets back, and its desk was told so": (FIRST, 2, {DESK: {Fault.LEG_MISSING, Fault.DEED_MISSING}}),
    "a desk means a basket, and its legs are pinned": (
        DESK,
        1,
        {FIRST: {Fault.LEG_ASTRAY}, SECOND: {Fault.LEG_ASTRAY}},
    ),
    "a desk demands something, and its legs do it": (
        DESK,
        4,
        {
            FIRST: {Fault.LEG_ASTRAY},
            SECOND: {Fault.LEG_ASTRAY, Fault.DEED_NOT_DEMANDED, Fault.TICKETS_DIFFER},
            THIRD: {Fault.LEG_ASTRAY},
        },
    ),
}


async def lose(world: Watched, block: str, count: int) -> None:
    """The block's last rows, and none of others."""
    await world.world.connection.execute(
        "delete from journal where block_id = $1 and position > (select max(position) - $2 from journal "
        "where block_id = $1)",
        block,
        count,
    )


async def gone(world: Watched) -> set[str]:
    """The blocks of which an alarm says that an audited row is gone."""
    return {one.block for one in await world.alarms.kept(100) if one.what in GONE}


async def check_went_on(world: Watched, lost: str) -> None:
    """Somebody went on: there is an alarm for the row, and whoever knows too much is stopped, and nobody else."""
    block, count, expected = LOST[lost]
    await desk_and_events(world)
    other = await world.event()
    auditor = world.auditor()
    await audit_all(auditor)
    await lose(world, block, count)
    await audit_all(auditor)
    assert await gone(world) == {block}
    stopped = {one.block: one.why for one in await world.stopped()}
    assert stopped.keys() == expected.keys()
    assert other.block not in stopped
    for name, why in stopped.items():
        assert why.startswith(tuple(map(str, expected[name]))), why


@pytest.mark.parametrize("lost", LOST)
async def test_who_goes_on_with_what_a_failover_lost_stops_a_desk_or_an_event(world: Watched, lost: str) -> None:
    await check_went_on(world, lost)


async def check_ends(world: Watched) -> None:
    """What was stopped so is ended once by whoever has looked at it, and not stopped again."""
    desk = await desk_and_events(world)
    auditor = world.auditor()
    await audit_all(auditor)
    await lose(world, FIRST, 1)
    await audit_all(auditor)
    (stopped,) = await world.stopped()
    await corrected(world, desk, stopped)
    for one in (auditor, world.auditor()):
        for _ in range(2):
            await audit_all(one)
    assert await world.stopped() == []


async def test_an_operator_ends_that_once(world: Watched) -> None:
    await check_ends(world)


async def check_cut(world: Watched) -> None:
    """All blocks lose what was written since a moment: each such row is an alarm, and nothing is stopped."""
    desk = await desk_and_events(world)
    auditor = world.auditor()
    await audit_all(auditor)
    for since_ms in sorted({row.recorded_at_ms for row in desk.rows[1:]}, reverse=True):
        lost = await world.world.connection.fetch(
            f"delete from journal where recorded_at_ms >= $1 and {WHOSE} returning block_id", since_ms
        )
        assert lost
        await audit_all(auditor)
        assert await gone(world) >= {row["block_id"] for row in lost}
    assert await world.stopped() == []
    assert auditor.figures.finding_count == 0


async def test_what_all_blocks_lose_as_of_one_moment_stops_nothing(world: Watched) -> None:
    await check_cut(world)


def _alarms_alone(patch: pytest.MonkeyPatch) -> None:
    """What does not go together between blocks is never a danger."""
    lenient = {fault: Danger(False, "it may have been a failover") for fault in DANGERS}
    patch.setattr(consequences_module, "DANGERS", lenient)


def _desk_goes_on(patch: pytest.MonkeyPatch) -> None:
    """The desk still has what it said of what is gone everywhere else."""
    patch.setattr("tests.auditor.test_lost_legs.WHOSE", f"block_id <> '{DESK}'")


async def _first_of_lost(world: Watched) -> None:
    await check_went_on(world, next(iter(LOST)))


@pytest.mark.parametrize(("sabotage", "check"), [(_alarms_alone, _first_of_lost), (_desk_goes_on, check_cut)])
async def test_control_what_is_excused_or_lost_by_some_alone_is_noticed(
    world: Watched, monkeypatch: pytest.MonkeyPatch, sabotage: Callable[[pytest.MonkeyPatch], None], check: Check
) -> None:
    sabotage(monkeypatch)
    with pytest.raises(AssertionError):
        await check(world)
