"""`holdfast quarantine` on the real Postgres, with a shard that carries out what is wished."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import msgspec
import pytest
from structlog.testing import capture_logs
from typer.testing import CliRunner, Result

from actors.audit.findings import Fault as AuditFault
from actors.auditor.dangers import Replays
from actors.catalogue.catalogue import Catalogue
from actors.catalogue.quarantines import Quarantines
from actors.core.commands import Correct
from actors.core.entries import Corrected, HoldPlaced
from actors.core.ids import BlockId, Kind, event_id, outside_id
from actors.core.replies import HoldStatus
from actors.engine import striking, withholding
from actors.engine.engine import Engine
from actors.engine.withholding import Withholding
from actors.journal.codec import decode_entries, encode_entries
from actors.journal.journal import JournalRow, NewRow, chain_of
from actors.journal.postgres import PostgresJournal
from actors.link.batch import Failed, Fault, Refused, Replied
from serve import quarantine as quarantine_module
from serve.cli import app
from tests.engine.postgres_shard import ask, on_sale, shard
from tests.engine.stage import confirm, hold, hold_status, order, read_hold

pytestmark = pytest.mark.anyio

SAID = ("--by", "mara", "--why", "looked at it")
BOUND_S = 1.5


@pytest.fixture(autouse=True)
def _in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quarantine_module, "LOOK_S", 0.02)
    monkeypatch.setattr(quarantine_module, "END_PATIENCE_S", 3.0)


@pytest.fixture
async def quarantines(database_url: str, anyio_backend: str) -> AsyncIterator[Quarantines]:
    """None stand."""
    quarantines = Quarantines(database_url)
    await quarantines._line.run(lambda connection: connection.execute("delete from quarantines"))
    yield quarantines
    await quarantines.close()


async def command(database_url: str, *words: str) -> Result:
    """Run it, in a thread."""
    return await asyncio.to_thread(CliRunner().invoke, app, ["quarantine", *words, "--database-url", database_url])


async def done(database_url: str, *words: str) -> str:
    """What it prints; not what the shard logs meanwhile."""
    ended = await command(database_url, *words)
    assert ended.exit_code == 0, ended.output
    return "\n".join(line for line in ended.stdout.splitlines() if "block=" not in line)


async def refused(database_url: str, *words: str) -> str:
    """The one line that the command is refused with."""
    ended = await command(database_url, *words)
    assert (ended.exit_code, ended.stdout) == (1, "")
    (line,) = ended.stderr.splitlines()
    return line.removeprefix("quarantine: ")


async def corrections(database_url: str, block: BlockId) -> list[Corrected]:
    """Those in the block's journal."""
    journal = PostgresJournal(database_url)
    rows = await journal.rows(block, 0, 10_000)
    await journal.close()
    return [entry for row in rows for entry in decode_entries(row.entries) if isinstance(entry, Corrected)]


async def is_quarantined(engine: Engine, block: BlockId) -> bool:
    """Whether neither writes nor reads are served."""
    answers = [await ask(engine, block, asked) for asked in (hold(99, "1/9"), read_hold(1))]
    return all(isinstance(answer, Failed) and answer.fault is Fault.QUARANTINED for answer in answers)


async def check_there_and_back(database_url: str, key: str) -> None:
    """Imposed while it sells, kept by a successor, refused by name, ended: by its journal first."""
    async with shard(database_url) as engine:
        block = await on_sale(engine, database_url, key)
        event = event_id(block)
        for asked in (hold(1, "1/1"), hold(2, "1/2", "1/3"), order(3, 2), confirm(3)):
            assert isinstance(await ask(engine, block, asked), Replied)
        assert await done(database_url, "impose", event, *SAID) == (
            f"{event} is quarantined: its shard stops within about a second"
        )
        assert "by mara" in await done(database_url, "impose", event, "--by", "jo", "--why", "me too")
        await asyncio.sleep(BOUND_S)
        assert await is_quarantined(engine, block)
    async with shard(database_url, incarnation=2) as engine:
        assert await is_quarantined(engine, block)
        gone = outside_id(Kind.HOLD, block, 77)
        assert await refused(database_url, "end", event, *SAID, "--end-hold", gone) == (
            f"{event} stays quarantined: --end-hold {gone}: there is no such hold"
        )
        assert "could not be ended: holds[0]: there is no such hold" in await done(database_url, "list")
        assert await is_quarantined(engine, block)
        ends = (
            "--end-hold", outside_id(Kind.HOLD, block, 1), "--void-ticket", f"{outside_id(Kind.ORDER, block, 3)}/2",
        )  # fmt: skip
        assert await done(database_url, "end", event, *SAID, *ends) == f"the quarantine of {event} has ended"
        (entry,) = await corrections(database_url, block)
        assert (entry.by, entry.why, entry.holds, entry.voided) == ("mara", "looked at it", (1,), ((3, (1,)),))
        assert entry.position > 0
        for asked in (hold(4, "1/1"), hold(5, "1/3")):
            assert isinstance(await ask(engine, block, asked), Replied)
    assert event not in await done(database_url, "list")


@pytest.fixture
async def _began(quarantines: Quarantines) -> None:
    """None stand, and no shard has been there."""
    await quarantines._line.run(
        lambda connection: connection.execute("delete from shards; delete from blocks; delete from quarantine_history")
    )


@pytest.mark.usefixtures("_began")
async def test_a_quarantine_is_imposed_and_ended_from_the_command_line(
    database_url: str, quarantines: Quarantines
) -> None:
    await check_there_and_back(database_url, "there and back")
    rows = await quarantines._line.fetch("select what, who, why from quarantine_history order by at")
    assert [tuple(row) for row in rows] == [("imposed", "mara", "looked at it"), ("ended", "mara", "looked at it")]


async def test_what_cannot_be_is_refused_by_name(database_url: str, quarantines: Quarantines) -> None:
    block, other = BlockId("0000000000000001"), BlockId("0000000000000002")
    event = event_id(block)
    assert await done(database_url, "list") == "nothing is quarantined"
    assert await refused(database_url, "impose", event, *SAID) == f"there is no event {event}"
    assert await refused(database_url, "end", event, *SAID) == f"{event} is not quarantined"
    catalogue = Catalogue(database_url)
    await catalogue._line.fetch("insert into blocks (block_id, tenant, shard) values ($1, 'arena', 'away')", block)
    await catalogue.close()
    assert await refused(database_url, "impose", event, "--by", "", "--why", "so") == (
        "--by: must have 1 to 200 characters, on one line"
    )
    assert await refused(database_url, "impose", event, "--by", "mara", "--why", "a\nb") == (
        "--why: must have 1 to 1000 characters, on one line"
    )
    await done(database_url, "impose", event, *SAID)
    assert await refused(database_url, "end", event, *SAID, "--end-hold", "order_1") == (
        "--end-hold order_1: is not the id of a hold"
    )
    another = outside_id(Kind.ORDER, other, 1)
    assert await refused(database_url, "end", event, *SAID, "--end-order", another) == (
        f"--end-order {another}: is of {event_id(other)}, which has a quarantine of its own, or none"
    )
    assert (await refused(database_url, "end", event, *SAID, "--void-ticket", "2")).startswith(
        f"--void-ticket 2: must be ORDER/TICKET of {event}"
    )
    assert await refused(database_url, "end", event, *SAID) == (
        f"{event} is not served again in 3 s: it will be when its shard serves"
    )
    assert "(is being ended)" in await done(database_url, "list")
    assert await refused(database_url, "end", event, "--by", "jo", "--why", "so") == (
        f"{event} is being ended otherwise: wait for what comes of that (holdfast quarantine list)"
    )


async def test_what_is_found_meanwhile_is_a_quarantine_of_its_own(database_url: str, quarantines: Quarantines) -> None:
    block, catalogue = BlockId("0000000000000003"), Catalogue(database_url)
    await quarantines.impose(block, 7, "a unit has two owners", "auditor")
    (first,) = await quarantines.of([block])
    await quarantines.impose(block, 9, "another, too", "auditor")
    assert not await catalogue.end_quarantine(block, Correct(first.number, 7, "mara", "looked at it", 0))
    (second,) = await quarantines.of([block])
    assert second.number > first.number
    assert (second.position, second.last_position, second.is_ending) == (9, 9, False)
    assert await catalogue.end_quarantine(block, Correct(second.number, 9, "mara", "looked at it", 0))
    assert await quarantines.of([block]) == []
    assert await catalogue.end_quarantine(block, Correct(second.number, 9, "mara", "looked at it", 0)), "again"
    rows = await quarantines._line.fetch("select what from quarantine_history where block_id = $1 order by at", block)
    assert sorted(row["what"] for row in rows) == ["ended", "ended", "imposed", "imposed"]
    await catalogue.close()


async def plant(database_url: str, block: BlockId, encoded: bytes) -> int:
    """Append these entries by nobody's leave; the row where they stand."""
    journal = PostgresJournal(database_url)
    last = (await journal.rows(block, 0, 10_000))[-1]
    chain = chain_of(last.chain, block, last.position + 1, last.epoch, last.recorded_at_ms, encoded)
    row = JournalRow(block, last.position + 1, last.epoch, last.recorded_at_ms, 1, encoded, chain)
    assert (await journal.append([NewRow(row, last.chain)])).durable == {block}
    await journal.close()
    return row.position


async def plant_double_claim(database_url: str, block: BlockId) -> int:
    """Somebody who does not see that hold 1 has a seat claims it."""
    journal = PostgresJournal(database_url)
    entries = [entry for row in await journal.rows(block, 0, 10_000) for entry in decode_entries(row.entries)]
    await journal.close()
    placed = next(entry for entry in entries if isinstance(entry, HoldPlaced))
    again = msgspec.structs.replace(placed, at_ms=entries[-1].at_ms, hold=77, key=b"k" * 16)
    return await plant(database_url, block, encode_entries([again]))


async def plant_damage(database_url: str, block: BlockId) -> int:
    """Something of a release that is not known here."""
    return await plant(database_url, block, b"\x01\x91\x92\xcc\xff\x00")


async def check_damage(database_url: str, quarantines: Quarantines, key: str) -> None:
    """What no shard can replay, whatever is struck: list and refusal say that and what is left, and nothing changes."""
    async with shard(database_url) as engine:
        block = await on_sale(engine, database_url, key)
        assert isinstance(await ask(engine, block, hold(1, "1/1")), Replied)
    event, position = event_id(block), await plant_damage(database_url, block)
    await quarantines.impose(block, position, f"{AuditFault.ENTRIES_UNREADABLE}: of a release to come", "auditor")
    left = "this release cannot end it, as its shards cannot replay its journal"
    async with shard(database_url, incarnation=2) as engine:
        assert await is_quarantined(engine, block)
        for words in ((), ("--strike",), ("--give-up", outside_id(Kind.HOLD, block, 1))):
            with capture_logs():
                line = await refused(database_url, "end", event, *SAID, *words)
            assert line.startswith(f"{event} stays quarantined: its journal cannot be gone on with: ")
            assert f"row {position} cannot be read" in line
            assert left in line
        assert f"row {position} cannot be read" in await refused(database_url, "preview", event)
        assert await is_quarantined(engine, block)
        another = await on_sale(engine, database_url, f"instead of {key}")
        assert isinstance(await ask(engine, another, hold(1, "1/1")), Replied)
    assert left in (await done(database_url, "list")).partition("\n")[2]


@pytest.mark.usefixtures("_began")
async def test_what_is_damaged_is_said_to_stay_with_what_is_left(database_url: str, quarantines: Quarantines) -> None:
    await check_damage(database_url, quarantines, "no way out")


async def check_too_much(database_url: str, event: str, way: str) -> None:
    """Where more would be struck than may be, that is said, and what can be done; not that nothing can."""
    with pytest.MonkeyPatch.context() as patch, capture_logs():
        patch.setattr(striking, "MAX_STRUCK", 0)
        for words in (("end", event, *SAID, "--strike"), ("preview", event)):
            assert "--give-up: more than 10,000 entries would be struck" in await refused(database_url, *words)
        assert way in (await done(database_url, "list")).partition("\n")[2]


async def check_sold_twice(database_url: str, quarantines: Quarantines, key: str) -> None:
    """List and refusal name the way out; it does what they say; and what others read of the journal agrees."""
    async with shard(database_url) as engine:
        block = await on_sale(engine, database_url, key)
        for asked in (hold(1, "1/1"), order(2, 1), confirm(2)):
            assert isinstance(await ask(engine, block, asked), Replied)
    event, position = event_id(block), await plant_double_claim(database_url, block)
    await quarantines.impose(block, position, f"{AuditFault.UNIT_CLAIMED_TWICE}: A/1/1 by two", "auditor")
    way = f"holdfast quarantine end {event} --strike"
    assert way in (await done(database_url, "list")).partition("\n")[2]
    first, second = outside_id(Kind.HOLD, block, 1), outside_id(Kind.HOLD, block, 77)
    async with shard(database_url, incarnation=2) as engine:
        assert await is_quarantined(engine, block)
        with capture_logs():
            line = await refused(database_url, "end", event, *SAID, "--end-hold", second)
        assert f"unless something is struck, as row {position} cannot be applied" in line
        assert way in line
        (struck,) = (await done(database_url, "preview", event)).splitlines()
        assert struck.startswith(f"struck: row {position} ")
        assert f"hold_id {second}" in struck
        instead = (await done(database_url, "preview", event, "--give-up", first)).splitlines()
        assert ["HoldPlaced" in instead[0], "OrderPlaced" in instead[1], "OrderConfirmed" in instead[2]] == [True] * 3
        assert await corrections(database_url, block) == [], "looking at it changes it"
        unknown = outside_id(Kind.HOLD, block, 5)
        with capture_logs():
            line = await refused(database_url, "end", event, *SAID, "--give-up", unknown)
        assert line == f"{event} stays quarantined: --give-up {unknown}: there is no such hold"
        await check_too_much(database_url, event, way)
        with capture_logs():
            ended = (await done(database_url, "end", event, *SAID, "--strike")).splitlines()
        assert ended == [f"the quarantine of {event} has ended", struck]
        assert hold_status(await ask(engine, block, read_hold(1))) is HoldStatus.CONFIRMED
        assert isinstance(await ask(engine, block, read_hold(77)), Refused)
        assert isinstance(await ask(engine, block, hold(3, "1/2")), Replied)
    async with shard(database_url, incarnation=3) as engine:
        assert hold_status(await ask(engine, block, read_hold(3))) is HoldStatus.ACTIVE
    environ = ["--database-url", database_url]
    for words in (["journal", event], ["audit", event], ["replay", event]):
        told = await asyncio.to_thread(CliRunner().invoke, app, [*words, *environ])
        assert told.exit_code == 0, told.output
        assert words[0] != "journal" or f"struck row {position}, entry 1" in told.stdout


@pytest.mark.usefixtures("_began")
async def test_what_was_sold_twice_is_sold_once_by_the_way_that_is_named(
    database_url: str, quarantines: Quarantines
) -> None:
    await check_sold_twice(database_url, quarantines, "sold twice")


@pytest.mark.usefixtures("_began")
async def test_what_may_replay_may_be_tried(database_url: str, quarantines: Quarantines) -> None:
    """It is not said to stay before a shard has said so."""
    block = BlockId("0000000000000004")
    await quarantines.impose(block, 7, f"{AuditFault.NUMBER_REUSED}: hold 7", "auditor")
    (standing,) = await quarantines.of([block])
    assert "that is refused, and nothing has changed" in quarantine_module.way_out(standing)
    assert len((await done(database_url, "list")).splitlines()) == 1
    await quarantines.impose(BlockId("0000000000000005"), 7, "somebody called", "mara")
    (by_hand,) = await quarantines.of([BlockId("0000000000000005")])
    assert quarantine_module.way_out(by_hand).endswith(f"holdfast quarantine end {event_id(by_hand.block)}")


def heartbeats_do_not_tell(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Withholding, "heed", lambda *_: None)


def corrections_are_not_journaled(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(withholding, "decide_correct", lambda *_: None)


def everything_replays(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(quarantine_module, "_replays", lambda _: Replays.ALWAYS)


def nobody_says_why(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(withholding, "NO_STATE", "it cannot be")


@pytest.mark.usefixtures("_began")
@pytest.mark.parametrize(
    ("check", "sabotage"),
    [
        (check_damage, everything_replays),
        (check_damage, nobody_says_why),
        (check_sold_twice, everything_replays),
        (check_sold_twice, corrections_are_not_journaled),
    ],
)
async def test_control_advice_that_does_not_fit_is_noticed(
    database_url: str,
    quarantines: Quarantines,
    monkeypatch: pytest.MonkeyPatch,
    check: Callable[[str, Quarantines, str], Coroutine[Any, Any, None]],
    sabotage: Callable[[pytest.MonkeyPatch], None],
) -> None:
    sabotage(monkeypatch)
    with pytest.raises((AssertionError, ValueError)):
        await check(database_url, quarantines, sabotage.__name__)


@pytest.mark.usefixtures("_began")
@pytest.mark.parametrize("sabotage", [heartbeats_do_not_tell, corrections_are_not_journaled])
async def test_the_check_notices(
    database_url: str, monkeypatch: pytest.MonkeyPatch, sabotage: Callable[[pytest.MonkeyPatch], None]
) -> None:
    sabotage(monkeypatch)
    with pytest.raises((AssertionError, ValueError)):
        await check_there_and_back(database_url, sabotage.__name__)
