"""Layout files: what a person writes as YAML or JSON, read into a `Layout` whole or refused whole.

    currency: EUR
    categories:
      - {name: Lower bowl, price: 9500}              # in minor units of the currency
    sections:
      - name: "101"                                  # labels are text: numbers stand in quotes
        category: Lower bowl                         # of every row that does not name its own
        rows:
          - {names: A..T, seats: 1..22}              # twenty rows of the seats 1 to 22, both ends included
          - {name: Box, seats: ["1", "2", "2A"]}     # or labels one by one
          - {name: "Wheelchair bays", seats: 1..6, category: Accessible}
    areas:
      - {name: Floor, capacity: 4000, category: Standing}

`sections` or `areas` may be left out, not both. Names are unique: categories; sections and areas together; rows within
their section; seats within their row. The bounds below keep the work small, whatever is sent. Labels and ranges: see
`labels`.
"""

import re
from collections.abc import Iterator

import msgspec

from actors.core.labels import following_label, parse_range
from actors.core.layout import MAX_TEXT_BYTES, MAX_UNITS, Area, Category, Layout, Row, Section, text_bytes
from actors.core.layout_faults import FaultList, LayoutFault, shown
from actors.core.layout_fields import Fields, read_label

MAX_PRICE = 10**12
MAX_CATEGORIES = 256
MAX_SECTIONS = 5_000
MAX_AREAS = 1_000
MAX_ROWS = 50_000
MAX_ROWS_PER_SECTION = 1_000
MAX_SEATS_PER_ROW = 10_000
MAX_LABELS_PER_ROW = 1_000

_CURRENCY = re.compile(r"[A-Z]{3}")


def parse_layout(raw: object) -> Layout | tuple[LayoutFault, ...]:
    """The layout that a decoded file (mappings, lists, scalars) describes, or everything that is wrong with it."""
    reading = _Reading()
    layout = reading.layout(raw)
    return reading.faults.found() or layout


def layout_to_raw(layout: Layout) -> dict[str, object]:
    """The layout as a file would describe it; `parse_layout` gives the same layout back."""
    names = [category.name for category in layout.categories]
    raw: dict[str, object] = {
        "currency": layout.currency,
        "categories": [{"name": category.name, "price": category.price} for category in layout.categories],
    }
    if layout.sections:
        raw["sections"] = [_raw_section(section, names) for section in layout.sections]
    if layout.areas:
        raw["areas"] = [
            {"name": area.name, "capacity": area.capacity, "category": names[area.category]} for area in layout.areas
        ]
    return raw


class _Seats(msgspec.Struct, frozen=True):
    """The seats of a row: `first`, `count` and `labels` as `Row` has them."""

    first: int
    count: int
    labels: tuple[str, ...] = ()


_NO_SEATS = _Seats(0, 0)


class _Reading:
    """One reading of one file. Returns placeholders for what is faulty; see `layout_fields`."""

    def __init__(self) -> None:
        self.faults = FaultList()
        self._category_of_name: dict[str, int] = {}
        self._row_count = 0
        self._unit_count = 0
        self._text_bytes = 0  # of rows and seats

    def layout(self, raw: object) -> Layout:
        fields = Fields(raw, "", ("currency", "categories", "sections", "areas"), self.faults)
        currency = self._currency(fields)
        categories = tuple(self._categories(fields))
        path_of_name: dict[str, str] = {}
        sections = tuple(self._sections(fields, path_of_name))
        areas = tuple(self._areas(fields, path_of_name))
        if self._row_count > MAX_ROWS:
            self.faults.add("", f"has more than {MAX_ROWS} rows")
        if self._unit_count > MAX_UNITS:
            self.faults.add("", f"has more than {MAX_UNITS} seats and places")
        if self._text_bytes > MAX_TEXT_BYTES:
            self.faults.add("", f"has more than {MAX_TEXT_BYTES} bytes of row names and seat labels")
        if self._unit_count == 0 and not self.faults.found():
            self.faults.add("", "has neither seats nor places: give sections or areas")
        return Layout(currency, categories, sections, areas)

    @property
    def _over_bounds(self) -> bool:
        """Whether the layout is too large already, so that reading on would be work for nothing."""
        return self._row_count > MAX_ROWS or self._unit_count > MAX_UNITS or self._text_bytes > MAX_TEXT_BYTES

    def _currency(self, fields: Fields) -> str:
        if not fields.require("currency"):
            return ""
        value = fields.value("currency")
        if isinstance(value, str) and _CURRENCY.fullmatch(value):
            return value
        fields.refuse("currency", f'must be a currency code of ISO 4217 such as "EUR", is {shown(value)}')
        return ""

    def _categories(self, fields: Fields) -> Iterator[Category]:
        path_of_name: dict[str, str] = {}
        for path, raw in fields.entries("categories", 1, MAX_CATEGORIES):
            category = Fields(raw, path, ("name", "price"), self.faults)
            name = category.label("name")
            self._claim(path_of_name, name, category.path_of("name"))
            self._category_of_name.setdefault(name, len(self._category_of_name))
            yield Category(name, category.whole_number("price", 0, MAX_PRICE))

    def _sections(self, fields: Fields, path_of_name: dict[str, str]) -> Iterator[Section]:
        for path, raw in fields.entries("sections", 0, MAX_SECTIONS):
            section = Fields(raw, path, ("name", "category", "rows"), self.faults)
            name = section.label("name")
            self._claim(path_of_name, name, section.path_of("name"))
            category = self._category(section) if section.has("category") else None
            yield Section(name, tuple(self._rows(section, category)))
            if self._over_bounds:
                return

    def _rows(self, section: Fields, category_of_section: int | None) -> Iterator[Row]:
        path_of_name: dict[str, str] = {}
        for path, raw in section.entries("rows", 1, MAX_ROWS_PER_SECTION):
            row = Fields(raw, path, ("name", "names", "category", "seats"), self.faults)
            inherits = category_of_section is not None and not row.has("category")
            category = category_of_section if inherits else self._category(row)
            names = self._row_names(row, path_of_name)
            seats = self._seats(row)
            self._row_count += len(names)
            self._unit_count += len(names) * seats.count
            self._text_bytes += text_bytes(names) + len(names) * text_bytes(seats.labels)
            if len(path_of_name) > MAX_ROWS_PER_SECTION:
                section.refuse("rows", f"must be at most {MAX_ROWS_PER_SECTION} rows")
                return
            if self._over_bounds:
                return
            for name in names:
                yield Row(name, category or 0, seats.first, seats.count, seats.labels)

    def _row_names(self, row: Fields, path_of_name: dict[str, str]) -> tuple[str, ...]:
        if not row.has("names"):
            name = row.label("name")
            self._claim(path_of_name, name, row.path_of("name"))
            return (name,)
        if row.has("name"):
            row.refuse("names", 'must not stand beside "name": give one of the two')
        value = row.value("names")
        names = parse_range(value) if isinstance(value, str) else None
        if names is None:
            row.refuse("names", f'must be a range such as "A..T" or "1..15", is {shown(value)}')
            return ("",)
        if names.count > MAX_ROWS_PER_SECTION:
            row.refuse("names", f"must be at most {MAX_ROWS_PER_SECTION} rows, is {names.count}")
            return ("",)
        for name in names.labels():
            if not self._claim(path_of_name, name, row.path_of("names")):
                break
        return tuple(names.labels())

    def _seats(self, row: Fields) -> _Seats:
        if not row.require("seats"):
            return _NO_SEATS
        value = row.value("seats")
        if isinstance(value, list):
            return self._labelled_seats(row)
        seats = parse_range(value) if isinstance(value, str) else None
        if seats is None:
            row.refuse("seats", f'must be a range such as "1..20" or a list of labels, is {shown(value)}')
            return _NO_SEATS
        if seats.count > MAX_SEATS_PER_ROW:
            row.refuse("seats", f"must be at most {MAX_SEATS_PER_ROW} seats, is {seats.count}")
            return _NO_SEATS
        if seats.lettered:
            return _Seats(0, seats.count, tuple(seats.labels()))
        return _Seats(seats.first, seats.count)

    def _labelled_seats(self, row: Fields) -> _Seats:
        path_of_label: dict[str, str] = {}
        labels = []
        for path, raw in row.entries("seats", 1, MAX_LABELS_PER_ROW):
            label = read_label(raw, path, self.faults)
            self._claim(path_of_label, label, path)
            labels.append(label)
        return _Seats(0, len(labels), tuple(labels))

    def _areas(self, fields: Fields, path_of_name: dict[str, str]) -> Iterator[Area]:
        for path, raw in fields.entries("areas", 0, MAX_AREAS):
            area = Fields(raw, path, ("name", "capacity", "category"), self.faults)
            name = area.label("name")
            self._claim(path_of_name, name, area.path_of("name"))
            capacity = area.whole_number("capacity", 1, MAX_UNITS)
            self._unit_count += capacity
            yield Area(name, self._category(area), capacity)

    def _category(self, fields: Fields) -> int:
        """The index of the category that the field `category` names."""
        name = fields.label("category")
        index = self._category_of_name.get(name)
        if name and index is None and self._category_of_name:
            fields.refuse("category", f"{shown(name)} is not one of the categories")
        return index or 0

    def _claim(self, path_of_name: dict[str, str], name: str, path: str) -> bool:
        """Give `name` to `path`; whether no other path has it. A faulty name (empty) claims nothing."""
        owner = path_of_name.setdefault(name, path) if name else path
        if owner != path:
            self.faults.add(path, f"{shown(name)} is already used by {owner}")
        return owner == path


def _raw_section(section: Section, names: list[str]) -> dict[str, object]:
    category = section.rows[0].category
    rows = []
    for run in _runs(section.rows):
        row = run[0]
        raw: dict[str, object] = {"name": row.name} if len(run) == 1 else {"names": f"{row.name}..{run[-1].name}"}
        raw["seats"] = list(row.labels) if row.labels else f"{row.first}..{row.first + row.count - 1}"
        if row.category != category:
            raw["category"] = names[row.category]
        rows.append(raw)
    return {"name": section.name, "category": names[category], "rows": rows}


def _runs(rows: tuple[Row, ...]) -> Iterator[list[Row]]:
    """The rows, together where they are consecutive by name and otherwise alike: what one range of names describes."""
    run = [rows[0]]
    for row in rows[1:]:
        following = following_label(run[-1].name)
        if following is not None and row == msgspec.structs.replace(run[-1], name=following):
            run.append(row)
        else:
            yield run
            run = [row]
    yield run
