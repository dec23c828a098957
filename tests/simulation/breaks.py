"""Guarantees of the engine, the journal, the core and the projector, each broken by a patch of the shipped code.

Those of baskets stand in `test_basket_controls`.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec
import pytest

from actors.baskets import Baskets, Settled, WishedLeg, _settled
from actors.core import block as core
from actors.core import holds
from actors.core.commands import (
    Command,
    Errand,
    ExtendHold,
    IntendBasket,
    PinLeg,
    PlaceHold,
    Read,
    SettleBasket,
    Stamp,
    Write,
)
from actors.core.entries import Entry, HoldPlaced
from actors.core.ids import BlockId, TenantId, desk_block, event_id
from actors.core.outcomes import Details, Outcome, Reason, Rejected
from actors.core.replies import EventStatus, PlacingReply, RoomReply
from actors.core.snapshot import freeze
from actors.core.state import BlockState
from actors.engine import block_host
from actors.engine.activation import Activator
from actors.engine.block_host import BlockHost
from actors.engine.catalogue_port import Assignment
from actors.engine.clock import JournalClock
from actors.engine.engine import Engine
from actors.engine.errands import Errands
from actors.engine.group_commit import Cycle, GroupCommit
from actors.engine.hosted import HostedBlock
from actors.engine.residence import Residence
from actors.engine.waiting_snapshots import WaitingSnapshots
from actors.journal.journal import JournalUnavailable, NewRow, Snapshot
from actors.link.batch import Answer, Call, Refused, Replied, command_decoder
from actors.projections import availability, projector
from actors.projections.projection import Progress
from actors.reservations.baskets import BasketAsks
from actors.reservations.ways import Way
from tests.simulation.clocks import now_ms
from tests.simulation.projecting import MemoryPositions

Break = Callable[[pytest.MonkeyPatch], None]

EARLY_MS = 20_000
NOW_AND_THEN = 4  # so many times what is asked goes well, and then it does not


def conflict_is_success(patch: pytest.MonkeyPatch) -> None:
    """Whatever row stands at the position is taken for ours."""
    patch.setattr("actors.journal.memory.already_there", lambda found, sent: found is not None)


def no_chain_compare(patch: pytest.MonkeyPatch) -> None:
    """A row needs to come next by its number only, whatever it was written behind."""
    patch.setattr(
        "actors.journal.memory.follows", lambda head, new: new.row.position == (head.position if head else 0) + 1
    )


def no_head_check(patch: pytest.MonkeyPatch) -> None:
    """An answer without an append is given from memory."""

    async def believe(_: GroupCommit, cycle: Cycle, checking: list[HostedBlock]) -> None:
        cycle.positions.update({hosted: hosted.position for hosted in checking})

    patch.setattr(GroupCommit, "_check", believe)


def reply_before_durable(patch: pytest.MonkeyPatch) -> None:
    """Answers do not wait for the commit."""
    collect = GroupCommit.collect

    def at_once(self: GroupCommit, blocks: Iterable[HostedBlock]) -> _Over:
        touched = list(blocks)
        collect(self, touched)
        return _Over(touched)

    patch.setattr(GroupCommit, "collect", at_once)


class _Over:
    """A cycle that is taken for done before it is: as of the row that each block is to have."""

    def __init__(self, blocks: Iterable[HostedBlock]) -> None:
        self.positions = {hosted: hosted.position + bool(hosted.pending) for hosted in blocks}

    async def wait(self) -> None:
        """For nothing."""


def hasty(patch: pytest.MonkeyPatch, is_hasty: Callable[[BlockHost, Call], bool]) -> None:
    """Answers to such calls do not wait until they are durable, if a batch has no others."""
    answer_when_durable = BlockHost._answer

    async def answer(self: BlockHost, calls: list[Call]) -> list[Answer]:
        with pytest.MonkeyPatch.context() as patched:
            if all(is_hasty(self, call) for call in calls):
                reply_before_durable(patched)  # and so nobody else has a turn before this is over
            return await answer_when_durable(self, calls)

    patch.setattr(BlockHost, "_answer", answer)


def no_key_check(patch: pytest.MonkeyPatch) -> None:
    """Holds are not remembered under their keys."""
    patch.setattr("actors.core.holds.remember_with_hold", lambda *_, **__: None)


def an_older_generation_is_allowed(patch: pytest.MonkeyPatch) -> None:
    """A claim follows whoever wrote the last row."""
    patch.setattr(Activator, "_refuse_newer", lambda *_: None)


def a_claim_is_not_said_in_the_catalogue(patch: pytest.MonkeyPatch) -> None:
    """Who claims a block only looks up whose it is: an older cluster may still move it."""

    async def look_up(self: Residence, block: BlockId, *, to_write: bool) -> Assignment | None:
        assignment = await self._assignments.assignment(block)
        is_ours = assignment is not None and assignment.shard == self._shard
        return await self._assignments.assignment(block) if is_ours and to_write else assignment

    patch.setattr(Residence, "_assigned", look_up)


def a_waiting_generation_acts(patch: pytest.MonkeyPatch) -> None:
    """A cluster does not wait for its first write."""
    begin = Engine.__init__

    def begin_at_once(engine: Engine, *arguments: Any, cut_over: bool, **options: Any) -> None:
        begin(engine, *arguments, cut_over=True, **options)

    patch.setattr(Engine, "__init__", begin_at_once)


def the_clock_is_believed(patch: pytest.MonkeyPatch) -> None:
    """A shard's clock is followed wherever it jumps, until the journal is heard."""
    patch.setattr(JournalClock, "sure_ms", JournalClock.now_ms)


def every_jump_is_believed(patch: pytest.MonkeyPatch) -> None:
    """A shard follows the journal's clock wherever it jumps."""

    def observe(self: JournalClock, journal_now_ms: int, _: float) -> None:
        self._heard_ms = journal_now_ms
        self._ahead_ms = journal_now_ms - self.monotonic() * 1000
        self.trusted = True

    patch.setattr(JournalClock, "observe", observe)


def loads_wait_for_no_replica(patch: pytest.MonkeyPatch) -> None:
    """What was loaded answers reads at once."""
    load = Activator.load

    async def load_to_be_read(self: Activator, block: BlockId) -> HostedBlock:
        loaded = await load(self, block)
        loaded.replicated = True
        return loaded

    patch.setattr(Activator, "load", load_to_be_read)


def no_compare_and_set(patch: pytest.MonkeyPatch) -> None:
    """A projector moves positions from wherever they are."""
    patch.setattr(MemoryPositions, "is_unmoved", lambda *_: True)


def snapshot_of_what_is_not_committed(patch: pytest.MonkeyPatch) -> None:
    """A snapshot is frozen when it is to be written, with what was decided since."""

    put, form_rows = WaitingSnapshots.put, GroupCommit._form_rows
    frozen: dict[BlockId, HostedBlock] = {}

    def noting(commit: GroupCommit, cycle: Cycle, snapshots: list[tuple[HostedBlock, Snapshot]]) -> Any:
        rows = form_rows(commit, cycle, snapshots)
        frozen.update((snapshot.block, hosted) for hosted, snapshot in snapshots)
        return rows

    def put_as_it_is_now(waiting: WaitingSnapshots, snapshot: Snapshot) -> None:
        hosted = frozen[snapshot.block]
        put(waiting, msgspec.structs.replace(snapshot, state=freeze(hosted.state)))

    patch.setattr(GroupCommit, "_form_rows", noting)
    patch.setattr(WaitingSnapshots, "put", put_as_it_is_now)


def pins_before_the_intent(patch: pytest.MonkeyPatch) -> None:
    """The legs are pinned first, then the desk is told what is meant."""

    async def place(
        self: Baskets, stamp: Stamp, legs: Sequence[WishedLeg], ttl_ms: int, life_ms: int = 0
    ) -> Settled | Rejected:
        desk = desk_block(TenantId(stamp.tenant), stamp.key)
        plans, number = tuple(map(self._plan, legs)), self._number()
        held = await self._pin_all(desk, PlacingReply(number, plans, stamp.not_after_ms), stamp)
        if isinstance(held, Rejected):
            return held
        await self._assign(desk, TenantId(stamp.tenant))
        meant = await self._ask(desk, IntendBasket(stamp, number, plans, ttl_ms, life_ms), stamp)
        if isinstance(meant, Rejected):
            return meant
        settled = await self._ask(desk, SettleBasket(stamp.tenant, number, held), stamp)
        return settled if isinstance(settled, Rejected) else _settled(desk, settled)

    patch.setattr(Baskets, "place", place)


def replays_are_not_gated(patch: pytest.MonkeyPatch) -> None:
    """What stands under a key is told as memory has it, be it durable or not."""
    hasty(patch, _is_replay)


def _is_replay(host: BlockHost, call: Call) -> bool:
    command: Command = command_decoder.decode(call.command)
    hosted = host._residence.blocks.get(call.block)
    if hosted is None or isinstance(command, Read | Errand):
        return False
    memo = hosted.state.memos.get(command.stamp.key)
    return memo is not None and memo.fingerprint == command.stamp.fingerprint


def an_unknown_append_counts_as_done(patch: pytest.MonkeyPatch) -> None:
    """Where the journal does not say whether rows stand, what is in memory is answered."""

    async def append(self: GroupCommit, cycle: Cycle, rows: dict[HostedBlock, NewRow]) -> None:
        try:
            durable = (await self._journal.append(list(rows.values()))).durable
        except JournalUnavailable:
            durable = frozenset(hosted.block for hosted in rows)
        for hosted in rows:
            self._conclude(cycle, hosted, holds=hosted.block in durable)

    patch.setattr(GroupCommit, "_append", append)


def commands_have_no_end(patch: pytest.MonkeyPatch) -> None:
    """A command is decided however late it comes."""
    write, errand = core._write, core._errand

    def write_late(state: BlockState, command: Write, now_ms: int, at_ms: int, crowded: bool) -> Outcome:
        return write(state, command, min(now_ms, command.stamp.not_after_ms), at_ms, crowded)

    def errand_late(state: BlockState, command: Errand, now_ms: int, at_ms: int) -> Outcome:
        in_time_ms = min(now_ms, command.not_after_ms) if isinstance(command, PinLeg) else now_ms
        return errand(state, command, in_time_ms, at_ms)

    patch.setattr(core, "_write", write_late)
    patch.setattr(core, "_errand", errand_late)


def the_core_reads_a_clock(patch: pytest.MonkeyPatch) -> None:
    """A hold ends so long after the moment in which its entry is applied, not after that in which it was decided."""
    place = core._APPLY[HoldPlaced]

    def place_by_the_clock(state: BlockState, entry: HoldPlaced) -> None:
        lasts_ms = entry.expires_at_ms - entry.at_ms
        place(state, msgspec.structs.replace(entry, expires_at_ms=now_ms() + lasts_ms))

    patch.setitem(core._APPLY, HoldPlaced, place_by_the_clock)


def a_count_is_off_by_one(patch: pytest.MonkeyPatch) -> None:
    """One unit more is shown than may be bought."""
    changing = availability._changing

    def changing_wrongly(progress: Progress) -> tuple[object, ...]:
        columns = list(changing(progress))
        assert isinstance(columns[5], int)
        columns[5] += 1
        return tuple(columns)

    patch.setattr(availability, "_changing", changing_wrongly)


def counts_in_parts_are_left_out(patch: pytest.MonkeyPatch) -> None:
    """What is available of each category and section is not shown."""
    changing = availability._changing
    patch.setattr(availability, "_changing", lambda progress: (*changing(progress)[:9], b"", changing(progress)[10]))


def nobody_says_when_rows_were_read(patch: pytest.MonkeyPatch) -> None:
    """What is shown is said to be of no time."""
    extend = projector._extend
    patch.setattr(projector, "_extend", lambda fold, rows, _, **cut: extend(fold, rows, 0, **cut))


def desks_run_no_errands(patch: pytest.MonkeyPatch) -> None:
    """What a desk demands of its legs, it never tells them."""
    patch.setattr(Errands, "_todos", lambda *_: [])


def places_are_denied(patch: pytest.MonkeyPatch) -> None:
    """Now and then, who asks for places is told that there are not so many."""
    place = core._DECIDE[PlaceHold]

    def deny(state: BlockState, command: PlaceHold, now_ms: int) -> Outcome:
        if command.wish.areas and not command.hold % NOW_AND_THEN:
            return Rejected(Reason.NOT_ENOUGH_AVAILABLE, Details())
        return place(state, command, now_ms)

    patch.setitem(core._DECIDE, PlaceHold, deny)


def nearly_all_is_refused_elsewhere(patch: pytest.MonkeyPatch, reason: Reason = Reason.UNITS_HELD) -> None:
    """Who asks several blocks for room, and finds some, is told for this reason that there is none, mostly."""
    look = BasketAsks._look_for_room

    async def refuse(self: BasketAsks, stamp: Stamp, ways: Sequence[Way]) -> RoomReply | Rejected | None:
        room = await look(self, stamp, ways)
        if isinstance(room, RoomReply) and stamp.key[0] % NOW_AND_THEN:
            return Rejected(reason, Details(event=event_id(ways[0]._block)))
        return room

    patch.setattr(BasketAsks, "_look_for_room", refuse)


def a_refusal_is_journaled(patch: pytest.MonkeyPatch) -> None:
    """Now and then a hold is placed whose buyer is told that somebody else has the units."""
    serve = block_host._serve

    def refuse(hosted: HostedBlock, command: Command, batch: Any, *, crowded: bool) -> Answer:
        answer = serve(hosted, command, batch, crowded=crowded)
        if isinstance(command, PlaceHold) and isinstance(answer, Replied) and not answer.replayed:
            return answer if command.hold % NOW_AND_THEN else Refused(Reason.UNITS_HELD, Details())
        return answer

    patch.setattr(block_host, "_serve", refuse)


def nobody_is_served_after_an_activation(patch: pytest.MonkeyPatch) -> None:
    """Who takes over an event that is on sale serves nobody from it, and says nothing of that."""
    claim = Activator.claim

    async def claim_for_nobody(
        self: Activator, loaded: HostedBlock, epoch: int, assignment: Assignment
    ) -> HostedBlock | None:
        claimed = await claim(self, loaded, epoch, assignment)
        if claimed is not None and claimed.state.status is EventStatus.ON_SALE:
            claimed.quarantined = "it was taken over"
        return claimed

    patch.setattr(Activator, "claim", claim_for_nobody)


def holds_end_early(patch: pytest.MonkeyPatch) -> None:
    """What is to expire next does so before its time."""
    next_due = core.next_due

    def next_due_early(state: BlockState, now_ms: int, *patience: int) -> Entry | None:
        due, at_ms = state.next_deadline(), max(now_ms, state.last_at_ms)
        if due is not None and due[0] <= at_ms + EARLY_MS:
            return holds.expiry_of(due[1], at_ms)
        return next_due(state, now_ms, *patience)

    patch.setattr(core, "next_due", next_due_early)


def a_decision_fails(patch: pytest.MonkeyPatch) -> None:
    """Now and then the core raises where it is to decide."""
    extend = core._DECIDE[ExtendHold]

    def fail(state: BlockState, command: ExtendHold, now_ms: int) -> Outcome:
        if not command.hold % NOW_AND_THEN:
            raise ZeroDivisionError("a bug")
        return extend(state, command, now_ms)

    patch.setitem(core._DECIDE, ExtendHold, fail)
