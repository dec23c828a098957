"""What the refusals of the contract are asked of, and the form of a case."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from tests.edges.asking import Ask
from tests.edges.club import Club

LAYOUT = {
    "currency": "EUR",
    "categories": [{"name": "Seat", "price": 4500}, {"name": "Floor", "price": 2500}],
    "sections": [{"name": "101", "category": "Seat", "rows": [{"names": "A..J", "seats": "1..60"}]}],
    "areas": [{"name": "Floor", "capacity": 5, "category": "Floor"}],
}


class House(NamedTuple):
    """What there is to ask about: ids of events, holds and orders in each state. Seats B/1 held, B/2 and J/2 sold.

    Of the club: an order of `Stalls/C/1` and `Stalls/C/2`, the first of which was cancelled; one of a time tomorrow;
    one that was completed; one of a table that is sold only as a whole; somebody who waits no longer.

    `spare`: another event like the first; `dollars`: one that is sold in dollars. A basket of two seats of
    the first event and two of the spare one, and its order, the first ticket of which was cancelled.
    """

    event: str
    draft: str
    held: str
    expired: str
    released: str
    confirmed: str
    pending_order: str
    expired_order: str
    cancelled_order: str
    confirmed_order: str
    closed: str
    club: Club
    stalls_order: str
    court_order: str
    completed_order: str
    table_order: str
    gone_waiter: str
    spare: str
    dollars: str
    basket_hold: str
    basket_order: str

    def on_club(self, operation: str, body: Mapping[str, object]) -> Ask:
        """Something that a buyer wishes for in the club."""
        return Ask(operation, {"buyer_id": "b", **body}, event_id=self.club.event)


def ticket_of(order: str, number: int) -> str:
    """The id of an order's ticket, counted from 1."""
    return f"ticket_{order.removeprefix('order_')}-{number}"


class Case(NamedTuple):
    """What is asked of the house, and the code that must come back; `fields` and `units` where they are told.

    `same_words`: not where the fault lies in JSON itself, which gRPC has only in a layout.
    """

    ask: Callable[[House], Ask]
    code: str
    fields: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    same_words: bool = True


NOWHERE_EVENT = "event_0123456789abcdef"
NOWHERE_HOLD = "hold_0123456789abcdef0123456789abc"
NOWHERE_ORDER = "order_0123456789abcdef0123456789abc"
NOWHERE_WAITER = "waiter_0123456789abcdef0123456789abc"
NOWHERE_TICKET = "ticket_0123456789abcdef0123456789abc-1"
