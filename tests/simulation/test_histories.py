"""What the clients of a market saw is linearizable, block by block, and agrees with the journals."""

from collections import Counter
from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

import pytest

from loadtests.history.linear import Linearity
from loadtests.history.lots import Lot
from loadtests.history.model import Model
from loadtests.history.tally import Tally
from tests.simulation import linearity as linearity_module
from tests.simulation import runs
from tests.simulation.breaks import Break, no_head_check, no_key_check, places_are_denied, reply_before_durable
from tests.simulation.faults import CLASSIC, Fault
from tests.simulation.journaled import Journaled, journaled
from tests.simulation.linearity import Losses, _may_be_gone, linearity
from tests.simulation.market import Market
from tests.simulation.recording import witnessed
from tests.simulation.world import World

pytestmark = pytest.mark.long  # the smoke test has seeds with the same checks and faults

SEEDS = range(4)  # these checks are among those of every seed: here it is told how much they had to judge
MOST_SEEDS = 20
LOSSES = (Fault.LOST_TAIL, Fault.JOURNAL_CLOCK, Fault.SHARD_CLOCK)
LEAST_CALLS = 300
LEAST_ORDERED = 200


class Judged(NamedTuple):
    """What both checks say of one seed."""

    linear: dict[str, Linearity]
    faults: list[str]
    tally: Tally

    @property
    def wrong(self) -> list[str]:
        """What is not linearizable."""
        return [wrong for found in self.linear.values() for wrong in found.wrong]


def judged(seed: int, *more: Fault) -> Judged:
    """Run the seed and judge its histories."""
    kept: list[Judged] = []

    def judge(world: World, market: Market) -> Iterator[str]:
        kept.append(Judged(linearity(world, market), *witnessed(world, market.notes.history)))
        yield from ()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runs, "CHECKS", [judge])
        runs.simulate(seed, faults=frozenset((*CLASSIC, *more)))
    return kept[0]


unbroken = cache(judged)
"""The same of the code as it is shipped, once: for tests that break nothing."""


@pytest.mark.parametrize("seed", SEEDS)
def test_every_history_is_linearizable_and_its_journal_agrees(seed: int) -> None:
    found = unbroken(seed)
    assert found.wrong == []
    assert found.faults == []
    assert sum(part.unchecked for part in found.linear.values()) == 0
    assert sum(part.checked for part in found.linear.values()) > LEAST_ORDERED
    assert found.tally.suffices, found.tally
    assert found.tally.call_count > LEAST_CALLS
    left_out = sum(sum(part.left_out.values()) for part in found.linear.values())
    assert sum(part.calls for part in found.linear.values()) + left_out == found.tally.call_count


@pytest.mark.long
@pytest.mark.parametrize("fault", LOSSES)
def test_so_it_is_when_rows_are_lost_or_clocks_jump(fault: Fault) -> None:
    for seed in SEEDS:
        found = judged(seed, fault)
        assert (found.wrong, found.faults) == ([], [])
        assert found.tally.suffices, found.tally


@pytest.mark.parametrize(("sabotage", "first"), [(no_head_check, 0), (reply_before_durable, 5), (no_key_check, 1)])
def test_each_check_notices_a_guarantee_that_is_broken(
    sabotage: Break, first: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`first`: the seed to begin with; it was the one in which both noticed."""
    sabotage(monkeypatch)
    noticed: dict[str, Any] = {}
    for seed in range(first, first + MOST_SEEDS):
        found = judged(seed)
        for check, said in (("linear", found.wrong), ("witness", found.faults)):
            if said:
                noticed.setdefault(check, (seed, said[0]))
        if len(noticed) == 2:
            print(f"{sabotage.__name__}: {noticed}")
            return
    pytest.fail(f"noticed by {noticed} only: {sabotage.__doc__}")


@pytest.mark.long
@pytest.mark.parametrize(("sabotage", "first"), [(no_head_check, 0), (no_key_check, 1)])
def test_what_a_failover_has_lost_excuses_nothing_else(
    sabotage: Break, first: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    sabotage(monkeypatch)
    assert any(judged(seed, Fault.LOST_TAIL).wrong for seed in range(first, first + MOST_SEEDS)), sabotage.__doc__


def test_nearly_all_refusals_for_what_others_have_are_searched_for_an_order_too() -> None:
    searched, left_out = Counter[str](), Counter[str]()
    for seed in SEEDS:
        for part in unbroken(seed).linear.values():
            searched.update(part.refused)
            left_out.update({told.partition(" ")[2]: count for told, count in part.left_out.items()})
    for reason in ("UNITS_SOLD", "UNITS_HELD"):
        assert searched[reason] > 4 * left_out[reason], (searched, left_out)
    assert searched["NOT_ENOUGH_AVAILABLE"], (searched, left_out)


def test_control_without_what_the_journal_tells_there_is_no_order(monkeypatch: pytest.MonkeyPatch) -> None:
    def told_of_keys_alone(*about: Any) -> Journaled:
        return journaled(*about)._replace(steps=[])

    monkeypatch.setattr(linearity_module, "journaled", told_of_keys_alone)
    assert judged(SEEDS[0]).wrong


@pytest.mark.long
def test_places_denied_that_are_there_are_noticed_and_not_by_a_model_that_accepts_that(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    places_are_denied(monkeypatch)
    found = [wrong for seed in SEEDS[:2] for wrong in judged(seed).wrong]
    assert found
    assert all("NOT_ENOUGH_AVAILABLE" in wrong for wrong in found)
    monkeypatch.setattr(Model, "_is_not_enough", lambda *_: True)
    assert [wrong for seed in SEEDS[:2] for wrong in judged(seed).wrong] == []


@pytest.mark.parametrize(
    ("asked_ms", "until_ms", "is_excused"),
    [(10, 40, False), (10, 60, True), (50, 60, True), (51, 60, False), (51, 150, False), (51, 200, True)],
)
def test_what_is_asked_for_after_a_failover_is_not_lost_by_it(asked_ms: int, until_ms: int, is_excused: bool) -> None:
    """The event lost rows at 50, and it was cancelled at 200; the basket is at home in a desk that lost nothing."""
    losses = {"event": Losses(200, (50,)), "desk": Losses()}
    asked = {"hold": asked_ms}
    for lot in (Lot(("event/A/1/1",), ()), Lot((), (("event/floor", 1),))):
        assert _may_be_gone(losses, "desk", asked, "hold", lot, until_ms) is is_excused
    assert _may_be_gone(losses, "event", asked, "hold", Lot(("A/1/1",), ()), until_ms) is is_excused
    assert not _may_be_gone(losses, "desk", asked, "hold", Lot(("another/A/1/1",), ()), until_ms)


@pytest.mark.long
def test_control_without_its_excuse_what_a_failover_has_lost_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linearity_module, "_may_be_gone", lambda *_: False)
    first = 10
    assert any(judged(seed, Fault.LOST_TAIL).wrong for seed in range(first, first + MOST_SEEDS))
