"""What scenario tables say in short of refusals, tickets, prices and statuses. See `scenario`."""

from actors.core.inventory import UnitStatus
from actors.core.outcomes import Rejected
from actors.core.prices import Price
from actors.core.replies import TicketReply
from actors.core.state import BlockState
from tests.core.scenario_words import START_MS, short


def refusal_words(outcome: Rejected) -> tuple[str, ...]:
    """The reason, the units with ~ for spaces, available=, retry=, and fields= for each field."""
    details = outcome.details
    words = [outcome.reason.name]
    if details.units:
        words.append(",".join(map(short, details.units)).replace(" ", "~"))
    if details.available is not None:
        words.append(f"available={details.available}")
    if details.retry_at_ms is not None:
        words.append(f"retry={details.retry_at_ms - START_MS}ms")
    words += (f"fields={field.partition(':')[0]}" for field in details.fields)
    return tuple(words)


def ticket_numbers(text: str) -> tuple[int, ...]:
    """Places in an order from 0, of tickets that are counted from 1; `-` is none."""
    return tuple(int(number) - 1 for number in text.split(",")) if text != "-" else ()


def ticket_word(ticket: TicketReply) -> str:
    """2:A1#1@eve: the second ticket, its unit, its code's revision, and who has it if not the buyer."""
    holder = f"@{ticket.holder}" if ticket.holder else ""
    return f"{ticket.index + 1}:{short(ticket.unit)}#{ticket.code_revision}{holder}"


def price_words(price: Price) -> tuple[str, ...]:
    """front*2@5000, front~child*1@2500, service*3@150, VAT+1234 (on top) or VAT=1234 (included)."""
    words = []
    for line in price.lines:
        kind = f"~{line.price_type}" if line.price_type else ""
        words.append(f"{line.category}{kind}*{line.quantity}@{line.unit_price}")
    words += (f"{fee.name}*{fee.quantity}@{fee.unit_amount}" for fee in price.fees)
    words += (f"{tax.name}{'=' if tax.included else '+'}{tax.amount}" for tax in price.taxes)
    return tuple(words)


def status_words(state: BlockState) -> tuple[str, ...]:
    """A1=HELD for every unit that is not available, floor=1held2sold for every area of which somebody has something."""
    assert state.layout is not None
    words = [
        f"{short(state.index.unit_name(seat))}={UnitStatus(status).name}"
        for seat, status in enumerate(state.inventory.statuses)
        if status != UnitStatus.AVAILABLE
    ]
    for index, area in enumerate(state.layout.areas):
        held, sold = state.inventory.area_held[index], state.inventory.area_sold[index]
        words += (f"{area.name}={held}held{sold}sold",) if held or sold else ()
    return tuple(words) or ("all-available",)
