"""A gateway falls silent in the part where it looks for the best seats; the same key finds those of another part."""

import asyncio
from collections.abc import Awaitable

import pytest

from actors.baskets import Baskets
from actors.core.outcomes import Reason, Rejected
from actors.core.wishes import BestSeats, Wish
from actors.reservations import Done
from actors.reservations.ways import Way
from tests.engine.stage import on_virtual_time
from tests.simulation.test_divided_events import Stadium

ONE = Wish(best=(BestSeats(1),))
NORTH = Wish(tuple(f"north/{row}/{seat}" for row in (1, 2) for seat in range(1, 5)))
SOUTH = Wish(tuple(section.replace("north", "south") for section in NORTH.seats))
SILENT_S = 0.5


async def fall_silent(asking: Awaitable[object], patch: pytest.MonkeyPatch) -> None:
    """Ask, until the desk knows what is meant and before anything is pinned."""

    async def hang(*_: object) -> None:
        await asyncio.Event().wait()

    with patch.context() as hanging:
        hanging.setattr(Baskets, "_pin_all", hang)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asking, SILENT_S)


async def exchange_again(patch: pytest.MonkeyPatch) -> None:
    """North is full, which the first call has yet to find out; the second one would look there last."""
    stadium = await Stadium().open()
    order = await stadium.order(await stadium.hold(SOUTH))
    await stadium.hold(NORTH)
    asked = order, (0,), ONE, stadium.event
    await fall_silent(stadium.gateway.exchange_tickets(stadium.request(key="again"), *asked), patch)
    await stadium.hold(ONE, "bob")
    outcome = await stadium.gateway.exchange_tickets(stadium.request(key="again"), *asked)
    if isinstance(outcome, Rejected):
        assert outcome.reason is Reason.UNAVAILABLE, "which is to be sent again"
        outcome = await stadium.gateway.exchange_tickets(stadium.request(key="again"), *asked)
    assert isinstance(outcome, Done), outcome


def test_a_try_of_a_silent_gateway_in_a_full_part_does_not_deny_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    on_virtual_time(lambda: exchange_again(monkeypatch))()


def test_the_check_notices_a_refusal_elsewhere_that_is_taken_for_ones_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control."""
    monkeypatch.setattr(Way, "turned_away", lambda *_: False)
    with pytest.raises(AssertionError, match="NOT_ENOUGH_AVAILABLE"):
        on_virtual_time(lambda: exchange_again(monkeypatch))()
