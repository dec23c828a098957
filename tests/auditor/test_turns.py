"""Every block gets its turn whatever sells: large events beside each other, small ones beside large ones."""

from collections.abc import Awaitable, Callable, Container, Sequence
from random import Random

import pytest

from actors.auditor.alarms import NOT_READ_ON
from actors.auditor.auditor import BLOCKS_PER_SLICE, Auditor
from actors.auditor.follower import Follower
from actors.auditor.turns import OVERDUE_S, OVERDUE_TOLD_EVERY_S, Turns
from tests.auditor.in_memory import LARGE_LAYOUT, Office
from tests.auditor.watched import Event, plant_double_claim

pytestmark = pytest.mark.anyio

Sabotage = Callable[[pytest.MonkeyPatch], None]
Check = Callable[[], Awaitable[None]]
LARGE_ROWS = 150
BOUND_BYTES = 150_000
"""About what the audit of a large event takes, and less than that of a small one beside it."""
ROWS_A_ROUND = 20
TURN_ROUNDS = 40
"""More than it takes to read a large event through, as it grows while it is looked at."""
TURNS = 4
ALL_AT_ONCE = 6
PAGE_BYTES = ALL_AT_ONCE * 5_000
"""What a page of two rows of each of so many events adds."""


async def sell(*events: Event) -> None:
    """Each has one row more, or some."""
    for number, event in enumerate(events):
        before, random = len(event.rows), Random(len(event.rows) + number)
        while len(event.rows) == before:
            await event.live_at_random(random, 1)


async def rounds_until(office: Office, auditor: Auditor, found: Event, selling: Sequence[Event]) -> int:
    """How many rounds it takes until this event is stopped, while these sell; with no end, a turn of each and more."""
    for number in range((len(selling) + 2) * TURN_ROUNDS):
        if found.block in office.stopped:
            return number
        await sell(*selling)
        await office.round(auditor)
    raise AssertionError(f"it is never found: {auditor.figures}")


def largest(auditor: Auditor) -> int:
    """What the largest audit takes."""
    return max(one.size_bytes for one in auditor._followers.values())


async def check_two_large_and_a_small() -> None:
    """Both large ones are read to their ends again and again, and what is wrong in any of the three is found."""
    office = Office()
    large = [await office.event(seed, LARGE_ROWS, LARGE_LAYOUT) for seed in (1, 2)]
    auditor = office.auditor(max_kept_bytes=BOUND_BYTES, rows_per_slice=ROWS_A_ROUND)
    small = await office.event()
    at_end: dict[str, set[int]] = {event.block: set() for event in large}
    unread: dict[str, int] = dict.fromkeys(at_end, 0)
    for _ in range(TURNS * 2 * TURN_ROUNDS):
        await sell(*large)
        await office.round(auditor)
        for block, ends in at_end.items():
            follower = auditor._followers[block]
            is_new = not follower.is_behind and follower.position not in ends
            unread[block] = 0 if is_new else unread[block] + 1
            ends.update([follower.position] if is_new else [])
            assert unread[block] < 2 * TURN_ROUNDS, "it never gets to its end"
    assert {auditor._followers[event.block].is_kept for event in large} == {True, False}, "they fit beside each other"
    assert auditor.figures.again_count
    assert office.stopped == []
    assert office.alarms == []
    await plant_double_claim(small)
    assert await rounds_until(office, auditor, small, large) < 3
    for event in large:
        await plant_double_claim(event)
        assert await rounds_until(office, auditor, event, large) < 2 * TURN_ROUNDS


async def test_of_two_large_events_that_sell_both_are_audited_and_a_small_one_beside_them() -> None:
    await check_two_large_and_a_small()


async def check_new_small() -> None:
    """An event that is created while a large one sells is audited at once, whether or not the large one is read yet."""
    office = Office()
    large = await office.event(1, LARGE_ROWS, LARGE_LAYOUT)
    auditor = office.auditor(max_kept_bytes=BOUND_BYTES, rows_per_slice=ROWS_A_ROUND)
    for _ in range(2):
        small = await office.event()
        await plant_double_claim(small)
        assert await rounds_until(office, auditor, small, [large]) < 3
        for _ in range(TURN_ROUNDS):
            await sell(large)
            await office.round(auditor)
        assert not auditor._followers[large.block].is_behind


async def test_a_large_event_keeps_no_new_one_waiting() -> None:
    await check_new_small()


async def check_faster_than_read() -> None:
    """Of events that sell faster than they are read each has its turn nevertheless."""
    office = Office()
    fast = [await office.event(seed, LARGE_ROWS, LARGE_LAYOUT) for seed in (1, 2, 3)]
    auditor = office.auditor(max_kept_bytes=1, rows_per_slice=ROWS_A_ROUND)
    begun: set[str] = set()
    for _ in range(TURNS * TURN_ROUNDS):
        for _ in range(ROWS_A_ROUND + 2):
            await sell(*fast)
        await office.round(auditor)
        begun.update(auditor._turns.kept)
        if len(begun) == len(fast):
            return
    raise AssertionError(f"only {begun} had a turn")


async def test_a_turn_ends_however_fast_its_event_sells() -> None:
    await check_faster_than_read()


async def check_bound() -> None:
    """Whatever is read at once, no more is kept than the bound and the largest, and all is read in the end."""
    office = Office()
    events = [await office.event(seed, LARGE_ROWS) for seed in range(ALL_AT_ONCE)]
    auditor = office.auditor(max_kept_bytes=BOUND_BYTES, rows_per_slice=2)
    most = ends = 0
    for _ in range(4 * ALL_AT_ONCE * TURN_ROUNDS):
        await office.round(auditor)
        kept_bytes = auditor.figures.kept_bytes
        assert kept_bytes <= BOUND_BYTES + largest(auditor) + PAGE_BYTES
        most = max(most, kept_bytes)
        if not auditor.figures.lag_rows:
            ends += 1
            await sell(*events)
    assert most > BOUND_BYTES
    assert ends >= 3


async def test_memory_has_a_bound() -> None:
    await check_bound()


def _as_if_nothing_were_expected(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Follower, "expected_bytes", 0)


async def test_memory_has_a_bound_where_nobody_knows_what_audits_will_come_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _as_if_nothing_were_expected(monkeypatch)
    await check_bound()


async def check_told() -> None:
    """Who waits for minutes as there is no room is an alarm, once a minute; who has its turn in time is none."""
    office = Office()
    large = [await office.event(seed, LARGE_ROWS, LARGE_LAYOUT) for seed in (1, 2, 3)]
    auditor = office.auditor(max_kept_bytes=BOUND_BYTES, rows_per_slice=ROWS_A_ROUND)
    for _ in range(3 * TURN_ROUNDS):
        await sell(*large)
        await office.round(auditor)
    assert office.alarms == []
    office.round_s = OVERDUE_S / 10  # a turn takes as long as that, and more
    most_s = 0.0
    for _ in range(TURN_ROUNDS):
        before = len(office.alarms)
        await sell(*large)
        await office.round(auditor)
        most_s = max(most_s, auditor.figures.waiting_seconds)
        assert len(office.alarms) - before <= (auditor._turns.waiting_s(office.now_s - office.round_s) > OVERDUE_S)
    assert most_s > OVERDUE_S
    assert {alarm.what for alarm in office.alarms} == {NOT_READ_ON}
    assert {alarm.block for alarm in office.alarms} <= {event.block for event in large}
    told = "audits of blocks that sell take more than 0 MiB and have turns"
    assert {alarm.sentence.partition(": ")[2] for alarm in office.alarms} == {told}
    assert office.alarms[0].recurs
    assert len(office.alarms) <= TURN_ROUNDS * office.round_s / OVERDUE_TOLD_EVERY_S


async def test_a_block_that_waits_for_minutes_is_an_alarm() -> None:
    await check_told()


async def test_so_it_is_where_others_are_read_before_it_after_a_start() -> None:
    office = Office()
    events = [await office.event(seed, LARGE_ROWS, LARGE_LAYOUT) for seed in (1, 2)]
    auditor = office.auditor(max_kept_bytes=BOUND_BYTES, rows_per_slice=0)
    while office.now_s < OVERDUE_S + 2:
        await office.round(auditor)
    (alarm,) = office.alarms
    assert alarm.block == events[1].block
    assert alarm.sentence == "it is behind and was not read on for 5 min: others are read before it"


def _old_due(patch: pytest.MonkeyPatch) -> None:
    """As it was: another begins only where kept ones that are behind leave room."""

    def due(self: Turns, behind: Sequence[Follower], now_s: float) -> list[Follower]:
        kept = [one for one in behind if one.is_kept]
        waiting = sorted((one for one in behind if not one.is_kept), key=lambda one: one.behind_since_s or 0.0)
        has_room = not kept or sum(one.size_bytes for one in kept) < self.max_kept_bytes // 2
        self.again_count = sum(one.is_again for one in behind)
        return [*kept, *(waiting[:BLOCKS_PER_SLICE] if has_room else ())]

    patch.setattr(Turns, "due", due)


def _old_room(patch: pytest.MonkeyPatch) -> None:
    """As it was: of what is still read, the first stays, and the others begin again."""

    def to_let_go(self: Turns, _: Container[str]) -> list[Follower]:
        gone = []
        for is_read, in_order in ((False, iter), (True, reversed)):
            for one in in_order(list(self.kept.values())):
                if self.kept_bytes > self.max_kept_bytes and len(self.kept) > 1 and one.is_behind is is_read:
                    gone.append(self.kept.pop(one.block))
                    gone[-1].let_go()
        return [] if not gone else _let_go_before(gone)

    patch.setattr(Turns, "to_let_go", to_let_go)


def _let_go_before(gone: list[Follower]) -> list[Follower]:
    for one in gone:
        one.begin()
    return gone


def _as_it_was(patch: pytest.MonkeyPatch) -> None:
    _old_due(patch)
    _old_room(patch)


def _one_at_a_time(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("actors.auditor.turns.TURNS_AT_ONCE", 1)


def _to_the_very_end(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Follower, "is_through", property(lambda self: self.is_kept and not self.is_behind))


def _nobody_rests(patch: pytest.MonkeyPatch) -> None:
    _as_if_nothing_were_expected(patch)
    patch.setattr("actors.auditor.turns._beside_largest", lambda _: 0)


def _nobody_is_let_go(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Turns, "to_let_go", lambda *_: [])


def _never_overdue(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Turns, "overdue_alarm", lambda *_: None)


def _overdue_in_every_round(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("actors.auditor.turns.OVERDUE_TOLD_EVERY_S", 0.0)


@pytest.mark.parametrize(
    ("sabotage", "check"),
    [
        (_as_it_was, check_two_large_and_a_small),
        (_old_due, check_two_large_and_a_small),
        (_old_due, check_new_small),
        (_one_at_a_time, check_new_small),
        pytest.param(_to_the_very_end, check_faster_than_read, marks=pytest.mark.long),
        (_nobody_rests, check_bound),
        (_nobody_is_let_go, check_bound),
        (_never_overdue, check_told),
        (_overdue_in_every_round, check_told),
    ],
)
async def test_control_who_gives_no_turns_is_noticed(
    monkeypatch: pytest.MonkeyPatch, sabotage: Sabotage, check: Check
) -> None:
    sabotage(monkeypatch)
    with pytest.raises((AssertionError, ValueError)):
        await check()
