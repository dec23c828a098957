"""`holdfast doctor` tells which blocks nobody is served from: as the catalogue says, and as shards say besides."""

import pytest

from actors.audit.findings import Fault
from actors.catalogue.quarantines import Correction, Quarantines
from actors.core.ids import event_id
from actors.engine.withholding import NO_STATE, UNLESS_STRUCK
from serve.doctor import quarantine_checks
from serve.doctor.findings import SQL, Standing
from tests.doctor.ward import ward
from tests.projections.selling import World

pytestmark = pytest.mark.anyio
WRONG = Standing.WRONG


async def test_blocks_that_a_shard_has_stopped_are_found(world: World) -> None:
    async with ward(world) as ill:
        await ill.execute("""update shards set counters = '{"quarantined_count": 2}'""")
        assert (await ill.found("quarantine", WRONG)).seen == "shard-1 has itself stopped 2 blocks"


async def check_quarantines_told(world: World) -> None:
    """Which blocks, since when, by whom, because of which rows, why; and of the shard only what it was not told."""
    async with ward(world) as ill:
        quarantines = Quarantines(world.database_url)
        try:
            (first, second), why = [event.block for event in ill.events[:2]], "price is not the layout's: 1 EUR"
            assert await quarantines.impose(first, 3, why, "auditor")
            assert not await quarantines.impose(first, 5, "something else", "mara")
            await ill.execute("update quarantines set imposed_at_ms = 1700000000000")
            finding = await ill.found("quarantine", WRONG)
            assert finding.seen == (f"{event_id(first)}  2023-11-14T22:13:20.000Z  by auditor  rows 3 to 5  {why}")
            assert f"holdfast quarantine end {event_id(first)}; where its shard cannot replay" in finding.advice
            await ill.execute("""update shards set counters = '{"quarantined_count": 1}'""")
            assert (await ill.found("quarantine", WRONG)) == finding
            assert await quarantines.wish_end(first, Correction("mara", "looked at it")) is not None
            assert (await ill.found("quarantine", WRONG)).seen.endswith("(is being ended)")
            assert await quarantines.impose(second, 0, "no reason", "mara")
            await ill.execute("""update shards set counters = '{"quarantined_count": 3}'""")
            assert [one.seen.partition(" ")[0] for one in await ill.looked("quarantine")] == [
                event_id(first), event_id(second), "shard-1",
            ]  # fmt: skip
            assert (await ill.looked("quarantine"))[-1].seen == "shard-1 has itself stopped 1 blocks"
        finally:
            await ill.execute("delete from quarantines")
            await quarantines.close()


async def test_advice_is_by_what_was_found_and_what_a_shard_has_said(world: World) -> None:
    async with ward(world) as ill:
        quarantines = Quarantines(world.database_url)
        try:
            event = ill.events[0].block
            assert await quarantines.impose(event, 3, f"{Fault.HOLD_UNKNOWN}: hold 3", "auditor")
            assert "--strike" in (await ill.found("quarantine", WRONG)).advice
            for fault in (Fault.CHAIN_BROKEN, Fault.NUMBER_REUSED):
                await ill.execute("update quarantines set why = $1", f"{fault}: of row 3")
                assert "where its shard cannot replay" in (await ill.found("quarantine", WRONG)).advice
            await ill.execute("update quarantines set why = 'somebody called'")
            await ill.execute("update quarantines set last_position = 4")
            assert "where its shard cannot replay" in (await ill.found("quarantine", WRONG)).advice, "of row 4"
            await ill.execute("update quarantines set last_position = 3")
            assert (await ill.found("quarantine", WRONG)).advice.endswith(f"holdfast quarantine end {event_id(event)}")
            await ill.execute("update quarantines set refused_because = $1", "holds[0]: there is no such hold")
            assert (await ill.found("quarantine", WRONG)).advice.endswith(f"holdfast quarantine end {event_id(event)}")
            await ill.execute("update quarantines set refused_because = $1", f"{NO_STATE}: row 3 cannot be applied")
            assert (await ill.found("quarantine", WRONG)).advice.startswith("this release cannot end it")
            unfit = f"{NO_STATE}: {UNLESS_STRUCK}, as row 3 cannot be applied"
            await ill.execute("update quarantines set refused_because = $1", unfit)
            assert "--strike" in (await ill.found("quarantine", WRONG)).advice
        finally:
            await ill.execute("delete from quarantines")
            await quarantines.close()


async def test_quarantines_of_the_catalogue_are_told(world: World) -> None:
    await check_quarantines_told(world)


@pytest.mark.parametrize(
    ("query", "other"),
    [
        ("", "select from quarantines where $1::text[] is not null"),
        (
            "stopped_blocks",
            "select shard, (counters ->> 'quarantined_count')::integer as stopped_count from shards "
            "where counters ->> 'quarantined_count' > '0'",
        ),
    ],
)
async def test_control_a_doctor_that_asks_only_shards_or_counts_twice_is_noticed(
    world: World, monkeypatch: pytest.MonkeyPatch, query: str, other: str
) -> None:
    if query:
        monkeypatch.setitem(SQL, query, other)
    else:
        monkeypatch.setattr(quarantine_checks, "STANDING", other)
    with pytest.raises((AssertionError, ValueError)):
        await check_quarantines_told(world)


async def test_of_many_quarantines_some_are_told_and_how_many_more(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quarantine_checks, "SHOWN", 1)
    async with ward(world) as ill:
        quarantines = Quarantines(world.database_url)
        try:
            for event in ill.events[:2]:
                assert await quarantines.impose(event.block, 1, "a reason", "mara")
            assert [one.seen for one in await ill.looked("quarantine")][1:] == ["1 more are quarantined"]
        finally:
            await ill.execute("delete from quarantines")
            await quarantines.close()
