"""A block's state as bytes with a checksum, and two digests that prove that two states are the same.

`digest` covers everything, remembered keys and ended holds too: live state, snapshot plus tail, and replay from the
first entry must agree on it to the bit. `ledger_digest` covers what is owed to buyers and is defined so that an
independent fold over the entries can compute it: see its docstring.
"""

from collections import deque
from hashlib import blake2b

import msgspec

from actors.core.layout import Layout
from actors.core.replies import EventStatus, OrderStatus
from actors.core.state import BlockState, Hold, Memo, Order

FORMAT = 2

_CHECKSUM_BYTES = 16
_encoder = msgspec.msgpack.Encoder()


class SnapshotDamaged(Exception):
    """These bytes are not what `freeze` made: nothing of them may be used."""


class _Frozen(msgspec.Struct, array_like=True):
    """What a snapshot holds; the derived parts of a state are left out."""

    tenant: str
    name: str
    status: EventStatus
    layout: Layout | None
    hold_ttl_ms: int
    created_at_ms: int
    last_at_ms: int
    entries_applied: int
    holds: list[Hold]
    orders: list[Order]
    memos: dict[bytes, Memo]
    ended: list[tuple[int, int]]


_decoder = msgspec.msgpack.Decoder(_Frozen)


def freeze(state: BlockState) -> bytes:
    """The state as bytes of format `FORMAT`: a checksum, then MessagePack."""
    body = _body(state)
    return _checksum(body) + body


def restore(frozen: bytes) -> BlockState:
    """The state that `freeze` made bytes of; raises SnapshotDamaged if they are not."""
    body = frozen[_CHECKSUM_BYTES:]
    if _checksum(body) != frozen[:_CHECKSUM_BYTES]:
        raise SnapshotDamaged("the checksum is that of other bytes")
    try:
        return _thaw(_decoder.decode(body))
    except (msgspec.DecodeError, UnicodeDecodeError) as fault:
        raise SnapshotDamaged(f"it cannot be decoded: {fault}") from fault
    except (AssertionError, LookupError) as fault:
        raise SnapshotDamaged(f"it contradicts itself: {fault!r}") from fault


def _body(state: BlockState) -> bytes:
    return _encoder.encode(
        _Frozen(
            state.tenant, state.name, state.status, state.layout, state.hold_ttl_ms, state.created_at_ms,
            state.last_at_ms, state.entries_applied, list(state.holds.values()), list(state.orders.values()),
            state.memos, list(state.ended),
        )
    )  # fmt: skip


def _checksum(body: bytes) -> bytes:
    return blake2b(body, digest_size=_CHECKSUM_BYTES, person=b"holdfast.state").digest()


def _thaw(saved: _Frozen) -> BlockState:
    state = BlockState()
    state.tenant = saved.tenant
    state.name = saved.name
    state.status = saved.status
    state.hold_ttl_ms = saved.hold_ttl_ms
    state.created_at_ms = saved.created_at_ms
    state.last_at_ms = saved.last_at_ms
    state.entries_applied = saved.entries_applied
    state.holds = {hold.number: hold for hold in saved.holds}
    state.orders = {order.number: order for order in saved.orders}
    state.memos = saved.memos
    state.ended = deque(saved.ended)
    if saved.layout is not None:
        state.set_layout(saved.layout)
    for hold in saved.holds:
        sold = hold.order != 0 and state.orders[hold.order].status is OrderStatus.CONFIRMED
        if sold or state.claims_units(hold):
            state.inventory.claim(hold.number, hold.seats, hold.areas)
        if sold:
            state.inventory.sell(hold.number, hold.seats, hold.areas)
        elif state.claims_units(hold):
            state.push_deadline(hold)
    return state


def digest(state: BlockState) -> bytes:
    """32 bytes over the whole state, the derived inventory included."""
    inventory = state.inventory
    areas = _encoder.encode((inventory.area_held, inventory.area_sold))
    hasher = blake2b(_body(state), digest_size=32)
    hasher.update(bytes(inventory.statuses) + inventory.owners.tobytes() + areas)
    return hasher.digest()


def ledger_digest(state: BlockState) -> bytes:
    """32 bytes over what is owed: BLAKE2b of one MessagePack array.

    `[tenant, name, status, seat statuses, area [held, sold] pairs, holds, orders]`, where holds are `[number, buyer,
    seats, areas, prices, deadline]` of every hold that still claims units it has not sold, orders are `[number, hold,
    status, tickets]` of every order that is pending or confirmed, both by rising number; seats and areas as in the
    entries; statuses as their numbers, those of the seats as one `bin` with a byte a seat; `tickets` is how many
    tickets the order has.
    """
    claiming = [hold for number, hold in sorted(state.holds.items()) if state.claims_units(hold)]
    inventory = state.inventory
    owed = (
        state.tenant,
        state.name,
        int(state.status),
        bytes(inventory.statuses),
        list(zip(inventory.area_held, inventory.area_sold, strict=True)),
        [(hold.number, hold.buyer, hold.seats, hold.areas, hold.prices, hold.expires_at_ms) for hold in claiming],
        [
            (number, order.hold, int(order.status), len(order.code_revisions))
            for number, order in sorted(state.orders.items())
            if order.status in (OrderStatus.PENDING, OrderStatus.CONFIRMED)
        ],
    )
    return blake2b(_encoder.encode(owed), digest_size=32).digest()
