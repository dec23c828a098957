"""Each guarantee of the simulation, broken on purpose: the unchanged checks must notice within 20 seeds."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from actors.core.snapshot import freeze
from actors.engine.activation import Activator
from actors.engine.engine import Engine
from actors.engine.group_commit import Cycle, GroupCommit
from actors.engine.hosted import HostedBlock
from actors.journal.journal import Snapshot
from tests.simulation.faults import CLASSIC, Fault
from tests.simulation.projecting import MemoryPositions
from tests.simulation.runs import simulate

WITHIN_SEEDS = 20

Break = Callable[[pytest.MonkeyPatch], None]


def conflict_is_success(patch: pytest.MonkeyPatch) -> None:
    """Whatever row stands at the position is taken for ours."""
    patch.setattr("actors.journal.memory.already_there", lambda found, sent: found is not None)


def no_head_check(patch: pytest.MonkeyPatch) -> None:
    """An answer without an append is given from memory."""

    async def believe(_: GroupCommit, cycle: Cycle, checking: list[HostedBlock]) -> None:
        cycle.positions.update({hosted: hosted.position for hosted in checking})

    patch.setattr(GroupCommit, "_check", believe)


def reply_before_durable(patch: pytest.MonkeyPatch) -> None:
    """Answers do not wait for the commit."""

    async def hurry(cycle: Cycle) -> None:
        for hosted in cycle.checking | cycle.appending:
            cycle.positions.setdefault(hosted, hosted.position + bool(hosted.pending))

    patch.setattr(Cycle, "wait", hurry)


def no_key_check(patch: pytest.MonkeyPatch) -> None:
    """Holds are not remembered under their keys."""
    patch.setattr("actors.core.holds.remember_with_hold", lambda *_, **__: None)


def an_older_generation_is_allowed(patch: pytest.MonkeyPatch) -> None:
    """A claim follows whoever wrote the last row."""
    patch.setattr(Activator, "_refuse_newer", lambda *_: None)


def a_waiting_generation_acts(patch: pytest.MonkeyPatch) -> None:
    """A cluster does not wait for its first write."""
    begin = Engine.__init__

    def begin_at_once(engine: Engine, *arguments: Any, cut_over: bool, **options: Any) -> None:
        begin(engine, *arguments, cut_over=True, **options)

    patch.setattr(Engine, "__init__", begin_at_once)


def no_compare_and_set(patch: pytest.MonkeyPatch) -> None:
    """A projector moves positions from wherever they are."""
    patch.setattr(MemoryPositions, "is_unmoved", lambda *_: True)


def snapshot_of_what_is_not_committed(patch: pytest.MonkeyPatch) -> None:
    """A snapshot is frozen when it is to be written, with what was decided since."""

    def queue(engine: Engine, snapshot: Snapshot) -> None:
        hosted = engine.residence.blocks.get(snapshot.block)
        if hosted is not None:
            engine._snapshots.put_nowait(msgspec.structs.replace(snapshot, state=freeze(hosted.state)))

    patch.setattr(Engine, "_queue_snapshot", queue)


SHARDS_AND_JOURNAL = frozenset(CLASSIC)
GENERATIONS = frozenset((Fault.GENERATION, Fault.LATE, Fault.REQUEST_LOST, Fault.PAUSE))
PROJECTORS = frozenset((Fault.PROJECTOR_DOUBLE, Fault.PROJECTOR_CRASH, Fault.LATE))


@pytest.mark.parametrize(
    ("sabotage", "faults", "expected"),
    [
        (conflict_is_success, SHARDS_AND_JOURNAL, "acknowledged, but not in the journal"),
        (no_head_check, SHARDS_AND_JOURNAL, "stale: "),
        (reply_before_durable, SHARDS_AND_JOURNAL, "acknowledged before it was in the journal"),
        (no_key_check, SHARDS_AND_JOURNAL, "got two answers"),
        (no_key_check, SHARDS_AND_JOURNAL, "and it happened"),
        (an_older_generation_is_allowed, GENERATIONS, "behind a newer one"),
        (a_waiting_generation_acts, GENERATIONS, "before anybody asked it to"),
        (no_compare_and_set, PROJECTORS, " went from "),
        (snapshot_of_what_is_not_committed, SHARDS_AND_JOURNAL, "a replay from the snapshot"),
    ],
)
def test_the_checks_notice(sabotage: Break, faults: frozenset[Fault], expected: str) -> None:
    """By the fault that tells of it: nothing that is raised in a run is one. The same seed is right without."""
    for seed in range(WITHIN_SEEDS):
        with pytest.MonkeyPatch.context() as patch:
            sabotage(patch)
            found = [wrong for wrong in simulate(seed, faults=faults).wrong if expected in wrong]
        if found:
            print(f"{sabotage.__name__}: seed {seed}: {found[0]}")
            assert simulate(seed, faults=faults).wrong == []
            return
    pytest.fail(f"nobody noticed: {sabotage.__doc__}")
