"""What the auditor knows of baskets: at their desk, and at the blocks that have their legs.

All of it is kept until every block is read, as only then the two can be held against each other: some hundred bytes for
each leg that there ever was. So what will hardly change any more rests (`shelf`): at its block a leg without units, at
its desk a basket of which nothing is under way.
"""

from collections.abc import Iterable, Iterator, Sequence
from enum import IntEnum
from typing import TYPE_CHECKING, Any, TypeAlias, get_type_hints

import msgspec

from actors.audit.shelf import Shelf
from actors.core import entries as e

if TYPE_CHECKING:
    PlanOfLeg: TypeAlias = Any
    HeldOfLeg: TypeAlias = Any
else:  # what entries have
    PlanOfLeg = get_type_hints(e.ExchangeIntended)["leg"]
    HeldOfLeg = get_type_hints(e.ExchangeSettled)["held"]

FIRST_REVISION = 1
"""The revision under which a leg is pinned; each demand of its desk has the next."""


class Deed(IntEnum):
    """What a desk demands of a leg, and what is done to it."""

    BOOK = 0
    RELEASE = 1


class Demand(msgspec.Struct, array_like=True):
    """A deed that follows from what the desk decided. `tickets`: of the leg to release; empty: all that it has.

    `acknowledged_in`: the desk's row that says so; 0: none does yet.
    """

    deed: Deed
    tickets: tuple[int, ...] = ()
    acknowledged_in: int = 0


class LegAtDesk(msgspec.Struct, array_like=True):
    """A leg as its desk knows it. `plan` and `held`: a `LegPlan`, and the `LegHeld` that it came to, if it did.

    `is_known`: by its number, which no other leg had before. `held_in`: the row that says that it is held.
    `expected`: the tickets that are good at the end; None: the leg is not to be booked. `is_wanted`: it is to have its
    units at the end. `counted`: of a leg in a ledger, how many units it counts. `is_first`: of its event's legs.
    """

    basket: int
    buyer: str
    plan: PlanOfLeg
    place_by_ms: int
    is_known: bool = True
    held: HeldOfLeg | None = None
    held_in: int = 0
    demands: dict[int, Demand] = {}
    revision: int = FIRST_REVISION
    expected: list[int] | None = None
    is_wanted: bool = False
    counted: int = 0
    is_first: bool = True

    @property
    def number(self) -> int:
        """Of the leg."""
        return int(self.plan.leg)

    @property
    def block(self) -> str:
        """Which is to have it."""
        return str(self.plan.block)

    @property
    def is_ledgers(self) -> bool:
        """Whether it only counts what the others have."""
        return bool(self.plan.counts)

    @property
    def ticket_count(self) -> int:
        """How many tickets it ever had."""
        return 0 if self.held is None else len(self.held.of_ticket)

    @property
    def is_settled(self) -> bool:
        """Whether all that was demanded of it is acknowledged."""
        return all(demand.acknowledged_in for demand in self.demands.values())

    def demand(self, deed: Deed, tickets: Iterable[int] = ()) -> None:
        """Under the next revision."""
        self.revision += 1
        self.demands[self.revision] = Demand(deed, tuple(tickets))


class Basket(msgspec.Struct, array_like=True):
    """A basket at its desk. `intent`: while it is being placed, without its legs. `key`: under which it was meant.

    `exchange`: of its order, that is being placed, with its leg; `dropped_legs`: of those that came to nothing.
    `lost_at`: the rows in which it lost something that nobody asked for, as an event of it was cancelled.
    """

    number: int
    buyer: str
    key: bytes
    intent: e.BasketIntended | None
    legs: list[LegAtDesk]
    is_held: bool = False
    is_dropped: bool = False
    exchange: tuple[e.ExchangeIntended, LegAtDesk] | None = None
    dropped_legs: list[LegAtDesk] = []
    lost_at: list[int] = []

    @property
    def place_by_ms(self) -> int | None:
        """Until when something of it can be placed, if something is."""
        if self.exchange is not None:
            return self.exchange[0].place_by_ms
        return None if self.intent is None else self.intent.place_by_ms

    @property
    def known_legs(self) -> Iterator[LegAtDesk]:
        """All that there ever were, and have numbers of their own."""
        exchanged = () if self.exchange is None else (self.exchange[1],)
        return (leg for leg in (*self.legs, *exchanged, *self.dropped_legs) if leg.is_known)

    @property
    def is_quiet(self) -> bool:
        """Whether nothing of it is under way."""
        return self.place_by_ms is None and all(leg.is_settled for leg in self.known_legs)

    @property
    def ticket_count(self) -> int:
        """How many tickets its order has, or will have, void ones too."""
        return sum(leg.ticket_count for leg in self.legs)

    def release_tickets(self, tickets: Sequence[int], instead: LegAtDesk | None = None) -> bool:
        """The legs are to give these tickets of the order back, and ledgers to count so many less.

        `instead`: the leg that the order has for them, which gives back those of its own block itself. Returns whether
        no ledger would have to count more.
        """
        less: dict[str, int] = {}
        if instead is not None:
            less[instead.plan.counted_by] = -instead.ticket_count
        for leg, own in self.tickets_by_leg(tickets):
            less[leg.plan.counted_by] = less.get(leg.plan.counted_by, 0) + len(own)
            if own and (instead is None or leg.block != instead.block):
                leg.demand(Deed.RELEASE, own)
        changes = [(leg, less.get(leg.block, 0)) for leg in self.legs if leg.is_ledgers]
        for ledger, count in changes:
            if count > 0:
                ledger.demand(Deed.RELEASE, range(ledger.counted - count, ledger.counted))
                ledger.counted -= count
        return all(count >= 0 for _, count in changes)

    def tickets_by_leg(self, tickets: Iterable[int]) -> Iterator[tuple[LegAtDesk, list[int]]]:
        """Each leg with those of the order's tickets that are its own, counted from 0 in the leg."""
        wanted, first = set(tickets), 0
        for leg in self.legs:
            yield leg, [ticket for ticket in range(leg.ticket_count) if first + ticket in wanted]
            first += leg.ticket_count


class Desk:
    """The baskets and legs of one desk, by number."""

    def __init__(self) -> None:
        self.tenant = ""
        self.baskets = Shelf(Basket)
        self.basket_of_leg: dict[int, int] = {}

    def place_by_ms(self, basket: int) -> int | None:
        """See `Basket.place_by_ms`; None where there is no such basket."""
        known = self.baskets.awake(basket)
        return None if known is None else known.place_by_ms

    def leg(self, number: int) -> LegAtDesk | None:
        """To be changed, as its basket is."""
        return _leg_of(self.baskets.get(self.basket_of_leg.get(number, 0)), number)

    def peek_leg(self, number: int) -> LegAtDesk | None:
        """To be looked at."""
        return _leg_of(self.baskets.peek(self.basket_of_leg.get(number, 0)), number)

    @property
    def open_deeds(self) -> int:
        """How many deeds no leg has acknowledged."""
        legs = (leg for _, basket in self.baskets.all_awake() for leg in basket.known_legs)
        return sum(not demand.acknowledged_in for leg in legs for demand in leg.demands.values())

    def release_all(self, number: int) -> None:
        """Every leg of the basket, if it is one, is to give back all that it has."""
        basket = self.baskets.get(number)
        for leg in basket.legs if basket is not None else ():
            leg.demand(Deed.RELEASE)

    def release_tickets(self, number: int, tickets: Sequence[int]) -> None:
        """The legs of the basket, if it is one, are to give back these tickets of its order."""
        basket = self.baskets.get(number)
        if basket is not None:
            basket.release_tickets(tickets)


def _leg_of(basket: Basket | None, number: int) -> LegAtDesk | None:
    legs = () if basket is None else basket.known_legs
    return next((leg for leg in legs if leg.number == number), None)


class LegAtBlock(msgspec.Struct, array_like=True):
    """A leg as its block has it. `pinned`: None of one that never came; without units and prices. `holds`: what its
    desk is told that it holds, encoded; empty if nothing can be told.

    `done`: the deeds by revision, with their tickets and the row. `good`: of a booked one, the tickets that are not
    void. `limit`: what a buyer could have of the event when it was pinned; 0: there was no limit. `count`: how many
    units it is of. `home`: of the event of which the block is but a part.
    """

    number: int
    position: int
    pinned: e.LegPinned | None = None
    holds: bytes = b""
    done: dict[int, tuple[Deed, tuple[int, ...], int]] = {}
    barred_until_ms: int = 0
    good: list[int] | None = None
    has_units: bool = False
    limit: int = 0
    count: int = 0
    home: str = ""

    @property
    def revision(self) -> int:
        """Of what was last done to it."""
        pinned = FIRST_REVISION - 1 if self.pinned is None else self.pinned.revision
        return max(self.done, default=pinned)
