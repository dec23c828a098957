"""The part of a layout file that says what things cost: currency, price types, categories, fees, tax."""

import re
from collections.abc import Iterator

from actors.core.layout import (
    MAX_CATEGORIES,
    MAX_FEES,
    MAX_PPM,
    MAX_PRICE,
    MAX_PRICE_TYPES,
    Category,
    Fee,
    Tax,
)
from actors.layout_files.faults import shown
from actors.layout_files.fields import Fields, read_label
from actors.layout_files.reading import Reading, claim

PERCENT_PLACES = 4
"""Places after the point of a percentage: what a millionth is written with."""

_CURRENCY = re.compile(r"[A-Z]{3}")


def read_currency(fields: Fields) -> str:
    """The currency's code; empty if faulty."""
    if not fields.require("currency"):
        return ""
    value = fields.value("currency")
    if isinstance(value, str) and _CURRENCY.fullmatch(value):
        return value
    fields.refuse("currency", f'must be a currency code of ISO 4217 such as "EUR", is {shown(value)}')
    return ""


def read_price_types(reading: Reading, fields: Fields) -> tuple[str, ...]:
    """The price types, which categories can name from now on."""
    faults_before = reading.faults.count
    path_of_name: dict[str, str] = {}
    names = []
    for path, raw in fields.entries("price_types", 0, MAX_PRICE_TYPES):
        name = read_label(raw, path, reading.faults)
        claim(reading.faults, path_of_name, name, path)
        names.append(name)
    reading.price_types = tuple(names) if reading.faults.count == faults_before else None
    return tuple(names)


def read_categories(reading: Reading, fields: Fields) -> Iterator[Category]:
    """The categories, which whatever has a price can name from now on."""
    path_of_name: dict[str, str] = {}
    for path, raw in fields.entries("categories", 1, MAX_CATEGORIES):
        category = Fields(raw, path, ("name", "price", "prices"), reading.faults)
        name = category.label("name")
        claim(reading.faults, path_of_name, name, category.path_of("name"))
        reading.category_of_name.setdefault(name, len(reading.category_of_name))
        yield Category(name, category.whole_number("price", 0, MAX_PRICE), _prices(reading, category))


def _prices(reading: Reading, category: Fields) -> tuple[tuple[int, int], ...]:
    if not category.has("prices") or reading.price_types is None:
        return ()
    first, *others = reading.price_types or ("",)
    value = category.value("prices")
    if isinstance(value, dict) and first and first in value:
        category.refuse("prices", f'{shown(first)} is the first price type: its price is "price"')
        return ()
    if not others:
        category.refuse("prices", "is of more price types than the first, and price_types names none")
        return ()
    prices = Fields(value, category.path_of("prices"), tuple(others), reading.faults)
    return tuple(
        (number, prices.whole_number(name, 0, MAX_PRICE)) for number, name in enumerate(others, 1) if prices.has(name)
    )


def read_fees(reading: Reading, fields: Fields) -> Iterator[Fee]:
    """The fees."""
    path_of_name: dict[str, str] = {}
    for path, raw in fields.entries("fees", 0, MAX_FEES):
        fee = Fields(raw, path, ("name", "amount", "percent", "per"), reading.faults)
        name = fee.label("name")
        claim(reading.faults, path_of_name, name, fee.path_of("name"))
        once = fee.has("per") and fee.choice("per", ("unit", "order")) == "order"
        if not fee.has("percent"):
            fee.require("amount")
        amount = fee.whole_number("amount", 0, MAX_PRICE) if fee.has("amount") else 0
        share_ppm = fee.decimal("percent", 0, MAX_PPM, PERCENT_PLACES) if fee.has("percent") else 0
        if once and fee.has("percent"):
            fee.refuse("percent", 'is of each unit\'s price: a fee per order has an "amount" only')
        yield Fee(name, amount, share_ppm, once)


def read_tax(reading: Reading, fields: Fields) -> Tax | None:
    """The tax, or None."""
    if not fields.has("tax"):
        return None
    tax = Fields(fields.value("tax"), "tax", ("name", "percent", "included"), reading.faults)
    return Tax(tax.label("name"), tax.decimal("percent", 0, MAX_PPM, PERCENT_PLACES), tax.truth("included"))
