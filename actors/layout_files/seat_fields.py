"""The part of a layout file that describes sections: their place, their rows and tables, and the seats of these."""

from collections.abc import Iterator

import msgspec

from actors.core.layout import MAX_HALF_WIDTHS, MAX_SECTIONS, Row, RowKind, Section, text_bytes
from actors.core.wishes import MAX_UNITS_PER_HOLD
from actors.layout_files.faults import shown
from actors.layout_files.fields import Fields, read_decimal, written_decimal
from actors.layout_files.label_ranges import parse_range
from actors.layout_files.reading import Reading, claim

MAX_ROWS_PER_SECTION = 1_000
MAX_SEATS_PER_ROW = 10_000
MAX_LABELS_PER_ROW = 1_000

_KIND_OF_SALE = {"whole": RowKind.WHOLE_TABLE, "by_seat": RowKind.TABLE}
_ROW_FIELDS = ("name", "names", "category", "seats", "accessible", "companions")
_TABLE_FIELDS = (*_ROW_FIELDS, "sold")


class _Seats(msgspec.Struct, frozen=True):
    """The seats of a row: `first`, `count` and `labels` as `Row` has them."""

    first: int
    count: int
    labels: tuple[str, ...] = ()


_NO_SEATS = _Seats(0, 0)


def read_sections(reading: Reading, fields: Fields) -> Iterator[Section]:
    """The sections, in the file's order."""
    for path, raw in fields.entries("sections", 0, MAX_SECTIONS):
        section = Fields(raw, path, ("name", "category", "at", "rows", "tables"), reading.faults)
        name = section.label("name")
        claim(reading.faults, reading.path_of_name, name, section.path_of("name"))
        category = reading.category(section) if section.has("category") else None
        at = read_place(section, "at") if section.has("at") else (0, 0)
        path_of_name: dict[str, str] = {}
        if not section.has("tables"):
            section.require("rows")
        rows = tuple(_rows(reading, section, "rows", category, path_of_name))
        tables = tuple(_rows(reading, section, "tables", category, path_of_name))
        yield Section(name, rows + tables, at)
        if reading.over_bounds:
            return


def read_place(fields: Fields, name: str) -> tuple[int, int]:
    """A place, written in seat widths and read in half ones; the origin if faulty."""
    value = fields.value(name)
    if not (isinstance(value, list) and len(value) == 2):
        fields.refuse(name, f"must be a place such as [0, 12.5], in seat widths, is {shown(value)}")
        return 0, 0
    x, y = (_half_widths(fields, f"{name}[{index}]", coordinate) for index, coordinate in enumerate(value))
    return x, y


def _half_widths(fields: Fields, name: str, coordinate: object) -> int:
    tenths = None if isinstance(coordinate, str) else read_decimal(coordinate, 1)
    if tenths is None or tenths % 5:
        fields.refuse(name, f"must be a whole number of seat widths or a half more, is {shown(coordinate)}")
        return 0
    if abs(tenths // 5) > MAX_HALF_WIDTHS:
        most = written_decimal(MAX_HALF_WIDTHS * 5, 1)
        fields.refuse(name, f"must be from -{most} to {most}, is {shown(coordinate)}")
        return 0
    return tenths // 5


def _rows(
    reading: Reading, section: Fields, kind: str, category_of_section: int | None, path_of_name: dict[str, str]
) -> Iterator[Row]:
    """The section's `rows` or its `tables`."""
    if not section.has(kind):
        return
    for path, raw in section.entries(kind, 1, MAX_ROWS_PER_SECTION):
        row = Fields(raw, path, _TABLE_FIELDS if kind == "tables" else _ROW_FIELDS, reading.faults)
        inherits = category_of_section is not None and not row.has("category")
        category = category_of_section if inherits else reading.category(row)
        names = reading.names(row, path_of_name, MAX_ROWS_PER_SECTION, kind)
        seats = _seats(reading, row)
        sold = _KIND_OF_SALE[row.choice("sold", tuple(_KIND_OF_SALE))] if kind == "tables" else RowKind.ROW
        if sold is RowKind.WHOLE_TABLE and seats.count > MAX_UNITS_PER_HOLD:
            row.refuse("seats", f"must be at most {MAX_UNITS_PER_HOLD} if the table is sold whole, is {seats.count}")
        shape = Row("", category or 0, seats.first, seats.count, seats.labels, sold)
        accessible = _places(reading, row, "accessible", shape)
        companions = _places(reading, row, "companions", shape)
        for place in companions:
            if place in accessible:
                row.refuse("companions", f"{shown(shape.seat_label(place))} is an accessible seat already")
        reading.row_count += len(names)
        reading.unit_count += len(names) * seats.count
        reading.special_seats += (len(names) - 1) * (len(accessible) + len(companions))
        reading.text_bytes += text_bytes(names) + len(names) * text_bytes(seats.labels)
        if len(path_of_name) > MAX_ROWS_PER_SECTION:
            section.refuse(kind, f"must be at most {MAX_ROWS_PER_SECTION} rows and tables")
            return
        if reading.over_bounds:
            return
        shape = msgspec.structs.replace(shape, accessible=tuple(accessible), companions=tuple(companions))
        for name in names:
            yield msgspec.structs.replace(shape, name=name)


def _seats(reading: Reading, row: Fields) -> _Seats:
    if not row.require("seats"):
        return _NO_SEATS
    value = row.value("seats")
    if isinstance(value, list):
        labels = reading.labels(row, "seats", {}, MAX_LABELS_PER_ROW)
        return _Seats(0, len(labels), labels)
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


def _places(reading: Reading, row: Fields, name: str, seats: Row) -> dict[int, None]:
    """The places, in order, of the seats that the field `name` lists, or gives as a range; none if it is not there."""
    if not row.has(name):
        return {}
    value = row.value(name)
    if isinstance(value, list):
        labels = reading.labels(row, name, {}, MAX_LABELS_PER_ROW)
    else:
        ends = parse_range(value) if isinstance(value, str) else None
        if ends is None or ends.count > MAX_LABELS_PER_ROW:
            row.refuse(name, f"must be a list of seats or a range of at most {MAX_LABELS_PER_ROW}, is {shown(value)}")
            return {}
        labels = tuple(ends.labels())
    reading.special_seats += len(labels)
    place_of_label = {label: place for place, label in enumerate(seats.labels)}
    places = [
        place_of_label.get(label) if seats.labels else seats.place_of(label) if label else None for label in labels
    ]
    for label, place in zip(labels, places, strict=True):
        if label and place is None and seats.count:
            row.refuse(name, f"{shown(label)} is not one of the seats")
    return dict.fromkeys(sorted({place for place in places if place is not None}))
