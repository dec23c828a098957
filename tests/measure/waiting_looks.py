"""What looks at those who wait take: `python -m tests.measure.waiting_looks`.

100,000 seats of which every other one is held, so that no two are neighbours. Times are of one core.
"""

import time

from actors.core.block import apply, decide, next_due
from actors.core.commands import CreateEvent, JoinWaitingList, OpenSale, PlaceHold, ReleaseHold, Stamp, Write
from actors.core.layout import Category, Layout, Row, Section
from actors.core.outcomes import Accepted
from actors.core.rules import Rules, WaitingList
from actors.core.state import BlockState
from actors.core.wishes import BestSeats, Wish

NOW_MS = 1_700_000_000_000
SECTIONS, ROWS, SEATS = 50, 50, 40
WISHES = 400


class House:
    """The event, with an accessible seat in every row, held back no longer."""

    def __init__(self, focus: tuple[int, int] | None) -> None:
        self.state = BlockState()
        self._asked = 0
        rows = tuple(Row(str(row), 0, 1, SEATS, accessible=(1,)) for row in range(ROWS))
        sections = tuple(Section(f"S{n}", rows, (n % 10 * 100, n // 10 * 200)) for n in range(SECTIONS))
        layout = Layout("EUR", (Category("any", 100),), sections, (), focus=focus)
        rules = Rules(accessible_until_ms=NOW_MS, waiting_list=WaitingList(60_000))
        self.do(CreateEvent(self.stamp(), "Night", layout, 600_000, rules))
        self.do(OpenSale(self.stamp()))
        for section in range(SECTIONS):
            for row in range(ROWS):
                odd = tuple(f"S{section}/{row}/{seat}" for seat in range(1, SEATS + 1, 2))
                self.do(PlaceHold(self.stamp(), self._asked, Wish(odd), 3_600_000))

    def stamp(self) -> Stamp:
        """A new one."""
        self._asked += 1
        key = self._asked.to_bytes(16)
        return Stamp("acme", "", key, key, NOW_MS)

    def do(self, command: Write) -> None:
        """Decide and apply."""
        outcome = decide(self.state, command, NOW_MS)
        assert isinstance(outcome, Accepted), outcome
        for entry in outcome.entries:
            apply(self.state, entry)

    def join(self, wish: Wish) -> None:
        """Wait, and be offered what is there."""
        self.do(JoinWaitingList(self.stamp(), self._asked, wish))
        self.offer()

    def offer(self) -> None:
        """All that can be offered."""
        while (entry := next_due(self.state, NOW_MS)) is not None:
            apply(self.state, entry)


def measure(kind: str, focus: tuple[int, int] | None, accessible: int, *, split: bool, named: int) -> None:
    """Many wish for different things in vain; a seat that comes back helps nobody."""
    house = House(focus)
    seats = tuple(f"S{n}/{n}/2" for n in range(named))
    for n in range(WISHES):
        sections = tuple(f"S{section}" for section in range(SECTIONS) if section != n % SECTIONS)
        house.join(Wish(seats, best=(BestSeats(3 + n // SECTIONS, sections, (), accessible, split),)))
    line, times, seat = house.state.line, [], Wish((f"S{SECTIONS - 1}/0/4",))
    for _ in range(5):
        house.do(PlaceHold(house.stamp(), house._asked, seat, 3_600_000))
        held = house._asked
        house.do(ReleaseHold(house.stamp(), held))
        looks, began = line.looks, time.process_time()
        house.offer()
        times.append((time.process_time() - began) / (line.looks - looks))
    print(f"{kind:38} {'focal point' if focus else 'own order':12} {min(times) * 1e6:6.0f} µs a look", flush=True)


def main() -> None:
    """A line for each kind of wish."""
    for focus in (None, (3, 3)):
        measure("neighbours", focus, 0, split=False, named=0)
        measure("neighbours or split", focus, 0, split=True, named=0)
        measure("neighbours, an accessible seat", focus, 1, split=False, named=0)
        measure("neighbours, and 40 seats by name", focus, 0, split=False, named=40)


if __name__ == "__main__":
    main()
