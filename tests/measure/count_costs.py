"""What it costs to count an event of a million units: `python -m tests.measure.count_costs`.

A projector counts an event each time it has gone on, so this is what one large event may take of it.
"""

from random import Random
from time import perf_counter

from actors.core.inventory import UnitStatus
from actors.core.layout import Calendar, Category, Layout, Resource, Row, Section
from actors.core.state import BlockState
from actors.projections.shown import event_shown

UNITS = 1_000_000
SLOT_MS = 1_800_000
SLOTS_PER_DAY = 20


def seats() -> Layout:
    """Rows of twenty, five hundred to a section."""
    sections = tuple(
        Section(f"S{number}", tuple(Row(str(row), 0, 1, 20) for row in range(500))) for number in range(UNITS // 10_000)
    )
    return Layout("EUR", (Category("a", 1),), sections, ())


def slots(buffer_ms: int, break_ms: int) -> Layout:
    """A thousand courts with half hours, twenty a day; between the days they are closed for `break_ms`."""
    day_ms = SLOTS_PER_DAY * SLOT_MS + break_ms
    runs = tuple((day * day_ms, SLOTS_PER_DAY, 60) for day in range(UNITS // 1_000 // SLOTS_PER_DAY))
    courts = tuple(Resource(f"Court {number}", 0, 0, buffer_ms) for number in range(1_000))
    return Layout("EUR", (Category("a", 1),), (), (), courts, (Calendar("UTC", SLOT_MS, runs),))


LAYOUTS = {
    "seats": seats(),
    "slots": slots(0, 36_000_000),
    "slots, 15 minutes between holds": slots(900_000, 36_000_000),
    "slots, 15 minutes, breaks of 10": slots(900_000, 600_000),
    "slots, a day between holds": slots(86_400_000, 36_000_000),
}


def main() -> None:
    """Print milliseconds for each kind of event, by how much of it is sold."""
    for name, layout in LAYOUTS.items():
        state = BlockState()
        state.set_layout(layout, 1)
        told = []
        for sold in (0.0, 0.01, 0.3):
            random = Random(1)
            statuses = bytes(UnitStatus.SOLD if random.random() < sold else 0 for _ in range(UNITS))
            state.inventory.statuses[:] = statuses
            began_s = perf_counter()
            event_shown(state)
            told.append(f"{sold:4.0%} sold {1_000 * (perf_counter() - began_s):6.0f} ms")
        print(f"{name:34}", *told, sep="  ")


if __name__ == "__main__":
    main()
