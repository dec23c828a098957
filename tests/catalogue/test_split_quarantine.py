"""`holdfast quarantine` of an event that is split: all of its blocks stop, and are ended together or one by one."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import NamedTuple

import msgspec
import pytest

from actors.catalogue.catalogue import Catalogue
from actors.catalogue.quarantines import Quarantines
from actors.core.commands import CreateEvent
from actors.core.ids import BlockId, event_block, event_id, part_block
from actors.core.layout import Section
from actors.core.parts import Part
from actors.engine.engine import Engine
from actors.journal.postgres import PostgresJournal
from actors.link.batch import Replied
from actors.projections.availability import AvailabilityProjection
from actors.projections.positions import Positions
from actors.projections.projector import Projector
from serve import quarantine as quarantine_module
from tests.catalogue.test_quarantine_commands import (
    BOUND_S,
    SAID,
    command,
    corrections,
    done,
    is_quarantined,
    refused,
)
from tests.engine.postgres_shard import SHARD, ask, on_sale, shard
from tests.engine.stage import TENANT, stamp
from tests.projections.selling import follow_all
from tests.simulation.buyers import LAYOUT

pytestmark = pytest.mark.anyio

HALVES = msgspec.structs.replace(LAYOUT, sections=(*LAYOUT.sections, Section("B", LAYOUT.sections[0].rows)))
STOPS = "is quarantined: its shard stops within about a second"


class Hall(NamedTuple):
    """An event in two parts, by its blocks, beside one that is not split."""

    home: BlockId
    part: BlockId
    ledger: BlockId
    other: BlockId

    @property
    def split(self) -> tuple[BlockId, ...]:
        """The blocks of the first."""
        return self.home, self.part, self.ledger


@pytest.fixture(autouse=True)
def _in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quarantine_module, "LOOK_S", 0.02)
    monkeypatch.setattr(quarantine_module, "END_PATIENCE_S", 5.0)


@pytest.fixture
async def quarantines(database_url: str, anyio_backend: str) -> AsyncIterator[Quarantines]:
    """None stand, and no shard has been there."""
    quarantines = Quarantines(database_url)
    began = "delete from shards; delete from blocks; delete from quarantines; delete from quarantine_history"
    await quarantines._line.run(lambda connection: connection.execute(began))
    yield quarantines
    await quarantines.close()


async def hall(engine: Engine, database_url: str, key: str, *, is_followed: bool = True) -> Hall:
    """Both of them, each block told what it is."""
    home, other = event_block(TENANT, key), await on_sale(engine, database_url, f"beside {key}")
    parts = (Part(part_block(home, 0), ("B",)), Part(part_block(home, 1)))
    catalogue = Catalogue(database_url)
    for block in (home, *(BlockId(part.block) for part in parts)):
        await catalogue.assign(block, TENANT, SHARD)
    await catalogue.close()
    created = CreateEvent(stamp(f"create-{key}"), key, HALVES, 600_000, parts=parts)
    assert isinstance(await ask(engine, home, created), Replied)
    for part in parts:
        await told(engine, database_url, BlockId(part.block))
    if is_followed:
        await follow(database_url)
    return Hall(home, BlockId(parts[0].block), BlockId(parts[1].block), other)


async def told(engine: Engine, database_url: str, block: BlockId) -> None:
    """The part has heard from its home what it is."""
    journal = PostgresJournal(database_url)
    async with asyncio.timeout(10):
        while not await journal.rows(block, 0, 1):  # noqa: ASYNC110  (Postgres tells nobody)
            await asyncio.sleep(0.02)
    await journal.close()


async def follow(database_url: str) -> None:
    """All that has happened is derived."""
    projector = Projector(Positions(database_url), PostgresJournal(database_url), [AvailabilityProjection()])
    await follow_all(projector)
    await projector.close()


async def stopped(engine: Engine, blocks: tuple[BlockId, ...]) -> set[BlockId]:
    """Which of them are served to nobody, when their shard has heard of it."""
    await asyncio.sleep(BOUND_S)
    return {block for block in blocks if await is_quarantined(engine, block)}


async def check_whole(database_url: str, quarantines: Quarantines) -> None:
    """Whichever block is named, all of the event stop and no other; whichever is ended, all of them go on."""
    async with shard(database_url, speaks=True) as engine:
        there = await hall(engine, database_url, "whole")
        roles = {
            there.home: "home (A)",
            there.part: f"part of {event_id(there.home)} (B)",
            there.ledger: f"ledger of {event_id(there.home)}",
        }
        for named, ended in zip(there.split, (*there.split[1:], there.home), strict=True):
            *lines, held = (await done(database_url, "impose", event_id(named), *SAID)).splitlines()
            assert sorted(lines) == sorted(f"{event_id(block)}, {role}, {STOPS}" for block, role in roles.items())
            assert held == quarantine_module._AT_DESKS
            assert await stopped(engine, there) == set(there.split)
            lines = (await done(database_url, "end", event_id(ended), *SAID)).splitlines()
            assert sorted(lines) == sorted(f"the quarantine of {event_id(block)} has ended" for block in there.split)
            assert await stopped(engine, there) == set()
            for block in there.split:
                assert (await corrections(database_url, block))[-1].by == "mara"
        assert await quarantines.all() == []
        assert await corrections(database_url, there.other) == []


async def test_all_blocks_of_a_split_event_stop_and_go_on_together(database_url: str, quarantines: Quarantines) -> None:
    await check_whole(database_url, quarantines)


async def check_each(database_url: str, quarantines: Quarantines) -> None:
    """What the auditor has found, and what was found since, is ended by itself, and told until then."""
    async with shard(database_url, speaks=True) as engine:
        there = await hall(engine, database_url, "each")
        home, part, ledger = map(event_id, there.split)
        await quarantines.impose(there.part, 2, "a unit has two owners", "auditor")
        said = (await done(database_url, "impose", home, *SAID)).splitlines()
        assert any(line.startswith(part) and "by auditor" in line for line in said), "it keeps its own"
        await quarantines.impose(there.ledger, 99, "something else", "auditor")
        ended, *left = (await done(database_url, "end", home, *SAID)).splitlines()
        assert ended == f"the quarantine of {home} has ended"
        assert sorted(line.partition(" ")[0] for line in left) == sorted((part, ledger))
        assert await stopped(engine, there) == {there.part, there.ledger}
        line = await refused(database_url, "end", home, *SAID)
        others = ", ".join(sorted((part, ledger)))
        assert line == f"{home} is not quarantined; of the other blocks of its event these are: {others}"
        for block in (part, ledger):
            assert (await done(database_url, "end", block, *SAID)).startswith(f"the quarantine of {block} has ended")
        assert await quarantines.all() == []


async def test_what_was_found_in_one_block_is_ended_by_itself(database_url: str, quarantines: Quarantines) -> None:
    await check_each(database_url, quarantines)


async def test_one_block_alone_can_be_stopped_and_served_again(database_url: str, quarantines: Quarantines) -> None:
    async with shard(database_url, speaks=True) as engine:
        there = await hall(engine, database_url, "alone")
        part = event_id(there.part)
        assert await done(database_url, "impose", part, *SAID, "--only") == f"{part} {STOPS}"
        assert await stopped(engine, there) == {there.part}
        await done(database_url, "impose", event_id(there.home), *SAID)
        ended, *left = (await done(database_url, "end", part, *SAID, "--only")).splitlines()
        assert (ended, len(left)) == (f"the quarantine of {part} has ended", 2)
        assert await stopped(engine, there) == {there.home, there.ledger}


async def test_a_block_that_stays_is_told_when_the_others_have_ended(
    database_url: str, quarantines: Quarantines
) -> None:
    async with shard(database_url, speaks=True) as engine:
        there = await hall(engine, database_url, "stays")
        await done(database_url, "impose", event_id(there.home), *SAID)
        await quarantines._line.fetch("update blocks set shard = 'away' where block_id = $1", there.part)
        ended = await command(database_url, "end", event_id(there.home), *SAID)
        assert ended.exit_code == 1
        assert f"the quarantine of {event_id(there.home)} has ended" in ended.stdout
        assert f"the quarantine of {event_id(there.ledger)} has ended" in ended.stdout
        assert f"{event_id(there.part)} is not served again in 5 s" in ended.stderr
        assert [one.block for one in await quarantines.all()] == [there.part]


async def test_it_is_said_where_nobody_knows_whether_an_event_is_split(
    database_url: str, quarantines: Quarantines
) -> None:
    async with shard(database_url, speaks=True) as engine:
        there = await hall(engine, database_url, "unknown", is_followed=False)
        home = event_id(there.home)
        imposed = await command(database_url, "impose", home, *SAID)
        assert imposed.exit_code == 0
        assert f"{home} {STOPS}" in imposed.stdout
        assert quarantine_module._NOT_KNOWN in imposed.stderr
        await follow(database_url)
        assert len((await done(database_url, "impose", home, *SAID)).splitlines()) == 4
        assert {one.block for one in await quarantines.all()} == set(there.split)
        imposed = await command(database_url, "impose", event_id(there.other), *SAID)
        assert (imposed.exit_code, imposed.stderr) == (0, "")
        assert f"{event_id(there.other)} {STOPS}" in imposed.stdout


async def _nobody_beside(*_: object) -> Mapping[BlockId, object]:
    """As it was."""
    return {}


def _all_beside(block: BlockId, beside: Mapping[BlockId, object]) -> list[BlockId]:
    """Whoever has imposed them."""
    return [one for one in beside if one != block]


@pytest.mark.parametrize(
    ("what", "instead", "check"),
    [
        ("_beside", _nobody_beside, check_whole),
        ("_imposed_with", lambda *_: [], check_whole),
        ("_imposed_with", _all_beside, check_each),
    ],
)
async def test_control_a_command_that_stops_or_ends_other_blocks_is_noticed(
    database_url: str,
    quarantines: Quarantines,
    monkeypatch: pytest.MonkeyPatch,
    what: str,
    instead: object,
    check: Callable[[str, Quarantines], Awaitable[None]],
) -> None:
    monkeypatch.setattr(quarantine_module, what, instead)
    with pytest.raises(AssertionError):
        await check(database_url, quarantines)
