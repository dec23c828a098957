"""How a block comes in: snapshot and tail agree with a whole replay, damage stops one block, the newest owner wins."""

import asyncio
from collections.abc import Callable, Sequence

import msgspec
import pytest

from actors.core import block as core
from actors.core.entries import Activated, HoldPlaced
from actors.core.ids import BlockId
from actors.core.replies import HoldStatus
from actors.core.snapshot import FORMAT, digest
from actors.core.state import BlockState
from actors.engine import activation, group_commit
from actors.journal.codec import encode_entries
from actors.journal.journal import Epoch, Heads, JournalRow, Snapshot, chain_of
from actors.journal.memory import MemoryJournal
from actors.link.batch import Failed, Fault, Replied
from tests.engine.stage import (
    FENCED,
    Running,
    Stage,
    answered,
    confirm,
    hold,
    hold_status,
    on_virtual_time,
    order,
    read_event,
    read_hold,
    release,
    settle,
)

FORMER = Epoch(1, 1, 1).packed()


async def some_business(owner: Running, block: BlockId) -> None:
    """Holds, orders and releases: a dozen entries, some in one row."""
    await owner.ask(block, hold(1, "1/1", "1/2"), hold(2, "1/3"))
    await owner.ask(block, order(11, 1), release(2))
    await owner.ask(block, confirm(11), hold(3, "2/1"), hold(4, "2/2"), hold(5, "2/3"))
    await owner.ask(block, release(4))


def replayed(stage: Stage, block: BlockId) -> bytes:
    """The digest of a replay from the first entry."""
    state = BlockState()
    for entry in stage.entries(block):
        core.apply(state, entry)
    return digest(state)


async def check_snapshot_and_tail() -> None:
    stage = Stage()
    owner = await stage.engine(1)
    block = await stage.on_sale(owner)
    await some_business(owner, block)
    live = await owner.digest(block)
    (snapshot,) = stage.store.snapshots[block, FORMAT][-1:]
    rows = stage.store.journals[block]
    assert 2 < snapshot.position < len(rows)
    assert live == replayed(stage, block)
    reader = await stage.engine(2)
    for position in range(1, snapshot.position):
        stage.store.remove(block, position)  # so that nothing can be loaded but by the snapshot
    assert await reader.digest(block) == live
    stage.store.journals[block] = rows
    assert isinstance(await reader.ask_one(block, hold(6, "3/1")), Replied)
    assert await reader.digest(block) == replayed(stage, block)


def test_snapshot_and_tail_give_the_state_of_a_whole_replay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group_commit, "ENTRIES_PER_SNAPSHOT", 7)
    on_virtual_time(check_snapshot_and_tail)()


def of_another_chain(snapshot: Snapshot) -> Snapshot:
    return msgspec.structs.replace(snapshot, chain=b"?" * 16)


def of_garbage(snapshot: Snapshot) -> Snapshot:
    return msgspec.structs.replace(snapshot, state=b"\xc1garbage")


def of_half_a_state(snapshot: Snapshot) -> Snapshot:
    return msgspec.structs.replace(snapshot, state=snapshot.state[: len(snapshot.state) // 2])


def with_one_changed_bit(snapshot: Snapshot) -> Snapshot:
    """May well decode."""
    state = bytearray(snapshot.state)
    state[-40] ^= 1
    return msgspec.structs.replace(snapshot, state=bytes(state))


def of_another_format(snapshot: Snapshot) -> Snapshot:
    return msgspec.structs.replace(snapshot, format=FORMAT + 1, state=b"from the future")


SPOILT = [of_another_chain, of_garbage, of_half_a_state, with_one_changed_bit, of_another_format]


async def check_spoilt_snapshot(spoil: Callable[[Snapshot], Snapshot]) -> None:
    stage = Stage()
    owner = await stage.engine(1)
    block = await stage.on_sale(owner)
    await some_business(owner, block)
    live = await owner.digest(block)
    snapshots = stage.store.snapshots.pop((block, FORMAT))
    stage.store.save_snapshot(spoil(snapshots[-1]))
    assert await (await stage.engine(2)).digest(block) == live


@pytest.mark.parametrize("spoil", SPOILT)
def test_a_snapshot_that_cannot_be_used_is_replaced_by_a_whole_replay(
    monkeypatch: pytest.MonkeyPatch, spoil: Callable[[Snapshot], Snapshot]
) -> None:
    monkeypatch.setattr(group_commit, "ENTRIES_PER_SNAPSHOT", 7)
    on_virtual_time(check_spoilt_snapshot)(spoil)


def lost_row(stage: Stage, block: BlockId) -> None:
    stage.store.remove(block, 2)


def changed_bytes(stage: Stage, block: BlockId) -> None:
    """An entry that is as good as the true one."""
    rows = stage.store.journals[block]
    entries = encode_entries([Activated(rows[0].recorded_at_ms, "another", b"12345678")])
    rows[0] = msgspec.structs.replace(rows[0], entries=entries)


def broken_chain(stage: Stage, block: BlockId) -> None:
    rows = stage.store.journals[block]
    rows[1] = msgspec.structs.replace(rows[1], chain=b"!" * 16)


def unknown_entry(stage: Stage, block: BlockId) -> None:
    """A row of a later release, whole in itself."""
    last = stage.store.journals[block][-1]
    entries = b"\x01" + msgspec.msgpack.encode([[99, 1, "of a later release"]])
    chain = chain_of(last.chain, block, last.position + 1, FORMER, last.recorded_at_ms, entries)
    row = JournalRow(block, last.position + 1, FORMER, last.recorded_at_ms, 1, entries, chain)
    stage.store.journals[block].append(row)


DAMAGES = [lost_row, changed_bytes, broken_chain, unknown_entry]


async def check_damage(damage: Callable[[Stage, BlockId], None]) -> None:
    stage = Stage()
    former = await stage.engine(1)
    damaged, sound = await stage.on_sale(former), await stage.on_sale(former)
    await former.ask(damaged, hold(1, "1/1"))
    former.process.kill()
    damage(stage, damaged)
    successor = await stage.engine(2)
    for _ in range(20):
        answers = await answered(successor.send_calls([(damaged, hold(2, "1/1")), (sound, hold(2, "1/1"))]))
        assert not isinstance(answers[0], Replied)
        await asyncio.sleep(0.1)
    assert isinstance(answers[0], Failed)
    assert answers[0].fault is Fault.QUARANTINED
    assert isinstance(answers[1], Replied)
    assert successor.engine.counters().quarantined_count == 1
    assert {row.epoch for row in stage.store.journals[damaged]} == {FORMER}, "a damaged journal was appended to"
    assert not successor.running.done()


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_journal_stops_its_block_and_no_other(damage: Callable[[Stage, BlockId], None]) -> None:
    on_virtual_time(check_damage)(damage)


async def check_lost_amid_a_load(patch: pytest.MonkeyPatch) -> None:
    """A failover loses the last row between a look at the head and one at the rows: nobody is kept waiting for that."""
    stage = Stage()
    former = await stage.engine()
    block = await stage.on_sale(former)
    assert isinstance(await former.ask_one(block, hold(1, "1/1")), Replied)
    assert isinstance(await former.ask_one(block, hold(2, "1/2")), Replied)
    former.process.kill()
    heads, journal = MemoryJournal.heads, stage.store.journals[block]

    async def then_lost(self: MemoryJournal, blocks: Sequence[BlockId]) -> Heads:
        found = await heads(self, blocks)
        if block in blocks and len(journal) == 4:
            del journal[3:]
        return found

    patch.setattr(MemoryJournal, "heads", then_lost)
    successor = await stage.engine(2)
    answers = [await successor.ask_one(block, read_hold(number)) for number in (1, 2)]
    assert len(journal) == 3
    assert [isinstance(answer, Replied) for answer in answers] == [True, False]
    assert successor.engine.counters().quarantined_count == 0
    assert isinstance(await successor.ask_one(block, hold(3, "1/2")), Replied)


@on_virtual_time
async def test_a_row_that_is_lost_amid_a_load_stops_nobody() -> None:
    with pytest.MonkeyPatch.context() as patch:
        await check_lost_amid_a_load(patch)


@on_virtual_time
async def test_control_a_load_that_looks_once_is_noticed() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(activation, "range", lambda _: (0,), raising=False)
        with pytest.raises(AssertionError):
            await check_lost_amid_a_load(patch)


@on_virtual_time
async def test_an_older_owner_does_not_claim_what_a_newer_one_has_written() -> None:
    stage = Stage()
    newer, older = await stage.engine(2), await stage.engine(1)
    block = await stage.on_sale(newer)
    assert await older.ask_one(block, hold(1, "1/1")) == Failed(Fault.NOT_OWNER)
    assert set(stage.epochs(block)) == {2}


@on_virtual_time
async def test_an_owner_that_was_fenced_never_claims_again() -> None:
    stage = Stage()
    owner = await stage.engine(1)
    block = await stage.on_sale(owner)
    await owner.ask(block, hold(1, "1/1"))
    rows = stage.store.journals[block]
    stage.store.remove(block, len(rows))  # a failover lost it: no newer epoch stands in the way
    owner.script.hold("heads")  # so that it does not learn that it must leave
    assert await owner.ask_one(block, hold(2, "1/2")) == FENCED
    for number in range(3, 6):
        assert await owner.ask_one(block, hold(number, "1/2")) == Failed(Fault.NOT_OWNER)
        await asyncio.sleep(1)
    assert not owner.left
    assert len(stage.store.journals[block]) == len(rows) - 1


@on_virtual_time
async def test_an_owner_that_was_fenced_by_a_lost_row_leaves_and_its_successor_serves_the_block() -> None:
    stage = Stage()
    owner = await stage.engine(1)
    block = await stage.on_sale(owner)
    await owner.ask(block, hold(1, "1/1"))
    stage.store.remove(block, len(stage.store.journals[block]))
    assert await owner.ask_one(block, hold(2, "1/2")) == FENCED
    await asyncio.sleep(1)
    assert owner.left
    successor = await stage.engine(2)
    assert isinstance(await successor.ask_one(block, hold(3, "1/3")), Replied)


@on_virtual_time
async def test_an_owner_that_was_fenced_by_a_successor_goes_on_with_its_other_blocks() -> None:
    stage = Stage()
    former = await stage.engine(1)
    block, other = await stage.on_sale(former), await stage.on_sale(former)
    successor = await stage.engine(1, generation=2, cut_over=False)
    assert isinstance(await successor.ask_one(block, hold(1, "1/1")), Replied)
    assert await former.ask_one(block, hold(2, "1/2")) == FENCED
    await asyncio.sleep(30)
    assert not former.left
    assert isinstance(await former.ask_one(other, hold(3, "1/3")), Replied)


@on_virtual_time
async def test_an_owner_whose_journal_is_away_learns_later_who_fenced_it() -> None:
    stage = Stage()
    owner = await stage.engine(1)
    block = await stage.on_sale(owner)
    stage.store.remove(block, len(stage.store.journals[block]))
    acknowledgement = owner.script.hold_answer("append")
    sent = owner.send(block, hold(1, "1/1"))
    await settle()
    owner.script.lose_answer("heads")
    acknowledgement.set()
    assert await answered(sent) == [FENCED]
    await asyncio.sleep(3)
    assert owner.script.sent("heads") >= 2
    assert owner.left


@on_virtual_time
async def test_reads_load_a_block_without_appending() -> None:
    stage = Stage()
    former = await stage.engine(1)
    block = await stage.on_sale(former)
    await former.ask(block, hold(1, "1/1"))
    rows = list(stage.store.journals[block])
    successor = await stage.engine(1, generation=2, cut_over=False)
    assert isinstance(await successor.ask_one(block, read_event()), Replied)
    assert hold_status(await successor.ask_one(block, read_hold(1))) is HoldStatus.ACTIVE
    await asyncio.sleep(5)
    assert stage.store.journals[block] == rows
    assert isinstance(await former.ask_one(block, release(1)), Replied)
    assert await successor.ask_one(block, read_hold(1)) == FENCED  # what was loaded is out of date
    assert hold_status(await successor.ask_one(block, read_hold(1))) is HoldStatus.RELEASED
    assert set(stage.epochs(block)) == {1}


async def check_race(first: str) -> None:
    """Two incarnations claim a block at once; `first`: whose row arrives first."""
    stage = Stage()
    creator = await stage.engine(1)
    block = await stage.on_sale(creator)
    creator.process.kill()
    older, newer = await stage.engine(2), await stage.engine(3)
    claims = {"older": older.script.hold("append"), "newer": newer.script.hold("append")}
    for engine in (older, newer):
        engine.send(block, hold(1, "1/1"))
    await settle()
    assert older.script.sent("append") == newer.script.sent("append") == 1  # both have read the same head
    claims[first].set()
    await settle()
    for claim in claims.values():
        claim.set()
    await settle()
    assert isinstance(await newer.ask_one(block, hold(3, "1/1")), Replied)
    answer = await older.ask_one(block, hold(2, "1/1"))
    assert answer in (FENCED, Failed(Fault.NOT_OWNER))
    placed = [entry.hold for entry in stage.entries(block) if isinstance(entry, HoldPlaced)]
    assert placed == [3]
    assert stage.epochs(block) == sorted(stage.epochs(block))
    assert await newer.digest(block) == replayed(stage, block)


@pytest.mark.parametrize("first", ["older", "newer"])
def test_of_two_that_claim_at_once_the_newer_has_the_block_in_the_end(first: str) -> None:
    on_virtual_time(check_race)(first)


@on_virtual_time
async def test_a_claim_under_a_busy_owner_follows_its_rows_until_it_stands_behind_the_last() -> None:
    stage = Stage()
    former = await stage.engine(1)
    block = await stage.on_sale(former)
    successor = await stage.engine(2)
    sent = successor.send(block, hold(1, "1/1"))
    del sent
    for number in range(2, 6):
        claim = successor.script.hold("append")
        await settle()
        assert isinstance(await former.ask_one(block, hold(number, f"1/{number}")), Replied)
        claim.set()
    await settle()
    assert isinstance(await successor.ask_one(block, hold(6, "1/6")), Replied)
    assert stage.epochs(block) == sorted(stage.epochs(block))
    assert await successor.digest(block) == replayed(stage, block)
    assert successor.script.sent("newest_snapshot") == 1  # it goes on from where it stands


@on_virtual_time
async def test_a_claim_behind_a_row_that_is_lost_meanwhile_begins_anew() -> None:
    """A failover loses a row between replay and append: the block is not to blame, and is read anew at once."""
    stage = Stage()
    former = await stage.engine(1)
    block = await stage.on_sale(former)
    await former.ask(block, hold(1, "1/1"))
    former.process.kill()
    successor = await stage.engine(2)
    claim = successor.script.hold("append")
    successor.send(block, hold(2, "1/2"))
    await settle()
    stage.store.remove(block, len(stage.store.journals[block]))
    claim.set()
    assert isinstance(await successor.ask_one(block, hold(2, "1/2")), Replied)
    assert successor.engine.counters().quarantined_count == 0
    assert isinstance(await successor.ask_one(block, hold(3, "1/1")), Replied), "its hold is lost"


@on_virtual_time
async def test_a_claim_whose_acknowledgement_is_lost_is_made_once() -> None:
    stage = Stage()
    former = await stage.engine(1)
    block = await stage.on_sale(former)
    former.process.kill()
    successor = await stage.engine(2)
    successor.script.lose_answer("append")
    assert isinstance(await successor.ask_one(block, hold(1, "1/1")), Replied)
    activations = [entry for entry in stage.entries(block) if isinstance(entry, Activated)]
    assert len(activations) == 2  # one by each
    first, second = successor.script.appends()[:2]
    assert first == second
