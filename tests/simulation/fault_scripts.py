"""What befalls whole processes, clusters, blocks and clocks of a simulated run, each fault by a script of its own."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from actors.core.ids import BlockId
from tests.simulation.clocks import loop_s
from tests.simulation.faults import Fault
from tests.simulation.network import Parted
from tests.simulation.shards import Cluster, Shard
from tests.simulation.world import World

EVERY_S = (2.0, 9.0)
SELDOM_S = (6.0, 25.0)
SELDOM = (Fault.LINE_DEAD, Fault.PARTED)  # they last so long
GENERATIONS = 2  # beyond the first
FIRST_FAILOVER_S = 8.0
IN_THE_MIDDLE = 0.5  # of crashes and pauses come while a commit is on its way, if there is one soon
SOON_S = 2.0
LOOK_S = 0.3
WRITERS_DIE = 0.7
TAKES_OVER = 0.7
MOST_DEAD_S, MOST_PARTED_S = 15.0, 20.0
LEAVE_S = 20.0  # as `ShardConfig` has it

Act = Callable[[World], Awaitable[None]]


async def crash(world: World) -> None:
    """The newest incarnation dies, counted if it served; the directory starts a successor."""
    shard = _some_shard(world)
    if shard is not None:
        await _strike_in_the_middle(world, shard)
        if shard.ready and not shard.process.dead:
            world.faults.took_effect(Fault.CRASH)
        shard.process.kill()


async def pause(world: World) -> None:
    """A shard stands still, for moments or for longer than that goes unnoticed."""
    shard = _some_shard(world)
    if shard is not None and not shard.process.paused:
        await _strike_in_the_middle(world, shard)
        if shard.process.dead or shard.process.paused:
            return
        shard.pause()
        await asyncio.sleep(world.random.uniform(0.3, 12))
        if shard.resume():
            world.faults.took_effect(Fault.PAUSE)


async def duplicate(world: World) -> None:
    """A successor comes while the old one lives; counted when it writes to a block of that one (`World`)."""
    shard = _some_shard(world)
    if shard is not None:
        world.clusters[shard.generation].succeed(shard.name)


async def leave(world: World) -> None:
    """A shard of four gives all its blocks away and is told to stop. Of three, one hands over to its successor."""
    if len(world.newest) - len(world.leaving) <= 3:
        shard = _some_shard(world)
        if shard is not None and shard.ready and not shard.leaving and await shard.leave(LEAVE_S):
            world.faults.took_effect(Fault.LEAVING)
        return
    name = world.random.choice(sorted(world.newest.keys() - world.leaving))
    world.leaving.add(name)
    while any(owner == name for owner in world.catalogue.owners.values()):
        for block in sorted(world.catalogue.owners):
            if world.catalogue.owners[block] == name and block not in world.catalogue.wishes:
                world.catalogue.wishes[block] = world.random.choice(sorted(world.newest.keys() - world.leaving))
        world.note("leaving", name, world.catalogue.wishes)
        await asyncio.sleep(1.0)
    world.faults.took_effect(Fault.LEAVING)
    world.catalogue.left.add(name)
    gone = [cluster.newest.pop(name, None) for cluster in world.clusters.values()]
    await asyncio.gather(*(shard.leave(LEAVE_S) for shard in gone if shard is not None))


async def begin_generation(world: World) -> None:
    """A new cluster waits beside the old one, gets the gateways one by one, and then the old one ends."""
    if world.generation > GENERATIONS:
        return
    old = world.clusters[world.generation]
    new = Cluster(world, world.generation + 1, cut_over=False)
    world.clusters[new.generation] = new
    for name in sorted(old.newest.keys() - world.leaving):
        new.succeed(name)
    new.begin_directing()
    await asyncio.sleep(world.random.uniform(1, 6))
    world.generation = new.generation
    for gateway in world.gateways:
        gateway.move_to(new.generation)
        await asyncio.sleep(world.random.uniform(0, 4))
    await asyncio.sleep(world.random.uniform(0, 12))
    old.end()


async def crash_gateway(world: World) -> None:
    """A gateway dies, counted if somebody was just asking, and comes back."""
    gateway = world.random.choice(world.gateways)
    if gateway.crash():
        world.faults.took_effect(Fault.GATEWAY_CRASH)
    await asyncio.sleep(world.random.uniform(0.5, 4))
    gateway.come_back()


async def pause_gateway(world: World) -> None:
    """A gateway stands still for a while, counted if somebody was just asking, or asked meanwhile."""
    gateway = world.random.choice(world.gateways)
    process = gateway.process
    if process.paused or process.dead:
        return
    asked = gateway.asked_count - gateway.in_flight
    gateway.pause()
    await asyncio.sleep(world.random.uniform(0.3, 8))
    if gateway.asked_count > asked and process is gateway.process and not process.dead:
        world.faults.took_effect(Fault.GATEWAY_PAUSE)
    gateway.resume()


async def double_gateway(world: World) -> None:
    """A gateway sends every batch twice for a while; counted in `Network`."""
    gateway = world.random.choice(world.gateways)
    gateway.doubles = True
    await asyncio.sleep(world.random.uniform(1, 10))
    gateway.doubles = False


async def cut_line(world: World) -> None:
    """The lines of one shard to the journal are dead for a while; counted in `JournalFaults`."""
    shard = _some_shard(world)
    if shard is not None:
        for_s = world.random.uniform(1, MOST_DEAD_S)
        world.journal_faults.cut_off(shard.process, for_s)
        await asyncio.sleep(for_s)


async def part(world: World) -> None:
    """A gateway cannot reach one shard for a while, or does not hear from it; counted in `Network`."""
    gateway, shard = world.random.choice(world.gateways).name, world.random.choice(sorted(world.newest))
    world.parted[gateway, shard] = world.random.choice(tuple(Parted))
    await asyncio.sleep(world.random.uniform(1, MOST_PARTED_S))
    del world.parted[gateway, shard]


async def lose_tail(world: World) -> None:
    """A failover to a replica that lags."""
    if loop_s() >= FIRST_FAILOVER_S and world.store.lost_tail_count < 2:
        if world.store.fail_over(world.random.randint(1, 8), world.random.uniform(0.2, 2)):
            world.faults.took_effect(Fault.LOST_TAIL)
        lost = {block: [row.row.position for row in rows] for block, rows in world.store.lost.items()}
        world.note("failover", lost)


async def lose_replica(world: World) -> None:
    """The replica that commits wait for is away. The primary dies with what it has flushed, and is back, and so do who
    wrote that, mostly; then the replica is back, or takes over without it. Counted when rows are gone by that.
    """
    random, store = world.replica_random, world.store
    away = store.lose_replica()
    await asyncio.sleep(random.uniform(0.05, 1.5))
    store.die(random.uniform(0.1, 0.5))
    await asyncio.sleep(0.001)
    for shard in [shard for cluster in world.clusters.values() for shard in cluster.shards]:
        if shard.process in away.writers and random.random() < WRITERS_DIE:
            shard.process.kill()
    await asyncio.sleep(random.uniform(2, 10))
    if random.random() < TAKES_OVER:
        if store.take_over(random.uniform(0.1, 0.5)):
            world.faults.took_effect(Fault.REPLICA_AWAY)
        world.note("the replica takes over", sorted(store.withdrawn))
    store.find_replica()


async def move(world: World) -> None:
    """A block is to move, and so are others that are just moving."""
    block = world.random.choice(sorted(world.catalogue.owners))
    to_shard = world.random.choice(sorted(world.newest.keys() - world.leaving))
    if to_shard == world.catalogue.owners[block]:
        world.catalogue.wishes.pop(block, None)
        return
    world.catalogue.wishes[block] = to_shard
    await asyncio.sleep(world.random.uniform(0, 6))
    if world.catalogue.owners.get(block) == to_shard:
        world.faults.took_effect(Fault.MOVED)


async def silence_catalogue(world: World) -> None:
    """The catalogue answers nobody; counted when somebody has asked."""
    asked = 0

    def is_silent() -> bool:
        nonlocal asked
        asked += 1
        return True

    world.catalogue.is_silent = is_silent
    await asyncio.sleep(world.random.uniform(0.5, 6))
    world.catalogue.is_silent = lambda: False
    if asked:
        world.faults.took_effect(Fault.CATALOGUE_AWAY)


async def quarantine(world: World) -> None:
    """Nobody is served from a block until an operator has looked at it."""
    await end_quarantines(world)  # that a failover has brought back
    rows = world.store.journals
    block = world.random.choice(sorted(rows.keys() & world.catalogue.owners.keys()))
    world.catalogue.impose(block, world.random.randint(1, len(rows[block])))
    await asyncio.sleep(world.random.uniform(0.5, 8))
    await end_quarantines(world)


async def end_quarantines(world: World) -> None:
    """An operator has looked at what is quarantined; counted when a shard has written that."""
    catalogue = world.catalogue
    ending: dict[BlockId, int] = {}
    while catalogue.quarantined:
        for block, standing in list(catalogue.quarantined.items()):
            ending[block] = standing.number
            if standing.correct is None:
                catalogue.wish_end(block, "mara", "looked at it")
        await asyncio.sleep(LOOK_S)
    for block, number in ending.items():
        if block in world.store.journals and world.folds.of(block).quarantines_ended == number:
            world.faults.took_effect(Fault.QUARANTINE)


async def jump_journal(world: World) -> None:
    """The journal's clock jumps, for good unless it jumps again; counted when a shard hears of one that it does not
    believe (`World`).
    """
    by_ms = world.random.choice((-6_000, -1_000, 1_000, 1_900, 3_000, 20_000))
    world.journal_time.jump(by_ms)
    world.clocks_jump(by_ms)
    await asyncio.sleep(world.random.uniform(5, 30))


async def jump_shard(world: World) -> None:
    """The monotonic clock of one shard jumps, forth or back; counted when it looks at one that jumped by more than it
    believes.
    """
    shard = _some_shard(world)
    if shard is not None and shard.ready:
        by_s = world.random.choice((0.5, 1.5, 4.0, 30.0)) * world.directions.choice((1, -1))
        world.clocks_jump(by_s * 1000)
        shard.jump(by_s)


async def crash_projector(world: World) -> None:
    """A projector dies, if that can be in the middle of a transaction, and another starts."""
    projector = world.projectors[-1]
    until_s = loop_s() + 2
    while not projector.in_transaction and loop_s() < until_s:  # noqa: ASYNC110
        await asyncio.sleep(0.003)
    if projector.in_transaction:
        world.faults.took_effect(Fault.PROJECTOR_CRASH)
    projector.process.kill()
    await asyncio.sleep(world.random.uniform(0, 2))
    world.project()


async def double_projector(world: World) -> None:
    """A second projector runs for a while; then one of the two is stopped. Counted when one has gone ahead of the other
    (`MemoryPositions`).
    """
    other = world.projectors[-1]
    world.project()
    await asyncio.sleep(world.random.uniform(1, 8))
    other.process.kill()


ACTS: dict[Fault, Act] = {
    Fault.CRASH: crash,
    Fault.PAUSE: pause,
    Fault.DUPLICATE: duplicate,
    Fault.LEAVING: leave,
    Fault.GENERATION: begin_generation,
    Fault.GATEWAY_CRASH: crash_gateway,
    Fault.GATEWAY_PAUSE: pause_gateway,
    Fault.GATEWAY_DOUBLE: double_gateway,
    Fault.LINE_DEAD: cut_line,
    Fault.PARTED: part,
    Fault.LOST_TAIL: lose_tail,
    Fault.MOVED: move,
    Fault.CATALOGUE_AWAY: silence_catalogue,
    Fault.QUARANTINE: quarantine,
    Fault.JOURNAL_CLOCK: jump_journal,
    Fault.SHARD_CLOCK: jump_shard,
    Fault.PROJECTOR_CRASH: crash_projector,
    Fault.PROJECTOR_DOUBLE: double_projector,
    Fault.REPLICA_AWAY: lose_replica,
}
"""The others are faults of single statements and batches, which come at random."""


def scripts(world: World) -> list[Coroutine[Any, Any, None]]:
    """One for each of these faults that is switched on; each ends when all is calm and what it did is undone."""
    return [_again_and_again(world, fault) for fault in Fault if fault in world.faults.planned and fault in ACTS]


async def _again_and_again(world: World, fault: Fault) -> None:
    while True:
        await asyncio.sleep(world.random.uniform(*(SELDOM_S if fault in SELDOM else EVERY_S)))
        if not world.faults.on(fault):
            return
        world.note("act", fault)
        await ACTS[fault](world)


def _some_shard(world: World) -> Shard | None:
    """The newest incarnation of some shard of some cluster that has not ended."""
    cluster = world.clusters[world.random.choice([number for number, one in world.clusters.items() if not one.ended])]
    shard = cluster.newest[world.random.choice(sorted(cluster.newest))]
    return None if shard.process.dead else shard


async def _strike_in_the_middle(world: World, shard: Shard) -> None:
    """Now and then, wait until the shard has a commit on its way."""
    if world.random.random() < IN_THE_MIDDLE:
        await world.journal_faults.until_writing(shard.process, SOON_S)
