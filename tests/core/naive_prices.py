"""What units cost, unit by unit, and how that is told. Nothing of the core."""

from collections import Counter
from collections.abc import Iterable
from fractions import Fraction
from math import floor
from typing import Any

from tests.core.naive_parts import Hold, Piece


def nearest(amount: Fraction) -> int:
    """The nearest whole number, halves up."""
    return floor(amount + Fraction(1, 2))


def unit_price(layout: dict[str, Any], category: str, kind: str, length_ms: int) -> int:
    """Of a slot the hour's price by its length."""
    price: int = layout["prices"][category, kind]
    return nearest(Fraction(price * length_ms, 3_600_000)) if length_ms else price


def charges(layout: dict[str, Any], price: int) -> tuple[tuple[tuple[str, int], ...], Any]:
    """The fees and the tax of one unit at this price."""
    fees = tuple(
        (name, amount + nearest(Fraction(price * ppm, 1_000_000)))
        for name, amount, ppm, once in layout["fees"]
        if not once
    )
    return fees, tax_on(layout, price + sum(amount for _, amount in fees))


def charges_once(layout: dict[str, Any]) -> tuple[tuple[tuple[str, int], ...], Any]:
    """The fees of a hold as a whole, and the tax on them."""
    fees = tuple((name, amount) for name, amount, _, once in layout["fees"] if once)
    return fees, tax_on(layout, sum(amount for _, amount in fees)) if fees else None


def tax_on(layout: dict[str, Any], amount: int) -> Any:
    """(name, rate, included, how much)."""
    if layout["tax"] is None:
        return None
    name, ppm, included = layout["tax"]
    rate = Fraction(ppm, 1_000_000)
    return name, ppm, included, nearest(amount * rate / (1 + rate) if included else amount * rate)


def price_view(pieces: Iterable[Piece], hold: Hold) -> tuple[object, ...]:
    """Lines, fees and taxes, and the total."""
    lines: Counter[tuple[str, str, int]] = Counter()
    fees: Counter[tuple[str, int]] = Counter(hold.once[0])
    taxes: Counter[tuple[str, int, bool]] = Counter()
    told = [piece.tax for piece in pieces] + [hold.once[1]]
    for piece in pieces:
        lines[piece.category, piece.kind, piece.price] += 1
        fees.update(piece.fees)
    for tax in told:
        if tax is not None:
            taxes[tax[:3]] += tax[3]
    total = sum(price * count for (_, _, price), count in lines.items())
    total += sum(amount * count for (_, amount), count in fees.items())
    total += sum(amount for (_, _, included), amount in taxes.items() if not included)
    charged = {fee: count for fee, count in fees.items() if fee[1]}
    return frozenset(lines.items()), frozenset(charged.items()), frozenset(taxes.items()), total
