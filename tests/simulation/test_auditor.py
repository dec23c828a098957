"""The continuous audit beside shards that crash, pause, move and lose acknowledgements: it finds nothing, as nothing is
wrong."""

import asyncio
from collections.abc import Collection, Mapping

import msgspec
import pytest

from actors.audit.rows import Row
from actors.auditor.alarms import Alarm
from actors.auditor.auditor import Auditor
from actors.auditor.figures import AuditorFigures
from actors.auditor.journals import Heads, Page, Span
from actors.auditor.ports import Reading
from actors.core.ids import BlockId
from actors.journal.memory import MemoryStore
from tests.simulation import virtual_time
from tests.simulation.clocks import loop_s
from tests.simulation.gateways import Gateway
from tests.simulation.market import Market
from tests.simulation.world import World

SEEDS = range(6)
VIRTUAL_S = 40.0


class MemoryReading:
    """The journals of a simulation."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    async def heads(self, page_start: str | None, page_limit: int, also: Collection[str]) -> Heads:
        return await self.all_heads()

    async def all_heads(self) -> Heads:
        return Heads({block: rows[-1].position for block, rows in self._store.journals.items() if rows})

    async def rows(self, spans: Mapping[str, Span], limit: int) -> dict[str, Page]:
        pages = {}
        for block, span in spans.items():
            rows = [Row(*msgspec.structs.astuple(row)) for row in self._store.journals[BlockId(block)]]
            known = rows[span.behind - 1] if span.behind else None
            pages[block] = Page(known, rows[span.behind : min(span.last, span.behind + limit)])
        return pages

    async def close(self) -> None:
        """Nothing is open."""


class Refusing:
    """Quarantines and alarms that must not be."""

    async def impose(self, block: BlockId, position: int, why: str, by: str) -> bool:
        raise AssertionError(f"{block} is to be quarantined: {why}")

    async def ended_up_to(self, block: BlockId) -> int:
        raise AssertionError(f"something was found in {block}")

    async def note(self, alarm: Alarm) -> bool:
        raise AssertionError(f"there is an alarm: {alarm}")

    async def close(self) -> None:
        """Nothing is open."""


def simulate(seed: int, reading: type[MemoryReading] = MemoryReading) -> tuple[AuditorFigures, int]:
    """What an auditor came to that followed all along, and how many rows there are."""

    async def main() -> tuple[AuditorFigures, int]:
        world = World(seed, ("s1", "s2", "s3"), faults=True)
        world.gateways += [Gateway(world, "gateway 1"), Gateway(world, "gateway 2")]
        source: Reading = reading(world.store)
        auditor = Auditor(source, Refusing(), Refusing(), monotonic=asyncio.get_running_loop().time)
        following = asyncio.create_task(auditor.run())
        market = Market(world, seed)
        await market.open()
        trading = market.trade(VIRTUAL_S, lambda: loop_s() >= VIRTUAL_S)
        await asyncio.gather(trading, world.script_faults(VIRTUAL_S - 5), world.script_moves(VIRTUAL_S - 5))
        following.cancel()
        await asyncio.wait((following,))
        while await auditor.round():
            pass
        return auditor.figures, sum(map(len, world.store.journals.values()))

    return virtual_time.run(main)


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_that_a_healthy_system_does_under_faults_is_a_finding(seed: int) -> None:
    figures, row_count = simulate(seed)
    assert (figures.finding_count, figures.unaudited_count, figures.begun_anew_count) == (0, 0, 0)
    assert figures.row_count == row_count > 100


def test_control_a_reader_that_loses_a_row_is_noticed() -> None:
    class Losing(MemoryReading):
        async def rows(self, spans: Mapping[str, Span], limit: int) -> dict[str, Page]:
            pages = await super().rows(spans, limit)
            for page in pages.values():
                page.rows = [row for row in page.rows if row.position != 20 or row is page.rows[-1]]  # not the head
            return pages

    with pytest.raises(AssertionError):
        simulate(SEEDS[0], Losing)
