"""Each guarantee of the smoke simulation, broken on purpose: the unchanged checks must notice within a few seeds."""

from collections.abc import Callable

import pytest

from actors.engine.group_commit import Cycle, GroupCommit
from actors.engine.hosted import HostedBlock
from tests.simulation.test_smoke import SEEDS, simulate

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


@pytest.mark.parametrize(
    ("sabotage", "expected"),
    [
        (conflict_is_success, "acknowledged, but not in the journal"),
        (no_head_check, "was acknowledged and reads"),
        (reply_before_durable, "was acknowledged and reads"),
        (no_key_check, "got two holds"),
    ],
)
def test_the_checks_notice(sabotage: Break, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the fault that tells of it: nothing that is raised in a run is one."""
    sabotage(monkeypatch)
    for seed in SEEDS:
        found = [fault for fault in simulate(seed).faults if expected in fault]
        if found:
            print(f"{sabotage.__name__}: seed {seed}: {found[0]}")
            return
    pytest.fail(f"nobody noticed: {sabotage.__doc__}")


def test_a_no_after_which_something_happened_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A gateway asks again after an unknown outcome; a shard that has forgotten the key finds the units held."""
    no_key_check(monkeypatch)
    assert any("and it happened" in fault for seed in SEEDS for fault in simulate(seed).faults)
