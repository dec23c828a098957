"""What units cost: worked out once more, from the layout, and held against what an entry froze.

Shares are taken of each unit and rounded to the nearest minor unit, halves up. A price is named by category and price
type in one number: category times the number of types, plus the type.
"""

from collections.abc import Sequence
from typing import TypeAlias

from actors.audit.plan import Plan
from actors.core import entries as e

HOUR_MS = 60 * 60_000
MILLION = 1_000_000

Frozen: TypeAlias = e.HoldPlaced | e.TicketsExchanged


def lines_of(plan: Plan, entry: Frozen) -> Sequence[int] | None:
    """Which price each seat or slot has, and each area behind them; None if that is not to be told."""
    unit_count = len(entry.seats) + len(entry.areas)
    if entry.lines:
        known = len(entry.lines) == unit_count and len(entry.prices) > 1
        return entry.lines if known and all(0 <= line < len(entry.prices) for line in entry.lines) else None
    if len(entry.prices) == 1:
        return [0] * unit_count
    line_of_category = {category: line for line, (category, _, _) in enumerate(entry.prices)}  # the oldest entries
    categories = [plan.category_of(unit) for unit in entry.seats]
    categories += [plan.areas[area].category for area, _ in entry.areas]
    known = plan.type_count == 1 and all(category in line_of_category for category in categories)
    return [line_of_category[category] for category in categories] if known else None


def price_types_of(plan: Plan, entry: Frozen) -> list[int]:
    """The price type of each seat or slot, and of each area behind them; the entry's prices are in order."""
    return [entry.prices[line][0] % plan.type_count for line in lines_of(plan, entry) or ()]


def price_fault(plan: Plan, entry: Frozen) -> str:
    """What is wrong with the prices that the entry froze, or nothing."""
    lines = lines_of(plan, entry)
    if lines is None:
        return f"which of {entry.prices} is whose is not to be told from {entry.lines}"
    units = [(plan.category_of(unit), plan.slot_ms(unit), 1) for unit in entry.seats]
    units += [(plan.areas[area].category, 0, quantity) for area, quantity in entry.areas]
    quantities = [0] * len(entry.prices)
    for line, (category, slot_ms, quantity) in zip(lines, units, strict=True):
        point, _, price = entry.prices[line]
        of_category, price_type = divmod(point, plan.type_count)
        if of_category != category or price != price_of(plan, category, price_type, slot_ms):
            return f"{entry.prices[line]} for a unit of {plan.categories[category]}"
        quantities[line] += quantity
    points = [(point, price) for point, _, price in entry.prices]
    if quantities != [quantity for _, quantity, _ in entry.prices] or points != sorted(set(points)):
        return f"{entry.prices} for {quantities} units"
    charges = tuple(charges_on(plan, price) for _, _, price in entry.prices) if plan.fees or plan.tax else ()
    if entry.charges != charges:
        return f"{entry.charges} on top of {entry.prices}"
    if isinstance(entry, e.HoldPlaced) and entry.once != charges_once(plan):
        return f"{entry.once} on top of it all"
    return ""


def price_of(plan: Plan, category: int, price_type: int, slot_ms: int) -> int | None:
    """What a unit of the category costs at the price type; None if it is not sold so. `slot_ms`: of a slot, else 0."""
    price = plan.prices[category].get(price_type)
    return price if price is None or not slot_ms else _share(price, slot_ms, HOUR_MS)


def charges_on(plan: Plan, price: int) -> tuple[int, ...]:
    """Each fee on a unit of this price, and the tax on both."""
    fees = [0 if once else amount + _share(price, millionths, MILLION) for amount, millionths, once in plan.fees]
    return (*fees, _tax(plan, price + sum(fees)))


def charges_once(plan: Plan) -> tuple[int, ...]:
    """Each fee on a hold as a whole, and the tax on them; empty if there is none."""
    fees = [amount if once else 0 for amount, _, once in plan.fees]
    return (*fees, _tax(plan, sum(fees))) if any(once for *_, once in plan.fees) else ()


def cost_of(plan: Plan, price: int, charges: Sequence[int]) -> int:
    """What is to be paid for a unit at this price with these charges."""
    if not charges:
        return price
    included = plan.tax is None or plan.tax[1]
    return price + sum(charges[:-1]) + (0 if included else charges[-1])


def _tax(plan: Plan, amount: int) -> int:
    if plan.tax is None:
        return 0
    millionths, included = plan.tax
    return _share(amount, millionths, MILLION + millionths if included else MILLION)


def _share(amount: int, part: int, whole: int) -> int:
    quotient, rest = divmod(amount * part, whole)
    return quotient + (2 * rest >= whole)
