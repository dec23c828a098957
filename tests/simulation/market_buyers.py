"""Buyers of a market: whatever can be asked of holds, orders and waiting lists, mostly in an order that makes sense."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import msgspec

from actors.audit.denials import Denied
from actors.audit.replies import Told
from actors.core.ids import BlockId, Kind, outside_id, ticket_id
from actors.core.outcomes import Reason, Rejected
from actors.core.replies import OrderReply, OrderStatus, WaiterReply, WaiterStatus
from actors.core.wishes import Wish
from actors.reservations import Done
from tests.simulation.market_client import Client, Wanted
from tests.simulation.market_wants import Event, Hold, Order, cancelling, confirming, leaving, voiding
from tests.simulation.recording import About
from tests.simulation.world import now_ms

NAMES = ("ana", "ben", "cem", "dan", "eli", "fay")
TTLS_MS = (2_000, 5_000, 20_000, 60_000, 0)
LONG_MS = 60_000
LOOKS_BACK = 0.3  # of who meddles, at what may have been over for long
ENDINGS = (OrderStatus.COMPLETED, OrderStatus.NO_SHOW)


class Buyers:
    """All that buyers of a run share: the events, and what others have left behind."""

    def __init__(self, events: Sequence[Event]) -> None:
        self.events = events
        self.holds: deque[Hold] = deque(maxlen=12)
        self.past: list[Hold] = []  # all that there ever were
        self.orders: deque[Order] = deque(maxlen=12)
        self.waiters: deque[str] = deque(maxlen=8)
        self.on_slots: deque[Order] = deque(maxlen=24)


class Buyer:
    """One of them, with a way to ask of its own."""

    def __init__(self, client: Client, shared: Buyers, rest_s: Callable[[Random], float]) -> None:
        """`rest_s`: for how long it rests before it comes again."""
        self._client = client
        self._rest_s = rest_s
        self._random = client.random
        self._shared = shared

    async def buy(self, is_over: Callable[[], bool]) -> None:
        """Come and go until then."""
        while not is_over():
            visit = self._random.random()
            if visit < 0.68:
                await self._shop()
            elif visit < 0.80:
                await self._wait_in_line()
            elif visit < 0.95:
                await self._meddle()
            else:
                await self._talk_nonsense()
            await asyncio.sleep(self._rest_s(self._random))

    async def _shop(self) -> None:
        hold = await (self._hold_several() if self._client.chance(0.2) else self._hold(self._some_event()))
        if hold is None:
            return
        self._shared.holds.append(hold)
        self._shared.past.append(hold)
        if self._client.chance(0.2):
            await self._read_hold(hold.id)
        if self._client.chance(0.15):
            await self._extend(hold)
        step = self._random.random()
        if step < 0.2:
            await self._release(hold)
        elif step < 0.85:
            await self._order(hold)

    async def _order(self, hold: Hold) -> None:
        order = await self._place_order(hold)
        if order is None:
            return
        shared = self._shared
        (shared.on_slots if hold.event.shape.layout.resources else shared.orders).append(order)
        if self._client.chance(0.15):
            await self._client.write(cancelling(order))
            return
        if self._client.chance(0.1):
            return  # never paid
        paid = await self._client.write(confirming(order))
        if not isinstance(paid, Done):
            return
        for _ in range(self._random.choice((0, 0, 1, 2))):
            paid = await self._change_tickets(order, paid)
        if self._client.chance(0.2 if hold.event.shape.layout.resources else 0.6):  # or all would be sold soon
            await self._client.write(cancelling(order))

    async def _change_tickets(self, order: Order, paid: Any) -> Any:
        tickets = [ticket.index for ticket in paid.reply.tickets] or [0]
        some = sorted(self._random.sample(tickets, min(len(tickets), self._random.choice((1, 1, 2)))))
        step = self._random.random()
        if step < 0.5:
            done = await self._client.write(self._exchange(order, some))
        elif step < 0.75:
            done = await self._client.write(voiding(order, some))
        elif step < 0.9:
            done = await self._client.write(self._reassigning(order, some[0]))
        else:
            done = await self._client.write(self._closing(order))
        if self._client.chance(0.3):
            await self._read_order(order.id)
        return done if isinstance(done, Done) else paid

    async def _hold(self, event: Event) -> Hold | None:
        wish, ttl_ms, buyer = self._wish(event), self._random.choice(TTLS_MS), self._name(event)
        key, asked_ms = self._client.notes.new_key(), now_ms()
        wanted = Wanted(
            "place_hold", lambda gateway, request: gateway.place_hold(request, event.id, wish, ttl_ms), Told.HELD,
            About(event=event.id, wish=wish, ttl_ms=ttl_ms), buyer,
        )  # fmt: skip
        held = await self._client.write(wanted, key)
        if isinstance(held, Rejected):
            self._note_denial(event, wish, held, asked_ms)
            return None
        if self._client.chance(0.03):
            other = Wanted(
                "place_hold", lambda gateway, request: gateway.place_hold(request, event.id, wish, LONG_MS + 1),
                buyer=buyer,
            )  # fmt: skip
            await self._client.reuse_key(other, key, held, asked_ms)
        return Hold(outside_id(Kind.HOLD, held.block, held.reply.hold), event, buyer, key)

    def _note_denial(self, event: Event, wish: Wish, refused: Rejected, asked_ms: int) -> None:
        """Of who asked for places of one area, or for any one seat."""
        if refused.reason is not Reason.NOT_ENOUGH_AVAILABLE or not event.shape.sets_nothing_aside or wish.seats:
            return
        if len(wish.areas) == 1 and not wish.best:
            (places,) = wish.areas
            denied = Denied(event.id, places.area, asked_ms, now_ms(), places.quantity)
        elif not wish.areas and wish.best[0].quantity == 1 and not wish.best[0].sections:
            denied = Denied(event.id, "", asked_ms, now_ms())
        else:
            return
        self._client.notes.deny(denied)

    async def _hold_several(self) -> Hold | None:
        """A basket over two or three events, now and then over one that is not there, or one that is sold in francs."""
        events = self._random.sample(self._shared.events, self._random.choice((2, 2, 3)))
        if not self._client.chance(0.1):
            events = [event for event in events if event.shape.layout.currency == "EUR"]
        if not events:
            return None
        legs = [(event.id, self._wish(event)) for event in events]
        if self._client.chance(0.02):
            legs.append(("event_0000000000000000", Wish(("A/1/1",))))
        ttl_ms, buyer, key = self._random.choice(TTLS_MS), self._random.choice(NAMES), self._client.notes.new_key()
        held = await self._client.write(
            Wanted(
                "place_basket",
                lambda gateway, request: gateway.place_basket(request, legs, ttl_ms),
                Told.HELD,
                About(ttl_ms=ttl_ms, legs=legs),
                buyer,
                is_nonsense=len({event.shape.layout.currency for event in events}) > 1,
            ),
            key,
        )
        if isinstance(held, Rejected):
            return None
        return Hold(outside_id(Kind.HOLD, held.block, held.reply.hold), events[0], buyer, key)

    async def _extend(self, hold: Hold) -> None:
        ttl_ms = self._random.choice((5_000, 30_000, 30_000, 0, -1))
        told = Told.RELEASED if ttl_ms == 0 else Told.EXTENDED
        await self._client.write(
            Wanted(
                "extend_hold",
                lambda gateway, request: gateway.extend_hold(request, hold.id, ttl_ms),
                told,
                About(hold.id, ttl_ms=ttl_ms),
            )
        )

    async def _release(self, hold: Hold) -> None:
        await self._client.write(
            Wanted(
                "release_hold",
                lambda gateway, request: gateway.release_hold(request, hold.id),
                Told.RELEASED,
                About(hold.id),
            )
        )
        if self._client.chance(0.3):
            await self._read_hold(hold.id)

    async def _place_order(self, hold: Hold) -> Order | None:
        placed = await self._client.write(
            Wanted(
                "place_order",
                lambda gateway, request: gateway.place_order(request, hold.id),
                Told.ORDERED,
                About(hold.id),
            )
        )
        if isinstance(placed, Rejected):
            return None
        reply: OrderReply = placed.reply
        return Order(
            outside_id(Kind.ORDER, placed.block, reply.order), placed.block, reply.order, hold.event, hold.buyer
        )

    def _exchange(self, order: Order, tickets: Sequence[int]) -> Wanted:
        event = order.event if self._client.chance(0.7) else self._random.choice(self._shared.events)
        wish = self._wish(event)
        event_id = event.id if event is not order.event or self._client.chance(0.7) else ""
        return Wanted(
            "exchange_tickets",
            lambda gateway, request: gateway.exchange_tickets(request, order.id, tickets, wish, event_id),
            Told.EXCHANGED,
            About(order.id, event_id, wish, tickets),
            order.buyer,
            is_nonsense=event.id.partition("_")[2] != order.block,  # nor does a desk sell all that is wished for
        )

    def _reassigning(self, order: Order, ticket: int) -> Wanted:
        holder = self._random.choice((*NAMES, ""))
        of = ticket_id(order.block, order.number, ticket)
        return Wanted(
            "reassign_ticket", lambda gateway, request: gateway.reassign_ticket(request, of, holder), Told.REASSIGNED,
            About(order.id, tickets=(ticket,)), is_nonsense=not holder,
        )  # fmt: skip

    def _closing(self, order: Order) -> Wanted:
        status = self._random.choice((*ENDINGS, *ENDINGS, *ENDINGS, OrderStatus.CANCELLED))
        return Wanted(
            "close_order", lambda gateway, request: gateway.close_order(request, order.id, status), Told.CLOSED,
            About(order.id), is_nonsense=status not in ENDINGS,
        )  # fmt: skip

    async def _read_hold(self, hold_id: str) -> None:
        await self._client.read("get_hold", lambda gateway, caller, ms: gateway.get_hold(caller, hold_id, ms), hold_id)

    async def _read_order(self, order_id: str) -> None:
        await self._client.read(
            "get_order", lambda gateway, caller, ms: gateway.get_order(caller, order_id, ms), order_id
        )

    async def _wait_in_line(self) -> None:
        event = self._some_event()
        if event.shape.rules[0].waiting_list is None and not self._client.chance(0.15):
            event = next((one for one in self._shared.events if one.shape.rules[0].waiting_list is not None), event)
        wish = self._wish(event)
        joined = await self._client.write(
            Wanted(
                "join_waiting_list", lambda gateway, request: gateway.join_waiting_list(request, event.id, wish),
                Told.WAITING, About(event=event.id, wish=wish), self._name(event),
            )
        )  # fmt: skip
        if isinstance(joined, Rejected):
            return
        waiter = outside_id(Kind.WAITER, joined.block, joined.reply.waiter)
        self._shared.waiters.append(waiter)
        await asyncio.sleep(self._random.uniform(0, 2))
        seen = await self._client.read("get_waiter", lambda gateway, caller, ms: gateway.get_waiter(caller, waiter, ms))
        if isinstance(seen, Done) and seen.reply.status is WaiterStatus.OFFERED:
            offered: WaiterReply = seen.reply
            await self._order(Hold(outside_id(Kind.HOLD, seen.block, offered.hold), event, offered.buyer, ""))
        elif self._client.chance(0.4):
            await self._client.write(leaving(waiter))

    async def _meddle(self) -> None:
        """Something is done to what somebody has left behind, whatever it is by now."""
        shared = self._shared
        if shared.past and self._client.chance(LOOKS_BACK):
            await self._meddle_with_hold(self._random.choice(shared.past[: 1 + len(shared.past) // 4]))
            return
        kind = self._random.random()
        if kind < 0.3 and shared.on_slots:
            await self._meddle_with_slots(self._random.choice(shared.on_slots))
        elif kind < 0.5 and shared.holds:
            await self._meddle_with_hold(self._random.choice(shared.holds))
        elif kind < 0.9 and shared.orders:
            await self._meddle_with_order(self._random.choice(shared.orders))
        elif shared.waiters:
            await self._client.write(leaving(self._random.choice(shared.waiters)))

    async def _meddle_with_hold(self, hold: Hold) -> None:
        step = self._random.randrange(6)
        if step == 0:
            await self._extend(hold)
        elif step == 1:
            await self._release(hold)
        elif step == 2:
            await self._order(hold)
        elif step == 3:
            await self._read_hold(hold.id)
        elif step == 4:
            await self._client.stranger_writes(
                "release_hold", lambda gateway, request: gateway.release_hold(request, hold.id)
            )
        else:
            await self._client.stranger_reads(
                "get_hold", lambda gateway, caller, ms: gateway.get_hold(caller, hold.id, ms)
            )

    async def _meddle_with_order(self, order: Order) -> None:
        ticket = self._random.choice((0, 0, 0, 1, 2, 60))
        step = self._random.randrange(9)
        if step == 7:
            await self._read_order(order.id)
        elif step == 8:
            await self._client.stranger_writes(
                "cancel_order", lambda gateway, request: gateway.cancel_order(request, order.id)
            )
        else:
            makes = (
                confirming, cancelling, lambda of: voiding(of, (ticket,)), lambda of: self._exchange(of, (ticket,)),
                lambda of: self._reassigning(of, ticket), self._closing, self._closing,
            )  # fmt: skip
            await self._client.write(makes[step](order))

    async def _meddle_with_slots(self, order: Order) -> None:
        """Closed as soon as it has begun, mostly, and perhaps changed when it is over."""
        closed = await self._client.write(self._closing(order))
        if isinstance(closed, Done):
            await self._client.write(self._random.choice((confirming, cancelling))(order))
        elif self._client.chance(0.3):
            await self._meddle_with_order(order)

    async def _talk_nonsense(self) -> None:
        """Of what is not there."""
        event = self._random.choice(self._shared.events)
        block = BlockId(self._random.choice((event.id.partition("_")[2], "0" * 16)))
        hold, order, waiter = (outside_id(kind, block, 77) for kind in (Kind.HOLD, Kind.ORDER, Kind.WAITER))
        hold, order = self._random.choice(((hold, order), (order, hold), ("hold_", "order_")))
        shadow = Order(order, block, 77, event, "ana")
        step = self._random.randrange(6)
        if step == 0:
            await self._release(Hold(hold, event, "ana", ""))
        elif step == 1:
            await self._client.write(confirming(shadow))
        elif step == 2:
            await self._client.write(leaving(waiter))
        elif step == 3:
            await self._read_hold(hold)
        elif step == 4:
            await self._hold(Event(f"event_{block}" if block == "0" * 16 else "event_", event.shape))
        else:
            wish = self._wish(event)
            many = msgspec.structs.replace(wish, seats=wish.seats * 2, areas=wish.areas * 2)
            await self._client.write(
                Wanted(
                    "place_hold",
                    lambda gateway, request: gateway.place_hold(request, event.id, many),
                    Told.HELD,
                    About(event=event.id, wish=many),
                    "ana",
                )
            )

    def _some_event(self) -> Event:
        """Half of the time that which has most to sell."""
        return self._shared.events[0] if self._client.chance(0.4) else self._random.choice(self._shared.events)

    def _wish(self, event: Event) -> Wish:
        return event.shape.wish(self._random)

    def _name(self, event: Event) -> str:
        return "" if self._client.chance(0.02) else self._random.choice(NAMES)
