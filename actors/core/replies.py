"""Replies: what a block says of its event, holds and orders. Times are milliseconds since 1970, UTC."""

from enum import IntEnum
from typing import TypeAlias

import msgspec

from actors.core.baskets import Deed, LegHeld, LegPlan, LegReply
from actors.core.layout import Layout
from actors.core.parts import Part
from actors.core.prices import Price
from actors.core.rules import Rules
from actors.core.wishes import AreaPlaces, Wish


class EventStatus(IntEnum):
    """Where an event is in its life: DRAFT -> ON_SALE <-> PAUSED -> CLOSED -> ARCHIVED, or CANCELLED.

    PAUSED and CLOSED: nothing new is held; what is held can be ordered, and what is ordered confirmed.
    """

    DRAFT = 0
    ON_SALE = 1
    PAUSED = 2
    CLOSED = 3
    ARCHIVED = 4
    CANCELLED = 5


class HoldStatus(IntEnum):
    """Where a hold is in its life.

    CONFIRMED is final: the hold became an order, and what became of that is the order's to say.
    """

    ACTIVE = 0
    CONFIRMED = 1
    RELEASED = 2
    EXPIRED = 3


class OrderStatus(IntEnum):
    """Where an order is in its life. PARTLY_CANCELLED: some of its tickets are void, the others as good as before.

    COMPLETED and NO_SHOW: how a paid order on slots ends.
    """

    PENDING = 0
    CONFIRMED = 1
    CANCELLED = 2
    EXPIRED = 3
    PARTLY_CANCELLED = 4
    COMPLETED = 5
    NO_SHOW = 6


class WaiterStatus(IntEnum):
    """Where a waiter is: in line, or offered a hold, or gone by its own wish or with the event's end."""

    WAITING = 0
    OFFERED = 1
    LEFT = 2


class Choice(msgspec.Struct, frozen=True, array_like=True):
    """Why these seats were chosen: their score (the lower, the better) and the orphans that they leave."""

    score: int
    orphans: int


class EventReply(msgspec.Struct, frozen=True, array_like=True, tag=1):
    """An event as its block sees it.

    `parts`: the blocks of an event that is split, which `behind` of them do not know this revision of yet. `home`: that
    of the event of which the block is but a part, or empty.
    """

    tenant: str
    name: str
    status: EventStatus
    layout: Layout
    hold_ttl_ms: int
    created_at_ms: int
    rules: Rules = Rules()
    revision: int = 1
    layout_version: int = 1
    parts: tuple[Part, ...] = ()
    behind: int = 0
    home: str = ""


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
    channel: str = ""
    choices: tuple[Choice, ...] = ()
    legs: tuple[LegReply, ...] = ()

    @property
    def ends_in_seconds(self) -> int:
        """How long it lives yet, unless it is extended; 0 once it is due, or no hold any more: ended, or an order."""
        return max(self.expires_at_ms - self.now_ms, 0) // 1000 if self.status is HoldStatus.ACTIVE else 0


class TicketReply(msgspec.Struct, frozen=True, array_like=True):
    """One admission: a seat, a slot, or one place of an area. `code_revision` grows when the code is rotated.

    `index`: its place among all that the order ever had, also those that are void. `holder`: who has it, if not the
    buyer.
    """

    unit: str
    code_revision: int
    index: int = 0
    holder: str = ""
    block: str = ""


class OrderReply(msgspec.Struct, frozen=True, array_like=True, tag=3):
    """An order on the hold `hold`, with the units it still has; it has tickets once it is confirmed.

    `choices`: why the seats of its last exchange were chosen, one for each choice that was left to us.
    """

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
    legs: tuple[LegReply, ...] = ()
    choices: tuple[Choice, ...] = ()


class WaiterReply(msgspec.Struct, frozen=True, array_like=True, tag=5):
    """Somebody in the waiting list: how many are `ahead`, and the number of the hold that was offered, or 0."""

    waiter: int
    status: WaiterStatus
    buyer: str
    wish: Wish
    joined_at_ms: int
    ahead: int
    hold: int = 0


class DigestReply(msgspec.Struct, frozen=True, array_like=True, tag=4):
    """The digests of a block after so many entries (see `snapshot`), 32 bytes each."""

    digest: bytes
    ledger_digest: bytes
    entries_applied: int


class PlacingReply(msgspec.Struct, frozen=True, array_like=True, tag=6):
    """A desk waits for these legs to be placed, of basket `number` or of an exchange in it, until `place_by_ms`."""

    number: int
    legs: tuple[LegPlan, ...]
    place_by_ms: int


class PinReply(msgspec.Struct, frozen=True, array_like=True, tag=7):
    """What a leg holds; None: there is nothing to tell."""

    leg: int
    held: LegHeld | None = None


class LegFateReply(msgspec.Struct, frozen=True, array_like=True, tag=8):
    """What is to become of a leg: a deed under a revision, or nothing yet: ask again at `ask_at_ms`."""

    leg: int
    deed: Deed | None = None
    revision: int = 0
    tickets: tuple[int, ...] = ()
    ask_at_ms: int = 0


class RevisionReply(msgspec.Struct, frozen=True, array_like=True, tag=9):
    """The revision of an event, which `behind` of its parts do not know yet; or that which a part knows."""

    revision: int
    behind: int = 0


class RoomReply(msgspec.Struct, frozen=True, array_like=True, tag=10):
    """There is room. How long what is held here lives if nothing else is said, and how long at most; in ms.

    `revision`: that of the event by which this was judged.
    """

    hold_ttl_ms: int
    max_hold_life_ms: int
    revision: int = 0


Reply: TypeAlias = (
    EventReply
    | HoldReply
    | OrderReply
    | DigestReply
    | WaiterReply
    | PlacingReply
    | PinReply
    | LegFateReply
    | RevisionReply
    | RoomReply
)
