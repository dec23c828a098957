"""What stops no block is kept as an alarm until it is acknowledged, above all a row that was audited and is gone."""

from collections.abc import Awaitable, Callable, Collection, Mapping
from random import Random
from typing import Any

import msgspec
import pytest

from actors.audit.findings import Fault
from actors.auditor import alarms as alarms_module
from actors.auditor.alarms import NOT_CROSSED, Alarm, Alarms, KeptAlarm
from actors.auditor.auditor import Auditor
from actors.auditor.crossing import OVERDUE_S
from actors.auditor.follower import Follower
from actors.auditor.journals import Heads, Journals, Page, Span
from actors.core import entries as e
from actors.database.line import LineUnavailable
from tests.auditor.test_put_away import put_away
from tests.auditor.watched import Event, Watched, audit_all, sell_at_random
from tests.loadtests.basket_journals import basket_journals

pytestmark = pytest.mark.anyio

Check = Callable[[Watched], Awaitable[None]]
LOST = "delete from journal where block_id = $1 and position > $2"


async def kept(world: Watched, *, acknowledged: bool = False) -> list[KeptAlarm]:
    return await world.alarms.kept(100, acknowledged=acknowledged)


async def lose(world: Watched, event: Event, row_count: int) -> int:
    """As a failover does to a replica that did not have the last rows yet; where the journal ended."""
    end = len(event.rows)
    del event.rows[end - row_count :]
    await world.world.connection.execute(LOST, event.block, len(event.rows))
    return end


async def check_gone(world: Watched, event: Event, end: int, fault: Fault) -> KeptAlarm:
    """One alarm tells of it, and no quarantine."""
    (alarm,) = await kept(world)
    assert (alarm.block, alarm.position, alarm.what) == (event.block, end, fault.name)
    assert f"row {end} was audited and is gone" in alarm.sentence
    assert len(alarm.old_chain) == 16
    assert alarm.first_seen_at_ms == alarm.last_seen_at_ms > 0
    assert await world.stopped() == []
    return alarm


async def check_lost_rows(world: Watched) -> None:
    """Some last rows are gone, and whoever looks later is told, whatever has become of the auditor."""
    events = [await world.event() for _ in range(2)]
    await sell_at_random(events, Random(5))
    auditor = world.auditor()
    await audit_all(auditor)
    chain = events[0].rows[-1].chain
    end = await lose(world, events[0], 2)
    await audit_all(auditor)
    await audit_all(world.auditor())
    alarm = await check_gone(world, events[0], end, Fault.TAIL_MISSING)
    assert (alarm.old_chain, alarm.new_chain, alarm.seen_count) == (chain, b"", 1)
    assert auditor.figures.alarm_count == auditor.figures.begun_anew_count == 1


async def test_rows_that_a_failover_lost_are_an_alarm_that_stays(world: Watched) -> None:
    await check_lost_rows(world)


async def test_a_journal_without_any_row_is_an_alarm(world: Watched) -> None:
    event = await world.event()
    auditor = world.auditor()
    await audit_all(auditor)
    end = await lose(world, event, len(event.rows))
    await audit_all(auditor)
    await check_gone(world, event, end, Fault.JOURNAL_EMPTY)


async def _go_on(world: Watched, event: Event, row_count: int) -> bytes:
    """Rows in the place of lost ones; the chain of the one where the journal ended before."""
    end = await lose(world, event, 2)
    for number in range(row_count):
        await event.append_unseen(e.SaleOpened(event.now_ms + number, b"k" * 16, b"k" * 16))
    return event.rows[end - 1].chain


async def check_replaced(world: Watched, row_count: int, **options: Any) -> None:
    """As many rows as were lost, or more, were written before anybody looked: another is where the last one was."""
    events = [await world.event() for _ in range(3)]
    await sell_at_random(events, Random(6))
    auditor = world.auditor(**options)
    await audit_all(auditor)
    event = min(events, key=lambda one: auditor._followers[one.block].is_kept)
    end = len(event.rows)
    chain = await _go_on(world, event, row_count)
    await audit_all(auditor)
    (alarm,) = [one for one in await kept(world) if one.what == Fault.TAIL_MISSING.name]
    assert (alarm.block, alarm.position, alarm.new_chain) == (event.block, end, chain)
    assert "another stands in its place" in alarm.sentence


@pytest.mark.parametrize("row_count", [2, 4])
async def test_a_row_in_whose_place_there_is_another_is_an_alarm(world: Watched, row_count: int) -> None:
    await check_replaced(world, row_count)


@pytest.mark.parametrize("row_count", [2, 4])
async def test_so_it_is_where_the_audit_was_let_go(world: Watched, row_count: int) -> None:
    await check_replaced(world, row_count, max_kept_bytes=1)


async def check_put_away(world: Watched) -> None:
    """A block that is put away just after the auditor saw where it ends has lost nothing."""

    class Late(Journals):
        """Between the two looks of a round an event is put away."""

        is_late = False

        async def rows(self, spans: Mapping[str, Span], limit: int) -> dict[str, Page]:
            if self.is_late and event.block in spans:
                self.is_late = False
                await put_away(world, event.block)
            return await super().rows(spans, limit)

    event = await world.event()
    await event.live_at_random(Random(7), 6)
    journals = Late(world.world.database_url)
    auditor = world.auditor(journals)
    await audit_all(auditor)
    await event.live_at_random(Random(8), 2)
    journals.is_late = True
    await audit_all(auditor)
    assert not journals.is_late
    assert await kept(world) == []
    assert (auditor.figures.block_count, auditor.figures.begun_anew_count) == (0, 0)


async def test_what_is_put_away_meanwhile_is_no_alarm(world: Watched) -> None:
    await check_put_away(world)


async def check_finding_kept(world: Watched) -> None:
    """A finding that stops nothing is one alarm, which counts how often it is seen; acknowledged, it stays so."""
    event = await world.event()
    await event.append_unseen(e.WaiterLeft(event.now_ms, 9, b"k" * 16, b"k" * 16))
    await audit_all(world.auditor())
    await audit_all(world.auditor())
    (alarm,) = await kept(world)
    assert (alarm.block, alarm.what, alarm.seen_count) == (event.block, Fault.WAITER_UNKNOWN.name, 2)
    assert (alarm.position, alarm.old_chain, alarm.new_chain) == (len(event.rows), b"", b"")
    assert await world.alarms.acknowledge([alarm.number], 0, "mara", "a bug of last week") == [alarm.number]
    assert await world.alarms.acknowledge([alarm.number], 0, "joe", "the same") == []
    await audit_all(world.auditor())
    assert await kept(world) == []
    (closed,) = await kept(world, acknowledged=True)
    assert (closed.acknowledged_by, closed.acknowledged_because) == ("mara", "a bug of last week")
    assert (closed.number, closed.seen_count) == (alarm.number, 3)
    assert closed.acknowledged_at_ms >= closed.first_seen_at_ms


async def test_a_finding_that_stops_nothing_is_kept_until_it_is_acknowledged(world: Watched) -> None:
    await check_finding_kept(world)


async def test_the_same_row_lost_twice_is_open_again(world: Watched) -> None:
    alarm = Alarm("b", 7, Fault.TAIL_MISSING.name, "gone", b"a" * 16, recurs=True)
    assert await world.alarms.note(alarm)
    await world.alarms.acknowledge([], (await kept(world))[0].number, "mara", "the failover of May")
    assert await kept(world) == []
    assert await world.alarms.note(alarm)
    (again,) = await kept(world)
    assert (again.seen_count, again.acknowledged_by, again.acknowledged_at_ms) == (2, "", 0)


async def check_bounded(world: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a kind and block, and in all; what was acknowledged makes way, and rows that are gone always find room."""
    monkeypatch.setattr(alarms_module, "MAX_OF_A_KIND", 3)
    monkeypatch.setattr(alarms_module, "MAX_ALARMS", 5)
    late = [Alarm("a", position, Fault.NEVER_EXPIRED.name, "late") for position in range(9)]
    assert [await world.alarms.note(one) for one in late[:5]] == [True] * 3 + [False] * 2
    (first, *_) = await kept(world)
    await world.alarms.acknowledge([first.number], 0, "mara", "seen")
    assert [await world.alarms.note(one) for one in late[5:7]] == [True, False]
    assert first.number not in [one.number for one in await kept(world, acknowledged=True)]
    others = [Alarm(block, 1, Fault.NEVER_EXPIRED.name, "late") for block in "bcd"]
    assert [await world.alarms.note(one) for one in others] == [True, True, False]
    gone = [Alarm(block, 1, Fault.TAIL_MISSING.name, "gone", b"a" * 16) for block in "efghij"]
    assert [await world.alarms.note(one) for one in gone] == [True] * 5 + [False]
    assert [one.what for one in await kept(world)] == [Fault.TAIL_MISSING.name] * 5 + [Fault.NEVER_EXPIRED.name] * 5
    assert await world.alarms.open_counts() == {Fault.NEVER_EXPIRED.name: 5, Fault.TAIL_MISSING.name: 5}


async def test_they_are_bounded(world: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    await check_bounded(world, monkeypatch)


async def test_an_alarm_that_cannot_be_kept_is_kept_later(world: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    event = await world.event()
    await event.append_unseen(e.WaiterLeft(event.now_ms, 9, b"k" * 16, b"k" * 16))
    auditor = world.auditor()

    async def away(*_: object) -> bool:
        raise LineUnavailable("away")

    with monkeypatch.context() as patch:
        patch.setattr(Alarms, "note", away)
        await audit_all(auditor)
    assert await kept(world) == []
    await auditor.round()
    assert len(await kept(world)) == 1


class Stuck(Journals):
    """Of one block no further row ever comes."""

    block = ""

    async def rows(self, spans: Mapping[str, Span], limit: int) -> dict[str, Page]:
        pages = await super().rows(spans, limit)
        if self.block in pages:
            pages[self.block].rows = []
        return pages


async def check_uncrossed(world: Watched) -> None:
    """One block lags for ever: nobody's baskets are held against their legs, which is told after minutes, and again."""
    for journal in basket_journals():
        await world.write(journal.rows())
    journals, event = Stuck(world.world.database_url), await world.event()
    journals.block = event.block
    auditor = world.auditor(journals)
    assert await _rounds_until(auditor, lambda: auditor.figures.uncrossed_seconds > OVERDUE_S)
    await auditor.round()
    await auditor.round()
    (alarm,) = await kept(world)
    assert (alarm.block, alarm.position, alarm.what) == (event.block, 0, NOT_CROSSED)
    assert auditor.figures.crossed_count == 0
    await world.alarms.acknowledge([alarm.number], 0, "mara", "seen")
    journals.block = ""
    assert await _rounds_until(auditor, lambda: auditor.figures.crossed_count > 0)
    assert auditor.figures.uncrossed_seconds < OVERDUE_S
    assert await kept(world) == []
    await event.live_at_random(Random(3), 3)
    journals.block = event.block
    assert await _rounds_until(auditor, lambda: auditor.figures.uncrossed_seconds > OVERDUE_S)
    await auditor.round()
    await auditor.round()
    assert [one.number for one in await kept(world)] == [alarm.number], "it is open again"


async def _rounds_until(auditor: Auditor, is_so: Callable[[], bool]) -> bool:
    for _ in range(300):
        if is_so():
            return True
        await auditor.round()
    return False


async def test_baskets_that_are_not_checked_for_minutes_are_an_alarm(world: Watched) -> None:
    await check_uncrossed(world)


def _tell_nobody(patch: pytest.MonkeyPatch) -> None:
    """As it was: a line in the log."""
    patch.setattr(Auditor, "_tell_gone", lambda *_: None)


def _forget(patch: pytest.MonkeyPatch) -> None:
    """Alarms that live in the auditor alone."""

    async def note(*_: object) -> bool:
        return True

    patch.setattr(Alarms, "note", note)


def _believe(patch: pytest.MonkeyPatch) -> None:
    """A row that is not answered is gone, whether or not the block was put away."""
    shipped = Journals.heads

    async def heads(self: Journals, start: str | None, limit: int, also: Collection[str]) -> Heads:
        found = await shipped(self, start, limit, also)
        return found if limit else Heads(found.positions)

    patch.setattr(Journals, "heads", heads)


def _look_at_positions_alone(patch: pytest.MonkeyPatch) -> None:
    shipped = Journals.heads

    async def heads(self: Journals, start: str | None, limit: int, also: Collection[str]) -> Heads:
        return msgspec.structs.replace(await shipped(self, start, limit, also), chains={})

    patch.setattr(Journals, "heads", heads)


def _forget_what_was_let_go(patch: pytest.MonkeyPatch) -> None:
    shipped = Follower.begin

    def begin(self: Follower) -> None:
        shipped(self)
        self.forget_before()

    patch.setattr(Follower, "begin", begin)


def _never_overdue(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Auditor, "_note_what_lasts", lambda self: None)


@pytest.mark.parametrize(
    ("sabotage", "check"),
    [
        (_tell_nobody, check_lost_rows),
        (_forget, check_lost_rows),
        (_forget, check_finding_kept),
        (_believe, check_put_away),
        (_look_at_positions_alone, lambda world: check_replaced(world, 2)),
        (_forget_what_was_let_go, lambda world: check_replaced(world, 4, max_kept_bytes=1)),
        (_never_overdue, check_uncrossed),
    ],
)
async def test_control_an_auditor_that_keeps_no_alarm_or_raises_it_for_nothing_is_noticed(
    world: Watched, monkeypatch: pytest.MonkeyPatch, sabotage: Callable[[pytest.MonkeyPatch], None], check: Check
) -> None:
    sabotage(monkeypatch)
    with pytest.raises((AssertionError, ValueError)):
        await check(world)


async def test_control_alarms_without_bounds_are_noticed(world: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    for bound in ("$8::bigint", "$9::bigint"):
        with monkeypatch.context() as patch:
            patch.setitem(alarms_module._SQL, "note", alarms_module._SQL["note"].replace(bound, f"1000 * {bound}"))
            with pytest.raises(AssertionError):
                await check_bounded(world, patch)
        await world.world.connection.execute("delete from audit_alarms")
