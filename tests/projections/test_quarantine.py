"""What cannot be followed stops its own block, loudly; everything else goes on."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from os import urandom
from random import Random
from typing import Any

import pytest
from structlog.testing import capture_logs

from actors.core import block as core
from actors.core.commands import ReleaseHold
from actors.core.entries import HoldReleased
from actors.core.ids import BlockId
from actors.core.snapshot import FORMAT, freeze, restore
from actors.database.connect import Connection
from actors.database.line import LineRefused, LineUnavailable
from actors.journal.codec import decode_entries, encode_entries
from actors.journal.journal import JournalRefused, JournalRow, Snapshot
from actors.projections.availability import AvailabilityProjection
from actors.projections.deadlines import DeadlinesProjection
from actors.projections.fold import Fold
from actors.projections.positions import Positions
from actors.projections.positions_port import BlocksRefused, Seen
from actors.projections.projection import FollowedRow, Progress
from actors.projections.projector import Projector
from tests.database_faults import lose_large_values
from tests.projections.selling import ALL, SEATS, Feed, SellingEvent, World, check_followed, follow_all

pytestmark = pytest.mark.anyio

Damage = Callable[[World, SellingEvent], Coroutine[Any, Any, object]]


async def _unreadable_bytes(world: World, event: SellingEvent) -> None:
    await event.append_bytes(b"\x01 no msgpack")


async def _version_from_the_future(world: World, event: SellingEvent) -> None:
    await event.append_bytes(b"\x63" + encode_entries([])[1:])


async def _entry_that_does_not_apply(world: World, event: SellingEvent) -> None:
    await event.append_bytes(encode_entries([HoldReleased(event.now_ms, 987_654, b"k" * 16, b"f" * 16)]))


async def _changed_row(world: World, event: SellingEvent) -> None:
    entries = encode_entries([HoldReleased(event.now_ms, 1, b"k" * 16, b"f" * 16)])
    await world.connection.execute(
        "update journal set entries = $2 where block_id = $1 and position = 14", event.block, entries
    )


async def _changed_time(world: World, event: SellingEvent) -> None:
    """A change that applies without complaint: nothing but the chain tells."""
    await world.connection.execute(
        "update journal set recorded_at_ms = recorded_at_ms + 1 where block_id = $1 and position = 14", event.block
    )


async def _removed_row(world: World, event: SellingEvent) -> None:
    await world.connection.execute("delete from journal where block_id = $1 and position = 14", event.block)


async def _unreadable_file(world: World, event: SellingEvent) -> None:
    await event.append_bytes(urandom(10_000))
    await lose_large_values(world.connection, "journal")


DAMAGES: list[tuple[Damage, str]] = [
    (_unreadable_bytes, "cannot be read"),
    (_version_from_the_future, "version 99"),
    (_entry_that_does_not_apply, "cannot be applied"),
    (_changed_row, "row 14 does not extend row 13"),
    (_changed_time, "row 14 does not extend row 13"),
    (_removed_row, "row 15 does not extend row 13"),
    (_unreadable_file, "its rows cannot be read: DataCorruptedError XX001"),
]


async def check_that_only_its_block_stops(world: World, damage: Damage, because: str) -> None:
    """Three events sell, the journal of the second is damaged behind what was followed."""
    events = [await world.event() for _ in range(3)]
    projector = world.projector()
    for event in events:
        await event.live_at_random(Random(1), 8)
    await follow_all(projector)
    for event in events:
        await event.live_at_random(Random(2), 8)
    bad = events[1]
    before = await world.rows("select * from availability where block_id = $1", bad.block)
    followed = (await world.positions(bad.block))["feed"][0]
    await damage(world, bad)
    with capture_logs() as logs:
        await follow_all(projector)
    for event in (events[0], events[2]):
        await check_followed(world, event)
    stopped = await world.positions(bad.block)
    assert {position for position, _ in stopped.values()} == {followed}, "nothing is skipped"
    assert all(reason is not None and because in reason for _, reason in stopped.values()), stopped
    assert await world.rows("select * from availability where block_id = $1", bad.block) == before
    loud = [log for log in logs if log["log_level"] == "error" and log.get("block") == bad.block]
    assert {log["projection"] for log in loud} == {kind().name for kind in ALL}
    with capture_logs() as logs:
        await follow_all(projector)
    assert not logs, "it is said once, not in every round"


@pytest.mark.parametrize(("damage", "because"), DAMAGES, ids=[damage.__name__ for damage, _ in DAMAGES])
async def test_a_damaged_journal_stops_its_block_alone(world: World, damage: Damage, because: str) -> None:
    await check_that_only_its_block_stops(world, damage, because)


async def test_control_without_the_chain_a_changed_row_goes_unnoticed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Fold, "extend", _extend_without_looking)
    with pytest.raises(AssertionError):
        await check_that_only_its_block_stops(world, _changed_time, "row 14 does not extend row 13")


def _extend_without_looking(self: Fold, row: JournalRow) -> None:
    entries = decode_entries(row.entries)
    for entry in entries:
        core.apply(self.state, entry)
    self.position, self.chain = row.position, row.chain
    self.rows.append(FollowedRow(row, entries))


async def test_control_one_who_does_not_stop_the_block_stops_them_all(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def give_up(_self: Projector, block: BlockId, _seen: dict[str, Seen], because: str, **_: bool) -> None:
        raise AssertionError(f"{block}: {because}")

    monkeypatch.setattr(Projector, "_quarantine", give_up)
    with pytest.raises(AssertionError):
        await check_that_only_its_block_stops(world, _unreadable_bytes, "cannot be read")


async def test_control_rows_that_are_only_read_together_stop_them_all(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def give_up(_self: Projector, _active: object, refusal: BlocksRefused) -> bool:
        raise LineUnavailable(str(refusal))

    monkeypatch.setattr(Projector, "_follow_apart", give_up)
    with pytest.raises(LineUnavailable, match="XX001"):
        await check_that_only_its_block_stops(world, *DAMAGES[-1])


async def blame_the_blocks(self: Positions, ask: Any, _ask_of_none: Any) -> Any:
    try:
        return await self._line.run(ask)
    except LineRefused as refusal:
        raise BlocksRefused(str(refusal)) from refusal


async def check_a_fault_of_no_row(world: World) -> None:
    """A column is away that somebody will bring back."""
    events = [await world.event() for _ in range(2)]
    projector = world.projector()
    await world.connection.execute("alter table journal rename column entries to entries_gone")
    with pytest.raises(LineRefused):
        await follow_all(projector)
    await world.connection.execute("alter table journal rename column entries_gone to entries")
    await follow_all(projector)
    for event in events:
        await check_followed(world, event)


async def test_what_is_no_rows_fault_stops_no_block(world: World) -> None:
    await check_a_fault_of_no_row(world)


async def test_control_blamed_on_the_rows_it_stops_every_block(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Positions, "_asked_of_blocks", blame_the_blocks)
    with pytest.raises(pytest.fail.Exception):
        await check_a_fault_of_no_row(world)


async def test_a_journal_that_was_rewritten_behind_us_stops_the_block(world: World) -> None:
    """As after a failover to a replica that had lost a row: another row bears the position that was seen."""
    event = await world.event()
    await event.live_at_random(Random(1), 8)
    await follow_all(world.projector())
    lost = event.rows.pop()
    await world.connection.execute(
        "delete from journal where block_id = $1 and position = $2", event.block, lost.position
    )
    await event.append_bytes(encode_entries([]))
    await event.append_bytes(encode_entries([]))
    await follow_all(world.projector())
    assert {because for _, because in (await world.positions(event.block)).values()} == {
        f"row {lost.position} is not the row that was seen"
    }


async def test_a_journal_that_ends_too_early_stops_the_block(world: World) -> None:
    event = await world.event()
    await event.live_at_random(Random(1), 8)
    await follow_all(world.projector())
    await world.connection.execute("delete from journal where block_id = $1 and position > 5", event.block)
    await follow_all(world.projector())
    assert {because for _, because in (await world.positions(event.block)).values()} == {
        f"the journal ends at row 5, and row {len(event.rows)} was seen"
    }


class Choosy(Feed):
    """Cannot write of one block, for a reason of its own or of Postgres."""

    def __init__(self, bad: BlockId, statement: str) -> None:
        self.bad = bad
        self.statement = statement

    async def write(self, connection: Connection, progress: Sequence[Progress]) -> None:
        """See `Projection.write`."""
        await super().write(connection, progress)
        if self.bad in {one.block for one in progress}:
            if not self.statement:
                raise KeyError("a bug")
            await connection.execute(self.statement)


@pytest.mark.parametrize(
    ("statement", "because"),
    [
        ("", "a bug"),
        ("insert into deadlines (block_id) values ('no due time')", "null value"),
        ("select 1 / 0", "division by zero"),
    ],
)
async def test_what_a_projection_cannot_write_stops_that_projection_of_that_block(
    world: World, statement: str, because: str
) -> None:
    events = [await world.event() for _ in range(4)]
    bad = events[2]
    choosy = Choosy(bad.block, statement)
    projector = world.projector(choosy, AvailabilityProjection(), DeadlinesProjection())
    with capture_logs() as logs:
        await follow_all(projector)
    for event in events:
        await event.live_at_random(Random(3), 5)
    await follow_all(projector)
    for event in events:
        if event is not bad:
            await check_followed(world, event)
    stopped = await world.positions(bad.block)
    assert stopped["availability"] == stopped["deadlines"] == (len(bad.rows), None)
    assert stopped["feed"][0] == 0
    assert because in str(stopped["feed"][1])
    assert await world.feed(bad.block) == []
    loud = [log for log in logs if log["event"] == "projection is quarantined"]
    assert [(log["projection"], log["block"]) for log in loud] == [("feed", bad.block)]


async def test_an_older_projector_cannot_stop_what_a_newer_one_follows(world: World) -> None:
    event = await world.event()
    await follow_all(world.projector())
    older = world.projector()
    await older._quarantine(event.block, {"feed": Seen(position=0)}, "it knows no such entry")
    await event.live_at_random(Random(3), 5)
    await follow_all(world.projector())
    await check_followed(world, event)


async def test_a_projector_that_starts_says_what_is_quarantined(world: World) -> None:
    event = await world.event()
    await follow_all(world.projector(Choosy(event.block, "")))
    with capture_logs() as logs:
        running = asyncio.create_task(world.projector().run())
        await asyncio.sleep(0.3)
        running.cancel()
    loud = [log for log in logs if log["log_level"] == "error"]
    assert [(log["projection"], log["block"]) for log in loud] == [("feed", event.block)]


async def check_snapshot_on_damaged_file(world: World) -> None:
    """Projectors that begin with nothing in memory ask for a snapshot that Postgres cannot read any more."""
    events = [await world.event() for _ in range(2)]
    await follow_all(world.projector())
    bad = events[0]
    last = bad.rows[-1]
    await world.journal.save_snapshot(Snapshot(bad.block, last.position, last.chain, FORMAT, urandom(10_000)))
    await lose_large_values(world.connection, "snapshots")
    for event in events:
        await event.live_at_random(Random(3), 5)
    with capture_logs() as logs:
        await follow_all(world.projector())
    for event in events:
        await check_followed(world, event)
    loud = [log for log in logs if log["event"] == "snapshot cannot be read"]
    assert [(log["log_level"], log["block"]) for log in loud] == [("error", bad.block)]
    assert "XX001" in loud[0]["because"]


async def test_a_snapshot_that_postgres_cannot_read_costs_time_only(world: World) -> None:
    await check_snapshot_on_damaged_file(world)


async def test_control_who_must_have_the_snapshot_follows_nobody(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def insist(self: Projector, block: BlockId, position: int) -> Snapshot | None:
        return await self._journal.newest_snapshot(block, FORMAT, position)

    monkeypatch.setattr(Projector, "_newest_snapshot", insist)
    with pytest.raises(JournalRefused):
        await check_snapshot_on_damaged_file(world)


async def check_unfit_snapshot(world: World) -> None:
    """A snapshot that can be read leads to a state that the rows behind it do not fit."""
    event = await world.event()
    await event.sell(held := event.hold(SEATS[0]))
    await follow_all(world.projector())
    sound = event.state
    event.state = restore(freeze(sound))
    event.state.holds[held.hold].keys = (b"?" * 16,)
    await event.save_snapshot()
    event.state = sound
    assert await event.sell(ReleaseHold(event.stamp(), held.hold)) == 1
    await follow_all(world.projector())
    await check_followed(world, event)


async def test_a_snapshot_that_the_rows_do_not_fit_costs_time_only(world: World) -> None:
    await check_unfit_snapshot(world)


async def test_control_taken_for_a_bad_row_it_stops_the_block(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def stop(self: Projector, block: BlockId, seen: dict[str, Seen], because: str) -> bool:
        await self._quarantine(block, seen, because)
        return False

    monkeypatch.setattr(Projector, "_begin_anew_or_stop", stop)
    with pytest.raises(AssertionError):
        await check_unfit_snapshot(world)
