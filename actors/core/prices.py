"""Prices as they are told: itemised, in minor units, frozen when the units were held."""

import msgspec


class PriceLine(msgspec.Struct, frozen=True, array_like=True):
    """So many units of one category and price type at one price, in minor units; frozen when they were held."""

    category: str
    quantity: int
    unit_price: int
    price_type: str = ""


class FeeLine(msgspec.Struct, frozen=True, array_like=True):
    """A fee, so many times this amount."""

    name: str
    quantity: int
    unit_amount: int


class TaxLine(msgspec.Struct, frozen=True, array_like=True):
    """A tax on lines and fees, of `rate_ppm` millionths; `included` in them or on top."""

    name: str
    rate_ppm: int
    included: bool
    amount: int


class Price(msgspec.Struct, frozen=True, array_like=True):
    """The itemised price of a hold or an order, in minor units of `currency`."""

    currency: str
    lines: tuple[PriceLine, ...]
    fees: tuple[FeeLine, ...] = ()
    taxes: tuple[TaxLine, ...] = ()

    @property
    def total(self) -> int:
        """The sum over lines and fees, and the taxes that they do not include."""
        total = sum(line.quantity * line.unit_price for line in self.lines)
        total += sum(fee.quantity * fee.unit_amount for fee in self.fees)
        return total + sum(tax.amount for tax in self.taxes if not tax.included)
