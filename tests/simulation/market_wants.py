"""What clients of a market know, and what they do to an order or in a line, as writes."""

from collections.abc import Sequence
from typing import NamedTuple

from actors.audit.replies import Told
from actors.core.ids import BlockId
from tests.simulation.market_client import Wanted
from tests.simulation.market_events import Shape
from tests.simulation.recording import About


class Event(NamedTuple):
    """One of the market's."""

    id: str
    shape: Shape


class Hold(NamedTuple):
    """A hold that somebody was told of. `key`: under which it was asked for."""

    id: str
    event: Event
    buyer: str
    key: str


class Order(NamedTuple):
    """An order that somebody was told of. `event`: one of those of which it is."""

    id: str
    block: BlockId
    number: int
    event: Event
    buyer: str


def confirming(order: Order) -> Wanted:
    """The order is paid."""
    return Wanted(
        "confirm_order", lambda gateway, request: gateway.confirm_order(request, order.id), Told.CONFIRMED,
        About(order.id),
    )  # fmt: skip


def cancelling(order: Order) -> Wanted:
    """The whole order is given up."""
    return Wanted(
        "cancel_order", lambda gateway, request: gateway.cancel_order(request, order.id), Told.CANCELLED,
        About(order.id),
    )  # fmt: skip


def voiding(order: Order, tickets: Sequence[int]) -> Wanted:
    """These tickets of it are given up."""
    return Wanted(
        "cancel_tickets", lambda gateway, request: gateway.cancel_tickets(request, order.id, tickets),
        Told.PARTLY_CANCELLED, About(order.id, tickets=tickets),
    )  # fmt: skip


def leaving(waiter: str) -> Wanted:
    """The waiter waits no longer."""
    return Wanted(
        "leave_waiting_list", lambda gateway, request: gateway.leave_waiting_list(request, waiter), Told.LEFT,
        About(waiter),
    )  # fmt: skip
