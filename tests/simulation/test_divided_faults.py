"""An event that is split, sold and changed while shards, journal and network fail, and blocks move.

Judged from the journals alone, by the audit: parts are what their event was, each unit is sold once, ledgers count what
buyers have, and no buyer has more in all parts together than the limit says.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from itertools import count
from random import Random
from typing import NamedTuple

import pytest

from actors.audit.findings import Fault
from actors.core import block as core
from actors.core import desk_state, following
from actors.core.commands import AcknowledgePart, FollowEvent
from actors.core.ids import BlockId
from actors.core.outcomes import Outcome
from actors.core.parts import Part
from actors.core.state import BlockState
from actors.engine.errands import Errands
from actors.engine.hosted import HostedBlock
from actors.reservations.divisions import Division
from tests.long_params import param
from tests.simulation import virtual_time
from tests.simulation.divided_crowd import DividedCrowd
from tests.simulation.journal_audit import audited
from tests.simulation.world import World

pytestmark = pytest.mark.long  # the smoke test has seeds with the same checks and faults

SEEDS = range(6)
AT_FIRST = 2
VIRTUAL_S = 40.0
QUIET_S = 120.0
BUYERS = 6

Break = Callable[[pytest.MonkeyPatch], None]


class Run(NamedTuple):
    """What one seed came to. `left`: what is left to do at its end: deeds, baskets being placed, parts to be told."""

    in_the_middle: list[str]
    at_the_end: list[str]
    left: Counter[str]
    met: Counter[str]
    moves: int


def simulate(seed: int, *, moves: bool = False) -> Run:
    """One seed: 3 shards, a split event and a plain one, buyers and an organizer, faults all along and a quiet end."""

    async def main() -> Run:
        world = World(seed, ("s1", "s2", "s3"))
        crowd = DividedCrowd(world)
        await crowd.open()
        until_s = asyncio.get_running_loop().time() + VIRTUAL_S
        work = [crowd.buy(Random(f"{seed}-{buyer}"), until_s) for buyer in range(BUYERS)]
        work += [crowd.organize(Random(f"{seed}-organizer"), until_s), world.script_faults(until_s - 5)]
        if moves:
            work.append(world.script_moves(until_s - 5))
        await asyncio.gather(*work)
        in_the_middle = audited(world.store.journals, crowd.told)
        await asyncio.sleep(QUIET_S)
        moved = sum(version - 1 for version in world.catalogue.versions.values())
        return Run(in_the_middle, audited(world.store.journals, crowd.told), world.folds.left_to_do(), crowd.met, moved)

    return virtual_time.run(main)


def check(run: Run) -> None:
    """Nothing is wrong, in the middle of everything and in the end, and nothing is left to do."""
    assert run.in_the_middle == []
    assert run.at_the_end == []
    assert run.left == Counter()


@pytest.mark.parametrize("moves", [False, True], ids=["", "while blocks move"])
@pytest.mark.parametrize("seed", [param(seed, str(seed), is_long=seed >= AT_FIRST) for seed in SEEDS])
def test_a_split_event_is_one_event_whatever_happens(seed: int, moves: bool) -> None:
    run = simulate(seed, moves=moves)
    print(dict(sorted(run.met.items())))
    check(run)
    assert run.met["confirmed ACCEPTED"] > 5, f"seed {seed} did next to nothing"
    assert run.met["changed ACCEPTED"] > 2, f"seed {seed} changed next to nothing"
    assert not moves or run.moves > 5, f"seed {seed} moved next to nothing"


def buyers_have_a_ledger_each_time(patch: pytest.MonkeyPatch) -> None:
    """What a buyer has in all parts is counted here and there."""
    turns = count()
    patch.setattr(Division, "_ledger_of", lambda self, _: self._ledgers[next(turns) % len(self._ledgers)])


def nobody_counts(patch: pytest.MonkeyPatch) -> None:
    """Each part limits what a buyer has of it alone."""
    patch.setattr(Division, "_ledger_of", lambda *_: None)
    patch.setattr(BlockState, "is_ledger", True)


def ledgers_count_too_little(patch: pytest.MonkeyPatch) -> None:
    """For each ticket that is given back two count no more."""
    less = desk_state.count_less
    patch.setattr(desk_state, "count_less", lambda *of: {leg: 2 * count for leg, count in less(*of).items()})


def parts_go_back(patch: pytest.MonkeyPatch) -> None:
    """A part becomes what it hears, however old that is."""
    follow = core._DECIDE_ERRAND[FollowEvent]

    def whatever(state: BlockState, command: FollowEvent, now_ms: int) -> Outcome:
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(state, "revision", -1)
            return follow(state, command, now_ms)

    patch.setitem(core._DECIDE_ERRAND, FollowEvent, whatever)


def parts_that_are_not_told_count_as_told(patch: pytest.MonkeyPatch) -> None:
    """Once the event is on sale its parts hear nothing more."""

    async def tell(self: Errands, hosted: HostedBlock, part: Part, told: FollowEvent) -> None:
        if told.revision <= 2:
            await self._ask(BlockId(part.block), told)
        await self._host.tell(hosted.block, AcknowledgePart(told.tenant, part.block, told.revision))

    patch.setattr(Errands, "_tell_part", tell)


def parts_have_all_sections(patch: pytest.MonkeyPatch) -> None:
    """Each part has all of the event to sell."""
    patch.setattr(following, "layout_of_part", lambda layout, _: layout)


@pytest.mark.parametrize(
    ("sabotage", "expected"),
    [
        pytest.param(buyers_have_a_ledger_each_time, Fault.OVER_LIMIT, id="a ledger each time", marks=pytest.mark.long),
        (nobody_counts, Fault.COUNTED_WRONGLY),
        (ledgers_count_too_little, Fault.DEED_NOT_DEMANDED),
        (parts_go_back, Fault.REVISION_WRONG),
        (parts_that_are_not_told_count_as_told, Fault.PART_BEHIND),
        (parts_have_all_sections, Fault.UNIT_ASTRAY),
    ],
)
def test_the_check_notices(sabotage: Break, expected: Fault, monkeypatch: pytest.MonkeyPatch) -> None:
    sabotage(monkeypatch)
    for seed in SEEDS:
        run = simulate(seed)
        found = [fault for fault in (*run.in_the_middle, *run.at_the_end) if f": {expected}: " in fault]
        if found:
            print(f"{sabotage.__doc__} {found[0]}")
            return
    pytest.fail(f"nobody noticed: {sabotage.__doc__}")
