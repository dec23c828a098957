"""The continuous audit of real journals: what it finds while blocks sell, what it stops, and what it never does."""

import asyncio
from collections.abc import Awaitable, Callable
from random import Random

import msgspec
import pytest

from actors.audit.findings import Fault
from actors.auditor import AUDITOR
from actors.auditor.auditor import Auditor
from actors.auditor.follower import Follower
from actors.catalogue.quarantines import Quarantines
from actors.core import entries as e
from actors.core.commands import ReleaseHold
from actors.core.ids import BlockId
from actors.engine.catalogue_port import CatalogueUnavailable
from tests.auditor.watched import Event, Watched, audit_all, plant_double_claim, sell_at_random
from tests.loadtests.basket_journals import basket_journals
from tests.loadtests.basket_shops import FIRST
from tests.loadtests.journals import clean_journal
from tests.projections.selling import SEATS

pytestmark = pytest.mark.anyio

PATIENCE_ROUNDS = 600

Plant = Callable[[Watched, Event], Awaitable[None]]


async def _double_claim(_: Watched, event: Event) -> None:
    await plant_double_claim(event)


async def _broken_chain(world: Watched, event: Event) -> None:
    await event.live_at_random(Random(2), 3)
    await world.world.connection.execute(
        "update journal set recorded_at_ms = recorded_at_ms + 1 where block_id = $1 and position = $2",
        event.block, len(event.rows) - 1,
    )  # fmt: skip


async def _missing_row(world: Watched, event: Event) -> None:
    await event.live_at_random(Random(2), 4)
    await world.world.connection.execute(
        "delete from journal where block_id = $1 and position = $2", event.block, len(event.rows) - 2
    )


async def _unreadable(_: Watched, event: Event) -> None:
    await event.append_bytes(b"\x01\x91\xc1")


async def _unknown_hold(_: Watched, event: Event) -> None:
    await event.append_unseen(e.HoldExpired(event.now_ms, 12345))


async def _leg_without_desk(_: Watched, event: Event) -> None:
    await event.sell(event.hold(SEATS[-1]))
    placed = event.placed()[-1]
    await event.sell(ReleaseHold(event.stamp(), placed.hold))
    await event.append_unseen(
        e.LegPinned(
            event.now_ms, 77, "0" * 15 + "z", 5, 1, "ana", placed.seats, placed.areas, placed.prices, placed.lines,
            placed.charges, placed.once, "", (), (), event.now_ms + 35_000,
        )
    )  # fmt: skip


WRONGS: dict[str, tuple[Plant, set[Fault]]] = {
    "a seat is held twice": (_double_claim, {Fault.UNIT_CLAIMED_TWICE, Fault.UNITS_DO_NOT_ADD_UP}),
    "a row was changed": (_broken_chain, {Fault.CHAIN_BROKEN}),
    "a row is gone": (_missing_row, {Fault.ROW_MISSING}),
    "entries cannot be read": (_unreadable, {Fault.ENTRIES_UNREADABLE}),
    "a hold ends that never was": (_unknown_hold, {Fault.HOLD_UNKNOWN}),
    "a leg has no desk": (_leg_without_desk, {Fault.LEG_ASTRAY}),
}


async def check_follows(world: Watched, auditor: Auditor) -> None:
    """Events sell and are audited in turn: every row of each is, and nothing is found."""
    events = [await world.event() for _ in range(4)]
    random = Random(1)
    for _ in range(6):
        await sell_at_random(events, random)
        await audit_all(auditor)
        figures = auditor.figures
        assert figures.row_count == sum(len(event.rows) for event in events)
        assert (figures.block_count, figures.lag_rows, figures.lagging) == (4, 0, ())
        assert (figures.finding_count, figures.begun_anew_count) == (0, 0)
    assert await world.stopped() == []


async def test_it_follows_what_sells(world: Watched) -> None:
    await check_follows(world, world.auditor())


async def test_it_follows_by_page_of_a_few_rows_and_blocks(world: Watched) -> None:
    await check_follows(world, world.auditor(blocks_per_page=1, rows_per_slice=2))


@pytest.mark.parametrize("wrong", WRONGS)
async def test_a_wrong_stops_its_block_and_its_neighbours_go_on(world: Watched, wrong: str) -> None:
    """Planted while it is followed, and found again, once, by an auditor that begins at the first row."""
    plant, expected = WRONGS[wrong]
    events = [await world.event() for _ in range(3)]
    auditor, random = world.auditor(), Random(3)
    await sell_at_random(events, random)
    await audit_all(auditor)
    await plant(world, events[1])
    if wrong in ("a row was changed", "a row is gone"):
        auditor = world.auditor()  # what was audited before it was changed is not read again
    await sell_at_random(events[::2], random)
    await audit_all(auditor)
    (stopped,) = await world.stopped()
    assert (stopped.block, stopped.by) == (events[1].block, AUDITOR)
    assert any(stopped.why.startswith(str(fault)) for fault in expected), stopped.why
    assert auditor.figures.stopped_count == 1
    assert auditor.figures.row_count >= sum(len(event.rows) for event in events[::2])
    again = world.auditor()
    await audit_all(again)
    assert await world.stopped() == [stopped]
    assert again.figures.finding_count == auditor.figures.finding_count
    assert again.figures.stopped_count == 0


async def test_what_is_no_danger_raises_an_alarm_alone(world: Watched) -> None:
    event = await world.event()
    await event.append_unseen(e.WaiterLeft(event.now_ms, 9, b"k" * 16, b"k" * 16))
    auditor = world.auditor()
    await audit_all(auditor)
    figures = auditor.figures
    assert (figures.finding_count, figures.alarm_count, figures.stopped_count) == (1, 1, 0)
    assert await world.stopped() == []


async def test_baskets_are_held_against_their_legs_as_of_one_moment(world: Watched) -> None:
    """Row by row, in any order of blocks: what is on its way is no fault."""
    journals = [journal.rows() for journal in basket_journals()]
    connection = world.world.connection
    auditor = world.auditor()
    for rows in journals:
        await world.write(rows[:1])
    rest = sorted((row for rows in journals for row in rows[1:]), key=lambda row: (row.recorded_at_ms, row.block))
    for row in rest:
        await connection.execute("insert into journal (block_id, position, epoch, recorded_at_ms, entry_count, "
                                 "entries, chain) values ($1, $2, $3, $4, $5, $6, $7)",
                                 *msgspec.structs.astuple(row))  # fmt: skip
    await audit_all(auditor)
    assert auditor.figures.crossed_count > 0
    assert auditor.figures.finding_count == 0
    await connection.execute("delete from journal where block_id = $1", FIRST)
    await audit_all(world.auditor())
    assert {stopped.block for stopped in await world.stopped()} == {journals[0][0].block}


async def test_a_journal_that_lost_its_last_rows_is_no_finding(world: Watched) -> None:
    """As after a failover to a replica that did not have them yet: it goes on from what is there."""
    event = await world.event()
    await event.live_at_random(Random(5), 6)
    auditor = world.auditor()
    await audit_all(auditor)
    kept = event.rows[:-2]
    connection = world.world.connection
    await connection.execute("delete from journal where block_id = $1 and position > $2", event.block, len(kept))
    await audit_all(auditor)
    event.rows[:] = kept
    await event.append_unseen(e.SaleOpened(event.now_ms, b"k" * 16, b"k" * 16))
    again = Event(event.journal)
    again.block, again.rows = event.block, event.rows
    await audit_all(auditor)
    assert auditor.figures.begun_anew_count == 1
    alarms = {alarm.what for alarm in await world.alarms.kept(100)}
    assert alarms <= {Fault.TAIL_MISSING.name, Fault.EVENT_ILLEGAL.name}
    assert all(stopped.why.startswith(str(Fault.EVENT_ILLEGAL)) for stopped in await world.stopped())


async def test_memory_is_bounded_and_what_was_let_go_is_audited_again(world: Watched) -> None:
    events = [await world.event() for _ in range(5)]
    auditor, random = world.auditor(max_kept_bytes=1), Random(4)
    for _ in range(3):
        await sell_at_random(events, random)
        await audit_all(auditor)
        assert auditor.figures.kept_count == 1
    assert auditor.figures.finding_count == 0
    await plant_double_claim(events[0])
    await audit_all(auditor)
    assert [stopped.block for stopped in await world.stopped()] == [events[0].block]


async def test_a_block_at_which_the_audit_fails_is_told_of_and_the_others_go_on(
    world: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = [await world.event() for _ in range(3)]
    shipped = Follower.take
    broken = [events[1].block]

    def take(self: Follower, row: object) -> None:
        assert self.block not in broken, "a bug"
        shipped(self, row)  # type: ignore[arg-type]

    monkeypatch.setattr(Follower, "take", take)
    auditor = world.auditor()
    for _ in range(5):
        await auditor.round()
    figures = auditor.figures
    assert [lag.block for lag in figures.lagging] == broken
    assert "a bug" in figures.lagging[0].trouble
    assert figures.unaudited_count == 1
    assert await world.stopped() == []
    broken.clear()
    await audit_all(auditor)
    assert auditor.figures.unaudited_count == 0


async def test_a_quarantine_that_cannot_be_imposed_is_imposed_later(
    world: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = await world.event()
    await plant_double_claim(event)
    auditor = world.auditor()

    async def away(*_: object) -> bool:
        raise CatalogueUnavailable("away")

    with monkeypatch.context() as patch:
        patch.setattr(Quarantines, "impose", away)
        await audit_all(auditor)
    assert await world.stopped() == []
    await auditor.round()
    assert [stopped.block for stopped in await world.stopped()] == [event.block]


async def test_control_an_auditor_that_skips_rows_is_noticed(world: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    shipped = Follower.take

    def take(self: Follower, row: object) -> None:
        if row.position % 7:  # type: ignore[attr-defined]
            shipped(self, row)  # type: ignore[arg-type]

    monkeypatch.setattr(Follower, "take", take)
    with pytest.raises(AssertionError):
        await check_follows(world, world.auditor())


async def test_control_an_auditor_that_does_not_impose_is_noticed(
    world: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def impose(*_: object) -> bool:
        return True

    monkeypatch.setattr(Quarantines, "impose", impose)
    with pytest.raises((AssertionError, ValueError)):
        await test_a_wrong_stops_its_block_and_its_neighbours_go_on(world, "a seat is held twice")


async def test_it_reads_only(world: Watched) -> None:
    auditor = world.auditor()
    await auditor.round()
    reading = await world.world.connection.fetchval(
        "select count(*) from pg_stat_activity where application_name = 'holdfast-auditor'"
    )
    assert reading == 1
    with pytest.raises(Exception, match="read-only"):
        await auditor._journals._line.fetch("delete from journal")  # type: ignore[attr-defined]


async def test_the_clean_journal_of_all_entries_has_no_finding(world: Watched) -> None:
    await world.write(clean_journal().rows())
    auditor = world.auditor()
    await audit_all(auditor)
    assert auditor.figures.finding_count == 0
    assert await world.stopped() == []


async def test_it_goes_on_after_its_lines_were_cut(world: Watched) -> None:
    """As when Postgres has started again."""
    event = await world.event()
    auditor = world.auditor()
    running = asyncio.create_task(auditor.run())
    try:
        await event.live_at_random(Random(8), 5)
        await world.world.connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'holdfast-auditor%'"
        )
        await plant_double_claim(event)
        for _ in range(PATIENCE_ROUNDS):
            if await world.stopped():
                break
            await asyncio.sleep(0.05)
    finally:
        running.cancel()
    assert [stopped.block for stopped in await world.stopped()] == [BlockId(event.block)]
