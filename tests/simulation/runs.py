"""One seed, one run: a world, a market, the faults that the seed draws, a quiet end, and everything checked."""

import asyncio
from collections import Counter
from collections.abc import MutableMapping
from fnmatch import fnmatchcase
from hashlib import blake2b
from random import Random
from typing import Any, NamedTuple, NoReturn
from unittest.mock import patch

import structlog

from actors.audit import overdue as audited_overdue
from actors.core import ground, waiting_line
from actors.engine import block_host, group_commit
from actors.journal.journal import JournalRefused
from serve import wakefulness
from tests.simulation import virtual_time
from tests.simulation.checks import CHECKS, is_followed
from tests.simulation.clocks import loop_s, now_ms
from tests.simulation.fault_scripts import end_quarantines, scripts
from tests.simulation.faults import LANDED, Fault, drawn, drawn_rates
from tests.simulation.folding import ReplayFails
from tests.simulation.full_memory import full_memory
from tests.simulation.gateways import Gateway
from tests.simulation.loads import drawn_load
from tests.simulation.market import Market
from tests.simulation.market_notes import CALMED, Notes
from tests.simulation.overdue import PATIENCE_MS, left_unoffered
from tests.simulation.short_lives import drawn_lives, forgotten, short_lives
from tests.simulation.world import World

SHARDS = ("s1", "s2", "s3", "s4")
GATEWAYS = 3
VIRTUAL_S = 60.0
LONGEST_S = 400.0
STUCK_S = 900.0
COMMANDS = 500
EFFECTS = 3
ACCEPTED_PERCENT = 30
QUIET_S = 30.0
FOLLOWED_S = 10.0
LOOK_S = 0.1
ENTRIES_PER_SNAPSHOT = 40  # 10,000 would be none in so short a run
GONE = "a row that was audited is gone"
BUGS = frozenset(
    {
        "apply failed: block quarantined",
        "no row or snapshot can be made: block quarantined",
        "quarantined",
        "block does not come in, and nothing says why",
        "decide failed",
        "an errand failed",
        "it cannot be told whether a block is idle",
        "projection is quarantined",
        "correction failed",
        "an event cannot be shown",
        "the audit of a block fails",
        "the audit fails *",
        "block is not audited",
        "postgres refuses *",
        "postgres cannot be told * yet",
        "there is no room for an alarm",
    }
)
"""What the shipped code logs of a bug that it has survived, or of what the stand-ins never do."""
BUGS_UNLESS_LOST = frozenset(
    {
        "snapshot is of no use",
        "a leg that was pinned is not known",
        GONE,
        "the audit has found a fault",
        "block is quarantined",
    }
)
"""As well, but where a failover has lost rows."""
MAX_OVERDUE_LOOKED_AT, DUES_PER_TICK, MAX_WISHES = 5, 3, 3  # bounds that a small crowd comes to


class Run(NamedTuple):
    """What one seed came to. `wrong`: every rule that it broke; `short`: what it did too little of.

    `pairs`: how often two faults took effect within `TOGETHER_S`, by `faults.pair`.
    `met`: how often what was asked came to what, as `place_hold UNITS_HELD`; `reasons`: the same, whatever was asked.
    `judged`: how much of the histories was held against what; `landed`: rows as `faults.LANDED` names them.
    `commands`: tries of writes, whatever became of them; `accepted`: those that did something.
    `digest`: of the trace, if there was one and the run came to its end.
    """

    seed: int
    wrong: list[str]
    short: list[str]
    effects: Counter[str]
    pairs: Counter[str]
    reasons: Counter[str]
    met: Counter[str]
    judged: Counter[str]
    landed: Counter[str]
    commands: int
    accepted: int
    trace: list[str]
    digest: str = ""


def simulate(seed: int, *, traced: bool = False, faults: frozenset[Fault] | None = None) -> Run:
    """Run the seed; `faults`: which to switch on instead of those that it draws. What is raised is wrong."""
    world: World | None = None

    async def main() -> Run:
        nonlocal world
        on = drawn(Random(f"faults {seed}")) if faults is None else faults
        load, rates = drawn_load(Random(f"load {seed}")), drawn_rates(Random(f"rates {seed}"))
        is_short = drawn_lives(Random(f"lives {seed}"), on)
        world = World(seed, SHARDS, faults=on, load=load, rates=rates, has_short_lives=is_short)
        world.trace = [] if traced else None
        async with asyncio.timeout(STUCK_S):
            with full_memory(world.faults), short_lives(is_short):
                return await _simulate(seed, world)

    bugs: list[str] = []

    def hear(_: object, __: str, said: MutableMapping[str, Any]) -> NoReturn:
        """Keep what tells of a bug, as no fault explains one; what a journal refuses is one. The rest goes unsaid."""
        heard = BUGS if world is not None and world.store.lost else BUGS | BUGS_UNLESS_LOST
        if world is not None and said.get("block") in world.store.withdrawn:
            heard = heard - {GONE}  # it says what is so
        if any(fnmatchcase(said["event"], bug) for bug in heard) and not isinstance(
            said.get("exc_info"), JournalRefused
        ):
            bugs.append(f"{said['event']}: {said}")
        raise structlog.DropEvent

    logs = structlog.get_config()
    structlog.configure(processors=[hear], wrapper_class=structlog.make_filtering_bound_logger(40))
    try:
        with (
            patch.multiple(group_commit, ENTRIES_PER_SNAPSHOT=ENTRIES_PER_SNAPSHOT, VALUES_PER_ENTRY=1_000_000),
            patch.object(wakefulness, "wall_ms", now_ms),
            patch.object(ground, "MAX_OVERDUE_LOOKED_AT", MAX_OVERDUE_LOOKED_AT),
            patch.object(block_host, "DUES_PER_TICK", DUES_PER_TICK),
            patch.object(waiting_line, "MAX_WISHES", MAX_WISHES),
            patch.object(audited_overdue, "PATIENCE_MS", PATIENCE_MS),
        ):
            run = virtual_time.run(main, hear=bugs.append)
            run.wrong.extend(bugs)
            return run
    except Exception as fault:
        ended = f"a replay fails at {fault}" if isinstance(fault, ReplayFails) else f"the run ended in {fault!r}"
        trace = (world.trace or []) if world is not None else []
        return _ended_in(seed, [ended, *bugs], trace)
    finally:
        structlog.configure(**logs)


async def _simulate(seed: int, world: World) -> Run:
    loop = asyncio.get_running_loop()
    world.gateways += [Gateway(world, f"gateway {number}") for number in range(GATEWAYS)]
    world.clusters[1].begin_directing()
    world.project()
    world.audit()
    market = Market(world, seed)
    await market.open()

    effects = min(EFFECTS, len(world.faults.planned))

    notes, calmed_at = market.notes, 0

    def is_over() -> bool:
        """Where faults have let too little be sold, they are over, and it is sold on until it is enough."""
        nonlocal calmed_at
        if loop_s() >= LONGEST_S:
            return True
        if loop_s() < VIRTUAL_S or notes.writes < COMMANDS or len(world.faults.counts) < effects:
            return False
        if not calmed_at and not _has_sold(notes):
            calmed_at = notes.writes
            world.faults.calm()
        return _has_sold(notes)

    acting = [loop.create_task(script) for script in scripts(world)]
    await market.trade(VIRTUAL_S, is_over)
    notes.judged[CALMED] += notes.writes - calmed_at if calmed_at else 0
    await _calm_down(world, acting)
    await market.ask_once_more()
    until_s = loop_s() + FOLLOWED_S  # at no moment of a world that goes on need all be done
    while loop_s() < until_s and not _is_all_done(world):  # noqa: ASYNC110
        await asyncio.sleep(LOOK_S)
    if world.auditing is not None:
        await world.auditing.finish()
    wrong = [fault for check in CHECKS for fault in check(world, market)]
    return _run_of(seed, world, market, wrong)


def _has_sold(notes: Notes) -> bool:
    return notes.accepted * 100 >= notes.writes * ACCEPTED_PERCENT


def _is_all_done(world: World) -> bool:
    return is_followed(world) and not world.folds.left_to_do() and not any(left_unoffered(world))


async def _calm_down(world: World, acting: list[asyncio.Task[None]]) -> None:
    """Nothing goes wrong any more; what does not stand is started again, and given time."""
    world.faults.calm()
    await asyncio.gather(*acting)
    await end_quarantines(world)
    for gateway in world.gateways:
        gateway.come_back()
    await asyncio.sleep(QUIET_S)


def _run_of(seed: int, world: World, market: Market, wrong: list[str]) -> Run:
    notes, short = market.notes, []
    notes.judged += world.grouping.counts + forgotten(world.store.journals, world.folds)
    if notes.writes < COMMANDS:
        short.append(f"{notes.writes} commands")
    if len(world.faults.counts) < EFFECTS and world.faults.planned:
        short.append(f"{len(world.faults.counts)} faults that took effect")
    if not _has_sold(notes):
        short.append(f"{notes.accepted} of {notes.writes} writes accepted")
    trace = world.trace
    if trace is not None:
        trace += [repr(told) for told in notes.told]
        trace += [f"{asked}: {count}" for asked, count in sorted(notes.met.items())]
        trace += [f"{fault}: {count}" for fault, count in world.counts.items()]
        trace += [f"rows {landed}: {world.store.landed[landed]}" for landed in LANDED]
    effects = Counter({str(fault): count for fault, count in world.faults.counts.items()})
    reasons = Counter[str]()
    for asked, count in notes.met.items():
        reasons[asked.rpartition(" ")[2]] += count
    counted = (effects, world.faults.pairs, reasons, notes.met, notes.judged, world.store.landed)
    digest = "" if trace is None else blake2b("\n".join(trace).encode()).hexdigest()
    return Run(seed, wrong, short, *counted, notes.writes, notes.accepted, trace or [], digest)


def _ended_in(seed: int, wrong: list[str], trace: list[str]) -> Run:
    """A run that did not come to its end."""
    return Run(seed, wrong, [], Counter(), Counter(), Counter(), Counter(), Counter(), Counter(), 0, 0, trace)
