"""Each guarantee of activation, timers and the host, broken on purpose: the unchanged test of it must then fail."""

import asyncio
from collections.abc import Callable, Generator
from typing import Any

import pytest

from actors.core.entries import Entry
from actors.core.ids import BlockId
from actors.core.snapshot import restoring
from actors.core.state import BlockState
from actors.engine import block_host, clock, group_commit, residence, timers
from actors.engine import replay as replay_module
from actors.engine.activation import Activator
from actors.engine.block_host import BlockHost
from actors.engine.catalogue_port import Assignment, Beat, CatalogueUnavailable, EngineCounters
from actors.engine.engine import Engine
from actors.engine.group_commit import Cycle, GroupCommit
from actors.engine.hosted import HostedBlock
from actors.engine.residence import CLIENT_PRIORITY, Residence
from actors.journal.codec import decode_entries
from actors.journal.journal import JournalRow, NewRow, Snapshot
from actors.journal.memory import MemoryStore
from actors.link.batch import Failed
from tests.engine import (
    test_activation,
    test_faulty_commands,
    test_outages,
    test_residence,
    test_timers,
)
from tests.engine.stage import on_virtual_time
from tests.engine.test_commit_controls import Break, anything_follows
from tests.simulation.world import Catalogue


def epochs_do_not_count(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Activator, "_refuse_newer", lambda self, block, epoch, our_epoch: None)


def fences_are_forgotten(patch: pytest.MonkeyPatch) -> None:
    lose = Residence.lose

    def forget(self: Residence, hosted: HostedBlock) -> None:
        lose(self, hosted)
        self.fenced.clear()

    patch.setattr(Residence, "lose", forget)


def lost_rows_are_nobodys_business(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(timers, "judge_fences", _for_ever)


def every_fence_is_a_lost_row(patch: pytest.MonkeyPatch) -> None:
    lose = Residence.lose

    def by_nobody_newer(self: Residence, hosted: HostedBlock) -> None:
        lose(self, hosted)
        hosted.epoch = 1 << 62

    patch.setattr(Residence, "lose", by_nobody_newer)


def a_look_that_fails_is_the_last(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(timers, "JUDGE_AGAIN_S", 1e9)


def claims_come_before_replay(patch: pytest.MonkeyPatch) -> None:
    load = Activator.load

    async def blind(self: Activator, block: BlockId) -> HostedBlock:
        head = await self._head(block)
        if head is not None:
            hosted = HostedBlock(block, BlockState(), head.position, head.chain, claimed=False)
            await self._append(self._activation_row(hosted, None))
        return await load(self, block)

    patch.setattr(Activator, "load", blind)


def a_contested_claim_begins_anew(patch: pytest.MonkeyPatch) -> None:
    claim, append = Activator.claim, Activator._append

    async def again(self: Activator, loaded: HostedBlock, *arguments: Any) -> HostedBlock | None:
        try:
            return await claim(self, loaded, *arguments)
        except _Contested:
            loaded.lost = True
            return None

    async def once(self: Activator, new: NewRow) -> bool:
        if not await append(self, new):
            raise _Contested
        return True

    patch.setattr(Activator, "claim", again)
    patch.setattr(Activator, "_append", once)


class _Contested(Exception):
    pass


def what_refuses_a_claim_is_not_asked(patch: pytest.MonkeyPatch) -> None:
    append = Activator._append

    async def persist(self: Activator, new: NewRow) -> bool:
        for _ in range(1_000):
            if await append(self, new):
                break
            await asyncio.sleep(0.1)
        return True

    patch.setattr(Activator, "_append", persist)


def generations_are_one(patch: pytest.MonkeyPatch) -> None:
    heartbeat = Catalogue.heartbeat

    async def of_all(self: Catalogue, shard: str, epoch: int, now_ms: int, counters: EngineCounters) -> Beat:
        answer = await heartbeat(self, shard, epoch, now_ms, counters)
        return answer._replace(newest_epoch=max(beaten for name, beaten in self.beats_ms if name == shard))

    patch.setattr(Catalogue, "heartbeat", of_all)


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
    def believe(row: JournalRow, _position: int, _chain: bytes) -> tuple[Entry, ...]:
        return decode_entries(row.entries)

    patch.setattr(replay_module, "entries_of_next", believe)


def snapshots_are_believed(patch: pytest.MonkeyPatch) -> None:
    def newest(self: MemoryStore, block: BlockId, format_: int, below_position: int) -> Snapshot | None:
        return self.snapshots.get((block, format_), [None])[-1]

    patch.setattr(MemoryStore, "newest_snapshot", newest)


def snapshots_forget_keys(patch: pytest.MonkeyPatch) -> None:
    def forgetful(frozen: bytes) -> Generator[None, None, BlockState]:
        state = yield from restoring(frozen)
        state.memos.clear()
        state.memo_dues.clear()
        return state

    patch.setattr(replay_module, "restoring", forgetful)


def snapshots_do_not_wait(patch: pytest.MonkeyPatch) -> None:
    form_rows = GroupCommit._form_rows

    def hurry(self: GroupCommit, cycle: Cycle, snapshots: list[tuple[HostedBlock, Snapshot]]) -> Any:
        rows = form_rows(self, cycle, snapshots)
        for _, snapshot in snapshots:
            self._snapshots.put(snapshot)
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
        self.cut_over.set()

    patch.setattr(BlockHost, "__init__", eager)


def no_outage_is_found(patch: pytest.MonkeyPatch) -> None:
    async def none(*_: object) -> None:
        return None

    patch.setattr(Engine, "_find_outage", none)


def every_takeover_is_an_outage(patch: pytest.MonkeyPatch) -> None:
    async def always(self: Engine, *_: object) -> tuple[int, int]:
        return 1, self.clock.now_ms()

    patch.setattr(Engine, "_find_outage", always)


def an_outage_ends_with_the_claim(patch: pytest.MonkeyPatch) -> None:
    find = Engine._find_outage

    async def later(self: Engine, *former: Any) -> tuple[int, int] | None:
        outage = await find(self, *former)
        return outage and (outage[0], self.clock.now_ms())

    patch.setattr(Engine, "_find_outage", later)


def what_cannot_be_known_is_nothing(patch: pytest.MonkeyPatch) -> None:
    find = Engine._find_outage

    async def hasty(self: Engine, *former: Any) -> tuple[int, int] | None:
        try:
            return await find(self, *former)
        except CatalogueUnavailable:
            return None

    patch.setattr(Engine, "_find_outage", hasty)


def heartbeats_alone_are_life(patch: pytest.MonkeyPatch) -> None:
    find = Engine._find_outage

    async def deaf(self: Engine, former: int, _: int, assignment: Assignment) -> tuple[int, int] | None:
        return await find(self, former, 0, assignment)

    patch.setattr(Engine, "_find_outage", deaf)


def beats_bear_the_catalogues_clock(patch: pytest.MonkeyPatch) -> None:
    heartbeat = Catalogue.heartbeat

    async def stamped(self: Catalogue, shard: str, epoch: int, _: int, counters: EngineCounters) -> Beat:
        return await heartbeat(self, shard, epoch, self._store.clock_ms(), counters)

    patch.setattr(Catalogue, "heartbeat", stamped)


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
    answer = BlockHost._answer

    async def together(self: BlockHost, calls: Any) -> Any:
        answers = await answer(self, calls)
        return next(([one] * len(answers) for one in answers if isinstance(one, Failed)), answers)

    patch.setattr(BlockHost, "_answer", together)


def an_unwritable_row_is_not_caught(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(HostedBlock, "next_row", _next_row_or_end)


_next_row = HostedBlock.next_row


def _next_row_or_end(self: HostedBlock, now_ms: int) -> NewRow:
    try:
        return _next_row(self, now_ms)
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


loads, clocks, outages, faults = test_activation, test_timers, test_outages, test_faulty_commands

CONTROLS: list[tuple[Break, Callable[[], None]]] = [
    (snapshots_forget_keys, with_small_snapshots(loads.check_snapshot_and_tail)),
    (snapshots_are_believed, with_small_snapshots(loads.check_spoilt_snapshot, loads.of_another_chain)),
    *((damage_is_not_looked_for, with_damage(damage)) for damage in (loads.changed_bytes, loads.broken_chain)),
    (epochs_do_not_count, loads.test_an_older_owner_does_not_claim_what_a_newer_one_has_written),
    (fences_are_forgotten, loads.test_an_owner_that_was_fenced_never_claims_again),
    (
        lost_rows_are_nobodys_business,
        loads.test_an_owner_that_was_fenced_by_a_lost_row_leaves_and_its_successor_serves_the_block,
    ),
    (every_fence_is_a_lost_row, loads.test_an_owner_that_was_fenced_by_a_successor_goes_on_with_its_other_blocks),
    (a_look_that_fails_is_the_last, loads.test_an_owner_whose_journal_is_away_learns_later_who_fenced_it),
    *((claims_come_before_replay, with_damage(damage)) for damage in loads.DAMAGES),
    (
        a_contested_claim_begins_anew,
        loads.test_a_claim_under_a_busy_owner_follows_its_rows_until_it_stands_behind_the_last,
    ),
    (what_refuses_a_claim_is_not_asked, loads.test_a_claim_behind_a_row_that_is_lost_meanwhile_begins_anew),
    (generations_are_one, clocks.test_a_waiting_cluster_does_not_end_the_one_that_serves),
    (
        an_outage_ends_with_the_claim,
        outages.test_an_outage_ends_when_the_successor_is_there_not_when_it_gets_round_to_the_block,
    ),
    (
        beats_bear_the_catalogues_clock,
        outages.test_a_successor_after_a_lasting_jump_of_the_clock_expires_nothing_early,
    ),
    (reads_claim, loads.test_reads_load_a_block_without_appending),
    (anything_follows, lambda: on_virtual_time(loads.check_race)("older")),
    (epochs_do_not_count, lambda: on_virtual_time(loads.check_race)("newer")),
    (claims_are_not_repeated_identically, loads.test_a_claim_whose_acknowledgement_is_lost_is_made_once),
    (nothing_expires_by_itself, clocks.test_a_hold_expires_although_nobody_asks),
    (nobody_sweeps, clocks.test_a_hold_expires_although_nobody_asks_after_its_shard_was_lost),
    (everybody_sweeps_at_once, clocks.test_a_waiting_cluster_does_nothing_before_the_first_write),
    (no_outage_is_found, outages.test_an_outage_does_not_eat_the_holds_of_buyers_who_were_paying),
    (what_cannot_be_known_is_nothing, outages.test_an_outage_whose_length_cannot_be_known_yet_is_asked_for_again),
    (every_takeover_is_an_outage, outages.test_there_is_no_grace_where_the_former_owner_was_alive),
    (
        heartbeats_alone_are_life,
        outages.test_an_outage_begins_with_the_last_write_if_that_came_after_the_last_heartbeat,
    ),
    (every_takeover_is_an_outage, clocks.test_a_hold_expires_although_nobody_asks_after_its_shard_was_lost),
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
