"""Rows of a journal in readable form: names instead of indices, ids as they are outside, times, money with currency.

How an entry is told is said field by field, as fields of one name mean the same in every kind. Nothing is applied: what
does not apply, and what is damaged, can be looked at too.
"""

from collections.abc import Callable
from enum import IntEnum
from functools import partial
from typing import Any

import msgspec

from actors.core.entries import Activated, Entry, EventCreated
from actors.core.ids import BlockId, Kind, event_id, outside_id, ticket_id
from actors.core.layout import Layout
from actors.core.layout_index import LayoutIndex
from actors.core.parts import Part, layout_of_home
from actors.core.pricing import category_of_point, price_type_of_point
from actors.journal.codec import UndecodableEntries, decode_entries
from actors.journal.journal import GENESIS, Epoch, JournalRow
from actors.journal.succession import JournalDamaged, entries_of_next
from serve.wire_time import rfc3339

_WITHOUT_MINOR = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
_THREE_DIGITS = "BHD IQD JOD KWD LYD OMR TND"
_FOR_MACHINES = frozenset(("key", "fingerprint", "nonce", "lines", "charges", "once", "chosen"))
"""Hashes, and how a price comes about: shown as JSON only."""
_BLOCKS = frozenset(("block", "home", "counted_by"))
"""What names a block within an entry: told like an event, as whoever looks into its journal names it."""


class ToldPlaces(msgspec.Struct, frozen=True):
    """Places of an area."""

    area: str
    quantity: int

    def __str__(self) -> str:
        return f"{self.area} x {self.quantity}"


class ToldPrice(msgspec.Struct, frozen=True, omit_defaults=True):
    """So many units of a category, and of a price type if there are any, at one price."""

    category: str
    quantity: int
    unit_price_minor: int
    currency: str
    price_type: str = ""

    def __str__(self) -> str:
        kind = f"{self.category} ({self.price_type})" if self.price_type else self.category
        return f"{self.quantity} x {kind} at {money(self.unit_price_minor, self.currency)}"


class ToldLayout(msgspec.Struct, frozen=True):
    """A layout, in short."""

    currency: str
    categories: dict[str, int]
    sections: dict[str, int]
    areas: dict[str, int]
    resources: dict[str, int]

    def __str__(self) -> str:
        prices = ", ".join(f"{name} at {money(price, self.currency)}" for name, price in self.categories.items())
        units = ", ".join(f"{name} x {count}" for name, count in (self.sections | self.areas | self.resources).items())
        return f"{units}; {prices}"


class ToldPart(msgspec.Struct, frozen=True):
    """A part of an event, named like an event, and its sections; none: it is a ledger."""

    part: str
    sections: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.part} ({', '.join(self.sections) or 'ledger'})"


class ToldEntry(msgspec.Struct, frozen=True):
    """An entry: its kind, when it was decided, and what else it says, by name."""

    kind: str
    at: str
    says: dict[str, object]

    def __str__(self) -> str:
        told = ", ".join(f"{name} {_text(value)}" for name, value in self.says.items() if name not in _FOR_MACHINES)
        return f"  {self.at}  {self.kind}" + (f"  {told}" if told else "")


class ToldRow(msgspec.Struct, frozen=True, omit_defaults=True):
    """A row: who wrote it when, and its entries. `damage`: why nothing may be built on it, if so."""

    position: int
    recorded_at: str
    shard: str
    generation: int
    build: int
    incarnation: int
    entries: list[ToldEntry]
    damage: str = ""

    def __str__(self) -> str:
        epoch = f"{self.generation}.{self.build}.{self.incarnation}"
        lines = [f"row {self.position}  {self.recorded_at}  {self.shard or 'unknown shard'}, epoch {epoch}"]
        lines += [f"  DAMAGED: {self.damage}"] if self.damage else []
        return "\n".join((*lines, *map(str, self.entries)))


class Teller:
    """Tells the rows of one block, which come in order from the first: names are those of the layouts before."""

    def __init__(self, block: BlockId) -> None:
        self._block = block
        self._names = _Names(block)
        self._position, self._chain = 0, GENESIS
        self._writer = (0, "")  # epoch and shard of the last who activated the block

    def tell(self, row: JournalRow) -> ToldRow:
        """The row in readable form."""
        entries, damage = self._entries(row)
        told = []
        for entry in entries:
            self._names.learn(entry)
            if isinstance(entry, Activated):
                self._writer = (row.epoch, entry.shard)
            told.append(self._names.tell(entry))
        shard = self._writer[1] if self._writer[0] == row.epoch else ""
        epoch = Epoch.unpacked(row.epoch)
        return ToldRow(row.position, rfc3339(row.recorded_at_ms), shard, *epoch, told, damage)

    def _entries(self, row: JournalRow) -> tuple[tuple[Entry, ...], str]:
        """What the row bears as far as it can be read, and what is wrong with it."""
        before = self._position, self._chain
        self._position, self._chain = row.position, row.chain
        try:
            return entries_of_next(row, *before), ""
        except JournalDamaged as damage:
            try:
                return decode_entries(row.entries), str(damage)
            except UndecodableEntries:
                return (), str(damage)


class _Names:
    """What the indices of entries stand for."""

    def __init__(self, block: BlockId) -> None:
        self.block = block
        self.index = LayoutIndex(Layout("", (), (), ()))
        self._parts: tuple[Part, ...] = ()

    def learn(self, entry: Entry) -> None:
        """A layout that the entry bears is that of the entries from now on, but for what the parts have of it."""
        if isinstance(entry, EventCreated):
            self._parts = entry.parts
        for value in msgspec.structs.astuple(entry):
            if isinstance(value, Layout):
                self.index = LayoutIndex(layout_of_home(value, self._parts))

    def tell(self, entry: Entry) -> ToldEntry:
        """The entry in readable form; what is empty, or as it is unless it is said, is left out."""
        says: dict[str, object] = {}
        for field in msgspec.structs.fields(type(entry)):
            value = getattr(entry, field.name)
            if field.name != "at_ms" and value not in ("", b"", (), None) and value != field.default:
                says |= FIELDS[field.name](self, value)
        return ToldEntry(type(entry).__name__, rfc3339(entry.at_ms), says)

    def unit(self, unit: int) -> str:
        """The name of the seat or slot; its number where the layout has none."""
        return self.index.unit_name(unit) if 0 <= unit < self.index.unit_count else f"unit {unit}"

    def area(self, area: int) -> str:
        """The area's name; its index where the layout has none."""
        areas = self.index.layout.areas
        return areas[area].name if 0 <= area < len(areas) else f"area {area}"

    def price(self, point: int, quantity: int, price: int) -> ToldPrice:
        """So many units at the price of a point; its number where the layout has no such category."""
        layout = self.index.layout
        category = category_of_point(layout, point)
        known = 0 <= category < len(layout.categories)
        name = layout.categories[category].name if known else f"price point {point}"
        price_type = layout.price_types[price_type_of_point(layout, point)] if known and layout.price_types else ""
        return ToldPrice(name, quantity, price, layout.currency, price_type)


Told = dict[str, object]


def money(minor: int, currency: str) -> str:
    """An amount in minor units with its currency: `EUR 45.00`."""
    digits = 0 if currency in _WITHOUT_MINOR else 3 if currency in _THREE_DIGITS else 2
    whole, part = divmod(abs(minor), 10**digits)
    sign = "-" if minor < 0 else ""
    return f"{currency} {sign}{whole}" + (f".{part:0{digits}d}" if digits else "")


def _same(name: str, _: _Names, value: object) -> Told:
    return {name: value}


def _time(name: str, _: _Names, at_ms: int) -> Told:
    return {name: rfc3339(at_ms)}


def _hash(name: str, _: _Names, value: bytes) -> Told:
    return {name: value.hex()}


def _id(kind: Kind, names: _Names, number: int) -> Told:
    return {f"{kind}_id": outside_id(kind, names.block, number)}


def _ids(kind: Kind, names: _Names, numbers: tuple[int, ...]) -> Told:
    return {f"{kind}s": [outside_id(kind, names.block, number) for number in numbers]}


def _voided(names: _Names, voided: tuple[tuple[int, tuple[int, ...]], ...]) -> Told:
    return {"voided": [ticket_id(names.block, order, ticket) for order, tickets in voided for ticket in tickets]}


def _struck(_: _Names, struck: tuple[tuple[int, tuple[int, ...]], ...]) -> Told:
    return {"struck": [f"row {position}, entry {place + 1}" for position, places in struck for place in places]}


def _seconds(name: str, _: _Names, ms: int) -> Told:
    return {name: ms / 1000}


def _spelt(name: str, _: _Names, value: object) -> Told:
    return {name: spelt_out(value)}


def _tickets(name: str, _: _Names, tickets: int | tuple[int, ...]) -> Told:
    return {name: tickets + 1 if isinstance(tickets, int) else [ticket + 1 for ticket in tickets]}


def spelt_out(value: object) -> object:
    """A value with the fields of its structs by name, those as they are unless they are said left out."""
    if isinstance(value, msgspec.Struct):
        fields = ((field.name, getattr(value, field.name), field.default) for field in msgspec.structs.fields(value))
        return {
            name: event_id(said) if name in _BLOCKS else spelt_out(said)
            for name, said, default in fields
            if said != default
        }
    if isinstance(value, tuple):
        return [spelt_out(part) for part in value]
    return value.name if isinstance(value, IntEnum) else value


def _block(name: str, _: _Names, block: BlockId) -> Told:
    return {name: event_id(block)}


def _parts(_: _Names, parts: tuple[Part, ...]) -> Told:
    return {"parts": [ToldPart(event_id(BlockId(part.block)), part.sections) for part in parts]}


def _seats(names: _Names, seats: tuple[int, ...]) -> Told:
    return {"units": [names.unit(seat) for seat in seats]}


def _areas(names: _Names, areas: tuple[tuple[int, int], ...]) -> Told:
    return {"areas": [ToldPlaces(names.area(area), quantity) for area, quantity in areas]}


def _prices(names: _Names, prices: tuple[tuple[int, int, int], ...]) -> Told:
    currency = names.index.layout.currency
    lines = [names.price(*price) for price in prices]
    units = sum(line.quantity * line.unit_price_minor for line in lines)
    return {"prices": lines, "before_charges": money(units, currency)}


def _layout(_: _Names, layout: Layout) -> Told:
    return {
        "layout": ToldLayout(
            layout.currency,
            {category.name: category.price for category in layout.categories},
            {section.name: sum(row.count for row in section.rows) for section in layout.sections},
            {area.name: area.capacity for area in layout.areas},
            {resource.name: layout.calendars[resource.calendar].slot_count for resource in layout.resources},
        )
    }


FIELDS: dict[str, Callable[[_Names, Any], Told]] = {
    "shard": partial(_same, "shard"),
    "nonce": partial(_hash, "nonce"),
    "down_from_ms": partial(_time, "down_from"),
    "down_until_ms": partial(_time, "down_until"),
    "tenant": partial(_same, "tenant"),
    "name": partial(_same, "name"),
    "layout": _layout,
    "hold_ttl_ms": partial(_seconds, "hold_ttl_seconds"),
    "key": partial(_hash, "key"),
    "fingerprint": partial(_hash, "fingerprint"),
    "hold": partial(_id, Kind.HOLD),
    "order": partial(_id, Kind.ORDER),
    "buyer": partial(_same, "buyer_id"),
    "seats": _seats,
    "areas": _areas,
    "prices": _prices,
    "expires_at_ms": partial(_time, "expires_at"),
    "max_expires_at_ms": partial(_time, "max_expires_at"),
    "lines": partial(_spelt, "lines"),
    "charges": partial(_spelt, "charges"),
    "once": partial(_spelt, "once"),
    "chosen": partial(_spelt, "chosen"),
    "struck": _struck,
    "channel": partial(_same, "channel"),
    "rules": partial(_spelt, "rules"),
    "status": partial(_spelt, "status"),
    "was_cancelled": partial(_spelt, "was_cancelled"),
    "allotment": partial(_same, "allotment"),
    "tickets": partial(_tickets, "tickets"),
    "ticket": partial(_tickets, "ticket"),
    "holder": partial(_same, "holder"),
    "waiter": partial(_same, "waiter"),
    "wish": partial(_spelt, "wish"),
    "basket": partial(_same, "basket"),
    "legs": partial(_spelt, "legs"),
    "leg": partial(_spelt, "leg"),
    "held": partial(_spelt, "held"),
    "instead": partial(_spelt, "instead"),
    "revision": partial(_same, "revision"),
    "desk": partial(_same, "desk"),
    "ttl_ms": partial(_seconds, "ttl_seconds"),
    "place_by_ms": partial(_time, "place_by"),
    "ask_at_ms": partial(_time, "ask_at"),
    "until_ms": partial(_time, "until"),
    "part": partial(_block, "part"),
    "parts": _parts,
    "home": partial(_block, "home"),
    "life_ms": partial(_seconds, "life_seconds"),
    "quarantine": partial(_same, "quarantine"),
    "position": partial(_same, "position"),
    "by": partial(_same, "by"),
    "why": partial(_same, "why"),
    "since_ms": partial(_time, "since"),
    "voided": _voided,
    "holds": partial(_ids, Kind.HOLD),
    "orders": partial(_ids, Kind.ORDER),
}
"""How each field of an entry is told, whatever the kind; a test holds that none is missing."""


def _text(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
