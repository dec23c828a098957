"""What must hold at the end of a simulated run, when all has been calm for a while. Add a check to CHECKS."""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from itertools import pairwise

import msgspec

from actors.core import block as core
from actors.core.events import event_layout
from actors.core.ids import BlockId
from actors.core.snapshot import FORMAT, digest, restore
from actors.core.state import BlockState
from actors.journal.codec import decode_entries
from actors.journal.journal import Snapshot
from actors.projections.seat_statuses import pack
from actors.projections.shown import event_shown
from actors.projections.split import encode_split, sells_units, split_of
from loadtests.history.calls import READS, Outcome
from tests.simulation.clocks import now_ms
from tests.simulation.desk_refusals import desk_refusals
from tests.simulation.linearity import linearity
from tests.simulation.market import Market
from tests.simulation.market_notes import (
    BORNE_OUT,
    COMPARED,
    ELSEWHERE,
    EXCUSED,
    LEFT_OUT,
    NOT_THERE,
    ORDERED,
    ORDERED_REFUSALS,
    READ,
    RECORDED,
    REFUSALS,
    RESTORED,
    TIMELESS,
    UNKNOWN,
    UNTIMED,
    VAGUE,
    VAGUE_STEPS,
)
from tests.simulation.overdue import brought_about, left_overdue, left_unoffered
from tests.simulation.projecting import AS_OF, CREATED
from tests.simulation.recording import REPEATED, witnessed
from tests.simulation.retold import answers_and_journals
from tests.simulation.world import MOST_AHEAD_MS, World

Check = Callable[[World, Market], Iterable[str]]

ASKED_WITHIN_MS = 20_000  # the desk, by a leg that is to ask it now

_encoder = msgspec.msgpack.Encoder()


def told_and_journaled(_: World, market: Market) -> Iterator[str]:
    """The audit, what was denied, and what clients themselves found wrong."""
    yield from market.check()


def histories_and_journals(world: World, market: Market) -> Iterator[str]:
    """The journals as witnesses of what clients asked and were told."""
    history = market.notes.history
    faults, tally = witnessed(world, history)
    yield from faults
    judged = tally.call_count - history.excused[REPEATED]  # which are there twice
    if judged != market.notes.in_histories:
        yield f"{judged} of {market.notes.in_histories} calls are in histories"
    market.notes.judged += Counter(
        {
            RECORDED: tally.call_count,
            REFUSALS: sum(count for told, count in tally.calls.items() if told.endswith(f" {Outcome.FAIL}")),
            READ: sum(tally.calls.get(f"{kind} {Outcome.OK}", 0) for kind in READS),
            UNKNOWN: tally.unresolved,
            ELSEWHERE: tally.elsewhere,
            VAGUE: tally.vague,
            UNTIMED: tally.untimed,
            NOT_THERE: history.forgotten_count,
            **{f"{EXCUSED}{why}": count for why, count in history.excused.items()},
        }
    )
    if not tally.is_known:  # how much is vague is judged over all seeds: in one it is a few calls or none
        less = f"{tally.unchecked} are unchecked, and {tally.unresolved} unresolved"
        yield f"of {tally.call_count} calls {less}"


def refusals_of_desks(world: World, market: Market) -> Iterator[str]:
    """The journals of events as witnesses of what was refused of baskets, split events and exchanges."""
    found = desk_refusals(world, market)
    yield from found.wrong
    elsewhere = market.notes.judged[ELSEWHERE]
    if found.total < elsewhere:
        yield f"{elsewhere - found.total} of {elsewhere} refusals elsewhere were held against no event"
    lost = f"{EXCUSED}refused elsewhere, where a failover has lost rows meanwhile"
    market.notes.judged += Counter({BORNE_OUT: found.judged, VAGUE: found.vague, lost: found.excused})


def histories_have_an_order(world: World, market: Market) -> Iterator[str]:
    """What clients saw of each block, as if one call had come after the other."""
    for block, found in linearity(world, market).items():
        yield from (f"{block}: {wrong}" for wrong in found.wrong)
        judged = Counter({ORDERED: found.checked, TIMELESS: found.timeless, VAGUE_STEPS: found.vague})
        judged.update({what: found.refused.get(reason.name, 0) for reason, what in ORDERED_REFUSALS.items()})
        market.notes.judged += judged
        market.notes.judged += Counter({f"{LEFT_OUT}{told}": count for told, count in found.left_out.items()})
        if found.unchecked:
            yield f"of {found.checked + found.unchecked} calls of {block} {found.unchecked} have been tried in no order"


def seen_on_the_way(world: World, _: Market) -> Iterator[str]:
    """What went back: epochs, projections. What came too early, or too late: writes and answers."""
    yield from world.wrong
    yield from world.boundary.wrong
    yield from world.boundary.late_effects()
    yield from world.tables.went_back


def generations_in_order(world: World, _: Market) -> Iterator[str]:
    """No row of an older generation stands behind one of a newer."""
    for block, rows in world.store.journals.items():
        for before, row in pairwise(rows):
            if row.epoch >> 40 < before.epoch >> 40:
                yield f"generation {row.epoch >> 40} wrote row {row.position} of {block} behind a newer one"


def memory_is_the_journal(world: World, market: Market) -> Iterator[str]:
    """Who has a block in memory as of its last row has what a replay has; and so has a replay from each snapshot."""
    for block in world.store.journals:
        state = world.folds.of(block)
        expected = digest(state)
        market.notes.judged[RESTORED] += len(_snapshots(world, block))
        yield from _replays_that_differ(world, block, expected)
        head = world.store.heads([block]).heads.get(block)
        for shard in world.clusters[world.generation].shards:
            hosted = shard.engine.residence.blocks.get(block)
            if hosted is None or shard.process.dead or hosted.lost or hosted.pending or not hosted.ends_at(head):
                continue
            market.notes.judged[COMPARED] += 1
            if digest(hosted.state) != expected:
                yield f"{block}: the memory of {shard.process.name} differs from the journal"


def _replays_that_differ(world: World, block: BlockId, expected: bytes) -> Iterator[str]:
    """From each snapshot, and from the first row: what is `expected` was followed as rows came."""
    for position, begin in _begins(world, block).items():
        what = f"{block}: a replay from {f'the snapshot at {position}' if position else 'its first row'}"
        try:
            found = digest(_replayed(world, block, begin(), position))
        except Exception as fault:
            yield f"{what} fails: {fault!r}"
        else:
            if found != expected:
                yield f"{what} differs"


def _begins(world: World, block: BlockId) -> Mapping[int, Callable[[], BlockState]]:
    """By the row after which each goes on."""
    return {0: BlockState, **{one.position: partial(restore, one.state) for one in _snapshots(world, block)}}


def _snapshots(world: World, block: BlockId) -> list[Snapshot]:
    """Those that may be read: a failover has not lost the row."""
    found = []
    for snapshot in world.store.snapshots.get((block, FORMAT), []):
        row = world.store.row_at(block, snapshot.position)
        if row is not None and row.chain == snapshot.chain:
            found.append(snapshot)
    return found


def is_followed(world: World) -> bool:
    """Whether the projections are at the end of every block at this moment."""
    return all(
        (seen := world.tables.positions.get((name, block))) is not None and seen.chain == rows[-1].chain
        for block, rows in world.store.journals.items()
        for name in ("availability", "deadlines")
        if rows
    )


def projections_are_folds(world: World, _: Market) -> Iterator[str]:
    """Every block is followed to its end, and what is shown of it is what its journal comes to."""
    tables = world.tables
    for block, rows in world.store.journals.items():
        state = world.folds.of(block)
        for name in ("availability", "deadlines"):
            seen = tables.positions.get((name, block))
            at = (seen.position, seen.chain, seen.quarantined_because) if seen is not None else None
            if rows and at != (rows[-1].position, rows[-1].chain, None):
                yield f"{name} of {block} is at {at}, not at row {rows[-1].position}"
        due = core.next_deadline_ms(state)
        if tables.rows.get(("deadlines", block)) != (None if due is None else (due,)):
            yield f"deadlines of {block}: {tables.rows.get(('deadlines', block))}, not {due}"
        if sells_units(state):
            yield from (f"availability of {block}: {wrong}" for wrong in _shown_wrongly(world, block, state))


def _shown_wrongly(world: World, block: BlockId, state: BlockState) -> Iterator[str]:
    """Every column of its row in the table of availability."""
    rows, last = world.tables.rows, world.store.journals[block][-1]
    shown, statuses = event_shown(state)
    total, layout = shown.counts.total, event_layout(state)
    units = (total.capacity, total.available, total.held, total.sold)
    counted = (shown.status, *units, shown.layout_version, _encoder.encode(shown.counts), pack(statuses))
    told = (state.name, layout.currency, state.created_at_ms, _encoder.encode(layout), state.home)
    created = (state.tenant, *told, encode_split(split_of(state)))
    for name, expected in (("availability", counted), (CREATED, created)):
        if rows.get((name, block)) != expected:
            yield f"{rows.get((name, block))}, not {expected}"
    position, as_of_ms = rows.get((AS_OF, block), (0, 0))
    if position != last.position:
        yield f"as of row {position}, not {last.position}"
    is_timed, read_ms = world.timed_until_s == math.inf, int(str(as_of_ms))
    if is_timed and not last.recorded_at_ms - MOST_AHEAD_MS <= read_ms <= now_ms() + world.tolerance_ms:
        yield f"as of {as_of_ms}, and its last row is of {last.recorded_at_ms}"


def _replayed(world: World, block: BlockId, state: BlockState, position: int) -> BlockState:
    for row in world.store.journals[block]:
        if row.position > position:
            for entry in decode_entries(row.entries):
                core.apply(state, entry)
    return state


def nothing_is_left_to_do(world: World, market: Market) -> Iterator[str]:
    """All deeds are done, all baskets placed or dropped, all parts follow; what is over has ended, and was offered."""
    left = world.folds.left_to_do(market.excuses().may_have_lost)
    if left:
        yield f"left to do: {dict(left)}"
    yield from world.folds.legs_that_did_not_ask(now_ms() - ASKED_WITHIN_MS - world.tolerance_ms)
    yield from left_overdue(world)
    yield from left_unoffered(world)
    market.notes.judged += brought_about(world)


def the_auditor_agrees(world: World, market: Market) -> Iterator[str]:
    """What followed all along has found nothing, and has seen all."""
    if world.auditing is not None:
        yield from world.auditing.wrong(market.excuses())


CHECKS: list[Check] = [
    told_and_journaled,
    histories_and_journals,
    refusals_of_desks,
    histories_have_an_order,
    seen_on_the_way,
    answers_and_journals,
    generations_in_order,
    memory_is_the_journal,
    projections_are_folds,
    nothing_is_left_to_do,
    the_auditor_agrees,
]
