"""An event with everything in it: price types, fees, a tax, tables, accessible seats, courts, allotments, rules."""

from datetime import datetime, timedelta, timezone
from typing import NamedTuple

from actors.core.ids import TenantId, event_id
from actors.core.layout import Area, Calendar, Category, Fee, Layout, Resource, Row, RowKind, Section, Tax
from actors.core.outcomes import Rejected
from actors.core.rules import Allotment, Channel, Rules, WaitingList
from actors.core.wishes import AreaPlaces
from actors.reservations import Caller, Request
from serve.wire_time import rfc3339
from tests.edges.edge_stack import Edges, now_ms

HOUR_MS = 3_600_000
SLOTS = 24

RULES = Rules(
    max_per_buyer=8,
    channels=(Channel("box office"), Channel("presale")),
    allotments=(
        Allotment("house", "", ("Stalls/A/9", "Stalls/A/10")),
        Allotment("presale", "presale", ("Stalls/B",), (AreaPlaces("Lawn", 2),)),
    ),
    waiting_list=WaitingList(600_000),
)


class Club(NamedTuple):
    """The event's id, and when its courts' first slots begin: one in a moment, the other tomorrow."""

    event: str
    soon_ms: int
    tomorrow_ms: int

    def slot(self, number: int, count: int = 1) -> dict[str, object]:
        """A time of the court that is open tomorrow, from its slot of this number."""
        return span("Court 2", self.tomorrow_ms + number * HOUR_MS, count)

    def slot_name(self, number: int) -> str:
        """The name of that court's slot of this number."""
        begins = datetime.fromtimestamp(self.tomorrow_ms / 1000 + number * 3600, timezone(timedelta(hours=1)))
        return f"Court 2/{begins.isoformat(timespec='minutes')}"


def span(resource: str, starts_at_ms: int, count: int) -> dict[str, object]:
    """So many slots of a resource."""
    ends_at_ms = starts_at_ms + count * HOUR_MS
    return {"resource": resource, "starts_at": rfc3339(starts_at_ms), "ends_at": rfc3339(ends_at_ms)}


def club_layout(soon_ms: int, tomorrow_ms: int) -> Layout:
    """Ten and ten stalls, a table for four that is sold as a whole, three places of a lawn, two courts."""
    stalls = (Row("A", 0, 1, 10, accessible=(0,), companions=(1,)), Row("B", 0, 1, 10), Row("C", 0, 1, 10))
    tables = (Row("T1", 1, 1, 4, kind=RowKind.WHOLE_TABLE),)
    return Layout(
        "EUR",
        (
            Category("Stalls", 4000, ((1, 2000),)),
            Category("Table", 5000),
            Category("Lawn", 1500, ((1, 700),)),
            Category("Court", 3000, ((1, 2400),)),
        ),
        (Section("Stalls", stalls), Section("Salon", tables)),
        (Area("Lawn", 2, 6),),
        resources=(Resource("Court 1", 3, 0), Resource("Court 2", 3, 1)),
        calendars=(
            Calendar("Europe/Berlin", HOUR_MS, ((soon_ms, SLOTS, 60),)),
            Calendar("Europe/Berlin", HOUR_MS, ((tomorrow_ms, SLOTS, 60),)),
        ),
        price_types=("adult", "child"),
        fees=(Fee("service", 100, 50_000), Fee("order", 250, once=True)),
        tax=Tax("VAT", 190_000, included=True),
    )


async def make_club(edges: Edges, key: str, rules: Rules = RULES, soon_in_ms: int = HOUR_MS) -> Club:
    """Create it for the tenant alpha, and put it on sale."""
    soon_ms = (now_ms() + soon_in_ms) // 1000 * 1000
    tomorrow_ms = (now_ms() // HOUR_MS + 24) * HOUR_MS
    reservations = edges.reservations
    assert reservations is not None
    caller = Caller(TenantId("alpha"), "alpha")
    created = await reservations.create_event(
        Request(caller, key, 10_000), "Club", club_layout(soon_ms, tomorrow_ms), 600_000, rules
    )
    assert not isinstance(created, Rejected), created
    event = event_id(created.block)
    opened = await reservations.open_sale(Request(caller, f"{key}, open", 10_000), event)
    assert not isinstance(opened, Rejected), opened
    return Club(event, soon_ms, tomorrow_ms)
