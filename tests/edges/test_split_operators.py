"""What operators are told of the blocks of an event that is split."""

import asyncio

import msgspec
import pytest
from typer.testing import CliRunner

from actors.core.ids import BlockId, desks_of, event_id, part_block
from serve import journal_telling, shards
from serve.cli import app
from tests.edges.split_followed import ALPHA, House
from tests.edges.split_house import SPLIT

pytestmark = pytest.mark.anyio


def journal(url: str, block: BlockId, *options: str) -> str:
    """What an operator sees of it."""
    done = CliRunner().invoke(app, ["journal", event_id(block), "--database-url", url, *options])
    assert (done.exit_code, done.stderr) == (0, "")
    return done.stdout


async def check_journals(house: House) -> None:
    """Home, parts, ledgers: each tells of its own units by name, and of the others as whoever asks names them."""
    home = BlockId(house.pair.split.removeprefix("event_"))
    blocks = [home, *(part_block(home, number) for number in range(2 * len(SPLIT)))]
    told = [
        [
            msgspec.json.decode(line)
            for line in (await asyncio.to_thread(journal, house.world.database_url, block, "--json")).splitlines()
        ]
        for block in blocks
    ]
    units_of = [
        {
            unit
            for row in rows
            for entry in row["entries"]
            if entry["kind"] == "LegPinned"
            for unit in entry["says"].get("units", ())
        }
        for rows in told
    ]
    sections = [{"west"}, *(set(group) for group in SPLIT), set(), set()]
    assert [{unit.partition("/")[0] for unit in units} for units in units_of] == sections
    assert {"west/A/2", "north/A/1", "south/A/3", "east/A/5"} <= set().union(*units_of)
    places = [place for row in told[-1] for entry in row["entries"] for place in entry["says"].get("areas", ())]
    assert {place["area"] for place in places} == {"units"}
    text = await asyncio.to_thread(journal, house.world.database_url, home)
    assert (
        f"parts {event_id(blocks[1])} (north), {event_id(blocks[2])} (east, south), {event_id(blocks[3])} (ledger)"
        in text
    )
    assert f"PartFollowed  part {event_id(blocks[3])}, revision 1" in text
    for block in blocks[1:]:
        text = await asyncio.to_thread(journal, house.world.database_url, block)
        assert f"EventFollowed  tenant alpha, home {event_id(home)}, revision 1, name Final" in text
    desks = [desk for desk in desks_of(ALPHA) if desk in house.edges.blocks]
    texts = [await asyncio.to_thread(journal, house.world.database_url, desk) for desk in desks]
    assert any(f"'counted_by': '{event_id(blocks[3])}'" in text and "'counts': " in text for text in texts)


async def test_operators_can_read_its_journals(house: House) -> None:
    await check_journals(house)


async def test_the_check_notices_units_that_are_named_by_the_whole_layout(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control."""
    monkeypatch.setattr(journal_telling, "layout_of_home", lambda layout, _: layout)
    with pytest.raises(AssertionError):
        await check_journals(house)


async def check_roles(house: House) -> None:
    """`holdfast shards list --blocks` says of each block what it is."""
    home, url = BlockId(house.pair.split.removeprefix("event_")), house.world.database_url
    for block in house.edges.blocks:
        query = "insert into blocks (block_id, tenant, shard) values ($1, 'alpha', 'shard-1') on conflict do nothing"
        await house.world.connection.execute(query, block)
    ran = await asyncio.to_thread(CliRunner().invoke, app, ["shards", "list", "--blocks", "--database-url", url])
    assert (ran.exit_code, ran.stderr) == (0, "")
    told = dict(line.split("  alpha  shard-1  version 1  ") for line in ran.stdout.splitlines())
    north, rest, *ledgers = (event_id(part_block(home, number)) for number in range(2 * len(SPLIT)))
    desks = [event_id(desk) for desk in desks_of(ALPHA) & house.edges.blocks]
    assert told == {
        house.pair.split: "home (west)",
        house.pair.plain: "event",
        north: f"part of {house.pair.split} (north)",
        rest: f"part of {house.pair.split} (east, south)",
        **dict.fromkeys(ledgers, f"ledger of {house.pair.split}"),
        **dict.fromkeys(desks, "desk"),
    }


async def test_operators_are_told_what_each_block_is(house: House) -> None:
    await check_roles(house)


async def test_the_check_notices_desks_that_are_told_like_events(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control."""
    monkeypatch.setattr(shards, "desks_of", lambda _: frozenset())
    with pytest.raises(AssertionError):
        await check_roles(house)
