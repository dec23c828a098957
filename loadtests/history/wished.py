"""What a call wishes for, and what is named to it, by the numbers that a state of a journal has for it."""

from collections.abc import Iterator

from actors.audit.books import Books, OrderLine, Ticket
from actors.audit.ids import ORDER, home_of
from actors.audit.plan import Plan
from actors.audit.rules import has_channel
from actors.core import entries as e
from loadtests.history.calls import Call, Kind, Term


def quantity_of(call: Call, books: Books) -> int | None:
    """How many units the wish is of; None: it names what there is not."""
    units = [books.plan.units_called(name) for name in call.units]
    units += [books.plan.span(*span) for span in call.spans]
    counts = [len(found) for found in units if found is not None]
    if len(counts) < len(units):
        return None
    return sum(counts) + sum(quantity for _, quantity in call.areas) + sum(call.best)


def wished_units(call: Call, books: Books) -> list[int]:
    """The seats and slots that are wished for by name, as far as there are such."""
    found = [books.plan.units_called(name) for name in call.units]
    found += [books.plan.span(*span) for span in call.spans]
    return [unit for units in found for unit in units or ()]


def units_named(call: Call, books: Books) -> list[int]:
    """The seats and slots that the refusal names, as far as there are such."""
    return [unit for name in call.named for unit in books.plan.units_called(name) or ()]


def in_the_way(call: Call, books: Books) -> list[int]:
    """The seats and slots that are to stand in the way: those that are named, or none, if one of them was not wished
    for. Of a refusal that names nothing, all that were wished for.
    """
    wished = wished_units(call, books)
    if not call.named:
        return wished
    named = units_named(call, books)
    return named if set(named) <= set(wished) else []


def order_of(call: Call, books: Books) -> OrderLine | None:
    """The order that the call is about, if it is at home here and has something."""
    block, number = home_of(ORDER, call.id) if call.id else ("", 0)
    return books.orders.get(number) if block == books.block else None


def given_back(call: Call, books: Books) -> list[Ticket]:
    """What an exchange gives back for what it wishes for. Nothing where the order is at home elsewhere."""
    line = order_of(call, books) if call.kind is Kind.EXCHANGE else None
    claim = None if line is None else books.claims.get(line.hold)
    if claim is None:
        return []
    return [ticket for ticket in books.good_tickets(claim) if ticket.number in call.tickets]


def may_be_unknown(call: Call, books: Books, name: str) -> bool:
    """Whether there is not what the call wishes for by this name; a price type may be there, and not for this."""
    plan, event = books.plan, books.event
    return (
        (name in call.units and plan.units_called(name) is None)
        or (any(name == area for area, _ in call.areas) and name not in plan.area_of_name)
        or any(name == span[0] and plan.span(*span) is None for span in call.spans)
        or any(_is_unknown(event, plan, *term) for term in call.terms if term[1] == name)
        or any(_is_not_sold_at(call, plan, kind, name) for kind in call.terms_of(Term.PRICE_TYPE))
    )


def unknown_of(call: Call, books: Books) -> list[str]:
    """All such names that the wish consists of."""
    names = (*call.units, *(area for area, _ in call.areas), *(span[0] for span in call.spans))
    names += tuple(name for _, name in call.terms)
    return [name for name in names if may_be_unknown(call, books, name)]


def _is_unknown(event: e.EventCreated | None, plan: Plan, term: Term, name: str) -> bool:
    match term:
        case Term.CHANNEL:
            return event is not None and not has_channel(event, name)
        case Term.SECTION:
            return name not in plan.sections
        case Term.CATEGORY:
            return name not in plan.categories
        case Term.PRICE_TYPE:
            return name not in plan.price_types
    return False


def _is_not_sold_at(call: Call, plan: Plan, price_type: str, name: str) -> bool:
    """Whether the name says that something is not sold at the price type: in a category, or in none of a choice's."""
    if price_type not in plan.price_types:
        return name.startswith(f"{price_type} (")
    categories = set(plan.categories)
    if name == price_type:
        asked = categories.intersection(call.terms_of(Term.CATEGORY)) or categories
        return bool(call.best) and any(category in asked for category in _not_sold_in(plan, price_type))
    return any(name == f"{price_type} ({category})" for category in _not_sold_in(plan, price_type))


def _not_sold_in(plan: Plan, price_type: str) -> Iterator[str]:
    number = plan.price_types.index(price_type)
    return (category for category, prices in zip(plan.categories, plan.prices, strict=True) if number not in prices)
