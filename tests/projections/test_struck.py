"""What is derived from a journal of which something is struck is derived without it, and what was with it goes."""

from collections.abc import Callable, Iterable
from random import Random

import pytest

from actors.core import block as core
from actors.core.entries import Entry
from actors.core.inventory import UnitStatus
from actors.core.state import BlockState
from actors.journal.journal import JournalRow
from actors.journal.striking import Struck
from actors.projections import fold
from actors.projections.availability import AvailabilityProjection
from actors.projections.deadlines import DeadlinesProjection
from actors.projections.listing import ListingProjection
from actors.projections.past import Past, Position
from actors.projections.positions import Positions
from actors.projections.projector import Projector
from tests.projections.selling import SellingEvent, World, follow_all
from tests.projections.striking import sell_twice, strike

pytestmark = pytest.mark.anyio

SHIPPED = (AvailabilityProjection, DeadlinesProjection, ListingProjection)


def projector_of(world: World) -> Projector:
    """With what is shipped."""
    return world.projector(*(kind() for kind in SHIPPED))


async def check_shown(world: World, event: SellingEvent) -> None:
    """All that is derived is what the block knows."""
    assert await world.positions(event.block) == {kind().name: (len(event.rows), None) for kind in SHIPPED}
    inventory = event.state.inventory
    sold = inventory.statuses.count(2) + sum(inventory.area_sold)
    held = inventory.statuses.count(1) + sum(inventory.area_held)
    shown = await world.rows("select held, sold from availability where block_id = $1", event.block)
    assert shown == [(held, sold)]
    due = core.next_deadline_ms(event.state)
    found = await world.rows("select due_at_ms from deadlines where block_id = $1", event.block)
    assert found == ([] if due is None else [(due,)])
    listed = await world.rows("select hold, status from listed_holds where block_id = $1", event.block)
    known = {number: hold.status for number, hold in event.state.holds.items()}
    assert {hold: status for hold, status in listed if hold in known} == known
    lively = "select hold from listed_holds where block_id = $1 and ended_at_ms is null"
    assert {hold for (hold,) in await world.rows(lively, event.block)} <= known.keys()


async def check_struck(world: World, *, gives_up: bool) -> None:
    """It stops at what does not replay; struck, it goes on by itself once it is told to begin anew."""
    event, projector = await world.event(), projector_of(world)
    await event.live_at_random(Random(3), 10)
    event.now_ms += 3_600_000
    await event.tick()
    free = event.state.inventory.statuses.index(UnitStatus.AVAILABLE)
    first, second = await sell_twice(event, event.state.index.unit_name(free))
    await follow_all(projector)
    stopped = await world.positions(event.block)
    assert all(because is not None and "claimed twice" in because for _, because in stopped.values())
    await strike(event, *((first,) if gives_up else ()))
    positions = Positions(world.database_url)
    await positions.rebuild(event.block)
    await positions.close()
    await follow_all(projector)
    await check_shown(world, event)
    owner = second if gives_up else first
    assert owner in event.state.holds
    await event.live_at_random(Random(4), 10)
    await follow_all(projector)
    await check_shown(world, event)
    await follow_all(anew := projector_of(world))
    await event.sell(event.hold("Hall/C/2"))
    await follow_all(anew)
    await check_shown(world, event)


@pytest.mark.parametrize("gives_up", [False, True])
async def test_what_is_derived_is_without_what_is_struck(world: World, gives_up: bool) -> None:
    await check_struck(world, gives_up=gives_up)


async def test_a_projector_that_comes_later_finds_out_by_itself(world: World) -> None:
    """Nobody told it to begin anew: what was derived of who gave up goes all the same."""
    event = await world.event()
    first, _ = await sell_twice(event)
    await follow_all(projector_of(world))
    await strike(event, first)
    later = projector_of(world)
    await later._greet()
    await follow_all(later)
    await check_shown(world, event)
    assert await world.rows("select hold from listed_holds where hold = $1", first) == []


async def test_the_past_is_shown_without_it_from_where_it_does_not_replay_on(world: World) -> None:
    """Before, it is as it was known then."""
    event = await world.event()
    first, second = await sell_twice(event)
    position = len(event.rows)
    await strike(event, first)
    past = Past(event.journal)
    for at in range(position - 2, position + 2):
        shown = await past.shown(event.block, Position(at))
        assert shown.event.counts.total.held == (0 if at == position - 2 else 1), f"row {at}"
    assert second in event.state.holds


def _finds_nothing(patch: pytest.MonkeyPatch) -> None:
    async def nothing(*_: object) -> bool:
        return False

    patch.setattr(Projector, "_is_struck_anew", nothing)


def _folds_it_all(patch: pytest.MonkeyPatch) -> None:
    def fold_all(state: BlockState, _: JournalRow, entries: Iterable[Entry], __: Struck) -> None:
        for entry in entries:
            core.apply(state, entry)

    patch.setattr(fold, "fold_row", fold_all)


def _keeps_what_was_derived(patch: pytest.MonkeyPatch) -> None:
    async def nothing(*_: object) -> list[str]:
        return []

    patch.setattr(Positions, "rebuild", nothing)


@pytest.mark.parametrize("sabotage", [_finds_nothing, _folds_it_all, _keeps_what_was_derived])
async def test_control_a_projector_that_has_it_all_the_same_is_noticed(
    world: World, monkeypatch: pytest.MonkeyPatch, sabotage: Callable[[pytest.MonkeyPatch], None]
) -> None:
    sabotage(monkeypatch)
    with pytest.raises(AssertionError):
        await check_struck(world, gives_up=True)
