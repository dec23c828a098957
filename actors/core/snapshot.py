"""A block's state as bytes, and two digests that prove that two states are the same.

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

FORMAT = 1

_encoder = msgspec.msgpack.Encoder()


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
    ended: list[int]


_decoder = msgspec.msgpack.Decoder(_Frozen)


def freeze(state: BlockState) -> bytes:
    """The state as bytes of format `FORMAT`."""
    return _encoder.encode(
        _Frozen(
            state.tenant, state.name, state.status, state.layout, state.hold_ttl_ms, state.created_at_ms,
            state.last_at_ms, state.entries_applied, list(state.holds.values()), list(state.orders.values()),
            state.memos, list(state.ended),
        )
    )  # fmt: skip


def restore(frozen: bytes) -> BlockState:
    """The state that `freeze` made bytes of; raises msgspec.DecodeError if they are not."""
    saved = _decoder.decode(frozen)
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
    hasher = blake2b(freeze(state), digest_size=32)
    hasher.update(bytes(inventory.statuses) + inventory.owners.tobytes() + areas)
    return hasher.digest()


def ledger_digest(state: BlockState) -> bytes:
    """32 bytes over what is owed: BLAKE2b of one MessagePack array.

    `[tenant, name, status, seat statuses, area [held, sold] pairs, holds, orders]`, where holds are `[number, buyer,
    seats, areas, prices, deadline]` of every hold that still claims units it has not sold, orders are `[number, hold,
    status, tickets]`, both by rising number; seats and areas as in the entries; statuses as their numbers.
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
        ],
    )
    return blake2b(_encoder.encode(owed), digest_size=32).digest()
