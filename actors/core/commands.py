"""Commands: what may be asked of a block. Imperative; ids and time limits arrive inside.

Every write bears a `Stamp`. Structs are arrays on the wire; a new field goes to the end and has a default.
"""

from typing import TypeAlias

import msgspec

from actors.core.baskets import LegHeld, LegPlan
from actors.core.layout import Layout
from actors.core.parts import Part
from actors.core.replies import EventStatus, OrderStatus
from actors.core.rules import Rules
from actors.core.wishes import Wish

DEFAULT_HOLD_TTL_MS = 10 * 60_000
MIN_EVENT_HOLD_TTL_MS = 1_000


class Stamp(msgspec.Struct, frozen=True, array_like=True):
    """Who asks, under which key, until when.

    `key` is a 16-byte hash of the idempotency key, `fingerprint` 16 bytes over principal, buyer and command (see
    `keys`). After `not_after_ms` the command must not be decided any more.
    """

    tenant: str
    buyer: str
    key: bytes
    fingerprint: bytes
    not_after_ms: int


class CreateEvent(msgspec.Struct, frozen=True, array_like=True, tag=1):
    """Create the block's event, whose holds live for `hold_ttl_ms` unless they ask for something else.

    `parts`: the blocks that have some of its sections, and its ledgers; see `parts`.
    """

    stamp: Stamp
    name: str
    layout: Layout
    hold_ttl_ms: int = DEFAULT_HOLD_TTL_MS
    rules: Rules = Rules()
    parts: tuple[Part, ...] = ()


class OpenSale(msgspec.Struct, frozen=True, array_like=True, tag=2):
    """Put the event on sale."""

    stamp: Stamp


class PlaceHold(msgspec.Struct, frozen=True, array_like=True, tag=3):
    """Hold what is wished for, all or nothing, for `ttl_ms` (0: as long as the event says)."""

    stamp: Stamp
    hold: int
    wish: Wish
    ttl_ms: int = 0


class ExtendHold(msgspec.Struct, frozen=True, array_like=True, tag=4):
    """Let the hold live until `ttl_ms` from now, up to its cap; 0 releases it."""

    stamp: Stamp
    hold: int
    ttl_ms: int


class ReleaseHold(msgspec.Struct, frozen=True, array_like=True, tag=5):
    """End the hold and give its units back."""

    stamp: Stamp
    hold: int


class PlaceOrder(msgspec.Struct, frozen=True, array_like=True, tag=6):
    """Turn the hold into an order that is to be paid before the hold's deadline."""

    stamp: Stamp
    hold: int
    order: int


class ConfirmOrder(msgspec.Struct, frozen=True, array_like=True, tag=7):
    """The order is paid: its units are sold and its tickets exist."""

    stamp: Stamp
    order: int


class CancelOrder(msgspec.Struct, frozen=True, array_like=True, tag=8):
    """Cancel the whole order, pending or confirmed; its units are available again."""

    stamp: Stamp
    order: int


class ChangeStatus(msgspec.Struct, frozen=True, array_like=True, tag=9):
    """Pause or close the sale, cancel or archive the event. (`OpenSale` opens and resumes it.)"""

    stamp: Stamp
    status: EventStatus


class EditEvent(msgspec.Struct, frozen=True, array_like=True, tag=10):
    """Change what is not None, if the event's revision is still `if_revision`."""

    stamp: Stamp
    if_revision: int
    name: str | None = None
    layout: Layout | None = None
    rules: Rules | None = None
    hold_ttl_ms: int | None = None


class CancelTickets(msgspec.Struct, frozen=True, array_like=True, tag=11):
    """Cancel these tickets of a paid order, by their places in it from 0; their units are available again."""

    stamp: Stamp
    order: int
    tickets: tuple[int, ...]


class ExchangeTickets(msgspec.Struct, frozen=True, array_like=True, tag=12):
    """Give these tickets of a paid order back and have what is wished for instead, in one step."""

    stamp: Stamp
    order: int
    tickets: tuple[int, ...]
    wish: Wish


class ReassignTicket(msgspec.Struct, frozen=True, array_like=True, tag=13):
    """A ticket of a paid order is another person's from now on: its code is a new one. `holder`: a buyer id."""

    stamp: Stamp
    order: int
    ticket: int
    holder: str


class CloseOrder(msgspec.Struct, frozen=True, array_like=True, tag=14):
    """An order on slots has ended: COMPLETED, or NO_SHOW."""

    stamp: Stamp
    order: int
    status: OrderStatus


class JoinWaitingList(msgspec.Struct, frozen=True, array_like=True, tag=15):
    """Wait for what is wished for; it is held for the buyer as soon as it can be, in order."""

    stamp: Stamp
    waiter: int
    wish: Wish


class LeaveWaitingList(msgspec.Struct, frozen=True, array_like=True, tag=16):
    """Wait no longer."""

    stamp: Stamp
    waiter: int


class IntendBasket(msgspec.Struct, frozen=True, array_like=True, tag=30):
    """A desk is to hold these legs, all or nothing, for `ttl_ms` (0: ten minutes), at most `life_ms`; see `desk`."""

    stamp: Stamp
    basket: int
    legs: tuple[LegPlan, ...]
    ttl_ms: int = 0
    life_ms: int = 0


class IntendExchange(msgspec.Struct, frozen=True, array_like=True, tag=31):
    """A basket's order is to have what `leg` holds instead of these tickets."""

    stamp: Stamp
    order: int
    tickets: tuple[int, ...]
    leg: LegPlan


class SettleBasket(msgspec.Struct, frozen=True, array_like=True, tag=32):
    """All legs of a basket are placed, with what each of them holds."""

    tenant: str
    basket: int
    held: tuple[LegHeld, ...]


class DropBasket(msgspec.Struct, frozen=True, array_like=True, tag=33):
    """A leg of the basket cannot be placed."""

    tenant: str
    basket: int


class SettleExchange(msgspec.Struct, frozen=True, array_like=True, tag=34):
    """The leg of an exchange is placed; None: it cannot be."""

    tenant: str
    order: int
    leg: int
    held: LegHeld | None


class AcknowledgeLeg(msgspec.Struct, frozen=True, array_like=True, tag=35):
    """A leg has done what the desk demanded, up to this revision."""

    tenant: str
    leg: int
    revision: int


class AskAboutLeg(msgspec.Struct, frozen=True, array_like=True, tag=36):
    """A leg asks its desk what is to become of it. `is_void`: its event was cancelled."""

    tenant: str
    basket: int
    leg: int
    revision: int
    is_void: bool = False


class PinLeg(msgspec.Struct, frozen=True, array_like=True, tag=40):
    """Hold what a leg wishes for, until the desk says what becomes of it. `revision`: see `legs`."""

    tenant: str
    desk: str
    basket: int
    buyer: str
    plan: LegPlan
    revision: int
    not_after_ms: int


class BookLeg(msgspec.Struct, frozen=True, array_like=True, tag=41):
    """What the leg holds is sold."""

    tenant: str
    leg: int
    revision: int


class ReleaseLeg(msgspec.Struct, frozen=True, array_like=True, tag=42):
    """What the leg has is available again; of a booked leg, what these tickets stand for (empty: all)."""

    tenant: str
    leg: int
    revision: int
    tickets: tuple[int, ...] = ()


class FollowEvent(msgspec.Struct, frozen=True, array_like=True, tag=43):
    """A part is to be what its event is, as of this revision of it. `layout`: what the part has of it.

    `was_cancelled`: the event was cancelled, at this revision or before it.
    """

    tenant: str
    home: str
    revision: int
    name: str
    status: EventStatus
    layout: Layout
    hold_ttl_ms: int
    rules: Rules
    was_cancelled: bool = False


class AcknowledgePart(msgspec.Struct, frozen=True, array_like=True, tag=44):
    """A part has become what its event is, as of this revision."""

    tenant: str
    part: str
    revision: int


class ReadEvent(msgspec.Struct, frozen=True, array_like=True, tag=20):
    """Read the event."""

    tenant: str


class ReadHold(msgspec.Struct, frozen=True, array_like=True, tag=21):
    """Read a hold by its number."""

    tenant: str
    hold: int


class ReadOrder(msgspec.Struct, frozen=True, array_like=True, tag=22):
    """Read an order by its number."""

    tenant: str
    order: int


class ReadWaiter(msgspec.Struct, frozen=True, array_like=True, tag=24):
    """Read a waiter by its number."""

    tenant: str
    waiter: int


class ReadDigest(msgspec.Struct, frozen=True, array_like=True, tag=23):
    """Read the digests of the block's whole state: an auditor's question."""

    tenant: str


class ReadRoom(msgspec.Struct, frozen=True, array_like=True, tag=25):
    """Read whether a leg of this wish could be pinned now. `is_counted`: a ledger has a leg for it."""

    tenant: str
    buyer: str
    wish: Wish
    is_counted: bool = False


class ReadKey(msgspec.Struct, frozen=True, array_like=True, tag=26):
    """Read what came of a write under this key."""

    tenant: str
    key: bytes
    fingerprint: bytes


class ReadRevision(msgspec.Struct, frozen=True, array_like=True, tag=27):
    """Read the event's revision, and no more of it."""

    tenant: str


class Correct(msgspec.Struct, frozen=True):
    """End a quarantine by a correcting entry; the fields as in `Corrected`, `tickets`: (order, place in it).

    `strikes`: if the journal does not replay, what cannot be applied is struck, and all that is of these holds
    (`given_up`). No `Command`: it comes from the catalogue alone, never over a link.
    """

    quarantine: int
    position: int
    by: str
    why: str
    since_ms: int
    tickets: tuple[tuple[int, int], ...] = ()
    holds: tuple[int, ...] = ()
    orders: tuple[int, ...] = ()
    strikes: bool = False
    given_up: tuple[int, ...] = ()


Write: TypeAlias = (
    CreateEvent
    | OpenSale
    | PlaceHold
    | ExtendHold
    | ReleaseHold
    | PlaceOrder
    | ConfirmOrder
    | CancelOrder
    | ChangeStatus
    | EditEvent
    | CancelTickets
    | ExchangeTickets
    | ReassignTicket
    | CloseOrder
    | JoinWaitingList
    | LeaveWaitingList
    | IntendBasket
    | IntendExchange
)
Errand: TypeAlias = (
    SettleBasket
    | DropBasket
    | SettleExchange
    | AcknowledgeLeg
    | AskAboutLeg
    | PinLeg
    | BookLeg
    | ReleaseLeg
    | FollowEvent
    | AcknowledgePart
)
"""What desks and legs, events and parts say to each other: it bears revisions and no key, no client may say it."""
Read: TypeAlias = ReadEvent | ReadHold | ReadOrder | ReadDigest | ReadWaiter | ReadRoom | ReadKey | ReadRevision
Command: TypeAlias = Write | Errand | Read
