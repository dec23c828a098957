"""What a shard says keeps it from writing: its journal, its clock, commits that do not come through."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeAlias

import pytest

from actors.engine import engine as engine_module
from actors.engine.catalogue_port import Beat, CatalogueUnavailable, EngineCounters
from actors.engine.engine import Engine
from actors.journal.journal import JournalRefused, JournalUnavailable
from actors.link.batch import Failed, Fault, Replied
from tests.engine.refusing import NO_ROOM, NOBODY_IN, named, refuse
from tests.engine.stage import NOT_READY, Stage, answered, hold, on_virtual_time
from tests.simulation.world import Catalogue

Check: TypeAlias = Callable[[], Coroutine[Any, Any, None]]

NO_JOURNAL = "the journal does not answer"
JUMPED = "the journal's clock has jumped"


@on_virtual_time
async def test_an_idle_shard_that_beats_says_nothing() -> None:
    owner = await Stage().engine()
    for _ in range(100):
        await asyncio.sleep(0.73)
        assert owner.engine.trouble() == ""


async def check_journal_away() -> None:
    """Said from the commit that fails until one comes through, in the words with which calls are refused."""
    stage = Stage()
    owner = await stage.engine()
    block = await stage.on_sale(owner)
    owner.script.away = True
    await asyncio.sleep(10)
    assert owner.engine.trouble() == "", "nobody has tried"
    sent = owner.send(block, hold(1, "1/1"))
    await asyncio.sleep(0.1)
    assert owner.engine.trouble() == NO_JOURNAL
    assert await answered(owner.send(block, hold(2, "1/2"))) == [Failed(Fault.UNAVAILABLE, NO_JOURNAL)]
    await asyncio.sleep(60)
    assert owner.engine.trouble() == NO_JOURNAL
    owner.script.away = False
    (answer,) = await answered(sent)
    assert isinstance(answer, Replied)
    assert owner.engine.trouble() == ""


async def check_clock() -> None:
    stage = Stage()
    owner = await stage.engine()
    block = await stage.on_sale(owner)
    stage.clock_error_ms = 3_600_000
    await asyncio.sleep(2)
    assert owner.engine.trouble() == JUMPED
    assert await answered(owner.send(block, hold(1, "1/1"))) == [Failed(Fault.UNAVAILABLE, JUMPED)]
    stage.clock_error_ms = 0
    await asyncio.sleep(2)
    assert owner.engine.trouble() == ""
    assert not owner.left


async def check_claims(fault: JournalUnavailable, *names: str) -> None:
    """Said of a shard that has no block yet and cannot load or claim those that it is asked for."""
    stage = Stage()
    former = await stage.engine(1)
    block = await stage.on_sale(former)
    former.process.kill()
    successor = await stage.engine(2)
    mend = refuse(successor, named(*names), fault)
    assert await answered(successor.send(block, hold(1, "1/1"))) == [NOT_READY]
    await asyncio.sleep(1)
    assert successor.engine.trouble() == NOBODY_IN
    assert successor.engine.counters().quarantined_count == 0, "it is not the block's fault"
    mend()
    await asyncio.sleep(1)
    assert successor.engine.trouble() == ""
    assert isinstance(await successor.ask_one(block, hold(1, "1/1")), Replied)


async def check_claims_without_room() -> None:
    await check_claims(NO_ROOM, "append")


async def check_claims_that_may_not_write() -> None:
    await check_claims(JournalRefused("permission denied", "42501"), "append")


async def check_claims_that_may_not_look() -> None:
    await check_claims(JournalRefused("permission denied", "42501"), "heads", "rows", "append")


async def check_claims_that_may_not_read() -> None:
    await check_claims(JournalRefused("permission denied", "42501"), "rows")


class Deaf(Catalogue):
    """A catalogue in which no heartbeat can be noted while `deaf`: refused, or left without an answer."""

    deaf = False
    patience_s = 0.0

    async def heartbeat(self, shard: str, epoch: int, now_ms: int, counters: EngineCounters) -> Beat:
        if self.deaf:
            await asyncio.sleep(self.patience_s)
            raise CatalogueUnavailable("no room")
        return await super().heartbeat(shard, epoch, now_ms, counters)


async def check_heartbeats(patience_s: float) -> None:
    """Said of a shard that nobody has asked anything."""
    stage = Stage()
    stage.catalogue = catalogue = Deaf(stage.store)
    catalogue.patience_s = patience_s
    owner = await stage.engine()
    await asyncio.sleep(4.5)
    catalogue.deaf = True
    await asyncio.sleep(1.9)
    assert owner.engine.trouble() == ""
    await asyncio.sleep(2.0)
    assert owner.engine.trouble() == "no heartbeat has come through for 4 s"
    catalogue.deaf = False
    await asyncio.sleep(patience_s + 1.5)
    assert owner.engine.trouble() == ""


async def check_refused_heartbeats() -> None:
    await check_heartbeats(0)


async def check_hanging_heartbeats() -> None:
    await check_heartbeats(5)


CHECKS = (
    check_journal_away,
    check_claims_without_room,
    check_claims_that_may_not_write,
    check_claims_that_may_not_look,
    check_claims_that_may_not_read,
    check_clock,
    check_refused_heartbeats,
    check_hanging_heartbeats,
)


@pytest.mark.parametrize("check", CHECKS)
def test_trouble_is_said_in_time_and_no_longer_than_it_lasts(check: Check) -> None:
    on_virtual_time(check)()


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("always", ["", NO_JOURNAL])
def test_control_a_shard_that_always_says_the_same_is_noticed(
    monkeypatch: pytest.MonkeyPatch, check: Check, always: str
) -> None:
    monkeypatch.setattr(Engine, "trouble", lambda _: always)
    with pytest.raises(AssertionError):
        on_virtual_time(check)()


def test_control_a_shard_that_waits_for_writes_to_fail_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_module, "BEAT_OVERDUE_S", 1e9)
    with pytest.raises(AssertionError):
        on_virtual_time(check_refused_heartbeats)()


@on_virtual_time
async def test_a_shard_that_cannot_beat_sells_all_the_same() -> None:
    """What it says of its heartbeats refuses nobody: only a commit shows whether a commit comes through."""
    stage = Stage()
    stage.catalogue = catalogue = Deaf(stage.store)
    owner = await stage.engine()
    block = await stage.on_sale(owner)
    catalogue.deaf = True
    await asyncio.sleep(5)
    assert owner.engine.trouble()
    assert isinstance(await owner.ask_one(block, hold(1, "1/1")), Replied)
