"""What somebody waits for, in numbers; whether it could be had, and whether it is what was offered."""

from collections.abc import Iterator, Set

import msgspec

from actors.audit.books import Books, EventStatus
from actors.audit.claiming import MAX_UNITS_PER_HOLD, kept_for_access, set_aside_for_others, torn_tables
from actors.audit.plan import ACCESSIBLE, PLAIN, WHOLE_TABLE, Plan, Row
from actors.audit.prices import lines_of, price_of
from actors.audit.rules import has_channel, is_open, places_kept
from actors.core import entries as e

MAX_ROWS_OF_A_SPLIT = 4


class Wished(msgspec.Struct):
    """Seats and slots with their price types, likewise areas; the best seats are `waited.wish.best`."""

    units: list[int]
    areas: list[tuple[int, int]]
    unit_types: list[int]
    area_types: list[int]
    best_types: list[int]

    @property
    def quantity(self) -> int:
        """How many units it is of."""
        return len(self.units) + len(self.best_types) + sum(quantity for _, quantity in self.areas)


def read_wish(plan: Plan, waited: e.WaiterJoined) -> Wished | None:
    """What is wished for, if the plan knows all of it, and not of absurdly much."""
    wish = waited.wish
    wished = Wished([], [], [], [], [])
    quantities = [quantity for best in wish.best for quantity in (best.quantity, *(dict(best.price_types).values()))]
    if any(
        not 1 <= quantity <= MAX_UNITS_PER_HOLD for quantity in (*quantities, *(own.quantity for own in wish.areas))
    ):
        return None
    types = dict(wish.seat_types)
    try:
        for name in wish.seats:
            units = plan.units_called(name)
            if units is None:
                return None
            wished.units += units
            wished.unit_types += [_type(plan, types.get(name, ""))] * len(units)
        for span in wish.spans:
            slots = plan.span(span.resource, span.starts_at_ms, span.ends_at_ms)
            if slots is None:
                return None
            wished.units += slots
            wished.unit_types += [_type(plan, span.price_type)] * len(slots)
        for places in wish.areas:
            wished.areas.append((plan.area_of_name[places.area], places.quantity))
            wished.area_types.append(_type(plan, places.price_type))
        for best in wish.best:
            if not (plan.sections >= set(best.sections) and set(plan.categories).issuperset(best.categories)):
                return None
            named = [_type(plan, name) for name, quantity in best.price_types for _ in range(quantity)]
            wished.best_types += named + [0] * (best.quantity - len(named))
    except (KeyError, ValueError):
        return None
    return wished


def _type(plan: Plan, name: str) -> int:
    return plan.price_types.index(name) if name else 0


def could_be_had(books: Books, waited: e.WaiterJoined, at_ms: int) -> bool:
    """Whether the waiter could certainly have been served.

    Where it is not simple to tell (several choices of seats, accessible ones, split groups) the answer is no.
    """
    event, wish = books.event, waited.wish
    if event is None or books.status is not EventStatus.ON_SALE or not has_channel(event, wish.channel):
        return False
    if not is_open(event, wish.channel, at_ms):
        return False
    wished = read_wish(books.plan, waited)
    if wished is None or torn_tables(books.plan, wished.units) or not can_be_priced(books.plan, waited, wished):
        return False
    most = event.rules.max_per_buyer
    if most and (not waited.buyer or books.units_of_buyer.get(waited.buyer, 0) + wished.quantity > most):
        return False
    return _units_are_there(books, waited, wished, at_ms) and _best_are_there(books, waited, wished)


def _units_are_there(books: Books, waited: e.WaiterJoined, wished: Wished, at_ms: int) -> bool:
    assert books.event is not None
    units, plan, channel = books.units, books.plan, waited.wish.channel
    if any(units.owners[unit] for unit in wished.units) or set_aside_for_others(books, wished.units, channel):
        return False
    if not waited.wish.accessible and kept_for_access(books, wished.units):
        return False
    slots = [unit for unit in wished.units if unit >= plan.seat_count]
    if any(plan.begins_ms(slot) <= at_ms for slot in slots):
        return False
    if any(units.owners[near] for slot in slots for near in plan.near(slot)):
        return False
    wanted: dict[int, int] = {}
    for area, quantity in wished.areas:
        wanted[area] = wanted.get(area, 0) + quantity
    for area, quantity in wanted.items():
        places = units.areas[area]
        kept = places_kept(books.event, books.returned, units, area, channel)
        if places.held + places.sold + quantity + kept > places.capacity:
            return False
    return True


def _best_are_there(books: Books, waited: e.WaiterJoined, wished: Wished) -> bool:
    best_of = waited.wish.best
    if not best_of:
        return True
    best = best_of[0]
    if len(best_of) > 1 or best.accessible:
        return False
    units, plan = books.units, books.plan
    gone = set(wished.units)
    for number in units.open_rows(best.quantity):
        row = plan.rows[number]
        if best.sections and row.section not in best.sections:
            continue
        if best.categories and plan.categories[row.category] not in best.categories:
            continue
        if any(price_of(plan, row.category, kind, 0) is None for kind in wished.best_types):
            continue
        run = 0
        for seat in row.seats:
            plain = plan.special.get(seat, PLAIN) == PLAIN and seat not in gone and not units.owners[seat]
            run = run + 1 if plain and not set_aside_for_others(books, (seat,), waited.wish.channel) else 0
            if run == best.quantity and (row.kind != WHOLE_TABLE or run == len(row.labels)):
                return True
    return False


def never_to_be_had(plan: Plan, waited: e.WaiterJoined, wished: Wished) -> bool:
    """Whether it certainly could not be had if nobody had anything and nothing were set aside; split groups could."""
    wanted: dict[int, int] = {}
    for area, quantity in wished.areas:
        wanted[area] = wanted.get(area, 0) + quantity
    if any(quantity > plan.areas[area].capacity for area, quantity in wanted.items()):
        return True
    gone = set(wished.units)
    for best in waited.wish.best:
        rows = (
            row
            for row in plan.rows
            if (not best.sections or row.section in best.sections)
            and (not best.categories or plan.categories[row.category] in best.categories)
            and sum(plan.special.get(seat) == ACCESSIBLE for seat in row.seats) >= best.accessible
        )
        if not best.split and not any(_has_room(row, best.quantity, gone) for row in rows):
            return True
    return False


def _has_room(row: Row, quantity: int, gone: Set[int]) -> bool:
    """Whether so many neighbours are left of the row without these seats; of a whole table, just so many."""
    run = longest = 0
    for seat in row.seats:
        run = 0 if seat in gone else run + 1
        longest = max(longest, run)
    return longest == quantity == len(row.seats) if row.kind == WHOLE_TABLE else longest >= quantity


def can_be_priced(plan: Plan, waited: e.WaiterJoined, wished: Wished) -> bool:
    """Whether all of it is sold at the price types; of best seats, whether one of their categories is."""
    units = zip(wished.units, wished.unit_types, strict=True)
    areas = zip(wished.areas, wished.area_types, strict=True)
    prices = [price_of(plan, plan.category_of(unit), kind, 0) for unit, kind in units]
    prices += [price_of(plan, plan.areas[area].category, kind, 0) for (area, _), kind in areas]
    types = list(wished.best_types)
    for best in waited.wish.best:
        own, types = types[: best.quantity], types[best.quantity :]
        sold = (
            prices
            for name, prices in zip(plan.categories, plan.prices, strict=True)
            if not best.categories or name in best.categories
        )
        if not any(prices.keys() >= set(own) for prices in sold):
            return False
    return None not in prices


def offer_fault(books: Books, waited: e.WaiterJoined, entry: e.HoldPlaced) -> str:
    """What of the offer is not what was waited for, or nothing."""
    wished = read_wish(books.plan, waited)
    named = len(wished.units) if wished is not None else 0
    if wished is None or (entry.buyer, entry.channel) != (waited.buyer, waited.wish.channel):
        return f"for {entry.buyer} through {entry.channel or 'no channel'}, of what is not there, or of another's"
    if list(entry.seats[:named]) != wished.units or list(entry.areas) != wished.areas:
        return f"of {entry.seats} and {entry.areas}, not {wished.units} and {wished.areas}"
    if not waited.wish.accessible and kept_for_access(books, wished.units):
        return "of accessible seats, which were not asked for"
    types = [*wished.unit_types, *wished.best_types, *wished.area_types]
    lines = lines_of(books.plan, entry)
    if lines is not None and [entry.prices[line][0] % books.plan.type_count for line in lines] != types:
        return "at other price types"
    return next(_faults_of_best(books, waited, entry, list(entry.seats[named:])), "")


def _faults_of_best(books: Books, waited: e.WaiterJoined, entry: e.HoldPlaced, seats: list[int]) -> Iterator[str]:
    plan = books.plan
    if len(seats) != sum(best.quantity for best in waited.wish.best) or len(entry.chosen) != len(waited.wish.best):
        yield f"of {len(seats)} seats to choose by {len(entry.chosen)} choices"
    if any(seat >= plan.seat_count for seat in seats):
        yield "of a slot that was chosen for somebody"
        return
    for best in waited.wish.best:
        group, seats = seats[: best.quantity], seats[best.quantity :]
        rows = [plan.row_of(seat) for seat in group]
        if best.sections and not {row.section for row in rows} <= set(best.sections):
            yield "of other sections"
        if best.categories and not {plan.categories[row.category] for row in rows} <= set(best.categories):
            yield "of other categories"
        if sum(plan.special.get(seat) == ACCESSIBLE for seat in group) < best.accessible:
            yield "of too few accessible seats"
        parts = _parts(plan, group)
        if len(parts) > (MAX_ROWS_OF_A_SPLIT if best.split else 1):
            yield f"of {len(parts)} parts"
        elif len({plan.row_number(part[0]) for part in parts}) != len(parts):
            yield "of two parts of one row"
        if not best.accessible and kept_for_access(books, group):
            yield "of accessible seats, which were not asked for"


def _parts(plan: Plan, seats: list[int]) -> list[list[int]]:
    """The seats in stretches of neighbours, in order."""
    parts: list[list[int]] = []
    for seat in seats:
        if parts and parts[-1][-1] + 1 == seat and plan.row_number(seat) == plan.row_number(seat - 1):
            parts[-1].append(seat)
        else:
            parts.append([seat])
    return parts
