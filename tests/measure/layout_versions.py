"""What each price version of a layout of 100,000 seats costs: `python -m tests.measure.layout_versions`.

Something is held under each, with its key, which is in the figures too.
"""

import gc
import tracemalloc

import msgspec

from actors.core.block import apply, decide
from actors.core.commands import CreateEvent, EditEvent, OpenSale, PlaceHold
from actors.core.layout import Category, Layout, Row, Section
from actors.core.outcomes import Accepted
from actors.core.snapshot import freeze, restore
from actors.core.state import BlockState
from actors.core.wishes import Wish
from tests.measure.core_costs import NOW_MS, stamp

SECTIONS, ROWS, SEATS = 50, 50, 40
CATEGORIES = 10
EDITS = 50

_decoder = msgspec.msgpack.Decoder(Layout)


def priced(price: int) -> Layout:
    """100,000 seats in 2,500 rows, as it comes from the wire: nothing of it is in memory already."""
    rows = tuple(Row(f"R{row}", row % CATEGORIES, 1, SEATS) for row in range(ROWS))
    sections = tuple(Section(f"S{section}", rows) for section in range(SECTIONS))
    categories = tuple(Category(f"C{number}", price + number) for number in range(CATEGORIES))
    return _decoder.decode(msgspec.msgpack.encode(Layout("EUR", categories, sections, ())))


def sold_under(edits: int) -> BlockState:
    """A block whose price changed so often; a hold was placed under each."""
    state = BlockState()
    say(state, CreateEvent(stamp(1), "Arena", priced(100), 600_000))
    say(state, OpenSale(stamp(2)))
    for number in range(edits):
        section, row = divmod(number, ROWS)
        say(state, PlaceHold(stamp(10 + 2 * number), number + 1, Wish((f"S{section}/R{row}/1",))))
        say(state, EditEvent(stamp(11 + 2 * number), state.revision, layout=priced(200 + number)))
    return state


def say(state: BlockState, command: CreateEvent | OpenSale | PlaceHold | EditEvent) -> None:
    """Decide and apply, which must be accepted."""
    outcome = decide(state, command, NOW_MS)
    assert isinstance(outcome, Accepted), outcome
    for entry in outcome.entries:
        apply(state, entry)


def main() -> None:
    """Print memory and snapshot for each version more, live and restored."""
    sold_under(1)
    sizes, frozen = {}, {}
    for edits in (1, EDITS + 1):
        gc.collect()
        tracemalloc.start()
        state = sold_under(edits)
        gc.collect()
        live = tracemalloc.get_traced_memory()[0]
        frozen[edits] = freeze(state)
        del state
        gc.collect()
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        again = restore(frozen[edits])
        for version in again.layouts:
            again.index_of(version)
        gc.collect()
        sizes[edits] = live, tracemalloc.get_traced_memory()[0] - before
        del again
        tracemalloc.stop()
    for place, name in enumerate(("live", "restored")):
        print(f"{name:32} {(sizes[EDITS + 1][place] - sizes[1][place]) / EDITS / 1000:8.1f} kB a version")
    print(f"{'snapshot':32} {(len(frozen[EDITS + 1]) - len(frozen[1])) / EDITS / 1000:8.1f} kB a version")


if __name__ == "__main__":
    main()
