"""Faults have rates of their own in each seed; lines die for a while, gateways are parted from shards, and what the
catalogue has written may go untold.
"""

import asyncio
from collections.abc import Awaitable, Callable
from random import Random

import pytest

from actors.core.commands import Correct
from actors.core.ids import BlockId, TenantId
from actors.dispatch import RoutesUnavailable
from actors.engine.catalogue_port import CatalogueUnavailable, EngineCounters
from actors.journal.journal import JournalLate, JournalUnavailable
from actors.journal.memory import MemoryJournal
from actors.link.transport import NotSent, OutcomeUnknown
from tests.engine.stage import on_virtual_time
from tests.simulation.clocks import loop_s
from tests.simulation.faults import HEAVY_SHARE, MOST_OF_ALL, Fault, Faults, Rate, drawn_rates
from tests.simulation.memory_catalogue import Catalogue
from tests.simulation.network import CONNECT_S, EXCHANGE_S, GatewayRoutes, Network, Parted
from tests.simulation.virtual_time import Process
from tests.simulation.world import World

BLOCK = BlockId("0" * 16)
EPOCH = 1 << 40
NOTHING = b"\x90"


def test_rates_are_from_a_tenth_to_twice_what_is_usual_and_some_are_heavy_at_times() -> None:
    rates = [rate for seed in range(50) for rate in drawn_rates(Random(seed)).values()]
    assert all(0.1 <= rate.times <= 2 for rate in rates)
    heavy = [rate for rate in rates if rate.lasts_s]
    assert abs(len(heavy) / len(rates) - HEAVY_SHARE) < 0.05
    assert all(5 <= rate.heavy <= 50 and rate.lasts_s < rate.every_s / 3 for rate in heavy)


@on_virtual_time
async def test_a_heavy_stretch_comes_and_goes() -> None:
    rate = Rate(0.1, 50, every_s=20, lasts_s=5)
    assert rate.of(0.01) == MOST_OF_ALL
    assert rate.of(0.001) == 0.05
    await asyncio.sleep(5)
    assert rate.of(0.01) == 0.001
    await asyncio.sleep(15)
    assert rate.of(0.01) == MOST_OF_ALL
    assert Rate().of(20.0) == 20.0, "what tests ask for is not bounded"


@on_virtual_time
async def test_a_fault_comes_as_often_as_its_own_rate_says() -> None:
    faults = Faults(Random(1), (Fault.REFUSED, Fault.LATE), rates={Fault.REFUSED: Rate(10.0)})
    struck = {fault: sum(faults.strikes(fault, 0.01) for _ in range(4_000)) for fault in (Fault.REFUSED, Fault.LATE)}
    assert 300 < struck[Fault.REFUSED] < 500
    assert 20 < struck[Fault.LATE] < 65


async def _asked(world: World, process: Process) -> tuple[Exception | None, float]:
    """What becomes of a look at a head that the process sends, and how long that takes, in seconds."""
    line = MemoryJournal(world.store, faults=world.journal_faults, start=world.database.carry_out)
    began_s = loop_s()
    try:
        await process.start(line.heads([BLOCK]))
    except JournalUnavailable as fault:
        return fault, loop_s() - began_s
    return None, loop_s() - began_s


@pytest.mark.parametrize("kind", [0, 1, 2], ids=["told", "silent", "silent behind it"])
def test_a_dead_line_fails_for_whom_it_is_dead_until_it_is_over(kind: int) -> None:
    @on_virtual_time
    async def main() -> None:
        world = World(1, (), faults=frozenset({Fault.LINE_DEAD}))
        process, other = Process("one"), Process("other")
        seed = next(seed for seed in range(20) if Random(seed).randrange(3) == kind)
        world.journal_faults._random = Random(seed)
        world.journal_faults.cut_off(process, 12)
        for _ in range(2):
            fault, took_s = await _asked(world, process)
            assert isinstance(fault, JournalLate) == bool(kind), fault
            assert isinstance(fault, JournalUnavailable)
            assert (took_s > 4) == bool(kind), "it is given up by its bound, twice running"
        assert (await _asked(world, other))[0] is None
        assert world.faults.counts[Fault.LINE_DEAD] == 2
        await asyncio.sleep(12)
        assert (await _asked(world, process))[0] is None

    main()


@on_virtual_time
async def test_a_statement_that_times_out_twice_running_counts_once_the_second_has() -> None:
    world, process = World(1, (), faults=frozenset({Fault.TIMED_OUT_AGAIN})), Process("one")
    world.faults.rate = 20.0
    assert isinstance((await _asked(world, process))[0], JournalLate)
    await asyncio.sleep(10)
    assert world.faults.counts[Fault.TIMED_OUT_AGAIN] == 0
    world.faults.calm()
    assert isinstance((await _asked(world, process))[0], JournalLate)
    await asyncio.sleep(10)
    assert world.faults.counts[Fault.TIMED_OUT_AGAIN] == 1
    assert (await _asked(world, process))[0] is None


@pytest.mark.parametrize(
    ("parted", "raised", "took_s", "served"),
    [
        (Parted.ALL, NotSent, CONNECT_S, 0),
        (Parted.ASKED, OutcomeUnknown, EXCHANGE_S, 0),
        (Parted.ANSWERED, OutcomeUnknown, EXCHANGE_S, 1),
    ],
    ids=["both ways", "there", "back"],
)
def test_who_is_parted_is_not_heard_or_does_not_hear(
    parted: Parted, raised: type[Exception], took_s: float, served: int
) -> None:
    @on_virtual_time
    async def main() -> None:
        world = World(1, ("s1",), faults=False)
        await asyncio.sleep(1)
        shard = world.newest["s1"]
        one, other = (Network(world, shard, origin=name) for name in ("one", "other"))
        world.parted["one", "s1"] = parted
        began_s, batches = loop_s(), shard.engine.counters().batch_count
        with pytest.raises(raised):
            await one.exchange(NOTHING)
        assert took_s <= loop_s() - began_s < took_s + 0.1
        assert shard.engine.counters().batch_count - batches == served
        assert world.faults.counts[Fault.PARTED] == 1
        await other.exchange(NOTHING)
        world.parted.clear()
        await one.exchange(NOTHING)
        assert world.faults.counts[Fault.PARTED] == 1

    main()


async def _register(catalogue: Catalogue) -> None:
    catalogue.register("s1", EPOCH + 1)


async def _beat(catalogue: Catalogue) -> None:
    await catalogue.heartbeat("s1", EPOCH, 77, EngineCounters())


async def _end(catalogue: Catalogue) -> None:
    number = catalogue.quarantined[BLOCK].number
    await catalogue.end_quarantine(BLOCK, Correct(number, 1, "mara", "why", 1, (), ()))


async def _claim(catalogue: Catalogue) -> None:
    await catalogue.claim(BLOCK, "s1", 2)


Asks = Callable[[Catalogue], Awaitable[None]]
WROTE: dict[str, tuple[Asks, Callable[[Catalogue], bool]]] = {
    "claim": (_claim, lambda catalogue: catalogue._claiming.get(BLOCK) == 2),
    "register": (_register, lambda catalogue: ("s1", EPOCH + 1) in catalogue.beats_ms),
    "heartbeat": (_beat, lambda catalogue: catalogue.beats_ms["s1", EPOCH] == 77),
    "end_quarantine": (_end, lambda catalogue: BLOCK not in catalogue.quarantined),
}


@pytest.mark.parametrize("name", WROTE)
def test_what_the_catalogue_has_written_stands_though_nobody_is_told(name: str) -> None:
    ask, is_written = WROTE[name]

    @on_virtual_time
    async def main() -> None:
        world = World(1, (), faults=False)
        catalogue = world.catalogue
        catalogue.enter(BLOCK, "s1")
        catalogue.register("s1", EPOCH)
        catalogue.impose(BLOCK, 1)
        await asyncio.sleep(1)
        assert not is_written(catalogue)
        catalogue.loses_answer = lambda: True
        with pytest.raises(CatalogueUnavailable):
            await ask(catalogue)
        assert is_written(catalogue)

    main()


@on_virtual_time
async def test_a_heartbeat_that_nobody_heard_has_told_of_no_quarantine() -> None:
    world = World(1, (), faults=False)
    catalogue = world.catalogue
    catalogue.enter(BLOCK, "s1")
    catalogue.register("s1", EPOCH)
    catalogue.impose(BLOCK, 1)
    catalogue.loses_answer = lambda: True
    with pytest.raises(CatalogueUnavailable):
        await _beat(catalogue)
    assert not catalogue.told_to("s1", EPOCH)
    catalogue.loses_answer = lambda: False
    await _beat(catalogue)
    assert BLOCK in catalogue.told_to("s1", EPOCH)


@on_virtual_time
async def test_a_block_that_was_entered_is_there_though_the_gateway_was_not_told() -> None:
    world = World(1, ("s1",), faults=False)
    world.catalogue.loses_answer = lambda: True
    with pytest.raises(RoutesUnavailable):
        await GatewayRoutes(world).assign(BLOCK, TenantId("arena"))
    assert world.catalogue.owners == {BLOCK: "s1"}
