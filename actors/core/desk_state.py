"""What a desk remembers: its baskets, what it wants to place, and what follows from its decisions until that is done.

A basket that is held is a hold of the desk's block like any other, without units of its own, and its order likewise.
"""

from collections import OrderedDict
from collections.abc import Container, Iterable, Iterator

import msgspec

from actors.core.baskets import Deed, LegHeld, LegPlan
from actors.core.due_heap import DueHeap

FIRST_DEMAND = 2
"""The revision of what is first demanded of a leg; it is pinned under 1."""


class Todo(msgspec.Struct, array_like=True, gc=False):
    """A deed that a leg has not acknowledged yet; `tickets` of the leg to release, empty: all that it has."""

    leg: int
    block: str
    revision: int
    deed: Deed
    tickets: tuple[int, ...] = ()
    since_ms: int = 0


class Exchange(msgspec.Struct, array_like=True, gc=False):
    """Tickets of an order that are to be given back for what `plan` places, unless `place_by_ms` passes first."""

    order: int
    tickets: tuple[int, ...]
    plan: LegPlan
    place_by_ms: int
    key: bytes


class Basket(msgspec.Struct, array_like=True, gc=False):
    """A basket. `held` is empty while its legs are being placed. `revisions`: the newest of each leg.

    `counted`: how many units each leg in a ledger still counts.
    """

    number: int
    buyer: str
    plans: tuple[LegPlan, ...]
    ttl_ms: int
    place_by_ms: int
    key: bytes
    fingerprint: bytes
    life_ms: int
    held: tuple[LegHeld, ...] = ()
    revisions: dict[int, int] = {}
    exchange: Exchange | None = None
    counted: dict[int, int] = {}

    @property
    def channel(self) -> str:
        """Through which all its legs are sold; empty if through none, or not through the same."""
        channels = {plan.wish.channel for plan in self.plans}
        return channels.pop() if len(channels) == 1 else ""

    def ledger_leg(self, block: str) -> LegHeld | None:
        """The basket's leg in this ledger, or None."""
        return next((held for held in self.held if held.counts and held.block == block), None)


class Desk:
    """Baskets by number; the baskets and exchanges that are being placed; deeds by leg, oldest first."""

    def __init__(self) -> None:
        self.baskets: dict[int, Basket] = {}
        self.placing: dict[int, Basket] = {}  # those whose legs are not settled, exchanges included
        self._place_dues = DueHeap(self.placing, _place_by_ms)
        self.todos: OrderedDict[tuple[int, int], Todo] = OrderedDict()  # by leg and revision, the newest last
        self.deeds: dict[int, list[Todo]] = {}  # those of each leg, the oldest first
        self.demand_count = 0  # how many there ever were; only its growth means anything

    def add(self, basket: Basket) -> None:
        """Remember the basket, as it is."""
        self.baskets[basket.number] = basket
        if not basket.held or basket.exchange is not None:
            self.placing[basket.number] = basket
            self._place_dues.push(basket.number)
        else:
            self.placing.pop(basket.number, None)

    def forget(self, number: int) -> None:
        """The basket came to nothing, and long ago."""
        self.baskets.pop(number, None)
        self.placing.pop(number, None)

    def release(self, number: int, at_ms: int) -> None:
        """Demand that every leg of the basket, if it is one, gives back what it has."""
        basket = self.baskets.get(number)
        if basket is not None:
            for leg in basket.held or basket.plans:
                self._demand(basket, leg, Deed.RELEASE, at_ms)

    def book(self, number: int, at_ms: int) -> None:
        """Demand that every leg of the basket, if it is one, is booked."""
        basket = self.baskets.get(number)
        if basket is not None:
            for held in basket.held:
                self._demand(basket, held, Deed.BOOK, at_ms)

    def release_tickets(self, number: int, tickets: Iterable[int], at_ms: int, booked: LegHeld | None = None) -> None:
        """Demand that these tickets of the order are given back by the legs that have them, and not counted any more.

        `booked`: what the order has instead of them. Of its block the tickets are given back by its leg itself.
        """
        basket = self.baskets[number]
        for held, of_leg in tickets_by_leg(basket.held, tickets):
            if of_leg and (booked is None or held.block != booked.block):
                self._demand(basket, held, Deed.RELEASE, at_ms, tuple(of_leg))
        for ledger, count in count_less(basket, tickets, booked).items():
            if count > 0:
                left = basket.counted[ledger.leg]
                self._demand(basket, ledger, Deed.RELEASE, at_ms, tuple(range(left - count, left)))
                basket.counted = {**basket.counted, ledger.leg: left - count}

    def settle_exchange(self, basket: Basket, held: LegHeld, at_ms: int) -> None:
        """The exchange is decided: book the new leg, give the tickets back."""
        exchange = basket.exchange
        assert exchange is not None, "there is an exchange to settle"
        basket.exchange = None
        self._demand(basket, held, Deed.BOOK, at_ms)
        self.release_tickets(basket.number, exchange.tickets, at_ms, held)
        basket.held = (*basket.held, held)
        self.add(basket)

    def drop_exchange(self, basket: Basket, at_ms: int) -> None:
        """The exchange came to nothing: its leg gives back what it has."""
        assert basket.exchange is not None, "there is an exchange to drop"
        plan, basket.exchange = basket.exchange.plan, None
        self._demand(basket, plan, Deed.RELEASE, at_ms)
        self.add(basket)

    def acknowledge(self, leg: int, revision: int) -> None:
        """The leg has done it."""
        deeds = self.deeds[leg]
        deeds.remove(self.todos.pop((leg, revision)))
        if not deeds:
            del self.deeds[leg]

    def demand(self, todo: Todo) -> None:
        """Remember a deed, newer than all others."""
        self.todos[todo.leg, todo.revision] = todo
        self.deeds.setdefault(todo.leg, []).append(todo)
        self.demand_count += 1

    def next_deed_ms(self) -> int | None:
        """Since when the oldest deed is to be done, or None."""
        return next(iter(self.todos.values())).since_ms if self.todos else None

    def _demand(
        self, basket: Basket, leg: LegHeld | LegPlan, deed: Deed, at_ms: int, tickets: tuple[int, ...] = ()
    ) -> None:
        revision = basket.revisions.get(leg.leg, FIRST_DEMAND - 1) + 1
        basket.revisions[leg.leg] = revision
        self.demand(Todo(leg.leg, leg.block, revision, deed, tickets, at_ms))

    def next_place_by_ms(self) -> int | None:
        """When the next one that is being placed has run out of time."""
        basket = self._place_dues.first()
        return None if basket is None else _place_by_ms(basket)

    def overdue(self, at_ms: int) -> Basket | None:
        """The one whose time for placing has been over for longest."""
        basket = self._place_dues.first()
        return basket if basket is not None and _place_by_ms(basket) <= at_ms else None


def tickets_by_leg(legs: Iterable[LegHeld], tickets: Iterable[int]) -> Iterator[tuple[LegHeld, list[int]]]:
    """Each leg with those of an order's tickets that are its own, counted from 0 in the leg."""
    wanted = set(tickets)
    first = 0
    for held in legs:
        count = len(held.of_ticket)
        yield held, [ticket for ticket in range(count) if first + ticket in wanted]
        first += count


def left_at_tables(legs: Iterable[LegHeld], good: Container[int], given: Iterable[int]) -> tuple[str, ...]:
    """What is left, by name, of tables that are sold only as a whole, without the tickets given. `good`: not void."""
    left: list[str] = []
    wanted, first = {ticket for ticket in given if ticket in good}, 0
    for held in legs:
        for table in held.together:
            own = {ticket for ticket in table if first + ticket in wanted}
            left += (held.seats[ticket] for ticket in table if own and ticket not in own and first + ticket in good)
        first += len(held.of_ticket)
    return tuple(left)


def once_an_event(held: LegHeld, before: Iterable[LegHeld]) -> LegHeld:
    """The leg, without what its event charges once if one of the legs before is of the same event, and no ledger's."""
    is_first = all(leg.event != held.event for leg in before if not leg.counts)
    return held if is_first else msgspec.structs.replace(held, once=None)


def counted(legs: Iterable[LegHeld], ledger: str) -> int:
    """How many units of these legs the ledger counts."""
    return sum(len(held.of_ticket) for held in legs if held.counted_by == ledger)


def count_less(basket: Basket, tickets: Iterable[int], booked: LegHeld | None = None) -> dict[LegHeld, int]:
    """By how much each ledger's leg counts less without these tickets, and with what is booked instead of them."""
    less: dict[str, int] = {}
    for held, of_leg in tickets_by_leg(basket.held, tickets):
        if held.counted_by:
            less[held.counted_by] = less.get(held.counted_by, 0) + len(of_leg)
    if booked is not None and booked.counted_by:
        less[booked.counted_by] = less.get(booked.counted_by, 0) - len(booked.of_ticket)
    ledgers = ((basket.ledger_leg(block), count) for block, count in less.items())
    return {ledger: count for ledger, count in ledgers if ledger is not None}


def _place_by_ms(basket: Basket) -> int:
    return basket.place_by_ms if basket.exchange is None else basket.exchange.place_by_ms
