"""Whether there was no room for what was wished for, in a state of a journal."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Set
from itertools import islice
from typing import NamedTuple

from actors.audit.books import Books
from actors.audit.plan import WHOLE_TABLE, Row
from actors.audit.rules import OPEN, places_kept
from actors.audit.units import UnitStatus
from loadtests.history.calls import Call, Kind, Term
from loadtests.history.wished import given_back, in_the_way, order_of, wished_units

BY_SEAT = {"UNITS_SOLD": UnitStatus.SOLD, "UNITS_HELD": UnitStatus.HELD}


class Span(NamedTuple):
    """When an answer may have been given: between these two, in ms of the block's time, both included."""

    first_ms: int
    last_ms: int


def is_in_the_way(call: Call, books: Books, span: Span) -> bool | None:
    """Whether units were had by others, or not enough were left; None: nobody can judge that."""
    status = BY_SEAT.get(call.reason)
    if status is None:
        return _is_never_enough(call, books) if call.kind is Kind.WAIT else is_not_enough(call, books)
    if status is UnitStatus.HELD and _is_sold(call, books):
        return False  # which is said first
    named, own = in_the_way(call, books), _own(call, books)
    test = all if call.named else any
    return bool(named) and test(_stands(books, unit, status, span, own) for unit in named)


def _is_sold(call: Call, books: Books) -> bool:
    """Whether something that is wished for is sold: what is exchanged for may be the order's own, and given back."""
    own = 0
    if call.kind is Kind.EXCHANGE:
        line = order_of(call, books)
        if line is None:
            return False  # it is at home at a desk, and what it has here is not known
        own = line.hold
    units = books.units
    sold = (unit for unit in wished_units(call, books) if units.statuses[unit] == UnitStatus.SOLD)
    return any(units.owners[unit] != own for unit in sold)


class _Own(NamedTuple):
    """What an order has here that is exchanged: its hold, 0 of none, and the seats and slots that it gives back."""

    hold: int
    given: Set[int]


def _own(call: Call, books: Books) -> _Own:
    line = order_of(call, books) if call.kind is Kind.EXCHANGE else None
    given = {unit for ticket in given_back(call, books) for unit in books.seat_now(ticket)}
    return _Own(0 if line is None else line.hold, given)


def _stands(books: Books, unit: int, status: UnitStatus, span: Span, own: _Own) -> bool:
    """Whether it is held or sold, and not given back by the same step. Or a neighbour of the slot is, with a buffer,
    which is not kept within an order.
    """
    near = books.plan.near(unit) if unit >= books.plan.seat_count else ()
    others = (slot for slot in near if not own.hold or books.units.owners[slot] != own.hold)
    return any(_is_taken(books, one, status, span) for one in (unit, *others) if one not in own.given)


def _is_taken(books: Books, unit: int, status: UnitStatus, span: Span) -> bool:
    """What is overdue for certain is not held, unless somebody waits for it."""
    if books.units.statuses[unit] != status:
        return False
    claim = books.claims.get(books.units.owners[unit])
    if status is UnitStatus.SOLD or claim is None or claim.leg is not None or books.line:
        return True
    return claim.deadline_ms > span.first_ms


def is_not_enough(call: Call, books: Books) -> bool | None:
    """Whether some area has fewer places, or there is no row for some choice.

    None: nobody can judge that: what is left would do, if it is for whoever asked, or if no choice is in the way of
    another.
    """
    back = given_back(call, books)
    places = Counter(ticket.lot.plan.area_name(ticket.area) for ticket in back if ticket.unit is None)
    if any(books.units.open_count(area) + places[area] < quantity for area, quantity in call.areas):
        return True
    wished = set(wished_units(call, books))
    given = {unit for ticket in back for unit in books.seat_now(ticket)}
    if not all(_has_room(call, books, quantity, wished, given) for quantity in call.best):
        return True
    if any(_for_all(books, area, places[area]) < quantity for area, quantity in call.areas):
        return None
    if call.best and call.is_particular:
        return None
    count = len(call.best)
    rows = [_rows_with_room(books, quantity, wished, count) for quantity in call.best]
    return False if all(len(own) == count for own in rows) else None  # so many that each choice has one for itself


def _is_never_enough(call: Call, books: Books) -> bool | None:
    """Whether it could not be had if nobody had anything: else one may wait for it. None: nobody can judge that, where
    seats are to be of some kind.
    """
    capacities = {area.name: area.capacity for area in books.plan.areas}
    if any(capacities.get(area, 0) < quantity for area, quantity in call.areas):
        return True
    wished = set(wished_units(call, books))
    rows = list(filter(_is_wished(call, books), books.plan.rows))
    longest = max((_longest(row, wished) for row in rows), default=0)
    if any(quantity > longest for quantity in call.best):
        return True
    plain = wished.union(books.plan.special)
    longest = max((_longest(row, plain) for row in rows if row.kind != WHOLE_TABLE), default=0)
    is_plain = not call.is_particular and all(quantity <= longest for quantity in call.best)
    return False if is_plain or not call.best else None


def _longest(row: Row, without: Collection[int]) -> int:
    """How many neighbours are left of the row."""
    run = longest = 0
    for seat in row.seats:
        run = 0 if seat in without else run + 1
        longest = max(longest, run)
    return longest


def _for_all(books: Books, area: str, back: int) -> int:
    """How many places of the area anybody can have for certain, with those that the same step gives back."""
    number = books.plan.area_of_name.get(area)
    if number is None or books.event is None:
        return 0
    allotments = books.event.rules.allotments
    if any(own.area == area for allotment in allotments for own in allotment.places):
        return books.units.open_count(area) - places_kept(books.event, books.returned, books.units, number, "")
    return books.units.open_count(area) + back


def _has_room(call: Call, books: Books, quantity: int, named: Collection[int], given: Set[int]) -> bool:
    """Whether there is a row where so many can sit together, by itself and with what the same step gives back."""
    numbers = {
        *books.units.open_rows(quantity),
        *(books.plan.row_number(unit) for unit in given if _is_seat(books, unit)),
    }
    rows = filter(_is_wished(call, books), (books.plan.rows[number] for number in numbers))
    return any(_seats(books, row, quantity, named, given) for row in rows)


def _is_wished(call: Call, books: Books) -> Callable[[Row], bool]:
    """Which rows are of the sections and categories of the choice; of several choices, whose they are is not known."""
    sections, categories = (set(call.terms_of(term)) for term in (Term.SECTION, Term.CATEGORY))
    if len(call.best) > 1:
        return lambda _: True
    of_category = [not categories or name in categories for name in books.plan.categories]
    return lambda row: of_category[row.category] and (not sections or row.section in sections)


def _is_seat(books: Books, unit: int) -> bool:
    return unit < books.plan.seat_count


def _rows_with_room(books: Books, quantity: int, named: Collection[int], most: int) -> list[int]:
    """Rows where so many can sit together on seats that anybody may have, none of which was asked for by name as well.

    `most`: no more of them.
    """
    rows = books.plan.rows
    found = (number for number in books.units.open_rows(quantity) if _seats(books, rows[number], quantity, named, None))
    return list(islice(found, most))


def _seats(books: Books, row: Row, quantity: int, named: Collection[int], given: Set[int] | None) -> bool:
    """`given`: what is there as well; None: only what anybody may have is."""
    if row.kind == WHOLE_TABLE and len(row.seats) != quantity:
        return False
    return any(run >= quantity for run in _runs(books, row.seats, named, given))


def _runs(books: Books, seats: range, named: Collection[int], given: Set[int] | None) -> Iterator[int]:
    held, sold = bytes([UnitStatus.HELD]), bytes([UnitStatus.SOLD])
    statuses = bytearray(books.units.statuses[seats.start : seats.stop])
    for unit in given or ():
        if unit in seats:
            statuses[unit - seats.start] = UnitStatus.AVAILABLE
    taken = [unit for unit in named if unit in seats]
    if given is None:
        taken += [unit for unit in seats if books.units.set_aside[unit] != OPEN]
    for unit in taken:
        statuses[unit - seats.start] = UnitStatus.HELD
    return map(len, bytes(statuses).replace(sold, held).split(held))
