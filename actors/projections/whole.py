"""An event that is split, shown as one: what its home and its parts have, each as of a position of its own.

Seats keep their places in the event's layout, whatever the order of sections was when a part last heard of it: a part
is read by its own counts, section by section.
"""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from hashlib import blake2b

import msgspec

from actors.core.ids import BlockId
from actors.projections.counts import CategoryAvailability, EventCounts, SectionAvailability, UnitCounts
from actors.projections.seat_statuses import pack, unpack
from actors.projections.shown import Change, Shown, change_between
from actors.projections.split import NOT_SPLIT

CHECK_BITS = 20
MAX_CHANGES_KEPT = 100

_HOME = BlockId("")


def whole_of(home: Shown, parts: Mapping[BlockId, Shown], *, with_seats: bool) -> Shown:
    """The event as of all of these, which are all that it has; `with_seats`: they have statuses. See `sequence_of`."""
    blocks = {_HOME: home, **parts}
    split = home.event.split
    by_section = {block: _by_section(shown) for block, shown in blocks.items()}
    counts = EventCounts(
        _total(shown.event.counts.total for shown in blocks.values()),
        tuple(counted for name, block in split.sections for counted in by_section[BlockId(block)].get(name, ())),
        home.event.counts.areas,
        _categories(blocks.values()),
        home.event.counts.resources,
    )
    return Shown(
        sequence_of(blocks, home.event.layout_version),
        min(shown.as_of_ms for shown in blocks.values()),
        msgspec.structs.replace(home.event, counts=counts, split=NOT_SPLIT),
        _statuses(blocks, split.sections) if with_seats else b"",
    )


def sequence_of(blocks: Mapping[BlockId, Shown], layout_version: int) -> int:
    """One number for the positions of all these blocks, as one of Postgres's moments had them.

    Those moments follow each other, and positions grow, so the sum of the positions tells them apart. Where positions
    have fallen, as projections were rebuilt, the number's last bits do, which are a hash. What was not read at one
    moment must not give it out.
    """
    positions = sorted((block, shown.position) for block, shown in blocks.items())
    digest = blake2b(repr((positions, layout_version)).encode(), digest_size=8).digest()
    check = int.from_bytes(digest) & ((1 << CHECK_BITS) - 1)
    return sum(position for _, position in positions) << CHECK_BITS | check


class Wholes:
    """The wholes that this process showed last, to tell what has changed since: up to `limit` events."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._last: OrderedDict[BlockId, Shown] = OrderedDict()

    def followed(self, block: BlockId, whole: Shown) -> Shown:
        """The whole, which has statuses, with the changes that lead to it from those before it, as far as known."""
        last = self._last.pop(block, None)
        changes: tuple[Change, ...] = ()
        if last is not None and last.position == whole.position:
            changes = last.changes
        elif last is not None and last.event.layout_version == whole.event.layout_version:
            change = change_between(last.position, unpack(last.statuses), whole.position, unpack(whole.statuses))
            changes = (*last.changes, change)[-MAX_CHANGES_KEPT:] if change is not None else ()
        whole = self._last[block] = msgspec.structs.replace(whole, changes=changes)
        if len(self._last) > self._limit:
            self._last.popitem(last=False)
        return whole


def _by_section(shown: Shown) -> dict[str, list[SectionAvailability]]:
    """The counts of each section, in the order in which the block has its seats."""
    sections: dict[str, list[SectionAvailability]] = {}
    for counted in shown.event.counts.sections:
        sections.setdefault(counted.section, []).append(counted)
    return sections


def _categories(blocks: Iterable[Shown]) -> tuple[CategoryAvailability, ...]:
    """Those of the home, the first of these, with its prices; and what a part has of others, until it hears of them."""
    categories: dict[str, CategoryAvailability] = {}
    for place, shown in enumerate(blocks):
        for one in shown.event.counts.categories:
            known = categories.get(one.category)
            if known is not None:
                categories[one.category] = msgspec.structs.replace(known, counts=known.counts.plus(one.counts))
            elif place == 0 or one.counts.capacity:
                categories[one.category] = one
    return tuple(categories.values())


def _total(counts: Iterable[UnitCounts]) -> UnitCounts:
    total = UnitCounts()
    for one in counts:
        total = total.plus(one)
    return total


def _statuses(blocks: Mapping[BlockId, Shown], sections: Iterable[tuple[str, str]]) -> bytes:
    """The seats of all sections, in this order, then the slots, which are all at home."""
    of_section: dict[tuple[BlockId, str], bytes] = {}
    slots = b""
    for block, shown in blocks.items():
        statuses, first = unpack(shown.statuses), 0
        for name, counted in _by_section(shown).items():
            end = first + sum(one.counts.capacity for one in counted)
            of_section[block, name] = statuses[first:end]
            first = end
        if block == _HOME:
            slots = statuses[first : first + sum(one.counts.capacity for one in shown.event.counts.resources)]
    return pack(b"".join(of_section.get((BlockId(block), name), b"") for name, block in sections) + slots)
