"""What `holdfast retention` leaves alone: what `--except` means, and events that somebody is still to look at."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from actors.archive import erasing, putting_away
from actors.auditor.alarms import Alarm, Alarms
from actors.catalogue.quarantines import Quarantines
from actors.core.ids import BlockId, TenantId, desks_of, event_id
from actors.projections.split import Split, encode_split
from serve import retention_command
from tests.archive.finished import finished_event, finished_in_parts, rows_in_journal
from tests.archive.test_commands import id_of, said
from tests.archive.test_erasing import listing
from tests.projections.selling import SellingEvent, World, follow_all

pytestmark = pytest.mark.anyio
LONG_AGO = ("--older-than", "30", "--erase-after", "60", "--apply")


async def retained(world: World, folder: Path, exit_code: int, *words: str) -> tuple[list[str], list[str]]:
    return await said(world, exit_code, "retention", *LONG_AGO, "--into", str(folder), *words)


async def erased_homes(world: World) -> list[str]:
    return [
        home for (home,) in await world.rows("select distinct home from archived_blocks where erased_at is not null")
    ]


async def check_a_part_keeps_its_event(world: World, folder: Path) -> None:
    """Named by any of its blocks, the event stays; without that it goes."""
    home, part = await finished_in_parts(world)
    await follow_all(listing(world))
    before = await rows_in_journal(world)
    for named in (home, part):
        printed, _ = await retained(world, folder, 0, "--except", id_of(named))
        assert printed == [f"{id_of(home)}: stays, as --except says", "0 put away, 0 erased, 0 refused"]
        assert await rows_in_journal(world) == before
    assert len((await said(world, 0, "archive", "put", id_of(home), "--into", str(folder)))[0]) == 1
    before = await rows_in_journal(world)
    for named in (home, part):
        await retained(world, folder, 0, "--except", id_of(named))
        assert await rows_in_journal(world) == before
    await retained(world, folder, 0)
    assert await erased_homes(world) == [home.block]


async def test_an_event_stays_whichever_of_its_blocks_is_named(world: World, tmp_path: Path) -> None:
    await check_a_part_keeps_its_event(world, tmp_path)


async def test_control_a_part_that_is_taken_for_an_event_is_noticed(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def itself(_: object, __: str, block: BlockId) -> BlockId:
        return block

    monkeypatch.setattr(retention_command, "_home_of", itself)
    with pytest.raises(AssertionError):
        await check_a_part_keeps_its_event(world, tmp_path)


async def test_a_ledger_means_its_event(world: World, tmp_path: Path) -> None:
    event, ledger = await finished_event(world), BlockId("00000000000cnt01")
    await follow_all(listing(world))
    await ledger_of(world, event, ledger)
    printed, _ = await retained(world, tmp_path, 0, "--except", event_id(ledger))
    assert printed == [f"{id_of(event)}: stays, as --except says", "0 put away, 0 erased, 0 refused"]


async def ledger_of(world: World, event: SellingEvent, ledger: BlockId) -> None:
    """As it is kept of an event that is split."""
    split = encode_split(Split((("Hall", ""),), (ledger,)))
    await world.connection.execute("update availability set split = $2 where block_id = $1", event.block, split)


async def test_what_is_no_event_or_erased_cannot_stay(world: World, tmp_path: Path) -> None:
    event = await finished_event(world)
    await follow_all(listing(world))
    desk = min(desks_of(TenantId("acme")))
    insert = "insert into blocks (block_id, tenant, shard) values ($1, 'acme', 'shard-1')"
    await world.connection.execute(insert, desk)
    before = await rows_in_journal(world)
    printed, errors = await retained(world, tmp_path, 1, "--except", event_id(desk))
    assert errors == [f"--except: {event_id(desk)} is no event of this database, and no part of one"]
    assert printed == []
    assert await rows_in_journal(world) == before
    await retained(world, tmp_path, 0)
    _, errors = await retained(world, tmp_path, 1, "--except", id_of(event))
    (line,) = errors
    assert line.startswith(f"--except: {id_of(event)} was erased on 2")


async def quarantined(world: World, block: BlockId) -> None:
    quarantines = Quarantines(world.database_url, application_name="tests")
    try:
        assert await quarantines.impose(block, 1, "a dispute", "tests")
    finally:
        await quarantines.close()


async def alarmed(world: World, block: BlockId) -> None:
    alarms = Alarms(world.database_url)
    try:
        assert await alarms.note(Alarm(block, 1, "TAIL_MISSING", "a row is gone", recurs=True))
    finally:
        await alarms.close()


async def settled(world: World) -> None:
    await world.connection.execute("delete from quarantines")
    await world.connection.execute("update audit_alarms set acknowledged_at_ms = 1, acknowledged_by = 'me'")


async def check_unsettled(world: World, folder: Path, told: Sequence[str]) -> None:
    """Of an event of which somebody has to look at a part nothing is dropped, before or after it is put away."""
    for what, why in zip((quarantined, alarmed), told, strict=True):
        home, part = await finished_in_parts(world)
        await follow_all(listing(world))
        before = await rows_in_journal(world)
        await what(world, part.block)
        refused = why.format(id_of(part))
        for words in (("retention", *LONG_AGO), ("retention", *LONG_AGO[:-1]), ("archive", "put", id_of(home))):
            _, (line,) = await said(world, 1, *words, "--into", str(folder))
            assert refused in line
            assert await rows_in_journal(world) == before
        await settled(world)
        await said(world, 0, "archive", "put", id_of(home), "--into", str(folder))
        await what(world, part.block)
        before = await rows_in_journal(world)
        for again in (LONG_AGO, LONG_AGO[:-1]):
            printed, (line,) = await said(world, 1, "retention", *again, "--into", str(folder))
            assert refused in line
            assert "1 refused" in "\n".join(printed)
            assert await rows_in_journal(world) == before
        await settled(world)
        await retained(world, folder, 0)
        assert home.block in await erased_homes(world)


async def check_unsettled_meanwhile(world: World, folder: Path, turn: int, patch: pytest.MonkeyPatch) -> None:
    """Somebody is to look at the part, or at the home, once the file is written and read: from then on no row goes."""
    shipped, quarantine = putting_away._drop_rows, quarantined if turn else alarmed
    home, part = await finished_in_parts(world)
    await follow_all(listing(world))
    before, turns = await rows_in_journal(world), 0

    async def until(*asked: Any) -> int:
        nonlocal turns
        if turns == turn:
            await quarantine(world, (home if turn else part).block)
        turns += 1
        return await shipped(*asked)

    patch.setattr(putting_away, "_drop_rows", until)
    await said(world, 1, "archive", "put", id_of(home), "--into", str(folder))
    left = [row for row in before if row[4] == home.block or not turn]
    assert [row for row in await rows_in_journal(world) if row in left] == left, "rows of it went all the same"


@pytest.mark.parametrize("turn", [0, 1])
async def test_what_somebody_is_to_look_at_meanwhile_keeps_its_rows(
    world: World, tmp_path: Path, turn: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the part's turn, which comes first, and before the home's."""
    await check_unsettled_meanwhile(world, tmp_path, turn, monkeypatch)


@pytest.mark.parametrize("turn", [0, 1])
async def test_control_rows_that_go_by_an_earlier_look_are_noticed(
    world: World, tmp_path: Path, turn: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped = putting_away.why_unsettled

    async def looked_before(connection: Any, blocks: Any) -> str | None:
        return None if connection.is_in_transaction() else await shipped(connection, blocks)

    monkeypatch.setattr(putting_away, "why_unsettled", looked_before)
    with pytest.raises(AssertionError):
        await check_unsettled_meanwhile(world, tmp_path, turn, monkeypatch)


WHYS = (
    "{}: it is quarantined: see holdfast quarantine list",
    "{}: alarm 1 of it is not acknowledged: see holdfast alarms list",
)


async def test_what_somebody_is_still_to_look_at_stays_and_says_why(world: World, tmp_path: Path) -> None:
    await check_unsettled(world, tmp_path, WHYS)


@pytest.mark.parametrize("module", [putting_away, erasing])
async def test_control_what_is_put_away_or_erased_all_the_same_is_noticed(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: object
) -> None:
    async def settled_already(_: object, __: object) -> None:
        return None

    monkeypatch.setattr(module, "why_unsettled", settled_already)
    with pytest.raises((AssertionError, ValueError)):
        await check_unsettled(world, tmp_path, WHYS)
