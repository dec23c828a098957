"""A layout spelt out unit by unit, with none of the core's code: what the fold, the invariants and the model stand on.

Takes any layout by its field names alone. Units come in the order of their numbers: seats, then slots.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from enum import Enum
from functools import lru_cache
from typing import Any

ROW, TABLE, WHOLE_TABLE = 0, 1, 2
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class PlainUnit:
    """One seat or slot. `group` is its section or resource; `row` is `section/row`, of a slot the resource again.

    `key` is equal for units that are the same in two layouts. `need`: accessible, companion or neither.
    """

    name: str
    key: str
    group: str
    row: str
    category: str
    kind: int = ROW
    need: str = ""
    begins_ms: int = 0  # 0: a seat
    ends_ms: int = 0
    buffer_ms: int = 0

    def is_named(self, name: str) -> bool:
        """Whether an allotment that names this means the unit, among others perhaps."""
        if name in (self.group, self.row, self.name):
            return True
        resource, _, begins = name.partition("/")
        return self.begins_ms > 0 and resource == self.group and moment_ms(begins) == self.begins_ms


@lru_cache(maxsize=512)
def units_of(layout: Any) -> tuple[PlainUnit, ...]:
    """Every seat and slot of the layout."""
    units: list[PlainUnit] = []
    for section in layout.sections:
        for row in section.rows:
            category = layout.categories[row.category].name
            for place in range(row.count):
                label = row.labels[place] if row.labels else str(row.first + place)
                name = f"{section.name}/{row.name}/{label}"
                need = "accessible" if place in row.accessible else "companion" if place in row.companions else ""
                in_row = f"{section.name}/{row.name}"
                units.append(PlainUnit(name, name, section.name, in_row, category, int(row.kind), need))
    for resource in layout.resources:
        calendar = layout.calendars[resource.calendar]
        for run_ms, count, minutes in calendar.runs:
            for begins_ms in range(run_ms, run_ms + count * calendar.slot_ms, calendar.slot_ms):
                local = (_EPOCH + timedelta(milliseconds=begins_ms)).astimezone(timezone(timedelta(minutes=minutes)))
                units.append(
                    PlainUnit(
                        f"{resource.name}/{local.isoformat(timespec='minutes')}",
                        f"{resource.name}/{begins_ms}",
                        resource.name,
                        resource.name,
                        layout.categories[resource.category].name,
                        begins_ms=begins_ms,
                        ends_ms=begins_ms + calendar.slot_ms,
                        buffer_ms=resource.buffer_ms,
                    )
                )
    return tuple(units)


def plain(value: Any) -> Any:
    """Any struct as a dictionary, with all that is in it; what is counted by name is its name."""
    if hasattr(value, "__struct_fields__"):
        return {field: plain(getattr(value, field)) for field in value.__struct_fields__}
    if isinstance(value, tuple):
        return tuple(map(plain, value))
    return value.name if isinstance(value, Enum) else value


def plain_layout(layout: Any) -> dict[str, Any]:
    """The layout by names alone."""
    types = layout.price_types or ("",)
    return {
        "currency": layout.currency,
        "units": units_of(layout),
        "areas": {area.name: (layout.categories[area.category].name, area.capacity) for area in layout.areas},
        "prices": {
            (category.name, types[number]): price
            for category in layout.categories
            for number, price in ((0, category.price), *category.prices)
        },
        "types": types,
        "fees": tuple((fee.name, fee.amount, fee.share_ppm, fee.once) for fee in layout.fees),
        "tax": None if layout.tax is None else (layout.tax.name, layout.tax.rate_ppm, layout.tax.included),
        "sections": tuple(section.name for section in layout.sections),
    }


def moment_ms(text: str) -> int | None:
    """A time with its distance from UTC as milliseconds, or None."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return None if moment.tzinfo is None else (moment - _EPOCH) // timedelta(milliseconds=1)
