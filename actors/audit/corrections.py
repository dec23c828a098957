"""Corrections: what was found has been looked at, what it needed was given back, and the block sells again."""

from actors.audit.books import IN_FORCE, Books, OrderStatus
from actors.audit.findings import Fault
from actors.audit.holds import OUTAGE_OVERLAP_MS, active_claim, give_grace
from actors.audit.orders import order_in, refuse_exchanging
from actors.audit.tickets import void_some
from actors.core import entries as e

MAX_NAME_LENGTH = 200
MAX_WHY_LENGTH = 1_000
NEVER_STRUCK = (
    e.Activated, e.EventCreated, e.SaleOpened, e.StatusChanged, e.EventEdited, e.AllotmentReturned, e.EventFollowed,
    e.PartFollowed, e.Corrected,
)  # fmt: skip


def check_quarantine(books: Books, entry: e.Corrected, written_at_ms: int) -> None:
    """It ends one that had not ended, of what was found before it, in which nothing was written."""
    if entry.quarantine <= books.quarantines_ended:
        books.found(Fault.CORRECTION_WRONG, f"of quarantine {entry.quarantine}, after {books.quarantines_ended}")
    if not 0 <= entry.position < books.position:
        books.found(Fault.CORRECTION_WRONG, f"of what was found in row {entry.position}")
    if not (1 <= len(entry.by) <= MAX_NAME_LENGTH and 1 <= len(entry.why) <= MAX_WHY_LENGTH):
        books.found(Fault.CORRECTION_WRONG, "nobody says who corrects it, or why")
    if any(not 0 < position < books.position for position, _ in entry.struck):
        books.found(Fault.CORRECTION_WRONG, "it strikes what does not stand before it")
    if entry.since_ms > entry.at_ms:
        books.found(Fault.CORRECTION_WRONG, "it ends what has not begun")
    if entry.since_ms < written_at_ms - OUTAGE_OVERLAP_MS:
        books.found(Fault.CORRECTION_WRONG, f"it was written to for {written_at_ms - entry.since_ms} ms meanwhile")


def check_struck(books: Books, entry: e.Entry) -> None:
    """What is struck must be of a hold, an order, a waiter or a basket."""
    if isinstance(entry, NEVER_STRUCK):
        books.found(Fault.CORRECTION_WRONG, f"{type(entry).__name__} is struck")


def fold_corrected(books: Books, entry: e.Corrected) -> None:
    """What it names is ended and given back, whatever the time; what fell due meanwhile lives a little longer."""
    books.quarantines_ended = max(books.quarantines_ended, entry.quarantine)
    books.settled_position = max(books.settled_position, entry.position)
    for number, tickets in entry.voided:
        order = order_in(books, number, IN_FORCE, "corrected")
        if order is not None:
            refuse_exchanging(books, order, number)
            books.give_back(books.claims[order.hold], void_some(books, order, number, tickets))
            books.stirred = True
    for hold in entry.holds:
        if active_claim(books, hold, None, "corrected") is not None:
            books.end(hold, entry.at_ms)
    for number in entry.orders:
        order = order_in(books, number, (OrderStatus.PENDING, *IN_FORCE), "corrected")
        if order is not None:
            refuse_exchanging(books, order, number)
            books.end_order(number, OrderStatus.CANCELLED, entry.at_ms)
    give_grace(books, entry.since_ms, entry.at_ms, entry.at_ms)
