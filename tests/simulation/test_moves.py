"""Blocks move all along between shards that crash, hang and are doubled: nothing is lost, doubled, stale, or stuck."""

import pytest

from actors.engine import residence
from tests.long_params import param
from tests.simulation import breaks, market_client
from tests.simulation.buyers import OPEN_REASONS
from tests.simulation.faults import CLASSIC, Fault
from tests.simulation.runs import simulate

pytestmark = pytest.mark.long  # the smoke test has seeds with the same checks and faults

SEEDS = range(100, 112)


FAULTS = frozenset((*CLASSIC, Fault.MOVED, Fault.CATALOGUE_AWAY))


@pytest.mark.parametrize("seed", [param(seed, str(seed), is_long=seed not in SEEDS[::6]) for seed in SEEDS])
def test_nothing_is_lost_or_doubled_while_blocks_move(seed: int) -> None:
    run = simulate(seed, faults=FAULTS)
    assert (run.wrong, run.short) == ([], []), f"seed {seed}"
    assert run.effects[Fault.MOVED], f"seed {seed} moved nothing"


@pytest.mark.parametrize("seed", [param(seed, str(seed), is_long=seed > SEEDS[0]) for seed in SEEDS[:3]])
def test_without_other_faults_nobody_is_refused_for_a_move(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who has no time, or asks twice at once, may not be told what came of it; bounds are for a small crowd here."""
    monkeypatch.setattr(market_client, "IN_HASTE", 0)
    monkeypatch.setattr(market_client, "AT_ONCE", 0)
    run = simulate(seed, faults=frozenset((Fault.MOVED,)))
    assert run.wrong == []
    assert [reason.name for reason in OPEN_REASONS if run.reasons[reason.name]] in ([], ["OVERLOADED"])
    assert run.effects[Fault.MOVED] > 2


def moves_do_not_raise_the_epoch(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(residence, "epoch_of_claim", lambda incarnation, _: incarnation)


@pytest.mark.parametrize(
    "sabotage", [moves_do_not_raise_the_epoch, param(breaks.no_head_check, "no_head_check", is_long=True)]
)
def test_the_checks_notice(sabotage: breaks.Break, monkeypatch: pytest.MonkeyPatch) -> None:
    sabotage(monkeypatch)
    assert any(simulate(seed, faults=FAULTS).wrong for seed in SEEDS)
