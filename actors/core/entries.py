"""Entries: durable facts in the past tense, as the journal keeps them for ever.

Structs are arrays on disk; tags and field order never change, a new field goes to the end and has a default. Seats and
areas are indices into the layout that `EventCreated` bears. `at_ms` is the time of the decision. `key` stands for the
idempotency key K of the command that had the effect: 16 bytes of BLAKE2b, personalised `holdfast.key`, over
`{characters of the tenant}:{tenant}{K}`. `fingerprint`: 16 bytes that tell who asked for what.
"""

from typing import TypeAlias

import msgspec

from actors.core.layout import Layout


class Activated(msgspec.Struct, frozen=True, array_like=True, tag=1, forbid_unknown_fields=True):
    """A shard took the block over. `nonce` makes the row unlike any other shard's.

    If the former owner was provably down, (`down_from_ms`, `down_until_ms`) is the outage's span: deadlines that fell
    due in it move to 30 s after `at_ms`, never past their cap.
    """

    at_ms: int
    shard: str
    nonce: bytes
    down_from_ms: int = 0
    down_until_ms: int = 0


class EventCreated(msgspec.Struct, frozen=True, array_like=True, tag=2, forbid_unknown_fields=True):
    """The block's event exists, as a draft."""

    at_ms: int
    tenant: str
    name: str
    layout: Layout
    hold_ttl_ms: int
    key: bytes
    fingerprint: bytes


class SaleOpened(msgspec.Struct, frozen=True, array_like=True, tag=3, forbid_unknown_fields=True):
    """The event went on sale."""

    at_ms: int
    key: bytes
    fingerprint: bytes


class HoldPlaced(msgspec.Struct, frozen=True, array_like=True, tag=4, forbid_unknown_fields=True):
    """Units are held. `areas`: (area, quantity); `prices`: (category, quantity, unit price), frozen."""

    at_ms: int
    hold: int
    buyer: str
    seats: tuple[int, ...]
    areas: tuple[tuple[int, int], ...]
    prices: tuple[tuple[int, int, int], ...]
    expires_at_ms: int
    max_expires_at_ms: int
    key: bytes
    fingerprint: bytes


class HoldExtended(msgspec.Struct, frozen=True, array_like=True, tag=5, forbid_unknown_fields=True):
    """The hold lives longer."""

    at_ms: int
    hold: int
    expires_at_ms: int
    key: bytes
    fingerprint: bytes


class HoldReleased(msgspec.Struct, frozen=True, array_like=True, tag=6, forbid_unknown_fields=True):
    """The holder gave the units back."""

    at_ms: int
    hold: int
    key: bytes
    fingerprint: bytes


class HoldExpired(msgspec.Struct, frozen=True, array_like=True, tag=7, forbid_unknown_fields=True):
    """The hold's time was up; its units are available."""

    at_ms: int
    hold: int


class OrderPlaced(msgspec.Struct, frozen=True, array_like=True, tag=8, forbid_unknown_fields=True):
    """An order took the hold over; the hold's deadline is its payment deadline."""

    at_ms: int
    order: int
    hold: int
    key: bytes
    fingerprint: bytes


class OrderConfirmed(msgspec.Struct, frozen=True, array_like=True, tag=9, forbid_unknown_fields=True):
    """The order is paid: units sold, tickets issued with code revision 1."""

    at_ms: int
    order: int
    key: bytes
    fingerprint: bytes


class OrderCancelled(msgspec.Struct, frozen=True, array_like=True, tag=10, forbid_unknown_fields=True):
    """The order is void and its units are available."""

    at_ms: int
    order: int
    key: bytes
    fingerprint: bytes


class OrderExpired(msgspec.Struct, frozen=True, array_like=True, tag=11, forbid_unknown_fields=True):
    """The order was not paid in time; its units are available."""

    at_ms: int
    order: int


Entry: TypeAlias = (
    Activated
    | EventCreated
    | SaleOpened
    | HoldPlaced
    | HoldExtended
    | HoldReleased
    | HoldExpired
    | OrderPlaced
    | OrderConfirmed
    | OrderCancelled
    | OrderExpired
)
