"""Baskets over three events: desk, leg or gateway dies, and what is said is late, lost or said twice, at every point.

All single faults, and a sample of the pairs; `python -m tests.simulation.basket_pairs` runs all of them.
"""

import inspect
from collections import Counter
from types import ModuleType

import pytest
from _pytest.mark import ParameterSet

import actors.baskets
from tests.long_params import param
from tests.simulation import basket_stage
from tests.simulation.basket_awaits import PROTOCOL, Awaits
from tests.simulation.basket_client import ClientKind
from tests.simulation.basket_operations import OPERATIONS
from tests.simulation.basket_points import Step, Strike, faults_of_parties
from tests.simulation.basket_runs import Spec, run
from tests.simulation.basket_sets import MAIN, SINGLES, Set, parse, sample
from tests.simulation.reserved_operations import RESERVED

PAIRS_STEP = 53
PLAIN = tuple(Spec(name, ClientKind.ASKS_AGAIN, False) for name in OPERATIONS)
PAUSED = (
    "confirm, exchange, client asks again | kill leg1 @ gateway>desk ConfirmOrder send 1",
    "confirm, exchange, client asks again | away leg1 @ desk>leg1 BookLeg send 1",
    "confirm, exchange, client asks again | away desk @ desk OrderConfirmed appended 1",
    "expiry in doubt, client asks again | away desk @ leg3>desk AskAboutLeg send 1",
    "split: edit, client asks again | away leg1 @ desk>leg1 FollowEvent send 1",
    "asked: hold, release, client asks again | kill gateway @ gateway>desk SettleBasket answer 1",
    "asked: hold, release, client asks again | kill gateway @ gateway>leg2 PinLeg answered 1",
    "asked: channel ends, exchange, client asks again | kill gateway @ gateway>desk SettleExchange send 1",
)
"""In these somebody waits before asking again, is told what it asked for, or goes on where another one stopped."""
ASKED = tuple(Spec(name, ClientKind.ASKS_AGAIN, False) for name in RESERVED)
RUNS = (*PLAIN, *map(parse, PAUSED), *ASKED)
"""In which everybody comes by every await."""


def _marked(number: int, of: Set) -> ParameterSet:
    """The first operation with a client that asks again; all of them take long."""
    return param(of, str(of.plain), is_long=number > 0)


@pytest.mark.parametrize("of", [_marked(number, of) for number, of in enumerate(SINGLES)])
def test_one_fault_at_every_point(of: Set) -> None:
    plain = run(of.plain)
    assert plain.faults == []
    runs = wrong = 0
    longest_s = 0.0
    for spec in of.singles(plain.trace):
        came = run(spec)
        runs += 1
        longest_s = max(longest_s, came.longest_s)
        if came.faults:
            wrong += 1
            print(f"{spec}\n    {came.faults[0]}")
    print(f"{len(plain.trace)} points, {runs} single faults, settled after {longest_s} s at most")
    assert runs > len(plain.trace)
    assert not wrong


@pytest.mark.parametrize("name", MAIN)
def test_two_faults_at_some_points(name: str) -> None:
    of = Set(name, ClientKind.ASKS_AGAIN, True, faults_of_parties)
    runs = 0
    for turn, first in enumerate(of.singles(run(of.plain).trace)):
        if turn % 5 == 0:
            for spec in sample(first, run(first).trace, PAIRS_STEP, turn * 37):
                runs += 1
                assert run(spec).faults == [], str(spec)
    print(f"{runs} pairs")
    assert runs > 10


def test_the_points_of_each_operation() -> None:
    """Every operation comes by points of every kind that its steps have; the counts are printed."""
    for spec in PLAIN:
        steps = Counter(point.step for point in run(spec).trace)
        print(f"{spec.operation}: {sum(steps.values())} points, {dict(steps)}")
        assert steps[Step.SEND] == steps[Step.RECEIVE] == steps[Step.ANSWER] == steps[Step.ANSWERED] > 0
        assert steps[Step.APPEND] == steps[Step.APPENDED] > 0
        assert steps[Step.CHECK] == steps[Step.CHECKED] > 0


def test_no_await_of_the_protocol_is_out_of_reach() -> None:
    awaits = Awaits()
    assert len(awaits.all) > 50
    for spec in RUNS:
        run(spec, awaits.look)
    assert awaits.missing == []


def test_an_await_that_is_never_come_by_is_told() -> None:
    awaits = Awaits({**PROTOCOL, "more.py": "async def more():\n    await nobody()\n"})
    for spec in RUNS:
        run(spec, awaits.look)
    assert awaits.missing == ["more.py:2"]


def test_an_await_that_no_point_covers_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody waits for something that is neither a message nor the journal, before the desk is told to drop."""
    file, text = str(actors.baskets.__file__), inspect.getsource(actors.baskets)
    before = "        dropped = await self._ask("
    added = "        await asyncio.sleep(0.0001)\n"
    assert text.count(before) == 1
    changed = text.replace(before, added + before)
    module = ModuleType("actors.baskets")
    exec(compile(changed, file, "exec"), module.__dict__)
    monkeypatch.setattr(basket_stage, "Baskets", module.Baskets)
    awaits = Awaits({**PROTOCOL, file: changed})
    run(parse("hold in vain, client asks again"), awaits.look)
    line = changed[: changed.index(added)].count("\n") + 1
    assert f"baskets.py:{line}" in awaits.missing
    assert f"baskets.py:{line + 1}" not in awaits.missing


def test_one_name_is_one_run() -> None:
    spec = Spec(
        "hold", ClientKind.ASKS_AGAIN, True,
        (Strike("gateway>leg2 PinLeg receive 1", "kill gateway"), Strike("desk BasketSettled append 1", "late")),
    )  # fmt: skip
    assert parse(str(spec)) == spec
    first, second = run(spec), run(spec)
    assert first.trace == second.trace
    assert first.heard == second.heard
