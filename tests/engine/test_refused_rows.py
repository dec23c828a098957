"""What Postgres refuses of one block stops that block for a while and nothing else; what of all, stops all."""

import asyncio
from collections.abc import Callable

import msgspec
import pytest
from structlog.testing import capture_logs

from actors.core.commands import CreateEvent
from actors.core.entries import Activated, HoldPlaced
from actors.core.ids import BlockId
from actors.engine import group_commit, residence
from actors.engine.activation import Activator
from actors.engine.residence import ACTIVATIONS_AT_ONCE, SOUNDNESS_KNOWN_S
from actors.journal.journal import JournalRefused, NewRow
from actors.journal.memory import Statement
from actors.link.batch import Failed, Fault, Replied
from loadtests.audit.audit import BlockAudit
from loadtests.audit.rows import Row
from tests.engine.stage import FENCED, Running, Stage, answered, hold, on_virtual_time, read_event, stamp
from tests.simulation.buyers import LAYOUT

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


def check_journal(stage: Stage) -> None:
    """What stands in the journal is sound, whatever was refused and claimed again."""
    for block, rows in stage.store.journals.items():
        audit = BlockAudit(block)
        found = [finding for row in rows for finding in audit.take(Row(*msgspec.structs.astuple(row)))]
        assert [*found, *audit.finish()] == []


def placed(stage: Stage, block: BlockId) -> list[int]:
    """The holds in the block's journal."""
    return [entry.hold for entry in stage.entries(block) if isinstance(entry, HoldPlaced)]


async def check_it_comes_back(stage: Stage, owner: Running, spoilt: BlockId) -> None:
    """The block that was dropped is refused for a while, then read anew, and claimed by the same shard."""
    refused = await owner.ask_one(spoilt, hold(2, "1/2"))
    assert isinstance(refused, Failed)
    assert refused.fault is Fault.QUARANTINED
    await asyncio.sleep(SOUNDNESS_KNOWN_S + 1)
    assert isinstance(await owner.ask_one(spoilt, hold(1, "1/1")), Replied)
    assert not owner.left
    check_journal(stage)


async def check_neighbours() -> None:
    """A refused row among others: they become durable once and at once, and the block goes on from its journal."""
    stage = Stage()
    owner = await stage.engine()
    blocks = [await stage.on_sale(owner) for _ in range(3)]
    spoilt, *sound = blocks
    mend = refuse(owner, bears(spoilt))
    sent = [owner.send(block, hold(1, "1/1")) for block in blocks]
    first, *others = [(await answered(one, 1))[0] for one in sent]
    assert first == FENCED, "nobody knows what became of it"
    assert all(isinstance(answer, Replied) for answer in others)
    for block in sound:
        assert isinstance((await answered(owner.send(block, hold(2, "1/2")), 1))[0], Replied)
    mend()
    await check_it_comes_back(stage, owner, spoilt)
    assert [placed(stage, block) for block in blocks] == [[1], [1, 2], [1, 2]]


@on_virtual_time
async def test_a_refused_row_stops_its_block_and_not_its_neighbours() -> None:
    await check_neighbours()


def test_control_sent_together_for_ever_nobody_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    async def no(_: object) -> bool:
        return False

    monkeypatch.setattr(group_commit, "_is_answered", no)
    with pytest.raises(AssertionError):
        on_virtual_time(check_neighbours)()


def test_control_a_block_that_goes_on_in_memory_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its next row would stand behind one that is not there."""
    monkeypatch.setattr(residence.Residence, "drop", lambda *_: None)
    monkeypatch.setattr(group_commit, "_drop", lambda hosted: hosted.pending.clear())
    with pytest.raises(AssertionError):
        on_virtual_time(check_neighbours)()


@on_virtual_time
async def test_many_refused_rows_stop_their_blocks_and_no_other() -> None:
    stage = Stage()
    owner = await stage.engine()
    blocks = [await stage.on_sale(owner) for _ in range(40)]
    spoilt, sound = blocks[::2], blocks[1::2]
    refuse(owner, bears(*spoilt))
    answers = await answered(owner.send_calls([(block, hold(1, "1/1")) for block in blocks]), 1)
    assert answers[::2] == [FENCED] * len(spoilt)
    assert all(isinstance(answer, Replied) for answer in answers[1::2])
    assert [placed(stage, block) for block in blocks] == [[], [1]] * len(sound)
    check_journal(stage)


@on_virtual_time
async def test_a_refused_row_that_is_alone_does_not_stop_who_comes_later() -> None:
    stage = Stage()
    owner = await stage.engine()
    spoilt, sound = [await stage.on_sale(owner) for _ in range(2)]
    mend = refuse(owner, bears(spoilt))
    assert await answered(owner.send(spoilt, hold(1, "1/1")), 1) == [FENCED]
    assert isinstance((await answered(owner.send(sound, hold(1, "1/1")), 1))[0], Replied)
    mend()
    await check_it_comes_back(stage, owner, spoilt)


async def check_heads() -> None:
    """A block whose head cannot be read is not answered for, and its neighbours are."""
    stage = Stage()
    owner = await stage.engine()
    blocks = [await stage.on_sale(owner) for _ in range(3)]
    spoilt, *sound = blocks
    mend = refuse(owner, lambda statement: statement.name == "heads" and spoilt in statement.blocks)
    first, *others = await answered(owner.send_calls([(block, read_event()) for block in blocks]), 1)
    assert first == FENCED
    assert all(isinstance(answer, Replied) for answer in others)
    for block in sound:
        assert isinstance((await answered(owner.send(block, hold(1, "1/1")), 1))[0], Replied)
    mend()
    await check_it_comes_back(stage, owner, spoilt)


@on_virtual_time
async def test_a_head_that_cannot_be_read_stops_its_block_and_not_its_neighbours() -> None:
    await check_heads()


def test_control_asked_together_for_ever_nobody_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    async def no(_: object) -> bool:
        return False

    monkeypatch.setattr(group_commit, "_is_answered", no)
    with pytest.raises(AssertionError):
        on_virtual_time(check_heads)()


async def check_all_refused(name: str) -> None:
    """Refused is every statement of this name, whatever it is about: all wait, however long, and nobody is dropped."""
    stage = Stage()
    owner = await stage.engine()
    blocks = [await stage.on_sale(owner) for _ in range(3)]
    command = hold(1, "1/1") if name == "append" else read_event()
    mend = refuse(owner, lambda statement: statement.name == name)
    with capture_logs() as logs:
        sent = owner.send_calls([(block, command) for block in blocks])
        await asyncio.sleep(60)
        assert not sent.done(), "nobody knows yet"
        assert [log["event"] for log in logs] == ["the journal does not answer"]
        mend()
        assert all(isinstance(answer, Replied) for answer in await answered(sent, 2)), "it goes on by itself"
        assert [log["event"] for log in logs][1:] == ["the journal answers again"]
    check_journal(stage)


@pytest.mark.parametrize("name", ["append", "heads"])
def test_what_is_refused_of_everybody_is_no_fault_of_a_block(name: str) -> None:
    on_virtual_time(check_all_refused)(name)


@pytest.mark.parametrize("name", ["append", "heads"])
def test_control_dropped_without_asking_about_nothing(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def yes(_: object) -> bool:
        return True

    monkeypatch.setattr(group_commit, "_is_answered", yes)
    with pytest.raises(AssertionError):
        on_virtual_time(check_all_refused)(name)


@on_virtual_time
async def test_a_refused_row_that_stands_all_the_same_is_found_when_its_block_is_read_anew() -> None:
    """It was appended when it was first sent, and the answer was lost; then Postgres refuses it."""
    stage = Stage()
    owner = await stage.engine()
    block = await stage.on_sale(owner)
    owner.script.lose_answer("append")
    appends = owner.script.sent("append")
    mend = refuse(owner, lambda statement: bears(block)(statement) and owner.script.sent("append") > appends + 1)
    assert await answered(owner.send(block, hold(1, "1/1")), 1) == [FENCED]
    mend()
    await asyncio.sleep(SOUNDNESS_KNOWN_S + 1)
    again = await owner.ask_one(block, hold(1, "1/1"))
    assert isinstance(again, Replied)
    assert again.replayed, "the same key stands for what is there"
    check_journal(stage)


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


async def check_readers() -> None:
    """The journal takes no claims at all: what is only read comes in all the same."""
    stage = Stage()
    creator = await stage.engine(1)
    blocks = [await stage.on_sale(creator) for _ in range(ACTIVATIONS_AT_ONCE + 1)]
    creator.process.kill()
    successor = await stage.engine(2)
    mend = refuse(successor, lambda statement: statement.name == "append")
    for block in blocks[:-1]:
        successor.send(block, hold(1, "1/1"))
    await asyncio.sleep(1)
    assert isinstance(await successor.ask_one(blocks[-1], read_event()), Replied)
    mend()
    for block in blocks:
        assert isinstance(await successor.ask_one(block, hold(1, "1/1")), Replied)
    check_journal(stage)


@on_virtual_time
async def test_a_journal_that_takes_no_claims_can_be_read() -> None:
    await check_readers()


def test_control_claims_that_all_wait_leave_no_place_to_readers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Activator, "_refused", property(lambda _: False, lambda *_: None), raising=False)
    with pytest.raises(AssertionError):
        on_virtual_time(check_readers)()


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
    check_journal(stage)
