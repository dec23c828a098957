"""What time must have brought about when all has been calm for a while: no hold outlives its deadline, and what came
back has been offered to who waits for it.

Deadlines are the audit's, which of the shipped fold uses only the entries: so a core that forgets them is found too.
"""

from collections import Counter
from collections.abc import Iterator
from copy import deepcopy
from typing import TYPE_CHECKING

from actors.audit.audit import BlockAudit
from actors.audit.books import Books
from actors.audit.rules import return_times_ms
from actors.core import entries as e
from actors.core.ids import BlockId
from actors.core.waiting import ENDLESS, next_offer
from actors.journal.codec import decode_entries
from actors.journal.journal import JournalRow
from tests.simulation.journal_audit import row_of

if TYPE_CHECKING:
    from tests.simulation.world import World

LATE_MS = 5_000
PATIENCE_MS = 20_000  # of the audit in so short a run: for so long an owner may go on writing with something overdue

HOLDS_EXPIRED = "holds that expired"
ORDERS_EXPIRED = "orders that expired"
RETURNED = "allotments that were returned"
OFFERED = "offers to who waited"
BROUGHT_ABOUT = (HOLDS_EXPIRED, ORDERS_EXPIRED, RETURNED, OFFERED)
_NAMES: dict[type[e.Entry], str] = {
    e.HoldExpired: HOLDS_EXPIRED,
    e.OrderExpired: ORDERS_EXPIRED,
    e.AllotmentReturned: RETURNED,
}


def brought_about(world: "World") -> Counter[str]:
    """How often each of `BROUGHT_ABOUT` was, as the journals say."""
    found = Counter[str]()
    for rows in world.store.journals.values():
        for entry in (entry for row in rows for entry in decode_entries(row.entries)):
            if type(entry) in _NAMES:
                found[_NAMES[type(entry)]] += 1
            elif isinstance(entry, e.HoldPlaced) and entry.waiter:
                found[OFFERED] += 1
    return found


def left_overdue(world: "World") -> Iterator[str]:
    """What should have ended, or come back, seconds ago by the journal's clock."""
    late_ms = world.now_ms() - LATE_MS
    for block, rows in world.store.journals.items():
        for what, deadline_ms in _deadlines(_books(block, rows)):
            if deadline_ms <= late_ms:
                yield f"{block}: {what} is overdue since {world.now_ms() - deadline_ms} ms"


def left_unoffered(world: "World") -> Iterator[str]:
    """Who waits for what is there."""
    for block in world.store.journals:
        state = world.folds.of(block)
        if len(state.line):
            offer = next_offer(deepcopy(state), world.now_ms(), ENDLESS)
            if offer is not None:
                yield f"{block}: nobody was offered {offer}"


def _books(block: BlockId, rows: list[JournalRow]) -> Books:
    audit = BlockAudit(block)
    for row in rows:
        for _ in audit.take(row_of(row)):
            pass  # others tell of that
    return audit.books


def _deadlines(books: Books) -> Iterator[tuple[str, int]]:
    """Of all that is to end by itself."""
    for claim in books.claims.values():
        if claim.leg is None and not claim.sold:
            yield books.name_of(claim), claim.deadline_ms
    if books.event is not None:
        for allotment, returns_at_ms in return_times_ms(books.event).items():
            if allotment not in books.returned:
                yield f"what is set aside as {allotment}", returns_at_ms
