"""What a round of errands costs, what is under way at most, and what is remembered, however many legs there are."""

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from actors.baskets import Settled, WishedLeg
from actors.core.commands import Errand, ReleaseHold
from actors.core.ids import BlockId, Kind, outside_id
from actors.core.outcomes import Rejected
from actors.core.replies import HoldReply
from actors.core.state import BlockState, Leg
from actors.core.wishes import Wish
from actors.engine import agenda, errands
from actors.engine.agenda import Agenda
from actors.engine.errands import Errands
from actors.engine.hosted import HostedBlock
from actors.engine.turns import Turns
from actors.link.batch import Replied
from actors.reservations import Done
from tests.engine.stage import on_virtual_time
from tests.simulation.test_baskets import Shop
from tests.simulation.test_divided_events import Stadium

HOLDS = 20
MORE = 10
ASKED_S = 25.0  # 15 s for placing, 5 s until a leg asks, and a few rounds
AT_MOST = 3
FEW = 10


async def hold(shop: Shop, key: str, seat: str) -> tuple[BlockId, int]:
    """This seat in all three events: the desk and the hold."""
    wishes = [WishedLeg(block, Wish((seat,))) for block in shop.blocks]
    held = await shop.baskets.place(shop.stamp(key), wishes, 600_000)
    assert isinstance(held, Settled), held
    assert isinstance(held.reply, HoldReply)
    return held.desk, held.reply.hold


async def hold_many(shop: Shop) -> list[tuple[BlockId, int]]:
    return [await hold(shop, f"k{n}", f"A/{n // 10 + 1}/{n % 10 + 1}") for n in range(HOLDS)]


async def check_cost(patch: pytest.MonkeyPatch) -> None:
    """Legs that have asked their desks cost nothing while other baskets come and go."""
    looked_at = 0
    new_deeds, new_doubts, whose = Turns.new_deeds, Turns.new_doubts, Agenda._whose

    def deeds(self: Turns, state: BlockState) -> list[Any]:
        nonlocal looked_at
        new = new_deeds(self, state)
        looked_at += len(new)
        return new

    def doubts(self: Turns, state: BlockState) -> list[Leg]:
        nonlocal looked_at
        new = new_doubts(self, state)
        looked_at += len(new)
        return new

    def one(self: Agenda, at_ms: int, block: BlockId, about: int | str) -> HostedBlock | None:
        nonlocal looked_at
        looked_at += 1
        return whose(self, at_ms, block, about)

    shop = Shop()
    await shop.open()
    await hold_many(shop)
    await asyncio.sleep(ASKED_S)
    patch.setattr(Turns, "new_deeds", deeds)
    patch.setattr(Turns, "new_doubts", doubts)
    patch.setattr(Agenda, "_whose", one)
    for number in range(MORE):
        desk, basket = await hold(shop, f"more {number}", "A/4/1")
        await shop.write(desk, ReleaseHold(shop.stamp(f"release {number}"), basket))
        await asyncio.sleep(1)
    assert (
        0 < looked_at <= 3 * MORE * 4
    )  # of each leg: that it asks, twice at most; its deed, and that its turn has come


async def check_bound(patch: pytest.MonkeyPatch) -> None:
    """There is one bound for all blocks of a shard together, and everything is done in the end."""
    under_way, most, ask = Counter[int](), 0, Errands._ask

    async def counted(self: Errands, block: BlockId, command: Errand) -> Replied | Rejected:
        nonlocal most
        under_way[id(self)] += 1
        most = max(most, under_way[id(self)])
        try:
            return await ask(self, block, command)
        finally:
            under_way[id(self)] -= 1

    patch.setattr(Errands, "_ask", counted)
    patch.setattr(errands, "MAX_UNDER_WAY", AT_MOST)
    shop = Shop()
    await shop.open()
    held = await hold_many(shop)
    assert len({desk for desk, _ in held}) > 1
    await asyncio.gather(
        *(shop.write(desk, ReleaseHold(shop.stamp(f"release {n}"), basket)) for n, (desk, basket) in enumerate(held))
    )
    await asyncio.sleep(10)
    assert most == AT_MOST
    assert not any(shop.state(desk).desk.todos for desk, _ in held)


async def check_memory(patch: pytest.MonkeyPatch) -> None:
    """Of legs that are gone hardly anything is remembered, though they had been told to ask in ten minutes."""
    patch.setattr(agenda, "FEW_TURNS", FEW)
    stadium = await Stadium().open()
    for _ in range(HOLDS):
        held = await stadium.hold(Wish(("north/1/1", "west/1/1")))
        await asyncio.sleep(ASKED_S)
        released = await stadium.gateway.release_hold(
            stadium.request(), outside_id(Kind.HOLD, held.block, held.reply.hold)
        )
        assert isinstance(released, Done), released
        await asyncio.sleep(1)
    for shard in stadium.world.newest.values():
        blocks = shard.engine.residence.blocks.values()
        assert not any(hosted.state.asking for hosted in blocks)
        assert sum(len(hosted.turns.known) for hosted in blocks) <= 2 * FEW
        assert len(shard.engine.errands._agenda) <= 2 * FEW


CHECKS = {"cost": check_cost, "bound": check_bound, "memory": check_memory}


@pytest.mark.parametrize("what", CHECKS)
def test_errands_are_bounded_in(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    on_virtual_time(CHECKS[what])(monkeypatch)


def every_leg_is_looked_at(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Turns, "new_doubts", lambda _, state: list(state.asking.values()))


def there_is_always_room(patch: pytest.MonkeyPatch) -> None:
    take_due = Agenda.take_due
    patch.setattr(Agenda, "take_due", lambda self, now_ms, _: take_due(self, now_ms, 1_000))


def turns_are_kept(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Agenda, "_drop_stale", lambda _: None)


@pytest.mark.parametrize(
    ("break_it", "what"),
    [(every_leg_is_looked_at, "cost"), (there_is_always_room, "bound"), (turns_are_kept, "memory")],
)
def test_the_check_notices(
    break_it: Callable[[pytest.MonkeyPatch], None], what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative controls."""
    break_it(monkeypatch)
    with pytest.raises(AssertionError):
        on_virtual_time(CHECKS[what])(monkeypatch)
