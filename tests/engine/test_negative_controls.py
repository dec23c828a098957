"""Each guarantee of the engine, broken on purpose: the unchanged test of it must then fail."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from actors.core.ids import BlockId
from actors.core.snapshot import restore
from actors.core.state import BlockState
from actors.engine import activation, block_host, clock, group_commit, residence, timers
from actors.engine.activation import Activator
from actors.engine.block_host import BlockHost
from actors.engine.engine import Engine
from actors.engine.group_commit import Cycle, GroupCommit
from actors.engine.hosted import HostedBlock
from actors.engine.residence import CLIENT_PRIORITY, Residence
from actors.journal import memory
from actors.journal.journal import GENESIS, Appended, Heads, JournalRow, NewRow, Snapshot, chain_of
from actors.journal.memory import MemoryStore
from actors.link.batch import Failed
from tests.engine import (
    test_activation,
    test_faulty_commands,
    test_group_commit,
    test_residence,
    test_timers,
)
from tests.engine.stage import on_virtual_time

Break = Callable[[pytest.MonkeyPatch], None]


def one_statement_per_row(patch: pytest.MonkeyPatch) -> None:
    append = GroupCommit._append

    async def one_by_one(self: GroupCommit, cycle: Cycle, rows: dict[HostedBlock, NewRow]) -> None:
        for hosted, row in rows.items():
            await append(self, cycle, {hosted: row})

    patch.setattr(GroupCommit, "_append", one_by_one)


def all_rows_share_one_fate(patch: pytest.MonkeyPatch) -> None:
    append = MemoryStore.append

    def all_or_nothing(self: MemoryStore, rows: list[NewRow]) -> Appended:
        done = append(self, rows)
        return Appended(frozenset(), done.durable | done.fenced, done.now_ms) if done.fenced else done

    patch.setattr(MemoryStore, "append", all_or_nothing)


def answers_do_not_wait(patch: pytest.MonkeyPatch) -> None:
    async def hurry(cycle: Cycle) -> None:
        for hosted in cycle.checking | cycle.appending:
            cycle.positions.setdefault(hosted, hosted.position + bool(hosted.pending))

    patch.setattr(Cycle, "wait", hurry)


def no_head_check(patch: pytest.MonkeyPatch) -> None:
    async def believe(_: GroupCommit, cycle: Cycle, checking: list[HostedBlock]) -> None:
        cycle.positions.update({hosted: hosted.position for hosted in checking})

    patch.setattr(GroupCommit, "_check", believe)


def answers_join_the_cycle_in_flight(patch: pytest.MonkeyPatch) -> None:
    """A check that began before the question is as good as one that begins after it."""
    run_cycle, collect = GroupCommit._run_cycle, GroupCommit.collect
    in_flight: dict[GroupCommit, Cycle] = {}

    async def remember(self: GroupCommit, cycle: Cycle) -> None:
        in_flight[self] = cycle
        await run_cycle(self, cycle)
        del in_flight[self]

    def join(self: GroupCommit, blocks: Any) -> Cycle:
        wanted = list(blocks)
        cycle = in_flight.get(self)
        if cycle is not None and not any(hosted.pending for hosted in wanted):
            return cycle
        return collect(self, wanted)

    patch.setattr(GroupCommit, "_run_cycle", remember)
    patch.setattr(GroupCommit, "collect", join)


def copies_of_a_block_are_one(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(HostedBlock, "__hash__", lambda self: hash(self.block))
    patch.setattr(HostedBlock, "__eq__", lambda self, other: self.block == other.block)


def what_is_there_is_not_recognised(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(memory, "already_there", lambda found, sent: False)


def conflict_is_success(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(memory, "already_there", lambda found, sent: found is not None)


def anything_follows(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(memory, "follows", lambda head, new: True)


def stall_is_not_told(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(BlockHost, "_refuse_all", lambda self, count: None)


def leaving_cancels_the_cycle(patch: pytest.MonkeyPatch) -> None:
    async def unshielded(cycle: Cycle) -> None:
        await cycle._done

    patch.setattr(Cycle, "wait", unshielded)


def no_rows_is_another_head(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(group_commit, "GENESIS", b"?" * len(GENESIS))


def epochs_do_not_count(patch: pytest.MonkeyPatch) -> None:
    heads = MemoryStore.heads

    def as_if_all_were_old(self: MemoryStore, blocks: list[BlockId]) -> Heads:
        found = heads(self, blocks)
        for block, head in found.heads.items():
            found.heads[block] = type(head)(head.position, 0, head.chain)
        return found

    patch.setattr(MemoryStore, "heads", as_if_all_were_old)


def fences_are_forgotten(patch: pytest.MonkeyPatch) -> None:
    lose = Residence.lose

    def forget(self: Residence, hosted: HostedBlock) -> None:
        lose(self, hosted)
        self.fenced.clear()

    patch.setattr(Residence, "lose", forget)


def reads_claim(patch: pytest.MonkeyPatch) -> None:
    request = Residence._request
    patch.setattr(Residence, "_request", lambda self, block, to_write, priority: request(self, block, True, priority))


def claims_are_not_repeated_identically(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Activator, "_append", _append_once)


async def _append_once(self: Activator, new: NewRow) -> bool:
    try:
        return new.row.block in (await self._journal.append([new])).durable
    except Exception:
        return False  # and so the head is read again, and another row is made


def damage_is_not_looked_for(patch: pytest.MonkeyPatch) -> None:
    real = activation.replay_row

    def believe(hosted: HostedBlock, row: JournalRow) -> None:
        hosted.position = row.position - 1
        chain = chain_of(hosted.chain, row.block, row.position, row.epoch, row.recorded_at_ms, row.entries)
        real(hosted, JournalRow(row.block, row.position, row.epoch, row.recorded_at_ms, 1, row.entries, chain))
        hosted.chain = row.chain

    patch.setattr(activation, "replay_row", believe)


def snapshots_are_believed(patch: pytest.MonkeyPatch) -> None:
    def newest(self: MemoryStore, block: BlockId, format_: int, below_position: int) -> Snapshot | None:
        return self.snapshots.get((block, format_), [None])[-1]

    patch.setattr(MemoryStore, "newest_snapshot", newest)


def snapshots_forget_keys(patch: pytest.MonkeyPatch) -> None:
    def forgetful(frozen: bytes) -> BlockState:
        state = restore(frozen)
        state.memos.clear()
        state.memo_dues.clear()
        return state

    patch.setattr(activation, "restore", forgetful)


def snapshots_do_not_wait(patch: pytest.MonkeyPatch) -> None:
    form_rows = GroupCommit._form_rows

    def hurry(self: GroupCommit, cycle: Cycle, snapshots: list[tuple[HostedBlock, Snapshot]]) -> Any:
        rows = form_rows(self, cycle, snapshots)
        for _, snapshot in snapshots:
            self._on_snapshot(snapshot)
        return rows

    patch.setattr(GroupCommit, "_form_rows", hurry)


async def _for_ever(*_: object) -> None:
    await asyncio.Event().wait()


def nothing_expires_by_itself(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(timers, "expire", _for_ever)


def nobody_sweeps(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(timers, "sweep", _for_ever)


def everybody_sweeps_at_once(patch: pytest.MonkeyPatch) -> None:
    begin = BlockHost.__init__

    def eager(self: BlockHost, *arguments: Any) -> None:
        begin(self, *arguments)
        self.written_to.set()

    patch.setattr(BlockHost, "__init__", eager)


def no_outage_is_found(patch: pytest.MonkeyPatch) -> None:
    async def none(_: Engine, __: int) -> None:
        return None

    patch.setattr(Engine, "_find_outage", none)


def every_takeover_is_an_outage(patch: pytest.MonkeyPatch) -> None:
    async def always(self: Engine, _: int) -> tuple[int, int]:
        return 1, self.clock.now_ms()

    patch.setattr(Engine, "_find_outage", always)


def jumps_are_followed(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(clock, "MAX_JUMP_MS", 1 << 60)


def a_wrong_clock_is_borne_for_ever(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(timers, "BEATS_OF_GRACE", 1 << 60)


def slow_answers_count_as_prompt(patch: pytest.MonkeyPatch) -> None:
    observe = clock.JournalClock.observe
    patch.setattr(clock.JournalClock, "observe", lambda self, now_ms, _: observe(self, now_ms, self.monotonic()))


def nothing_is_quarantined(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(block_host, "_quarantine", lambda hosted, bug: None)


def one_batch_one_fate(patch: pytest.MonkeyPatch) -> None:
    serve = block_host._serve

    def brittle(hosted: HostedBlock, command: Any, now_ms: int) -> Any:
        answer = serve(hosted, command, now_ms)
        assert not isinstance(answer, Failed), "an exception that nobody catches"
        return answer

    patch.setattr(block_host, "_serve", brittle)


def an_unwritable_row_is_not_caught(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(HostedBlock, "next_row", _next_row_or_end)


_next_row = HostedBlock.next_row


def _next_row_or_end(self: HostedBlock, epoch: int, now_ms: int) -> NewRow:
    try:
        return _next_row(self, epoch, now_ms)
    except Exception as bug:
        raise asyncio.CancelledError from bug  # what no `except Exception` catches


def first_come_first_served(patch: pytest.MonkeyPatch) -> None:
    request = Residence._request
    patch.setattr(Residence, "_request", lambda self, block, write, _: request(self, block, write, CLIENT_PRIORITY))


def refusals_hold_for_ever(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(residence, "OWNER_KNOWN_S", 1e4)


def with_small_snapshots(check: Callable[..., Any], *arguments: object) -> Callable[[], None]:
    """The check with a snapshot every few entries."""

    def run() -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(group_commit, "ENTRIES_PER_SNAPSHOT", 7 if arguments or "tail" in check.__name__ else 5)
            on_virtual_time(check)(*arguments)

    return run


def with_damage(damage: Callable[..., None]) -> Callable[[], None]:
    """The check that a block with this damage stops."""
    return lambda: on_virtual_time(test_activation.check_damage)(damage)


def with_bug(bug: Break, check: Callable[..., Any]) -> Callable[[], None]:
    """The check with this bug in the core."""

    def run() -> None:
        with pytest.MonkeyPatch.context() as patch:
            bug(patch)
            on_virtual_time(check)()

    return run


commits, loads, clocks, faults = test_group_commit, test_activation, test_timers, test_faulty_commands

CONTROLS: list[tuple[Break, Callable[[], None]]] = [
    (one_statement_per_row, commits.test_one_statement_carries_everything_that_waits),
    (answers_do_not_wait, commits.test_a_reply_waits_until_its_effect_is_durable),
    (answers_do_not_wait, commits.test_a_read_waits_for_what_was_applied_before_it),
    (no_head_check, commits.test_a_read_waits_for_a_head_check_that_began_after_it_arrived),
    (answers_join_the_cycle_in_flight, commits.test_a_read_waits_for_a_head_check_that_began_after_it_arrived),
    (all_rows_share_one_fate, commits.test_a_fenced_block_leaves_its_nine_neighbours_alone),
    (conflict_is_success, commits.test_a_fenced_block_leaves_its_nine_neighbours_alone),
    (what_is_there_is_not_recognised, commits.test_a_commit_of_unknown_outcome_is_sent_again_identically),
    (conflict_is_success, commits.test_a_commit_that_another_owner_overtook_is_fenced_when_it_is_sent_again),
    (anything_follows, commits.test_of_two_owners_in_turn_only_the_newer_sells),
    (stall_is_not_told, commits.test_a_stalled_journal_is_told_at_once_and_recovers_by_itself),
    (answers_do_not_wait, commits.test_a_duplicate_of_a_command_whose_commit_fails_is_no_success),
    (conflict_is_success, commits.test_a_duplicate_of_a_command_whose_commit_fails_is_no_success),
    (leaving_cancels_the_cycle, commits.test_a_caller_that_goes_away_disturbs_nobody),
    (copies_of_a_block_are_one, commits.test_a_read_from_before_a_claim_is_checked_for_itself),
    (no_rows_is_another_head, commits.test_a_block_without_rows_is_answered_for),
    (snapshots_forget_keys, with_small_snapshots(loads.check_snapshot_and_tail)),
    (snapshots_are_believed, with_small_snapshots(loads.check_spoilt_snapshot, loads.of_another_chain)),
    *((damage_is_not_looked_for, with_damage(damage)) for damage in (loads.changed_bytes, loads.broken_chain)),
    (epochs_do_not_count, loads.test_an_older_owner_does_not_claim_what_a_newer_one_has_written),
    (fences_are_forgotten, loads.test_an_owner_that_was_fenced_never_claims_again),
    (reads_claim, loads.test_reads_load_a_block_without_appending),
    (anything_follows, lambda: on_virtual_time(loads.check_race)("older")),
    (epochs_do_not_count, lambda: on_virtual_time(loads.check_race)("newer")),
    (claims_are_not_repeated_identically, loads.test_a_claim_whose_acknowledgement_is_lost_is_made_once),
    (nothing_expires_by_itself, clocks.test_a_hold_expires_although_nobody_asks),
    (nobody_sweeps, clocks.test_a_hold_expires_although_nobody_asks_after_its_shard_was_lost),
    (everybody_sweeps_at_once, clocks.test_a_waiting_cluster_does_nothing_before_the_first_write),
    (no_outage_is_found, clocks.test_an_outage_does_not_eat_the_holds_of_buyers_who_were_paying),
    (every_takeover_is_an_outage, clocks.test_there_is_no_grace_where_the_former_owner_was_alive),
    (snapshots_do_not_wait, with_small_snapshots(clocks.check_snapshots)),
    (snapshots_do_not_wait, with_small_snapshots(clocks.check_fenced_snapshot)),
    (jumps_are_followed, clocks.test_a_clock_that_jumps_is_a_fault_and_no_mass_expiry),
    (a_wrong_clock_is_borne_for_ever, clocks.test_a_shard_whose_clock_stays_wrong_leaves),
    (slow_answers_count_as_prompt, clocks.test_a_slow_journal_is_no_jump_of_its_clock),
    (a_wrong_clock_is_borne_for_ever, clocks.test_a_shard_that_was_replaced_stays_to_say_so_and_then_leaves),
    (nothing_is_quarantined, with_bug(faults.bug_in_apply, faults.check_quarantine)),
    (nothing_is_quarantined, with_bug(faults.bug_in_expiry, faults.check_expiry_bug)),
    (one_batch_one_fate, with_bug(faults.bug_in_decide, faults.check_poison)),
    (an_unwritable_row_is_not_caught, lambda: on_virtual_time(faults.check_unwritable)()),
    (first_come_first_served, test_residence.test_what_a_client_waits_for_goes_before_what_the_sweep_found),
    (
        refusals_hold_for_ever,
        test_residence.test_a_block_of_another_shard_is_refused_by_its_name_for_a_while_and_then_looked_at_again,
    ),
]


@pytest.mark.parametrize(("sabotage", "guarantee"), CONTROLS)
def test_the_test_notices(sabotage: Break, guarantee: Callable[[], None], monkeypatch: pytest.MonkeyPatch) -> None:
    sabotage(monkeypatch)
    with pytest.raises((AssertionError, asyncio.CancelledError, ExceptionGroup)):
        guarantee()
