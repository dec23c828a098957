"""What a correcting entry settles, for whoever audits from where: what its rows show, and nothing that came since."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any

import pytest

from actors.audit.audit import BlockAudit, JournalAudit
from actors.audit.findings import Fault, Finding, is_settled
from actors.auditor import follower
from actors.auditor.follower import Follower
from actors.catalogue.quarantines import Quarantine
from actors.core import entries as e
from actors.core.commands import ReleaseHold
from actors.core.ids import BlockId
from actors.journal.codec import decode_entries, encode_entries
from actors.journal.journal import JournalRow, NewRow, chain_of
from tests.auditor.watched import Event, Watched, audit_all, plant_double_claim
from tests.loadtests.basket_journals import basket_journals
from tests.loadtests.basket_shops import FIRST
from tests.loadtests.journals import clean_journal
from tests.projections.striking import strike

pytestmark = pytest.mark.anyio

Sabotage = Callable[[pytest.MonkeyPatch], None]
Check = Callable[[Watched], Awaitable[None]]


async def check_settled(world: Watched) -> None:
    """What a correcting entry has settled stops nothing, whoever audits it from where; what comes later does."""
    event = await world.event()
    auditor = world.auditor()
    await plant_double_claim(event)
    await audit_all(auditor)
    (stopped,) = await world.stopped()
    twice = event.placed()[-1].hold
    end = e.Corrected(event.now_ms, stopped.number, len(event.rows), "ops", "one is void", event.now_ms, holds=(twice,))
    await event.append_unseen(end)
    await world.world.connection.execute("delete from quarantines")  # as the shard does that wrote this
    await audit_all(auditor)
    await audit_all(world.auditor())
    assert await world.stopped() == []
    await event.append_unseen(e.HoldExpired(event.now_ms, 12345))
    await audit_all(auditor)
    (stopped,) = await world.stopped()
    assert stopped.position == len(event.rows)


async def test_what_a_correction_has_settled_stops_nothing(world: Watched) -> None:
    await check_settled(world)


async def test_control_an_auditor_that_knows_no_corrections_is_noticed(
    world: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BlockAudit, "settled_position", 0)
    with pytest.raises(AssertionError):
        await check_settled(world)


async def check_struck(world: Watched) -> None:
    """Where a claim was struck the other counts alone: what is right with that is right, and what is wrong is found."""
    event = await world.event()
    auditor = world.auditor()
    await plant_double_claim(event)
    await audit_all(auditor)
    (stopped,) = await world.stopped()
    await strike(event)
    await world.world.connection.execute("delete from quarantines")  # as the shard does that wrote this
    held = event.placed()[-2]
    assert await event.sell(ReleaseHold(event.stamp(), held.hold))
    seat = event.state.index.unit_name(held.seats[0])
    assert await event.sell(event.hold(seat)) == 1
    for _ in range(3):  # whoever was struck never expires
        event.now_ms += 3_600_000
        await event.tick()
        assert await event.sell(event.hold(seat)) == 1
    await audit_all(auditor)
    await audit_all(world.auditor())
    assert await world.stopped() == []
    assert await world.alarms.kept(9) == []
    await plant_double_claim(event)
    await audit_all(auditor)
    (stopped,) = await world.stopped()
    assert stopped.position == len(event.rows)


async def test_what_is_struck_is_audited_as_if_it_were_not_there(world: Watched) -> None:
    await check_struck(world)


async def test_control_an_auditor_that_counts_what_is_struck_is_noticed(
    world: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BlockAudit, "is_sound", True)
    with pytest.raises(AssertionError):
        await check_struck(world)


@pytest.mark.parametrize("kind", ["struck of what sells nothing", "struck of what is not there"])
def test_a_correction_that_strikes_what_it_must_not_is_found(kind: str) -> None:
    rows = clean_journal().rows()
    struck = ((1, (0,)),) if kind == "struck of what sells nothing" else ((len(rows) + 2, (0,)),)
    journal = clean_journal()
    journal.add(e.Corrected(journal.last_ms, 1, 1, "m", "w", journal.last_ms, struck=struck))
    audit = BlockAudit(rows[0].block)
    for row in journal.rows():
        list(audit.take(row))
    again = BlockAudit(rows[0].block, struck=audit.struck)
    found = [finding.fault for row in journal.rows() for finding in again.take(row)]
    assert Fault.CORRECTION_WRONG in found


async def corrected(world: Watched, event: Event, stopped: Quarantine, **ends: Any) -> None:
    """The quarantine is over, as the shard says that ends it."""
    end = e.Corrected(
        event.now_ms, stopped.number, stopped.last_position, "ops", "looked at it", event.now_ms, (), **ends
    )
    last, encoded = event.rows[-1], encode_entries([end])
    chain = chain_of(last.chain, event.block, last.position + 1, last.epoch, event.now_ms, encoded)
    row = JournalRow(event.block, last.position + 1, last.epoch, event.now_ms, 1, encoded, chain)
    assert (await event.journal.append([NewRow(row, last.chain)])).durable == {event.block}
    event.rows.append(row)
    await world.world.connection.execute("delete from quarantines")


async def desk_and_events(world: Watched) -> Event:
    """Baskets and the events of their legs, all of which go together; the desk."""
    desk, *events = (journal.rows() for journal in basket_journals())
    for rows in (desk, *events):
        await world.write(rows)
    one = Event(world.world.journal)
    one.block = BlockId(desk[0].block)
    one.rows = await world.world.journal.rows(one.block, 0, 10_000)
    one.now_ms = max(entry.at_ms for row in one.rows for entry in decode_entries(row.entries))
    return one


async def lose_legs(world: Watched) -> None:
    """An event's journal is gone: the desk says of legs that they are held, and there are none."""
    await world.world.connection.execute("delete from journal where block_id = $1", FIRST)


async def check_stopped_for_legs(world: Watched, desk: Event) -> None:
    """The desk is, because of what it misses."""
    (stopped,) = await world.stopped()
    assert stopped.block == desk.block
    assert stopped.why.startswith((str(Fault.LEG_MISSING), str(Fault.DEED_MISSING))), stopped.why


async def check_missing_legs_settled(world: Watched) -> None:
    """What two blocks show each other stops nothing any more, whether the auditor had found it or comes new.

    An audit of all there is tells it still.
    """
    desk = await desk_and_events(world)
    await lose_legs(world)
    auditor = world.auditor()
    await audit_all(auditor)
    await check_stopped_for_legs(world, desk)
    (stopped,) = await world.stopped()
    assert 0 < stopped.position <= stopped.last_position < len(desk.rows) + 1
    await corrected(world, desk, stopped)
    await audit_all(auditor)
    new = world.auditor()
    for _ in range(3):  # nor when it is held against the others again
        await audit_all(new)
    assert new.figures.crossed_count >= 3
    assert await world.stopped() == []
    audit = JournalAudit(world.world.database_url)
    assert {one.fault for one in [one async for one in audit.run()]} == {Fault.LEG_MISSING, Fault.DEED_MISSING}
    assert audit.settled == []


async def test_what_is_missing_between_blocks_is_settled_by_the_rows_that_miss_it(world: Watched) -> None:
    await check_missing_legs_settled(world)


async def check_others_unsettled(world: Watched) -> None:
    """A correction of what stands before what the desk misses settles nothing of that."""
    desk = await desk_and_events(world)
    intended = next(
        row.position
        for row in desk.rows
        if any(isinstance(entry, e.BasketIntended) for entry in decode_entries(row.entries))
    )
    assert await world.quarantines.impose(desk.block, intended, "something else", "ops")
    (stopped,) = await world.stopped()
    await corrected(world, desk, stopped)
    await lose_legs(world)
    await audit_all(world.auditor())
    await check_stopped_for_legs(world, desk)


async def test_a_correction_of_something_else_settles_nothing_between_blocks(world: Watched) -> None:
    await check_others_unsettled(world)


async def check_later_unsettled(world: Watched) -> None:
    """What was not so when the block was corrected, and is now, is told, whatever old row it is about."""
    desk = await desk_and_events(world)
    auditor = world.auditor()
    await audit_all(auditor)
    assert await world.quarantines.impose(desk.block, len(desk.rows), "something else", "ops")
    (stopped,) = await world.stopped()
    await corrected(world, desk, stopped)
    await audit_all(auditor)
    await lose_legs(world)
    await audit_all(auditor)
    await check_stopped_for_legs(world, desk)


async def test_what_came_after_a_correction_is_not_settled_by_it(world: Watched) -> None:
    await check_later_unsettled(world)


def _of_no_row(patch: pytest.MonkeyPatch) -> None:
    """As if what is missing showed in no row, and that were settled by any correction."""
    shipped = Follower.news_between

    def news_between(self: Follower, findings: Sequence[Finding]) -> Iterator[Finding]:
        return shipped(self, [Finding(one.block, 0, one.fault, one.sentence) for one in findings])

    patch.setattr(Follower, "news_between", news_between)
    patch.setattr(follower, "is_settled", lambda one, settled: bool(settled) and one.position <= settled)


def _no_row_settled(patch: pytest.MonkeyPatch) -> None:
    """As if what is missing showed in no row, and so were never settled."""
    _of_no_row(patch)
    patch.setattr(follower, "is_settled", lambda one, settled: 0 < one.position <= settled)


def _settled_once(patch: pytest.MonkeyPatch) -> None:
    """As it was: what is settled when it is first seen is news the next time."""

    def news_between(self: Follower, findings: Sequence[Finding]) -> Iterator[Finding]:
        yield from self._news(findings, 0 if self._was_crossed else self.settled_position)
        self._was_crossed = True

    patch.setattr(Follower, "news_between", news_between)


def _by_rows_alone(patch: pytest.MonkeyPatch) -> None:
    """As if what is between blocks were settled by its row, whenever it came."""
    patch.setattr(Follower, "news_between", Follower.news)


@pytest.mark.parametrize(
    ("sabotage", "check"),
    [
        (_of_no_row, check_others_unsettled),
        (_no_row_settled, check_missing_legs_settled),
        (_settled_once, check_missing_legs_settled),
        (_by_rows_alone, check_later_unsettled),
    ],
)
async def test_control_what_is_settled_wrongly_is_noticed(
    world: Watched, monkeypatch: pytest.MonkeyPatch, sabotage: Sabotage, check: Check
) -> None:
    sabotage(monkeypatch)
    with pytest.raises((AssertionError, ValueError)):
        await check(world)


async def test_all_that_was_found_at_once_is_settled_at_once(world: Watched) -> None:
    """Of several wrongs the first is told, and the quarantine reaches to the last."""
    event = await world.event()
    await plant_double_claim(event)
    first = len(event.rows)
    await event.append_unseen(e.HoldExpired(event.now_ms, 12345))
    await event.append_unseen(e.HoldExpired(event.now_ms, 12346))
    auditor = world.auditor()
    await audit_all(auditor)
    (stopped,) = await world.stopped()
    assert (stopped.position, stopped.last_position) == (first, first + 2)
    await corrected(world, event, stopped, holds=(event.placed()[-1].hold,))
    await audit_all(auditor)
    await audit_all(world.auditor())
    assert await world.stopped() == []


async def test_what_clients_were_told_is_settled_by_no_correction() -> None:
    assert is_settled(Finding("b", 3, Fault.PRICE_WRONG, ""), 3)
    assert not is_settled(Finding("b", 4, Fault.PRICE_WRONG, ""), 3)
    assert not is_settled(Finding("b", 0, Fault.OVER_LIMIT, ""), 3)
    assert not is_settled(Finding("b", 3, Fault.REPLY_DIFFERS, ""), 3)
