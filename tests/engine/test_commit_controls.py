"""Each guarantee of group commit, broken on purpose: the unchanged test of it must then fail."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from actors.engine import hosted as hosted_module
from actors.engine.block_host import BlockHost
from actors.engine.group_commit import Cycle, GroupCommit
from actors.engine.hosted import HostedBlock
from actors.journal import memory
from actors.journal.journal import GENESIS, Appended, JournalUnavailable, NewRow
from actors.journal.memory import MemoryStore
from tests.engine import test_group_commit as commits

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
    patch.setattr(hosted_module, "GENESIS", b"?" * len(GENESIS))


def stalls_are_logged_at_each_try(patch: pytest.MonkeyPatch) -> None:
    stall = GroupCommit._stall

    def forgetful(self: GroupCommit, fault: JournalUnavailable) -> None:
        self.stalled = False
        stall(self, fault)

    patch.setattr(GroupCommit, "_stall", forgetful)


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
    (stalls_are_logged_at_each_try, commits.test_a_stall_is_logged_when_it_begins_and_when_it_ends),
]


@pytest.mark.parametrize(("sabotage", "guarantee"), CONTROLS)
def test_the_test_notices(sabotage: Break, guarantee: Callable[[], None], monkeypatch: pytest.MonkeyPatch) -> None:
    sabotage(monkeypatch)
    with pytest.raises((AssertionError, asyncio.CancelledError, ExceptionGroup)):
        guarantee()
