"""Whether there was no room for what was wished for, in a state of a journal."""

from collections.abc import Collection, Iterator
from itertools import islice
from typing import NamedTuple

from actors.audit.books import Books
from actors.audit.ids import ORDER, home_of
from actors.audit.plan import WHOLE_TABLE, Row
from actors.audit.rules import OPEN, places_kept
from actors.audit.units import UnitStatus
from loadtests.history.calls import Call, Kind
from loadtests.history.refusals import named_units, wished_units

BY_SEAT = {"UNITS_SOLD": UnitStatus.SOLD, "UNITS_HELD": UnitStatus.HELD}


class Span(NamedTuple):
    """When an answer may have been given: between these two, in ms of the block's time, both included."""

    first_ms: int
    last_ms: int


def is_in_the_way(call: Call, books: Books, span: Span) -> bool | None:
    """Whether units were had by others, or not enough were left; None: nobody can judge that."""
    status = BY_SEAT.get(call.reason)
    if status is None:
        return is_not_enough(call, books)
    if status is UnitStatus.HELD and _is_sold(call, books):
        return False  # which is said first
    named = named_units(call, books)
    test = all if call.named else any
    return bool(named) and test(_stands(books, unit, status, span) for unit in named)


def _is_sold(call: Call, books: Books) -> bool:
    """Whether something that is wished for is sold: what is exchanged for may be the order's own, and given back."""
    own = 0
    if call.kind is Kind.EXCHANGE:
        line = books.orders.get(home_of(ORDER, call.id)[1])
        if line is None:
            return False  # it is at home at a desk, and what it has here is not known
        own = line.hold
    units = books.units
    sold = (unit for unit in wished_units(call, books) if units.statuses[unit] == UnitStatus.SOLD)
    return any(units.owners[unit] != own for unit in sold)


def _stands(books: Books, unit: int, status: UnitStatus, span: Span) -> bool:
    """Whether it is held or sold, or a slot whose neighbour is and keeps a buffer; what is overdue for certain is not
    held, unless somebody waits for it.
    """
    if unit >= books.plan.seat_count:
        return any(books.units.statuses[slot] == status for slot in (unit, *books.plan.near(unit)))
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
    if any(books.units.open_count(area) < quantity for area, quantity in call.areas):
        return True
    wished = set(wished_units(call, books))
    if not all(_rows_with_room(books, quantity, wished, 1, for_all=False) for quantity in call.best):
        return True
    for area, quantity in call.areas:
        if books.units.open_count(area) - _kept(books, area) < quantity:
            return None
    if call.best and call.is_particular:
        return None
    count = len(call.best)
    rows = [_rows_with_room(books, quantity, wished, count, for_all=True) for quantity in call.best]
    return False if all(len(own) == count for own in rows) else None  # so many that each choice has one for itself


def _kept(books: Books, area: str) -> int:
    """Of the places of the area, how many some are not given."""
    number = books.plan.area_of_name.get(area)
    if number is None or books.event is None:
        return 0
    return places_kept(books.event, books.returned, books.units, number, "")


def _rows_with_room(books: Books, quantity: int, named: Collection[int], most: int, *, for_all: bool) -> list[int]:
    """Rows where so many can sit together, of which none has a seat that was asked for by name as well.

    `most`: no more of them. `for_all`: on seats that anybody may have.
    """
    rows = books.plan.rows
    found = (
        number
        for number in books.units.open_rows(quantity)
        if _seats(books, rows[number], quantity, named, for_all=for_all)
    )
    return list(islice(found, most))


def _seats(books: Books, row: Row, quantity: int, named: Collection[int], *, for_all: bool) -> bool:
    if row.kind == WHOLE_TABLE and len(row.seats) != quantity:
        return False
    return any(run >= quantity for run in _runs(books, row.seats, named, for_all=for_all))


def _runs(books: Books, seats: range, named: Collection[int], *, for_all: bool) -> Iterator[int]:
    held, sold = bytes([UnitStatus.HELD]), bytes([UnitStatus.SOLD])
    statuses = bytearray(books.units.statuses[seats.start : seats.stop])
    taken = [unit for unit in named if unit in seats]
    if for_all:
        taken += [unit for unit in seats if books.units.set_aside[unit] != OPEN]
    for unit in taken:
        statuses[unit - seats.start] = UnitStatus.HELD
    return map(len, bytes(statuses).replace(sold, held).split(held))
