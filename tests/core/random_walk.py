"""Random walks: every command on every kind of inventory, of a checked block and of the naive model."""

from collections import Counter

import msgspec
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from actors.core.commands import (
    CancelOrder,
    CancelTickets,
    ChangeStatus,
    CloseOrder,
    ConfirmOrder,
    Correct,
    EditEvent,
    ExchangeTickets,
    ExtendHold,
    JoinWaitingList,
    LeaveWaitingList,
    OpenSale,
    PlaceHold,
    PlaceOrder,
    Read,
    ReadEvent,
    ReadHold,
    ReadOrder,
    ReadWaiter,
    ReassignTicket,
    ReleaseHold,
)
from actors.core.replies import EventStatus, OrderStatus
from actors.core.wishes import AreaPlaces, Wish
from tests.core.naive_parts import HOUR_MS, IN_FORCE, MINUTE_MS
from tests.core.walk import STEPS_MS, TTL_MS, Walk
from tests.core.walk import seeds as _seeds
from tests.core.walk_events import LAYOUTS, RULES, any_wish, mostly, of_two_choices, some_of, to_wait_for

_LEAPS_MS = (1_000, MINUTE_MS - 1, MINUTE_MS, TTL_MS, 25 * MINUTE_MS, 25 * MINUTE_MS, 2 * HOUR_MS, 25 * HOUR_MS)
_TTLS_MS = (0, MINUTE_MS, MINUTE_MS, HOUR_MS, HOUR_MS, 3 * HOUR_MS)


class RandomWalk(Walk):
    """The rules: what is asked, of whatever the walk has brought about so far."""

    @rule(seed=_seeds)
    def place_hold(self, seed: int) -> None:
        random = self.random(seed)
        wish, ttl_ms = any_wish(random), mostly(random, random.choice(_TTLS_MS), 1, -1, odds=12)
        self.write(PlaceHold(self.stamp(random, "hold", wish, ttl_ms), self.new_number(), wish, ttl_ms))

    @rule(seed=_seeds)
    def choose(self, seed: int) -> None:
        """A hold of two choices, released again mostly."""
        random = self.random(seed)
        wish, hold, buyer = of_two_choices(random), self.new_number(), random.choice(("ana", "bob", "dan"))
        self.write(PlaceHold(self.plain_stamp(buyer, "hold", wish), hold, wish, random.choice((MINUTE_MS, HOUR_MS))))
        if hold in self.holds and random.randrange(4):
            self.write(ReleaseHold(self.plain_stamp(buyer, "release", hold), hold))

    @rule(seed=_seeds)
    def buy(self, seed: int) -> None:
        """A plain hold that is ordered, and paid mostly."""
        self.try_to_buy(self.random(seed))

    @precondition(lambda self: self.holds)
    @rule(change=st.sampled_from(("extend", "extend", "release", "order", "order")), seed=_seeds)
    def change_hold(self, change: str, seed: int) -> None:
        random = self.random(seed)
        hold, ttl_ms = self.picked(random, self.holds), mostly(random, random.choice(_TTLS_MS), -1, odds=12)
        stamp = self.stamp(random, change, hold, ttl_ms)
        if change == "extend":
            self.write(ExtendHold(stamp, hold, ttl_ms))
        elif change == "release":
            self.write(ReleaseHold(stamp, hold))
            again = random.choice((ReleaseHold, None))  # what is over stays so
            if again is not None:
                self.write(again(self.plain_stamp("ana", "again", hold), hold))
        else:
            self.write(PlaceOrder(stamp, hold, self.new_number()))

    @precondition(lambda self: self.orders)
    @rule(change=st.sampled_from((ConfirmOrder, ConfirmOrder, CancelOrder)), seed=_seeds)
    def change_order(self, change: type[ConfirmOrder | CancelOrder], seed: int) -> None:
        random = self.random(seed)
        order = self.picked(random, self.orders)
        self.write(change(self.stamp(random, change.__name__, order), order))

    @precondition(lambda self: self.orders)
    @rule(seed=_seeds)
    def close_order(self, seed: int) -> None:
        random = self.random(seed)
        order = self.begun_order(random)
        endings = (OrderStatus.COMPLETED, OrderStatus.NO_SHOW)
        status = mostly(random, random.choice(endings), OrderStatus.CANCELLED, odds=10)
        self.write(CloseOrder(self.stamp(random, "close", order, status), order, status))
        if self.model.orders.get(order) and self.model.orders[order].status not in ("PENDING", *IN_FORCE):
            change = random.choice((ConfirmOrder, CancelOrder))  # what is over stays so
            self.write(change(self.plain_stamp("ana", change.__name__, order), order))

    @rule(seed=_seeds)
    def cancel_tickets(self, seed: int) -> None:
        random = self.random(seed)
        self.buy_something(random)
        order = self.picked_order(random)
        tickets = self.tickets_of(random, order)
        self.write(CancelTickets(self.stamp(random, "void", order, tickets), order, tickets))

    @rule(seed=_seeds)
    def exchange_tickets(self, seed: int) -> None:
        random = self.random(seed)
        self.buy_something(random)
        order, wish = self.picked_order(random), random.choice((any_wish, any_wish, of_two_choices))(random)
        tickets = self.tickets_of(random, order)
        self.write(ExchangeTickets(self.stamp(random, "exchange", order, tickets, wish), order, tickets, wish))

    @precondition(lambda self: self.orders)
    @rule(seed=_seeds)
    def reassign_ticket(self, seed: int) -> None:
        random = self.random(seed)
        order, holder = self.picked_order(random), mostly(random, "dan", "eve", "", odds=3)
        ticket = (*self.tickets_of(random, order), 99)[0]
        self.write(ReassignTicket(self.stamp(random, "reassign", order, ticket, holder), order, ticket, holder))

    @rule(seed=_seeds)
    def join(self, seed: int) -> None:
        random = self.random(seed)
        wish = to_wait_for(random)
        self.write(JoinWaitingList(self.stamp(random, "wait", wish), self.new_number(), wish))

    @precondition(lambda self: self.waiters)
    @rule(seed=_seeds)
    def leave(self, seed: int) -> None:
        random = self.random(seed)
        waiter = self.picked(random, self.waiters)
        self.write(LeaveWaitingList(self.stamp(random, "leave", waiter), waiter))

    @rule(seed=_seeds)
    def change_status(self, seed: int) -> None:
        """A pause and what cannot be, mostly: what is over stays over, so it comes late."""
        random = self.random(seed)
        over = (EventStatus.CLOSED, EventStatus.CANCELLED, EventStatus.ARCHIVED)
        early = mostly(random, EventStatus.PAUSED, EventStatus.ARCHIVED, EventStatus.DRAFT, odds=3)
        status = early if len(self.sent) < 35 else random.choice((early, *over))
        self.write(ChangeStatus(self.stamp(random, "status", status), status))
        if mostly(random, True, False, odds=8):
            self.write(OpenSale(self.plain_stamp("", "open")))

    @rule(seed=_seeds)
    def edit(self, seed: int) -> None:
        random = self.random(seed)
        layout, rules = random.choice(("", "full", *LAYOUTS)), random.choice(("", "", *RULES))
        ttl_ms = mostly(random, None, MINUTE_MS, 1, odds=6)
        revision = self.model.revision - mostly(random, 0, 1, odds=8)
        stamp = self.stamp(random, "edit", layout, rules, ttl_ms)
        self.write(EditEvent(stamp, revision, "Day", LAYOUTS.get(layout), RULES.get(rules), ttl_ms))

    @rule(seed=_seeds)
    def repeat_older_command(self, seed: int) -> None:
        random = self.random(seed)
        self.now_ms += random.choice(STEPS_MS)
        command = random.choice(random.choice((self.sent, self.sent[-3:])))
        limit_ms = self.now_ms + MINUTE_MS if random.randrange(4) else command.stamp.not_after_ms
        tenant = mostly(random, "acme", "evil", odds=10)
        stamp = msgspec.structs.replace(command.stamp, not_after_ms=limit_ms, tenant=tenant)
        self.write(msgspec.structs.replace(command, stamp=stamp))

    @rule(seed=_seeds)
    def correct_something(self, seed: int) -> None:
        """A quarantine ends, with some of what there is, mostly of what can end."""
        random = self.random(seed)
        self.buy_something(random)
        self.now_ms += random.choice(STEPS_MS)
        holds = [number for number, hold in self.model.holds.items() if hold.status == "ACTIVE"]
        orders = [number for number, order in self.model.orders.items() if order.status in ("PENDING", *IN_FORCE)]
        paid = [number for number, order in self.model.orders.items() if order.status in IN_FORCE]
        tickets = [(number, ticket) for number in paid for ticket in self.tickets_of(random, number)]
        bad = mostly(random, (), (random.choice((77_777, *self.holds, *self.orders)),), odds=8)
        number = mostly(random, self.quarantine + 1 + random.randrange(3), self.quarantine, odds=8)
        since_ms = self.at_ms() - random.choice((0, MINUTE_MS, HOUR_MS))
        void, over = some_of(random, tickets), (*some_of(random, holds), *bad)
        self.correct(Correct(number, 1, "mara", "looked at it", since_ms, void, over, some_of(random, orders)))

    @rule(seed=_seeds)
    def wait(self, seed: int) -> None:
        random = self.random(seed)
        self.now_ms += random.choice(_LEAPS_MS)
        if random.randrange(2):
            self.tick()

    @rule(care=st.sampled_from(("tick", "open", "snapshot", "replay", "takeover", "outage")), seed=_seeds)
    def look_after(self, care: str, seed: int) -> None:
        match care:
            case "tick":
                self.tick()
            case "open":
                self.write(OpenSale(self.stamp(self.random(seed), "open")))
            case "snapshot":
                self.block.take_snapshot()
            case "replay":
                self.block.check_replays()
            case _:
                self.activate(MINUTE_MS if care == "outage" else 0)

    @rule(seed=_seeds)
    def read(self, seed: int) -> None:
        random = self.random(seed)
        tenant = mostly(random, "acme", "evil", odds=10)
        self.now_ms += random.choice(STEPS_MS)
        reads: list[Read] = [ReadEvent(tenant)]
        reads += [ReadHold(tenant, self.picked(random, self.holds))] if self.holds else []
        reads += [ReadOrder(tenant, self.picked(random, self.orders))] if self.orders else []
        reads += [ReadWaiter(tenant, self.picked(random, self.waiters))] if self.waiters else []
        for command in reads:
            self.compare(command)

    @rule(seed=_seeds)
    def crowd(self, seed: int) -> None:
        """Somebody has all there is of something for which others wait, some of whom may have no more."""
        random = self.random(seed)
        wish = Wish(areas=(AreaPlaces("floor", random.choice((1, 2))),))
        held = [self.new_number() for _ in range(4)]
        for hold in held:
            self.write(PlaceHold(self.plain_stamp("eve", "hold", wish, hold), hold, wish, HOUR_MS))
        self.try_to_buy(random)
        for buyer in random.choices(("ana", "ana", "bob", "dan", ""), k=3):
            self.write(JoinWaitingList(self.plain_stamp(buyer, "wait", wish), self.new_number(), wish))
        if not random.randrange(4):
            stamp = self.plain_stamp("", "limit", len(self.sent))
            self.write(EditEvent(stamp, self.model.revision, rules=RULES["limited"]))
        for hold in random.sample(held, k=3):
            self.write(ReleaseHold(self.plain_stamp("eve", "release", hold), hold))

    @rule(seed=_seeds)
    def snatch(self, seed: int) -> None:
        """Somebody waits for what another has, and a third one comes just when that is over, before any tick."""
        random = self.random(seed)
        pending = [hold for hold in self.model.holds.values() if self.model.is_pending(hold)]
        if not pending:
            return
        hold = random.choice(pending)
        units = tuple(piece.name for piece in hold.pieces if piece.key)
        places = Counter(piece.name for piece in hold.pieces if not piece.key)
        wish = Wish(units, tuple(AreaPlaces(area, count) for area, count in places.items()), accessible=True)
        if random.randrange(4):
            self.write(JoinWaitingList(self.plain_stamp("dan", "wait", wish), self.new_number(), wish))
        self.now_ms = max(self.now_ms, hold.expires_at_ms)
        self.write(PlaceHold(self.plain_stamp("eve", "hold", wish), self.new_number(), wish, HOUR_MS))
