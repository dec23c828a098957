"""What baskets and keys rest on, broken on purpose: the unchanged checks of a market notice within a few seeds."""

from collections.abc import Sequence

import pytest

from actors.baskets import Baskets, Settled, WishedLeg, _settled
from actors.core.commands import IntendBasket, SettleBasket, Stamp
from actors.core.ids import TenantId, desk_block
from actors.core.outcomes import Rejected
from actors.core.replies import PlacingReply
from tests.simulation.basket_controls import Break
from tests.simulation.test_basket_controls import (
    a_decision_is_told_before_it_is_durable,
    deeds_are_tried_once,
    no_revisions,
    no_tombstones,
    the_intent_is_not_durable,
)
from tests.simulation.test_market import simulate
from tests.simulation.test_negative_controls import no_head_check, no_key_check, reply_before_durable

MOST_SEEDS = 20


def pins_before_the_intent(patch: pytest.MonkeyPatch) -> None:
    """The legs are pinned first, then the desk is told what is meant."""

    async def place(
        self: Baskets, stamp: Stamp, legs: Sequence[WishedLeg], ttl_ms: int, life_ms: int = 0
    ) -> Settled | Rejected:
        desk = desk_block(TenantId(stamp.tenant), stamp.key)
        plans, number = tuple(map(self._plan, legs)), self._number()
        held = await self._pin_all(desk, PlacingReply(number, plans, stamp.not_after_ms), stamp)
        if isinstance(held, Rejected):
            return held
        await self._assign(desk, TenantId(stamp.tenant))
        meant = await self._ask(desk, IntendBasket(stamp, number, plans, ttl_ms, life_ms), stamp)
        if isinstance(meant, Rejected):
            return meant
        settled = await self._ask(desk, SettleBasket(stamp.tenant, number, held), stamp)
        return settled if isinstance(settled, Rejected) else _settled(desk, settled)

    patch.setattr(Baskets, "place", place)


@pytest.mark.parametrize(
    ("sabotage", "expected"),
    [
        (pins_before_the_intent, "leg that its desk does not know"),
        (the_intent_is_not_durable, "leg that its desk does not know"),
        (a_decision_is_told_before_it_is_durable, "acknowledged before it was in the journal"),
        (deeds_are_tried_once, "done to a leg otherwise than its desk demanded"),
        (no_revisions, "revision of a leg is not the next"),
        (no_tombstones, "acknowledged by a leg, but not done"),
        (no_key_check, "got two answers"),
        (reply_before_durable, "acknowledged before it was in the journal"),
        (no_head_check, "stale: "),
    ],
)
def test_the_checks_notice(sabotage: Break, expected: str) -> None:
    """By the fault that tells of it, which the same seed does not have unbroken."""
    for seed in range(MOST_SEEDS):
        with pytest.MonkeyPatch.context() as patch:
            sabotage(patch)
            found = [fault for fault in simulate(seed).wrong if expected in fault]
        if found:
            print(f"{sabotage.__name__}: {seed + 1} seeds: {found[0]}")
            assert simulate(seed).wrong == []
            return
    pytest.fail(f"nobody noticed: {sabotage.__doc__}")
