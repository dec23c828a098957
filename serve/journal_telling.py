"""Rows of a journal in readable form: names instead of indices, ids as they are outside, times, money with currency.

How an entry is told is said field by field, as fields of one name mean the same in every kind. Nothing is applied: what
does not apply, and what is damaged, can be looked at too.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec

from actors.core.entries import Activated, Entry
from actors.core.ids import BlockId, Kind, outside_id
from actors.core.layout import Layout, LayoutIndex
from actors.journal.codec import UndecodableEntries, decode_entries
from actors.journal.journal import GENESIS, Epoch, JournalRow
from actors.journal.succession import JournalDamaged, entries_of_next
from serve.wire_time import rfc3339

_WITHOUT_MINOR = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
_THREE_DIGITS = "BHD IQD JOD KWD LYD OMR TND"
_FOR_MACHINES = frozenset(("key", "fingerprint", "nonce"))
"""Fields that are hashes: shown as JSON only."""


class ToldPlaces(msgspec.Struct, frozen=True):
    """Places of an area."""

    area: str
    quantity: int

    def __str__(self) -> str:
        return f"{self.area} x {self.quantity}"


class ToldPrice(msgspec.Struct, frozen=True):
    """So many units of a category at one price."""

    category: str
    quantity: int
    unit_price_minor: int
    currency: str

    def __str__(self) -> str:
        return f"{self.quantity} x {self.category} at {money(self.unit_price_minor, self.currency)}"


class ToldLayout(msgspec.Struct, frozen=True):
    """A layout, in short."""

    currency: str
    categories: dict[str, int]
    sections: dict[str, int]
    areas: dict[str, int]

    def __str__(self) -> str:
        prices = ", ".join(f"{name} at {money(price, self.currency)}" for name, price in self.categories.items())
        units = ", ".join(f"{name} x {count}" for name, count in (self.sections | self.areas).items())
        return f"{units}; {prices}"


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

    def learn(self, entry: Entry) -> None:
        """A layout that the entry bears is that of the entries from now on."""
        for value in msgspec.structs.astuple(entry):
            if isinstance(value, Layout):
                self.index = LayoutIndex(value)

    def tell(self, entry: Entry) -> ToldEntry:
        """The entry in readable form; what is empty, or as it is unless it is said, is left out."""
        says: dict[str, object] = {}
        for field in msgspec.structs.fields(type(entry)):
            value = getattr(entry, field.name)
            if field.name != "at_ms" and value not in ("", b"", ()) and value != field.default:
                says |= FIELDS[field.name](self, value)
        return ToldEntry(type(entry).__name__, rfc3339(entry.at_ms), says)

    def seat(self, seat: int) -> str:
        """The seat's name; its index where the layout has none."""
        return self.index.seat_name(seat) if 0 <= seat < self.index.seat_count else f"seat {seat}"

    def area(self, area: int) -> str:
        """The area's name; its index where the layout has none."""
        areas = self.index.layout.areas
        return areas[area].name if 0 <= area < len(areas) else f"area {area}"

    def category(self, category: int) -> str:
        """The price category's name; its index where the layout has none."""
        categories = self.index.layout.categories
        return categories[category].name if 0 <= category < len(categories) else f"category {category}"


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


def _seconds(name: str, _: _Names, ms: int) -> Told:
    return {name: ms / 1000}


def _seats(names: _Names, seats: tuple[int, ...]) -> Told:
    return {"units": [names.seat(seat) for seat in seats]}


def _areas(names: _Names, areas: tuple[tuple[int, int], ...]) -> Told:
    return {"areas": [ToldPlaces(names.area(area), quantity) for area, quantity in areas]}


def _prices(names: _Names, prices: tuple[tuple[int, int, int], ...]) -> Told:
    currency = names.index.layout.currency
    lines = [ToldPrice(names.category(category), quantity, price, currency) for category, quantity, price in prices]
    total = sum(line.quantity * line.unit_price_minor for line in lines)
    return {"prices": lines, "total": money(total, currency)}


def _layout(_: _Names, layout: Layout) -> Told:
    return {
        "layout": ToldLayout(
            layout.currency,
            {category.name: category.price for category in layout.categories},
            {section.name: sum(row.count for row in section.rows) for section in layout.sections},
            {area.name: area.capacity for area in layout.areas},
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
}
"""How each field of an entry is told, whatever the kind; a test holds that none is missing."""


def _text(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
