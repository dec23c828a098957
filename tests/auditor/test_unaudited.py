"""A block that cannot be audited on: what was found in the rows before stops it all the same, and is never forgotten.

A row that is damaged stops it as well; a fault of the audit's own never does.
"""

import os
from collections.abc import Awaitable, Callable, Mapping
from random import Random

import pytest

from actors.audit.findings import Fault
from actors.audit.rows import Row
from actors.auditor import follower as follower_module
from actors.auditor.alarms import NOT_AUDITED, KeptAlarm
from actors.auditor.auditor import Auditor
from actors.auditor.consequences import Consequences
from actors.auditor.follower import Follower
from actors.auditor.found import Found
from actors.auditor.journals import Journals, Page, RowsRefused, Span
from actors.auditor.judging import Judging
from actors.catalogue.quarantines import Ends, Quarantines
from actors.core import entries as e
from actors.engine.catalogue_port import CatalogueUnavailable
from tests.auditor.watched import Event, Watched, audit_all, plant_double_claim, sell_at_random
from tests.database_faults import lose_large_values

pytestmark = pytest.mark.anyio

Check = Callable[[Watched, pytest.MonkeyPatch], Awaitable[None]]
ROUNDS = 60  # of a clock that goes on by some seconds in each: enough to try again several times


def fail_at(patch: pytest.MonkeyPatch, event: Event, position: int) -> None:
    """The audit has a fault, which this row brings about."""
    shipped = Follower.take

    def take(self: Follower, row: Row) -> None:
        if (self.block, row.position) == (event.block, position):
            raise KeyError("a bug")
        shipped(self, row)

    patch.setattr(Follower, "take", take)


async def append_large(event: Event) -> int:
    """A row so large that Postgres keeps its entries elsewhere; its position."""
    opened = [e.SaleOpened(event.now_ms, os.urandom(16), os.urandom(16)) for _ in range(200)]
    await event.append_unseen(*opened)
    return len(event.rows)


async def kept(world: Watched) -> list[KeptAlarm]:
    return [one for one in await world.alarms.kept(100) if one.what == NOT_AUDITED]


async def rounds(auditor: Auditor, count: int = ROUNDS) -> None:
    for _ in range(count):
        await auditor.round()


async def check_stopped_for_claim(world: Watched, event: Event, claimed: int) -> None:
    """The block is, for the row with the double claim."""
    (stopped,) = await world.stopped()
    assert (stopped.block, stopped.position) == (event.block, claimed)
    assert stopped.why.startswith((str(Fault.UNIT_CLAIMED_TWICE), str(Fault.UNITS_DO_NOT_ADD_UP))), stopped.why


async def check_bug_behind_claim(world: Watched, patch: pytest.MonkeyPatch) -> None:
    """A double claim is acted on in the first round, and told once, whatever the audit does at a later row."""
    events = [await world.event() for _ in range(2)]
    await plant_double_claim(events[0])
    claimed = len(events[0].rows)
    await events[0].append_unseen(e.SaleOpened(events[0].now_ms, b"k" * 16, b"k" * 16))
    fail_at(patch, events[0], claimed + 1)
    auditor = world.auditor()
    await auditor.round()
    await check_stopped_for_claim(world, events[0], claimed)
    found = auditor.figures.finding_count
    await sell_at_random(events[1:], Random(1))
    await rounds(auditor)
    assert auditor.figures.finding_count == found, "it is told once"
    assert auditor._followers[events[1].block].position == len(events[1].rows), "the neighbour is audited"
    (alarm,) = await kept(world)
    assert (alarm.block, alarm.position, alarm.old_chain) == (events[0].block, claimed + 1, b"")
    assert "a bug" in alarm.sentence
    assert alarm.seen_count > 1


async def test_a_double_claim_before_a_row_at_which_the_audit_fails_stops_the_block(
    world: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    await check_bug_behind_claim(world, monkeypatch)


async def check_damage_behind_claim(world: Watched, _patch: pytest.MonkeyPatch) -> None:
    """Likewise where Postgres cannot read a later row, which was written before anybody looked."""
    event = await world.event()
    await plant_double_claim(event)
    claimed = len(event.rows)
    damaged = await append_large(event)
    await lose_large_values(world.world.connection, "journal")
    auditor = world.auditor()
    for _round in range(12):  # half of what was asked for at a time
        await auditor.round()
        if await world.stopped():
            break
    await check_stopped_for_claim(world, event, claimed)
    await rounds(auditor)
    (stopped,) = await world.stopped()
    assert stopped.last_position == damaged, "and for the damage as well"
    (alarm,) = await kept(world)
    assert (alarm.block, alarm.position) == (event.block, damaged)


async def test_a_double_claim_before_a_row_that_cannot_be_read_stops_the_block(
    world: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    await check_damage_behind_claim(world, monkeypatch)


async def check_damage_alone(world: Watched, _patch: pytest.MonkeyPatch) -> None:
    """A row that is damaged stops its block when it could not be read a second time either; its neighbour goes on."""
    events = [await world.event() for _ in range(2)]
    auditor = world.auditor()
    await audit_all(auditor)
    damaged = await append_large(events[0])
    await lose_large_values(world.world.connection, "journal")
    await auditor.round()
    assert (await world.stopped(), await kept(world)) == ([], []), "the first time may be an accident"
    await sell_at_random(events[1:], Random(2))
    await rounds(auditor)
    (stopped,) = await world.stopped()
    assert (stopped.block, stopped.position) == (events[0].block, damaged)
    assert stopped.why.startswith(f"{Fault.ENTRIES_UNREADABLE}: Postgres cannot read it: DataCorruptedError XX001")
    assert (auditor.figures.unaudited_count, auditor.figures.stopped_count) == (1, 1)
    assert auditor._followers[events[1].block].position == len(events[1].rows)


async def test_a_row_that_is_damaged_stops_its_block(world: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    await check_damage_alone(world, monkeypatch)


class Withholding(Journals):
    """Of one block no row can be had for now, as of a disk that does not answer."""

    block = ""

    async def rows(self, spans: Mapping[str, Span], limit: int) -> dict[str, Page]:
        if self.block in spans:
            raise RowsRefused("IOError 58030: input/output error", "58030")
        return await super().rows(spans, limit)


async def check_no_sale_stopped(world: Watched, patch: pytest.MonkeyPatch) -> None:
    """What may be the audit's fault, or pass, stops nothing, and is an alarm until somebody has looked at it; seen on,
    it stays acknowledged, and what begins anew is open again.
    """
    events = [await world.event() for _ in range(2)]
    fail_at(patch, events[0], 2)
    journals = Withholding(world.world.database_url)
    journals.block = events[1].block
    auditor = world.auditor(journals)
    await auditor.round()
    assert await kept(world) == []
    await rounds(auditor)
    alarms = await kept(world)
    assert {one.block for one in alarms} == {event.block for event in events}
    assert await world.stopped() == []
    await world.alarms.acknowledge([one.number for one in alarms], 0, "mara", "seen")
    await rounds(auditor)
    assert await kept(world) == [], "it has not got better meanwhile"
    journals.block = ""
    await rounds(auditor)
    assert auditor.figures.unaudited_count == 1
    await events[1].live_at_random(Random(3), 2)
    journals.block = events[1].block
    await rounds(auditor)
    assert [one.block for one in await kept(world)] == [events[1].block]
    assert await world.stopped() == []


async def test_what_is_no_damage_stops_nothing_and_is_an_alarm(world: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    await check_no_sale_stopped(world, monkeypatch)


async def check_settled_behind(world: Watched, patch: pytest.MonkeyPatch) -> None:
    """A block is not stopped again for what somebody has looked at, though the correcting entry cannot be reached."""
    event = await world.event()
    await plant_double_claim(event)
    claimed = len(event.rows)
    await audit_all(world.auditor())
    await check_stopped_for_claim(world, event, claimed)
    await world.world.connection.execute(
        "insert into quarantine_history select number, last_position, now(), block_id, 'ended', 'ops', 'one is void' "
        "from quarantines"
    )
    await world.world.connection.execute("delete from quarantines")
    await event.append_unseen(e.SaleOpened(event.now_ms, b"k" * 16, b"k" * 16))
    fail_at(patch, event, claimed + 1)
    await rounds(world.auditor())
    assert await world.stopped() == []
    assert len(await kept(world)) == 1


async def test_what_was_looked_at_stops_nothing_again(world: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    await check_settled_behind(world, monkeypatch)


async def test_what_cannot_be_judged_now_is_judged_later(world: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    event = await world.event()
    await plant_double_claim(event)
    claimed = len(event.rows)
    await event.append_unseen(e.SaleOpened(event.now_ms, b"k" * 16, b"k" * 16))
    fail_at(monkeypatch, event, claimed + 1)
    auditor = world.auditor()

    async def away(*_: object) -> Ends:
        raise CatalogueUnavailable("away")

    with monkeypatch.context() as patch:
        patch.setattr(Quarantines, "ends_of", away)
        await rounds(auditor)
    assert await world.stopped() == []
    found = [*auditor._followers[event.block].cut_short]
    assert len(found) == len(set(found)), "however often it is found again"
    await auditor.round()
    await check_stopped_for_claim(world, event, claimed)


def _drops(patch: pytest.MonkeyPatch) -> None:
    """As it was: what was found is found again, and dropped again."""
    shipped = Follower.stop

    def stop(self: Follower, because: str, now_s: float) -> None:
        self.findings = Found()
        shipped(self, because, now_s)

    patch.setattr(Follower, "stop", stop)


def _drops_and_judges_late(patch: pytest.MonkeyPatch) -> None:
    """Likewise, and what is found waits for the end of the journal: else a danger is told before it can be dropped."""

    async def judge_dangers(*_: object) -> None:
        return None

    _drops(patch)
    patch.setattr(Judging, "_judge_dangers", judge_dangers)


def _reads_all_or_nothing(patch: pytest.MonkeyPatch) -> None:
    """As it was: rows beside one that is refused are not read either."""
    shipped = Auditor._follow_slice

    async def follow_slice(self: Auditor, slice_: list[Follower], row_count: int) -> None:
        if row_count == self._rows_per_slice:
            await shipped(self, slice_, row_count)
        else:
            self._refused(slice_[0], slice_[0].position + 1, RowsRefused("refused"))

    patch.setattr(Auditor, "_follow_slice", follow_slice)


def _keeps_no_alarm(patch: pytest.MonkeyPatch) -> None:
    """As it was: a figure while the process lives."""
    patch.setattr(Consequences, "alarm", lambda *_: None)


def _takes_all_for_damage(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("actors.auditor.journals._DAMAGE", "")


def _takes_nothing_for_damage(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("actors.auditor.journals._DAMAGE", "never")


def _does_not_try_again(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(follower_module, "TROUBLED_RETRY_S", 1e9)
    patch.setattr(follower_module, "TROUBLED_RETRY_AT_MOST_S", 1e9)


def _asks_nobody(patch: pytest.MonkeyPatch) -> None:
    async def ends_of(*_: object) -> Ends:
        return Ends()

    patch.setattr(Quarantines, "ends_of", ends_of)


@pytest.mark.parametrize(
    ("sabotage", "check"),
    [
        (_drops, check_bug_behind_claim),
        (_drops_and_judges_late, check_damage_behind_claim),
        (_reads_all_or_nothing, check_damage_behind_claim),
        (_keeps_no_alarm, check_bug_behind_claim),
        (_takes_nothing_for_damage, check_damage_alone),
        (_takes_all_for_damage, check_no_sale_stopped),
        (_does_not_try_again, check_no_sale_stopped),
        (_asks_nobody, check_settled_behind),
    ],
)
async def test_control_an_auditor_that_forgets_or_stops_too_much_is_noticed(
    world: Watched, monkeypatch: pytest.MonkeyPatch, sabotage: Callable[[pytest.MonkeyPatch], None], check: Check
) -> None:
    sabotage(monkeypatch)
    with pytest.raises((AssertionError, ValueError)):
        await check(world, monkeypatch)
