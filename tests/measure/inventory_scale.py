"""What an event costs by its size: `python -m tests.measure.inventory_scale [SEATS ...]`.

So many seats in rows of 20, half of them sold in groups here and there, and beside them an area in which 10,000 holds
live; 100,000 keys are remembered. Memory as the interpreter counts it; activation is reading the newest snapshot, and
the longest of its steps is what others on the shard wait. One core, best of three.
"""

import gc
import sys
import time
import tracemalloc
from collections.abc import Callable
from random import Random
from typing import NamedTuple, TypeVar

from actors.core.block import apply, decide
from actors.core.commands import Command, ConfirmOrder, CreateEvent, OpenSale, PlaceHold, PlaceOrder, ReleaseHold
from actors.core.layout import MAX_UNITS, Area, Category, Layout, Row, Section
from actors.core.outcomes import Accepted
from actors.core.snapshot import freeze, restoring
from actors.core.state import BlockState
from actors.core.wishes import AreaPlaces, BestSeats, Wish
from actors.shard import ALLOCATIONS_PER_COLLECTION
from tests.measure.core_costs import NOW_MS, stamp

SEATS_PER_ROW = 20
ROWS_PER_SECTION = 50
GROUP = 5
LIVE_HOLDS = 10_000
MOST_SEATS = (MAX_UNITS - LIVE_HOLDS - 1) // SEATS_PER_ROW * SEATS_PER_ROW
SIZES = (1_000, 10_000, 100_000, MOST_SEATS)
"""The last is as many as there may be beside the area: a million units."""
KEYS = 100_000
WISHES = 200
ROUNDS = 3

T = TypeVar("T")


class Costs(NamedTuple):
    """One line of the table."""

    seats: int
    bytes_per_unit: float
    bytes_in_all: int
    snapshot_bytes: int
    snapshot_ms: float
    activation_ms: float
    longest_step_ms: float
    first_best_ms: float
    best_us: float


class Event:
    """An event of so many seats, as described above. `empty_bytes`: what it took when nothing was sold."""

    def __init__(self, seats: int) -> None:
        self.state = BlockState()
        self._number = 0
        tracemalloc.start()
        self._take(CreateEvent(stamp(1), "measured", layout_of(seats)))
        self._take(OpenSale(stamp(2)))
        self.empty_bytes = tracemalloc.get_traced_memory()[0]
        self._number = 2
        self._sell_half(seats)
        for _ in range(LIVE_HOLDS):
            self._hold(Wish(areas=(AreaPlaces("Floor", 1),)))
        while len(self.state.memos) < KEYS:
            number = self._hold(Wish(areas=(AreaPlaces("Floor", 1),)))
            self._take(ReleaseHold(stamp(self._next()), number))
        self.bytes_in_all = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()

    def best(self, quantity: int) -> PlaceHold:
        """The wish for the best neighbours."""
        number = self._next()
        return PlaceHold(stamp(number), number, Wish(best=(BestSeats(quantity),)))

    def _sell_half(self, seats: int) -> None:
        """Groups of five of every row, half of the four that it has, chosen at random."""
        random = Random(seats)
        groups = [
            (row, first)
            for row in range(seats // SEATS_PER_ROW)
            for first in random.sample(range(1, SEATS_PER_ROW, GROUP), SEATS_PER_ROW // GROUP // 2)
        ]
        random.shuffle(groups)
        for start in range(0, len(groups), 10):
            units = tuple(
                f"S{row // ROWS_PER_SECTION}/{row % ROWS_PER_SECTION}/{seat}"
                for row, first in groups[start : start + 10]
                for seat in range(first, first + GROUP)
            )
            hold = self._hold(Wish(units))
            order = self._next()
            self._take(PlaceOrder(stamp(order), hold, order))
            self._take(ConfirmOrder(stamp(self._next()), order))

    def _hold(self, wish: Wish) -> int:
        number = self._next()
        self._take(PlaceHold(stamp(number), number, wish))
        return number

    def _next(self) -> int:
        self._number += 1
        return self._number

    def _take(self, command: Command) -> None:
        outcome = decide(self.state, command, NOW_MS)
        assert isinstance(outcome, Accepted), outcome
        for entry in outcome.entries:
            apply(self.state, entry)


def layout_of(seats: int) -> Layout:
    """Rows of 20 in sections of a thousand seats, and the area."""
    rows = seats // SEATS_PER_ROW
    sections = tuple(
        Section(
            f"S{first // ROWS_PER_SECTION}",
            tuple(Row(str(row), 0, 1, SEATS_PER_ROW) for row in range(min(ROWS_PER_SECTION, rows - first))),
        )
        for first in range(0, rows, ROWS_PER_SECTION)
    )
    categories = (Category("seat", 9000), Category("standing", 4000))
    return Layout("EUR", categories, sections, (Area("Floor", 1, LIVE_HOLDS + 1),))


def milliseconds(work: Callable[[], T]) -> tuple[float, T]:
    """How long it took, and what came of it."""
    begun_s = time.perf_counter()
    done = work()
    return (time.perf_counter() - begun_s) * 1e3, done


def activation(frozen: bytes) -> tuple[float, float]:
    """Milliseconds of all steps, and of the longest."""
    steps = restoring(frozen)
    took_ms = []
    running = True
    while running:
        begun_s = time.perf_counter()
        running = next(steps, StopIteration) is not StopIteration
        took_ms.append((time.perf_counter() - begun_s) * 1e3)
    return sum(took_ms), max(took_ms)


def measure(seats: int) -> Costs:
    """All that is measured of one size."""
    event = Event(seats)
    gc.collect()
    snapshot_ms, frozen = min(milliseconds(lambda: freeze(event.state)) for _ in range(ROUNDS))
    activations = [activation(frozen) for _ in range(ROUNDS)]
    first_ms, _ = milliseconds(lambda: decide(event.state, event.best(2), NOW_MS))
    wishes = [event.best(2) for _ in range(WISHES)]
    best_us = []
    for _ in range(ROUNDS):
        took_ms, _ = milliseconds(lambda: [decide(event.state, wish, NOW_MS) for wish in wishes])
        best_us.append(took_ms / WISHES * 1e3)
    return Costs(
        seats,
        event.empty_bytes / (seats + LIVE_HOLDS),
        event.bytes_in_all,
        len(frozen),
        snapshot_ms,
        min(took for took, _ in activations),
        min(longest for _, longest in activations),
        first_ms,
        min(best_us),
    )


def main(sizes: tuple[int, ...]) -> None:
    """Print the table."""
    gc.set_threshold(ALLOCATIONS_PER_COLLECTION, 50, 100)
    print(
        "| seats | bytes a unit | in all | snapshot | frozen in | activated in (longest step) | best 2: first | then |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for size in sizes:
        costs = measure(size)
        print(
            f"| {costs.seats:,} | {costs.bytes_per_unit:.1f} | {costs.bytes_in_all / 1e6:.0f} MB "
            f"| {costs.snapshot_bytes / 1e6:.1f} MB | {costs.snapshot_ms:.0f} ms "
            f"| {costs.activation_ms:.0f} ms ({costs.longest_step_ms:.0f} ms) "
            f"| {costs.first_best_ms:.1f} ms | {costs.best_us:.0f} us |",
            flush=True,
        )


if __name__ == "__main__":
    main(tuple(map(int, sys.argv[1:])) or SIZES)
