"""What units cost: computed once, when they are held, and frozen in the entry.

All amounts are integers in minor units. Where a share is taken (a fee in per cent, a tax, an hour's price of a shorter
slot) it is taken for each unit and rounded to the nearest minor unit, halves up; so a part of an order costs exactly
what its units cost, and the sum of all parts is the whole.

A *price point* is what decides a unit's price: its category and its price type, as one number.
"""

from collections.abc import Sequence

from actors.core.layout import Layout

HOUR_MS = 3_600_000
PPM = 1_000_000


def price_point(layout: Layout, category: int, price_type: int) -> int:
    """The point of a category and a price type (from 0)."""
    return category * max(len(layout.price_types), 1) + price_type


def category_of_point(layout: Layout, point: int) -> int:
    """The category of a point."""
    return point // max(len(layout.price_types), 1)


def price_type_of_point(layout: Layout, point: int) -> int:
    """The price type of a point."""
    return point % max(len(layout.price_types), 1)


def unit_price(layout: Layout, point: int, slot_ms: int) -> int | None:
    """What a unit of this point costs; of a slot, by its length. None: this price type is not sold in this category."""
    price = layout.categories[category_of_point(layout, point)].price_of(price_type_of_point(layout, point))
    return price if price is None or not slot_ms else rounded(price * slot_ms, HOUR_MS)


def charges_on(layout: Layout, price: int) -> tuple[int, ...]:
    """Fees (one each, in the layout's order; 0 for those charged once) and the tax of a unit at this price.

    Empty if the layout has neither.
    """
    if not layout.fees and layout.tax is None:
        return ()
    fees = [0 if fee.once else fee.amount + rounded(price * fee.share_ppm, PPM) for fee in layout.fees]
    return (*fees, tax_on(layout, price + sum(fees)))


def charges_once(layout: Layout) -> tuple[int, ...]:
    """Fees and their tax that a hold costs whatever is in it, like `charges_on`; empty if there are none."""
    if not any(fee.once for fee in layout.fees):
        return ()
    fees = [fee.amount if fee.once else 0 for fee in layout.fees]
    return (*fees, tax_on(layout, sum(fees)))


def tax_on(layout: Layout, amount: int) -> int:
    """The tax on an amount, or in it."""
    tax = layout.tax
    if tax is None:
        return 0
    return rounded(amount * tax.rate_ppm, PPM + tax.rate_ppm if tax.included else PPM)


def rounded(numerator: int, denominator: int) -> int:
    """The quotient to the nearest integer, halves up."""
    return (2 * numerator + denominator) // (2 * denominator)


def cost(layout: Layout, price: int, charges: Sequence[int]) -> int:
    """What is to be paid for a unit with these charges: a tax that is included is in the price already."""
    if not charges:
        return price
    *fees, tax = charges
    included = layout.tax is None or layout.tax.included
    return price + sum(fees) + (0 if included else tax)


class PriceList:
    """What units of one layout cost, worked out once for each point."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._known: dict[tuple[int, int], int] = {}
        self._charges: dict[int, tuple[int, ...]] = {}
        self.once = charges_once(layout)
        self.has_charges = bool(layout.fees) or layout.tax is not None

    def unit(self, point: int, slot_ms: int) -> int:
        """See `unit_price`; of a point at which units are sold."""
        key = point, slot_ms
        if key not in self._known:
            price = unit_price(self._layout, point, slot_ms)
            assert price is not None, "who asks for what is not sold is refused before"
            self._known[key] = price
        return self._known[key]

    def charges(self, price: int) -> tuple[int, ...]:
        """See `charges_on`."""
        if price not in self._charges:
            self._charges[price] = charges_on(self._layout, price)
        return self._charges[price]
