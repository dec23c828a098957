"""Baskets over two parts of a split event and its ledger, and the event itself, with faults at some of all the points.

`python -m tests.simulation.basket_pairs --divided --singles` has every single fault at every point, and without
`--singles` every two of them.
"""

from collections import Counter

import pytest

from actors.core import desk_state, legs
from actors.core.block import _DECIDE_ERRAND
from actors.core.commands import FollowEvent, PinLeg
from actors.core.following import what_to_follow
from actors.core.outcomes import Accepted, Outcome
from actors.core.parts import Part
from actors.core.replies import RevisionReply
from actors.core.state import BlockState
from actors.engine.errands import Errands
from actors.engine.hosted import HostedBlock
from tests.simulation.basket_client import ClientKind
from tests.simulation.basket_controls import check_noticed
from tests.simulation.basket_points import Step, faults_at, faults_of_parties
from tests.simulation.basket_runs import Spec, run
from tests.simulation.basket_sets import Set, sample
from tests.simulation.breaks import Break
from tests.simulation.divided_operations import DIVIDED

pytestmark = pytest.mark.long  # the smoke test has seeds with the same checks and faults

SINGLES_STEP = 19
COUNTED_AS_BEFORE = ("split: exchange of parts", "split: exchange for more")
PAIRS_STEP = 1_499


@pytest.mark.parametrize("name", DIVIDED)
def test_one_fault_at_some_points(name: str) -> None:
    runs = 0
    for turn, client in enumerate(ClientKind):
        of = Set(name, client, client is ClientKind.IS_GONE, faults_at)
        plain = run(of.plain)
        assert plain.faults == []
        for spec in list(of.singles(plain.trace))[turn * 7 :: SINGLES_STEP]:
            runs += 1
            assert run(spec).faults == [], str(spec)
    print(f"{runs} single faults")
    assert runs > 20


@pytest.mark.long
def test_two_faults_at_some_points() -> None:
    runs = 0
    for turn, name in enumerate(DIVIDED):
        of = Set(name, ClientKind.ASKS_AGAIN, True, faults_of_parties)
        for first in list(of.singles(run(of.plain).trace))[turn % 7 :: 23]:
            for spec in sample(first, run(first).trace, PAIRS_STEP, turn * 37):
                runs += 1
                assert run(spec).faults == [], str(spec)
    print(f"{runs} pairs")
    assert runs > 10


def test_the_points_of_each_operation() -> None:
    """Where the event changes its parts are told, and acknowledge; and each basket has a leg in its ledger."""
    for name in DIVIDED:
        names = [point.name for point in run(Spec(name, ClientKind.ASKS_AGAIN, False)).trace]
        steps = Counter(name.split()[-2] for name in names)
        print(f"{name}: {len(names)} points, {dict(steps)}")
        assert steps[Step.SEND] == steps[Step.RECEIVE] == steps[Step.ANSWER] == steps[Step.ANSWERED]
        told = {f"desk>leg{number} FollowEvent send 1" for number in (1, 2, 3)}
        assert (told <= set(names)) == ("edit" in name or "event ends" in name)
        assert any(">leg3" in name for name in names) is (name not in COUNTED_AS_BEFORE)


def parts_are_told_what_is_in_memory(patch: pytest.MonkeyPatch) -> None:
    """A part hears what the event is by then, also what is not durable."""
    tell = Errands._tell_part

    async def hurry(self: Errands, hosted: HostedBlock, part: Part, _: FollowEvent) -> None:
        await tell(self, hosted, part, what_to_follow(hosted.state, hosted.block, part))

    patch.setattr(Errands, "_tell_part", hurry)


def parts_are_told_once(patch: pytest.MonkeyPatch) -> None:
    """Whatever comes of telling a part, it counts as told."""
    ask = Errands._ask

    async def whatever(self: Errands, block: object, command: object) -> object:
        outcome = await ask(self, block, command)  # type: ignore[arg-type]
        return object() if isinstance(command, FollowEvent) else outcome

    patch.setattr(Errands, "_ask", whatever)


def parts_say_yes_and_do_nothing(patch: pytest.MonkeyPatch) -> None:
    """Once it is on sale a part acknowledges what it is told, and stays what it is."""
    follow = _DECIDE_ERRAND[FollowEvent]

    def nothing(state: BlockState, command: FollowEvent, now_ms: int) -> Outcome:
        if command.revision > 2:
            return Accepted((), RevisionReply(command.revision))
        return follow(state, command, now_ms)

    patch.setitem(_DECIDE_ERRAND, FollowEvent, nothing)


def ledgers_never_count_less(patch: pytest.MonkeyPatch) -> None:
    """What tickets are given back stays counted."""
    patch.setattr(desk_state, "count_less", lambda *_: {})


def ledgers_forget_what_they_count(patch: pytest.MonkeyPatch) -> None:
    """A ledger says that it counts, and does not."""
    pin = legs.decide_pin_leg

    def anew(state: BlockState, command: PinLeg, now_ms: int) -> Outcome:
        outcome = pin(state, command, now_ms)
        return Accepted((), outcome.reply) if state.is_ledger and isinstance(outcome, Accepted) else outcome

    patch.setitem(_DECIDE_ERRAND, PinLeg, anew)


CONTROLS: tuple[tuple[Break, str, str], ...] = (
    (
        parts_are_told_what_is_in_memory,
        "split: edit, pause, client is gone | late @ desk StatusChanged append 1"
        " | kill desk @ desk>leg1 FollowEvent receive 1 | kill gateway @ gateway>desk ChangeStatus send 2",
        "part is otherwise than its event was",
    ),
    (
        parts_are_told_once,
        "split: edit, client is gone | away leg1 @ desk>leg1 FollowEvent send 1",
        "part is behind what it acknowledged",
    ),
    (parts_say_yes_and_do_nothing, "split: edit, client is gone", "part is behind what it acknowledged"),
    (ledgers_never_count_less, "split: cancel some, client is gone", "has tickets (0, 1, 2, 3), and by its desk (0,)"),
    (
        ledgers_never_count_less,
        "split: exchange for fewer, client is gone",
        "has tickets (0, 1, 2, 3), and by its desk (0, 1, 2)",
    ),
    (ledgers_forget_what_they_count, "split: hold, client is gone", "is absent, and by its desk it must be pinned"),
)


@pytest.mark.parametrize(("sabotage", "name", "expected"), CONTROLS, ids=lambda of: getattr(of, "__name__", ""))
def test_the_check_notices(sabotage: Break, name: str, expected: str) -> None:
    check_noticed(name, sabotage, expected)
