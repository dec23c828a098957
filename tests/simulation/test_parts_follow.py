"""Parts hear what became of their event, whoever dies: though nobody asks any more, though they were away."""

import asyncio
from collections.abc import Callable

import pytest

from actors.core import block as core
from actors.core.block import next_deadline_ms
from actors.core.commands import AcknowledgePart, FollowEvent
from actors.core.entries import SaleOpened
from actors.core.ids import BlockId
from actors.core.parts import Part
from actors.core.replies import EventStatus
from actors.core.state import BlockState
from actors.engine.errands import ASK_TIMEOUT_MS, Errands
from actors.engine.hosted import HostedBlock
from actors.journal.codec import decode_entries
from tests.engine.stage import on_virtual_time
from tests.simulation.test_divided_events import Stadium
from tests.simulation.virtual_time import Process

PROMISED_S = 20.0
AWAY_S = ASK_TIMEOUT_MS / 1000 + 3.0

Break = Callable[[pytest.MonkeyPatch], None]


def kill(stadium: Stadium, *names: str, away_s: float = 0.0) -> None:
    """These shards; each has a successor, later or at once."""
    for name in names:
        stadium.world.newest[name].process.kill()
        asyncio.get_running_loop().call_later(away_s, stadium.world.succeed, name)


def folded(stadium: Stadium, block: str) -> BlockState:
    """The block, by its journal."""
    state = BlockState()
    for row in stadium.world.store.journals.get(BlockId(block), ()):
        for entry in decode_entries(row.entries):
            core.apply(state, entry)
    return state


def check_followed(stadium: Stadium) -> None:
    """All parts are on sale, and the event knows it."""
    home = folded(stadium, stadium.home)
    assert home.status is EventStatus.ON_SALE
    assert home.parts_behind == [], "parts are behind"
    assert {folded(stadium, part.block).status for part in home.parts} == {EventStatus.ON_SALE}, "parts do not follow"


def is_opened(stadium: Stadium) -> bool:
    """Whether that is durable."""
    rows = stadium.world.store.journals[BlockId(stadium.home)]
    return any(isinstance(entry, SaleOpened) for entry in decode_entries(rows[-1].entries))


async def check_nobody_asks() -> None:
    """The sale is opened; before a part has heard of it all shards die, and who opened it; and nobody comes again."""
    stadium = Stadium()
    await stadium.create()
    gateway = Process("gateway")
    gateway.start(stadium.gateway.open_sale(stadium.request(), stadium.event))
    for _ in range(10_000):
        if is_opened(stadium):
            break
        await asyncio.sleep(0.0001)
    gateway.kill()
    kill(stadium, *stadium.world.newest)
    assert len(folded(stadium, stadium.home).parts_behind) == len(folded(stadium, stadium.home).parts) > 0
    await asyncio.sleep(PROMISED_S)
    check_followed(stadium)


async def check_parts_are_away() -> None:
    """Shards die again and again while the sale is opened, those of parts for longer than anybody waits for them."""
    stadium = Stadium()
    await stadium.create()
    world, home = stadium.world, BlockId(stadium.home)
    others = [name for name in world.newest if name != world.catalogue.owners[home]]
    assert any(world.catalogue.owners[BlockId(part.block)] in others for part in folded(stadium, home).parts)
    asking = asyncio.get_running_loop().create_task(stadium.gateway.open_sale(stadium.request(), stadium.event))
    for _ in range(4):
        kill(stadium, *world.newest)
        await asyncio.sleep(0.03)
    kill(stadium, *others, away_s=AWAY_S)
    await asking
    await asyncio.sleep(AWAY_S + PROMISED_S)
    check_followed(stadium)


CHECKS = {"nobody asks": check_nobody_asks, "parts are away": check_parts_are_away}


@pytest.mark.parametrize("what", CHECKS)
def test_parts_follow_though_shards_die(what: str) -> None:
    on_virtual_time(CHECKS[what])()


def no_sweep_for_parts(patch: pytest.MonkeyPatch) -> None:
    """An event is not due because its parts are behind."""

    def without_parts(state: BlockState) -> int | None:
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(state, "parts", {})
            return next_deadline_ms(state)

    patch.setattr(core, "next_deadline_ms", without_parts)


def parts_are_told_once(patch: pytest.MonkeyPatch) -> None:
    """Whatever came of it, they count as told."""

    async def tell(self: Errands, hosted: HostedBlock, part: Part, told: FollowEvent) -> None:
        await self._ask(BlockId(part.block), told)
        await self._host.tell(hosted.block, AcknowledgePart(told.tenant, part.block, told.revision))

    patch.setattr(Errands, "_tell_part", tell)


@pytest.mark.parametrize(
    ("sabotage", "what", "expected"),
    [
        (no_sweep_for_parts, "nobody asks", "parts are behind"),
        (parts_are_told_once, "parts are away", "parts do not follow"),
    ],
)
def test_the_check_notices(sabotage: Break, what: str, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control: the parts are not what their event is."""
    sabotage(monkeypatch)
    with pytest.raises(AssertionError, match=expected):
        on_virtual_time(CHECKS[what])()
