"""Lists of an event's holds and orders as HTTP shows them."""

import msgspec

from actors.core.ids import event_id
from actors.core.replies import HoldReply, OrderReply
from actors.projections.listing_reader import Listed
from serve.http_api.order_views import HoldView, OrderView, hold_view, order_view
from serve.http_api.views import Age, Time
from serve.wire_time import rfc3339


class HoldListView(msgspec.Struct, frozen=True):
    """A page of an event's holds, the newest first; no `next_cursor` on the last. What baskets bring does
    not move `sequence`, which is that of the event's own block.
    """

    event_id: str
    sequence: int
    as_of: Time
    age_ms: Age
    holds: list[HoldView]
    next_cursor: str | None


class OrderListView(msgspec.Struct, frozen=True):
    """A page of an event's orders, the newest first; no `next_cursor` on the last. What baskets bring does
    not move `sequence`, which is that of the event's own block.
    """

    event_id: str
    sequence: int
    as_of: Time
    age_ms: Age
    orders: list[OrderView]
    next_cursor: str | None


def hold_list_view(found: Listed[HoldReply]) -> HoldListView:
    """A page of holds as HTTP shows it."""
    holds = [hold_view(home, hold) for home, hold in zip(found.homes, found.listed, strict=True)]
    as_of = rfc3339(found.as_of_ms)
    return HoldListView(event_id(found.block), found.position, as_of, found.age_ms, holds, found.next_cursor or None)


def order_list_view(found: Listed[OrderReply]) -> OrderListView:
    """A page of orders as HTTP shows it."""
    orders = [order_view(home, order) for home, order in zip(found.homes, found.listed, strict=True)]
    as_of = rfc3339(found.as_of_ms)
    return OrderListView(event_id(found.block), found.position, as_of, found.age_ms, orders, found.next_cursor or None)
