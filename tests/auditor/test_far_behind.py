"""While a block is far from audited to its end a danger stops it at once, unless a correction stands further on."""

from collections.abc import Awaitable, Callable
from random import Random
from typing import Any

import pytest

from actors.audit.findings import Fault
from actors.auditor.auditor import Auditor
from actors.auditor.follower import Follower
from actors.auditor.judging import Judging
from actors.catalogue.quarantines import Correction, Ends, Quarantine, Quarantines
from actors.core import entries as e
from actors.core.commands import Correct
from actors.core.corrections import decide_correct
from actors.core.ids import BlockId
from actors.engine.striking import to_strike
from actors.journal.striking import by_row
from tests.auditor.watched import Event, Watched, audit_all, plant_double_claim
from tests.projections.striking import state_without

pytestmark = pytest.mark.anyio

Sabotage = Callable[[pytest.MonkeyPatch], None]
Check = Callable[[Watched], Awaitable[None]]
ROWS_A_ROUND = 2
FAR_ROWS = 40
SLOW: dict[str, Any] = {"rows_per_slice": ROWS_A_ROUND}


async def sell_on(event: Event, row_count: int = FAR_ROWS) -> None:
    """It has so many rows more."""
    random, end = Random(len(event.rows)), len(event.rows) + row_count
    while len(event.rows) < end:
        await event.live_at_random(random, 1)


async def claimed_twice(event: Event) -> int:
    """A seat is held twice; the row that says so."""
    await plant_double_claim(event)
    return len(event.rows)


async def over(world: Watched, stopped: Quarantine) -> None:
    """The catalogue knows that the quarantine has ended, as the shard says that ended it."""
    connection = world.world.connection
    await connection.execute(
        "insert into quarantine_history select number, position, now(), block_id, 'ended', 'ops', 'looked at it' "
        "from quarantines where number = $1",
        stopped.number,
    )
    await connection.execute("delete from quarantines where number = $1", stopped.number)


async def struck(world: Watched, event: Event) -> None:
    """What is wrong is struck by an entry that ends the quarantine, which reaches no further than its first row."""
    (stopped,) = await world.stopped()
    places = await to_strike(event.journal, event.block)
    event.state = await state_without(event, places)
    wish = Correct(stopped.number, stopped.position, "ops", "sold twice", event.now_ms, strikes=True)
    entry = decide_correct(event.state, wish, event.now_ms, by_row(places))
    assert isinstance(entry, e.Corrected)
    await event.append([entry])
    await over(world, stopped)


async def imposed(world: Watched, event: Event, position: int) -> Quarantine:
    """Somebody has it stopped for this row."""
    assert await world.quarantines.impose(event.block, position, "sold twice", "ops")
    (stopped,) = await world.stopped()
    return stopped


async def check_stops_at_once(world: Watched) -> None:
    """It is stopped in the round in which the claim is read, while it sells faster than it is read; told once."""
    event = await world.event()
    claimed = await claimed_twice(event)
    await sell_on(event)
    auditor = world.auditor(**SLOW)
    for _ in range(claimed // ROWS_A_ROUND + 2):
        await sell_on(event, ROWS_A_ROUND + 1)
        await auditor.round()
    assert auditor.figures.lag_rows > FAR_ROWS, "it is far behind"
    (stopped,) = await world.stopped()
    assert (stopped.block, stopped.position) == (event.block, claimed)
    assert stopped.why.startswith((str(Fault.UNIT_CLAIMED_TWICE), str(Fault.UNITS_DO_NOT_ADD_UP))), stopped.why
    await audit_all(auditor)
    once = world.auditor()
    await audit_all(once)
    assert auditor.figures.finding_count == once.figures.finding_count


async def test_what_is_found_far_behind_stops_its_block_at_once(world: Watched) -> None:
    await check_stops_at_once(world)


async def check_struck_ahead(world: Watched) -> None:
    """Of two double claims only the first was looked at, and both were struck: neither stops the block again, though
    the audit begins at the first row. One that comes later does, at once.
    """
    event = await world.event()
    claimed = await claimed_twice(event)
    await sell_on(event, 5)
    await claimed_twice(event)
    await sell_on(event, 5)
    await imposed(world, event, claimed)
    await struck(world, event)
    await sell_on(event)
    auditor = world.auditor(**SLOW)
    await audit_all(auditor)
    assert (await world.stopped(), auditor.figures.finding_count) == ([], 0)
    later = await claimed_twice(event)
    await sell_on(event)
    anew = world.auditor(**SLOW)
    while anew._followers.get(event.block) is None or not await world.stopped():
        assert await anew.round(), "it is behind"
    (stopped,) = await world.stopped()
    assert stopped.position == later
    assert anew.figures.lag_rows > FAR_ROWS / 2


async def test_what_is_struck_further_on_stops_nothing(world: Watched) -> None:
    await check_struck_ahead(world)


async def check_settled_ahead(world: Watched) -> None:
    """What an entry further on has settled stops nothing, and the catalogue is asked twice: when it is found, and when
    something is found that is new.
    """
    event = await world.event()
    await plant_double_claim(event)
    twice = event.placed()[-1].hold
    await sell_on(event)
    stopped = await imposed(world, event, len(event.rows))
    end = e.Corrected(event.now_ms, stopped.number, len(event.rows), "ops", "one is void", event.now_ms, holds=(twice,))
    await event.append_unseen(end)
    await over(world, stopped)
    await sell_on(event, 2)
    with pytest.MonkeyPatch.context() as patch:
        asked = count_asked(patch)
        await audit_all(world.auditor(**SLOW))
    assert 1 <= len(asked) <= 2
    assert await world.stopped() == []


def count_asked(patch: pytest.MonkeyPatch) -> list[str]:
    """Of which blocks the catalogue is asked what has ended, from now on."""
    shipped, asked = Quarantines.ends_of, list[str]()

    async def ends_of(self: Quarantines, block: BlockId) -> Ends:
        asked.append(block)
        return await shipped(self, block)

    patch.setattr(Quarantines, "ends_of", ends_of)
    return asked


async def test_what_is_settled_further_on_stops_nothing(world: Watched) -> None:
    await check_settled_ahead(world)


async def rounds_until_read(auditor: Auditor, event: Event, position: int) -> None:
    """Until this row is audited, and the journal's last one is not."""
    while auditor._followers.get(event.block) is None or auditor._followers[event.block].position < position:
        assert await auditor.round(), "it is behind"


async def check_ending(world: Watched) -> None:
    """A quarantine that is to end reaches no further for what is found while it does, as that may be struck."""
    event = await world.event()
    claimed = await claimed_twice(event)
    await sell_on(event)
    again = await claimed_twice(event)
    await sell_on(event)
    auditor = world.auditor(**SLOW)
    await rounds_until_read(auditor, event, claimed)
    (stopped,) = await world.stopped()
    assert await world.quarantines.wish_end(event.block, Correction("ops", "sold twice", strikes=True))
    await rounds_until_read(auditor, event, again)
    assert [one.last_position for one in await world.stopped()] == [stopped.last_position]
    await struck(world, event)
    await audit_all(auditor)
    assert await world.stopped() == []


async def test_what_is_found_while_a_quarantine_ends_waits_for_its_correction(world: Watched) -> None:
    await check_ending(world)


def _at_the_end_alone(patch: pytest.MonkeyPatch) -> None:
    """As it was: what is found waits until the block is audited to its end."""

    async def judge_dangers(*_: object) -> None:
        return None

    patch.setattr(Judging, "_judge_dangers", judge_dangers)


def _heeds_no_correction(patch: pytest.MonkeyPatch) -> None:
    """By the rows alone of which the catalogue knows that they were looked at."""
    patch.setattr(Follower, "is_before_correction", False)


def _asks_in_every_round(patch: pytest.MonkeyPatch) -> None:
    shipped = Judging.judge

    async def judge(self: Judging, follower: Follower, *, is_at_end: bool) -> None:
        await self._consequences.ends_of(follower.block)
        await shipped(self, follower, is_at_end=is_at_end)

    patch.setattr(Judging, "judge", judge)


def _knows_of_no_end(patch: pytest.MonkeyPatch) -> None:
    async def ends_of(*_: object) -> Ends:
        return Ends()

    patch.setattr(Quarantines, "ends_of", ends_of)


@pytest.mark.parametrize(
    ("sabotage", "check"),
    [
        (_at_the_end_alone, check_stops_at_once),
        (_at_the_end_alone, check_struck_ahead),
        (_heeds_no_correction, check_struck_ahead),
        (_knows_of_no_end, check_settled_ahead),
        (_asks_in_every_round, check_settled_ahead),
        (_knows_of_no_end, check_ending),
    ],
    ids=lambda part: part.__name__.strip("_"),
)
async def test_control_who_judges_too_late_or_too_early_is_noticed(
    world: Watched, monkeypatch: pytest.MonkeyPatch, sabotage: Sabotage, check: Check
) -> None:
    sabotage(monkeypatch)
    with pytest.raises((AssertionError, ValueError)):
        await check(world)
