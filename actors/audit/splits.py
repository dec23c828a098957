"""Events that are split by sections: what a block knows of it, and which units are whose, by the auditor's own reading.

An event's home knows every part's sections, and sells none of them; a ledger has one area, and counts in it what its
buyers have.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec

from actors.audit.layouts import MAX_UNITS, unit_count
from actors.audit.parts import Part

LEDGER_AREA = "units"
MAX_PARTS = 64


class Version(msgspec.Struct, frozen=True):
    """What an event was at a revision, or what a part of it became, in the row at `position`."""

    position: int
    name: str
    status: int
    hold_ttl_ms: int
    layout: Any
    rules: Any
    was_cancelled: bool


class Split(msgspec.Struct):
    """What a block knows of the split of its event.

    At home: its `parts`, the `whole` event as if it had been created as it was edited since, and which revision each
    part has acknowledged, and in which row. In a part: where `home` is. `versions` by revision.
    """

    home: str = ""
    parts: tuple[Part, ...] = ()
    whole: Any = None
    revision: int = 0
    versions: dict[int, Version] = {}
    acknowledged: dict[str, tuple[int, int]] = {}

    @property
    def is_divided(self) -> bool:
        """Whether all that is held of the event is a basket's."""
        return bool(self.home or self.parts)

    @property
    def newest(self) -> Version:
        """What it is now. Raises KeyError if it never was anything."""
        return self.versions[self.revision]

    def is_now(self, event: Any, status: int, revision: int, position: int, *, was_cancelled: bool) -> None:
        """The event, or the part, has become this."""
        self.revision = revision
        self.versions[revision] = Version(
            position, event.name, int(status), event.hold_ttl_ms, event.layout, event.rules, was_cancelled
        )  # fmt: skip


def home_layout(layout: Any, parts: Iterable[Part]) -> Any:
    """What of the layout no part has."""
    elsewhere = {name for part in parts for name in part.sections}
    own = tuple(section for section in layout.sections if section.name not in elsewhere)
    return msgspec.structs.replace(layout, sections=own)


def part_fault(layout: Any, part: Part, whole: Any) -> str:
    """Why this is not what the part is to have of the whole layout, or nothing."""
    if not part.is_ledger:
        own = tuple(section for section in whole.sections if section.name in part.sections)
        wanted = msgspec.structs.replace(whole, sections=own, areas=(), resources=(), calendars=())
        return "" if layout == wanted else "another layout than its sections"
    areas = [(area.name, area.category, area.capacity) for area in layout.areas]
    categories = [(category.name, category.price, category.prices) for category in layout.categories]
    others = layout.sections, layout.resources, layout.calendars, layout.price_types, layout.fees, layout.tax
    count = min(2 * unit_count(whole), MAX_UNITS)
    is_ledgers = areas == [(LEDGER_AREA, 0, count)] and categories == [("", 0, ())] and not any(others)
    return "" if is_ledgers and layout.currency == whole.currency else f"a ledger of {areas}"


def split_faults(layout: Any, parts: Sequence[Part], rules: Any) -> Iterator[str]:
    """Why the event cannot be split so."""
    if not parts:
        return
    names = [name for part in parts for name in part.sections]
    known = {section.name for section in layout.sections}
    if len(set(names)) != len(names) or not known.issuperset(names):
        yield f"parts with the sections {names} of {sorted(known)}"
    blocks = {part.block for part in parts}
    if len(blocks) != len(parts) or len(parts) > MAX_PARTS or "" in blocks:
        yield f"{len(parts)} parts in {len(blocks)} blocks"
    if rules.waiting_list is not None:
        yield "with a waiting list"


def moved_seats(before: Any, after: Any, parts: Iterable[Part]) -> list[str]:
    """The sections of parts whose seats are not what they were."""
    names = {name for part in parts for name in part.sections}
    now = {section.name: _seats(section) for section in after.sections if section.name in names}
    was = {section.name: _seats(section) for section in before.sections if section.name in names}
    return sorted(name for name in was if now.get(name) != was[name])


def rows_and_more(layout: Any) -> Iterator[tuple[str, ...]]:
    """What is to be in exactly one part: each row with its seats, each area, each resource."""
    for section in layout.sections:
        for row in section.rows:
            yield (section.name, row.name, str(row.first), str(row.count), *row.labels)
    yield from (("area", area.name, str(area.capacity)) for area in layout.areas)
    yield from (("resource", resource.name) for resource in layout.resources)


def _seats(section: Any) -> list[tuple[Any, ...]]:
    return [
        (row.name, row.first, row.count, row.labels, row.kind, row.accessible, row.companions) for row in section.rows
    ]
