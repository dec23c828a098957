"""Group commit: one statement for all that waits, and nothing said before it is true for good."""

import asyncio

from structlog.testing import capture_logs

from actors.core.entries import HoldPlaced
from actors.core.outcomes import Details, Reason
from actors.core.replies import HoldStatus
from actors.link.batch import Failed, Fault, Refused, Replied
from tests.engine.stage import (
    FENCED,
    NOT_READY,
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


@on_virtual_time
async def test_one_statement_carries_everything_that_waits() -> None:
    stage = Stage()
    owner = await stage.engine()
    blocks = [await stage.on_sale(owner) for _ in range(10)]
    before = len(owner.script.appends())
    commit = owner.script.hold("append")
    first = owner.send(blocks[0], hold(1, "1/1"))
    await settle()
    rest = [
        owner.send(block, hold(number, f"{number}/1"), hold(number + 10, f"{number}/5"))
        for number in (2, 3, 4)
        for block in blocks
    ]
    await settle()
    commit.set()
    for sent in (first, *rest):
        assert all(isinstance(answer, Replied) for answer in await answered(sent))
    sizes = [len(rows) for rows in owner.script.appends()[before:]]
    assert sizes == [1, 10]
    assert owner.script.appends()[-1][0].entry_count == 6


@on_virtual_time
async def test_a_reply_waits_until_its_effect_is_durable() -> None:
    stage = Stage()
    owner = await stage.engine()
    block = await stage.on_sale(owner)
    acknowledgement = owner.script.hold_answer("append")
    sent = owner.send(block, hold(1, "1/1"))
    await asyncio.sleep(1)
    assert not sent.done()
    acknowledgement.set()
    (answer,) = await answered(sent)
    assert isinstance(answer, Replied)
    assert answer.position == stage.store.journals[block][-1].position


@on_virtual_time
async def test_a_read_waits_for_what_was_applied_before_it() -> None:
    stage = Stage()
    owner = await stage.engine()
    block = await stage.on_sale(owner)
    commit = owner.script.hold("append")
    written = owner.send(block, hold(1, "1/1"))
    await settle()
    read = owner.send(block, read_hold(1))
    refused = owner.send(block, hold(2, "1/1"))
    await asyncio.sleep(1)
    assert not read.done()
    assert not refused.done()
    commit.set()
    await answered(written)
    assert hold_status((await answered(read))[0]) is HoldStatus.ACTIVE
    (no,) = await answered(refused)
    assert isinstance(no, Refused)
    assert no.reason is Reason.UNITS_HELD


@on_virtual_time
async def test_a_read_waits_for_a_head_check_that_began_after_it_arrived() -> None:
    stage = Stage()
    former = await stage.engine(1)
    block = await stage.on_sale(former)
    await former.ask(block, hold(1, "1/1"))
    checked = former.script.hold_answer("heads")
    early = former.send(block, read_hold(1))
    await settle()  # its check has been carried out
    successor = await stage.engine(2)
    assert isinstance(await successor.ask_one(block, release(1)), Replied)
    late = former.send(block, read_hold(1))
    await settle()
    checked.set()
    assert hold_status((await answered(early))[0]) is HoldStatus.ACTIVE  # as was true while it waited
    assert await answered(late) == [FENCED]


@on_virtual_time
async def test_a_fenced_block_leaves_its_nine_neighbours_alone() -> None:
    stage = Stage()
    former = await stage.engine(1)
    blocks = [await stage.on_sale(former) for _ in range(10)]
    successor = await stage.engine(2)
    await successor.ask(blocks[4], hold(7, "1/1"))
    before = len(former.script.appends())
    answers = await answered(former.send_calls([(block, hold(1, "1/1")) for block in blocks]))
    assert len(former.script.appends()) == before + 1
    assert answers[4] == FENCED
    assert all(isinstance(answer, Replied) for index, answer in enumerate(answers) if index != 4)
    again = await answered(former.send_calls([(block, hold(2, "1/2")) for block in blocks]))
    assert again[4] == Failed(Fault.NOT_OWNER)
    assert all(isinstance(answer, Replied) for index, answer in enumerate(again) if index != 4)


@on_virtual_time
async def test_a_commit_of_unknown_outcome_is_sent_again_identically() -> None:
    stage = Stage()
    owner = await stage.engine()
    block = await stage.on_sale(owner)
    owner.script.lose_answer("append")
    before = len(owner.script.appends())
    (answer,) = await answered(owner.send(block, hold(1, "1/1")))
    assert isinstance(answer, Replied)
    first, second = owner.script.appends()[before:]
    assert first == second
    assert [entry.hold for entry in stage.entries(block) if isinstance(entry, HoldPlaced)] == [1]


@on_virtual_time
async def test_a_commit_that_another_owner_overtook_is_fenced_when_it_is_sent_again() -> None:
    stage = Stage()
    former = await stage.engine(1)
    block = await stage.on_sale(former)
    former.script.away = True
    sent = former.send(block, hold(1, "1/1"))
    await settle()
    successor = await stage.engine(2)
    assert isinstance(await successor.ask_one(block, hold(2, "1/1")), Replied)
    former.script.away = False
    assert await answered(sent) == [FENCED]
    assert [entry.hold for entry in stage.entries(block) if isinstance(entry, HoldPlaced)] == [2]


@on_virtual_time
async def test_of_two_owners_in_turn_only_the_newer_sells() -> None:
    stage = Stage()
    former, successor = await stage.engine(1), await stage.engine(2)
    block = await stage.on_sale(former)
    assert isinstance(await former.ask_one(block, hold(1, "1/1")), Replied)
    assert isinstance(await successor.ask_one(block, hold(2, "1/2")), Replied)
    assert await former.ask_one(block, hold(3, "1/3")) == FENCED
    for number in range(4, 8):
        assert await former.ask_one(block, hold(number, "1/3")) == Failed(Fault.NOT_OWNER)
        assert isinstance(await successor.ask_one(block, hold(number, f"2/{number}")), Replied)
    epochs = stage.epochs(block)
    assert epochs == sorted(epochs)


@on_virtual_time
async def test_a_stalled_journal_is_told_at_once_and_recovers_by_itself() -> None:
    stage = Stage()
    owner = await stage.engine()
    block = await stage.on_sale(owner)
    owner.script.away = True
    first = owner.send(block, hold(1, "1/1"))
    await settle()
    (refused,) = await answered(owner.send(block, hold(2, "1/2")), within_s=0.1)
    assert isinstance(refused, Failed)
    assert refused.fault is Fault.UNAVAILABLE
    await asyncio.sleep(30)
    assert not first.done()
    assert not owner.running.done()
    owner.script.away = False
    (answer,) = await answered(first, within_s=2)
    assert isinstance(answer, Replied)
    assert isinstance(await owner.ask_one(block, hold(2, "1/2")), Replied)


@on_virtual_time
async def test_a_stall_is_logged_when_it_begins_and_when_it_ends() -> None:
    stage = Stage()
    owner = await stage.engine()
    block = await stage.on_sale(owner)
    with capture_logs() as logs:
        for _ in range(2):
            owner.script.away = True
            sent = owner.send(block, hold(1, "1/1"))
            await asyncio.sleep(30)
            owner.script.away = False
            await answered(sent)
    told = [line for line in logs if line["event"].startswith("the journal")]
    assert [line["event"] for line in told] == ["the journal does not answer", "the journal answers again"] * 2
    assert all(30 <= line["stalled_s"] <= 32 for line in told[1::2])


@on_virtual_time
async def test_a_duplicate_of_a_command_whose_commit_fails_is_no_success() -> None:
    stage = Stage()
    former = await stage.engine(1)
    block = await stage.on_sale(former)
    commit = former.script.hold("append")
    first = former.send(block, hold(1, "1/1"))
    await settle()
    duplicate = former.send(block, hold(9, "1/1", key="hold-1"))  # same key, in memory it is a replay
    await settle()
    successor = await stage.engine(2)
    assert isinstance(await successor.ask_one(block, hold(2, "1/1")), Replied)
    commit.set()
    assert await answered(first) == [FENCED]
    assert await answered(duplicate) == [FENCED]


@on_virtual_time
async def test_a_caller_that_goes_away_disturbs_nobody() -> None:
    stage = Stage()
    owner = await stage.engine()
    block = await stage.on_sale(owner)
    commit = owner.script.hold("append")
    blocker = owner.send(block, hold(1, "1/1"))
    await settle()
    leaving, staying = owner.send(block, hold(2, "1/2")), owner.send(block, hold(3, "1/3"))
    await settle()
    leaving.cancel()
    await settle()
    commit.set()
    await answered(blocker)
    (answer,) = await answered(staying)
    assert isinstance(answer, Replied)
    assert owner.engine.counters().calls_waiting == 0
    assert [entry.hold for entry in stage.entries(block) if isinstance(entry, HoldPlaced)] == [1, 2, 3]


@on_virtual_time
async def test_a_read_from_before_a_claim_is_checked_for_itself() -> None:
    """A block was loaded for reading, went out of date, and is claimed while a read of the old copy waits."""
    stage = Stage()
    former, successor = await stage.engine(1), await stage.engine(2)
    block, other = await stage.on_sale(former), await stage.on_sale(former)
    await former.ask(block, hold(1, "1/1"))
    assert hold_status(await successor.ask_one(block, read_hold(1))) is HoldStatus.ACTIVE
    await successor.ask(other, hold(1, "1/1"))
    assert isinstance(await former.ask_one(block, release(1)), Replied)
    acknowledgement = successor.script.hold_answer("append")
    blocker = successor.send(other, hold(2, "1/2"))  # so that the next cycle goes on collecting
    await settle()
    read = successor.send(block, read_hold(1))
    await settle()
    assert await answered(successor.send(block, hold(2, "2/1"))) == [NOT_READY]
    await asyncio.sleep(0.1)
    written = successor.send(block, hold(3, "2/2"))
    await settle()
    acknowledgement.set()
    await answered(blocker)
    assert await answered(read) == [FENCED]
    assert isinstance((await answered(written))[0], Replied)


@on_virtual_time
async def test_a_block_without_rows_is_answered_for() -> None:
    stage = Stage()
    owner = await stage.engine()
    assert await owner.ask_one(stage.new_block(), read_event()) == Refused(Reason.EVENT_NOT_FOUND, Details())
