"""A market on a world with faults: whatever clients ask, they were told what the journals say."""

import asyncio
from collections import Counter
from typing import NamedTuple

import pytest

from actors.core import ground, waiting_line
from actors.core.outcomes import Reason
from actors.engine import block_host
from tests.simulation import virtual_time
from tests.simulation.gateways import Gateway
from tests.simulation.market import Market
from tests.simulation.test_divided_faults import left_to_do
from tests.simulation.world import World

SEEDS = range(30)
VIRTUAL_S = 60.0
QUIET_S = 90.0  # so that the last hold has ended, and what follows from that is done
GATEWAYS = 3


NEVER = {
    Reason.TOO_LARGE: "the edges measure bodies, before anything is decoded",
    Reason.UNAUTHENTICATED: "the edges ask for credentials; who asks of reservations is known",
    Reason.PERMISSION_DENIED: "the edges know what a credential may do",
    Reason.RATE_LIMITED: "the edges count what a key asks",
    Reason.INTERNAL: "a bug's alone",
}
"""Why a market never meets these."""
WRITES = (
    "create_event", "open_sale", "change_status", "edit_event", "place_hold", "place_basket", "extend_hold",
    "release_hold", "place_order", "confirm_order", "cancel_order", "cancel_tickets", "exchange_tickets",
    "reassign_ticket", "close_order", "join_waiting_list", "leave_waiting_list",
)  # fmt: skip
LEAST_COMMANDS = 500
LEAST_ACCEPTED = 0.3


class Run(NamedTuple):
    """What one seed came to."""

    faults: list[str]
    left: Counter[str]
    met: Counter[str]
    writes: int
    accepted: int
    reads: int
    trace: list[object]


def simulate(seed: int, *, faults: bool = True) -> Run:
    """One seed: 3 shards, 3 gateways, 5 events, faults all along and a quiet end."""

    async def main() -> Run:
        world = World(seed, ("s1", "s2", "s3"), faults=faults)
        gateways = [Gateway(world, f"g{number}") for number in range(GATEWAYS)]
        market = Market(world, gateways, seed)
        await market.open()
        work = [market.trade(VIRTUAL_S)]
        if faults:
            work.append(world.script_faults(VIRTUAL_S - 5))
        await asyncio.gather(*work)
        await asyncio.sleep(QUIET_S)
        notes = market.notes
        trace = [(block, row.position, row.chain) for block, rows in world.store.journals.items() for row in rows]
        wrong = [*market.check(), *world.boundary.wrong, *world.boundary.late_effects()]
        return Run(
            wrong, left_to_do(world), market.met, notes.writes, notes.accepted, notes.reads,
            [*trace, *sorted(market.met.items())],
        )  # fmt: skip

    with pytest.MonkeyPatch.context() as patch:
        few_at_once(patch)
        return virtual_time.run(main)


def few_at_once(patch: pytest.MonkeyPatch) -> None:
    """Bounds that a small crowd comes to."""
    patch.setattr(ground, "MAX_OVERDUE_LOOKED_AT", 5)
    patch.setattr(block_host, "DUES_PER_TICK", 3)
    patch.setattr(waiting_line, "MAX_WISHES", 3)


@pytest.fixture(scope="module")
def runs() -> dict[int, Run]:
    """Every seed, run once."""
    return {seed: simulate(seed) for seed in SEEDS}


@pytest.mark.parametrize("seed", SEEDS)
def test_what_clients_were_told_is_what_the_journals_say(runs: dict[int, Run], seed: int) -> None:
    run = runs[seed]
    assert run.faults == [], f"seed {seed}"
    assert run.left == Counter(), f"seed {seed} left something to do"
    assert run.writes + run.reads >= LEAST_COMMANDS, f"seed {seed} did next to nothing"
    assert run.accepted >= LEAST_ACCEPTED * run.writes, f"seed {seed} accepted next to nothing"


def never_met(met: Counter[str]) -> set[str]:
    """The reasons that nobody was told, and what was never accepted."""
    told = {name.rpartition(" ")[2] for name, count in met.items() if count}
    reasons = {reason.name for reason in Reason if reason not in NEVER}
    return (reasons | {"REPLAYED"}) - told | {f"{write} ACCEPTED" for write in WRITES if not met[f"{write} ACCEPTED"]}


def test_every_reason_is_met(runs: dict[int, Run]) -> None:
    met = sum((run.met for run in runs.values()), Counter[str]())
    by_outcome = Counter[str]()
    for name, count in met.items():
        by_outcome[name.rpartition(" ")[2]] += count
    print(dict(sorted(by_outcome.items())))
    assert never_met(met) == set()
    assert {reason.name for reason in NEVER} & by_outcome.keys() == set(), "met, and said never to be"


def test_control_a_reason_that_is_never_met_is_noticed(runs: dict[int, Run]) -> None:
    met = sum((run.met for run in runs.values()), Counter[str]())
    less = Counter({name: count for name, count in met.items() if not name.endswith(" ORDER_NOT_DUE")})
    assert never_met(less) == {"ORDER_NOT_DUE"}
    del met["close_order ACCEPTED"]
    assert never_met(met) == {"close_order ACCEPTED"}


def test_one_seed_is_one_run() -> None:
    assert simulate(7).trace == simulate(7).trace
