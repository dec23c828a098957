"""What fails of the audit beside reading rows is an alarm, of its block or of what is between; all else goes on."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from actors.audit.baskets import BasketCheck
from actors.audit.books import Books
from actors.audit.findings import Fault, Finding
from actors.audit.sides import Sides, sides_of
from actors.auditor.alarms import NOT_AUDITED, NOT_CROSSED, KeptAlarm
from actors.auditor.failures import Failures
from actors.auditor.follower import Follower
from actors.core import entries as e
from tests.auditor.test_settled import desk_and_events
from tests.auditor.watched import Event, Watched, plant_double_claim
from tests.loadtests.basket_shops import FIRST, SECOND, THIRD

pytestmark = pytest.mark.anyio

Check = Callable[[Watched, pytest.MonkeyPatch], Awaitable[None]]
ROUNDS = 60
BETWEEN = (str(Fault.LEG_MISSING), str(Fault.DEED_MISSING), str(Fault.TICKETS_DIFFER))


async def rounds(auditor: Any, count: int = ROUNDS) -> None:
    for _ in range(count):
        await auditor.round()


async def kept(world: Watched, what: str) -> list[KeptAlarm]:
    return [one for one in await world.alarms.kept(100) if one.what == what]


async def lose_last_rows(world: Watched, block: str, count: int = 3) -> None:
    """What its desk was told of is gone there."""
    await world.world.connection.execute(
        "delete from journal where block_id = $1 and position > (select max(position) - $2 from journal "
        "where block_id = $1)",
        block,
        count,
    )


async def events_claims(world: Watched) -> Event:
    """An event with no baskets that sells a seat twice."""
    event = await world.event()
    await plant_double_claim(event)
    return event


def fail_to_conclude(patch: pytest.MonkeyPatch, block: str) -> None:
    """What one block shows others cannot be told."""

    def failing_sides_of(books: Books) -> Sides:
        if books.block == block:
            raise KeyError("a bug")
        return sides_of(books)

    patch.setattr("actors.auditor.follower.sides_of", failing_sides_of)


async def check_hidden(world: Watched, patch: pytest.MonkeyPatch, **options: Any) -> None:
    """One block cannot tell what it shows: alarmed of once, and what is wrong between others is found all the same, as
    is what is wrong in it alone; when it can, it is held against the others.
    """
    desk = await desk_and_events(world)
    auditor = world.auditor(**options)
    with patch.context() as failing:
        fail_to_conclude(failing, THIRD)
        await lose_last_rows(world, SECOND)
        double = await events_claims(world)
        await rounds(auditor)
        assert auditor.figures.crossed_count > 1
        stopped = {one.block: one.why for one in await world.stopped()}
        assert stopped.keys() >= {desk.block, double.block}
        assert stopped[desk.block].startswith(BETWEEN), stopped
        (alarm,) = await kept(world, NOT_AUDITED)
        assert (alarm.block, alarm.position) == (THIRD, 0)
        assert "KeyError('a bug')" in alarm.sentence
        assert auditor.figures.unaudited_count == 1
        assert [lag.block for lag in auditor.figures.lagging if lag.trouble] == [THIRD]
        await world.alarms.acknowledge([alarm.number], 0, "mara", "seen")
        await rounds(auditor)
        assert await kept(world, NOT_AUDITED) == [], "it has not got better meanwhile"
    third = await _moved(world, THIRD)
    await third.append_unseen(e.WaiterLeft(third.now_ms, 9, b"k" * 16, b"k" * 16))
    await rounds(auditor)
    assert auditor.figures.unaudited_count == 0


async def _moved(world: Watched, block: str) -> Event:
    """A block that was written as it stands, to be written on."""
    event = Event(world.world.journal)
    event.block = block  # type: ignore[assignment]
    event.rows = await world.world.journal.rows(event.block, 0, 10_000)
    event.now_ms = event.rows[-1].recorded_at_ms
    return event


async def test_a_block_that_cannot_tell_what_it_shows_is_an_alarm_and_the_others_go_on(
    world: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    await check_hidden(world, monkeypatch)


async def check_hidden_when_let_go(world: Watched, patch: pytest.MonkeyPatch) -> None:
    """Likewise of one that is let go, as memory is full."""
    await check_hidden(world, patch, max_kept_bytes=1)


async def test_so_it_is_when_it_is_let_go(world: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    await check_hidden_when_let_go(world, monkeypatch)


async def check_uncomparable(world: Watched, patch: pytest.MonkeyPatch) -> None:
    """The legs of one block cannot be held against their desk: those of others are."""
    desk = await desk_and_events(world)
    shipped = BasketCheck._check_block_side

    def check_block_side(self: BasketCheck, block: str, leg: Any) -> Iterator[Finding]:
        if block == FIRST:
            raise KeyError("a bug")
        return shipped(self, block, leg)

    patch.setattr(BasketCheck, "_check_block_side", check_block_side)
    await lose_last_rows(world, SECOND)
    auditor = world.auditor()
    await rounds(auditor)
    assert auditor.figures.crossed_count > 1
    assert desk.block in {one.block for one in await world.stopped()}
    (alarm,) = await kept(world, NOT_CROSSED)
    assert (alarm.block, alarm.position) == (FIRST, 0)
    assert alarm.sentence == "the audit fails to hold its legs against other blocks: KeyError('a bug')"
    assert alarm.seen_count > 1
    assert auditor.figures.unaudited_count == 0


async def test_what_cannot_be_held_against_others_is_an_alarm_and_the_rest_is(
    world: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    await check_uncomparable(world, monkeypatch)


async def check_nothing_comparable(world: Watched, patch: pytest.MonkeyPatch) -> None:
    """Nothing can be held against anything: an alarm of no block, and each block is audited by itself."""
    await desk_and_events(world)

    def parts(*_: object, **__: object) -> None:
        raise KeyError("a bug")

    auditor = world.auditor()
    with patch.context() as failing:
        failing.setattr(BasketCheck, "parts", parts)
        double = await events_claims(world)
        await rounds(auditor)
        assert [one.block for one in await world.stopped()] == [double.block]
        bug, overdue = sorted(await kept(world, NOT_CROSSED), key=lambda alarm: alarm.sentence, reverse=True)
        assert (bug.block, bug.position) == (overdue.block, overdue.position) == ("", 0)
        assert bug.sentence == "the audit fails to hold blocks against each other: KeyError('a bug')"
        assert overdue.sentence == "desks and legs were not held against each other for 5 min"
        assert auditor.figures.crossed_count == 0
    await rounds(auditor)
    assert auditor.figures.crossed_count > 0


async def test_where_nothing_can_be_compared_blocks_are_audited_by_themselves(
    world: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    await check_nothing_comparable(world, monkeypatch)


async def check_unjudged(world: Watched, patch: pytest.MonkeyPatch) -> None:
    """What was found in one block cannot be judged: it is not forgotten, and what was found in the others is."""
    events = [await events_claims(world) for _ in range(2)]
    auditor = world.auditor()
    shipped = Follower.news

    def news(self: Follower, findings: Any, settled: int = 0) -> Any:
        if self.block == events[0].block:
            raise KeyError("a bug")
        return shipped(self, findings, settled)

    with patch.context() as failing:
        failing.setattr(Follower, "news", news)
        await rounds(auditor)
        assert [one.block for one in await world.stopped()] == [events[1].block]
        (alarm,) = await kept(world, NOT_AUDITED)
        assert alarm.block == events[0].block
    await rounds(auditor)
    assert {one.block for one in await world.stopped()} == {event.block for event in events}
    assert auditor.figures.unaudited_count == 0


async def test_what_cannot_be_judged_is_an_alarm_and_kept_until_it_can(
    world: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    await check_unjudged(world, monkeypatch)


def _unguarded(patch: pytest.MonkeyPatch) -> None:
    """As it was: whatever fails ends the auditor."""

    @contextmanager
    def nothing_kept(*_: object) -> Iterator[None]:
        yield

    patch.setattr(Failures, "kept", nothing_kept)


def _silent(patch: pytest.MonkeyPatch) -> None:
    """It goes on, and tells nobody."""
    patch.setattr(Failures, "_failed", lambda *_: None)


def _all_or_nothing(patch: pytest.MonkeyPatch) -> None:
    """What fails of one part ends all."""
    shipped = Failures.kept

    @contextmanager
    def kept_as_one(self: Failures, block: str, what: str, doing: str) -> Iterator[None]:
        if block and what == NOT_CROSSED:
            yield
        else:
            with shipped(self, block, what, doing):
                yield

    patch.setattr(Failures, "kept", kept_as_one)


@pytest.mark.parametrize(
    ("sabotage", "check"),
    [
        (_unguarded, check_hidden),
        (_unguarded, check_hidden_when_let_go),
        (_unguarded, check_uncomparable),
        (_unguarded, check_nothing_comparable),
        (_unguarded, check_unjudged),
        (_silent, check_hidden),
        (_silent, check_uncomparable),
        (_silent, check_unjudged),
        (_all_or_nothing, check_uncomparable),
    ],
)
async def test_control_an_auditor_that_dies_of_it_or_says_nothing_is_noticed(
    world: Watched, monkeypatch: pytest.MonkeyPatch, sabotage: Callable[[pytest.MonkeyPatch], None], check: Check
) -> None:
    sabotage(monkeypatch)
    with pytest.raises((AssertionError, ValueError, KeyError)):
        await check(world, monkeypatch)
