"""What shards told of holds and orders, first answers, replays and reads alike, held against the row that each named.

It tells the state as of its own row, a replay too: what the hold or the order had by then, and not what it had first.
The state is folded here from the entries, with names and prices by the audit's books; of the core nothing is used. An
answer may have been made up behind any entry of a row that was not there yet when the question came; what was done for
it is told as of just behind its own entry.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import msgspec

from actors.audit.audit import BlockAudit
from actors.audit.books import Books, Lot, tickets_of_lot
from actors.audit.findings import Finding
from actors.audit.prices import cost_of
from actors.core import entries as e
from actors.core.ids import BlockId, Kind, outside_id
from actors.core.replies import EventStatus, HoldReply, HoldStatus, OrderReply, OrderStatus
from tests.simulation.boundary import Said
from tests.simulation.journal_audit import row_of
from tests.simulation.market_facts import name_of

if TYPE_CHECKING:
    from tests.simulation.market import Market
    from tests.simulation.world import World

ANSWERS = "answers that tell of a hold or an order, held against the row that they name"
ORDERS_AGAIN = "replays of orders among them"
ROTATED = "orders among them with a ticket under a later code"
VOIDED = "orders among them of which an earlier ticket than the last is void"
DEADLINES = "answers among them that tell of a deadline"
RETOLD = (ANSWERS, ORDERS_AGAIN, ROTATED, VOIDED, DEADLINES)

_SOLD = (OrderStatus.CONFIRMED, OrderStatus.PARTLY_CANCELLED, OrderStatus.COMPLETED, OrderStatus.NO_SHOW)
_ENDS = (OrderStatus.PENDING, OrderStatus.CONFIRMED, OrderStatus.PARTLY_CANCELLED)
"""The statuses in which an order ends with its event."""

_ENDS_BY_TIME = (HoldStatus.ACTIVE.name, OrderStatus.PENDING.name)

_Own: TypeAlias = tuple[Kind, int]


class Shown(NamedTuple):
    """What is told of a hold or an order: units and areas with the block of their event, empty if it is their own.

    `goes_with`: the order that a hold became, or 0; the hold of an order. `tickets`: (index, block, unit, code
    revision, holder). `deadline_ms`: until when it lives, or may be paid.
    """

    status: str
    buyer: str
    units: tuple[tuple[str, str], ...]
    areas: tuple[tuple[tuple[str, str], int], ...]
    total_minor: int
    goes_with: int
    tickets: tuple[tuple[int, str, str, int, str], ...]
    deadline_ms: int


class _Ticket(NamedTuple):
    block: str
    unit: str
    is_place: bool
    cost_minor: int


class _Hold(msgspec.Struct):
    """`once_minor`: what is charged for it as a whole."""

    buyer: str
    tickets: list[_Ticket]
    once_minor: int
    status: HoldStatus = HoldStatus.ACTIVE
    order: int = 0


class _Order(msgspec.Struct):
    """`revisions`: of the tickets' codes, 0 of a void one; empty before it is paid. `leaves`: with its exchange."""

    hold: int
    buyer: str
    tickets: list[_Ticket]
    once_minor: int
    status: OrderStatus = OrderStatus.PENDING
    revisions: list[int] = []
    holders: dict[int, str] = {}
    leaves: Sequence[int] = ()


class _Moment(NamedTuple):
    """What there is to show behind an entry; None: before the first of the row."""

    entry: e.Entry | None
    shown: Shown | None


class Retold:
    """Meets a block's entries one by one (see `Watcher`), and holds what was `said` as of each row against that row."""

    def __init__(self, block: BlockId, said: Iterable[Said]) -> None:
        self.findings: list[Finding] = []
        self.wrong: list[str] = []
        self.counts = Counter[str]()
        self._block = block
        self._said: dict[int, list[Said]] = defaultdict(list)
        for one in said:
            self._said[one.position].append(one)
        self._holds: dict[int, _Hold] = {}
        self._orders: dict[int, _Order] = {}
        self._buyers: dict[int, str] = {}  # of baskets that are meant
        self._position = 0
        self._moments: dict[_Own, list[_Moment]] = {}

    def meet(self, entry: e.Entry, position: int, books: Books) -> None:
        """The next entry; `books` do not have it yet."""
        if position != self._position:
            self._position = position
            owns = dict.fromkeys(_own_of(one.reply) for one in self._said.get(position, ()))
            self._moments = {own: [_Moment(None, self._shown(own))] for own in owns}
        self._set_deadlines(books)
        self._take(entry, books)
        for own, moments in self._moments.items():
            moments.append(_Moment(entry, self._shown(own)))

    def row_over(self, position: int, books: Books) -> None:
        """All of the row is there."""
        self._set_deadlines(books)
        for said in self._said.pop(position, ()):
            self._count(said)
            own = _own_of(said.reply)
            moments = self._moments[own]
            if said.key is not None:
                moments = [moment for moment in moments if _is_of(moment.entry, own, said.key)]
            elif said.is_past:
                moments = moments[-1:]
            if all(_difference(said.reply, shown) for _, shown in moments):
                shown = moments[-1].shown if moments else None
                self.wrong.append(
                    f"{outside_id(own[0], self._block, own[1])} was told as of row {position} "
                    f"{_difference(said.reply, shown)}"
                )

    def finish(self, _: Books) -> None:
        """The journal is at its end."""

    def _set_deadlines(self, books: Books) -> None:
        """Of the last moments, by the books, which have what came before them by now."""
        for (kind, number), moments in self._moments.items():
            entry, shown = moments[-1]
            if shown is not None and shown.status in _ENDS_BY_TIME:
                claim = books.claims.get(number if kind is Kind.HOLD else shown.goes_with)
                moments[-1] = _Moment(entry, shown._replace(deadline_ms=claim.deadline_ms if claim else 0))

    def _count(self, said: Said) -> None:
        self.counts[ANSWERS] += 1
        reply = said.reply
        self.counts[DEADLINES] += reply.status.name in _ENDS_BY_TIME
        if isinstance(reply, OrderReply):
            self.counts[ORDERS_AGAIN] += said.is_again
            self.counts[ROTATED] += any(ticket.code_revision > 1 for ticket in reply.tickets)
            self.counts[VOIDED] += any(ticket.index != place for place, ticket in enumerate(reply.tickets))

    def _take(self, entry: e.Entry, books: Books) -> None:
        match entry:
            case e.HoldPlaced():
                lot = Lot(entry, books.plan)
                once_minor = cost_of(lot.plan, 0, entry.once)
                self._holds[entry.hold] = _Hold(entry.buyer, _tickets_of(lot), once_minor)
            case e.BasketIntended():
                self._buyers[entry.basket] = entry.buyer
            case e.BasketSettled():
                tickets = [ticket for held in entry.held for ticket in _tickets_of_leg(held)]
                once_minor = sum(map(_once_of_leg, entry.held))
                self._holds[entry.basket] = _Hold(self._buyers[entry.basket], tickets, once_minor)
            case e.HoldReleased() if entry.hold in self._holds:
                self._holds[entry.hold].status = HoldStatus.RELEASED
            case e.HoldExpired() if entry.hold in self._holds:
                self._holds[entry.hold].status = HoldStatus.EXPIRED
            case e.StatusChanged() if entry.status is EventStatus.CANCELLED:
                self._end_all()
            case e.OrderPlaced():
                hold = self._holds[entry.hold]
                hold.status, hold.order = HoldStatus.CONFIRMED, entry.order
                self._orders[entry.order] = _Order(entry.hold, hold.buyer, list(hold.tickets), hold.once_minor)
            case e.Corrected():
                assert not any((entry.holds, entry.orders, entry.voided, entry.struck)), "nobody is struck here"
            case _:
                order = self._orders.get(getattr(entry, "order", 0))
                if order is not None:
                    _change(order, entry, books)

    def _end_all(self) -> None:
        """Of an event that is cancelled."""
        for hold in self._holds.values():
            if hold.status is HoldStatus.ACTIVE:
                hold.status = HoldStatus.RELEASED
        for order in self._orders.values():
            if order.status in _ENDS:
                order.status = OrderStatus.CANCELLED

    def _shown(self, own: _Own) -> Shown | None:
        kind, number = own
        if kind is Kind.HOLD:
            hold = self._holds.get(number)
            return None if hold is None else _shown_as_hold(hold)
        order = self._orders.get(number)
        return None if order is None else _shown_as_order(order)


def _change(order: _Order, entry: e.Entry, books: Books) -> None:
    """What the entry makes of the order that it names."""
    match entry:
        case e.OrderConfirmed():
            order.status, order.revisions = OrderStatus.CONFIRMED, [1] * len(order.tickets)
        case e.OrderCancelled():
            order.status = OrderStatus.CANCELLED
        case e.OrderExpired():
            order.status = OrderStatus.EXPIRED
        case e.OrderClosed():
            order.status = entry.status
        case e.TicketReassigned():
            order.revisions[entry.ticket] += 1
            order.holders[entry.ticket] = entry.holder
        case e.TicketsCancelled():
            order.status = OrderStatus.PARTLY_CANCELLED
            _exchange(order, entry.tickets, [])
        case e.TicketsExchanged():
            _exchange(order, entry.tickets, _tickets_of(Lot(entry, books.plan)))
        case e.ExchangeIntended():
            order.leaves = entry.tickets
        case e.ExchangeSettled():
            _exchange(order, order.leaves, list(_tickets_of_leg(entry.held)))
            order.once_minor += _once_of_leg(entry.held)


def _exchange(order: _Order, gone: Sequence[int], more: list[_Ticket]) -> None:
    for ticket in gone:
        order.revisions[ticket] = 0
    order.revisions += [1] * len(more)
    order.tickets += more


def _tickets_of(lot: Lot) -> list[_Ticket]:
    found = []
    for ticket in tickets_of_lot(lot, 0):
        charges = lot.entry.charges[ticket.line] if ticket.line < len(lot.entry.charges) else ()
        cost_minor = cost_of(lot.plan, lot.entry.prices[ticket.line][2], charges)
        is_place = ticket.unit is None
        name = lot.plan.area_name(ticket.area) if ticket.unit is None else lot.plan.unit_name(ticket.unit)
        found.append(_Ticket("", name, is_place, cost_minor))
    return found


def _tickets_of_leg(held: Any) -> Iterator[_Ticket]:
    places = [own.area for own in held.areas for _ in range(own.quantity)]
    names = [(seat, False) for seat in held.seats] + [(area, True) for area in places]
    for (name, is_place), line in zip(names, held.of_ticket, strict=True):
        yield _Ticket(held.home or held.block, name, is_place, _cost_of_line(held.lines[line]))


def _once_of_leg(held: Any) -> int:
    return 0 if held.once is None else _cost_of_line(held.once)


def _cost_of_line(line: Any) -> int:
    added = [amount for _, _, included, amount in line.taxes if not included]
    return sum((line.price, *(amount for _, amount in line.fees), *added))


def _shown_as_hold(hold: _Hold) -> Shown:
    return Shown(hold.status.name, hold.buyer, *_summed(hold.tickets, hold.once_minor), hold.order, (), 0)


def _shown_as_order(order: _Order) -> Shown:
    revisions = order.revisions or [1] * len(order.tickets)
    good = [number for number, revision in enumerate(revisions) if revision]
    tickets = [
        (
            number,
            order.tickets[number].block,
            order.tickets[number].unit,
            revisions[number],
            order.holders.get(number, ""),
        )
        for number in good
        if order.status in _SOLD
    ]
    summed = _summed([order.tickets[number] for number in good], order.once_minor)
    return Shown(order.status.name, order.buyer, *summed, order.hold, tuple(tickets), 0)


def _summed(
    tickets: Sequence[_Ticket], once_minor: int
) -> tuple[tuple[tuple[str, str], ...], tuple[tuple[tuple[str, str], int], ...], int]:
    units = sorted((ticket.block, ticket.unit) for ticket in tickets if not ticket.is_place)
    areas = Counter((ticket.block, ticket.unit) for ticket in tickets if ticket.is_place)
    return tuple(units), tuple(sorted(areas.items())), once_minor + sum(ticket.cost_minor for ticket in tickets)


def shown_by(reply: HoldReply | OrderReply) -> Shown:
    """What the reply says."""
    units = [("", seat) for seat in reply.seats] + [(leg.block, seat) for leg in reply.legs for seat in leg.seats]
    areas = Counter[tuple[str, str]]()
    for block, places in [("", reply.areas), *((leg.block, leg.areas) for leg in reply.legs)]:
        for one in places:
            areas[block, one.area] += one.quantity
    if isinstance(reply, HoldReply):
        goes_with, deadline_ms, tickets = reply.order, reply.expires_at_ms, []
    else:
        goes_with, deadline_ms = reply.hold, reply.pay_by_ms
        tickets = [(one.index, one.block, one.unit, one.code_revision, one.holder) for one in reply.tickets]
    return Shown(
        reply.status.name, reply.buyer, tuple(sorted(units)), tuple(sorted(areas.items())), reply.price.total,
        goes_with, tuple(tickets), deadline_ms,
    )  # fmt: skip


def _difference(reply: HoldReply | OrderReply, shown: Shown | None) -> str:
    """The first that is told otherwise; empty: nothing is. What is over by time alone the journal does not say yet: it
    is so from the deadline on. What does not end by time has none.
    """
    if shown is None:
        return "and the journal says nothing of it"
    told = shown_by(reply)
    if shown.status not in _ENDS_BY_TIME:
        told = told._replace(deadline_ms=shown.deadline_ms)
    elif told.status == "EXPIRED":
        if isinstance(reply, HoldReply) and reply.now_ms < shown.deadline_ms:
            return f"as over, {shown.deadline_ms - reply.now_ms} ms before its deadline"
        shown = shown._replace(status="EXPIRED")
    for what, one, other in zip(Shown._fields, told, shown, strict=True):
        if one != other:
            return f"with {what.replace('_', ' ')} {one}, and the journal says {other}"
    return ""


def _own_of(reply: HoldReply | OrderReply) -> _Own:
    return (Kind.ORDER, reply.order) if isinstance(reply, OrderReply) else (Kind.HOLD, reply.hold)


def _is_of(entry: e.Entry | None, own: _Own, key: bytes) -> bool:
    """Whether the entry is about it, and by this key where one is known."""
    kind, number = own
    names = ("order",) if kind is Kind.ORDER else ("hold", "basket")
    is_about = any(getattr(entry, name, 0) == number for name in names)
    return is_about and (not key or getattr(entry, "key", b"") == key)


def answers_and_journals(world: "World", market: "Market") -> Iterator[str]:
    """What shards said of holds and orders is what the journals say, and clients were told nothing else."""
    said: dict[BlockId, list[Said]] = defaultdict(list)
    for one in world.boundary.said:
        row = world.store.row_at(one.block, one.position)
        if row is not None and row.chain == one.chain:
            said[one.block].append(one)
    for block, own in said.items():
        retold = Retold(block, own)
        audit = BlockAudit(block, watcher=retold)
        for row in world.store.journals[block]:
            for _ in audit.take(row_of(row)):
                pass  # which the audit of the run reports
        yield from retold.wrong
        market.notes.judged += retold.counts
    for fact in market.notes.facts.of_lots():
        if (fact.block, fact.position, fact.seen) not in world.boundary.spoken:
            yield f"{name_of(fact.block, fact.seen)} was told as of row {fact.position}, and no shard has said that"
