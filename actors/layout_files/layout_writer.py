"""Layouts as a layout file would describe them: what `parse_layout` reads back as the same layout."""

from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise

import msgspec

from actors.core.layout import MINUTE_MS, Calendar, Category, Fee, Hours, Layout, Resource, Row, RowKind, Section
from actors.layout_files.fields import written_decimal
from actors.layout_files.label_ranges import following_label, range_of
from actors.layout_files.local_times import (
    written_begin,
    written_day,
    written_end,
    written_instant,
    written_opening,
    written_weekdays,
)
from actors.layout_files.price_fields import PERCENT_PLACES

Raw = dict[str, object]

_SALE_OF_KIND = {RowKind.TABLE: "by_seat", RowKind.WHOLE_TABLE: "whole"}


def layout_to_raw(layout: Layout) -> Raw:
    """The layout as a file would describe it.

    `parse_layout` gives the same layout back; opening hours are resolved anew then, by the zone's rules of that day.
    """
    names = [category.name for category in layout.categories]
    raw: Raw = {"currency": layout.currency}
    if layout.price_types:
        raw["price_types"] = list(layout.price_types)
    raw["categories"] = [_raw_category(category, layout.price_types) for category in layout.categories]
    if layout.fees:
        raw["fees"] = [_raw_fee(fee) for fee in layout.fees]
    if layout.tax is not None:
        percent = written_decimal(layout.tax.rate_ppm, PERCENT_PLACES)
        raw["tax"] = {"name": layout.tax.name, "percent": percent, "included": layout.tax.included}
    if layout.focus is not None:
        raw["focus"] = _seat_widths(layout.focus)
    if layout.sections:
        raw["sections"] = [_raw_section(section, names) for section in layout.sections]
    if layout.areas:
        raw["areas"] = [
            {"name": area.name, "capacity": area.capacity, "category": names[area.category]} for area in layout.areas
        ]
    if layout.resources:
        raw["resources"] = [
            _raw_resources(list(alike), names[category], layout.calendars[calendar])
            for (category, calendar, _), alike in groupby(
                layout.resources, lambda resource: (resource.category, resource.calendar, resource.buffer_ms)
            )
        ]
    return raw


def _raw_category(category: Category, price_types: tuple[str, ...]) -> Raw:
    raw: Raw = {"name": category.name, "price": category.price}
    if category.prices:
        raw["prices"] = {price_types[price_type]: price for price_type, price in category.prices}
    return raw


def _raw_fee(fee: Fee) -> Raw:
    raw: Raw = {"name": fee.name}
    if fee.amount or not fee.share_ppm:
        raw["amount"] = fee.amount
    if fee.share_ppm:
        raw["percent"] = written_decimal(fee.share_ppm, PERCENT_PLACES)
    if fee.once:
        raw["per"] = "order"
    return raw


def _seat_widths(place: tuple[int, int]) -> list[int | float]:
    return [half // 2 if half % 2 == 0 else half / 2 for half in place]


def _raw_section(section: Section, names: list[str]) -> Raw:
    category = section.rows[0].category
    raw: Raw = {"name": section.name, "category": names[category]}
    if section.at != (0, 0):
        raw["at"] = _seat_widths(section.at)
    for kind, tables in (("rows", False), ("tables", True)):
        rows = [row for row in section.rows if (row.kind is not RowKind.ROW) is tables]
        if rows:
            raw[kind] = [_raw_rows(alike, category, names) for alike in _alike(rows)]
    return raw


def _raw_rows(rows: list[Row], category: int, names: list[str]) -> Raw:
    row = rows[0]
    raw = _raw_names([row.name for row in rows])
    raw["seats"] = list(row.labels) if row.labels else f"{row.first}..{row.first + row.count - 1}"
    if row.category != category:
        raw["category"] = names[row.category]
    if row.kind is not RowKind.ROW:
        raw["sold"] = _SALE_OF_KIND[row.kind]
    for name, places in (("accessible", row.accessible), ("companions", row.companions)):
        if places:
            raw[name] = [row.seat_label(place) for place in places]
    return raw


def _alike(rows: Sequence[Row]) -> Iterator[list[Row]]:
    """The rows, together where they are consecutive by name and otherwise alike: what one range of names describes."""
    alike = [rows[0]]
    for row in rows[1:]:
        following = following_label(alike[-1].name)
        if following is not None and row == msgspec.structs.replace(alike[-1], name=following):
            alike.append(row)
        else:
            yield alike
            alike = [row]
    yield alike


def _raw_names(names: list[str]) -> Raw:
    """`name`, or `names` as a range if they are one."""
    if len(names) == 1:
        return {"name": names[0]}
    consecutive = all(following_label(name) == after for name, after in pairwise(names))
    return {"names": range_of(names[0], names[-1]) if consecutive else names}


def _raw_resources(resources: list[Resource], category: str, calendar: Calendar) -> Raw:
    raw = _raw_names([resource.name for resource in resources])
    raw |= {"category": category, "zone": calendar.zone, "slot_minutes": calendar.slot_ms // MINUTE_MS}
    if resources[0].buffer_ms:
        raw["buffer_minutes"] = resources[0].buffer_ms // MINUTE_MS
    if calendar.hours is None:
        raw["openings"] = [
            {
                "from": written_instant(start_ms, ahead),
                "until": written_instant(start_ms + count * calendar.slot_ms, ahead),
            }
            for start_ms, count, ahead in calendar.runs
        ]
        return raw
    return raw | _raw_hours(calendar.hours)


def _raw_hours(hours: Hours) -> Raw:
    openings: list[list[str]] = [[] for _ in range(7)]
    for weekday, opens, closes in hours.weekly:
        openings[weekday].append(written_opening(opens, closes))
    raw: Raw = {"from": written_day(hours.first_day), "until": written_day(hours.last_day)}
    raw["hours"] = {
        written_weekdays(tuple(weekdays)): listed[0] if len(listed) == 1 else listed
        for listed, weekdays in groupby(range(7), openings.__getitem__)
        if listed
    }
    if hours.closed:
        raw["unavailable"] = [{"from": written_begin(begin), "until": written_end(end)} for begin, end in hours.closed]
    return raw
