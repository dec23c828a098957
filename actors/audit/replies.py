"""What clients were told, held against the journal: every acknowledged reply is there, no later and no different."""

from collections.abc import Iterable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import msgspec

from actors.audit.basket_books import Basket
from actors.audit.books import Books, Lot, Ticket, tickets_of_lot
from actors.audit.claiming import MAX_UNITS_PER_HOLD
from actors.audit.denials import Denied
from actors.audit.findings import Fault, Finding
from actors.audit.ids import HOLD, ORDER, WAITER, block_of_event, home_of
from actors.audit.keys import journaled_key
from actors.audit.plan import Plan
from actors.audit.prices import cost_of, lines_of
from actors.core import entries as e


class Told(StrEnum):
    """What a reply acknowledged."""

    HELD = "held"
    EXTENDED = "extended"
    RELEASED = "released"
    ORDERED = "ordered"
    CONFIRMED = "confirmed"
    CANCELLED = "cancelled"
    PARTLY_CANCELLED = "partly cancelled"
    EXCHANGED = "exchanged"
    REASSIGNED = "reassigned"
    CLOSED = "closed"
    WAITING = "waiting"
    LEFT = "waiting no longer"


_OfHold: TypeAlias = e.HoldPlaced | e.HoldExtended | e.HoldReleased | e.BasketSettled
_OfOrder: TypeAlias = (
    e.OrderPlaced
    | e.OrderConfirmed
    | e.OrderCancelled
    | e.TicketsCancelled
    | e.TicketsExchanged
    | e.TicketReassigned
    | e.OrderClosed
    | e.ExchangeSettled
)
_OfWaiter: TypeAlias = e.WaiterJoined | e.WaiterLeft
_Done: TypeAlias = _OfHold | _OfOrder | _OfWaiter

TOLD_OF: dict[type, Told] = {
    e.HoldPlaced: Told.HELD,
    e.BasketSettled: Told.HELD,
    e.HoldExtended: Told.EXTENDED,
    e.HoldReleased: Told.RELEASED,
    e.OrderPlaced: Told.ORDERED,
    e.OrderConfirmed: Told.CONFIRMED,
    e.OrderCancelled: Told.CANCELLED,
    e.TicketsCancelled: Told.PARTLY_CANCELLED,
    e.TicketsExchanged: Told.EXCHANGED,
    e.ExchangeSettled: Told.EXCHANGED,
    e.TicketReassigned: Told.REASSIGNED,
    e.OrderClosed: Told.CLOSED,
    e.WaiterJoined: Told.WAITING,
    e.WaiterLeft: Told.LEFT,
}
_KIND_OF = {Told.HELD: HOLD, Told.EXTENDED: HOLD, Told.RELEASED: HOLD, Told.WAITING: WAITER, Told.LEFT: WAITER}


class Acknowledged(msgspec.Struct, frozen=True, omit_defaults=True, tag="acknowledged"):
    """A reply as a client got it.

    `id`: of the hold, the order or the waiter that it is about; of a waiter it tells nothing else. `position`: of the
    row that the reply named, 0 if it named none.
    `expires_at_ms`: as told, 0 if it is not to be compared (a replay tells the deadline as it is by then).
    `key`: the idempotency key under which it was asked for; empty if that was not kept.
    Of a basket, which is home at its desk, each of `units` and `areas` is named `{home block of its event}/{name}`.
    """

    told: Told
    id: str
    units: tuple[str, ...]
    areas: tuple[tuple[str, int], ...]
    total_minor: int
    hold_id: str = ""
    expires_at_ms: int = 0
    position: int = 0
    key: str = ""


def as_acknowledged(
    event_id: str, hold_id: str, units: Iterable[str], areas: Iterable[tuple[str, int]]
) -> tuple[tuple[str, ...], tuple[tuple[str, int], ...]]:
    """Units and areas of a hold of one event as `Acknowledged` has them: with a desk as home, named as a basket's."""
    block = event_id.rpartition("_")[2]
    of = "" if hold_id.rpartition("_")[2].startswith(block) else f"{block}/"
    return tuple(f"{of}{name}" for name in units), tuple((f"{of}{area}", quantity) for area, quantity in areas)


Answered: TypeAlias = Acknowledged | Denied
"""What a client keeps of what it was told."""

_decoder = msgspec.json.Decoder(Answered)


def read_answers(paths: Iterable[Path]) -> Iterator[Answered]:
    """The answers in files of one JSON document a line. Raises OSError, msgspec.DecodeError."""
    for path in paths:
        with path.open("rb") as lines:
            for line in lines:
                yield _decoder.decode(line)


def by_block(answers: Iterable[Answered]) -> dict[str, list[Answered]]:
    """The answers by the home block that their ids bear. Raises ValueError for what is no id."""
    found: dict[str, list[Answered]] = {}
    for answer in answers:
        block = block_of_event(answer.event_id) if isinstance(answer, Denied) else _home(answer)[0]
        found.setdefault(block, []).append(answer)
    return found


class ReplyCheck:
    """Meets a block's entries one by one; what is left at the end never was in the journal."""

    def __init__(self, block: str, replies: Iterable[Acknowledged]) -> None:
        self.findings: list[Finding] = []
        self._block = block
        self._missing: dict[tuple[Told, int], list[Acknowledged]] = {}
        for reply in replies:
            self._missing.setdefault((reply.told, _home(reply)[1]), []).append(reply)

    def meet(self, entry: e.Entry, position: int, books: Books) -> None:
        """The entry is in the row at `position`; `books` do not have it yet."""
        if not isinstance(entry, _Done):
            return
        left = []
        fact = TOLD_OF[type(entry)], _number_of(entry)
        for reply in self._missing.pop(fact, ()):
            if _acknowledges(reply, entry, books):
                self._compare(reply, entry, position, books)
            else:
                left.append(reply)
        if left:
            self._missing[fact] = left

    def finish(self) -> None:
        """The journal is at its end."""
        for replies in self._missing.values():
            for reply in replies:
                self._found(0, Fault.REPLY_NOT_IN_JOURNAL, f"{reply.id} was said to be {reply.told}")
        self._missing = {}

    def _compare(self, reply: Acknowledged, entry: _Done, position: int, books: Books) -> None:
        if reply.position and reply.position < position:
            self._found(
                position, Fault.REPLY_AHEAD_OF_JOURNAL, f"{reply.id} was said to be {reply.told} at {reply.position}"
            )
        if reply.key and _key_of(entry, books) not in _keys_of(reply, books.tenant):
            self._found(
                position, Fault.REPLY_OF_ANOTHER_KEY, f"{reply.id} was said to be {reply.told} to key {reply.key}"
            )
        if isinstance(entry, _OfWaiter):
            return
        if isinstance(entry, e.ExchangeSettled) and reply.position > position:
            return  # it is told when the leg is booked, with what the order has by then
        claimed = _claimed_after(entry, books)
        if claimed is None:
            return  # which the ledger reports
        told = sorted(reply.units), _summed(reply.areas), reply.total_minor
        if told != claimed.told or _differs(reply, entry, claimed.hold, self._block):
            self._found(
                position,
                Fault.REPLY_DIFFERS,
                f"{reply.id} was said to be {reply.told} with {', '.join(reply.units)} {reply.areas} "
                f"for {reply.total_minor}",
            )

    def _found(self, position: int, fault: Fault, sentence: str) -> None:
        self.findings.append(Finding(self._block, position, fault, sentence))


def _home(reply: Acknowledged) -> tuple[str, int]:
    return home_of(_KIND_OF.get(reply.told, ORDER), reply.id)


def _keys_of(reply: Acknowledged, tenant: str) -> Iterator[bytes]:
    """What its key may be in the journal; of what is held of one event at a desk, the event's own too."""
    yield journaled_key(tenant, reply.key)
    events = {name.partition("/")[0] for name in (*reply.units, *(area for area, _ in reply.areas))}
    if reply.told is Told.HELD and len(events) == 1:
        yield journaled_key(tenant, reply.key, *events)


def _number_of(entry: _Done) -> int:
    if isinstance(entry, _OfOrder):
        return entry.order
    if isinstance(entry, e.BasketSettled):
        return entry.basket
    return entry.waiter if isinstance(entry, _OfWaiter) else entry.hold


def _key_of(entry: _Done, books: Books) -> bytes:
    """The key that had the effect; that of a basket or an exchange was journaled when it was meant."""
    if isinstance(entry, e.BasketSettled):
        basket = books.desk.baskets.peek(entry.basket)
        return b"" if basket is None else basket.key
    if isinstance(entry, e.ExchangeSettled):
        order = books.orders.get(entry.order)
        basket = books.desk.baskets.peek(order.hold) if order is not None else None
        return b"" if basket is None or basket.exchange is None else basket.exchange[0].key
    return entry.key


def _acknowledges(reply: Acknowledged, entry: _Done, books: Books) -> bool:
    """Whether the reply is about this very entry: some things can be done more than once to a hold or an order."""
    if not isinstance(
        entry, e.HoldExtended | e.TicketsCancelled | e.TicketsExchanged | e.TicketReassigned | e.ExchangeSettled
    ):
        return True
    if reply.key:
        return journaled_key(books.tenant, reply.key) == _key_of(entry, books)
    return not isinstance(entry, e.HoldExtended) or reply.expires_at_ms == entry.expires_at_ms


class _Claimed(NamedTuple):
    """The hold, and what is told of what it or its order has: names of units, places by area, what it costs."""

    hold: int
    told: tuple[list[str], dict[str, int], int]


def _claimed_after(entry: _OfHold | _OfOrder, books: Books) -> _Claimed | None:
    """What is claimed when the entry has had its effect, or was when it ended the claim; None: nothing is known."""
    if isinstance(entry, e.HoldPlaced):
        lot = Lot(entry, books.plan)
        if not _is_readable(lot):
            return None
        return _claimed(entry, lot.plan, list(tickets_of_lot(lot, 0)))
    if isinstance(entry, e.BasketSettled):
        return _claimed_by_legs(entry.basket, [(held, list(range(len(held.of_ticket)))) for held in entry.held])
    if isinstance(entry, _OfOrder) and not isinstance(entry, e.OrderPlaced):
        order = books.orders.get(entry.order)
        claim = books.claims.get(order.hold) if order is not None else None
    else:
        claim = books.claims.get(entry.hold)
    if claim is None:
        return None
    basket = books.desk.baskets.peek(claim.placed.hold)
    if basket is not None:
        return _claimed_by_legs(claim.placed.hold, _legs_after(entry, books, basket))
    tickets = books.good_tickets(claim)
    if isinstance(entry, e.TicketsCancelled | e.TicketsExchanged):
        tickets = [ticket for ticket in tickets if ticket.number not in entry.tickets]
    if isinstance(entry, e.TicketsExchanged):
        lot = Lot(entry, books.plan)
        if not _is_readable(lot):
            return None
        tickets += tickets_of_lot(lot, 0)
    return _claimed(claim.placed, claim.lot.plan, tickets)


def _legs_after(entry: _OfHold | _OfOrder, books: Books, basket: Basket) -> list[tuple[Any, list[int]]]:
    """What the legs of a basket hold, with those of their tickets that are good when the entry has had its effect."""
    gone: tuple[int, ...] = entry.tickets if isinstance(entry, e.TicketsCancelled) else ()
    if isinstance(entry, e.ExchangeSettled) and basket.exchange is not None:
        gone = basket.exchange[0].tickets
    order = books.orders.get(entry.order) if isinstance(entry, _OfOrder) else None
    revisions = (order.revisions if order is not None else []) or [1] * basket.ticket_count
    good = [ticket for ticket, revision in enumerate(revisions) if revision and ticket not in gone]
    legs = [(leg.held, own) for leg, own in basket.tickets_by_leg(good) if leg.held is not None]
    if isinstance(entry, e.ExchangeSettled):
        legs.append((entry.held, list(range(len(entry.held.of_ticket)))))
    return legs


def _claimed_by_legs(hold: int, legs: Iterable[tuple[Any, list[int]]]) -> _Claimed | None:
    """Names with the block before them; what is charged for a leg as a whole stays when its tickets are void."""
    units: list[str] = []
    areas: list[tuple[str, int]] = []
    total_minor = 0
    for held, tickets in legs:
        places = [own.area for own in held.areas for _ in range(own.quantity)]
        names = [*held.seats, *places]
        if len(names) != len(held.of_ticket) or not all(0 <= line < len(held.lines) for line in held.of_ticket):
            return None  # which the ledger reports
        for ticket in tickets:
            name = f"{held.home or held.block}/{names[ticket]}"
            if ticket < len(held.seats):
                units.append(name)
            else:
                areas.append((name, 1))
            total_minor += _cost_of_line(held.lines[held.of_ticket[ticket]])
        total_minor += 0 if held.once is None else _cost_of_line(held.once)
    return _Claimed(hold, (sorted(units), _summed(areas), total_minor))


def _cost_of_line(line: Any) -> int:
    added = [amount for _, _, included, amount in line.taxes if not included]
    return sum((line.price, *(amount for _, amount in line.fees), *added))


def _is_readable(lot: Lot) -> bool:
    """Whether every unit and price of an entry that is not folded yet is there."""
    areas = {area for area, _ in lot.entry.areas}
    return (
        lot.quantity <= MAX_UNITS_PER_HOLD
        and all(quantity > 0 for _, quantity in lot.entry.areas)
        and all(0 <= unit < lot.plan.unit_count for unit in lot.entry.seats)
        and areas <= set(range(len(lot.plan.areas)))
        and lines_of(lot.plan, lot.entry) is not None
    )


def _claimed(placed: e.HoldPlaced, own_plan: Plan, tickets: list[Ticket]) -> _Claimed:
    units = sorted(ticket.lot.plan.unit_name(ticket.unit) for ticket in tickets if ticket.unit is not None)
    areas = [(ticket.lot.plan.area_name(ticket.area), 1) for ticket in tickets if ticket.unit is None]
    total_minor = sum(_cost_of(ticket) for ticket in tickets) + cost_of(own_plan, 0, placed.once)
    return _Claimed(placed.hold, (units, _summed(areas), total_minor))


def _cost_of(ticket: Ticket) -> int:
    entry = ticket.lot.entry
    if ticket.line >= len(entry.prices):
        return 0  # which the ledger has reported
    charges = entry.charges[ticket.line] if ticket.line < len(entry.charges) else ()
    return cost_of(ticket.lot.plan, entry.prices[ticket.line][2], charges)


def _summed(areas: Iterable[tuple[str, int]]) -> dict[str, int]:
    places: dict[str, int] = {}
    for area, quantity in areas:
        places[area] = places.get(area, 0) + quantity
    return places


def _differs(reply: Acknowledged, entry: _Done, hold: int, block: str) -> bool:
    """Whether the reply names another deadline or another hold than the journal."""
    if isinstance(entry, e.HoldPlaced | e.HoldExtended | e.BasketSettled) and reply.expires_at_ms not in (
        0,
        entry.expires_at_ms,
    ):
        return True
    return bool(reply.hold_id) and home_of(HOLD, reply.hold_id) != (block, hold)
