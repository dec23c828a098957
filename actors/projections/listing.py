"""Projection "listing": an event's holds and orders by buyer and status, as `listing_reader` shows them.

A row per hold and per order, as the block would tell it; of a buyer only what is in the journal. What the block does
not remember any more is not shown any more. Those of baskets are at home at desks, and are listed under each event of
which they ever had something. A part of an event has none of its own.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from actors.core.entries import (
    Activated,
    AllotmentReturned,
    BasketDropped,
    BasketIntended,
    Corrected,
    Entry,
    EventCreated,
    EventEdited,
    EventFollowed,
    LegAcknowledged,
    LegBarred,
    LegBooked,
    LegPinned,
    LegReleased,
    PartFollowed,
    SaleOpened,
    StatusChanged,
    WaiterJoined,
    WaiterLeft,
)
from actors.core.holds import hold_reply
from actors.core.orders import order_reply
from actors.core.replies import EventStatus, HoldStatus, OrderStatus
from actors.core.state import BlockState, Hold, Order
from actors.database.connect import Connection
from actors.database.queries import load_queries
from actors.projections.projection import Progress

_SQL = load_queries(Path(__file__).parent / "sql" / "listing.sql")

TOUCHES_NONE: tuple[type, ...] = (
    EventCreated,
    SaleOpened,
    EventEdited,
    AllotmentReturned,
    WaiterJoined,
    WaiterLeft,
    EventFollowed,
    PartFollowed,
    BasketIntended,
    BasketDropped,
    LegAcknowledged,
    LegPinned,
    LegBooked,
    LegReleased,
    LegBarred,
)
"""Kinds of entries that change no hold and no order: what is meant is not held yet, and legs are their desks'."""

MAY_TOUCH_MANY: tuple[type, ...] = (Activated, StatusChanged, Corrected)
"""Kinds that may change many. All others name theirs: a basket's number is that of its hold."""

_encoder = msgspec.msgpack.Encoder()


class ListingProjection:
    """Rows of what the entries changed, as they are after the last of them."""

    name = "listing"

    async def write(self, connection: Connection, progress: Sequence[Progress]) -> None:
        """See `Projection.write`."""
        blocks = [one for one in progress if not one.state.home]
        parts = [one.block for one in progress if one.state.home and _follows_an_event(one)]
        if parts:  # whose claims were followed before it was known what they are
            await connection.execute(_SQL["list_no_more"], parts)
        begun = [one.block for one in blocks if one.rows[0].row.position == 1]
        if begun:
            await connection.execute(_SQL["begin_anew"], begun)
        await connection.execute(_SQL["follow"], *_columns([_followed(one) for one in blocks], 5))
        holds, orders = [], []
        baskets: list[tuple[object, ...]] = []
        basket_orders: list[tuple[object, ...]] = []
        for one in blocks:
            for hold, times in _touched(one):
                events = _events_of(one.state, hold)
                holds.append(_hold_row(one, hold, times))
                baskets += [(one.block, hold.number, event) for event in events]
                if hold.order:
                    orders.append(_order_row(one, one.state.orders[hold.order], hold, times))
                    basket_orders += [(one.block, hold.order, event) for event in events]
        for query, rows, width in (
            ("list_holds", holds, 7),
            ("list_orders", orders, 8),
            ("list_baskets", baskets, 3),
            ("list_basket_orders", basket_orders, 3),
        ):
            if rows:
                await connection.execute(_SQL[query], *_columns(rows, width))
        gone_holds, gone_orders = _forgotten(blocks, "hold"), _forgotten(blocks, "order")
        if gone_holds or gone_orders:
            await connection.execute(_SQL["forget"], *_columns(gone_holds, 2), *_columns(gone_orders, 2))


def _follows_an_event(progress: Progress) -> bool:
    return any(isinstance(entry, EventFollowed) for row in progress.rows for entry in row.entries)


_Times = tuple[int, int]  # of the first entry that names it, which counts if it is not listed yet, and of the last


def _touched(progress: Progress) -> list[tuple[Hold, _Times]]:
    """The holds that the entries changed, themselves or by their orders, as far as the block remembers them."""
    state, first_ms, last_ms = progress.state, dict[int, int](), dict[int, int]()
    for row in progress.rows:
        for entry in row.entries:
            for number in touched_by(state, entry):
                last_ms[number] = entry.at_ms
                if not isinstance(entry, MAY_TOUCH_MANY):  # what changes many may have been before this one was placed
                    first_ms.setdefault(number, entry.at_ms)
    return [
        (state.holds[number], (first_ms.get(number, at_ms), at_ms))
        for number, at_ms in last_ms.items()
        if number in state.holds and number not in state.legs
    ]


def touched_by(state: BlockState, entry: Entry) -> Iterable[int]:
    """The numbers of the holds that an entry changed, or whose orders; `state` is that of a later row."""
    if isinstance(entry, TOUCHES_NONE):
        return ()
    if isinstance(entry, Activated):
        # an outage moves deadlines
        return [hold.number for hold in state.holds.values() if state.claims_units(hold)] if entry.down_until_ms else ()
    if isinstance(entry, Corrected):
        corrected = (*entry.orders, *(number for number, _ in entry.voided))
        ended = (state.orders[number].hold for number in corrected if number in state.orders)
        given_grace = (hold.number for hold in state.holds.values() if state.claims_units(hold))
        return {*entry.holds, *ended, *given_grace}
    if isinstance(entry, StatusChanged):
        return _ended_with(state, entry.at_ms) if entry.status is EventStatus.CANCELLED else ()
    number = getattr(entry, "hold", 0) or getattr(entry, "basket", 0)
    if number:
        return (number,)
    order = state.orders.get(entry.order)  # type: ignore[union-attr]
    return () if order is None else (order.hold,)


def _events_of(state: BlockState, hold: Hold) -> set[str]:
    """The home blocks of the events of which a basket ever had something; none for what is no basket."""
    basket = state.desk.baskets.get(hold.number)
    return set() if basket is None else {held.event for held in basket.held if not held.counts}


def _ended_with(state: BlockState, at_ms: int) -> list[int]:
    """The holds that came to nothing when the event was cancelled, and those whose paid orders did."""
    paid = (order.hold for order in state.orders.values() if order.status is OrderStatus.CANCELLED and order.was_paid)
    return [*(number for ended_at_ms, number in state.ended if ended_at_ms == at_ms), *paid]


def _forgotten(blocks: Sequence[Progress], field: str) -> list[tuple[object, ...]]:
    """Blocks and numbers of what the entries name in this field, and their blocks have forgotten since."""
    return [
        (one.block, number)
        for one in blocks
        for number in sorted({number for row in one.rows for entry in row.entries for number in _named(entry, field)})
        if number and number not in (one.state.holds if field == "hold" else one.state.orders)
    ]


def _named(entry: Entry, field: str) -> tuple[int, ...]:
    if isinstance(entry, Corrected):
        return entry.holds if field == "hold" else entry.orders
    return (getattr(entry, field, 0),)


def _followed(progress: Progress) -> tuple[object, ...]:
    state = progress.state
    forgotten_before_ms = state.ended[0][0] if state.ended else state.last_at_ms + 1
    return progress.block, state.tenant, progress.position, progress.as_of_ms, forgotten_before_ms


def _hold_row(progress: Progress, hold: Hold, times: _Times) -> tuple[object, ...]:
    reply = hold_reply(progress.state, hold, 0)  # at no time: as the journal has it
    placed_at_ms, last_at_ms = times
    ended_at_ms = last_at_ms if _is_over(progress.state, hold) else None
    shown = _encoder.encode(reply)
    return progress.block, hold.number, placed_at_ms, ended_at_ms, hold.status, hold.buyer, shown


def _order_row(progress: Progress, order: Order, hold: Hold, times: _Times) -> tuple[object, ...]:
    ended_at_ms = times[1] if _is_over(progress.state, hold) else None
    shown = _encoder.encode(order_reply(progress.state, order, 0))
    columns = (order.placed_at_ms, ended_at_ms, order.status, hold.buyer, shown, hold.number)
    return progress.block, order.number, *columns


def _is_over(state: BlockState, hold: Hold) -> bool:
    """Whether it came to nothing, so that the block will forget it."""
    if not hold.order:
        return hold.status in (HoldStatus.RELEASED, HoldStatus.EXPIRED)
    order = state.orders[hold.order]
    return order.status in (OrderStatus.CANCELLED, OrderStatus.EXPIRED) and not order.was_paid


def _columns(rows: Sequence[tuple[object, ...]], width: int) -> list[list[object]]:
    """Rows as one list per column, as `unnest` wants them."""
    return [[row[column] for row in rows] for column in range(width)]
