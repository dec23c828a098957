"""A clean journal, made by the real core, and the means to spoil it: entries in rows, sealed with chains."""

from collections.abc import Callable, Iterator, Sequence
from functools import cache

import msgspec

from actors.audit import rows as audited
from actors.audit.audit import BlockAudit, LiveDigest
from actors.audit.baskets import BasketCheck
from actors.audit.denials import Denied
from actors.audit.findings import Fault, Finding
from actors.audit.replies import TOLD_OF, Acknowledged, Told
from actors.audit.sides import sides_of
from actors.core.block import apply, decide, next_due
from actors.core.commands import (
    CancelOrder,
    ConfirmOrder,
    Correct,
    CreateEvent,
    Errand,
    ExtendHold,
    OpenSale,
    PlaceHold,
    PlaceOrder,
    ReleaseHold,
    SettleBasket,
    Stamp,
    Write,
)
from actors.core.corrections import decide_correct
from actors.core.entries import Activated, Corrected, Entry, HoldPlaced
from actors.core.ids import BlockId, Kind, TenantId, event_block, outside_id
from actors.core.keys import key_hash
from actors.core.layout import Area, Category, Layout, Row, Section
from actors.core.outcomes import Accepted, Outcome, Rejected
from actors.core.replies import HoldReply, OrderReply, Reply, WaiterReply
from actors.core.snapshot import ledger_digest
from actors.core.state import BlockState
from actors.core.wishes import AreaPlaces, Wish
from actors.journal.codec import encode_entries
from actors.journal.journal import GENESIS, chain_of

TENANT = TenantId("organizer")
BLOCK: BlockId = event_block(TENANT, "the event's key")
START_MS = 1_700_000_000_000
HOLD_TTL_MS = 60_000
LAYOUT = Layout(
    "EUR",
    (Category("near", 5_000), Category("far", 2_000), Category("standing", 1_000)),
    (Section("A", (Row("1", 0, 1, 6), Row("2", 1, 1, 6))), Section("B", (Row("1", 1, 0, 2, ("left", "right")),))),
    (Area("floor", 2, 10),),
)
EPOCHS = (1 << 40 | 1, 1 << 40 | 2)
KEY, PRINT = b"another key 1234", b"a fingerprint 12"


class Draft(msgspec.Struct):
    """A row that is not sealed yet; without a time of its own it has that of its newest entry."""

    epoch: int
    entries: list[Entry]
    recorded_at_ms: int = 0


class Journal(msgspec.Struct):
    """A block's journal before sealing, what its clients were told, and what the server says it owes."""

    drafts: list[Draft]
    replies: list[Acknowledged]
    live: LiveDigest
    block: BlockId = BLOCK
    denials: list[Denied] = []

    def rows(self) -> list[audited.Row]:
        """The rows, numbered and chained."""
        sealed: list[audited.Row] = []
        chain = GENESIS
        for position, draft in enumerate(self.drafts, 1):
            entries = encode_entries(draft.entries)
            at_ms = draft.recorded_at_ms or max((entry.at_ms for entry in draft.entries), default=START_MS)
            chain = chain_of(chain, self.block, position, draft.epoch, at_ms, entries)
            sealed.append(audited.Row(self.block, position, draft.epoch, at_ms, len(draft.entries), entries, chain))
        return sealed

    @property
    def last_ms(self) -> int:
        """The time of its newest entry."""
        return self.drafts[-1].entries[-1].at_ms

    def copy(self) -> "Journal":
        """Another one that can be spoilt without this one."""
        drafts = [msgspec.structs.replace(draft, entries=list(draft.entries)) for draft in self.drafts]
        return Journal(drafts, list(self.replies), self.live, self.block, list(self.denials))

    def find(self, kind: type[Entry], **fields: object) -> tuple[int, int]:
        """Row and place within it, both from 0, of the first entry of that kind with these fields."""
        for row, draft in enumerate(self.drafts):
            for place, entry in enumerate(draft.entries):
                if type(entry) is kind and all(getattr(entry, name) == value for name, value in fields.items()):
                    return row, place
        raise AssertionError(f"no {kind.__name__} with {fields}")

    def change(self, kind: type[Entry], fields: dict[str, object], **changes: object) -> None:
        """Falsify an entry before sealing."""
        row, place = self.find(kind, **fields)
        entry = self.drafts[row].entries[place]
        self.drafts[row].entries[place] = msgspec.structs.replace(entry, **changes)

    def placed(self, hold: int) -> HoldPlaced:
        """The entry that placed the hold."""
        row, place = self.find(HoldPlaced, hold=hold)
        entry = self.drafts[row].entries[place]
        assert isinstance(entry, HoldPlaced)
        return entry

    def add(self, *entries: Entry) -> None:
        """Put entries into a row of their own at the end."""
        self.drafts.append(Draft(self.drafts[-1].epoch, list(entries)))

    def add_hold(self, at_ms: int = 0, **changes: object) -> None:
        """A hold on A/2/2 at the end, right but for `changes`; the live digest is not asked there."""
        at_ms = at_ms or self.last_ms
        prices, cap_ms = ((1, 1, 2_000),), at_ms + 7_200_000
        hold = HoldPlaced(at_ms, 99, "buyer", (7,), (), prices, at_ms + 60_000, cap_ms, KEY, PRINT)
        self.add(msgspec.structs.replace(hold, **changes))


Spoil = Callable[[Journal], None]


class Shop:
    """Serves commands from the real core, one row per `commit`, and keeps what it told."""

    def __init__(self, *, claims_again: bool = False, block: BlockId = BLOCK) -> None:
        self.block = block
        self.state = BlockState()
        self.now_ms = START_MS
        self.drafts: list[Draft] = []
        self.replies: list[Acknowledged] = []
        self.pending: list[Entry] = []
        self._epoch = EPOCHS[0]
        self._claims_again = claims_again
        self._keys: dict[bytes, str] = {}  # by what the journal keeps of them

    def stamp(self, key: str, buyer: str = "buyer") -> Stamp:
        """Key and time limit of a write."""
        hashed = key_hash(TENANT, key)
        self._keys[hashed] = key
        return Stamp(TENANT, buyer, hashed, key.encode().ljust(16, b"\0")[:16], self.now_ms + 10_000)

    def ask(self, command: Write | Errand) -> Reply:
        """A command that the core accepts."""
        outcome = self.try_ask(command)
        assert isinstance(outcome, Accepted), outcome
        return outcome.reply

    def try_ask(self, command: Write | Errand) -> Outcome:
        """A command that the core may refuse."""
        outcome = decide(self.state, command, self.now_ms)
        if isinstance(outcome, Rejected) or not outcome.entries:
            return outcome
        for entry in outcome.entries:
            self._append(entry)
        told = TOLD_OF.get(type(outcome.entries[-1]))
        if told is not None and isinstance(outcome.reply, HoldReply | OrderReply | WaiterReply):
            self.tell(told, outcome.reply, self._key_of(command))
        return outcome

    def tell(self, told: Told, reply: HoldReply | OrderReply | WaiterReply, key: str) -> None:
        """A client is told this."""
        self.replies.append(acknowledged(told, reply, len(self.drafts) + 1, self.block, key))

    def _key_of(self, command: Write | Errand) -> str:
        if isinstance(command, SettleBasket):
            return self._keys[self.state.desk.baskets[command.basket].key]
        return "" if isinstance(command, Errand) else self._keys[command.stamp.key]

    def hold(self, number: int, seats: tuple[str, ...], places: int = 0) -> None:
        """A hold on these seats and so many places of the floor."""
        areas = (AreaPlaces("floor", places),) if places else ()
        self.ask(PlaceHold(self.stamp(f"hold {number}"), number, Wish(seats, areas)))

    def expire(self) -> None:
        """End what is overdue."""
        while (entry := next_due(self.state, self.now_ms)) is not None:
            self._append(entry)

    def correct(self, command: Correct) -> None:
        """End a quarantine, in a row of its own."""
        entry = decide_correct(self.state, command, self.now_ms)
        assert isinstance(entry, Corrected), entry
        self._append(entry)
        self.commit()

    def take_over(self, down_from_ms: int = 0, down_until_ms: int = 0) -> None:
        """A shard of the next epoch claims the block."""
        self._epoch = EPOCHS[1] if self.drafts else EPOCHS[0]
        nonce = self._epoch.to_bytes(8)
        self._append(Activated(self.now_ms, "shard-0", nonce, down_from_ms, down_until_ms))
        self.commit()

    def commit(self) -> None:
        """What is pending becomes a row, behind which the same shard claims the block once more if that is wanted."""
        self._write_row()
        if self._claims_again:
            self._append(Activated(self.now_ms, "shard-0", len(self.drafts).to_bytes(8)))
            self._write_row()

    @property
    def epochs(self) -> int:
        """How many owners the block has had."""
        return 1 + EPOCHS.index(self._epoch)

    def journal(self) -> Journal:
        """The journal so far."""
        live = LiveDigest(ledger_digest(self.state), self.state.entries_applied, len(self.drafts))
        return Journal(self.drafts, self.replies, live, self.block)

    def _write_row(self) -> None:
        self.drafts.append(Draft(self._epoch, self.pending, self.now_ms))
        self.pending = []

    def _append(self, entry: Entry) -> None:
        apply(self.state, entry)
        self.pending.append(entry)


def clean_journal(*, days_later: bool = False, claims_again: bool = False) -> Journal:
    """Every kind of entry at least once, over two owners and an outage. Holds and orders by their numbers:

    1: A/1/1-2, ordered as 101 and confirmed; 2: A/2/1 and 3 places, ordered as 102, confirmed and cancelled;
    3: A/1/3, released; 4: A/1/3 again, extended, active at the end; 5: A/1/4, expired; 6: B/1/left, ordered as 106, the
    order expired; 7: 5 places, ordered as 107, pending at the end; 8: A/1/5-6, ordered as 108, cancelled unpaid.
    `days_later`: goes on when the core has forgotten what ended. `claims_again`: behind each row the owner claims the
    block anew, under its own epoch.
    """
    return _kept_journal(days_later, claims_again).copy()


def made_journal(days_later: bool = False, claims_again: bool = False) -> Journal:
    """The clean journal, made anew: by the core as it is now."""
    shop = Shop(claims_again=claims_again)
    made_event(shop)
    for number, seats, places in (
        (1, ("A/1/1", "A/1/2"), 0),
        (2, ("A/2/1",), 3),
        (3, ("A/1/3",), 0),
        (5, ("A/1/4",), 0),
        (6, ("B/1/left",), 0),
    ):
        shop.now_ms += 1
        shop.hold(number, seats, places)
    shop.commit()
    for number in (1, 2, 6):
        shop.ask(PlaceOrder(shop.stamp(f"order {number}"), number, 100 + number))
    shop.ask(ReleaseHold(shop.stamp("release 3"), 3))
    shop.hold(4, ("A/1/3",))
    shop.commit()
    shop.now_ms += 1_000
    for number in (1, 2):
        shop.ask(ConfirmOrder(shop.stamp(f"confirm {number}"), 100 + number))
    shop.ask(CancelOrder(shop.stamp("cancel 2"), 102))
    shop.commit()
    shop.now_ms += HOLD_TTL_MS - 2_000
    shop.ask(ExtendHold(shop.stamp("extend 4"), 4, 10 * HOLD_TTL_MS))
    shop.commit()
    shop.now_ms += 2_000
    shop.expire()
    shop.commit()
    shop.hold(7, (), 5)
    shop.hold(8, ("A/1/5", "A/1/6"))
    shop.commit()
    shop.now_ms += HOLD_TTL_MS + 5_000
    shop.take_over(shop.now_ms - 10_000, shop.now_ms - 10)  # which moves the deadlines of 7 and 8
    shop.ask(PlaceOrder(shop.stamp("order 7"), 7, 107))
    shop.ask(PlaceOrder(shop.stamp("order 8"), 8, 108))
    shop.commit()
    shop.ask(CancelOrder(shop.stamp("cancel 8"), 108))
    shop.commit()
    if days_later:
        shop.now_ms += 48 * 60 * 60_000
        for number, seat in enumerate(("A/1/4", "A/1/5", "A/1/6"), 201):
            shop.expire()
            shop.hold(number, (seat,))
        shop.commit()
    return shop.journal()


_kept_journal = cache(made_journal)


def audit(journal: Journal, rows: Sequence[audited.Row] | None = None) -> list[Finding]:
    """What the audit finds in the journal; `rows`: as they stand, if they were changed after sealing."""
    block_audit = BlockAudit(journal.block, [*journal.replies, *journal.denials], journal.live)
    return [*_audited(block_audit, journal.rows() if rows is None else rows)]


def audit_together(journals: Sequence[Journal], *, whole: bool = True) -> list[Finding]:
    """What the audit finds in these journals and between them; `whole`: there are no others."""
    return list(found_together(journals, whole=whole))


def found_together(journals: Sequence[Journal], *, whole: bool = True) -> Iterator[Finding]:
    """The same, one finding after the other: whoever wants to know whether there is one need not audit it all."""
    baskets = BasketCheck()
    for journal in journals:
        block_audit = BlockAudit(journal.block, journal.replies, journal.live)
        yield from _audited(block_audit, journal.rows())
        baskets.take(sides_of(block_audit.books))
    yield from baskets.finish(whole=whole)


def open_deeds(desk: Journal) -> int:
    """How many deeds the desk demands that no leg has acknowledged, as the audit sees it."""
    block_audit = BlockAudit(desk.block)
    assert not list(_audited(block_audit, desk.rows()))
    return block_audit.summary().open_deeds


def _audited(block_audit: BlockAudit, rows: Sequence[audited.Row]) -> Iterator[Finding]:
    for row in rows:
        yield from block_audit.take(row)
    yield from block_audit.finish()


def faults(findings: Sequence[Finding]) -> set[Fault]:
    """The kinds of what was found."""
    return {finding.fault for finding in findings}


def made_event(shop: Shop) -> None:
    """The event that the journals here are about, on sale."""
    shop.take_over()
    shop.ask(CreateEvent(shop.stamp("the event's key"), "A concert", LAYOUT, HOLD_TTL_MS))
    shop.commit()
    shop.ask(OpenSale(shop.stamp("open")))
    shop.commit()


def acknowledged(
    told: Told, reply: HoldReply | OrderReply | WaiterReply, position: int, block: BlockId = BLOCK, key: str = ""
) -> Acknowledged:
    """The reply as a client keeps it."""
    if isinstance(reply, WaiterReply):
        own_id = outside_id(Kind.WAITER, block, reply.waiter)
        return Acknowledged(told, own_id, (), (), 0, "", 0, position, key)
    hold_id = outside_id(Kind.HOLD, block, reply.hold)
    if isinstance(reply, HoldReply):
        own_id, expires_at_ms = hold_id, reply.expires_at_ms
    else:
        own_id, expires_at_ms = outside_id(Kind.ORDER, block, reply.order), 0
    areas = tuple((places.area, places.quantity) for places in reply.areas)
    areas += tuple((f"{leg.block}/{places.area}", places.quantity) for leg in reply.legs for places in leg.areas)
    units = (*reply.seats, *(f"{leg.block}/{seat}" for leg in reply.legs for seat in leg.seats))
    return Acknowledged(told, own_id, units, areas, reply.price.total, hold_id, expires_at_ms, position, key)
