"""What Postgres refuses of one block, for good, stops that block for a while and nothing else."""

import asyncio
from collections.abc import Callable

import pytest

from actors.core.entries import Activated, HoldPlaced
from actors.core.ids import BlockId
from actors.engine import group_commit, residence
from actors.engine.activation import Activator
from actors.engine.group_commit import REFUSALS_BORNE_S
from actors.engine.residence import ACTIVATIONS_AT_ONCE, SOUNDNESS_KNOWN_S
from actors.journal.journal import JournalRefused, NewRow
from actors.journal.memory import Statement
from actors.link.batch import Failed, Fault, Replied
from tests.engine.stage import FENCED, Running, Stage, answered, hold, on_virtual_time, read_event

Poisoned = Callable[[Statement], bool]


def refuse(engine: Running, is_refused: Poisoned) -> Callable[[], None]:
    """Let the journal refuse these statements of an engine, until the answer is called."""
    before = engine.script.before
    over = asyncio.Event()

    async def refusing(statement: Statement) -> None:
        await before(statement)
        if not over.is_set() and is_refused(statement):
            raise JournalRefused("data corrupted", "XX002")

    engine.script.before = refusing  # type: ignore[method-assign]
    return over.set


def bears(*blocks: BlockId) -> Poisoned:
    """Appends with rows of these blocks."""
    return lambda statement: statement.name == "append" and any(new.row.block in blocks for new in statement.rows)


async def check_neighbours() -> None:
    """A refused row among others: they become durable once, and the block goes on from its journal."""
    stage = Stage()
    owner = await stage.engine()
    blocks = [await stage.on_sale(owner) for _ in range(3)]
    spoilt, *sound = blocks
    mend = refuse(owner, bears(spoilt))
    sent = [owner.send(block, hold(1, "1/1")) for block in blocks]
    await asyncio.sleep(REFUSALS_BORNE_S + 3)
    first, *others = [(await answered(one, 1))[0] for one in sent]
    assert first == FENCED, "nobody knows what became of it"
    assert all(isinstance(answer, Replied) for answer in others)
    for block in sound:
        assert isinstance(await owner.ask_one(block, hold(2, "1/2")), Replied)
    refused = await owner.ask_one(spoilt, hold(2, "1/2"))
    assert isinstance(refused, Failed)
    assert refused.fault is Fault.QUARANTINED
    mend()
    await asyncio.sleep(SOUNDNESS_KNOWN_S + 1)
    assert isinstance(await owner.ask_one(spoilt, hold(1, "1/1")), Replied)
    assert not owner.left
    for block in blocks:
        placed = [entry.hold for entry in stage.entries(block) if isinstance(entry, HoldPlaced)]
        assert placed == ([1] if block == spoilt else [1, 2])


@on_virtual_time
async def test_a_refused_row_stops_its_block_and_not_its_neighbours() -> None:
    await check_neighbours()


def test_control_sent_together_for_ever_nobody_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group_commit, "REFUSALS_BORNE_S", 1e9)
    with pytest.raises(AssertionError):
        on_virtual_time(check_neighbours)()


def test_control_a_block_that_goes_on_in_memory_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its next row would stand behind one that is not there."""
    monkeypatch.setattr(residence.Residence, "drop", lambda *_: None)
    monkeypatch.setattr(group_commit, "_drop", lambda hosted: hosted.pending.clear())
    with pytest.raises(AssertionError):
        on_virtual_time(check_neighbours)()


@on_virtual_time
async def test_a_refused_row_that_stands_all_the_same_is_found_when_its_block_is_read_anew() -> None:
    """It was appended when it was first sent, and the answer was lost; then Postgres refuses it."""
    stage = Stage()
    owner = await stage.engine()
    block = await stage.on_sale(owner)
    owner.script.lose_answer("append")
    appends = owner.script.sent("append")
    mend = refuse(owner, lambda statement: bears(block)(statement) and owner.script.sent("append") > appends + 1)
    sent = owner.send(block, hold(1, "1/1"))
    await asyncio.sleep(REFUSALS_BORNE_S + 3)
    assert await answered(sent, 1) == [FENCED]
    mend()
    await asyncio.sleep(SOUNDNESS_KNOWN_S + 1)
    again = await owner.ask_one(block, hold(1, "1/1"))
    assert isinstance(again, Replied)
    assert again.replayed, "the same key stands for what is there"


async def check_claims() -> None:
    """As many claims as there are places are refused: another block comes in all the same."""
    stage = Stage()
    creator = await stage.engine(1)
    blocks = [await stage.on_sale(creator) for _ in range(ACTIVATIONS_AT_ONCE + 1)]
    creator.process.kill()
    successor = await stage.engine(2)
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
    refuse(successor, lambda statement: statement.name == "newest_snapshot")
    assert await successor.digest(block) == digest
    assert isinstance(await successor.ask_one(block, hold(7, "1/7")), Replied)
