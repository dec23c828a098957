"""What is known of a block before anything happens in it: what its areas hold, and which units are near others."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

from actors.core.ids import BlockId, part_block
from actors.core.layout_index import LayoutIndex
from actors.core.parts import MAX_PARTS

if TYPE_CHECKING:
    from tests.simulation.market_events import Shape
    from tests.simulation.world import World


class House(NamedTuple):
    """Of an event; at a desk it is of all of them, each name with its event's block before it.

    `most`: what each area holds at most. `sure`: those that always hold so much, for everybody. `rows`: seats next to
    each other, if any may be had by everybody. `near`: see `Model`.
    """

    is_event: bool = False
    most: Mapping[str, int] = {}
    sure: Collection[str] = ()
    rows: Sequence[Sequence[str]] = ()
    near: Mapping[str, Collection[str]] = {}


def desk_of(shapes: Mapping[str, "Shape"]) -> House:
    """`shapes`: of the events, by their blocks."""
    holds = ((block, name, own) for block, shape in shapes.items() for name, own in _capacities(shape).items())
    return House(most={f"{block}/{name}": max(own) for block, name, own in holds})


def house_of(world: "World", block: BlockId, shape: "Shape") -> House:
    """Of an event's block, by all that its organizer may make of it."""
    layouts, holds = (shape.layout, *shape.layouts), _capacities(shape)
    allotments = [allotment for rules in shape.rules for allotment in rules.allotments]
    aside = {places.area for allotment in allotments for places in allotment.places}
    sure = {name for name, capacities in holds.items() if len(capacities) == 1 and name not in aside}
    index = world.folds.of(block).index
    is_alike = not allotments and not shape.split and all(one.sections == shape.layout.sections for one in layouts)
    most = {name: max(capacities) for name, capacities in holds.items()}
    return House(True, most, sure, list(_rows(index)) if is_alike else (), _near(map(LayoutIndex, layouts)))


def blocks_of(world: "World", home: BlockId) -> list[str]:
    """Those that there are of an event, its home first."""
    own = (home, *(part_block(home, number) for number in range(MAX_PARTS)))
    return [block for block in own if block in world.store.journals]


def _capacities(shape: "Shape") -> dict[str, set[int]]:
    """What each area may hold."""
    holds: dict[str, set[int]] = {}
    for area in (area for layout in (shape.layout, *shape.layouts) for area in layout.areas):
        holds.setdefault(area.name, set()).add(area.capacity)
    return holds


def _rows(index: LayoutIndex) -> Iterator[list[str]]:
    names = map(index.unit_name, range(index.seat_count))
    for _, row in groupby(names, lambda name: name.rpartition("/")[0]):
        yield list(row)


def _near(indexes: Iterable[LayoutIndex]) -> dict[str, set[str]]:
    near: dict[str, set[str]] = {}
    for index in indexes:
        for slot in range(index.seat_count, index.unit_count):
            for other in index.slots.around(slot, slot):
                if other != slot:
                    near.setdefault(index.unit_name(other), set()).add(index.unit_name(slot))
    return near
