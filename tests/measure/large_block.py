"""What a large block costs: `python -m tests.measure.large_block [ORDERS]`; 200,000 paid orders by default.

Pauses that its shard's other blocks feel (freeze, digest, edits, longest step of a restore) and what a snapshot adds to
each entry at the pace of `actors.engine.group_commit`. One core, once through, as a shard's garbage collector is set.
"""

import gc
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial

import msgspec

from actors.core.block import apply, decide
from actors.core.commands import (
    ChangeStatus,
    Command,
    ConfirmOrder,
    CreateEvent,
    EditEvent,
    OpenSale,
    PlaceHold,
    PlaceOrder,
)
from actors.core.entries import Entry
from actors.core.layout import MAX_TIME_MS, Category, Layout, Row, Section
from actors.core.outcomes import Accepted
from actors.core.replies import EventStatus
from actors.core.rules import MAX_PER_BUYER, Rules, Window
from actors.core.snapshot import digest, freeze, ledger_digest, restoring, value_count
from actors.core.state import BlockState
from actors.core.wishes import Wish
from actors.engine.group_commit import VALUES_PER_ENTRY
from actors.journal.codec import decode_entries, encode_entries
from actors.shard import ALLOCATIONS_PER_COLLECTION
from tests.measure.core_costs import NOW_MS, stamp

ORDERS = 200_000
SEATS_PER_ROW = 100
ENTRIES_PER_ROW = 100
ROUNDS = 3
LAST = 10**8  # no other stamp has such a number


def commands(orders: int) -> Iterator[Command]:
    """An event, and so many orders from hold to payment."""
    rows = tuple(Row(str(number), 0, 1, SEATS_PER_ROW) for number in range(-(-2 * orders // SEATS_PER_ROW)))
    yield CreateEvent(stamp(1), "measured", Layout("EUR", (Category("all", 9000),), (Section("S", rows),), ()))
    yield OpenSale(stamp(2))
    for number in range(1, orders + 1):
        row, place = divmod(2 * (number - 1), SEATS_PER_ROW)
        seats = (f"S/{row}/{place + 1}", f"S/{row}/{place + 2}")
        yield PlaceHold(stamp(3 * number), number, Wish(seats))
        yield PlaceOrder(stamp(3 * number + 1), number, number)
        yield ConfirmOrder(stamp(3 * number + 2), number)


def sold(orders: int) -> tuple[BlockState, list[bytes]]:
    """The block when all is paid, and its entries as rows of the journal."""
    state = BlockState()
    rows: list[bytes] = []
    pending: list[Entry] = []
    begun = time.perf_counter()
    for command in commands(orders):
        pending += said(state, command)
        if len(pending) >= ENTRIES_PER_ROW:
            rows.append(encode_entries(pending))
            pending = []
    rows.append(encode_entries(pending))
    seconds = time.perf_counter() - begun
    entries = state.entries_applied
    print(f"{entries} entries, {value_count(state)} values: {sum(map(len, rows)) / entries:.0f} B in a row per entry")
    print(f"{'decide, apply, encode':32} {seconds / entries * 1e6:6.1f} us an entry")
    return state, rows


def timed(name: str, work: Callable[[], object]) -> float:
    """Seconds that the work takes, printed."""
    begun = time.perf_counter()
    work()
    seconds = time.perf_counter() - begun
    print(f"{name:32} {seconds * 1e3:6.0f} ms")
    return seconds


def replayed(rows: list[bytes]) -> None:
    """Print what replay takes from the first entry."""
    state = BlockState()
    begun = time.perf_counter()
    for row in rows:
        for entry in decode_entries(row):
            apply(state, entry)
    print(f"{'replay':32} {(time.perf_counter() - begun) / state.entries_applied * 1e6:6.1f} us an entry")


def whole(state: BlockState) -> bytes:
    """Print what is done with the state as a whole; the snapshot."""
    frozen = freeze(state)
    print(f"{'snapshot':32} {len(frozen) / 1e6:6.1f} MB")
    freeze_s = min(timed("freeze", lambda: freeze(state)) for _ in range(ROUNDS))
    timed("digest", lambda: digest(state))
    timed("ledger digest", lambda: ledger_digest(state))
    between = value_count(state) // VALUES_PER_ENTRY
    per_entry = f"{freeze_s / between * 1e6:.1f} us and {len(frozen) / between:.0f} B an entry"
    print(f"{'at its pace':32} every {between} entries: {per_entry}")
    return frozen


def restored(frozen: bytes) -> None:
    """Print what restoring takes, its longest step, and what letting go of the block takes."""
    gc.collect()
    steps = restoring(frozen)
    steps_s: list[float] = []
    state: BlockState | None = None
    while state is None:
        begun = time.perf_counter()
        try:
            next(steps)
        except StopIteration as done:
            state = done.value
        steps_s.append(time.perf_counter() - begun)
    longest = f"the longest {max(steps_s) * 1e3:.0f} ms"
    print(f"{'restore':32} {sum(steps_s) * 1e3:6.0f} ms in {len(steps_s)} steps, {longest}")
    timed("let go", vars(state).clear)


def edited(state: BlockState) -> None:
    """Print what edits take when all is paid, and the cancellation of it all."""
    assert state.layout is not None
    dearer = msgspec.structs.replace(state.layout, categories=(Category("all", 9900),))
    first = state.revision
    for name, command in (
        ("edit a window", EditEvent(stamp(LAST), first, rules=Rules(Window(0, MAX_TIME_MS - 1)))),
        ("edit in a limit", EditEvent(stamp(LAST + 1), first + 1, rules=Rules(max_per_buyer=MAX_PER_BUYER))),
        ("edit a price", EditEvent(stamp(LAST + 2), first + 2, layout=dearer)),
        ("cancel the event", ChangeStatus(stamp(LAST + 3), EventStatus.CANCELLED)),
    ):
        timed(name, partial(said, state, command))


def said(state: BlockState, command: Command) -> tuple[Entry, ...]:
    """What the block accepts, applied."""
    outcome = decide(state, command, NOW_MS)
    assert isinstance(outcome, Accepted), outcome
    for entry in outcome.entries:
        apply(state, entry)
    return outcome.entries


def main(orders: int) -> None:
    """Print it all."""
    gc.set_threshold(ALLOCATIONS_PER_COLLECTION, 50, 100)
    state, rows = sold(orders)
    gc.collect()
    gc.freeze()
    replayed(rows)
    frozen = whole(state)
    edited(state)
    del state, rows
    for _ in range(ROUNDS):
        restored(frozen)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else ORDERS)
