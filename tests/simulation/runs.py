"""One seed, one run: a world, a crowd, the faults that the seed draws, a quiet end, and everything checked."""

import asyncio
from collections import Counter
from random import Random
from typing import NamedTuple
from unittest.mock import patch

import structlog

from actors.engine import group_commit
from tests.simulation import virtual_time
from tests.simulation.buyers import Crowd, create_event
from tests.simulation.checks import CHECKS, is_followed
from tests.simulation.clocks import loop_s
from tests.simulation.fault_scripts import scripts
from tests.simulation.faults import Fault, drawn
from tests.simulation.gateways import Gateway
from tests.simulation.world import World

SHARDS = ("s1", "s2", "s3", "s4")
GATEWAYS = 3
BUYERS = 5
VIRTUAL_S = 60.0
LONGEST_S = 200.0
STUCK_S = 600.0
COMMANDS = 500
EFFECTS = 3
ACCEPTED_PERCENT = 30
QUIET_S = 30.0
FOLLOWED_S = 10.0
LOOK_S = 0.1
ENTRIES_PER_SNAPSHOT = 40  # 10,000 would be none in so short a run


class Run(NamedTuple):
    """What one seed came to. `wrong`: every rule that it broke; `short`: what it did too little of."""

    seed: int
    wrong: list[str]
    short: list[str]
    effects: Counter[str]
    reasons: Counter[str]
    commands: int
    accepted: int
    trace: list[str]


def simulate(seed: int, *, traced: bool = False, faults: frozenset[Fault] | None = None) -> Run:
    """Run the seed; `faults`: which to switch on instead of those that it draws. What is raised is wrong."""
    world: World | None = None

    async def main() -> Run:
        nonlocal world
        on = drawn(Random(f"faults {seed}")) if faults is None else faults
        world = World(seed, SHARDS, faults=on)
        world.trace = [] if traced else None
        async with asyncio.timeout(STUCK_S):
            return await _simulate(seed, world)

    logs = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))  # they would cost more than the run
    try:
        with patch.multiple(group_commit, ENTRIES_PER_SNAPSHOT=ENTRIES_PER_SNAPSHOT, VALUES_PER_ENTRY=1_000_000):
            return virtual_time.run(main)
    except Exception as fault:
        trace = (world.trace or []) if world is not None else []
        return Run(seed, [f"the run ended in {fault!r}"], [], Counter(), Counter(), 0, 0, trace)
    finally:
        structlog.configure(**logs)


async def _simulate(seed: int, world: World) -> Run:
    loop = asyncio.get_running_loop()
    world.gateways += [Gateway(world, f"gateway {number}") for number in range(GATEWAYS)]
    world.clusters[1].begin_directing()
    world.project()
    events = [await _open(world.gateways[0], f"event-{number}") for number in range(3)]
    crowd = Crowd(world, events)

    def is_over() -> bool:
        enough = crowd.asked >= COMMANDS and len(world.faults.counts) >= EFFECTS
        return loop_s() >= LONGEST_S or (loop_s() >= VIRTUAL_S and enough)

    acting = [loop.create_task(script) for script in scripts(world)]
    await asyncio.gather(*(crowd.buy(Random(f"{seed}-{buyer}"), is_over) for buyer in range(BUYERS)))
    await _calm_down(world, acting)
    await crowd.ask_once_more()
    until_s = loop_s() + FOLLOWED_S  # at no moment of a world that goes on need the projections be at its end
    while loop_s() < until_s and not is_followed(world):  # noqa: ASYNC110
        await asyncio.sleep(LOOK_S)
    wrong = [fault for check in CHECKS for fault in check(world, crowd)]
    return _run_of(seed, world, crowd, wrong)


async def _open(gateway: Gateway, name: str) -> str:
    return await gateway.ask(lambda reservations: create_event(reservations, name))


async def _calm_down(world: World, acting: list[asyncio.Task[None]]) -> None:
    """Nothing goes wrong any more; what does not stand is started again, and given time."""
    world.faults.calm()
    await asyncio.gather(*acting)
    for gateway in world.gateways:
        gateway.come_back()
    await asyncio.sleep(QUIET_S)


def _run_of(seed: int, world: World, crowd: Crowd, wrong: list[str]) -> Run:
    short = []
    if crowd.asked < COMMANDS:
        short.append(f"{crowd.asked} commands")
    if len(world.faults.counts) < EFFECTS and world.faults.planned:
        short.append(f"{len(world.faults.counts)} faults that took effect")
    if crowd.accepted * 100 < crowd.writes * ACCEPTED_PERCENT:
        short.append(f"{crowd.accepted} of {crowd.writes} writes accepted")
    trace = world.trace
    if trace is not None:
        trace += [repr(told) for told in crowd.told]
        trace += [f"{fault}: {count}" for fault, count in world.counts.items()]
    effects = Counter({str(fault): count for fault, count in world.faults.counts.items()})
    reasons = Counter({reason.name: count for reason, count in crowd.refused.items()})
    return Run(seed, wrong, short, effects, reasons, crowd.asked, crowd.accepted, trace or [])
