"""`holdfast shards` on the real Postgres: what it says, what it refuses, and what it leaves for the shards to do."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from typer.testing import CliRunner, Result

from actors.catalogue.fleet import SERVING, Fleet
from actors.core.ids import BlockId, event_id
from actors.journal.journal import MAX_MOVES
from serve import shards as shards_module
from serve.cli import app
from tests.catalogue.house import TENANT, House, house, new_block

pytestmark = pytest.mark.anyio


@pytest.fixture
async def fleet(database_url: str, anyio_backend: str) -> AsyncIterator[Fleet]:
    """Two shards, shard-1 and shard-2, whatever other tests have left."""
    fleet = Fleet(database_url)
    await fleet._line.run(lambda connection: connection.execute("delete from fleet; delete from blocks"))
    await fleet.found(("shard-1", "shard-2"))
    yield fleet
    await fleet.close()


@pytest.fixture(autouse=True)
def _in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards_module, "LOOK_S", 0.02)
    monkeypatch.setattr(shards_module, "MOVE_PATIENCE_S", 1.0)
    monkeypatch.setattr(shards_module, "CLAIM_PATIENCE_S", 0.2)
    monkeypatch.setattr(shards_module, "RESIZE_PATIENCE_S", 1.0)


async def command(database_url: str, *words: str) -> Result:
    """Run it, in a thread."""
    return await asyncio.to_thread(CliRunner().invoke, app, ["shards", *words, "--database-url", database_url])


async def entered(built: House) -> BlockId:
    block = new_block()
    await built.catalogue.assign(block, TENANT, "shard-1")
    return block


async def refused(database_url: str, *words: str) -> str:
    """The one line that the command is refused with."""
    ended = await command(database_url, *words)
    assert (ended.exit_code, ended.stdout) == (1, "")
    (line,) = ended.stderr.splitlines()
    return line


async def test_what_cannot_be_is_refused_by_name(database_url: str, fleet: Fleet) -> None:
    async with house(database_url) as built:
        block = await entered(built)
        event = event_id(block)
        assert await refused(database_url, "move", event, "shard-7") == (
            "shards: there is no shard shard-7: there are shard-1, shard-2"
        )
        unknown = event_id(new_block())
        assert await refused(database_url, "move", unknown, "shard-2") == f"shards: there is no event {unknown}"
        assert await refused(database_url, "move", "x", "shard-2") == "x is not the id of an event"
        assert "max_connections" in await refused(database_url, "resize", "256")
        await fleet.resize(("shard-1",))
        assert await refused(database_url, "move", event, "shard-2") == "shards: shard-2 leaves: it gets no more events"
        used_up = "update blocks set assigned_epoch = $1 where block_id = $2"
        await fleet._line.fetch(used_up, MAX_MOVES << 28, block)
        await fleet.resize(("shard-1", "shard-2"))
        assert f"has moved {MAX_MOVES} times" in await refused(database_url, "move", event, "shard-2")
        assert await fleet.moving_count() == 0


async def test_a_number_that_is_none_is_refused(database_url: str, fleet: Fleet) -> None:
    for count in ("0", "257", "two"):
        ended = await command(database_url, "resize", count)
        assert (ended.exit_code, "count" in ended.stderr.lower()) == (2, True), ended.stderr
    assert await fleet.states() == {"shard-1": SERVING, "shard-2": SERVING}


@pytest.mark.parametrize(
    ("let_go_at_ms", "said"),
    [
        (0, "nobody was using it"),
        (1_000, "nobody was served for 34 ms"),
        (None, "shard-1 did not let it go and is fenced; nothing was written for 134 ms"),
    ],
)
async def test_a_move_tells_what_it_was_like_and_the_same_again_changes_nothing(
    database_url: str, fleet: Fleet, let_go_at_ms: int | None, said: str
) -> None:
    async with house(database_url) as built:
        await built.shard("shard-1", 5)
        await built.shard("shard-2")
        block = await entered(built)
        moving = asyncio.create_task(command(database_url, "move", event_id(block), "shard-2"))
        while not (moves := await built.catalogue.moves("shard-1", built.generation, 10)):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        assert await built.catalogue.carry_out(moves[0], built.generation, let_go_at_ms)
        assignment = await built.catalogue.assignment(block)
        assert assignment is not None
        row = "insert into journal values ($1, $2, $3, 1, $4, decode(repeat('00', 16), 'hex'), '')"
        await fleet._line.fetch(row, 1, built.epoch(5), 900, block)
        await fleet._line.fetch(row, 2, assignment.epoch | built.epoch(1), 1_034, block)
        moved = await moving
        line = f"{event_id(block)} has moved from shard-1 to shard-2: {said}\n"
        assert (moved.exit_code, moved.stdout, moved.stderr) == (0, line, "")
        again = await command(database_url, "move", event_id(block), "shard-2")
        assert (again.exit_code, again.stdout) == (0, f"{event_id(block)} is on shard-2\n")
        place, _ = await fleet.place(block) or pytest.fail("it is gone")
        assert (place.shard, place.version) == ("shard-2", 2)


async def test_a_wish_that_nobody_carries_out_is_kept(database_url: str, fleet: Fleet) -> None:
    async with house(database_url) as built:
        block = await entered(built)
        assert "has not moved in 1 s" in await refused(database_url, "move", event_id(block), "shard-2")
        assert await fleet.moving_count([block]) == 1
        ended = await command(database_url, "resize", "3")
        assert (ended.exit_code, ended.stdout) == (1, "shard-3 starts; 1 events on their way\n")
        assert "the wish is kept" in ended.stderr
        assert list(await fleet.states()) == ["shard-1", "shard-2", "shard-3"]


async def test_shards_and_events_are_listed(database_url: str, fleet: Fleet) -> None:
    async with house(database_url) as built:
        await built.shard("shard-1", 5)
        block = await entered(built)
        await fleet.wish({block: "shard-2"}, instead=True)
        listed = (await command(database_url, "list")).stdout.splitlines()
        assert [line.split()[0] for line in listed] == ["shard", "shard-1", "shard-2"]
        assert listed[1].split()[:6] == ["shard-1", "serving", "well", "4711", f"{built.generation}.1.5", "1"]
        assert "not started" in listed[2]
        assert "0 (+1 coming)" in listed[2]
        events = (await command(database_url, "list", "--blocks")).stdout
        assert events == f"{event_id(block)}  {TENANT}  shard-1  version 1  event  moves to shard-2\n"
