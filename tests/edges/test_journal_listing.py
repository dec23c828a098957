"""`holdfast journal`: every row and entry in readable form, whatever the kind, whatever the page, damage included."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from random import Random
from typing import Any, get_args

import msgspec
import pytest
from rich.console import Console
from typer.testing import CliRunner

from actors.core.entries import Activated, Entry, EventCreated, HoldExtended, HoldPlaced
from actors.core.ids import BlockId, Kind, event_id, outside_id
from actors.database.connect import connect
from actors.journal import in_turn
from actors.journal.codec import decode_entries
from actors.journal.journal import JournalRow
from actors.journal.postgres import PostgresJournal
from serve import journal_listing, journal_telling
from serve.cli import app
from serve.journal_listing import Wanted, list_rows
from serve.journal_telling import FIELDS, money
from tests.golden.write_entries import EXAMPLES, FOLDER
from tests.projections.selling import SellingEvent

BLOCK = BlockId("0123456789abcdef")
SPLIT_KINDS = ("PartFollowed", "EventFollowed", "BasketIntended.2")


def untold(fields: dict[str, Any]) -> set[str]:
    """Fields of entries that nothing tells."""
    return {f"{kind.__name__}.{field}" for kind in get_args(Entry) for field in kind.__struct_fields__} - {
        f"{kind.__name__}.{field}" for kind in get_args(Entry) for field in (*fields, "at_ms")
    }


def test_every_field_of_every_kind_is_told() -> None:
    assert untold(FIELDS) == set()


def test_the_check_notices_a_field_that_nothing_tells() -> None:
    """Negative control."""
    assert untold({name: tell for name, tell in FIELDS.items() if name != "holder"}) == {"TicketReassigned.holder"}


def test_every_kind_is_told_as_text_and_as_json() -> None:
    kinds = {type(entry).__name__ for entry in EXAMPLES}
    names = journal_telling._Names(BLOCK)
    names.learn(next(entry for entry in EXAMPLES if isinstance(entry, EventCreated)))
    for kind in kinds:
        (entry,) = decode_entries((FOLDER / f"{kind}.bin").read_bytes())
        told = names.tell(entry)
        assert kind in str(told)
        assert msgspec.json.decode(msgspec.json.encode(told))["kind"] == kind


def test_names_stand_for_indices_and_amounts_have_their_currency() -> None:
    names = journal_telling._Names(BLOCK)
    for entry in EXAMPLES:
        names.learn(entry)
    placed = next(entry for entry in EXAMPLES if isinstance(entry, HoldPlaced))
    says = names.tell(placed).says
    assert says["units"] == ["A/1/1", "unit 127", "unit 128", "unit 70000"], "what no layout has is shown all the same"
    assert list(map(str, says["areas"])) == ["floor x 2", "area 1 x 1"]  # type: ignore[call-overload]
    assert list(map(str, says["prices"])) == ["4 x near (adult) at EUR 120.50", "3 x near (child) at EUR 0.00"]  # type: ignore[call-overload]
    assert (says["before_charges"], says["expires_at"]) == ("EUR 482.00", "2023-11-14T22:23:20.004Z")
    assert says["hold_id"] == outside_id(Kind.HOLD, BLOCK, placed.hold)


def test_units_of_a_split_event_are_named_by_what_its_home_has_of_it() -> None:
    names = journal_telling._Names(BLOCK)
    (created,) = decode_entries((FOLDER / "EventCreated.3.bin").read_bytes())
    assert isinstance(created, EventCreated)
    names.learn(created)
    assert names.unit(0).startswith("Platz 1/"), "section A is a part's"
    assert names.tell(created).says["parts"] == [
        journal_telling.ToldPart("event_0mye1f50nxkdd129", ("A",)),
        journal_telling.ToldPart("event_7yv3h0dm5s4r1t6e", ()),
    ]
    names.learn(msgspec.structs.replace(created, parts=()))
    assert names.unit(0) == "A/1/1"
    told = {kind: names.tell(decode_entries((FOLDER / f"{kind}.bin").read_bytes())[0]).says for kind in SPLIT_KINDS}
    assert told["PartFollowed"] == {"part": "event_0mye1f50nxkdd129", "revision": 4}
    assert (told["EventFollowed"]["home"], told["EventFollowed"]["status"]) == ("event_2ab8k5zq2w9x3c7d", "PAUSED")
    assert told["BasketIntended.2"]["life_seconds"] == 3_600


@pytest.mark.parametrize(
    ("minor", "currency", "text"),
    [(12_050, "EUR", "EUR 120.50"), (5, "EUR", "EUR 0.05"), (700, "JPY", "JPY 700"), (1_234, "KWD", "KWD 1.234")],
)
def test_amounts_have_as_many_digits_as_their_currency(minor: int, currency: str, text: str) -> None:
    assert money(minor, currency) == text


async def sold(url: str, rows: int, spoil: str = "") -> SellingEvent:
    """An event with about so many rows behind it; `spoil`: a statement that does harm to its journal."""
    connection, journal = await connect(url, application_name="tests"), PostgresJournal(url)
    try:
        event = SellingEvent(journal)
        await event.create(connection)
        await event.live_at_random(Random(rows), rows)
        if spoil:
            await connection.execute(spoil, event.block)
    finally:
        await journal.close()
        await connection.close()
    return event


def run(url: str, block: BlockId, *options: str) -> tuple[int, str, str]:
    """Exit code, standard output, standard error."""
    done = CliRunner().invoke(app, ["journal", event_id(block), "--database-url", url, *options])
    return done.exit_code, done.stdout, done.stderr


def check_whole(url: str) -> None:
    """Each row once and in order, each entry of it, as text and as JSON, and any part of it the same."""
    event = asyncio.run(sold(url, 40))
    code, out, err = run(url, event.block, "--json")
    rows = [msgspec.json.decode(line) for line in out.splitlines()]
    assert (code, err) == (0, "")
    assert [row["position"] for row in rows] == [row.position for row in event.rows]
    assert [[entry["kind"] for entry in row["entries"]] for row in rows] == [
        [type(entry).__name__ for entry in decode_entries(row.entries)] for row in event.rows
    ]
    holds = {entry["says"]["hold_id"] for row in rows for entry in row["entries"] if entry["kind"] == "HoldPlaced"}
    assert holds >= {outside_id(Kind.HOLD, event.block, number) for number in event.state.holds}
    assert all(row["shard"] == "shard-1" for row in rows)
    _, text, _ = run(url, event.block)
    assert [int(number) for number in re.findall(r"^row (\d+) ", text, re.MULTILINE)] == [
        row.position for row in event.rows
    ]
    for options, part in (
        (("--from", "7"), rows[6:]),
        (("--from", "7", "--to", "9"), rows[6:9]),
        (("--from", "7", "--limit", "2"), rows[6:8]),
        (("--to", "5", "--limit", "9"), rows[:5]),
    ):
        code, out, _ = run(url, event.block, "--json", *options)
        assert (code, [msgspec.json.decode(line) for line in out.splitlines()]) == (0, part), options


def test_every_row_and_entry_is_shown_once(database_url: str) -> None:
    check_whole(database_url)


@pytest.mark.parametrize("page", [1, 3])
def test_it_is_the_same_in_small_pages(database_url: str, monkeypatch: pytest.MonkeyPatch, page: int) -> None:
    monkeypatch.setattr(in_turn, "ROWS_PER_PAGE", page)
    check_whole(database_url)


def takes_a_short_page_for_the_end(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(in_turn, "ROWS_PER_PAGE", 3)
    patch.setattr(in_turn, "is_cut", lambda rows, limit: len(rows) > limit)


def reads_no_further_back_than_it_shows(patch: pytest.MonkeyPatch) -> None:
    async def rows(journal: PostgresJournal, wanted: Wanted) -> AsyncIterator[JournalRow]:
        for row in await journal.rows(wanted.block, wanted.first - 1, 10_000):
            yield row

    patch.setattr(journal_listing, "wanted_rows", rows)


@pytest.mark.parametrize("sabotage", [takes_a_short_page_for_the_end, reads_no_further_back_than_it_shows])
def test_the_check_notices_rows_and_names_that_are_left_out(
    database_url: str, monkeypatch: pytest.MonkeyPatch, sabotage: Callable[[pytest.MonkeyPatch], None]
) -> None:
    """Negative control."""
    sabotage(monkeypatch)
    with pytest.raises(AssertionError):
        check_whole(database_url)


@pytest.mark.parametrize(
    ("spoil", "why", "missing"),
    [
        ("update journal set recorded_at_ms = 7 where block_id = $1 and position = 6", "row 6 does not extend", 0),
        ("update journal set entries = '\\x00' where block_id = $1 and position = 6", "row 6 does not extend", 0),
        ("delete from journal where block_id = $1 and position = 6", "row 7 does not extend row 5", 1),
    ],
)
def test_damage_is_told_and_the_rest_shown(database_url: str, spoil: str, why: str, missing: int) -> None:
    event = asyncio.run(sold(database_url, 10, spoil))
    code, out, err = run(database_url, event.block)
    assert code == 1
    assert why in err
    assert f"DAMAGED: {why}" in out
    assert out.count("\nrow ") == len(event.rows) - 1 - missing


def test_what_is_not_there_is_said(database_url: str) -> None:
    event = asyncio.run(sold(database_url, 3))
    for block, options, why in (
        (BLOCK, (), f"there is no row of {event_id(BLOCK)}"),
        (event.block, ("--from", "900"), f"it ends at row {len(event.rows)}"),
    ):
        code, out, err = run(database_url, block, *options)
        assert (code, out) == (1, "")
        assert why in err


@pytest.mark.anyio
async def test_it_follows_what_is_written_later(
    database_url: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_listing, "FOLLOW_S", 0.01)
    event = await sold(database_url, 3)
    event.journal = journal = PostgresJournal(database_url)
    wanted = Wanted(event.block, last=len(event.rows) + 3, follow=True)
    following = asyncio.create_task(list_rows(PostgresJournal(database_url), wanted, Console(stderr=True)))
    for _ in range(3):
        await event.sell(event.hold("Hall/A/1"))
        await event.tick()
        event.now_ms += 3_600_000
    assert await asyncio.wait_for(following, 10) == 0
    assert capsys.readouterr().out.count("\nrow ") == wanted.end - 1  # type: ignore[operator]
    await journal.close()


def test_a_zero_that_is_meant_is_told_and_one_that_is_not_is_not() -> None:
    names = journal_telling._Names(BLOCK)
    assert "down_from" not in names.tell(Activated(1, "shard-1", b"nonce678")).says
    assert names.tell(HoldExtended(1, 7, 0, b"k", b"f")).says["expires_at"] == "1970-01-01T00:00:00.000Z"
