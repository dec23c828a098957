"""Two projectors at once, as during an upgrade, or when one that hung wakes up: nothing twice, nothing back."""

import asyncio
from collections.abc import Sequence
from random import Random

import pytest

from actors.core.ids import BlockId
from actors.database.connect import Connection
from actors.projections import positions as positions_module
from actors.projections.positions import Positions
from actors.projections.positions_port import Step
from actors.projections.projection import Projection
from tests.projections.selling import World, check_followed, follow_all

pytestmark = pytest.mark.anyio

_SET_WITHOUT_COMPARING = """
update projection_positions as seen
set position = moved.position, chain = moved.chain
from unnest($2::text[], $3::bigint[], $4::bytea[]) as moved (block_id, position, chain)
where seen.projection = $1 and seen.block_id = moved.block_id
"""


class Hanging(Positions):
    """Hangs before it writes, until it is told to go on."""

    def __init__(self, database_url: str) -> None:
        super().__init__(database_url)
        self.hangs = asyncio.Event()
        self.goes_on = asyncio.Event()

    async def move(self, projection: Projection, steps: Sequence[Step]) -> set[BlockId]:
        """See `Positions.move`."""
        self.hangs.set()
        await self.goes_on.wait()
        return await super().move(projection, steps)


class Overwriting(Hanging):
    """The negative control: sets the positions, whatever they are."""

    async def _compare_and_set(self, connection: Connection, projection: str, steps: Sequence[Step]) -> set[BlockId]:
        ends = [step.progress.rows[-1].row for step in steps]
        await connection.execute(
            _SET_WITHOUT_COMPARING,
            projection,
            [end.block for end in ends],
            [end.position for end in ends],
            [end.chain for end in ends],
        )
        return {end.block for end in ends}


async def check_that_one_which_wakes_up_writes_nothing(world: World, positions: Hanging) -> None:
    """A projector hangs with what it has read; another follows the event further; then the first goes on."""
    event = await world.event()
    await event.live_at_random(Random(1), 10)
    first, second = world.projector(positions=positions), world.projector()
    hanging = asyncio.create_task(first.round())
    await positions.hangs.wait()
    await follow_all(second)
    await event.live_at_random(Random(2), 10)
    await follow_all(second)
    positions.goes_on.set()
    await hanging
    await check_followed(world, event)
    await event.live_at_random(Random(3), 5)
    await follow_all(first)  # the loser has read anew
    await check_followed(world, event)


async def test_a_projector_that_wakes_up_late_writes_nothing(world: World) -> None:
    await check_that_one_which_wakes_up_writes_nothing(world, Hanging(world.database_url))


async def test_control_without_comparing_the_late_one_writes_again(world: World) -> None:
    with pytest.raises(AssertionError):
        await check_that_one_which_wakes_up_writes_nothing(world, Overwriting(world.database_url))


async def check_that_what_was_stopped_meanwhile_stays_where_it_is(world: World) -> None:
    """A projector hangs with what it has read; another stops the event; then the first goes on."""
    event = await world.event()
    positions = Hanging(world.database_url)
    hanging = asyncio.create_task(world.projector(positions=positions).round())
    await positions.hangs.wait()
    seen = (await positions.seen(["feed"], [event.block]))[event.block]
    assert await positions.quarantine(event.block, seen, "bad") == ["feed"]
    positions.goes_on.set()
    await hanging
    assert (await world.positions(event.block))["feed"] == (0, "bad")
    assert await world.feed(event.block) == []


async def test_who_has_not_seen_a_quarantine_does_not_end_it(world: World) -> None:
    await check_that_what_was_stopped_meanwhile_stays_where_it_is(world)


async def test_control_without_comparing_the_quarantine_it_does(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    comparing = "and seen.quarantined_because is not distinct from moved.quarantined_because"
    assert comparing in positions_module._SQL["move"]
    monkeypatch.setitem(positions_module._SQL, "move", positions_module._SQL["move"].replace(comparing, ""))
    with pytest.raises(AssertionError):
        await check_that_what_was_stopped_meanwhile_stays_where_it_is(world)


async def test_a_loser_need_not_fold_anew(world: World) -> None:
    positions = Hanging(world.database_url)
    event = await world.event()
    await event.live_at_random(Random(1), 10)
    first = world.projector(positions=positions)
    hanging = asyncio.create_task(first.round())
    await positions.hangs.wait()
    await world.projector(rows_per_slice=5).round()
    positions.goes_on.set()
    await hanging
    fold = first._folds.get(event.block)
    await event.live_at_random(Random(2), 3)
    await follow_all(first)
    await check_followed(world, event)
    assert first._folds.get(event.block) is fold is not None


async def test_projectors_that_race_follow_every_row_once(world: World) -> None:
    events = [await world.event() for _ in range(5)]
    projectors = [world.projector(rows_per_slice=rows_per_slice) for rows_per_slice in (2, 3, 500)]
    rounds = [0] * len(projectors)
    selling = True

    async def race(number: int) -> None:
        while selling:
            await projectors[number].round()
            rounds[number] += 1

    racing = [asyncio.create_task(race(number)) for number in range(3)]
    for turn in range(2_000):
        await events[turn % 5].live_at_random(Random(turn), 3)
        if turn >= 60 and min(rounds) > 3:
            break
    selling = False
    await asyncio.gather(*racing)
    assert min(rounds) > 3, "not all of them took part"
    await follow_all(projectors[0])
    for event in events:
        await check_followed(world, event)


class Believing(Hanging):
    """The negative control: does not look whether the rows that were read are still there."""

    async def move(self, projection: Projection, steps: Sequence[Step]) -> set[BlockId]:
        """See `Positions.move`."""
        query = positions_module._SQL["move"]
        start, end = query.index("and exists ("), query.index("for update")
        with pytest.MonkeyPatch.context() as patch:
            patch.setitem(positions_module._SQL, "move", query[:start] + query[end:])
            return await super().move(projection, steps)


async def check_that_rows_that_were_lost_are_not_followed(world: World, positions: Hanging) -> None:
    """A failover loses the last row after a projector has read it, and before that writes of it."""
    event = await world.event()
    await event.live_at_random(Random(1), 10)
    projector = world.projector(positions=positions)
    following = asyncio.create_task(projector.round())
    await positions.hangs.wait()
    ((head,),) = await world.rows(
        "delete from journal where block_id = $1 and position = $2 returning position - 1",
        event.block,
        event.rows[-1].position,
    )
    positions.goes_on.set()
    await following
    for _ in range(3):  # found out, doubted, folded anew
        await projector.round()
    assert {position for position, _ in (await world.positions(event.block)).values()} == {head}


async def test_rows_that_a_failover_lost_are_not_followed(world: World) -> None:
    await check_that_rows_that_were_lost_are_not_followed(world, Hanging(world.database_url))


async def test_the_check_notices_rows_that_are_believed_to_be_there(world: World) -> None:
    with pytest.raises(AssertionError):
        await check_that_rows_that_were_lost_are_not_followed(world, Believing(world.database_url))
