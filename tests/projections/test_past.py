"""An event as it was at any position or instant is what was shown of it then."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from random import Random
from typing import Any

import msgspec
import pytest

from actors.core.commands import EditEvent
from actors.core.ids import BlockId
from actors.core.inventory import UnitStatus
from actors.core.layout import Fee, Layout
from actors.journal import in_turn
from actors.journal.journal import Snapshot
from actors.journal.postgres import PostgresJournal
from actors.journal.succession import JournalDamaged
from actors.projections import past
from actors.projections.answers import EventLayout, SeatPlan, availability_of
from actors.projections.fold import Fold
from actors.projections.live_events import LiveEvents
from actors.projections.live_writer import LiveWriter
from actors.projections.past import Instant, NotThere, Past, Position
from actors.projections.seat_statuses import unpack
from serve.local.redis import Redis
from tests.projections.selling import LAYOUT, SellingEvent, World, follow_all
from tests.projections.watching import ACME, ask, reading

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def looking_back(world: World) -> AsyncIterator[Past]:
    looking = Past(PostgresJournal(world.database_url))
    try:
        yield looking
    finally:
        await looking.close()


class Lived(dict[int, tuple[Any, ...]]):
    """By position, what was shown live."""


async def lived(world: World, redis: Redis, event: SellingEvent) -> Lived:
    """Live for a while, with two snapshots on the way; what was shown of it."""
    shown = Lived()
    projector = world.projector(display=LiveWriter(LiveEvents(redis.url)))
    async with reading(world.database_url, redis.url) as reader:
        for turn in range(30):
            await event.live_at_random(Random(turn), 1)
            if turn in (10, 20):
                await event.save_snapshot()
            await follow_all(projector)
            counts, seats = await ask(reader, event.block)
            assert counts.position == seats.position == len(event.rows)
            shown[counts.position] = (
                counts.status, counts.sections, counts.areas, counts.categories, seats.statuses, seats.areas,
            )  # fmt: skip
    return shown


async def check_past(world: World, redis: Redis, spoil: str = "") -> None:
    event = await world.event()
    live = await lived(world, redis, event)
    if spoil:
        await world.connection.execute(spoil)
    async with looking_back(world) as looking:
        for position, expected in live.items():
            recorded_ms = event.rows[position - 1].recorded_at_ms
            last = max(row.position for row in event.rows if row.recorded_at_ms <= recorded_ms)
            for when, then in ((Position(position), position), (Instant(recorded_ms), last)):
                shown = await looking.shown(event.block, when)
                counts, seats = availability_of(event.block, shown, 0), SeatPlan(event.block, shown).of_event(None, 0)
                assert (counts.position, counts.as_of_ms) == (then, recorded_ms)
                assert live.get(then, expected) == (
                    counts.status, counts.sections, counts.areas, counts.categories, seats.statuses, seats.areas,
                ), f"this is not what was shown at row {then}"  # fmt: skip


async def test_any_position_and_instant_is_what_was_shown_then(world: World, redis: Redis) -> None:
    await check_past(world, redis)


@pytest.mark.parametrize("pages", [1, 3])
async def test_it_is_the_same_in_small_pages_and_slices(
    world: World, redis: Redis, monkeypatch: pytest.MonkeyPatch, pages: int
) -> None:
    monkeypatch.setattr(in_turn, "ROWS_PER_PAGE", pages)
    monkeypatch.setattr(in_turn, "ENTRIES_PER_SLICE", 1)
    await check_past(world, redis)


@pytest.mark.parametrize(
    "spoil",
    [
        "update snapshots set state = 'nonsense'",
        "update snapshots set state = 'nonsense' where position = (select max(position) from snapshots)",
        "delete from snapshots",
    ],
)
async def test_a_snapshot_that_is_of_no_use_costs_time_only(world: World, redis: Redis, spoil: str) -> None:
    await check_past(world, redis, spoil)


def stops_a_row_early(patch: pytest.MonkeyPatch) -> None:
    followed = Past._followed

    async def early(looking: Past, fold: Fold, position: int) -> Fold:
        whole = await followed(looking, fold, max(position - 1, fold.position))
        whole.position = position
        return whole

    patch.setattr(Past, "_followed", early)


def takes_any_snapshot(patch: pytest.MonkeyPatch) -> None:
    newest = Past._newest_snapshot

    async def found(looking: Past, block: BlockId, position: int) -> Snapshot | None:
        return await newest(looking, block, position + 3)

    patch.setattr(Past, "_newest_snapshot", found)


@pytest.mark.parametrize("sabotage", [stops_a_row_early, takes_any_snapshot])
async def test_control_another_time_is_noticed(
    world: World, redis: Redis, monkeypatch: pytest.MonkeyPatch, sabotage: Callable[[pytest.MonkeyPatch], None]
) -> None:
    sabotage(monkeypatch)
    with pytest.raises(AssertionError):
        await check_past(world, redis)


async def check_layouts(world: World, redis: Redis) -> None:
    """Seats have their places in the layout whose version is told, live and in the past."""
    event = await world.event()
    await event.sell(event.hold("Hall/A/1"))
    edited = msgspec.structs.replace(LAYOUT, sections=LAYOUT.sections[::-1])
    display = LiveWriter(LiveEvents(redis.url))
    projector = world.projector(display=display)
    await follow_all(projector)
    assert await event.sell(EditEvent(event.stamp(), event.state.revision, layout=edited))
    await follow_all(projector)
    async with reading(world.database_url, redis.url) as reader, looking_back(world) as looking:
        layout = await reader.layout(ACME, event.block)
        now = await reader.seat_statuses(ACME, event.block)
        assert layout is not None
        assert now is not None
        assert (layout.version, layout.layout, now.layout_version) == (2, edited, 2)
        whole = await reader.seat_statuses(ACME, event.block, now.position - 1)
        assert whole is not None
        assert whole.changed is None, "what has other places cannot be told by what changed"
        hall = await reader.unit_statuses(ACME, event.block, "Hall")
        assert hall is not None
        assert [unit.name for unit in hall.units if unit.status is UnitStatus.HELD] == ["Hall/A/1"]
        before = await looking.shown(event.block, Position(now.position - 1))
        assert before.event.layout_version == 1
        for statuses, place in ((now.statuses, 3), (before.statuses, 0)):
            assert statuses is not None
            assert [seat for seat, status in enumerate(unpack(statuses)) if status] == [place]
        await check_versions(looking, event, layout, {1: LAYOUT, 2: edited})
    await display.close()


async def check_versions(looking: Past, event: SellingEvent, newest: EventLayout, versions: dict[int, Layout]) -> None:
    """Each version that ever was is there as it was shown, and no other."""
    for _ in ("from the journal", "again"):
        found = [await looking.layout(event.block, version) for version in versions]
        assert {one.version: one.layout for one in found} == versions
        assert found[-1] == newest
        assert len({one.digest for one in found}) == len(found)
    for version in (0, len(versions) + 1):
        with pytest.raises(NotThere):
            await looking.layout(event.block, version)
    with pytest.raises(NotThere):
        await looking.layout(BlockId("0123456789abcdef"), 1)


async def test_an_event_has_the_layout_of_then(world: World, redis: Redis) -> None:
    await check_layouts(world, redis)


async def test_control_changes_from_one_layout_to_another_are_noticed(
    world: World, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    change = LiveWriter._change

    def whatever_the_layout(writer: LiveWriter, block: BlockId, now: Any) -> Any:
        return change(writer, block, msgspec.structs.replace(now, layout_version=1))

    monkeypatch.setattr(LiveWriter, "_change", whatever_the_layout)
    with pytest.raises(AssertionError, match="other places"):
        await check_layouts(world, redis)


async def test_what_was_not_yet_or_is_not_yet_is_not_there(world: World) -> None:
    event = await world.event()
    async with looking_back(world) as looking:
        for when in (
            Position(0),
            Position(1),  # before the event was created
            Position(len(event.rows) + 1),
            Instant(event.rows[0].recorded_at_ms - 1),
            Instant(await world.journal.now_ms() + 60_000),
        ):
            with pytest.raises(NotThere):
                await looking.shown(event.block, when)
        with pytest.raises(NotThere):
            await looking.shown(BlockId("0123456789abcdef"), Position(1))


async def test_layouts_of_old_are_read_row_by_row(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """In small pages and slices, among much else; and few are kept."""
    monkeypatch.setattr(in_turn, "ROWS_PER_PAGE", 3)
    monkeypatch.setattr(in_turn, "ENTRIES_PER_SLICE", 1)
    monkeypatch.setattr(past, "MAX_LAYOUTS_KNOWN", 2)
    event = await world.event()
    versions = {1: LAYOUT}
    for number in range(2, 6):
        await event.live_at_random(Random(number), 3)
        versions[number] = msgspec.structs.replace(LAYOUT, fees=(Fee("service", number),))
        assert await event.sell(EditEvent(event.stamp(), event.state.revision, layout=versions[number]))
    async with looking_back(world) as looking:
        for version in (4, 1, 5, 3, 2, 2):
            assert (await looking.layout(event.block, version)).layout == versions[version]
        assert [version for version in versions if looking.known_layout(event.block, version)] == [2, 3]


async def test_a_journal_that_is_damaged_before_says_nothing(world: World) -> None:
    event = await world.event()
    await event.live_at_random(Random(1), 10)
    await world.connection.execute(
        "update journal set recorded_at_ms = 7 where block_id = $1 and position = 4", event.block
    )
    async with looking_back(world) as looking:
        await looking.shown(event.block, Position(3))
        with pytest.raises(JournalDamaged):
            await looking.shown(event.block, Position(5))
        assert (await looking.layout(event.block, 1)).layout == LAYOUT
        with pytest.raises(JournalDamaged):
            await looking.layout(event.block, 2)
