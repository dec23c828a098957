"""An event erased: nobody is named any more, anywhere; that it was, and that this was its history, stays."""

import asyncio
import shutil
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from actors.archive import erasing
from actors.archive.archive_file import ArchiveFile
from actors.archive.erasing import NotErased, erasable_before, erase, left_of_erased
from actors.archive.journal_with_archives import with_archives
from actors.archive.putting_away import NotPutAway, PutAway, put_away
from actors.archive.restoring import NotRestored, restore
from actors.core.baskets import LegPlan
from actors.core.commands import ConfirmOrder, PinLeg, PlaceOrder, ReleaseLeg
from actors.core.layout import Calendar, Category, Layout, Resource
from actors.core.replies import EventStatus
from actors.core.snapshot import FORMAT, freeze
from actors.core.wishes import Wish
from actors.journal.codec import encode_entries
from actors.journal.journal import JournalRow, NewRow, Snapshot, chain_of
from actors.projections.listing import ListingProjection
from actors.projections.projector import Projector
from loadtests.audit_command import CLEAN
from serve.cli import app
from serve.replay import replay_twice
from tests.archive.finished import (
    AFTER_ALL_MS,
    DAY_MS,
    audited,
    away,
    close_and_archive,
    finished_event,
    finished_in_parts,
    loading,
    rows_in_journal,
)
from tests.archive.named import (
    AUDITOR,
    BUYER,
    OPERATOR,
    acknowledged,
    alarmed,
    found_and_settled,
    who_names,
)
from tests.projections.selling import ALL, START_MS, SellingEvent, World, follow_all

pytestmark = pytest.mark.anyio

NAMING = (
    "audit_alarms.acknowledged_because",
    "audit_alarms.sentence",
    "listed_holds.buyer",
    "listed_holds.shown",
    "listed_orders.buyer",
    "listed_orders.shown",
    "quarantine_history.why",
    "snapshots.state",
)
NEVER_MS = 4_000_000_000_000  # after what is erased now as well


class Stopped(BaseException):
    """What ends a process in the middle."""


def listing(world: World) -> Projector:
    """A projector with the lists."""
    return world.projector(*[kind() for kind in ALL], ListingProjection())


async def put_away_event(world: World, folder: Path) -> tuple[SellingEvent, PutAway]:
    event = await finished_event(world)
    await follow_all(listing(world))
    return event, await away(world, event, folder)


async def appends(world: World, event: SellingEvent) -> bool:
    """Whether a shard that has the event in memory as it was can write of it."""
    last = event.rows[-1]
    encoded = encode_entries([])
    chain = chain_of(last.chain, event.block, last.position + 1, 1, event.now_ms, encoded)
    row = JournalRow(event.block, last.position + 1, 1, event.now_ms, 0, encoded, chain)
    return event.block in (await world.journal.append([NewRow(row, last.chain)])).durable


async def check_erased(world: World, folder: Path) -> SellingEvent:
    """Erase an event and look whether anybody is named, and whether what stays is sound."""
    event, done = await put_away_event(world, folder)
    await found_and_settled(world, event.block)
    assert {*NAMING, done.path.name} <= set(await who_names(world, folder, event.block)), "it can be found"
    shown = "select status, available, held, sold, counts, statuses, name from availability where block_id = $1"
    before = await world.rows(shown, event.block)
    assert await erasable_before(world.connection, AFTER_ALL_MS) == [event.block]
    assert await erase(world.connection, event.block, folder, AFTER_ALL_MS) == done.path
    # a shard that had it in memory saves what it knew
    last = event.rows[-1]
    await world.journal.save_snapshot(Snapshot(event.block, last.position, last.chain, FORMAT, freeze(event.state)))
    assert await who_names(world, folder, event.block) == [], "somebody is still named"
    history = await world.rows("select what, who, why from quarantine_history order by at")
    assert history == [("imposed", AUDITOR, ""), ("ended", OPERATOR, "")], "that it was stopped stays, and by whom"
    assert not await appends(world, event), "a shard goes on from what it remembers"
    async with loading(world) as activator:
        loaded = await activator.load(event.block)
    assert loaded.position == last.position + 1
    assert (loaded.state.status, loaded.state.name) == (EventStatus.ARCHIVED, "Night")
    assert [*loaded.state.holds, *loaded.state.orders, *loaded.state.memos] == []
    await follow_all(listing(world))
    assert await world.rows(shown, event.block) == before, "what was sold, in numbers, stays"
    positions = await world.positions(event.block)
    assert set(positions.values()) == {(last.position + 1, None)}
    (proof,) = await world.rows(
        "select chain from journal where block_id = $1 and position = $2", event.block, last.position
    )
    assert proof == (last.chain,), "any copy can be proven"
    return event


async def test_nobody_is_named_any_more_and_the_event_stays(world: World, tmp_path: Path) -> None:
    event = await check_erased(world, tmp_path)
    assert await erasable_before(world.connection, NEVER_MS) == []
    with pytest.raises(NotPutAway, match="it was erased on 2"):
        await away(world, event, tmp_path)


async def test_the_check_notices_a_snapshot_that_knows_everybody(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control."""
    monkeypatch.setattr(erasing, "bared", lambda state: state)
    with pytest.raises(AssertionError, match="somebody is still named"):
        await check_erased(world, tmp_path)


@pytest.mark.parametrize("query", ["drop_holds", "drop_orders", "forget_alarms", "forget_why"])
async def test_the_check_notices_lists_and_findings_that_stay(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, query: str
) -> None:
    """Negative control."""
    monkeypatch.setitem(erasing._SQL, query, "select from blocks where block_id = $1")
    with pytest.raises(AssertionError, match="somebody is still named"):
        await check_erased(world, tmp_path)


async def test_the_check_notices_a_table_that_it_has_never_heard_of(world: World, tmp_path: Path) -> None:
    """Negative control: what is kept of buyers is added to the schema, and erasing does not know of it."""
    await world.connection.execute("create table remarks (made_at timestamptz default now(), words jsonb)")
    await world.connection.execute("insert into remarks (words) values (jsonb_build_object('of', $1::text))", BUYER)
    with pytest.raises(AssertionError, match=r"somebody is still named(.|\n)*remarks\.words"):
        await check_erased(world, tmp_path)


async def check_forgotten_in_the_end(world: World, folder: Path) -> None:
    """An alarm that comes while an event is erased stays until somebody has looked, and goes with a later retention."""
    event, _ = await put_away_event(world, folder)
    await erase(world.connection, event.block, folder, AFTER_ALL_MS)
    await alarmed(world, event.block)
    await erasing.forget_findings(world.connection)
    assert await who_names(world, folder, event.block) == ["audit_alarms.sentence"], "nobody has looked at it"
    await acknowledged(world)
    other = await finished_event(world)
    await found_and_settled(world, other.block)
    said = await asyncio.to_thread(
        CliRunner().invoke,
        app,
        ["retention", "--older-than", "36000", "--into", str(folder), "--apply", "--database-url", world.database_url],
        env={"HOLDFAST_DATA_DIR": None},
    )
    assert said.exit_code == 0
    assert await who_names(world, folder, event.block) == [], "somebody is still named"
    named = {"audit_alarms.sentence", "quarantine_history.why"}
    assert named <= set(await who_names(world, folder, other.block)), "of what is not erased it stays"


async def test_what_was_found_late_is_forgotten_with_the_next_retention(world: World, tmp_path: Path) -> None:
    await check_forgotten_in_the_end(world, tmp_path)


async def test_control_a_retention_that_forgets_nothing_of_before_is_noticed(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(erasing._SQL, "forget_alarms", "select from blocks where block_id = $1")
    with pytest.raises(AssertionError, match="somebody is still named"):
        await check_forgotten_in_the_end(world, tmp_path)


async def test_the_check_notices_a_snapshot_of_who_remembers_more(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control: the event is not noted as erased, so a shard may save what it has in memory."""
    monkeypatch.setitem(erasing._SQL, "mark_erased", "select from blocks where block_id = $1")
    with pytest.raises(AssertionError, match="somebody is still named"):
        await check_erased(world, tmp_path)


async def test_the_check_notices_a_shard_that_goes_on_from_what_it_remembers(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control: no row is appended, so nothing fences who has it in memory."""

    async def same(_: Any, last: JournalRow, *__: object) -> JournalRow:
        return last

    monkeypatch.setattr(erasing, "_closing_row", same)
    unchanged = "select from journal where block_id = $1 and ($2, $3, $4, $5, $6, $7) is not null"
    casts = "($2::bigint, $3::bigint, $4::bigint, $5::integer, $6::bytea, $7::bytea)"
    monkeypatch.setitem(erasing._SQL, "close_history", unchanged.replace("($2, $3, $4, $5, $6, $7)", casts))
    with pytest.raises(AssertionError, match="goes on from what it remembers"):
        await check_erased(world, tmp_path)


async def test_a_copy_of_the_archive_can_be_read_and_is_not_put_back(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "archive").mkdir()
    event, done = await put_away_event(world, tmp_path / "archive")
    copy = shutil.copy(done.path, tmp_path)
    await erase(world.connection, event.block, tmp_path / "archive", AFTER_ALL_MS)
    assert await audited(world) == CLEAN
    assert f"not audited: what is in the archive {done.path.name}, which was deleted on 2" in capsys.readouterr().out
    assert await audited(world, archives=(Path(copy),)) == CLEAN
    assert "not audited" not in capsys.readouterr().out
    whole = with_archives(world.database_url, "tests", [ArchiveFile(Path(copy))])
    replayed = await replay_twice(whole, event.block, None)
    assert (replayed.position, replayed.from_snapshot) == (len(event.rows) + 1, None)
    await whole.close()
    with pytest.raises(
        NotRestored, match=r"it was erased on 2.*: who has a copy of its archive reads it with --archive"
    ):
        await restore(world.connection, ArchiveFile(Path(copy)))


async def test_home_and_parts_are_erased_together_or_not_at_all(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, part = await finished_in_parts(world)
    await follow_all(listing(world))
    done = await away(world, home, tmp_path)
    before = await rows_in_journal(world)
    shipped = erasing._erase_block

    async def stops(connection: Any, end: Any, *rest: Any) -> None:
        await shipped(connection, end, *rest)
        if end.block == part.block:
            raise Stopped

    with monkeypatch.context() as patch:
        patch.setattr(erasing, "_erase_block", stops)
        with pytest.raises(Stopped):
            await erase(world.connection, home.block, tmp_path, AFTER_ALL_MS)
    assert await rows_in_journal(world) == before
    assert done.path.exists()
    await erase(world.connection, home.block, tmp_path, AFTER_ALL_MS)
    assert await world.rows("select count(*) from archived_blocks where erased_at is not null") == [(2,)]
    assert len(await rows_in_journal(world)) == 4


async def test_who_is_stopped_before_the_file_is_gone_deletes_it_later(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    event, done = await put_away_event(world, tmp_path)

    def stop(_: Path) -> None:
        raise Stopped

    with monkeypatch.context() as patch:
        patch.setattr(erasing, "delete", stop)
        with pytest.raises(Stopped):
            await erase(world.connection, event.block, tmp_path, AFTER_ALL_MS)
    assert await left_of_erased(world.connection, tmp_path) == [done.path]
    erasing.delete(done.path)
    assert await left_of_erased(world.connection, tmp_path) == []


async def desk_that_is_behind(world: World) -> None:
    """One of the tenant that has not done what was due."""
    desk = "00000000000desk1"
    await world.connection.execute("insert into blocks (block_id, tenant, shard) values ($1, 'acme', 'shard-1')", desk)
    await world.connection.execute("insert into deadlines (block_id, due_at_ms) values ($1, $2)", desk, START_MS)


async def test_what_is_not_to_be_erased_stays_and_says_why(world: World, tmp_path: Path) -> None:
    event, done = await put_away_event(world, tmp_path)
    before = await rows_in_journal(world)
    aside = done.path.rename(tmp_path / "aside")

    async def refused(why: str, before_ms: int = AFTER_ALL_MS) -> None:
        with pytest.raises(NotErased, match=why):
            await erase(world.connection, event.block, tmp_path, before_ms)
        assert await rows_in_journal(world) == before

    await refused("is not in .*: give the folder that has it")
    other = await finished_event(world)
    await follow_all(listing(world))
    before = await rows_in_journal(world)
    with pytest.raises(NotErased, match="it is not put away"):
        await erase(world.connection, other.block, tmp_path, AFTER_ALL_MS)
    done_other = await away(world, other, tmp_path)
    before = await rows_in_journal(world)
    shutil.copy(done_other.path, done.path)
    await refused("is not the archive that it was put into")
    aside.rename(done.path)
    await refused("it was written to too lately", event.now_ms)
    await desk_that_is_behind(world)
    await refused("the desk event_00000000000desk1 is behind, perhaps with a basket of it: see holdfast doctor")
    await world.connection.execute("delete from deadlines where block_id = '00000000000desk1'")
    assert await erasable_before(world.connection, event.now_ms) == []
    await event.append_bytes(event.rows[0].entries)  # a claim
    before = await rows_in_journal(world)
    await refused("it was written to behind its archive")


async def test_an_event_of_which_a_slot_has_not_begun_is_not_over(world: World, tmp_path: Path) -> None:
    begins_ms = START_MS + 10 * DAY_MS
    calendar = Calendar("UTC", 3_600_000, ((begins_ms, 2, 0),))
    court = Layout(
        "EUR", (Category("court", 100),), (), (), resources=(Resource("Court", 0, 0),), calendars=(calendar,)
    )
    event = await world.event(layout=court)
    hold = event.hold(event.state.index.unit_name(0))
    order = PlaceOrder(event.stamp(), hold.hold, 77)
    assert await event.sell(hold, order, ConfirmOrder(event.stamp(), 77)) == 3
    await close_and_archive(event)
    await follow_all(listing(world))
    with pytest.raises(NotPutAway, match="somebody has a slot of it that has not begun, or did so too lately"):
        await put_away(world.connection, event.block, tmp_path, begins_ms)
    assert (await put_away(world.connection, event.block, tmp_path, begins_ms + 1)).rows > 0


async def test_an_event_with_a_leg_that_is_not_settled_is_not_over(world: World, tmp_path: Path) -> None:
    event = await world.event()
    plan = LegPlan(event.block, 5, Wish(("Hall/A/1",)))
    assert await event.sell(PinLeg("acme", "00000000000desk1", 4, BUYER, plan, 1, event.now_ms + 5_000)) == 1
    await close_and_archive(event)
    await follow_all(listing(world))
    with pytest.raises(NotPutAway, match="something of it is still to happen"):
        await away(world, event, tmp_path)
    assert await event.sell(ReleaseLeg("acme", 5, 2)) == 1
    await follow_all(listing(world))
    assert (await away(world, event, tmp_path)).rows > 0
