"""A jump of a clock takes from the checks what it must, from then on: of the search for an order, and of denials."""

import asyncio

import pytest

from actors.audit.denials import CLOCK_TOLERANCE_MS, Denied
from loadtests.history.skews import FOR_EVER_MS, Skews
from tests.engine.stage import on_virtual_time
from tests.simulation.breaks import holds_end_early
from tests.simulation.controls import CLOCKS_JUMP, MARKET, NO_ORDER
from tests.simulation.market_notes import DENIALS, UNTIMED_DENIALS, Came, Notes
from tests.simulation.runs import simulate
from tests.simulation.world import MOST_AHEAD_MS, START_MS, World, now_ms

EVENT = "event_0000000000000000"


@on_virtual_time
async def test_a_little_jump_widens_and_a_large_one_ends_what_clocks_say() -> None:
    world = World(1, ("s1",), faults=False)
    world.following.cancel()
    began_ms = now_ms()
    for by_ms in (1_000, -1_900, 3_000):
        await asyncio.sleep(1)
        world.clocks_jump(by_ms)
    widest_ms = CLOCK_TOLERANCE_MS + 2_900
    at_ms = [world.skews.at(began_ms + after_ms) for after_ms in (999, 1_000, 2_000, 2_999)]
    assert at_ms == [0, CLOCK_TOLERANCE_MS + 1_000, widest_ms, widest_ms]
    assert world.skews.is_lost(began_ms + 3_000)
    assert [world.skews.ahead(began_ms + after_ms) for after_ms in (2_999, 3_000)] == [widest_ms, MOST_AHEAD_MS]
    world.journal_time.jump(20_000)
    world.clocks_jump(20_000)
    assert world.skews.ahead(began_ms + 3_000) == MOST_AHEAD_MS + 20_000
    assert (world.skews.widest_ms, world.tolerance_ms) == (widest_ms, widest_ms)
    assert START_MS + world.timed_until_s * 1000 == began_ms + 3_000


def _denied(at_ms: int) -> Denied:
    return Denied(EVENT, "floor", at_ms - 10, at_ms)


def _kept(skews: Skews, *answered_ms: int) -> tuple[list[Denied], int, int]:
    notes = Notes(lambda: 0, lambda *_: False)
    for at_ms in answered_ms:
        notes.deny(_denied(at_ms))
    kept = notes._denials_in_time(skews)
    notes.check({}, Came({}, {}), skews=skews)
    return kept, notes.judged[DENIALS], notes.judged[UNTIMED_DENIALS]


def test_denials_are_held_to_their_time_until_clocks_say_nothing() -> None:
    skews = Skews()
    skews.widen(1_000, 300)
    skews.widen(2_000, 500)
    skews.lose(3_000)
    widened = [Denied(EVENT, "floor", at_ms - 510, at_ms + 500) for at_ms in (1_000, 2_999)]
    assert _kept(skews, 999, 1_000, 2_999, 3_000) == ([_denied(999), *widened], 3, 1)
    assert _kept(Skews(), 999, 5_000) == ([_denied(999), _denied(5_000)], 2, 0)


def test_control_a_jump_that_takes_all_takes_what_was_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Skews, "at", lambda self, _: self._skews_ms[-1])
    skews = Skews()
    skews.lose(3_000)
    assert _kept(skews, 999, 3_000) == ([], 0, 2)


def test_control_if_no_deadline_counts_in_a_run_with_a_jump_its_search_misses_holds_that_end_early(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Which it notices in this seed, as `controls` says."""
    monkeypatch.setattr(Skews, "at", lambda self, _: self._skews_ms[-1])
    monkeypatch.setattr(Skews, "ahead", lambda self, _: FOR_EVER_MS if self.widest_ms or self._skews_ms[-1] else 0)
    holds_end_early(monkeypatch)
    run = simulate(0, faults=MARKET | CLOCKS_JUMP)
    assert CLOCKS_JUMP & run.effects.keys()
    assert not any(NO_ORDER in said for said in run.wrong)
