"""Quarantined blocks: nobody is served from them, wherever they are, and they end by an entry in their journal."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from actors.core.commands import Correct
from actors.core.entries import Activated, Corrected, Entry
from actors.core.ids import BlockId
from actors.core.replies import HoldStatus
from actors.engine import withholding
from actors.engine.catalogue_port import Assignment, Quarantined
from actors.engine.residence import Residence
from actors.engine.withholding import Withholding
from actors.link.batch import Failed, Fault, Replied
from tests.engine.stage import (
    Running,
    Stage,
    expired,
    hold,
    hold_status,
    on_virtual_time,
    order,
    read_event,
    read_hold,
    release,
)
from tests.simulation.world import Catalogue, now_ms

BOUND_S = 1.2
WITHIN_S = 5.0


def correct(number: int = 1, **ends: Any) -> Correct:
    """End the quarantine."""
    return Correct(number, 1, "mara", "looked at it", now_ms() - 10_000, **ends)


async def imposed(stage: Stage, block: BlockId, number: int = 1) -> None:
    """A quarantine, which has had its time."""
    stage.catalogue.quarantined[block] = Quarantined(block, number)
    await asyncio.sleep(BOUND_S)


async def ended(stage: Stage, block: BlockId, wish: Correct) -> None:
    """The wish is carried out."""
    stage.catalogue.quarantined[block] = Quarantined(block, wish.quarantine, wish)
    async with asyncio.timeout(WITHIN_S):
        while block in stage.catalogue.quarantined:  # noqa: ASYNC110  (it is the shard's to do)
            await asyncio.sleep(0.01)


async def is_refused(engine: Running, block: BlockId) -> bool:
    """Whether neither writes nor reads are served."""
    answers = [await engine.ask_one(block, command) for command in (hold(99, "2/1"), read_event())]
    return all(isinstance(answer, Failed) and answer.fault is Fault.QUARANTINED for answer in answers)


def written(stage: Stage, block: BlockId) -> list[Entry]:
    """All but activations."""
    return [entry for entry in stage.entries(block) if not isinstance(entry, Activated)]


async def check_it_stops_and_sells_again() -> None:
    """While it sells; its neighbour goes on, and what was acknowledged is there after the end."""
    stage = Stage()
    engine = await stage.engine()
    block, neighbour = await stage.on_sale(engine), await stage.on_sale(engine)
    assert isinstance(await engine.ask_one(block, hold(1, "1/1")), Replied)
    stage.catalogue.quarantined[block] = Quarantined(block, 1)
    at_s, number = asyncio.get_running_loop().time(), 100
    while isinstance(await engine.ask_one(block, hold(number, "1/2", key=f"{number}")), Replied):
        assert asyncio.get_running_loop().time() - at_s < BOUND_S, "it goes on selling"
        await engine.ask_one(block, release(number))
        number += 1
        await asyncio.sleep(0.01)
    assert number > 100, "it sold meanwhile"
    assert await is_refused(engine, block)
    count = len(written(stage, block))
    await asyncio.sleep(20)
    assert len(written(stage, block)) == count, "it is written to"
    assert isinstance(await engine.ask_one(neighbour, hold(1, "1/1")), Replied)
    assert engine.engine.counters().quarantined_count == 1
    await ended(stage, block, correct())
    assert hold_status(await engine.ask_one(block, read_hold(1))) is HoldStatus.ACTIVE
    assert isinstance(await engine.ask_one(block, hold(2, "1/2")), Replied)
    assert sum(isinstance(entry, Corrected) for entry in written(stage, block)) == 1
    assert engine.engine.counters().quarantined_count == 0
    assert not engine.left


def test_a_block_stops_within_the_bound_and_sells_again_at_the_end() -> None:
    on_virtual_time(check_it_stops_and_sells_again)()


async def check_successors_keep_it() -> None:
    """A successor, and the cluster's next generation, serve nobody from their first moment on."""
    stage = Stage()
    first = await stage.engine()
    block = await stage.on_sale(first)
    await imposed(stage, block)
    rows = len(stage.store.journals[block])
    first.process.kill()
    for generation, incarnation in ((1, 2), (2, 1)):
        later = await stage.engine(incarnation, generation=generation)
        assert await is_refused(later, block)
        later.process.kill()
    assert len(stage.store.journals[block]) == rows, "it was claimed"


def test_successors_and_new_generations_keep_it() -> None:
    on_virtual_time(check_successors_keep_it)()


async def check_it_moves() -> None:
    """Its new owner serves nobody from it, and ends it."""
    stage = Stage()
    first, second = await stage.engine(shard="s1"), await stage.engine(shard="s2")
    block = await stage.on_sale(first)
    await imposed(stage, block)
    stage.catalogue.wishes[block] = "s2"
    async with asyncio.timeout(WITHIN_S):
        while stage.catalogue.owners[block] == "s1":  # noqa: ASYNC110  (it is the shards' to do)
            await asyncio.sleep(0.001)
    for _ in range(100):
        for engine in (first, second):
            assert isinstance(await engine.ask_one(block, hold(99, "2/1")), Failed), "it sells in between"
        await asyncio.sleep(0.02)
    assert await is_refused(second, block)
    await ended(stage, block, correct())
    assert isinstance(await second.ask_one(block, hold(1, "1/1")), Replied)
    assert not any(engine.left for engine in (first, second))


def test_a_quarantined_block_moves() -> None:
    on_virtual_time(check_it_moves)()


async def check_time_stands_still() -> None:
    """Nothing expires meanwhile, and who was paying has time to pay at the end."""
    stage = Stage()
    engine = await stage.engine()
    block = await stage.on_sale(engine)
    await engine.ask_one(block, hold(1, "1/1", ttl_ms=3_000))
    await imposed(stage, block)
    await asyncio.sleep(8)
    assert expired(stage, block) == []
    await ended(stage, block, correct())
    await asyncio.sleep(2)
    assert isinstance(await engine.ask_one(block, order(1, 1)), Replied), "a buyer who was paying is eaten"
    await asyncio.sleep(60)
    assert hold_status(await engine.ask_one(block, read_hold(1))) is HoldStatus.CONFIRMED


def test_nothing_expires_meanwhile_and_the_end_gives_a_grace() -> None:
    on_virtual_time(check_time_stands_still)()


async def check_refusal() -> None:
    """What cannot be done is said, and the quarantine stands; the next wish may be granted."""
    stage = Stage()
    engine = await stage.engine()
    block = await stage.on_sale(engine)
    await engine.ask_one(block, hold(1, "1/1"))
    await imposed(stage, block)
    stage.catalogue.quarantined[block] = Quarantined(block, 1, correct(holds=(7,)))
    await asyncio.sleep(BOUND_S)
    assert stage.catalogue.corrections_refused == ["holds[0]: there is no such hold"]
    assert await is_refused(engine, block)
    await ended(stage, block, correct(holds=(1,)))
    assert hold_status(await engine.ask_one(block, read_hold(1))) is HoldStatus.RELEASED
    assert isinstance(await engine.ask_one(block, hold(2, "1/1")), Replied)


def test_a_correction_that_cannot_be_is_refused() -> None:
    on_virtual_time(check_refusal)()


async def check_death_in_between() -> None:
    """The entry is durable, the shard is gone before the catalogue knows: its successor ends it, by no second entry."""
    stage = Stage()
    first = await stage.engine()
    block = await stage.on_sale(first)
    await first.ask_one(block, hold(1, "1/1"))
    await imposed(stage, block)
    dying = asyncio.Event()

    async def die(*_: object) -> bool:
        dying.set()
        await asyncio.Event().wait()
        raise AssertionError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Catalogue, "end_quarantine", die)
        stage.catalogue.quarantined[block] = Quarantined(block, 1, correct(holds=(1,)))
        async with asyncio.timeout(WITHIN_S):
            await dying.wait()
        first.process.kill()
    assert block in stage.catalogue.quarantined, "the catalogue forgets it before it has ended"
    assert [type(entry) for entry in written(stage, block)][-1] is Corrected
    second = await stage.engine(2)
    async with asyncio.timeout(WITHIN_S):
        while block in stage.catalogue.quarantined:  # noqa: ASYNC110  (it is the shard's to do)
            await asyncio.sleep(0.01)
    assert isinstance(await second.ask_one(block, hold(2, "1/1")), Replied)
    assert sum(isinstance(entry, Corrected) for entry in written(stage, block)) == 1


def test_a_successor_ends_what_its_predecessor_has_begun() -> None:
    on_virtual_time(check_death_in_between)()


async def check_a_cluster_that_waits() -> None:
    """It corrects nothing before it may act."""
    stage = Stage()
    first = await stage.engine()
    block = await stage.on_sale(first)
    await imposed(stage, block)
    first.process.kill()
    waiting = await stage.engine(generation=2, cut_over=False)
    stage.catalogue.quarantined[block] = Quarantined(block, 1, correct())
    rows = len(stage.store.journals[block])
    await asyncio.sleep(5)
    assert len(stage.store.journals[block]) == rows, "it was written to"
    assert await is_refused(waiting, block)  # a client's first write
    await asyncio.sleep(BOUND_S)
    assert block not in stage.catalogue.quarantined


def test_a_cluster_that_waits_corrects_nothing() -> None:
    on_virtual_time(check_a_cluster_that_waits)()


def the_quarantine_is_ignored(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Withholding, "heed", lambda *_: None)


def assignments_do_not_tell(patch: pytest.MonkeyPatch) -> None:
    assignment = Catalogue.assignment

    async def without(self: Catalogue, block: BlockId) -> Assignment | None:
        found = await assignment(self, block)
        return None if found is None else found._replace(is_quarantined=False)

    patch.setattr(Catalogue, "assignment", without)


def what_is_here_ticks_on(patch: pytest.MonkeyPatch) -> None:
    def withhold(self: Residence, block: BlockId) -> None:
        self.withheld.add(block)

    patch.setattr(Residence, "withhold", withhold)


def corrections_are_not_journaled(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(withholding, "decide_correct", lambda *_: None)


def the_catalogue_forgets_first(patch: pytest.MonkeyPatch) -> None:
    carry_out = Withholding._carry_out

    async def forget(self: Withholding, block: BlockId, wish: Correct) -> None:
        del self._catalogue.quarantined[block]  # type: ignore[attr-defined]
        await carry_out(self, block, wish)

    patch.setattr(Withholding, "_carry_out", forget)


@pytest.mark.parametrize(
    ("sabotage", "check"),
    [
        (the_quarantine_is_ignored, check_it_stops_and_sells_again),
        (assignments_do_not_tell, check_successors_keep_it),
        (what_is_here_ticks_on, check_time_stands_still),
        (corrections_are_not_journaled, check_it_stops_and_sells_again),
        (the_catalogue_forgets_first, check_death_in_between),
    ],
)
def test_the_checks_notice(
    sabotage: Callable[[pytest.MonkeyPatch], None], check: Callable[[], Coroutine[Any, Any, None]]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        sabotage(patch)
        with pytest.raises((AssertionError, TimeoutError)):
            on_virtual_time(check)()
