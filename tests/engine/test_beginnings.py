"""Where a block that comes in begins: with what was loaded before, a snapshot that its rows fit, or the first row."""

import asyncio
from collections.abc import Callable
from itertools import count

import msgspec
import pytest
from structlog.testing import capture_logs

from actors.core.entries import Activated
from actors.core.ids import BlockId
from actors.core.replies import HoldStatus
from actors.core.snapshot import FORMAT, freeze, restore
from actors.core.state import BlockState
from actors.engine import activation, group_commit
from actors.engine.activation import Activator
from actors.engine.hosted import HostedBlock
from actors.journal.journal import Head, Snapshot
from actors.link.batch import Failed, Refused, Replied
from tests.engine.stage import (
    FENCED,
    NOT_READY,
    Running,
    Stage,
    answered,
    hold,
    hold_status,
    on_virtual_time,
    read_event,
    read_hold,
    release,
    settle,
)

Change = Callable[[Snapshot], Snapshot]


@pytest.fixture(autouse=True)
def _small_snapshots(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group_commit, "ENTRIES_PER_SNAPSHOT", 3)
    monkeypatch.setattr(group_commit, "VALUES_PER_ENTRY", 1_000)


async def with_two_snapshots(stage: Stage) -> tuple[BlockId, bytes]:
    """A block with snapshots of rows 5 and 8 and two rows behind, and its digest; its owner is gone."""
    owner = await stage.engine(1)
    block = await stage.on_sale(owner)
    for number in range(1, 7):
        await owner.ask(block, hold(number, f"1/{number}"))
    await owner.ask(block, release(1))
    await owner.ask(block, release(2))
    digest = await owner.digest(block)
    owner.process.kill()
    positions = [snapshot.position for snapshot in stage.store.snapshots[block, FORMAT]]
    if (positions, len(stage.store.journals[block])) != ([5, 8], 10):
        raise RuntimeError(f"this is not what the checks are about: snapshots at {positions}")
    return block, digest


def unknown_key(state: BlockState) -> None:
    """What the release of the hold stumbles over."""
    state.holds[1].keys = (b"?" * 16,)


def spoilt(snapshot: Snapshot, spoil: Callable[[BlockState], None]) -> Snapshot:
    """A snapshot whose checksum is right and whose state is not."""
    state = restore(snapshot.state)
    spoil(state)
    return msgspec.structs.replace(snapshot, state=freeze(state))


def garbage(snapshot: Snapshot) -> Snapshot:
    """A snapshot that cannot be read."""
    return msgspec.structs.replace(snapshot, state=b"garbage")


def unfit(snapshot: Snapshot) -> Snapshot:
    """A snapshot that can be read, and that the rows behind it do not fit."""
    return spoilt(snapshot, unknown_key)


def sound(snapshot: Snapshot) -> Snapshot:
    """As it was."""
    return snapshot


async def check_snapshots(older: Change, newer: Change) -> None:
    stage = Stage()
    block, live = await with_two_snapshots(stage)
    kept = stage.store.snapshots[block, FORMAT]
    kept[:] = [older(kept[0]), newer(kept[1])]
    rows = list(stage.store.journals[block])
    if older is sound:
        for position in range(1, 5):
            stage.store.remove(block, position)  # so that it cannot begin at the first row
    successor = await stage.engine(2)
    with capture_logs() as logs:
        assert await successor.digest(block) == live
    said = [(log["position"], log["log_level"]) for log in logs if log["event"] == "snapshot is of no use"]
    assert said == [(8, "error"), (5, "error")][: 1 if older is sound else 2]
    stage.store.journals[block][:0] = rows[:4] if older is sound else []
    assert isinstance(await successor.ask_one(block, hold(9, "1/1")), Replied)


SPOILT = [(sound, unfit), (sound, garbage), (unfit, unfit), (garbage, unfit), (unfit, garbage)]


@pytest.mark.parametrize(("older", "newer"), SPOILT)
def test_a_snapshot_that_does_not_fit_gives_way_to_the_one_before_and_that_to_the_first_row(
    older: Change, newer: Change
) -> None:
    on_virtual_time(check_snapshots)(older, newer)


@pytest.mark.parametrize(("older", "newer"), SPOILT)
def test_control_without_another_beginning_the_block_stops(
    older: Change, newer: Change, monkeypatch: pytest.MonkeyPatch
) -> None:
    for fault in ("RowUnfit", "SnapshotDamaged"):
        monkeypatch.setattr(activation, fault, ZeroDivisionError)
    with pytest.raises(AssertionError):
        on_virtual_time(check_snapshots)(older, newer)


async def read_and_then_written(stage: Stage) -> tuple[Running, BlockId]:
    """A successor that has loaded a block for reading, and writes to it now."""
    former = await stage.engine(1)
    block = await stage.on_sale(former)
    await former.ask(block, hold(1, "1/1"))
    former.process.kill()
    successor = await stage.engine(2)
    assert isinstance(await successor.ask_one(block, read_event()), Replied)
    assert isinstance(await successor.ask_one(block, hold(2, "1/2")), Replied)
    return successor, block


@on_virtual_time
async def test_a_claim_begins_with_what_was_loaded_for_reading() -> None:
    stage = Stage()
    successor, block = await read_and_then_written(stage)
    assert successor.script.sent("newest_snapshot") == 1
    assert [type(entry) for entry in stage.entries(block)].count(Activated) == 2
    other = await stage.engine(3)
    assert await other.digest(block) == await successor.digest(block)


@on_virtual_time
async def test_a_claim_follows_the_rows_since_the_block_was_loaded() -> None:
    stage = Stage()
    former = await stage.engine(1)
    block = await stage.on_sale(former)
    successor = await stage.engine(2)
    assert isinstance(await successor.ask_one(block, read_event()), Replied)
    await former.ask(block, hold(1, "1/1"), hold(2, "1/2"))
    await former.ask(block, release(1))
    assert isinstance(await successor.ask_one(block, hold(3, "1/1")), Replied)
    assert hold_status(await successor.ask_one(block, read_hold(2))) is HoldStatus.ACTIVE
    assert successor.script.sent("newest_snapshot") == 1
    assert await (await stage.engine(3)).digest(block) == await successor.digest(block)


async def check_lost_row(*, written_since: bool) -> None:
    """A failover lost the last row after the block was loaded; another row may have come in its place."""
    stage = Stage()
    former = await stage.engine(1)
    block = await stage.on_sale(former)
    await former.ask(block, hold(1, "1/1"))
    former.process.kill()
    successor = await stage.engine(3)
    assert isinstance(await successor.ask_one(block, read_hold(1)), Replied)
    stage.store.remove(block, len(stage.store.journals[block]))
    if written_since:
        between = await stage.engine(2)
        await between.ask(block, hold(2, "1/1"))
        between.process.kill()
    answer = await successor.ask_one(block, hold(3, "1/1"))
    assert isinstance(answer, Refused if written_since else Replied)
    assert await (await stage.engine(4)).digest(block) == await successor.digest(block)


@pytest.mark.parametrize("written_since", [True, False])
def test_what_was_loaded_and_the_journal_has_lost_is_not_gone_on_from(written_since: bool) -> None:
    on_virtual_time(check_lost_row)(written_since=written_since)


@pytest.mark.parametrize("written_since", [True, False])
def test_who_goes_on_from_a_lost_row_is_let_in_by_no_journal_and_begins_anew(
    written_since: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(HostedBlock, "ends_at", lambda *_: True)
    on_virtual_time(check_lost_row)(written_since=written_since)


@pytest.mark.parametrize("written_since", [True, False])
def test_control_who_does_not_begin_anew_then_is_refused(written_since: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    async def follows(self: Activator, loaded: HostedBlock, hosted: HostedBlock) -> bool:
        await self._follow(loaded, hosted)
        return True

    monkeypatch.setattr(HostedBlock, "ends_at", lambda *_: True)
    monkeypatch.setattr(Activator, "_has_followed", follows)
    with pytest.raises(AssertionError):
        on_virtual_time(check_lost_row)(written_since=written_since)


@on_virtual_time
async def test_a_claim_that_does_not_keep_up_is_put_off_and_blames_nobody() -> None:
    """While it looks at the head, a reader's look finds what was loaded out of date; time and again."""
    stage = Stage()
    former = await stage.engine(1)
    block = await stage.on_sale(former)
    successor = await stage.engine(2)
    look, overtaken = Activator._head, count()

    async def overtaking(self: Activator, asked: BlockId) -> Head | None:
        head = await look(self, asked)
        loaded = successor.engine.residence.blocks.get(asked)
        if loaded is not None and self._shard == "s1" and next(overtaken) < 5:
            loaded.lost = True
        return head

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Activator, "_head", overtaking)
        successor.send(block, hold(1, "1/1"))
        await asyncio.sleep(0.09)
        assert next(overtaken) > 2, "it was tried"
        assert successor.engine.counters().quarantined_count == 0
        assert isinstance(await successor.ask_one(block, hold(1, "1/1")), Replied)
    assert isinstance(await former.ask_one(block, hold(2, "1/2")), Failed)


async def check_question_before_claim() -> None:
    """A question is answered from a state that was out of date by then, and its check comes back after the claim."""
    stage = Stage()
    former = await stage.engine(1)
    block = await stage.on_sale(former)
    await former.ask(block, hold(1, "1/1"))
    successor = await stage.engine(2)
    assert hold_status(await successor.ask_one(block, read_hold(1))) is HoldStatus.ACTIVE
    assert isinstance(await former.ask_one(block, release(1)), Replied)
    check = successor.script.hold("heads")
    asked = successor.send(block, read_hold(1))
    await settle()
    assert await answered(successor.send(block, hold(2, "1/2"))) == [NOT_READY]
    await settle()
    assert stage.epochs(block)[-1] == 2, "the claim stands"
    check.set()
    assert await answered(asked) == [FENCED]


def test_a_question_that_came_before_the_claim_is_not_answered_from_a_stale_state() -> None:
    on_virtual_time(check_question_before_claim)()


def test_control_a_claim_that_moves_what_was_loaded_answers_stale(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(HostedBlock, "handed_over", lambda loaded: loaded)
    with pytest.raises(AssertionError):
        on_virtual_time(check_question_before_claim)()
