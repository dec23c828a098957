"""What blocks show each other is kept of all of them: it is in figures of its own, and lets no audit go in vain."""

import gc
import tracemalloc
from collections.abc import Awaitable, Callable

import pytest

from actors.auditor import shown
from actors.auditor.alarms import MUCH_SHOWN
from actors.auditor.follower import LEG_BYTES, Follower
from actors.auditor.shown import MUCH_SHOWN_BYTES, MUCH_TOLD_EVERY_S, ShownMemory
from actors.core import entries as e
from actors.journal.codec import decode_entries
from tests.auditor.test_put_away import put_away
from tests.auditor.test_settled import desk_and_events
from tests.auditor.watched import Watched, audit_all
from tests.loadtests.basket_journals import basket_journals
from tests.loadtests.basket_shops import DESK, THIRD
from tests.measure import audited_legs

pytestmark = pytest.mark.anyio

Check = Callable[[Watched], Awaitable[None]]
WAS_LEG_BYTES = 2_100
MIB = 1 << 20
SIZES_APART = 2  # at most, of what letting go gives back and what is said of it
BASKETS = 800  # so many that what Python keeps of freed tuples is little of each
ENOUGH_BYTES = 140_000  # for the audits of a desk and three events


def legs_by_block() -> dict[str, int]:
    """How many legs each block knows, by the entries that speak of a leg for the first time."""
    legs: dict[str, set[int]] = {}
    for journal in basket_journals():
        rows = journal.rows()
        known = legs.setdefault(rows[0].block, set())
        for entry in (entry for row in rows for entry in decode_entries(row.entries)):
            match entry:
                case e.BasketIntended():
                    known.update(plan.leg for plan in entry.legs)
                case e.ExchangeIntended():
                    known.add(entry.leg.leg)
                case e.LegPinned() | e.LegBarred():
                    known.add(entry.leg)
    return {block: len(known) for block, known in legs.items()}


async def check_figures(world: Watched) -> None:
    """They are the same whether audits are kept or not, and what is put away is not among them."""
    await desk_and_events(world)
    legs = legs_by_block()
    assert legs[DESK] == max(legs.values()) > 0
    auditors = [world.auditor(), world.auditor(max_kept_bytes=1)]
    for auditor in auditors:
        await audit_all(auditor)
        figures = auditor.figures
        assert (figures.crossing_block_count, figures.crossing_leg_count) == (len(legs), sum(legs.values()))
        assert figures.crossing_bytes == LEG_BYTES * figures.crossing_leg_count
    assert [auditor.figures.kept_count for auditor in auditors] == [len(legs), 1]
    await put_away(world, THIRD)
    for auditor in auditors:
        await audit_all(auditor)
        figures = auditor.figures
        assert (figures.crossing_block_count, figures.crossing_leg_count) == (
            len(legs) - 1,
            sum(legs.values()) - legs[THIRD],
        )


async def test_what_is_kept_for_crossing_is_in_figures(world: Watched) -> None:
    await check_figures(world)


async def check_kept(world: Watched) -> None:
    """Audits that fit are kept however many legs they have, so no row is read twice."""
    desk = await desk_and_events(world)
    auditor = world.auditor(max_kept_bytes=ENOUGH_BYTES)
    await audit_all(auditor)
    assert 0 < auditor.figures.kept_bytes < ENOUGH_BYTES < auditor.figures.kept_bytes + auditor.figures.crossing_bytes
    assert auditor.figures.kept_count == auditor.figures.block_count
    rows = auditor.figures.row_count
    assert rows == sum(len(journal.rows()) for journal in basket_journals())
    for number in range(3):
        await desk.append_unseen(e.HoldExtended(desk.now_ms + number, 11, 90_000, b"k" * 16, b"k" * 16))
        await audit_all(auditor)
    assert auditor.figures.row_count == rows + 3
    assert auditor.figures.begun_anew_count == 0


async def test_an_audit_is_not_let_go_for_legs_that_are_kept_all_the_same(world: Watched) -> None:
    await check_kept(world)


async def check_sizes(_: Watched | None = None) -> None:
    """What is said of an audit's memory is about what letting it go gives back, and of a leg about what stays."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(audited_legs, "BASKETS", BASKETS)
        journals = audited_legs.sold()
    tracemalloc.start()
    try:
        followers = []
        for rows in journals:
            before = _traced()
            follower = Follower(rows[0].block)
            follower.begin()
            for row in rows:
                follower.take(row)
            whole, said = _traced(), follower.size_bytes
            follower.let_go()
            after = _traced()
            followers.append(follower)
            assert said / SIZES_APART < whole - after < said * SIZES_APART, (said, whole - after)
            kept = (after - before) / follower.shown_leg_count
            assert LEG_BYTES / 1.5 < kept < LEG_BYTES * 1.5, kept
    finally:
        tracemalloc.stop()


async def test_what_is_said_of_memory_is_so() -> None:
    await check_sizes()


def _traced() -> int:
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


def _counts_legs(patch: pytest.MonkeyPatch) -> None:
    """As it was: legs are among what letting go gives back, with what they took before they rested."""
    shipped: Callable[[Follower], int] = Follower.__dict__["size_bytes"].fget
    patch.setattr(
        Follower,
        "size_bytes",
        property(lambda self: shipped(self) + (WAS_LEG_BYTES * self.shown_leg_count if self.is_kept else 0)),
    )


def _counts_what_is_kept(patch: pytest.MonkeyPatch) -> None:
    shipped: Callable[[Follower], int] = Follower.__dict__["shown_leg_count"].fget
    patch.setattr(Follower, "shown_leg_count", property(lambda self: shipped(self) if self.is_kept else 0))


@pytest.mark.parametrize(
    ("sabotage", "check"),
    [(_counts_legs, check_kept), (_counts_legs, check_sizes), (_counts_what_is_kept, check_figures)],
)
async def test_control_who_counts_otherwise_is_noticed(
    world: Watched, monkeypatch: pytest.MonkeyPatch, sabotage: Callable[[pytest.MonkeyPatch], None], check: Check
) -> None:
    sabotage(monkeypatch)
    with pytest.raises(AssertionError):
        await check(world)


async def check_much_told(world: Watched) -> None:
    """An alarm says that it takes more than the bound, again each minute, and another one at twice as much."""
    await desk_and_events(world)
    legs = sum(legs_by_block().values())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shown, "MUCH_SHOWN_BYTES", legs * LEG_BYTES)
        await audit_all(world.auditor())
        assert await world.alarms.kept(9) == [], "not above it"
    now_s = 0.0
    told = ShownMemory(lambda: now_s)
    assert told.alarm(MUCH_SHOWN_BYTES) is None
    first = told.alarm(MUCH_SHOWN_BYTES + 1)
    assert first is not None
    assert (first.what, first.recurs) == (MUCH_SHOWN, True)
    assert f"more than {MUCH_SHOWN_BYTES // MIB:,} MiB" in first.sentence
    now_s = MUCH_TOLD_EVERY_S / 2
    assert told.alarm(MUCH_SHOWN_BYTES + 1) is None
    now_s = MUCH_TOLD_EVERY_S
    again = told.alarm(2 * MUCH_SHOWN_BYTES - 1)
    assert again is not None
    assert (again.mark, again.recurs) == (first.mark, False)
    twice = told.alarm(2 * MUCH_SHOWN_BYTES)
    assert twice is not None
    assert f"more than {2 * MUCH_SHOWN_BYTES // MIB:,} MiB" in twice.sentence
    assert twice.recurs
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shown, "MUCH_SHOWN_BYTES", legs * LEG_BYTES - 1)
        await audit_all(world.auditor())
        assert [(one.block, one.what) for one in await world.alarms.kept(9)] == [("", MUCH_SHOWN)]


async def test_that_legs_take_much_memory_is_an_alarm(world: Watched) -> None:
    await check_much_told(world)


def _never_much(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ShownMemory, "alarm", lambda *_: None)


def _once_for_all(patch: pytest.MonkeyPatch) -> None:
    """What was acknowledged at the bound is never told of again."""
    shipped = ShownMemory.alarm
    patch.setattr(ShownMemory, "alarm", lambda self, count: shipped(self, min(count, 2 * MUCH_SHOWN_BYTES - 1)))


@pytest.mark.parametrize("sabotage", [_never_much, _once_for_all], ids=["never", "once for all"])
async def test_control_who_does_not_tell_that_it_is_much_is_noticed(
    world: Watched, monkeypatch: pytest.MonkeyPatch, sabotage: Callable[[pytest.MonkeyPatch], None]
) -> None:
    sabotage(monkeypatch)
    with pytest.raises(AssertionError):
        await check_much_told(world)
