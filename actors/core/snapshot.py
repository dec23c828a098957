"""A block's state as bytes with a checksum, and two digests that prove that two states are the same.

`freeze` works in one go, as the state must not change meanwhile. The pause grows with what the block remembers: 0.3 s
for 200,000 paid orders of two seats with their 600,000 keys, which is the size of a block that we promise for. Reading
takes longer, and the shard that reads has other blocks to serve: `restoring` goes in steps of a few milliseconds, and
so does `freezing`, for a state that nobody is served from.

`digest` covers everything, remembered keys and ended holds too: live state, snapshot plus tail, and replay from the
first entry must agree on it to the bit. `ledger_digest` covers what is owed to buyers and is defined so that an
independent fold over the entries can compute it: see its docstring.
"""

from collections.abc import Callable, Generator, Iterable, Iterator, Sized
from hashlib import blake2b
from itertools import islice
from typing import Any, TypeAlias, TypeVar

import msgspec

from actors.core.allotments import shelve
from actors.core.desk_state import Basket, Todo
from actors.core.event_layout import reclaim
from actors.core.layout import Layout
from actors.core.layout_versions import WrittenVersion, read_versions, written
from actors.core.parts import Part
from actors.core.replies import EventStatus, OrderStatus, WaiterStatus
from actors.core.rules import Rules
from actors.core.state import BlockState, Hold, Leg, Memo, Order, Waiter
from actors.core.tickets import SOLD

FORMAT = 6

_CHECKSUM_BYTES = 16
_LENGTH_BYTES = 4
_VALUES_PER_CHUNK = 500  # a millisecond or two to read
_BYTES_PER_CHECK = 1 << 20  # a millisecond to hash

T = TypeVar("T")


class SnapshotDamaged(Exception):
    """These bytes are not what `freeze` made: nothing of them may be used."""


class _Head(msgspec.Struct, array_like=True, tag=1):
    """All of which there is one; how many values of each kind follow.

    `layouts`: those versions that something refers to, the present one last; empty: there is no event yet.
    """

    tenant: str
    name: str
    status: EventStatus
    revision: int
    layouts: tuple[WrittenVersion, ...]
    rules: Rules
    returned: tuple[str, ...]
    hold_ttl_ms: int
    created_at_ms: int
    last_at_ms: int
    entries_applied: int
    counts: tuple[int, ...]
    parts: tuple[tuple[Part, int], ...] = ()
    whole: Layout | None = None
    home: str = ""
    was_cancelled: bool = False
    quarantines_ended: int = 0


class _Orders(msgspec.Struct, array_like=True, tag=2):
    orders: list[Order]


class _Holds(msgspec.Struct, array_like=True, tag=3):
    holds: list[Hold]


class _Memos(msgspec.Struct, array_like=True, tag=4):
    memos: list[tuple[bytes, Memo]]


class _Ended(msgspec.Struct, array_like=True, tag=5):
    ended: list[tuple[int, int]]


class _Waiters(msgspec.Struct, array_like=True, tag=6):
    waiters: list[Waiter]


class _Gone(msgspec.Struct, array_like=True, tag=7):
    waiters: list[tuple[int, int]]


class _Legs(msgspec.Struct, array_like=True, tag=8):
    legs: list[Leg]


class _Barred(msgspec.Struct, array_like=True, tag=9):
    barred: list[tuple[int, tuple[int, int]]]


class _Baskets(msgspec.Struct, array_like=True, tag=10):
    baskets: list[Basket]


class _Todos(msgspec.Struct, array_like=True, tag=11):
    todos: list[Todo]


_Chunk: TypeAlias = _Head | _Orders | _Holds | _Memos | _Ended | _Waiters | _Gone | _Legs | _Barred | _Baskets | _Todos

_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[_Chunk] = msgspec.msgpack.Decoder(_Chunk)


def freeze(state: BlockState) -> bytes:
    """The state as bytes of format `FORMAT`: a checksum, then chunks, each its length and MessagePack.

    The head comes first, then legs and orders before the holds that refer to them. What is derived is left out.
    """
    return _in_one_go(freezing(state))


def freezing(state: BlockState) -> Generator[None, None, bytes]:
    """`freeze` in steps of a few milliseconds: stops after each, and the state must not change until the last."""
    parts, hasher = list[bytes](), _hasher()
    for part in _body(state):
        parts.append(part)
        hasher.update(part)
        yield
    return b"".join((hasher.digest(), *parts))


def restore(frozen: bytes) -> BlockState:
    """The state that `freeze` made bytes of; raises SnapshotDamaged if they are not."""
    return _in_one_go(restoring(frozen))


def restoring(frozen: bytes) -> Generator[None, None, BlockState]:
    """`restore` in steps of a few milliseconds: stops after each; what it returns in the end is the state.

    A step is longer where a single value is large: the layout, which is read whole.
    """
    body = memoryview(frozen)[_CHECKSUM_BYTES:]
    hasher = _hasher()
    for start in range(0, len(body), _BYTES_PER_CHECK):
        hasher.update(body[start : start + _BYTES_PER_CHECK])
        yield
    if hasher.digest() != frozen[:_CHECKSUM_BYTES]:
        raise SnapshotDamaged("the checksum is that of other bytes")
    state = BlockState()
    try:
        chunks = _chunks(body)
        head = next(chunks, None)
        assert isinstance(head, _Head), "it does not begin with its head"
        _thaw_head(state, head)
        for chunk in chunks:
            _thaw(state, chunk)
            yield
        assert _counts(state) == head.counts, f"{_counts(state)} follow, and {head.counts} should"
        shelve(state)
    except (msgspec.DecodeError, UnicodeDecodeError) as fault:
        raise SnapshotDamaged(f"it cannot be decoded: {fault}") from fault
    except Exception as fault:  # whatever is wrong with it, the rows are all there
        raise SnapshotDamaged(f"it contradicts itself: {fault!r}") from fault
    return state


def bared(state: BlockState) -> BlockState:
    """The event as it is, and nothing of anybody: no hold, order, leg, remembered key or place in the waiting list."""
    version = state.layout_version
    layouts = {version: state.layouts[version]} if version else {}
    bare = BlockState()
    _thaw_head(bare, _head(state, written(layouts), _counts(bare)))
    shelve(bare)
    return bare


def value_count(state: BlockState) -> int:
    """How many values a snapshot of the state would have: what it takes to make and to keep grows with them."""
    return sum(_counts(state))


def _in_one_go(steps: Generator[None, None, T]) -> T:
    while True:
        try:
            next(steps)
        except StopIteration as done:
            returned: T = done.value
            return returned


def _counts(state: BlockState) -> tuple[int, ...]:
    desk = state.desk
    kept: tuple[Sized, ...] = (
        state.holds, state.orders, state.memos, state.ended, state.waiters, state.gone_waiters, state.legs,
        state.barred, desk.baskets, desk.todos,
    )  # fmt: skip
    return tuple(len(values) for values in kept)


def _body(state: BlockState) -> Iterator[bytes]:
    for chunk in _frozen(state):
        encoded = _encoder.encode(chunk)
        yield len(encoded).to_bytes(_LENGTH_BYTES)
        yield encoded


def _frozen(state: BlockState) -> Iterator[_Chunk]:
    yield _head(state, written(state.layouts), _counts(state))
    desk = state.desk
    kinds: tuple[tuple[Callable[[list[Any]], _Chunk], Iterable[Any]], ...] = (
        (_Baskets, desk.baskets.values()),
        (_Todos, desk.todos.values()),
        (_Legs, state.legs.values()),
        (_Barred, state.barred.items()),
        (_Orders, state.orders.values()),
        (_Holds, state.holds.values()),
        (_Memos, state.memos.items()),
        (_Ended, state.ended),
        (_Waiters, state.waiters.values()),
        (_Gone, state.gone_waiters),
    )
    for chunk_of, values in kinds:
        yield from (chunk_of(cut) for cut in _cut(values))


def _head(state: BlockState, layouts: tuple[WrittenVersion, ...], counts: tuple[int, ...]) -> _Head:
    return _Head(
        state.tenant, state.name, state.status, state.revision, layouts, state.rules, tuple(sorted(state.returned)),
        state.hold_ttl_ms, state.created_at_ms, state.last_at_ms, state.entries_applied, counts,
        tuple(state.parts.items()), state.whole, state.home, state.was_cancelled, state.quarantines_ended,
    )  # fmt: skip


def _cut(values: Iterable[T]) -> Iterator[list[T]]:
    following = iter(values)
    while cut := list(islice(following, _VALUES_PER_CHUNK)):
        yield cut


def _chunks(body: memoryview) -> Iterator[_Chunk]:
    start = 0
    while start < len(body):
        end = start + _LENGTH_BYTES + int.from_bytes(body[start : start + _LENGTH_BYTES])
        yield _decoder.decode(body[start + _LENGTH_BYTES : end])
        start = end


def _hasher() -> blake2b:
    return blake2b(digest_size=_CHECKSUM_BYTES, person=b"holdfast.state")


def _thaw_head(state: BlockState, head: _Head) -> None:
    state.tenant = head.tenant
    state.name = head.name
    state.status, state.was_cancelled = head.status, head.was_cancelled
    state.hold_ttl_ms = head.hold_ttl_ms
    state.created_at_ms = head.created_at_ms
    state.last_at_ms = head.last_at_ms
    state.entries_applied = head.entries_applied
    state.quarantines_ended = head.quarantines_ended
    state.revision = head.revision
    state.rules = head.rules
    state.returned = set(head.returned)
    state.parts, state.whole, state.home = dict(head.parts), head.whole, head.home
    if head.layouts:
        state.versions.layouts = read_versions(head.layouts)
        version = head.layouts[-1].version
        state.set_layout(state.layouts[version], version)


def _thaw(state: BlockState, chunk: _Chunk) -> None:  # noqa: C901 - one arm for each kind of chunk
    match chunk:
        case _Orders(orders):
            state.orders.update((order.number, order) for order in orders)
            state.paid_order_count += sum(order.was_paid for order in orders)
        case _Holds(holds):
            for hold in holds:
                _thaw_hold(state, hold)
        case _Memos(memos):
            state.memos.update(memos)
            for key, memo in memos:
                if memo.due_ms:
                    state.push_memo_due(memo.due_ms, key)
        case _Ended(ended):
            state.ended.extend(ended)
        case _Waiters(waiters):
            for waiter in waiters:
                state.waiters[waiter.number] = waiter
                if waiter.status is WaiterStatus.WAITING:
                    state.line.join(waiter.number, waiter.buyer, waiter.wish)
        case _Legs(legs):
            for leg in legs:
                state.legs[leg.number] = leg
                state.let_ask(leg, leg.ask_at_ms)
        case _Barred(barred):
            state.barred.update(barred)
        case _Baskets(baskets):
            for basket in baskets:
                state.desk.add(basket)
        case _Todos(todos):
            for todo in todos:
                state.desk.demand(todo)
        case _Gone(gone):
            state.gone_waiters.extend(gone)
        case _Head():
            raise AssertionError("it has two heads")


def _thaw_hold(state: BlockState, hold: Hold) -> None:
    """The hold, and what is derived from it: who has which unit, until when."""
    state.holds[hold.number] = hold
    reclaim(state, hold)
    if state.claims_units(hold) and hold.number not in state.legs:
        state.push_deadline(hold)


def digest(state: BlockState) -> bytes:
    """32 bytes over the whole state, the derived inventory included."""
    hasher = blake2b(digest_size=32)
    for part in _body(state):
        hasher.update(part)
    hasher.update(derived(state))
    return hasher.digest()


def derived(state: BlockState) -> bytes:
    """What a snapshot leaves out and a state must have: who has which unit, and what each buyer has."""
    inventory = state.inventory
    channels = sorted((area, channel, count) for (area, channel), count in inventory.area_of_channel.items() if count)
    counts = _encoder.encode((inventory.area_held, inventory.area_sold, channels, sorted(state.buyers.units.items())))
    return bytes(inventory.statuses) + inventory.owners.tobytes() + bytes(inventory.shelf) + counts


def ledger_digest(state: BlockState) -> bytes:
    """32 bytes over what is owed: BLAKE2b of one MessagePack array.

    `[tenant, name, status, unit statuses, area [held, sold] pairs, holds, orders, waiters]`. Holds: `[number, buyer,
    seats, areas, prices, charges, once, channel, deadline]` of every hold that still claims units it has not sold.
    Orders: `[number, hold, status, code revisions, holders, exchanges]` of every order that is pending or paid and not
    cancelled, an exchange being `[seats, areas, prices, charges]` of a lot that came by one. Waiters: `[number, buyer]`
    of who still waits, in line. All but those by rising number; seats and areas as in the entries; statuses as their
    numbers, those of the units as one `bin` with a byte a seat, then a byte a slot: BLOCKED is 3, where nobody has a
    unit of an allotment.
    """
    claiming = [hold for number, hold in sorted(state.holds.items()) if state.claims_units(hold)]
    inventory = state.inventory
    owed = (
        state.tenant,
        state.name,
        int(state.status),
        bytes(inventory.statuses),
        list(zip(inventory.area_held, inventory.area_sold, strict=True)),
        [
            (hold.number, hold.buyer, hold.seats, hold.areas, hold.prices, hold.charges, hold.once, hold.channel,
             hold.expires_at_ms)
            for hold in claiming
        ],
        [
            (number, order.hold, int(order.status), order.code_revisions, order.holders,
             [(lot.seats, lot.areas, lot.prices, lot.charges) for lot in order.exchanged])
            for number, order in sorted(state.orders.items())
            if order.status is OrderStatus.PENDING or order.status in SOLD
        ],
        [(waiter.number, waiter.buyer) for waiter in state.waiters.values() if waiter.status is WaiterStatus.WAITING],
    )  # fmt: skip
    return blake2b(_encoder.encode(owed), digest_size=32).digest()
