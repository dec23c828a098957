"""What does not replay is gone on with when an operator has it struck: from there on every fold is without it."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from actors.audit import rows as audited
from actors.audit.audit import BlockAudit
from actors.audit.findings import Finding, is_settled
from actors.core import block as core
from actors.core import entries as e
from actors.core.commands import Correct, ReadHold, ReleaseHold, Stamp
from actors.core.ids import BlockId
from actors.core.inventory import Inventory
from actors.core.outcomes import Reason
from actors.core.replies import HoldStatus
from actors.core.snapshot import FORMAT, digest, freeze, ledger_digest
from actors.core.state import BlockState
from actors.engine import replay as engine_replay
from actors.engine import withholding
from actors.engine.catalogue_port import Quarantined
from actors.engine.hosted import HostedBlock
from actors.engine.replay import apply_row, before_first_row, replay
from actors.engine.withholding import NO_STATE, UNLESS_STRUCK
from actors.journal.codec import decode_entries
from actors.journal.journal import JournalRefused, JournalRow, JournalUnavailable, Snapshot
from actors.journal.memory import MemoryJournal
from actors.journal.striking import Struck, by_row
from actors.journal.succession import JournalDamaged
from actors.link.batch import Refused
from tests.engine.stage import FOREVER_MS, Running, Stage, hold_status, on_virtual_time
from tests.engine.test_quarantines import BOUND_S, correct, ended, imposed, is_refused
from tests.engine.test_unreplayable import STAY, Rows, planted, put_down, refused
from tests.loadtests.journals import TENANT, clean_journal

DAMAGED = ("a row missing", "a chain broken", "entries unreadable")
UNFIT_ROWS = [name for name in STAY if name not in DAMAGED]
LATE_KEY, LATE_PRINT = b"k" * 16, b"p" * 16


def sold_twice() -> Rows:
    """A seat that somebody holds is held by another, who orders and pays; and a third buyer holds what nobody has."""
    journal = clean_journal()
    journal.add_hold(hold=900, seats=(0,), prices=((0, 1, 5_000),))
    at = journal.last_ms
    journal.add(e.OrderPlaced(at, 901, 900, LATE_KEY, LATE_PRINT))
    journal.add(e.OrderConfirmed(at, 901, LATE_KEY[::-1], LATE_PRINT))
    journal.add_hold(hold=902, seats=(7,))
    return journal.rows()


def of(stage: Stage, block: BlockId) -> Rows:
    """What stands in the journal, as the audit reads it."""
    fields = audited.Row.__struct_fields__
    return [audited.Row(*(getattr(row, field) for field in fields)) for row in stage.store.journals[block]]


def audit_of(rows: Rows) -> tuple[BlockAudit, list[Finding]]:
    """The audit at the end, and what it found; it audits anew where it learns of what is struck."""
    audit, findings = BlockAudit(rows[0].block), list[Finding]()
    for row in rows:
        findings += audit.take(row)
    if not audit.is_sound:
        audit, findings = BlockAudit(rows[0].block, struck=audit.struck), []
        for row in rows:
            findings += audit.take(row)
    return audit, [*findings, *audit.finish()]


def unsettled(rows: Rows) -> list[Finding]:
    """What it finds that no correction has settled."""
    audit, findings = audit_of(rows)
    return [one for one in findings if not is_settled(one, audit.settled_position)]


def wish(rows: Rows, *given_up: int, **ends: Any) -> Correct:
    """Strike what cannot be applied. All that was found has been looked at."""
    since_ms = rows[-1].recorded_at_ms
    return Correct(1, len(rows), "mara", "sold twice", since_ms, strikes=True, given_up=given_up, **ends)


async def check_it_sells_again(plant: Callable[[], Rows], *given_up: int) -> tuple[Stage, Running, BlockId]:
    """By the wish; rows, snapshots, a successor and the audit all come to the same."""
    stage = Stage()
    engine = await stage.engine()
    rows = plant()
    block = put_down(stage, rows)
    await imposed(stage, block)
    assert await is_refused(engine, block)
    await ended(stage, block, wish(rows, *given_up))
    assert [row.chain for row in of(stage, block)][: len(rows)] == [row.chain for row in rows], "rows stay"
    whole = before_first_row(block)
    await replay(MemoryJournal(stage.store), whole)
    live = engine.engine.residence.blocks.get(block)
    assert live is not None
    assert digest(whole.state) == digest(live.state)
    assert live.state.entries_applied == len(stage.entries(block)), "what is struck counts as an entry"
    assert audit_of(of(stage, block))[0]._ledger.digest() == ledger_digest(live.state)
    assert not unsettled(of(stage, block))
    engine.process.kill()
    successor = await stage.engine(2)
    return stage, successor, block


@pytest.mark.parametrize("name", UNFIT_ROWS)
@on_virtual_time
async def test_what_cannot_be_applied_is_struck_and_the_event_sells_again(name: str) -> None:
    await check_it_sells_again(STAY[name][1])


def struck_kinds(stage: Stage, block: BlockId) -> list[str]:
    """What the correction says is struck."""
    (corrected,) = [entry for entry in stage.entries(block) if isinstance(entry, e.Corrected)]
    rows = stage.store.journals[block]
    kinds = []
    for position, places in corrected.struck:
        entries = decode_entries(rows[position - 1].entries)
        kinds += [type(entries[place]).__name__ for place in places]
    return kinds


async def status_of(engine: Running, block: BlockId, number: int) -> HoldStatus | Reason:
    """Of a hold, or why there is none."""
    answer = await engine.ask_one(block, ReadHold(TENANT, number))
    return answer.reason if isinstance(answer, Refused) else hold_status(answer)


@on_virtual_time
async def test_who_had_it_first_keeps_it_and_who_came_later_has_neither_hold_nor_order() -> None:
    stage, engine, block = await check_it_sells_again(sold_twice)
    assert struck_kinds(stage, block) == ["HoldPlaced", "OrderPlaced", "OrderConfirmed"]
    assert [await status_of(engine, block, number) for number in (1, 900, 902)] == [
        HoldStatus.CONFIRMED,
        Reason.HOLD_NOT_FOUND,
        HoldStatus.ACTIVE,
    ]


@on_virtual_time
async def test_who_is_to_give_it_up_has_nothing_of_it_and_the_other_keeps_it() -> None:
    """All of that hold is struck, what was paid too; and nothing else."""
    stage, engine, block = await check_it_sells_again(sold_twice, 1)
    assert struck_kinds(stage, block) == ["HoldPlaced", "OrderPlaced", "OrderConfirmed"]
    assert [await status_of(engine, block, number) for number in (1, 900, 902)] == [
        Reason.HOLD_NOT_FOUND,
        HoldStatus.CONFIRMED,
        HoldStatus.ACTIVE,
    ]


REFUSED: dict[str, tuple[Callable[[], Rows], tuple[int, ...], str]] = {
    "who gives up is unknown": (sold_twice, (1, 12_345), "given_up[1]: there is no such hold"),
    "nothing is wrong": (lambda: planted(seats=(7,)), (1,), "given_up: its journal replays as it is"),
    "a correction": (lambda: planted(lambda at: e.Corrected(at, 0, 1, "m", "w", at)), (), "Corrected is never struck"),
    "a row missing": (STAY["a row missing"][1], (), NO_STATE),
    "a chain broken": (STAY["a chain broken"][1], (), NO_STATE),
    "entries unreadable": (STAY["entries unreadable"][1], (), NO_STATE),
}
"""What is not struck: the journal, who is to give up, and what is said."""


@pytest.mark.parametrize("name", REFUSED)
@on_virtual_time
async def test_what_cannot_be_struck_is_refused_and_nothing_has_changed(name: str) -> None:
    plant, given_up, why = REFUSED[name]
    stage, rows = Stage(), plant()
    engine = await stage.engine()
    block = put_down(stage, rows)
    await imposed(stage, block)
    refusal = await refused(stage, block, wish(rows, *given_up))
    assert why in refusal
    assert UNLESS_STRUCK not in refusal
    assert await is_refused(engine, block)
    assert [row.chain for row in of(stage, block)] == [row.chain for row in rows]


@on_virtual_time
async def test_a_shard_that_dies_amid_it_leaves_it_to_its_successor() -> None:
    """The block was claimed, and nothing struck yet: neither the wish nor a row is lost."""
    stage, rows = Stage(), sold_twice()
    engine = await stage.engine()
    block = put_down(stage, rows)
    await imposed(stage, block)

    def die(*_: object) -> None:
        engine.process.kill()
        raise JournalUnavailable

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(withholding, "decide_correct", die)
        stage.catalogue.quarantined[block] = Quarantined(block, 1, wish(rows))
        await asyncio.sleep(BOUND_S)
    assert [type(entry) for entry in stage.entries(block)[-1:]] == [e.Activated]
    await stage.engine(2)
    await ended(stage, block, wish(rows))
    assert struck_kinds(stage, block) == ["HoldPlaced", "OrderPlaced", "OrderConfirmed"]
    assert not unsettled(of(stage, block))


@on_virtual_time
async def test_it_may_be_sold_twice_and_struck_again() -> None:
    stage, engine, block = await check_it_sells_again(sold_twice)
    assert await status_of(engine, block, 902) is HoldStatus.ACTIVE
    await engine.ask_one(block, ReleaseHold(Stamp(TENANT, "b", b"r" * 16, b"r" * 16, FOREVER_MS), 902))
    last, at_ms = stage.store.journals[block][-1], max(entry.at_ms for entry in stage.entries(block))
    again = e.HoldReleased(at_ms, 902, b"s" * 16, b"s" * 16)
    planted_row = HostedBlock(block, BlockState(), last.position, last.chain, claimed=False)
    new = planted_row.row_behind((again,), last.epoch, last.recorded_at_ms)
    engine.process.kill()
    stage.store.journals[block].append(new.row)
    successor = await stage.engine(3)
    await imposed(stage, block, 2)
    await ended(stage, block, Correct(2, new.row.position, "mara", "again", at_ms, strikes=True))
    corrections = [entry.struck for entry in stage.entries(block) if isinstance(entry, e.Corrected)]
    assert corrections[1:] == [((new.row.position, (0,)),)], "what was struck before is not struck again"
    assert not unsettled(of(stage, block))
    assert await status_of(successor, block, 902) is HoldStatus.RELEASED


@on_virtual_time
async def test_a_snapshot_that_has_what_is_struck_is_not_gone_on_from() -> None:
    """As of a memory that had both: an owner that has it from there begins at the first row."""
    stage, _, block = await check_it_sells_again(sold_twice)
    stage.store.snapshots.pop((block, FORMAT), None)
    whole = before_first_row(block)
    claim = Inventory.claim

    def give_up(self: Inventory, hold: int, units: Sequence[int], *others: Any) -> None:
        for unit in units:
            self.owners[unit] = 0
        claim(self, hold, units, *others)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Inventory, "claim", give_up)
        rows = stage.store.journals[block]
        for row in rows[: len(sold_twice())]:
            apply_row(whole, row)
    stage.store.save_snapshot(Snapshot(block, whole.position, whole.chain, FORMAT, freeze(whole.state)))
    engine = await stage.engine(3)
    assert await status_of(engine, block, 900) is Reason.HOLD_NOT_FOUND
    assert await status_of(engine, block, 1) is HoldStatus.CONFIRMED


@on_virtual_time
async def test_rows_that_postgres_does_not_read_end_the_wish() -> None:
    """Of this block alone: it is refused at once, and another can be made."""
    stage, rows = Stage(), sold_twice()
    engine = await stage.engine()
    block = put_down(stage, rows)
    await imposed(stage, block)
    read = MemoryJournal.rows

    async def damaged(self: MemoryJournal, of_block: BlockId, after: int, limit: int) -> list[JournalRow]:
        if of_block == block:
            raise JournalRefused("invalid page in block 7", "XX001")
        return await read(self, of_block, after, limit)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MemoryJournal, "rows", damaged)
        for one in (wish(rows), correct()):
            why = await refused(stage, block, one)
            assert why.startswith(NO_STATE)
            assert "invalid page" in why
        assert await is_refused(engine, block)
    await ended(stage, block, wish(rows))


def _replays_what_is_struck(patch: pytest.MonkeyPatch) -> None:
    async def nothing(*_: object) -> Struck:
        return frozenset()

    patch.setattr(engine_replay, "struck_behind", nothing)


def _says_less(patch: pytest.MonkeyPatch) -> None:
    """The correction names the first alone of what is struck."""
    patch.setattr(withholding, "by_row", lambda struck: by_row(frozenset(sorted(struck)[:1])))


def _audits_what_is_struck(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(BlockAudit, "is_sound", True)


def _forgets_time(patch: pytest.MonkeyPatch) -> None:
    """What is struck is passed over as if it had never stood there."""
    patch.setattr(core, "leave_out", lambda *_: None)


@pytest.mark.parametrize("sabotage", [_replays_what_is_struck, _says_less, _audits_what_is_struck, _forgets_time])
def test_control_a_fold_that_has_it_all_the_same_is_noticed(
    monkeypatch: pytest.MonkeyPatch, sabotage: Callable[[pytest.MonkeyPatch], None]
) -> None:
    async def check() -> None:
        await check_it_sells_again(sold_twice)

    sabotage(monkeypatch)
    with pytest.raises((AssertionError, JournalDamaged, TimeoutError)):
        on_virtual_time(check)()
