"""The live map: one position at a time, never back, and of no consequence when Redis is away or empty."""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from random import Random
from typing import Any

import pytest

from actors.core.ids import BlockId, TenantId
from actors.projections import availability_reader, live_events
from actors.projections.answers import Availability, SeatStatuses
from actors.projections.availability_reader import AvailabilityReader
from actors.projections.fresh import ReadUnavailable
from actors.projections.live_events import LiveEvents, LiveUnavailable
from actors.projections.live_writer import LiveWriter
from actors.projections.shown import Shown
from serve.local.preflight import free_port
from serve.local.redis import Redis
from tests.projections.selling import SEATS, SellingEvent, World, follow_all
from tests.projections.watching import NOWHERE, Known, as_shown, ask, now_ms, reading

pytestmark = pytest.mark.anyio


async def test_what_was_followed_is_shown_without_postgres(world: World, redis: Redis) -> None:
    event, known = await world.event(), Known()
    projector = world.projector(display=LiveWriter(LiveEvents(redis.url)))
    async with reading(NOWHERE, redis.url) as reader:
        for turn in range(8):
            await event.live_at_random(Random(turn), 3)
            known.note(event)
            await follow_all(projector)
            counts, seats = await ask(reader, event.block)
            known.check(counts, seats)
            assert counts.position == seats.position == len(event.rows)
            assert counts.age_ms < 60_000
        assert await reader.availability(TenantId("globex"), event.block) is None
        assert await reader.seat_statuses(TenantId("globex"), event.block) is None


async def check_one_position_at_a_time(world: World, redis: Redis) -> None:
    """Three write whatever they have, in any order; what is read is of one position, and no older than before."""
    event, known = await world.event(), Known()
    for turn in range(60):
        await event.live_at_random(Random(turn), 1)
        known.note(event)
    live = [LiveEvents(redis.url) for _ in range(4)]

    async def write(to: LiveEvents, order: list[Shown]) -> None:
        for shown in order:
            await to.show([(event.block, shown, None)])

    orders = [disordered(list(known.at.values()), Random(seed)) for seed in range(3)]
    writing = asyncio.gather(*(write(to, order) for to, order in zip(live, orders, strict=False)))
    try:
        await watch(live[3], event.block, known, writing)
        await writing
        shown = await live[3].find(event.block, with_seats=True)
        assert shown is not None
        assert shown.position == max(one.position for order in orders for one in order), "it goes back"
    finally:
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)
        for one in live:
            await one.close()


def disordered(shown: list[Shown], random: Random) -> list[Shown]:
    """All of them, on the whole from the first to the last."""
    return sorted(shown, key=lambda one: one.position + random.uniform(-5, 5))


async def watch(live: LiveEvents, block: BlockId, known: Known, writing: "asyncio.Future[Any]") -> None:
    """Read while it is written."""
    last = 0
    while not writing.done():
        shown = await live.find(block, with_seats=True)
        if shown is not None:
            assert shown.position >= last, "it goes back"
            last = shown.position
            expected = known.at[shown.position]
            assert (shown.event, shown.statuses) == (expected.event, expected.statuses), "positions are mixed"


async def test_a_position_is_never_mixed_with_another_nor_replaced_by_an_older(world: World, redis: Redis) -> None:
    await check_one_position_at_a_time(world, redis)


async def test_control_older_positions_that_replace_newer_ones_are_noticed(
    world: World, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_events, "_SHOW", live_events._SHOW.replace("if position < shown", "if false"))
    with pytest.raises(AssertionError, match="goes back"):
        await check_one_position_at_a_time(world, redis)


async def test_control_values_that_are_read_one_after_the_other_are_noticed(
    world: World, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = LiveEvents.find

    async def found(live: LiveEvents, block: BlockId, *, with_seats: bool) -> Shown | None:
        counts = await find(live, block, with_seats=False)
        await asyncio.sleep(0.002)
        whole = await find(live, block, with_seats=True)
        return None if counts is None or whole is None else Shown(counts.position, 0, whole.event, whole.statuses)

    monkeypatch.setattr(LiveEvents, "find", found)
    with pytest.raises(AssertionError, match="mixed"):
        await check_one_position_at_a_time(world, redis)


def kill(redis: Redis) -> None:
    for pid in redis.processes():
        os.kill(pid, signal.SIGKILL)


async def empty(redis: Redis) -> None:
    live = LiveEvents(redis.url)
    await live._redis.flushall()
    await live.close()


async def check_redis_is_of_no_consequence(world: World, redis: Redis) -> None:
    """It is killed, comes back, and is emptied while an event sells and is read; another event has gone quiet."""
    event, known, quiet = await world.event(), Known(), await world.event()
    await quiet.live_at_random(Random(0), 5)
    known.note(event)
    display = LiveWriter(LiveEvents(redis.url))
    running = asyncio.create_task(world.projector(display=display).run())
    try:
        await seen_at(world, event.block, len(event.rows), running)
        async with reading(world.database_url, redis.url) as reader:
            last = 0
            for turn, befalls in enumerate((None, kill, None, Redis.start, None, empty, None)):
                if befalls is not None:
                    done = await asyncio.to_thread(befalls, redis)
                    if asyncio.iscoroutine(done):
                        await done
                for sale in range(4):
                    await event.sell(event.hold(SEATS[(turn * 4 + sale) % len(SEATS)]), event.hold(places=1))
                    known.note(event)
                    counts, seats = await ask(reader, event.block)
                    known.check(counts, seats)
                    assert min(counts.position, seats.position) >= last, "it goes back"
                    last = max(counts.position, seats.position)
                await seen_at(world, event.block, len(event.rows), running)
                counts, seats = await newest(reader, event)
                known.check(counts, seats)
            await ask(reader, quiet.block)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await display.close()
    async with reading(NOWHERE, redis.url) as from_redis_alone:
        for one in (event, quiet):
            try:
                counts, seats = await ask(from_redis_alone, one.block)
            except ReadUnavailable:
                raise AssertionError("Redis was not filled again") from None
            assert (counts.position, seats.statuses) == (len(one.rows), as_shown(one).statuses)


async def seen_at(world: World, block: BlockId, position: int, running: "asyncio.Task[None]") -> None:
    """Wait until the projector has followed the block that far."""
    for _ in range(1_000):
        assert not running.done(), "the projector has ended"
        if (await world.positions(block)).get("availability") == (position, None):
            return
        await asyncio.sleep(0.01)
    raise AssertionError("the projector does not follow")


async def newest(reader: AvailabilityReader, event: SellingEvent) -> tuple[Availability, SeatStatuses]:
    """What is shown as soon as that is the event as it is."""
    for _ in range(300):
        counts, seats = await ask(reader, event.block)
        if counts.position == seats.position == len(event.rows):
            return counts, seats
        await asyncio.sleep(0.01)
    raise AssertionError("what is shown stands still")


async def test_redis_may_die_and_be_emptied_while_an_event_sells(world: World, redis: Redis) -> None:
    await check_redis_is_of_no_consequence(world, redis)


def the_projector_minds(patch: pytest.MonkeyPatch) -> None:
    async def showed(writer: LiveWriter, events: Sequence[Any]) -> bool:
        await writer._live.show(events)
        return True

    patch.setattr(LiveWriter, "_showed", showed)


def nobody_fills_it_again(patch: pytest.MonkeyPatch) -> None:
    async def tell(reader: AvailabilityReader, told: object) -> None:
        """Nobody."""

    patch.setattr(AvailabilityReader, "_tell", tell)


def there_is_no_other_way(patch: pytest.MonkeyPatch) -> None:
    async def read(reader: AvailabilityReader, block: BlockId, *, with_seats: bool) -> Shown | None:
        assert reader._live is not None
        return await reader._live.find(block, with_seats=with_seats)

    patch.setattr(AvailabilityReader, "_read", read)


@pytest.mark.parametrize("sabotage", [the_projector_minds, nobody_fills_it_again, there_is_no_other_way])
async def test_control_a_house_that_needs_redis_is_noticed(
    world: World, redis: Redis, monkeypatch: pytest.MonkeyPatch, sabotage: Callable[[pytest.MonkeyPatch], None]
) -> None:
    sabotage(monkeypatch)
    with pytest.raises((AssertionError, LiveUnavailable)):
        await check_redis_is_of_no_consequence(world, redis)


async def check_age(world: World, redis: Redis) -> None:
    """What is shown of a quiet event is as old as the last look at its journal, of one that nobody follows any more
    as old as the last time that it was followed.
    """
    quiet, selling = await world.event(), await world.event()
    await follow_all(world.projector(display=LiveWriter(LiveEvents(redis.url))))
    ahead_ms = 0
    async with reading(world.database_url, redis.url, lambda: now_ms() + ahead_ms) as reader:
        followed_ms = (await ask(reader, selling.block))[0].as_of_ms
        await selling.sell(selling.hold(SEATS[0]))
        await asyncio.sleep(0.05)
        ahead_ms = 3_600_000  # an hour later, as the reader sees it
        for event, is_stale in ((quiet, False), (selling, True)):
            for answer in await ask(reader, event.block):
                looked_at_ms = answer.as_of_ms
                assert answer.age_ms == pytest.approx(now_ms() + ahead_ms - looked_at_ms, abs=1_000)
                assert (looked_at_ms == followed_ms) == is_stale, "its age is not told"
    async with reading(NOWHERE, redis.url) as others:
        assert (await ask(others, quiet.block))[0].as_of_ms > followed_ms, "others are not told"


async def test_a_quiet_event_is_told_from_one_that_is_not_followed(world: World, redis: Redis) -> None:
    await check_age(world, redis)


async def test_control_who_does_not_look_where_the_journal_ends_is_noticed(
    world: World, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    blind = availability_reader._SQL["shown"].replace("head.position as head", "availability.position as head")
    monkeypatch.setitem(availability_reader._SQL, "shown", blind)
    with pytest.raises(AssertionError, match="age"):
        await check_age(world, redis)


async def test_control_who_shows_what_redis_has_whatever_its_age_is_noticed(
    world: World, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(availability_reader, "CONFIRM_MS", 1 << 60)
    with pytest.raises(AssertionError, match="age"):
        await check_age(world, redis)


async def test_what_another_history_of_the_database_left_is_not_shown(world: World, redis: Redis) -> None:
    """As after a restore from a backup: Redis has a position that the journal has not."""
    event, lost = await world.event(), SellingEvent(world.journal)
    await follow_all(world.projector())
    live = LiveEvents(redis.url)
    shown = as_shown(event)
    lost_future = Shown(900, 0, shown.event, b"\xff" * len(shown.statuses))
    await live.show([(event.block, lost_future, None), (lost.block, lost_future, None)])
    async with reading(world.database_url, redis.url) as reader:
        counts, seats = await ask(reader, event.block)
        assert (counts.position, seats.statuses) == (len(event.rows), shown.statuses)
    found = await live.find(event.block, with_seats=True)
    assert found is not None
    assert found.position == len(event.rows)
    await live.close()


async def check_who_is_cancelled_ends(world: World, redis: Redis) -> None:
    """Wherever in a call to Redis it happens to be: else a projector that is to stop would run on."""
    event = await world.event()
    live = LiveEvents(redis.url)
    asked: dict[str, Callable[[], Coroutine[Any, Any, object]]] = {
        "show": lambda: live.show([(event.block, as_shown(event), None)]),
        "find": lambda: live.find(event.block, with_seats=True),
        "confirm": lambda: live.confirm(event.block, 1, now_ms()),
    }
    for what, ask_redis in asked.items():
        await ask_redis()  # so that there is a connection
        for turns in range(200):
            asking = asyncio.create_task(ask_redis())
            for _ in range(turns):
                await asyncio.sleep(0)
            if asking.cancel():
                await asyncio.wait((asking,))
                assert asking.cancelled(), f"{what} goes on after {turns} turns"
            else:
                await asking
    await live.close()


async def test_who_is_cancelled_while_redis_answers_ends(world: World, redis: Redis) -> None:
    await check_who_is_cancelled_ends(world, redis)


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="the client of Redis sends by what loses none")
async def test_control_a_client_that_loses_cancellations_is_noticed(
    world: World, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def directly(asking: Awaitable[Any]) -> Any:
        return await asking

    monkeypatch.setattr(live_events, "apart", directly)
    with pytest.raises(AssertionError, match="goes on"):
        await check_who_is_cancelled_ends(world, redis)


def hangs_up(writer: asyncio.StreamWriter) -> None:
    writer.close()


def is_silent(writer: asyncio.StreamWriter) -> None:
    """Accepts, and never answers."""


async def check_redis_is_not_asked_again_and_again(
    world: World, answers: Callable[[asyncio.StreamWriter], None]
) -> None:
    """Postgres answers; Redis is tried once in its second, whoever asks."""
    event = await world.event()
    await follow_all(world.projector())
    tries = 0

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal tries
        tries += 1
        answers(writer)

    port = free_port()
    server = await asyncio.start_server(accept, "127.0.0.1", port)
    live = LiveEvents(f"redis://127.0.0.1:{port}/0", monotonic=lambda: 0.0)
    reader = AvailabilityReader(world.database_url, live, monotonic=iter(map(float, range(1 << 60))).__next__)
    for _ in range(20):
        counts, _ = await ask(reader, event.block)
        assert counts.position == len(event.rows)
    await reader.close()
    server.close()
    assert tries <= 2


@pytest.mark.parametrize("answers", [hangs_up, is_silent])
async def test_without_redis_postgres_answers_and_nobody_waits_for_redis_again_and_again(
    world: World, answers: Callable[[asyncio.StreamWriter], None]
) -> None:
    await check_redis_is_not_asked_again_and_again(world, answers)


async def test_control_who_asks_redis_each_time_is_noticed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_events, "AWAY_S", 0.0)
    with pytest.raises(AssertionError):
        await check_redis_is_not_asked_again_and_again(world, hangs_up)
