"""What Postgres refuses of one block stops that block for a while and nothing else; what of all, stops all."""

import asyncio
from itertools import count

import pytest
from structlog.testing import capture_logs

from actors.core.entries import HoldPlaced
from actors.core.ids import BlockId
from actors.engine import group_commit, residence
from actors.engine.residence import SOUNDNESS_KNOWN_S
from actors.journal.memory import Statement
from actors.link.batch import Failed, Fault, Replied
from tests.engine.refusing import DATA_CORRUPTED, bears, check_journal, named, refuse
from tests.engine.stage import FENCED, NOT_READY, Running, Stage, answered, hold, on_virtual_time, read_event, settle


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


async def check_late_refusal() -> None:
    """A reader's look at the head is refused when its block has been claimed meanwhile: it is not the claimed one's."""
    stage = Stage()
    former = await stage.engine(1)
    block = await stage.on_sale(former)
    former.process.kill()
    successor = await stage.engine(2)
    assert isinstance(await successor.ask_one(block, read_event()), Replied)
    before, looks, claimed = successor.script.before, count(), asyncio.Event()

    async def refused_late(statement: Statement) -> None:
        await before(statement)
        if statement.name == "heads" and block in statement.blocks and (claimed.is_set() or not next(looks)):
            await claimed.wait()
            raise DATA_CORRUPTED

    successor.script.before = refused_late  # type: ignore[method-assign]
    asked = successor.send(block, read_event())
    await settle()
    assert await answered(successor.send(block, hold(1, "1/1"))) == [NOT_READY]
    await settle()
    assert successor.engine.residence.blocks[block].claimed
    claimed.set()
    assert await answered(asked) == [FENCED]
    successor.script.before = before  # type: ignore[method-assign]
    assert isinstance(await successor.ask_one(block, hold(2, "1/2")), Replied)
    assert successor.engine.counters().quarantined_count == 0
    check_journal(stage)


@on_virtual_time
async def test_a_refusal_of_what_was_loaded_is_not_that_of_what_is_claimed_since() -> None:
    await check_late_refusal()


def test_control_quarantined_by_its_name_it_counts_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(residence.Residence, "drop", lambda self, hosted, why: self._quarantine(hosted.block, why))
    with pytest.raises(AssertionError):
        on_virtual_time(check_late_refusal)()


async def check_all_refused(name: str) -> None:
    """Refused is every statement of this name, whatever it is about: all wait, however long, and nobody is dropped."""
    stage = Stage()
    owner = await stage.engine()
    blocks = [await stage.on_sale(owner) for _ in range(3)]
    command = hold(1, "1/1") if name == "append" else read_event()
    mend = refuse(owner, named(name))
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
