"""A journal that refuses loads and claims: of one block, of all, for a moment; places go to who can come in."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from actors.core.commands import CreateEvent
from actors.core.entries import Activated
from actors.core.ids import BlockId
from actors.engine import activation, group_commit
from actors.engine.activation import Activator
from actors.engine.hosted import HostedBlock
from actors.engine.residence import ACTIVATIONS_AT_ONCE, SOUNDNESS_KNOWN_S
from actors.journal.journal import JournalRefused, JournalUnavailable, NewRow
from actors.journal.memory import Statement
from actors.link.batch import Failed, Fault, Replied
from tests.engine.refusing import NO_ROOM, NOBODY_IN, Poisoned, bears, check_journal, named, refuse
from tests.engine.stage import Running, Stage, answered, hold, on_virtual_time, read_event, read_hold, stamp
from tests.simulation.buyers import LAYOUT

FAULTS = [JournalRefused("permission denied", "42501"), NO_ROOM]


async def to_take_over(stage: Stage, block_count: int) -> tuple[Running, list[BlockId]]:
    """A successor that has no block yet, and blocks whose owner is gone."""
    creator = await stage.engine(1)
    blocks = [await stage.on_sale(creator) for _ in range(block_count)]
    creator.process.kill()
    return await stage.engine(2), blocks


@on_virtual_time
async def test_a_claim_that_is_refused_and_stands_all_the_same_is_made_again() -> None:
    """The block has then two activations by one incarnation."""
    stage = Stage()
    owner = await stage.engine()
    block = stage.new_block()
    owner.script.lose_answer("append")
    appends = owner.script.sent("append")
    mend = refuse(owner, lambda statement: bears(block)(statement) and owner.script.sent("append") > appends + 1)
    create = CreateEvent(stamp("create"), "An evening", LAYOUT, 600_000)
    refused = await owner.ask_one(block, create)
    assert isinstance(refused, Failed)
    assert refused.fault is Fault.QUARANTINED
    mend()
    await asyncio.sleep(SOUNDNESS_KNOWN_S + 1)
    assert isinstance(await owner.ask_one(block, create), Replied)
    assert sum(isinstance(entry, Activated) for entry in stage.entries(block)) == 2
    check_journal(stage)


async def check_claims() -> None:
    """As many claims as there are places are refused: another block comes in all the same."""
    stage = Stage()
    successor, blocks = await to_take_over(stage, ACTIVATIONS_AT_ONCE + 1)
    mend = refuse(successor, bears(*blocks[:-1]))
    for block in blocks[:-1]:
        successor.send(block, hold(1, "1/1"))
    await asyncio.sleep(1)
    assert isinstance(await successor.ask_one(blocks[-1], read_event()), Replied)
    assert isinstance(await successor.ask_one(blocks[-1], hold(1, "1/1")), Replied)
    mend()
    await asyncio.sleep(SOUNDNESS_KNOWN_S + 1)
    for block in blocks[:-1]:
        assert isinstance(await successor.ask_one(block, hold(1, "1/1")), Replied)
        assert sum(isinstance(entry, Activated) for entry in stage.entries(block)) == 2
    check_journal(stage)


@on_virtual_time
async def test_claims_that_are_refused_leave_their_places_to_others() -> None:
    await check_claims()


def test_control_claims_that_are_sent_for_ever_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    append = Activator._append

    async def stubborn(self: Activator, new: NewRow) -> bool:
        while True:
            try:
                return await append(self, new)
            except JournalRefused:
                await asyncio.sleep(1)

    monkeypatch.setattr(Activator, "_append", stubborn)
    with pytest.raises(AssertionError):
        on_virtual_time(check_claims)()


async def check_readers(fault: JournalUnavailable) -> None:
    """The journal takes no claims at all: what is only read comes in, and does not hide that writers do not."""
    stage = Stage()
    successor, blocks = await to_take_over(stage, 20 * ACTIVATIONS_AT_ONCE)
    *to_write, to_read = blocks
    mend = refuse(successor, named("append"), fault)
    for _ in range(100):
        for block in to_write:
            successor.send(block, hold(1, "1/1"))
        await asyncio.sleep(0.02)
    assert isinstance((await answered(successor.send(to_read, read_event()), 1))[0], Failed), "it is on its way"
    await asyncio.sleep(0.2)
    assert isinstance((await answered(successor.send(to_read, read_event()), 1))[0], Replied)
    assert successor.engine.trouble() == NOBODY_IN
    mend()
    await asyncio.sleep(1)
    assert successor.engine.trouble() == "", "nobody has asked since"
    for block in blocks:
        assert isinstance(await successor.ask_one(block, hold(1, "1/1")), Replied)
    assert successor.engine.counters().quarantined_count == 0
    check_journal(stage)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_journal_that_takes_no_claims_can_be_read(fault: JournalUnavailable) -> None:
    on_virtual_time(check_readers)(fault)


def claims_wait_for_room(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(activation, "_ANSWER_LOST", ("", "08", "53"))


def refused_claims_wait_for_an_answer(patch: pytest.MonkeyPatch) -> None:
    ask = Activator._ask_about_nothing

    async def wait(self: Activator, refusal: JournalRefused, *, to_write: bool) -> None:
        while True:
            try:
                return await ask(self, refusal, to_write=to_write)
            except JournalUnavailable:
                await asyncio.sleep(1)

    patch.setattr(Activator, "_ask_about_nothing", wait)


@pytest.mark.parametrize(
    ("fault", "broken"), [(FAULTS[0], refused_claims_wait_for_an_answer), (NO_ROOM, claims_wait_for_room)]
)
def test_control_claims_that_wait_in_their_places_leave_none_to_readers(
    fault: JournalUnavailable, broken: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    broken(monkeypatch)
    with pytest.raises(AssertionError):
        on_virtual_time(check_readers)(fault)


async def check_read_before_write(fault: JournalUnavailable) -> None:
    """A block that cannot be claimed is read all the same, also if it was first asked for to be written to."""
    stage = Stage()
    successor, blocks = await to_take_over(stage, 2)
    mend = refuse(successor, named("append"), fault)
    first_read, first_written = blocks
    assert isinstance(await successor.ask_one(first_read, read_event()), Replied)
    for _ in range(50):
        for block in blocks:
            successor.send(block, hold(1, "1/1"))
        await asyncio.sleep(0.02)
        assert isinstance((await answered(successor.send(first_read, read_event()), 1))[0], Replied)
    assert isinstance((await answered(successor.send(first_written, read_event()), 1))[0], Replied)
    mend()
    for block in blocks:
        assert isinstance(await successor.ask_one(block, hold(1, "1/1")), Replied)
        assert isinstance(await successor.ask_one(block, read_hold(1)), Replied)
    check_journal(stage)


@pytest.mark.parametrize("fault", FAULTS)
def test_who_waits_to_be_claimed_can_be_read(fault: JournalUnavailable) -> None:
    on_virtual_time(check_read_before_write)(fault)


def test_control_what_is_taken_away_for_its_claim_cannot(monkeypatch: pytest.MonkeyPatch) -> None:
    claim = Activator.claim

    async def take(self: Activator, loaded: HostedBlock, *arguments: Any) -> HostedBlock | None:
        heir, loaded.lost = loaded.handed_over(), True
        return await claim(self, heir, *arguments)

    monkeypatch.setattr(Activator, "claim", take)
    with pytest.raises(AssertionError):
        on_virtual_time(check_read_before_write)(NO_ROOM)


async def check_moment(names: tuple[str, ...]) -> None:
    """The journal is mended just when it is asked about no block."""
    stage = Stage()
    successor, (block,) = await to_take_over(stage, 1)

    def is_refused(statement: Statement) -> bool:
        is_mended = statement.name == "heads" and not statement.blocks
        if is_mended:
            mend()
        return statement.name in names and not is_mended

    mend = refuse(successor, is_refused)
    assert isinstance(await successor.ask_one(block, hold(1, "1/1")), Replied)
    assert successor.engine.counters().quarantined_count == 0
    check_journal(stage)


MOMENTS = [("heads",), ("rows",), ("append",), ("heads", "rows", "newest_snapshot", "append")]


@pytest.mark.parametrize("names", MOMENTS)
def test_the_moment_of_mending_quarantines_nobody(names: tuple[str, ...]) -> None:
    on_virtual_time(check_moment)(names)


@pytest.mark.parametrize("names", MOMENTS)
def test_control_one_refusal_is_not_enough(names: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    async def once(self: Activator, activate: Callable[[], object], *, to_write: bool) -> object:
        try:
            return await activate()  # type: ignore[misc]
        except JournalRefused as refusal:
            await self._ask_about_nothing(refusal, to_write=to_write)
            raise

    monkeypatch.setattr(Activator, "_judged", once)
    with pytest.raises(AssertionError):
        on_virtual_time(check_moment)(names)


def about(name: str, *blocks: BlockId) -> Poisoned:
    """Statements of this name about one of these blocks."""
    return lambda statement: statement.name == name and any(block in blocks for block in statement.blocks)


async def check_one_cannot_be_read(name: str) -> None:
    """As many blocks as there are places cannot be read: they are refused for a while, and another comes in."""
    stage = Stage()
    successor, blocks = await to_take_over(stage, ACTIVATIONS_AT_ONCE + 1)
    *spoilt, sound = blocks
    mend = refuse(successor, about(name, *spoilt))
    for block in blocks:
        successor.send(block, read_event())
    await asyncio.sleep(0.1)
    assert isinstance((await answered(successor.send(sound, hold(1, "1/1")), 1))[0], Failed), "it is on its way"
    assert isinstance(await successor.ask_one(sound, hold(1, "1/1")), Replied)
    assert successor.engine.trouble() == "", "it is not the journal's fault"
    assert successor.engine.counters().quarantined_count == len(spoilt)
    for block in spoilt:
        refused = await successor.ask_one(block, read_event())
        assert isinstance(refused, Failed)
        assert refused.fault is Fault.QUARANTINED
    mend()
    await asyncio.sleep(SOUNDNESS_KNOWN_S + 1)
    for block in blocks:
        assert isinstance(await successor.ask_one(block, hold(2, "1/2")), Replied)
    assert successor.engine.counters().quarantined_count == 0
    check_journal(stage)


@pytest.mark.parametrize("name", ["heads", "rows"])
def test_blocks_that_cannot_be_read_stop_and_no_other(name: str) -> None:
    on_virtual_time(check_one_cannot_be_read)(name)


@pytest.mark.parametrize("name", ["heads", "rows"])
def test_control_taken_for_the_journals_fault_they_never_stop(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def no(_: Activator, refusal: JournalRefused, *, to_write: bool) -> None:
        raise JournalUnavailable(str(refusal), refusal.sqlstate)

    monkeypatch.setattr(Activator, "_ask_about_nothing", no)
    with pytest.raises(AssertionError):
        on_virtual_time(check_one_cannot_be_read)(name)


@on_virtual_time
async def test_a_snapshot_that_postgres_cannot_read_costs_time_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group_commit, "ENTRIES_PER_SNAPSHOT", 3)
    monkeypatch.setattr(group_commit, "VALUES_PER_ENTRY", 1_000)
    stage = Stage()
    former = await stage.engine(1)
    block = await stage.on_sale(former)
    for number in range(1, 7):
        await former.ask(block, hold(number, f"1/{number}"))
    digest = await former.digest(block)
    former.process.kill()
    assert stage.store.snapshots
    successor = await stage.engine(2)
    refuse(successor, named("newest_snapshot"))
    assert await successor.digest(block) == digest
    assert isinstance(await successor.ask_one(block, hold(7, "1/7")), Replied)
    check_journal(stage)
