"""What the auditor knows of baskets: at their desk, and at the blocks that have their legs.

All of it is kept until every block is read, as only then the two can be held against each other: some hundred bytes for
each leg that there ever was.
"""

from collections.abc import Iterable, Iterator, Sequence
from enum import IntEnum
from typing import Any

import msgspec

from actors.core import entries as e

FIRST_REVISION = 1
"""The revision under which a leg is pinned; each demand of its desk has the next."""


class Deed(IntEnum):
    """What a desk demands of a leg, and what is done to it."""

    BOOK = 0
    RELEASE = 1


class Demand(msgspec.Struct):
    """A deed that follows from what the desk decided. `tickets`: of the leg to release; empty: all that it has.

    `acknowledged_in`: the desk's row that says so; 0: none does yet.
    """

    deed: Deed
    tickets: tuple[int, ...] = ()
    acknowledged_in: int = 0


class LegAtDesk(msgspec.Struct):
    """A leg as its desk knows it. `plan` and `held`: a `LegPlan`, and the `LegHeld` that it came to, if it did.

    `held_in`: the row that says so.
    `expected`: the tickets that are good at the end; None: the leg is not to be booked. `is_wanted`: it is to have its
    units at the end. `counted`: of a leg in a ledger, how many units it counts. `is_first`: of its event's legs.
    """

    number: int
    block: str
    basket: int
    buyer: str
    plan: Any
    place_by_ms: int
    held: Any = None
    held_in: int = 0
    demands: dict[int, Demand] = {}
    revision: int = FIRST_REVISION
    expected: list[int] | None = None
    is_wanted: bool = False
    counted: int = 0
    is_first: bool = True

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


class Basket(msgspec.Struct):
    """A basket at its desk. `exchange`: of its order, that is being placed, with its leg.

    `lost_at`: the rows in which it lost something that nobody asked for, as an event of it was cancelled.
    """

    intent: e.BasketIntended
    legs: list[LegAtDesk]
    is_held: bool = False
    is_dropped: bool = False
    exchange: tuple[e.ExchangeIntended, LegAtDesk] | None = None
    lost_at: list[int] = []

    @property
    def place_by_ms(self) -> int | None:
        """Until when something of it can be placed, if something is."""
        if self.exchange is not None:
            return self.exchange[0].place_by_ms
        return None if self.is_held or self.is_dropped else self.intent.place_by_ms

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
        self.baskets: dict[int, Basket] = {}
        self.legs: dict[int, LegAtDesk] = {}

    def place_by_ms(self, basket: int) -> int | None:
        """See `Basket.place_by_ms`."""
        return self.baskets[basket].place_by_ms

    @property
    def open_deeds(self) -> int:
        """How many deeds no leg has acknowledged."""
        return sum(not demand.acknowledged_in for leg in self.legs.values() for demand in leg.demands.values())

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


class LegAtBlock(msgspec.Struct):
    """A leg as its block has it. `pinned`: None of one that never came. `holds`: what its desk is told that it holds.

    `done`: the deeds by revision, with their tickets and the row. `good`: of a booked one, the tickets that are not
    void. `limit`: what a buyer could have of the event when it was pinned; 0: there was no limit. `count`: how many
    units it is of. `home`: of the event of which the block is but a part. `given`: (claim, ticket) of those that it was
    pinned instead of, void by now or not.
    """

    number: int
    position: int
    pinned: e.LegPinned | None = None
    holds: list[Any] = []
    done: dict[int, tuple[Deed, tuple[int, ...], int]] = {}
    barred_until_ms: int = 0
    good: list[int] | None = None
    has_units: bool = False
    limit: int = 0
    count: int = 0
    home: str = ""
    given: list[Any] = []

    @property
    def revision(self) -> int:
        """Of what was last done to it."""
        pinned = FIRST_REVISION - 1 if self.pinned is None else self.pinned.revision
        return max(self.done, default=pinned)
