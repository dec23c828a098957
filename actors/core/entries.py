"""Entries: durable facts in the past tense, as the journal keeps them for ever.

Structs are arrays on disk; tags and field order never change, a new field goes to the end and has a default. Seats and
areas are indices into the layout that `EventCreated` bears. `at_ms` is the time of the decision. `key` stands for the
idempotency key K of the command that had the effect: 16 bytes of BLAKE2b, personalised `holdfast.key`, over
`{characters of the tenant}:{tenant}{K}`. `fingerprint`: 16 bytes that tell who asked for what.
"""

from typing import TypeAlias

import msgspec

from actors.core.baskets import BASKET_LIFE_MS, LegHeld, LegPlan
from actors.core.layout import Layout
from actors.core.parts import Part
from actors.core.replies import EventStatus, OrderStatus
from actors.core.rules import Rules
from actors.core.wishes import Wish


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
    """The block's event exists, as a draft. `parts`: see `parts`; `layout` is that of all of them together."""

    at_ms: int
    tenant: str
    name: str
    layout: Layout
    hold_ttl_ms: int
    key: bytes
    fingerprint: bytes
    rules: Rules = Rules()
    parts: tuple[Part, ...] = ()


class SaleOpened(msgspec.Struct, frozen=True, array_like=True, tag=3, forbid_unknown_fields=True):
    """The event went on sale, or went on with it."""

    at_ms: int
    key: bytes
    fingerprint: bytes


class HoldPlaced(msgspec.Struct, frozen=True, array_like=True, tag=4, forbid_unknown_fields=True):
    """Units are held. `seats`: numbers of seats and slots; `areas`: (area, quantity).

    `prices`: (price point, quantity, unit price), frozen, and `charges`: for each of them what a unit bears of each
    fee, then of the tax; `once`: likewise, for the hold as a whole; empty where there is none. `lines`: which of the
    prices is that of each of `seats`, then of each of `areas`; empty if there is one, or if they are by category.
    `chosen`: (score, orphans) of each choice that was left to us. `waiter`: whom this was offered to, or 0.
    """

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
    lines: tuple[int, ...] = ()
    charges: tuple[tuple[int, ...], ...] = ()
    once: tuple[int, ...] = ()
    channel: str = ""
    chosen: tuple[tuple[int, int], ...] = ()
    waiter: int = 0


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


class StatusChanged(msgspec.Struct, frozen=True, array_like=True, tag=12, forbid_unknown_fields=True):
    """The event is paused, closed, archived or cancelled; cancelled: so is every hold and order of it."""

    at_ms: int
    status: EventStatus
    key: bytes
    fingerprint: bytes


class EventEdited(msgspec.Struct, frozen=True, array_like=True, tag=13, forbid_unknown_fields=True):
    """What is not None is new. A new layout is the next version; who claims units keeps them by name.

    New rules count from `at_ms` on: what they return later is set aside, though it came back once before.
    """

    at_ms: int
    name: str | None
    layout: Layout | None
    rules: Rules | None
    hold_ttl_ms: int | None
    key: bytes
    fingerprint: bytes


class AllotmentReturned(msgspec.Struct, frozen=True, array_like=True, tag=14, forbid_unknown_fields=True):
    """What was set aside under this name is for everybody; empty: accessible seats and their companions."""

    at_ms: int
    allotment: str


class TicketsCancelled(msgspec.Struct, frozen=True, array_like=True, tag=15, forbid_unknown_fields=True):
    """Some tickets of a paid order are void and their units available. `tickets`: places in the order, from 0."""

    at_ms: int
    order: int
    tickets: tuple[int, ...]
    key: bytes
    fingerprint: bytes


class TicketsExchanged(msgspec.Struct, frozen=True, array_like=True, tag=16, forbid_unknown_fields=True):
    """Some tickets of a paid order are void, and it has others behind all it had; the rest as in `HoldPlaced`."""

    at_ms: int
    order: int
    tickets: tuple[int, ...]
    seats: tuple[int, ...]
    areas: tuple[tuple[int, int], ...]
    prices: tuple[tuple[int, int, int], ...]
    lines: tuple[int, ...]
    charges: tuple[tuple[int, ...], ...]
    chosen: tuple[tuple[int, int], ...]
    key: bytes
    fingerprint: bytes
    channel: str = ""


class TicketReassigned(msgspec.Struct, frozen=True, array_like=True, tag=17, forbid_unknown_fields=True):
    """A ticket is another buyer's, under the next code revision."""

    at_ms: int
    order: int
    ticket: int
    holder: str
    key: bytes
    fingerprint: bytes


class OrderClosed(msgspec.Struct, frozen=True, array_like=True, tag=18, forbid_unknown_fields=True):
    """An order on slots has ended as COMPLETED or NO_SHOW."""

    at_ms: int
    order: int
    status: OrderStatus
    key: bytes
    fingerprint: bytes


class WaiterJoined(msgspec.Struct, frozen=True, array_like=True, tag=19, forbid_unknown_fields=True):
    """A buyer waits for what it wishes for. It ends with a hold that is placed for the waiter."""

    at_ms: int
    waiter: int
    buyer: str
    wish: Wish
    key: bytes
    fingerprint: bytes


class WaiterLeft(msgspec.Struct, frozen=True, array_like=True, tag=20, forbid_unknown_fields=True):
    """The buyer waits no longer."""

    at_ms: int
    waiter: int
    key: bytes
    fingerprint: bytes


class PartFollowed(msgspec.Struct, frozen=True, array_like=True, tag=21, forbid_unknown_fields=True):
    """A part of the block's event is as the event was at this revision."""

    at_ms: int
    part: str
    revision: int


class EventFollowed(msgspec.Struct, frozen=True, array_like=True, tag=22, forbid_unknown_fields=True):
    """The block is a part of the event at home in `home`, and as that was at this revision.

    None: as it was before. `was_cancelled`: the event was cancelled, at this revision or before it.
    """

    at_ms: int
    tenant: str
    home: str
    revision: int
    name: str
    status: EventStatus
    hold_ttl_ms: int
    layout: Layout | None
    rules: Rules | None
    was_cancelled: bool = False


class BasketIntended(msgspec.Struct, frozen=True, array_like=True, tag=30, forbid_unknown_fields=True):
    """A desk is about to place these legs, until `place_by_ms`; the hold will live for `ttl_ms`, at most `life_ms`."""

    at_ms: int
    tenant: str
    basket: int
    buyer: str
    legs: tuple[LegPlan, ...]
    ttl_ms: int
    place_by_ms: int
    key: bytes
    fingerprint: bytes
    life_ms: int = BASKET_LIFE_MS


class BasketSettled(msgspec.Struct, frozen=True, array_like=True, tag=31, forbid_unknown_fields=True):
    """All legs are placed: the basket is held, by its own number."""

    at_ms: int
    basket: int
    held: tuple[LegHeld, ...]
    expires_at_ms: int
    max_expires_at_ms: int


class BasketDropped(msgspec.Struct, frozen=True, array_like=True, tag=32, forbid_unknown_fields=True):
    """The basket is not held: a leg was refused, or time was up. Its key is forgotten, its legs are released."""

    at_ms: int
    basket: int


class LegAcknowledged(msgspec.Struct, frozen=True, array_like=True, tag=33, forbid_unknown_fields=True):
    """A leg has done what followed from a decision."""

    at_ms: int
    leg: int
    revision: int


class ExchangeIntended(msgspec.Struct, frozen=True, array_like=True, tag=34, forbid_unknown_fields=True):
    """A desk is about to place a leg that an order is to have instead of these tickets."""

    at_ms: int
    order: int
    tickets: tuple[int, ...]
    leg: LegPlan
    place_by_ms: int
    key: bytes
    fingerprint: bytes


class ExchangeSettled(msgspec.Struct, frozen=True, array_like=True, tag=35, forbid_unknown_fields=True):
    """The order has what the leg holds, and the tickets are void."""

    at_ms: int
    order: int
    held: LegHeld


class ExchangeDropped(msgspec.Struct, frozen=True, array_like=True, tag=36, forbid_unknown_fields=True):
    """The order stays what it was; the leg is released."""

    at_ms: int
    order: int


class LegPinned(msgspec.Struct, frozen=True, array_like=True, tag=40, forbid_unknown_fields=True):
    """A leg holds units until its desk decides; at `ask_at_ms` it asks. The rest as in `HoldPlaced` and `LegPlan`."""

    at_ms: int
    leg: int
    desk: str
    basket: int
    revision: int
    buyer: str
    seats: tuple[int, ...]
    areas: tuple[tuple[int, int], ...]
    prices: tuple[tuple[int, int, int], ...]
    lines: tuple[int, ...]
    charges: tuple[tuple[int, ...], ...]
    once: tuple[int, ...]
    channel: str
    chosen: tuple[tuple[int, int], ...]
    instead: tuple[tuple[int, tuple[int, ...]], ...]
    ask_at_ms: int


class LegBooked(msgspec.Struct, frozen=True, array_like=True, tag=41, forbid_unknown_fields=True):
    """The desk decided: what the leg holds is sold, and what it stands instead of is given back."""

    at_ms: int
    leg: int
    revision: int


class LegReleased(msgspec.Struct, frozen=True, array_like=True, tag=42, forbid_unknown_fields=True):
    """The desk decided: what the leg has is available, or what these tickets of it stand for."""

    at_ms: int
    leg: int
    revision: int
    tickets: tuple[int, ...]


class LegBarred(msgspec.Struct, frozen=True, array_like=True, tag=43, forbid_unknown_fields=True):
    """A leg that never came is released: should it come yet, until `until_ms`, it is too late."""

    at_ms: int
    leg: int
    revision: int
    until_ms: int


class Corrected(msgspec.Struct, frozen=True, array_like=True, tag=50, forbid_unknown_fields=True):
    """A quarantine has ended. `quarantine`: its number, rising in a block; `by`: an operator's name or key id, no more.

    `position`: every finding at or before this row is settled; 0: none was found. Nobody was served since `since_ms`:
    deadlines that fell due from then on move as in `Activated`. `voided`: (order, places of its tickets in it), of
    orders that keep some; `holds` are released, `orders` cancelled, and all of their units are available.
    `struck`: (position of a row before this, places of entries in it, from 0) that do not count, as if not written.
    """

    at_ms: int
    quarantine: int
    position: int
    by: str
    why: str
    since_ms: int
    voided: tuple[tuple[int, tuple[int, ...]], ...] = ()
    holds: tuple[int, ...] = ()
    orders: tuple[int, ...] = ()
    struck: tuple[tuple[int, tuple[int, ...]], ...] = ()


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
    | StatusChanged
    | EventEdited
    | AllotmentReturned
    | TicketsCancelled
    | TicketsExchanged
    | TicketReassigned
    | OrderClosed
    | WaiterJoined
    | WaiterLeft
    | PartFollowed
    | EventFollowed
    | BasketIntended
    | BasketSettled
    | BasketDropped
    | LegAcknowledged
    | ExchangeIntended
    | ExchangeSettled
    | ExchangeDropped
    | LegPinned
    | LegBooked
    | LegReleased
    | LegBarred
    | Corrected
)
