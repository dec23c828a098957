"""The whole of Holdfast but Ray, sockets and Postgres, on virtual time, with faults. One seed is one run."""

import asyncio
from collections import Counter
from random import Random
from typing import NamedTuple

import pytest

from tests.simulation import virtual_time
from tests.simulation.buyers import Crowd, create_event
from tests.simulation.faults import CLASSIC
from tests.simulation.world import World

SEEDS = range(20)
VIRTUAL_S = 40.0
BUYERS = 8


class Run(NamedTuple):
    """What one seed came to."""

    faults: list[str]
    accepted: int
    effects: dict[str, int]
    trace: list[object]
    moves: int
    unanswered: int  # calls whose outcome stayed open, or that nobody could serve


def simulate(seed: int, *, faults: bool = True, moves: bool = False) -> Run:
    """One seed: 3 shards, 2 gateways, 3 events, 8 buyers, faults and moves all along and a quiet end."""

    async def main() -> Run:
        world = World(seed, ("s1", "s2", "s3"), faults=faults)
        gateways = [world.gateway(), world.gateway()]
        events = [await create_event(gateways[0], f"event-{number}") for number in range(3)]
        crowd = Crowd(world, events)
        work = [crowd.buy(gateways, Random(f"{seed}-{buyer}"), VIRTUAL_S) for buyer in range(BUYERS)]
        if faults:
            work.append(world.script_faults(VIRTUAL_S - 5))
        if moves:
            work.append(world.script_moves(VIRTUAL_S - 5))
        await asyncio.gather(*work)
        rows = [
            (block, row.position, row.chain) for block, rows in sorted(world.store.journals.items()) for row in rows
        ]
        if moves:
            await crowd.ask_once_more(gateways)
        moved = sum(version - 1 for version in world.catalogue.versions.values())
        return Run(crowd.check(), crowd.accepted, world.counts, [*crowd.told, *rows], moved, crowd.unanswered())

    return virtual_time.run(main)


@pytest.fixture(scope="module")
def runs() -> dict[int, Run]:
    """Every seed, run once."""
    return {seed: simulate(seed) for seed in SEEDS}


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_sold_twice_nothing_acknowledged_lost(runs: dict[int, Run], seed: int) -> None:
    assert runs[seed].faults == [], f"seed {seed}"
    assert runs[seed].accepted > 100, f"seed {seed} did next to nothing"


def test_every_fault_took_effect(runs: dict[int, Run]) -> None:
    total = Counter[str]()
    for run in runs.values():
        total.update(run.effects)
    print(f"accepted {sum(run.accepted for run in runs.values())}, faults {dict(total)}")
    assert [fault for fault in CLASSIC if not total[fault]] == []


def test_one_seed_is_one_run() -> None:
    assert simulate(7).trace == simulate(7).trace
