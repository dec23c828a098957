"""Buyers: what one visit to the shop is like. Most hold and buy; some walk away, change their minds, or vanish.

A group for which there is not enough tries with fewer, down to one.
"""

import asyncio
import time
from collections.abc import Iterator
from random import Random

from actors.audit.replies import Acknowledged, Told
from loadtests.calls import Accepted, Ask, Broken, Insistent, Passing, Refused
from loadtests.figures import Figures, count
from loadtests.history.calls import Kind, Seen
from loadtests.house import AREA, BEST_SHARE, MOMENT_S, Belief, Way, seat_name, seat_of_name

GROUPS = (1, 2, 2, 2, 3, 4)
AREA_VISITS = 0.3
VANISHING = 0.04  # leave while the hold is being placed; half of them come back under the same key
ASKING_TWICE = 0.05  # send again what was answered
LOOKING = 0.1  # read how what they have just written to stands
ABANDONING = 0.08
RELEASING = 0.05
EXTENDING = 0.04
CANCELLING = 0.05
NOT_PAYING = 0.05
EXTENSION_S = 15
VANISH_WITHIN_S = 0.004

NOT_ENOUGH = "NOT_ENOUGH_AVAILABLE"
EXPLAINED = {
    Told.HELD: {"UNITS_HELD", "UNITS_SOLD", NOT_ENOUGH},
    Told.EXTENDED: {"HOLD_EXPIRED"},
    Told.RELEASED: {"HOLD_EXPIRED"},
    Told.ORDERED: {"HOLD_EXPIRED"},
    Told.CONFIRMED: {"ORDER_EXPIRED"},
    Told.CANCELLED: {"ORDER_EXPIRED"},
}
"""What a buyer may be refused without anything being wrong. Buyers never ask for what they know to be illegal."""


class Notebook:
    """What the buyers of one process share: the figures, the clock and who is waiting."""

    def __init__(self, figures: Figures, starts_at_s: float) -> None:
        self.figures = figures
        self.in_flight = 0
        self._starts_at_s = starts_at_s

    def now_ms(self) -> int:
        """Milliseconds since the run began."""
        return int((time.monotonic() - self._starts_at_s) * 1000)


class Buyer:
    """One buyer after another, over one protocol. `keys`: fresh idempotency keys. `best_share`: see `BEST_SHARE`."""

    def __init__(
        self,
        shop: Insistent,
        belief: Belief,
        notebook: Notebook,
        random: Random,
        keys: Iterator[str],
        best_share: float = BEST_SHARE,
    ) -> None:
        self._shop = shop
        self._belief = belief
        self._notebook = notebook
        self._random = random
        self._keys = keys
        self._best_share = best_share

    async def visit_until(self, over: asyncio.Event) -> None:
        """Visit again and again until it is over; what is in flight then is still waited for."""
        while not over.is_set():
            way = self._way()
            if way is None:
                await asyncio.sleep(MOMENT_S * self._random.uniform(0.5, 1.0))
            else:
                await self._visit(way, over)

    async def _visit(self, way: Way, over: asyncio.Event) -> None:
        hold = await self._hold_for_group(way, over)
        if hold is None or self._chance(ABANDONING) or over.is_set():
            return
        seats = [seat_of_name(name) for name in hold.units]
        if self._chance(RELEASING):
            if await self._ask(Ask(Told.RELEASED, hold.id), next(self._keys)) is not None:
                self._belief.back(seats)
            return
        if self._chance(EXTENDING):
            await self._ask(Ask(Told.EXTENDED, hold.id, ttl_seconds=EXTENSION_S), next(self._keys))
        if not over.is_set():
            await self._order(hold, seats, over)

    async def _order(self, hold: Acknowledged, seats: list[int], over: asyncio.Event) -> None:
        ask, key = Ask(Told.ORDERED, hold.id), next(self._keys)
        order = await self._ask(ask, key)
        if order is None:
            return
        if self._chance(ASKING_TWICE):
            await self._ask_again(ask, key, order)
        if self._chance(NOT_PAYING) or over.is_set():
            return
        if self._chance(CANCELLING):
            if await self._ask(Ask(Told.CANCELLED, order.id), next(self._keys)) is not None:
                self._belief.back(seats)
            return
        ask, key = Ask(Told.CONFIRMED, order.id), next(self._keys)
        confirmed = await self._ask(ask, key)
        if confirmed is None:
            return
        self._belief.sold(seats)
        if self._chance(ASKING_TWICE):
            await self._ask_again(ask, key, confirmed)

    def _way(self) -> Way | None:
        """How to ask: as one likes, or otherwise where that seems to be of no use; None: nothing seems to be left."""
        belief = self._belief
        if belief.hopes(Way.PLACES) and self._chance(AREA_VISITS):
            return Way.PLACES
        if self._best_share and belief.hopes(Way.BEST) and self._chance(self._best_share):
            return Way.BEST
        others = (Way.NAMED, Way.PLACES, *((Way.BEST,) if self._best_share else ()))
        return next(filter(belief.hopes, others), None)

    def _wish(self, way: Way, quantity: int) -> Ask:
        if way is Way.PLACES:
            return Ask(Told.HELD, areas=((AREA, quantity),))
        if way is Way.BEST:
            return Ask(Told.HELD, best=quantity)
        return Ask(Told.HELD, seats=tuple(map(seat_name, self._belief.choose(quantity))))

    async def _hold_for_group(self, way: Way, over: asyncio.Event) -> Acknowledged | None:
        """A hold for all of a group, or for fewer of them if there is not enough."""
        ask, key = self._wish(way, self._random.choice(GROUPS)), next(self._keys)
        if self._chance(VANISHING):
            await self._vanish(ask, key)
            if self._chance(0.5) or over.is_set():
                return None
        hold = await self._hold(way, ask, key)
        while hold == NOT_ENOUGH and ask.quantity > 1 and not over.is_set():
            ask, key = self._wish(way, ask.quantity - 1), next(self._keys)
            hold = await self._hold(way, ask, key)
        if not isinstance(hold, Acknowledged):
            return None
        self._belief.gone([seat_of_name(name) for name in hold.units])
        if self._chance(ASKING_TWICE):
            await self._ask_again(ask, key, hold)
        return hold

    async def _hold(self, way: Way, ask: Ask, key: str) -> Acknowledged | str | None:
        """The hold, or the code with which it was refused; None: that counts as an error."""
        answer = await self._answer(ask, key)
        figures = self._notebook.figures
        if isinstance(answer, Accepted):
            count(figures.held_by, way)
            if answer.replayed:
                count(figures.found_again, way)
            return answer.reply
        if isinstance(answer, Broken):
            return None
        count(figures.refused_by, way)
        if answer.code == NOT_ENOUGH:
            if ask.quantity == 1:
                self._belief.despair(way)
        elif ask.seats:
            learn = self._belief.sold if answer.code == "UNITS_SOLD" else self._belief.gone
            learn([seat_of_name(name) for name in answer.units])
        return answer.code

    async def _ask(self, ask: Ask, key: str) -> Acknowledged | None:
        """What was accepted, or None; counts either."""
        answer = await self._answer(ask, key)
        return answer.reply if isinstance(answer, Accepted) else None

    async def _answer(self, ask: Ask, key: str) -> Accepted | Refused | Broken:
        """What came of it, counted."""
        answer = await self._send(ask, key)
        figures = self._notebook.figures
        if isinstance(answer, Accepted):
            figures.accept(ask.told, self._notebook.now_ms(), self._shop.shop.protocol)
            if not _is_what_was_asked(answer.reply, ask):
                count(figures.errors, f"{self._shop.shop.protocol} {ask.told}: asked for something else")
        elif isinstance(answer, Broken):
            count(figures.errors, f"{self._shop.shop.protocol} {ask.told}: {answer.cause}")
        else:
            count(figures.refused, answer.code)
            if answer.code not in EXPLAINED[ask.told]:
                count(figures.errors, f"{self._shop.shop.protocol} {ask.told}: refused with {answer.code}")
        if isinstance(answer, Accepted) and self._chance(LOOKING):
            await self._look(answer.reply)
        return answer

    async def _look(self, told: Acknowledged) -> None:
        """Read what was just told of; whether that is so, the journal says. Who is not answered does not insist."""
        kind = Kind.READ_HOLD if told.id == told.hold_id else Kind.READ_ORDER
        sight = await self._shop.shop.look(kind, told.id)
        figures = self._notebook.figures
        if isinstance(sight, Seen):
            count(figures.seen, sight.status)
        elif not isinstance(sight, Passing):
            count(figures.errors, f"{self._shop.shop.protocol} {kind}: {sight}")

    async def _ask_again(self, ask: Ask, key: str, before: Acknowledged) -> None:
        """The same key once more: the same answer, and marked as a replay."""
        answer = await self._send(ask, key)
        if isinstance(answer, Accepted) and answer.replayed and _same(answer.reply, before):
            self._notebook.figures.replayed += 1
        else:
            count(self._notebook.figures.errors, f"{self._shop.shop.protocol} {ask.told}: asked again, got {answer}")

    async def _vanish(self, ask: Ask, key: str) -> None:
        """Begin the call and drop it half-way. Whatever came of it, nobody was told."""
        call = asyncio.create_task(self._shop.shop.ask(ask, key))
        await asyncio.sleep(self._random.uniform(0, VANISH_WITHIN_S))
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
        self._notebook.figures.vanished += 1

    async def _send(self, ask: Ask, key: str) -> Accepted | Refused | Broken:
        notebook = self._notebook
        started_s = time.monotonic()
        notebook.in_flight += 1
        try:
            return await self._shop.ask(ask, key, notebook.figures.asked_again)
        finally:
            notebook.in_flight -= 1
            notebook.figures.wait(self._shop.shop.protocol, int((time.monotonic() - started_s) * 1e6))

    def _chance(self, share: float) -> bool:
        return self._random.random() < share


def _is_what_was_asked(reply: Acknowledged, ask: Ask) -> bool:
    """Whether a new hold has just the units that were asked for; of what is asked on a hold or an order, its id."""
    if ask.best:
        return len(set(reply.units)) == len(reply.units) == ask.best and not reply.areas
    if ask.told is Told.HELD:
        seats = {seat_name(seat_of_name(name)) for name in reply.units}
        areas = {(name.rpartition("/")[2], quantity) for name, quantity in reply.areas}
        return (seats, areas) == (set(ask.seats), set(ask.areas))
    return ask.id in (reply.id, reply.hold_id)


def _same(reply: Acknowledged, before: Acknowledged) -> bool:
    """Whether a replay names the same thing with the same units, at the same price."""
    return (reply.id, set(reply.units), set(reply.areas), reply.total_minor) == (
        before.id, set(before.units), set(before.areas), before.total_minor,
    )  # fmt: skip
