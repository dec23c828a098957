"""An event split by sections: its home block speaks for it and has all that no part has; each part has some sections.

An area or a resource never leaves the home. A part without sections is a ledger: it has no units of the event, and
counts, as places of its only area, what the buyers assigned to it have in all parts.
"""

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from actors.core.layout import MAX_UNITS, Area, Category, Layout, Row, Section
from actors.core.rules import Rules

MAX_PARTS = 64
LEDGER_AREA = "units"


class Part(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A block that has these sections of an event; none: it is a ledger."""

    block: str
    sections: tuple[str, ...] = ()

    @property
    def is_ledger(self) -> bool:
        """Whether it counts what buyers have, and sells nothing."""
        return not self.sections


def groups_of(parts: Iterable[Part]) -> tuple[tuple[str, ...], ...]:
    """The groups of sections into which these parts split their event."""
    return tuple(part.sections for part in parts if not part.is_ledger)


def layout_of_part(layout: Layout, part: Part) -> Layout:
    """What of the event's layout is the part's to sell; prices, fees and tax are those of all."""
    if part.is_ledger:
        # twice, as what comes back is on sale before the ledger has heard of it
        ledger = Area(LEDGER_AREA, 0, min(2 * layout.capacity, MAX_UNITS))
        return Layout(layout.currency, (Category("", 0),), (), (ledger,))
    chosen = set(part.sections)
    sections = tuple(section for section in layout.sections if section.name in chosen)
    return msgspec.structs.replace(layout, sections=sections, areas=(), resources=(), calendars=())


def layout_of_home(layout: Layout, parts: Sequence[Part]) -> Layout:
    """What of the event's layout no part has."""
    elsewhere = {name for part in parts for name in part.sections}
    sections = tuple(section for section in layout.sections if section.name not in elsewhere)
    return msgspec.structs.replace(layout, sections=sections) if parts else layout


def faults_of_parts(layout: Layout, parts: Sequence[Part]) -> Iterator[str]:
    """What is wrong with them, told as of the groups of sections that people write."""
    if not 0 <= len(parts) <= MAX_PARTS:
        yield f"split: must be at most {MAX_PARTS} parts"
    if len({part.block for part in parts}) != len(parts):
        yield "split: two parts have one block"
    known, seen = {section.name for section in layout.sections}, set[str]()
    for number, part in enumerate(parts):
        for place, name in enumerate(part.sections):
            if name not in known or name in seen:
                yield f"split[{number}][{place}]: {'is there twice' if name in seen else 'is no section of the layout'}"
            seen.add(name)


def faults_of_divided(rules: Rules) -> Iterator[str]:
    """What rules an event in parts cannot have."""
    if rules.waiting_list is not None:
        yield "rules.waiting_list: is not for an event that is split"


def changed_section(before: Layout, after: Layout, parts: Sequence[Part]) -> str | None:
    """A section of a part whose seats are not what they were; None: all are. Prices and categories may change."""
    names = {name for part in parts for name in part.sections}
    was = {section.name: _seats(section) for section in before.sections if section.name in names}
    will_be = {section.name: _seats(section) for section in after.sections if section.name in names}
    return next((name for name in was if will_be.get(name) != was[name]), None)


def _seats(section: Section) -> tuple[Row, ...]:
    return tuple(msgspec.structs.replace(row, category=0) for row in section.rows)
