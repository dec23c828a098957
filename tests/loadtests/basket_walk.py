"""Baskets at random over a desk and three events, by gateways that fall silent and errands that come in any order."""

from collections import Counter
from random import Random

import msgspec

from actors.core import commands as c
from actors.core.baskets import LegHeld
from actors.core.ids import BlockId
from actors.core.outcomes import Accepted, Outcome
from actors.core.replies import EventStatus, HoldStatus, OrderStatus, PlacingReply
from actors.core.rules import WaitingList
from actors.core.snapshot import freeze, restore
from actors.core.wishes import AreaPlaces, BestSeats, Span, Wish
from tests.loadtests.basket_shops import FIRST, SECOND, THIRD, BasketShops
from tests.loadtests.correcting import SPAN_MS, correct_some
from tests.loadtests.journals import LAYOUT, TENANT, Journal, Shop
from tests.loadtests.whole_house import SLOT_MS, SLOTS_FROM_MS, WHOLE_RULES, another_layout

CORRECTED_EVERY = 40
BLOCKS = (FIRST, SECOND, THIRD)
BUYERS = ("ana", "ben", "cem")
WHOLE_SEATS = (*(f"A/1/{seat}" for seat in range(1, 9)), "H/2/1", "H/2/2", "H/2/3", "T/t2", "T/t1", "A/3/1")
PLAIN_SEATS = tuple(f"A/{row}/{seat}" for row in (1, 2) for seat in range(1, 7))


class Gateway(msgspec.Struct):
    """What somebody is about to place: a basket, or the exchange of an order."""

    placing: PlacingReply
    buyer: str
    order: int = 0
    held: list[LegHeld] = []


class BasketWalk:
    """Does this and that. `targets`: the events of which baskets are."""

    steps = 400
    changes: tuple[str, ...] = ("cancel", "some", "give", *("exchange",) * 3)

    def __init__(self, seed: int, shops: BasketShops | None = None, targets: tuple[BlockId, ...] = BLOCKS) -> None:
        self.random = Random(seed)
        self.shops = shops or BasketShops()
        self.targets = targets
        self.gateways: list[Gateway] = []
        self.met: Counter[str] = Counter()
        self._numbers = 1_000
        self._layouts = 0

    def run(self) -> tuple[Journal, ...]:
        """The journals of so many steps, and of what is left to do when all gateways are silent."""
        self.shops.open()
        for step in range(self.steps):
            self.step()
            if step % CORRECTED_EVERY == CORRECTED_EVERY - 1:
                self.shops.wait(SPAN_MS)
                self.shops.commit()
                correct_some(self.shops.desk, self.random, step)
            if step == 3 * self.steps // 4 and self.random.random() < 0.6:
                shop = self.shops.events[self.random.choice(self.targets[1:])]
                self.ask(shop, c.ChangeStatus(self.own_stamp(shop), EventStatus.CANCELLED))
        self.shops.commit()
        return self.shops.journals()

    def settle(self) -> tuple[Journal, ...]:
        """And what they came to when every errand is done."""
        self.gateways.clear()
        for _ in range(8):
            self.shops.wait(31_000)
            self.errands(1.0)
        self.shops.commit()
        return self.shops.journals()

    def step(self) -> None:
        random = self.random
        self.shops.wait(random.choice((0, 0, 0, 1, 100, 500, 3_000)))
        match random.choice(("basket", *("place",) * 5, *("order",) * 3, "other")):
            case "basket":
                self.intend()
            case "place" if self.gateways:
                self.place(random.choice(self.gateways))
            case "order":
                self.of_desk()
            case "other":
                self.of_event()
        self.errands(0.3)
        if random.random() < 0.2:
            self.shops.commit()

    def ask(self, shop: Shop, command: c.Write | c.Errand) -> Outcome:
        shop.expire()
        outcome = shop.try_ask(command)
        self.met[f"{type(command).__name__} {'' if isinstance(outcome, Accepted) else outcome.reason.name}"] += 1
        shop.expire()
        return outcome

    def number(self) -> int:
        self._numbers += 1
        return self._numbers

    def own_stamp(self, shop: Shop) -> c.Stamp:
        return shop.stamp(f"key {self.number()}", self.random.choice(BUYERS))

    def intend(self) -> None:
        random, buyer = self.random, self.random.choice(BUYERS)
        blocks = sorted(random.sample(self.targets, random.randint(1, len(self.targets))))
        plans = self.shops.legs({block: self.wish(block) for block in blocks}, buyer, iter(self.number, 0))
        stamp, ttl_ms = self.shops.stamp(buyer), random.choice((5_000, 60_000, 600_000))
        outcome = self.ask(self.shops.desk, c.IntendBasket(stamp, self.number(), plans, ttl_ms))
        if isinstance(outcome, Accepted) and isinstance(outcome.reply, PlacingReply):
            self.gateways.append(Gateway(outcome.reply, buyer))

    def wish(self, block: str) -> Wish:
        random = self.random
        seats: tuple[str, ...] = ()
        areas: tuple[AreaPlaces, ...] = ()
        best: tuple[BestSeats, ...] = ()
        spans: tuple[Span, ...] = ()
        match random.choice(("seats", "seats", "areas", "best", "spans")):
            case "areas":
                areas = (AreaPlaces("floor", random.randint(1, 3)),)
            case "best":
                best = (BestSeats(random.randint(1, 3), ("A",)),)
            case "spans" if block == FIRST:
                starts_ms = SLOTS_FROM_MS + random.randrange(6) * SLOT_MS
                spans = (Span("court 2", starts_ms, starts_ms + SLOT_MS),)
            case _:
                names = WHOLE_SEATS if block == FIRST else PLAIN_SEATS
                first = random.randrange(len(names))
                seats = names[first : first + random.randint(1, 3)]
        channel = random.choice(("", "partner")) if block == FIRST else ""
        return Wish(seats, areas, best, spans, channel=channel)

    def place(self, gateway: Gateway) -> None:
        """One leg more, or what comes of them; now and then nothing more, or the same leg once more."""
        random, desk, placing = self.random, self.shops.desk, gateway.placing
        if random.random() < 0.03:
            self.gateways.remove(gateway)
            return
        left = placing.legs[len(gateway.held) :]
        if left:
            pinned = self.shops.pin(placing, left[0], gateway.buyer)
            self.met[f"pinned {isinstance(pinned, LegHeld)}"] += 1
            if isinstance(pinned, LegHeld):
                if random.random() < 0.9:
                    gateway.held.append(pinned)
                return
        self.gateways.remove(gateway)
        if gateway.order:
            held = None if left else gateway.held[0]
            self.ask(desk, c.SettleExchange(TENANT, gateway.order, placing.legs[0].leg, held))
        elif left:
            self.ask(desk, c.DropBasket(TENANT, placing.number))
        else:
            self.ask(desk, c.SettleBasket(TENANT, placing.number, tuple(gateway.held)))

    def of_desk(self) -> None:
        """What a client does to a basket, or to the order that it became."""
        random, desk = self.random, self.shops.desk
        active = [hold.number for hold in desk.state.holds.values() if hold.status is HoldStatus.ACTIVE]
        over = (OrderStatus.CANCELLED, OrderStatus.EXPIRED)
        orders = [order for order in desk.state.orders.values() if order.status not in over]
        stamp = self.shops.stamp(random.choice(BUYERS))
        if active and (not orders or random.random() < 0.4):
            hold = random.choice(active)
            if random.random() < 0.7:
                self.ask(desk, c.PlaceOrder(stamp, hold, self.number()))
            else:
                extended_ms = random.choice((0, 60_000))
                self.ask(desk, c.ExtendHold(stamp, hold, extended_ms) if extended_ms else c.ReleaseHold(stamp, hold))
        elif orders:
            order = random.choice(orders)
            if order.status is OrderStatus.PENDING and random.random() < 0.8:
                self.ask(desk, c.ConfirmOrder(stamp, order.number))
            else:
                self.of_order(order.number, stamp)

    def of_order(self, number: int, stamp: c.Stamp) -> None:
        random, desk = self.random, self.shops.desk
        order = desk.state.orders[number]
        good = [ticket for ticket, revision in enumerate(order.code_revisions) if revision] or [0]
        tickets = tuple(sorted(random.sample(good, min(len(good), random.randint(1, 2)))))
        match random.choice(self.changes):
            case "cancel":
                self.ask(desk, c.CancelOrder(stamp, number))
            case "some":
                self.ask(desk, c.CancelTickets(stamp, number, tickets))
            case "give":
                self.ask(desk, c.ReassignTicket(stamp, number, tickets[0], "dan"))
            case _:
                block, buyer = random.choice(self.targets), desk.state.holds[order.hold].buyer
                plans = self.shops.legs({block: self.wish(block)}, buyer, iter(self.number, 0))
                plan = next(plan for plan in plans if not plan.counts)
                outcome = self.ask(desk, c.IntendExchange(stamp, number, tickets, plan))
                if isinstance(outcome, Accepted) and isinstance(outcome.reply, PlacingReply):
                    self.gateways.append(Gateway(outcome.reply, buyer, number))

    def of_event(self) -> None:
        """What else goes on in the blocks: holds, edits, other owners, memory that is read anew."""
        random = self.random
        shop = random.choice(self.shops.all)
        match random.choice(("hold", "wait", "layout", "rules", "owner", "memory")):
            case "hold" if shop is not self.shops.desk:
                self.ask(shop, c.PlaceHold(self.own_stamp(shop), self.number(), self.wish(shop.block)))
            case "wait" if shop.block == FIRST:
                self.ask(shop, c.JoinWaitingList(self.own_stamp(shop), self.number(), self.wish(FIRST)))
            case "layout" if shop is not self.shops.desk:
                self._layouts += 1
                layout = another_layout(self._layouts) if shop.block == FIRST else LAYOUT
                self.ask(shop, c.EditEvent(self.own_stamp(shop), shop.state.revision, layout=layout))
            case "rules" if shop.block == FIRST:
                rules = msgspec.structs.replace(
                    WHOLE_RULES,
                    max_per_buyer=random.choice((0, 8)),
                    waiting_list=random.choice((None, WaitingList(5_000))),
                )
                self.ask(shop, c.EditEvent(self.own_stamp(shop), shop.state.revision, rules=rules))
            case "owner" if shop.epochs == 1:
                self.shops.commit()
                shop.take_over(shop.now_ms - 1_000, shop.now_ms)
            case "memory":
                shop.state = restore(freeze(shop.state))

    def errands(self, share: float) -> None:
        """Some of what desks demand and legs in doubt ask."""
        first: dict[int, int] = {}
        for todo in list(self.shops.desk.state.desk.todos.values()):
            if first.setdefault(todo.leg, todo.revision) == todo.revision and self.random.random() < share:
                self.met[f"done {self.shops.do(todo)}"] += 1
        for block, shop in self.shops.events.items():
            for leg in list(shop.state.asking.values()):
                if leg.ask_at_ms <= shop.now_ms and self.random.random() < share:
                    self.met[f"asked {self.shops.ask_desk(block, leg.number)}"] += 1
