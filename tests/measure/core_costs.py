"""What the core costs in time and memory: `python -m tests.measure.core_costs`.

One arena of 18,000 seats, holds of two seats. Times are the best of several rounds, on one core.
"""

import gc
import time
import tracemalloc
from collections.abc import Callable, Sequence

import msgspec

from actors.core.block import apply, decide, next_due
from actors.core.commands import CancelOrder, Command, ConfirmOrder, CreateEvent, OpenSale, PlaceHold, PlaceOrder, Stamp
from actors.core.layout import Category, Layout, Row, Section
from actors.core.outcomes import Accepted
from actors.core.snapshot import digest, freeze, ledger_digest, restore
from actors.core.state import BlockState
from actors.core.wishes import Wish

NOW_MS = 1_700_000_000_000
SECTIONS, ROWS, SEATS = 30, 20, 30
HOLDS = SECTIONS * ROWS * SEATS // 2
ROUNDS = 5
LAYOUT = Layout(
    "EUR",
    (Category("gold", 9000), Category("silver", 5000)),
    tuple(
        Section(f"S{section}", tuple(Row(f"R{row}", section % 2, 1, SEATS) for row in range(ROWS)))
        for section in range(SECTIONS)
    ),
    (),
)


def stamp(number: int) -> Stamp:
    """Buyer and key number so and so."""
    key = number.to_bytes(16, "big")
    return Stamp("acme", f"buyer-{number:08d}", key, key, NOW_MS + 60_000)


def on_sale() -> BlockState:
    """A fresh block with the arena on sale."""
    state = BlockState()
    for command in (CreateEvent(stamp(1), "measured", LAYOUT), OpenSale(stamp(2))):
        take(state, command)
    return state


def take(state: BlockState, command: Command) -> None:
    """Decide and apply a command that must be accepted."""
    outcome = decide(state, command, NOW_MS)
    assert isinstance(outcome, Accepted), outcome
    for entry in outcome.entries:
        apply(state, entry)


def holds(first_key: int = 1000) -> list[PlaceHold]:
    """Holds that sell the arena out, two neighbours each."""
    pairs = [(s, r, seat) for s in range(SECTIONS) for r in range(ROWS) for seat in range(1, SEATS, 2)]
    return [
        PlaceHold(stamp(first_key + number), first_key + number, Wish((f"S{s}/R{r}/{seat}", f"S{s}/R{r}/{seat + 1}")))
        for number, (s, r, seat) in enumerate(pairs)
    ]


def microseconds(work: Callable[[PlaceHold], object], commands: Sequence[PlaceHold]) -> float:
    """Microseconds per command, once through."""
    gc.collect()
    begun = time.perf_counter()
    for command in commands:
        work(command)
    return (time.perf_counter() - begun) / len(commands) * 1e6


def times() -> None:
    """Print what holding, replaying and refusing cost."""
    encoder = msgspec.msgpack.Encoder()
    decoder: msgspec.msgpack.Decoder[Command] = msgspec.msgpack.Decoder(Command)
    best = {"decide and apply": 9e9, "with decoding and encoding": 9e9, "replay": 9e9, "refuse": 9e9}
    for _ in range(ROUNDS):
        state, commands, strangers = on_sale(), holds(), holds(1_000_000)
        wire = on_sale()

        def whole(command: PlaceHold, state: BlockState = wire) -> None:
            outcome = decide(state, decoder.decode(encoder.encode(command)), NOW_MS)
            assert isinstance(outcome, Accepted)
            for entry in outcome.entries:
                apply(state, entry)
            encoder.encode(outcome.entries)
            encoder.encode(outcome.reply)

        for name, work, asked in (
            ("decide and apply", lambda command, state=state: take(state, command), commands),
            ("replay", lambda command, state=state: decide(state, command, NOW_MS), commands),
            ("refuse", lambda command, state=state: decide(state, command, NOW_MS), strangers),
            ("with decoding and encoding", whole, commands),
        ):
            best[name] = min(best[name], microseconds(work, asked))
    for name, us in best.items():
        print(f"{name:32} {us:6.1f} us")


def memory() -> None:
    """Print what a block, a hold and a key take."""
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    state = on_sale()
    empty = tracemalloc.get_traced_memory()[0]
    for command in holds():
        take(state, msgspec.msgpack.decode(msgspec.msgpack.encode(command), type=PlaceHold))
    gc.collect()
    full = tracemalloc.get_traced_memory()[0]
    for hold in state.holds.values():
        hold.keys = ()
    state.memos.clear()
    state.memos = {}
    state.memo_dues.clear()
    gc.collect()
    without_keys = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    print(f"{'empty arena':32} {(empty - before) / 1000:6.0f} kB ({SECTIONS * ROWS * SEATS} seats)")
    print(f"{'a hold with its key':32} {(full - empty) / HOLDS:6.0f} B")
    print(f"{'of which the key':32} {(full - without_keys) / HOLDS:6.0f} B")


def kept_for_ever() -> None:
    """Print what stays of an order that was paid and cancelled, when its keys are over."""
    state = on_sale()
    tracemalloc.start()
    before, frozen_before = tracemalloc.get_traced_memory()[0], len(freeze(state))
    for number, command in enumerate(holds()):
        take(state, msgspec.msgpack.decode(msgspec.msgpack.encode(command), type=PlaceHold))
        first_key = 1_000_000 + 3 * number
        take(state, PlaceOrder(stamp(first_key), command.hold, command.hold))
        take(state, ConfirmOrder(stamp(first_key + 1), command.hold))
        take(state, CancelOrder(stamp(first_key + 2), command.hold))
    state.memos, state.memo_dues = {}, []
    gc.collect()
    kept = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    print(f"{'a paid and cancelled order':32} {kept / HOLDS:6.0f} B for ever")
    print(f"{'its part of a snapshot':32} {(len(freeze(state)) - frozen_before) / HOLDS:6.0f} B")


def whole_state() -> None:
    """Print what is done with a whole state: digest, snapshot, mass expiry."""
    state = on_sale()
    for command in holds():
        take(state, command)
    frozen = freeze(state)
    for name, work in (
        ("freeze", lambda: freeze(state)),
        ("restore", lambda: restore(frozen)),
        ("digest", lambda: digest(state)),
        ("ledger digest", lambda: ledger_digest(state)),
    ):
        begun = time.perf_counter()
        work()
        print(f"{name:32} {(time.perf_counter() - begun) * 1e3:6.1f} ms ({HOLDS} live holds, {len(frozen)} bytes)")
    begun, expired = time.perf_counter(), 0
    while (entry := next_due(state, NOW_MS + 3_600_000)) is not None:
        apply(state, entry)
        expired += 1
    print(f"{'mass expiry':32} {(time.perf_counter() - begun) / expired * 1e6:6.1f} us each ({expired})")


if __name__ == "__main__":
    times()
    memory()
    kept_for_ever()
    whole_state()
