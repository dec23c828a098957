"""What one command or one block does wrong stays with it: neighbours in the batch, other blocks and the shard go on."""

import asyncio
from typing import Any

import msgspec
import pytest

from actors.core import block as core
from actors.core.commands import PlaceHold
from actors.core.entries import Entry, HoldPlaced
from actors.core.outcomes import Outcome
from actors.core.replies import HoldStatus
from actors.core.state import BlockState
from actors.link.batch import Failed, Fault, Replied, encoder
from tests.engine.stage import (
    Stage,
    answered,
    hold,
    hold_status,
    on_virtual_time,
    read_event,
    read_hold,
    settle,
)

POISON = 13  # the number of the hold that meets the bug
BAD_UTF_8 = encoder.encode(read_event()).replace(b"arena", b"\xff\xfe\xfd\xfc\xfb")


@pytest.mark.parametrize("poison", [b"", b"\xc1", b"\x91" * 5_000, b"\x92\x63\x01", BAD_UTF_8])
@on_virtual_time
async def test_a_command_that_cannot_be_decoded_spoils_only_itself(poison: bytes) -> None:
    stage = Stage()
    owner = await stage.engine()
    block = await stage.on_sale(owner)
    before, bad, after = await owner.ask(block, hold(1, "1/1"), poison, hold(2, "1/2"))
    assert isinstance(bad, Failed)
    assert bad.fault is Fault.BUG
    assert isinstance(before, Replied)
    assert isinstance(after, Replied)


def bug_in_decide(patch: pytest.MonkeyPatch) -> None:
    decide = core.decide

    def buggy(state: BlockState, command: object, now_ms: int, **known: Any) -> Outcome:
        if isinstance(command, PlaceHold) and command.hold == POISON:
            raise ZeroDivisionError("a bug")
        return decide(state, command, now_ms, **known)  # type: ignore[arg-type]

    patch.setattr(core, "decide", buggy)


def reply_too_large_to_encode(patch: pytest.MonkeyPatch) -> None:
    decide = core.decide

    def buggy(state: BlockState, command: object, now_ms: int, **known: Any) -> Outcome:
        outcome = decide(state, command, now_ms, **known)  # type: ignore[arg-type]
        if isinstance(command, PlaceHold) and command.hold == POISON:
            msgspec.structs.force_setattr(outcome, "reply", 1 << 70)
        return outcome

    patch.setattr(core, "decide", buggy)


async def check_poison() -> None:
    stage = Stage()
    owner = await stage.engine()
    block = await stage.on_sale(owner)
    before, bad, after = await owner.ask(block, hold(1, "1/1"), hold(POISON, "1/2"), hold(2, "1/2"))
    assert bad == Failed(Fault.BUG)
    assert isinstance(before, Replied)
    assert isinstance(after, Replied)  # the poison has taken no unit
    assert [entry.hold for entry in stage.entries(block) if isinstance(entry, HoldPlaced)] == [1, 2]


@pytest.mark.parametrize("bug", [bug_in_decide, reply_too_large_to_encode])
def test_a_poison_command_is_that_commands_fault_alone(monkeypatch: pytest.MonkeyPatch, bug: object) -> None:
    assert callable(bug)
    bug(monkeypatch)
    on_virtual_time(check_poison)()


def bug_in_apply(patch: pytest.MonkeyPatch) -> None:
    """Half of the effect, then an exception."""
    apply = core.apply

    def buggy(state: BlockState, entry: Entry) -> None:
        apply(state, entry)
        if isinstance(entry, HoldPlaced) and entry.hold == POISON:
            raise AssertionError("a bug")

    patch.setattr(core, "apply", buggy)


async def check_quarantine() -> None:
    stage = Stage()
    owner = await stage.engine()
    block, other = await stage.on_sale(owner), await stage.on_sale(owner)
    batch = [(block, hold(1, "1/1")), (block, hold(POISON, "1/2")), (block, hold(2, "1/3")), (other, hold(1, "1/1"))]
    before, bad, after, neighbour = await answered(owner.send_calls(batch))
    assert isinstance(before, Replied)
    assert isinstance(bad, Failed)
    assert bad.fault is Fault.QUARANTINED
    assert isinstance(after, Failed)
    assert after.fault is Fault.QUARANTINED
    assert isinstance(neighbour, Replied)
    assert [entry.hold for entry in stage.entries(block) if isinstance(entry, HoldPlaced)] == [1]
    read = await owner.ask_one(block, read_hold(1))
    assert isinstance(read, Failed)
    assert read.fault is Fault.QUARANTINED
    assert owner.engine.counters().quarantined_count == 1
    await asyncio.sleep(5)
    assert not owner.running.done()


def test_a_bug_in_apply_quarantines_the_block_and_never_the_shard(monkeypatch: pytest.MonkeyPatch) -> None:
    bug_in_apply(monkeypatch)
    on_virtual_time(check_quarantine)()


def bug_in_expiry(patch: pytest.MonkeyPatch) -> None:
    next_due = core.next_due

    def buggy(state: BlockState, now_ms: int, patience: int) -> Entry | None:
        if POISON in state.holds:
            raise AssertionError("a bug")
        return next_due(state, now_ms, patience)

    patch.setattr(core, "next_due", buggy)


async def check_expiry_bug() -> None:
    stage = Stage()
    owner = await stage.engine()
    block, other = await stage.on_sale(owner), await stage.on_sale(owner)
    assert isinstance(await owner.ask_one(block, hold(POISON, "1/1")), Replied)
    await asyncio.sleep(2)
    assert not owner.running.done()
    answers = await answered(owner.send_calls([(block, hold(2, "1/2")), (other, hold(1, "1/1"))]))
    assert isinstance(answers[0], Failed)
    assert answers[0].fault is Fault.QUARANTINED
    assert hold_status(answers[1]) is HoldStatus.ACTIVE


def test_a_bug_in_an_expiry_quarantines_the_block_and_never_the_shard(monkeypatch: pytest.MonkeyPatch) -> None:
    bug_in_expiry(monkeypatch)
    on_virtual_time(check_expiry_bug)()


async def check_unwritable() -> None:
    stage = Stage()
    owner = await stage.engine()
    block, other = await stage.on_sale(owner), await stage.on_sale(owner)
    hosted = owner.engine.residence.blocks[block]
    sent = owner.send_calls([(block, hold(1, "1/1")), (other, hold(1, "1/1"))])
    while not hosted.pending:  # noqa: ASYNC110  # until both are applied
        await asyncio.sleep(0)
    msgspec.structs.force_setattr(hosted.pending[0], "hold", 1 << 70)  # what no codec can write
    answers = await answered(sent)
    await settle()
    assert not owner.running.done()
    assert isinstance(answers[0], Failed)
    assert isinstance(answers[1], Replied)
    again = await owner.ask_one(block, hold(2, "1/2"))
    assert isinstance(again, Failed)
    assert again.fault is Fault.QUARANTINED


def test_an_entry_that_cannot_be_written_quarantines_its_block_alone() -> None:
    on_virtual_time(check_unwritable)()
