"""Blocks move all along between shards that crash, hang and are doubled: nothing is lost, doubled, stale, or stuck."""

import pytest

from actors.engine import residence
from tests.simulation import test_negative_controls as controls
from tests.simulation.test_smoke import simulate

SEEDS = range(100, 112)


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_is_lost_or_doubled_while_blocks_move(seed: int) -> None:
    run = simulate(seed, moves=True)
    assert run.faults == [], f"seed {seed}"
    assert run.accepted > 100, f"seed {seed} did next to nothing"
    assert run.moves > 5, f"seed {seed} moved next to nothing"


@pytest.mark.parametrize("seed", SEEDS[:3])
def test_without_faults_nobody_is_refused_for_a_move(seed: int) -> None:
    run = simulate(seed, faults=False, moves=True)
    assert (run.faults, run.unanswered) == ([], 0)
    assert run.moves > 5


def moves_do_not_raise_the_epoch(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(residence, "epoch_of_claim", lambda incarnation, _: incarnation)


@pytest.mark.parametrize("sabotage", [moves_do_not_raise_the_epoch, controls.no_head_check])
def test_the_checks_notice(sabotage: controls.Break, monkeypatch: pytest.MonkeyPatch) -> None:
    sabotage(monkeypatch)
    assert any(simulate(seed, moves=True).faults for seed in SEEDS)
