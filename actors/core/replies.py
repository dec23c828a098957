"""Replies: what a block says of its event, holds and orders. Times are milliseconds since 1970, UTC."""

from enum import IntEnum
from typing import TypeAlias

import msgspec

from actors.core.layout import Layout


class EventStatus(IntEnum):
    """Where an event is in its life."""

    DRAFT = 0
    ON_SALE = 1


class HoldStatus(IntEnum):
    """Where a hold is in its life.

    CONFIRMED is final: the hold became an order, and what became of that is the order's to say.
    """

    ACTIVE = 0
    CONFIRMED = 1
    RELEASED = 2
    EXPIRED = 3


class OrderStatus(IntEnum):
    """Where an order is in its life."""

    PENDING = 0
    CONFIRMED = 1
    CANCELLED = 2
    EXPIRED = 3


class PriceLine(msgspec.Struct, frozen=True, array_like=True):
    """So many units of one category at one price, in minor units; frozen when the hold was placed."""

    category: str
    quantity: int
    unit_price: int


class Price(msgspec.Struct, frozen=True, array_like=True):
    """The itemised price of a hold or an order, in minor units of `currency`."""

    currency: str
    lines: tuple[PriceLine, ...]

    @property
    def total(self) -> int:
        """The sum over the lines."""
        return sum(line.quantity * line.unit_price for line in self.lines)


class AreaPlaces(msgspec.Struct, frozen=True, array_like=True):
    """`quantity` places of the area named `area`."""

    area: str
    quantity: int


class EventReply(msgspec.Struct, frozen=True, array_like=True, tag=1):
    """An event as its block sees it."""

    tenant: str
    name: str
    status: EventStatus
    layout: Layout
    hold_ttl_ms: int
    created_at_ms: int


class HoldReply(msgspec.Struct, frozen=True, array_like=True, tag=2):
    """A hold; `order` is the number of the order that took it over, or 0."""

    hold: int
    status: HoldStatus
    buyer: str
    seats: tuple[str, ...]
    areas: tuple[AreaPlaces, ...]
    price: Price
    expires_at_ms: int
    max_expires_at_ms: int
    now_ms: int
    order: int = 0

    @property
    def ends_in_seconds(self) -> int:
        """How long it lives yet, unless it is extended; 0 once it is due, or no hold any more: ended, or an order."""
        return max(self.expires_at_ms - self.now_ms, 0) // 1000 if self.status is HoldStatus.ACTIVE else 0


class TicketReply(msgspec.Struct, frozen=True, array_like=True):
    """One admission: a seat, or one place of an area. `code_revision` grows when the code is rotated."""

    unit: str
    code_revision: int


class OrderReply(msgspec.Struct, frozen=True, array_like=True, tag=3):
    """An order on the hold `hold`; it has tickets once it is confirmed."""

    order: int
    status: OrderStatus
    hold: int
    buyer: str
    seats: tuple[str, ...]
    areas: tuple[AreaPlaces, ...]
    price: Price
    pay_by_ms: int
    placed_at_ms: int
    tickets: tuple[TicketReply, ...] = ()


class DigestReply(msgspec.Struct, frozen=True, array_like=True, tag=4):
    """The digests of a block after so many entries (see `snapshot`), 32 bytes each."""

    digest: bytes
    ledger_digest: bytes
    entries_applied: int


Reply: TypeAlias = EventReply | HoldReply | OrderReply | DigestReply
