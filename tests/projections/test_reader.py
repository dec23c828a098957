"""The reader: what it shows, how old that may be, and to whom."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from random import Random
from urllib.parse import urlsplit

import pytest

from actors.core.ids import BlockId, TenantId
from actors.core.inventory import UnitStatus
from actors.core.replies import EventStatus
from actors.database.line import Line
from actors.projections import availability_reader, fresh
from actors.projections.availability_reader import AvailabilityReader
from actors.projections.counts import UnitCounts
from actors.projections.cursor import InvalidCursor
from actors.projections.fresh import ReadUnavailable
from tests.catalogue.house import Wire
from tests.conftest import EmbeddedPostgres
from tests.projections.selling import LAYOUT, SEATS, SellingEvent, World, follow_all

pytestmark = pytest.mark.anyio

ACME, GLOBEX = TenantId("acme"), TenantId("globex")


class Hands:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@asynccontextmanager
async def reading(database_url: str, clock: Hands | None = None) -> AsyncIterator[AvailabilityReader]:
    reader = AvailabilityReader(database_url, monotonic=clock or Hands(), now_ms=lambda: 0)
    try:
        yield reader
    finally:
        await reader.close()


async def test_it_shows_counts_and_seats_by_name(world: World) -> None:
    event = await world.event(name="Gala")
    hold = event.hold("Hall/A/2", "Balcony/A/y", places=5)
    await event.sell(hold, event.hold("Hall/B/1"))
    await follow_all(world.projector())
    async with reading(world.database_url) as reader:
        shown = await reader.availability(ACME, event.block)
        assert shown is not None
        assert (shown.block, shown.tenant, shown.name, shown.currency) == (event.block, "acme", "Gala", "EUR")
        assert shown.status is EventStatus.ON_SALE
        assert shown.position == len(event.rows)
        assert [(one.section, one.category, one.counts) for one in shown.sections] == [
            ("Hall", "front", UnitCounts(7, 6, 1)),
            ("Hall", "back", UnitCounts(4, 3, 1)),
            ("Balcony", "back", UnitCounts(3, 2, 1)),
        ]
        assert [(one.area, one.category, one.counts) for one in shown.areas] == [
            ("floor", "standing", UnitCounts(40, 35, 5)),
            ("bar", "back", UnitCounts(6, 6)),
        ]
        assert [(one.category, one.price, one.counts) for one in shown.categories] == [
            ("front", 5000, UnitCounts(7, 6, 1)),
            ("back", 3000, UnitCounts(13, 11, 2)),
            ("standing", 2000, UnitCounts(40, 35, 5)),
            ("unused", 1, UnitCounts()),
        ]
        seats = await reader.unit_statuses(ACME, event.block, "Balcony")
        assert seats is not None
        assert (seats.section, seats.position) == ("Balcony", len(event.rows))
        assert [(unit.name, unit.status) for unit in seats.units] == [
            ("Balcony/A/x", UnitStatus.AVAILABLE),
            ("Balcony/A/y", UnitStatus.HELD),
            ("Balcony/A/z", UnitStatus.AVAILABLE),
        ]
        with pytest.raises(KeyError):
            await reader.unit_statuses(ACME, event.block, "floor")


async def test_every_seat_has_its_own_status(world: World) -> None:
    event = await world.event()
    await event.live_at_random(Random(7), 40)
    await follow_all(world.projector())
    async with reading(world.database_url) as reader:
        shown: dict[str, UnitStatus] = {}
        for section in LAYOUT.sections:
            seats = await reader.unit_statuses(ACME, event.block, section.name)
            assert seats is not None
            shown |= {unit.name: unit.status for unit in seats.units}
    assert shown == dict(zip(SEATS, map(UnitStatus, event.state.inventory.statuses), strict=True))


async def test_as_of_is_when_the_journal_was_read(world: World) -> None:
    async with reading(world.database_url) as reader:
        event = await world.event()
        before_ms = await world.journal.now_ms()
        await follow_all(world.projector())
        shown = await reader.availability(ACME, event.block)
        assert shown is not None
        assert before_ms <= shown.as_of_ms <= await world.journal.now_ms()


async def test_as_of_is_the_last_row_where_there_are_more(world: World) -> None:
    event = await world.event()
    await event.live_at_random(Random(1), 10)
    await world.projector(rows_per_slice=4).round()
    async with reading(world.database_url) as reader:
        shown = await reader.availability(ACME, event.block)
        assert shown is not None
        assert (shown.position, shown.as_of_ms) == (4, event.rows[3].recorded_at_ms)


async def test_what_was_read_serves_for_200_ms(world: World) -> None:
    event = await world.event()
    projector = world.projector()
    await follow_all(projector)
    clock = Hands()
    async with reading(world.database_url, clock) as reader:

        async def positions() -> set[int]:
            counts, seats = await asyncio.gather(
                reader.availability(ACME, event.block), reader.unit_statuses(ACME, event.block, "Hall")
            )
            ((summary,), _) = await reader.list_events(ACME)
            assert counts is not None
            assert seats is not None
            assert (summary.available == LAYOUT.capacity) == (counts.position == before)
            return {counts.position, seats.position}

        before = len(event.rows)
        assert await positions() == {before}
        await event.sell(event.hold(SEATS[0]))
        await follow_all(projector)
        clock.now = 0.19
        assert await positions() == {before}
        clock.now = 0.21
        assert await positions() == {before + 1}


async def test_many_who_ask_at_once_are_one_read(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    event = await world.event()
    await follow_all(world.projector())
    reads = 0
    fetch = Line.fetch

    async def counting(line: Line, query: str, *arguments: object) -> list[object]:
        nonlocal reads
        reads += 1
        return await fetch(line, query, *arguments)

    monkeypatch.setattr(Line, "fetch", counting)
    async with reading(world.database_url) as reader:
        asked = [asyncio.create_task(reader.availability(ACME, event.block)) for _ in range(50)]
        await asyncio.sleep(0)
        asked[0].cancel()  # the one who began the read goes away
        shown = await asyncio.gather(*asked[1:])
    assert reads == 1
    assert all(one == shown[0] is not None for one in shown)


async def let_readers_in(postgres: EmbeddedPostgres, world: World, allowed: bool) -> None:
    """Let readers connect or not, and end the connections that they have."""
    name = urlsplit(world.database_url).path[1:]
    await asyncio.to_thread(postgres.execute, f"alter database {name} with allow_connections {allowed}")
    await world.connection.execute(
        "select pg_terminate_backend(pid, 5000) from pg_stat_activity"
        " where datname = current_database() and application_name = 'holdfast-reader'"
    )


async def test_while_postgres_is_away_the_last_seen_is_shown_with_its_time(
    world: World, postgres: EmbeddedPostgres
) -> None:
    event = await world.event()
    other = await world.event()
    await follow_all(world.projector())
    clock = Hands()
    async with reading(world.database_url, clock) as reader:

        async def shown() -> tuple[object, ...]:
            return (
                await reader.availability(ACME, event.block),
                await reader.unit_statuses(ACME, event.block, "Hall"),
                await reader.list_events(ACME),
            )

        seen = await shown()
        await event.sell(event.hold(SEATS[0]))
        await follow_all(world.projector())
        await let_readers_in(postgres, world, False)
        clock.now = 10.0
        assert await shown() == seen
        for unseen in (
            reader.availability(ACME, other.block),
            reader.unit_statuses(ACME, other.block, "Hall"),
            reader.list_events(GLOBEX),
        ):
            with pytest.raises(ReadUnavailable):
                await unseen
        await let_readers_in(postgres, world, True)
        clock.now = 10.9
        assert await shown() == seen, "Postgres is not asked again and again"
        clock.now = 11.1
        assert await shown() != seen


async def check_silence(world: World) -> None:
    """Postgres accepts and never answers, and each read would wait for two seconds."""
    wire = Wire(world.database_url)
    server = await wire.serve()
    events = [await world.event() for _ in range(8)]
    await follow_all(world.projector())
    clock = Hands()
    async with reading(wire.database_url, clock) as reader:

        async def shown() -> list[object]:
            return await asyncio.gather(*(reader.availability(ACME, event.block) for event in events))

        seen = await shown()
        await wire.fall_silent()
        clock.now = 10.0
        try:
            async with asyncio.timeout(1):
                assert await shown() == seen
            async with asyncio.timeout(4):
                unseen = [reader.availability(ACME, BlockId(f"unseen{number:010}")) for number in range(2_000)]
                told = await asyncio.gather(*unseen, return_exceptions=True)
        except TimeoutError:
            raise AssertionError("one waits behind another") from None
        finally:
            server.close()
            await wire.close()
        assert all(isinstance(one, ReadUnavailable) for one in told)


async def test_while_postgres_is_silent_nobody_waits_behind_others(world: World) -> None:
    await check_silence(world)


def the_patient_wait(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(fresh, "PATIENCE_S", 60.0)


def the_line_is_long(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(availability_reader, "ShortLine", lambda line, **_: line)


@pytest.mark.parametrize("sabotage", [the_patient_wait, the_line_is_long])
async def test_control_waiting_behind_others_is_noticed(
    world: World, monkeypatch: pytest.MonkeyPatch, sabotage: Callable[[pytest.MonkeyPatch], None]
) -> None:
    sabotage(monkeypatch)
    with pytest.raises(AssertionError):
        await check_silence(world)


async def test_another_tenants_event_looks_like_none(world: World) -> None:
    event = await world.event(tenant="acme")
    await follow_all(world.projector())
    async with reading(world.database_url) as reader:
        for tenant in (GLOBEX, ACME, GLOBEX):  # seen by its owner or not
            allowed = tenant == ACME
            assert (await reader.availability(tenant, event.block) is not None) == allowed
            assert (await reader.unit_statuses(tenant, event.block, "Hall") is not None) == allowed
            assert await reader.unit_statuses(GLOBEX, event.block, "no such section") is None
            assert bool((await reader.list_events(tenant))[0]) == allowed
        assert await reader.availability(ACME, BlockId("0123456789abcdef")) is None


async def listed(reader: AvailabilityReader, tenant: TenantId, limit: int) -> list[list[BlockId]]:
    pages, cursor = [], ""
    while True:
        events, cursor = await reader.list_events(tenant, cursor, limit)
        pages.append([event.block for event in events])
        if not cursor:
            return pages


async def created(world: World, tenant: str, at_ms: int) -> SellingEvent:
    event = SellingEvent(world.journal, tenant)
    event.now_ms = at_ms
    await event.create(world.connection)
    return event


async def test_events_are_listed_newest_first_page_by_page(world: World) -> None:
    times_ms = (5, 3, 9, 3, 3, 7, 1)
    events = [await created(world, "acme", at_ms) for at_ms in times_ms]
    await created(world, "globex", 4)
    await follow_all(world.projector())
    expected = [event.block for event in sorted(events, key=lambda event: (event.now_ms, event.block), reverse=True)]
    async with reading(world.database_url) as reader:
        assert await listed(reader, ACME, 50) == [expected]
        assert await listed(reader, ACME, 7) == [expected]
        assert await listed(reader, ACME, 3) == [expected[:3], expected[3:6], expected[6:]]
        (summary, *_), _ = await reader.list_events(ACME)
        assert (summary.created_at_ms, summary.capacity, summary.available) == (9, LAYOUT.capacity, LAYOUT.capacity)


async def test_a_page_is_the_same_whatever_is_created_meanwhile(world: World) -> None:
    for at_ms in range(1, 7):
        await created(world, "acme", at_ms)
    projector = world.projector()
    await follow_all(projector)
    async with reading(world.database_url) as reader:
        first, cursor = await reader.list_events(ACME, limit=3)
        await created(world, "acme", 100)
        await follow_all(projector)
        second, _ = await reader.list_events(ACME, cursor, 3)
    assert [event.created_at_ms for event in (*first, *second)] == [6, 5, 4, 3, 2, 1]


async def test_a_cursor_is_good_for_its_tenant_only(world: World) -> None:
    for tenant in ("acme", "globex"):
        for at_ms in (1, 2, 3):
            await created(world, tenant, at_ms)
    await follow_all(world.projector())
    async with reading(world.database_url) as reader:
        _, cursor = await reader.list_events(ACME, limit=1)
        assert cursor.isprintable()
        for bad in (cursor[:-1], cursor + "A", "A" + cursor[1:], "x", "é", "\0", "A" * 200):
            with pytest.raises(InvalidCursor):
                await reader.list_events(ACME, bad)
        with pytest.raises(InvalidCursor):
            await reader.list_events(GLOBEX, cursor)


async def test_control_a_reader_that_forgets_the_tenant_shows_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    anyone = availability_reader._SQL["newest_events"].replace("tenant = $1", "$1 <> ''")
    monkeypatch.setitem(availability_reader._SQL, "newest_events", anyone)
    with pytest.raises(AssertionError):
        await test_another_tenants_event_looks_like_none(world)
