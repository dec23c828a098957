"""What no shard can replay stays quarantined unless it is struck: the wish is refused, and why; nothing is appended."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from random import Random

import msgspec
import pytest

from actors.audit import rows as audited
from actors.audit.audit import BlockAudit
from actors.audit.findings import Fault
from actors.auditor import dangers
from actors.auditor.dangers import DANGERS, REPLAYS, Replays
from actors.core import entries as e
from actors.core.block import apply
from actors.core.commands import Correct
from actors.core.ids import BlockId
from actors.core.inventory import Inventory
from actors.core.snapshot import FORMAT, freeze
from actors.core.state import BlockState
from actors.engine import withholding
from actors.engine.activation import Activator
from actors.engine.catalogue_port import Quarantined
from actors.engine.withholding import NO_STATE
from actors.journal.codec import decode_entries
from actors.journal.journal import JournalRow, Snapshot, chain_of
from actors.link.batch import Replied
from tests.engine.stage import Running, Stage, hold, on_virtual_time
from tests.engine.test_quarantines import BOUND_S, correct, ended, imposed, is_refused
from tests.loadtests.basket_planting import Journals
from tests.loadtests.journals import EPOCHS, KEY, PRINT, Journal, clean_journal
from tests.loadtests.test_audit_mutations import JOURNALS, PLACES, Place, _changed, _others

SAMPLE = 250
Rows = list[audited.Row]


def planted(*entries: Callable[[int], e.Entry], **held: object) -> Rows:
    """A journal with these at its end, by their times, and a hold that is right but for what is said of it."""
    journal = clean_journal()
    if held:
        journal.add_hold(**held)  # type: ignore[arg-type]
    if entries:
        journal.add(*(entry(journal.last_ms) for entry in entries))
    return journal.rows()


def under(epoch: int) -> Rows:
    """A hold under this epoch, without a claim."""
    journal = clean_journal()
    journal.add_hold()
    journal.drafts[-1].epoch = epoch
    return journal.rows()


def at_desk(entry: Callable[[int], e.Entry]) -> Rows:
    """The journal of a desk with this at its end."""
    journals = Journals()
    journals.at_desk(entry(journals.now_ms))
    return journals.desk.rows()


def without_a_row() -> Rows:
    rows = clean_journal().rows()
    return rows[:6] + rows[7:]


def with_another_time() -> Rows:
    rows = clean_journal().rows()
    rows[6] = msgspec.structs.replace(rows[6], recorded_at_ms=rows[6].recorded_at_ms + 1)
    return rows


def with_unknown_bytes() -> Rows:
    """The last row, by whoever wrote it: its chain is right."""
    *rows, last = clean_journal().rows()
    entries = b"\x01\x91\x92\x03\xc1"
    chain = chain_of(rows[-1].chain, BlockId(last.block), last.position, last.epoch, last.recorded_at_ms, entries)
    return [*rows, msgspec.structs.replace(last, entries=entries, chain=chain)]


STAY: dict[str, tuple[Fault, Callable[[], Rows]]] = {
    "a unit claimed twice": (Fault.UNIT_CLAIMED_TWICE, lambda: planted(seats=(0,), prices=((0, 1, 5_000),))),
    "an area over its capacity": (
        Fault.AREA_OVER_CAPACITY,
        lambda: planted(seats=(), areas=((0, 10),), prices=((2, 10, 1_000),)),
    ),
    "a number reused": (Fault.NUMBER_REUSED, lambda: planted(hold=1)),
    "a hold unknown": (Fault.HOLD_UNKNOWN, lambda: planted(lambda at: e.HoldExpired(at, 12_345))),
    "a hold not active": (Fault.HOLD_NOT_ACTIVE, lambda: planted(lambda at: e.HoldReleased(at, 3, KEY, PRINT))),
    "an order unknown": (Fault.ORDER_UNKNOWN, lambda: planted(lambda at: e.OrderCancelled(at, 12_345, KEY, PRINT))),
    "an order ended": (Fault.ORDER_ENDED, lambda: planted(lambda at: e.OrderConfirmed(at, 101, KEY, PRINT))),
    "a leg unknown": (Fault.LEG_UNKNOWN, lambda: planted(lambda at: e.LegReleased(at, 999, 2, ()))),
    "not demanded": (Fault.NOT_DEMANDED, lambda: at_desk(lambda at: e.LegAcknowledged(at, 999, 1))),
    "a basket ended": (Fault.BASKET_ENDED, lambda: at_desk(lambda at: e.BasketDropped(at, 1))),
    "a row missing": (Fault.ROW_MISSING, without_a_row),
    "a chain broken": (Fault.CHAIN_BROKEN, with_another_time),
    "entries unreadable": (Fault.ENTRIES_UNREADABLE, with_unknown_bytes),
}
"""What stays, and how it comes to be."""

END: dict[str, tuple[Fault, Callable[[], Rows]]] = {
    "a price": (Fault.PRICE_WRONG, lambda: planted(prices=((1, 1, 1),))),
    "a channel": (Fault.CHANNEL_UNKNOWN, lambda: planted(channel="nobody")),
    "a hold expired too early": (
        Fault.BEFORE_DEADLINE,
        lambda: planted(lambda at: e.HoldExpired(at, 99), seats=(7,)),
    ),
    "an epoch that went back": (Fault.EPOCH_WENT_BACK, lambda: under(EPOCHS[0])),
    "an epoch without a claim": (Fault.EPOCH_NOT_ACTIVATED, lambda: under(EPOCHS[1] + 1)),
    "a number without a hold": (Fault.HOLD_MALFORMED, lambda: planted(hold=-1)),
}
"""What can be ended."""


def stopping(rows: Sequence[audited.Row]) -> tuple[Fault, int] | None:
    """The first that the audit finds in the rows that stops their block, and in which."""
    block_audit = BlockAudit(rows[0].block, [])
    found = (finding for row in rows for finding in block_audit.take(row))
    return next(((one.fault, one.position) for one in found if DANGERS[one.fault].stops), None)


def put_down(stage: Stage, rows: Sequence[audited.Row]) -> BlockId:
    """These rows are the journal of a block of the first shard."""
    block = BlockId(rows[0].block)
    stage.store.journals[block] = [msgspec.convert(row, JournalRow, from_attributes=True) for row in rows]
    stage.catalogue.owners[block] = "s1"
    return block


def plant_in(stage: Stage, fault: Fault, plant: Callable[[], Rows]) -> tuple[Rows, BlockId, int]:
    """A journal with this fault, of a block of the first shard; in which row it is."""
    rows = plant()
    found = stopping(rows)
    assert found is not None
    assert found[0] is fault
    return rows, put_down(stage, rows), found[1]


async def refused(stage: Stage, block: BlockId, wish: Correct | None = None) -> str:
    """Why the wish to end its quarantine was not granted."""
    count = len(stage.catalogue.corrections_refused)
    stage.catalogue.quarantined[block] = Quarantined(block, 1, wish or correct())
    await asyncio.sleep(BOUND_S)
    (why,) = stage.catalogue.corrections_refused[count:]
    assert stage.catalogue.quarantined[block] == Quarantined(block, 1), "it has ended"
    return why


async def is_still_there(stage: Stage, engine: Running, block: BlockId, rows: Sequence[audited.Row]) -> None:
    """Nobody is served from it, nothing was written to it, and what is left can be sold as another event."""
    assert await is_refused(engine, block)
    assert [row.chain for row in stage.store.journals[block]] == [row.chain for row in rows]
    another = await stage.on_sale(engine)
    assert isinstance(await engine.ask_one(another, hold(1, "1/1")), Replied)


async def check_it_stays(name: str) -> None:
    """The refusal names the row, as often as it is wished; a successor refuses it as well."""
    stage = Stage()
    engine = await stage.engine()
    rows, block, position = plant_in(stage, *STAY[name])
    await imposed(stage, block)
    for _ in range(2):
        why = await refused(stage, block)
        assert why.startswith(f"{NO_STATE}: ")
        assert f"row {position} " in why
        await is_still_there(stage, engine, block, rows)
    engine.process.kill()
    successor = await stage.engine(2)
    assert (await refused(stage, block)).startswith(NO_STATE)
    await is_still_there(stage, successor, block, rows)


@pytest.mark.parametrize("name", STAY)
def test_what_does_not_replay_stays_and_the_refusal_says_so(name: str) -> None:
    on_virtual_time(check_it_stays)(name)


@pytest.mark.parametrize("name", END)
@on_virtual_time
async def test_what_replays_can_be_ended_whatever_is_wrong_with_it(name: str) -> None:
    stage = Stage()
    await stage.engine()
    _, block, _ = plant_in(stage, *END[name])
    await imposed(stage, block)
    await ended(stage, block, correct())


@on_virtual_time
async def test_a_release_that_replays_it_can_end_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the same wish."""
    _, plant = STAY["a unit claimed twice"]
    stage = Stage()
    await stage.engine()
    block = put_down(stage, plant())
    await imposed(stage, block)
    await refused(stage, block)
    claim = Inventory.claim

    def give_up(self: Inventory, hold: int, units: Sequence[int], *others: object) -> None:
        for unit in units:
            self.owners[unit] = 0
        claim(self, hold, units, *others)  # type: ignore[arg-type]

    monkeypatch.setattr(Inventory, "claim", give_up)
    await ended(stage, block, correct())


@on_virtual_time
async def test_a_snapshot_behind_the_row_spares_the_replay() -> None:
    rows, stage, state = clean_journal().rows(), Stage(), BlockState()
    for row in rows:
        for entry in decode_entries(row.entries):
            apply(state, entry)
    engine = await stage.engine()
    block = put_down(stage, without_a_row())
    await imposed(stage, block)
    await refused(stage, block)
    stage.store.save_snapshot(Snapshot(block, rows[-1].position, rows[-1].chain, FORMAT, freeze(state)))
    await ended(stage, block, correct())
    assert not engine.left


def _names_no_row(patch: pytest.MonkeyPatch) -> None:
    async def load(*_: object) -> object:
        raise ValueError("it is of no use")

    patch.setattr(Activator, "load", load)


def _says_nothing(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(withholding, "NO_STATE", "it cannot be")


def _lets_it_go(patch: pytest.MonkeyPatch) -> None:
    """As if asserting were not for replays."""
    patch.setattr(Inventory, "claim", lambda *_: None)


@pytest.mark.parametrize("sabotage", [_names_no_row, _says_nothing, _lets_it_go])
def test_control_a_refusal_that_says_something_else_or_is_none_is_noticed(
    monkeypatch: pytest.MonkeyPatch, sabotage: Callable[[pytest.MonkeyPatch], None]
) -> None:
    sabotage(monkeypatch)
    with pytest.raises((AssertionError, ValueError)):
        on_virtual_time(check_it_stays)("a unit claimed twice")


def _mutants(random: Random) -> Iterator[tuple[Place, Callable[[Journal], bool]]]:
    """Entries of sound journals, and what is changed about each."""
    for at in random.sample(PLACES, min(SAMPLE, len(PLACES))):
        field = random.choice(at.entry.__struct_fields__)
        before = getattr(at.entry, field)
        for value in _others(before):
            if value != before:
                yield at, partial(_change, at=at, field=field, value=value)
                break
        yield at, partial(_replace, at=at, instead=random.choice(([], [at.entry, at.entry])))


def _change(journal: Journal, at: Place, field: str, value: object) -> bool:
    return _changed(journal, at.row, at.place, **{field: value})


def _replace(journal: Journal, at: Place, instead: list[e.Entry]) -> bool:
    journal.drafts[at.row].entries[at.place : at.place + 1] = instead
    return True


def _unfit(rows: Sequence[audited.Row]) -> int:
    """The first row that cannot be applied; 0 if all can be."""
    state = BlockState()
    for row in rows:
        try:
            for entry in decode_entries(row.entries):
                apply(state, entry)
        except Exception:
            return row.position
    return 0


def check_table() -> None:
    """Whatever is changed in journals: what is said of its first fault is so."""
    seen: set[Replays] = set()
    for at, change in _mutants(Random(20)):
        journal = JOURNALS[at.name]()[at.number]
        if not change(journal):
            continue
        try:
            rows = journal.rows()
        except OverflowError:  # it cannot be written at all
            continue
        found = stopping(rows)
        if found is None:
            continue
        fault, position = found
        unfit = _unfit(rows)
        assert REPLAYS[fault] is not Replays.ALWAYS or unfit != position, f"{fault}: {at}"
        assert REPLAYS[fault] is not Replays.NEVER or 0 < unfit <= position, f"{fault}: {at}"
        seen.add(REPLAYS[fault])
    assert seen == set(Replays)


def test_what_is_said_of_each_fault_is_so_for_changed_journals() -> None:
    check_table()


@pytest.mark.parametrize("said", [Replays.ALWAYS, Replays.NEVER])
def test_control_a_table_that_says_the_same_of_all_is_noticed(monkeypatch: pytest.MonkeyPatch, said: Replays) -> None:
    for fault in REPLAYS:
        monkeypatch.setitem(dangers.REPLAYS, fault, said)
    with pytest.raises(AssertionError):
        check_table()


def test_it_is_said_of_every_fault_that_stops_a_block_and_of_no_other() -> None:
    assert REPLAYS.keys() == {fault for fault, danger in DANGERS.items() if danger.stops}
    assert all(REPLAYS[fault] is not Replays.ALWAYS for fault, _ in STAY.values())
    assert all(REPLAYS[fault] is not Replays.NEVER for fault, _ in END.values())
