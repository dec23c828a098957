"""The projector follows every block gap-free, goes on where it stopped, and costs no more than what moves."""

import asyncio
from collections.abc import Sequence
from random import Random

import pytest

from actors.core.ids import BlockId
from actors.database.connect import Connection
from actors.database.line import LineUnavailable
from actors.journal.journal import JournalRow
from actors.projections import projector as projector_module
from actors.projections.availability import AvailabilityProjection
from actors.projections.deadlines import DeadlinesProjection
from actors.projections.fold import Fold, Folds
from actors.projections.positions import Positions
from actors.projections.positions_port import Seen
from actors.projections.projection import Progress
from actors.projections.projector import Projector
from tests.journal.relay import relay
from tests.projections.selling import SEATS, Feed, World, check_followed, follow_all

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("rows_per_slice", [1, 7, 500])
async def test_it_catches_up_whatever_the_slices(world: World, rows_per_slice: int) -> None:
    events = [await world.event() for _ in range(4)]
    for number, event in enumerate(events):
        await event.live_at_random(Random(number), 25)
    await follow_all(world.projector(rows_per_slice=rows_per_slice))
    for event in events:
        await check_followed(world, event)


async def test_it_follows_while_events_sell(world: World) -> None:
    projector = world.projector()
    events = [await world.event() for _ in range(3)]
    for turn in range(12):
        await events[turn % 3].live_at_random(Random(turn), 3)
        await projector.round()
    for event in events:
        await check_followed(world, event)


async def test_a_new_projector_goes_on_where_the_last_one_stopped(world: World) -> None:
    event = await world.event()
    for turn in range(4):
        await event.live_at_random(Random(turn), 10)
        await follow_all(world.projector(rows_per_slice=3))
    await check_followed(world, event)


async def check_that_it_tells_when_it_has_read(world: World) -> None:
    """What a new projector reads on the way to where the last one stopped may be all there is."""
    event = await world.event()
    await follow_all(world.projector())
    await event.live_at_random(Random(2), 5)
    before_ms = await world.journal.now_ms()
    await follow_all(world.projector())
    ((as_of_ms,),) = await world.rows("select as_of_ms from availability")
    assert before_ms <= as_of_ms <= await world.journal.now_ms()


async def test_what_a_new_projector_writes_first_is_as_of_when_it_was_read(world: World) -> None:
    await check_that_it_tells_when_it_has_read(world)


async def test_control_rows_that_are_read_on_the_way_and_tell_no_time_are_noticed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    extend = projector_module._extend

    def forget(fold: Fold, rows: Sequence[JournalRow], _: int, *, is_cut: bool) -> None:
        extend(fold, rows, 0, is_cut=is_cut)

    monkeypatch.setattr(projector_module, "_extend", forget)
    with pytest.raises(AssertionError):
        await check_that_it_tells_when_it_has_read(world)


async def test_it_begins_at_the_newest_snapshot_below_its_positions(world: World) -> None:
    event = await world.event()
    await event.live_at_random(Random(1), 10)
    await event.save_snapshot()
    await event.live_at_random(Random(2), 5)
    await follow_all(world.projector())
    await event.save_snapshot()
    await event.live_at_random(Random(3), 5)
    await event.save_snapshot()  # of no use: it is beyond what the projections have written of
    await world.connection.execute("delete from journal where block_id = $1 and position = 1", event.block)
    await follow_all(world.projector())
    await check_followed(world, event)


async def test_a_snapshot_that_cannot_be_read_costs_time_only(world: World) -> None:
    event = await world.event()
    await event.live_at_random(Random(1), 10)
    await event.save_snapshot()
    await follow_all(world.projector())
    await world.connection.execute("update snapshots set state = 'nonsense'")
    await event.live_at_random(Random(2), 5)
    await follow_all(world.projector())
    await check_followed(world, event)


async def test_a_projection_that_is_added_later_begins_at_the_first_row(world: World) -> None:
    event = await world.event()
    await event.live_at_random(Random(1), 20)
    await event.save_snapshot()
    await follow_all(world.projector(AvailabilityProjection(), DeadlinesProjection()))
    await event.live_at_random(Random(2), 5)
    await follow_all(world.projector())
    await check_followed(world, event)


async def test_the_sweep_finds_every_block_page_by_page(world: World) -> None:
    events = sorted([await world.event() for _ in range(7)], key=lambda event: event.block)
    projector = world.projector(blocks_per_page=2)
    for rounds in range(1, 5):
        await projector.round()
        followed = await world.rows("select block_id from availability order by block_id")
        assert followed == [(event.block,) for event in events[: 2 * rounds]]


async def test_a_hinted_block_does_not_wait_for_the_sweep(world: World) -> None:
    events = sorted([await world.event() for _ in range(7)], key=lambda event: event.block)
    projector = world.projector(blocks_per_page=1)
    projector.hint([events[-1].block, BlockId("no such block")])
    await projector.round()
    await check_followed(world, events[-1])
    assert await world.positions(events[-2].block) == {}


async def test_a_block_that_has_just_moved_is_followed_in_every_round(world: World) -> None:
    now = 0.0
    events = sorted([await world.event() for _ in range(7)], key=lambda event: event.block)
    projector = world.projector(blocks_per_page=1, monotonic=lambda: now)
    await projector.round()
    await events[0].sell(events[0].hold(SEATS[0]))
    await projector.round()
    await check_followed(world, events[0])
    now = 11.0
    await events[0].sell(events[0].hold(SEATS[1]))
    await projector.round()
    assert (await world.positions(events[0].block))["feed"][0] == len(events[0].rows) - 1, "it has slept long enough"


async def test_an_acknowledgement_lost_after_the_commit_changes_nothing(world: World) -> None:
    event = await world.event()
    await event.live_at_random(Random(1), 10)
    async with relay(world.database_url) as wire:

        class Deaf(Feed):
            """Its first commit goes through, and nobody hears of it."""

            commits = 0

            async def write(self, connection: Connection, progress: Sequence[Progress]) -> None:
                """See `Projection.write`."""
                await super().write(connection, progress)
                self.commits += 1
                if self.commits == 1:
                    wire.swallow_next_reply()

        projector = world.projector(
            Deaf(), AvailabilityProjection(), DeadlinesProjection(), positions=Positions(wire.database_url)
        )
        with pytest.raises(LineUnavailable):
            await projector.round()
        assert await world.feed(event.block), "the commit went through"
        await event.live_at_random(Random(2), 3)
        await follow_all(projector)
    await check_followed(world, event)


async def test_it_runs_on_when_its_lines_are_cut(world: World) -> None:
    event = await world.event()
    async with relay(world.database_url) as wire:
        running = asyncio.create_task(world.projector(positions=Positions(wire.database_url)).run())
        for turn in range(3):
            await event.live_at_random(Random(turn), 5)
            await wire.close()
            for _ in range(500):
                if (await world.positions(event.block)).get("feed") == (len(event.rows), None):
                    break
                await asyncio.sleep(0.01)
            await check_followed(world, event)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_folds_that_are_not_used_go_first() -> None:
    one, two, three = (Fold.empty(BlockId(name)) for name in ("one", "two", "three"))
    folds = Folds(max_bytes=2 * one.size_bytes)
    folds.keep(one)
    folds.keep(two)
    folds.keep(one)
    folds.keep(three)
    assert [folds.get(fold.block) for fold in (one, two, three)] == [one, None, three]


async def test_folds_without_room_are_folded_anew(world: World) -> None:
    events = [await world.event() for _ in range(3)]
    projector = world.projector(max_folds_bytes=1)
    for turn in range(6):
        await events[turn % 3].live_at_random(Random(turn), 3)
        await projector.round()
    for event in events:
        await check_followed(world, event)


async def check_no_block_starves(world: World) -> None:
    """Two blocks that do not fit into memory together; one has a long way to go while the other sells on."""
    waiting, selling = [await world.event() for _ in range(2)]
    await waiting.live_at_random(Random(1), 40)
    await follow_all(world.projector())
    await waiting.live_at_random(Random(2), 20)
    projector = world.projector(rows_per_slice=10, max_folds_bytes=1)
    for turn in range(8):
        await selling.live_at_random(Random(turn), 2)
        await projector.round()
    await check_followed(world, waiting)
    await check_followed(world, selling)


async def test_a_block_gets_on_however_much_others_sell(world: World) -> None:
    await check_no_block_starves(world)


async def test_control_a_fold_that_begins_far_behind_never_arrives(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fold(projector: Projector, block: BlockId, seen: dict[str, Seen]) -> Fold:
        kept = projector._folds.get(block)
        return kept or await projector._newest_fold(block, min(one.position for one in seen.values()))

    monkeypatch.setattr(Projector, "_fold", fold)
    with pytest.raises(AssertionError):
        await check_no_block_starves(world)


async def test_a_fold_lets_go_of_rows_that_are_written(world: World) -> None:
    event = await world.event()
    await event.live_at_random(Random(1), 10)
    projector = world.projector()
    await follow_all(projector)
    fold = projector._folds.get(event.block)
    assert fold is not None
    assert (fold.floor, fold.rows) == (len(event.rows), [])
