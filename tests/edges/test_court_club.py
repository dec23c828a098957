"""A court club over both protocols: twelve courts, half hours, sixty days across the end of summer time.

The days are those around the next change of the clock that is far enough ahead, so that the test does not age.
"""

import asyncio
from datetime import UTC, date, datetime, timedelta
from string import Template
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import pytest

from actors.core import orders, ticket_changes
from actors.core.ground import Ground
from actors.core.inventory import Inventory
from actors.core.layout_index import SlotIndex, _CalendarIndex
from actors.core.replies import OrderStatus
from actors.layout_files import resource_fields
from serve.layout_reader import decode_yaml
from serve.wire_time import rfc3339
from tests.edges.asking import Answered, Ask, ask_grpc, ask_http
from tests.edges.both import both, thing
from tests.edges.edge_stack import Edges, now_ms

pytestmark = pytest.mark.anyio

ASKING = [ask_http, ask_grpc]
BERLIN = ZoneInfo("Europe/Berlin")
DAYS = 60
HALF_HOUR = timedelta(minutes=30)

LAYOUT_FILE = Template("""
currency: EUR
price_types: [Guest, Member]
categories:
  - {name: Court, price: 2400, prices: {Member: 1900}}
  - {name: Wall, price: 600}
resources:
  - names: Court 1..10
    category: Court
    zone: Europe/Berlin
    from: $first
    until: $last
    slot_minutes: 30
    hours: {mon-fri: 08:00-22:00, sat: 08:00-04:00, sun: 08:00-22:00}
    unavailable:
      - {from: $tournament, until: $tournament}
      - {from: ${works}T08:00, until: ${works}T12:15}
  - names: Court 11..12                              # of clay: swept after each game
    category: Court
    zone: Europe/Berlin
    from: $first
    until: $last
    slot_minutes: 30
    buffer_minutes: 15
    hours: {mon-sun: 08:00-22:00}
  - names: Wall 1..2
    category: Wall
    zone: Europe/Berlin
    slot_minutes: 30
    openings: [{from: "$soon", until: "$later"}]
""")


class CourtClub(NamedTuple):
    """The event, the Sunday on which the clock is put back, and when the practice walls open."""

    event: str
    change: date
    soon_ms: int

    @property
    def first(self) -> date:
        """The first day on which courts can be had."""
        return self.change - timedelta(days=DAYS // 2)

    @property
    def monday(self) -> date:
        """An ordinary day."""
        return self.change - timedelta(days=6)

    @property
    def tournament(self) -> date:
        """A Wednesday on which the courts without clay cannot be had."""
        return self.change + timedelta(days=3)

    @property
    def works(self) -> date:
        """A Thursday on which they cannot be had until a quarter past twelve."""
        return self.change + timedelta(days=4)


def next_change() -> date:
    """The day on which summer time ends in Berlin, the next that is more than half of the days ahead."""
    day = datetime.now(UTC).date() + timedelta(days=DAYS // 2 + 2)
    while local(day, "00:00").utcoffset() <= local(day + timedelta(days=1), "00:00").utcoffset():  # type: ignore[operator]
        day += timedelta(days=1)
    return day


def local(day: date, time: str, fold: int = 0) -> datetime:
    """A local time of a day; fold 1: the second one of that name."""
    return datetime.fromisoformat(f"{day}T{time}").replace(tzinfo=BERLIN, fold=fold)


def span(court: str, begins: datetime, slots: int, **more: str) -> dict[str, Any]:
    """So many half hours of a court."""
    ends = begins.astimezone(UTC) + slots * HALF_HOUR
    return {"resource": court, "starts_at": begins.astimezone(UTC).isoformat(), "ends_at": ends.isoformat(), **more}


def slot(court: str, begins: datetime) -> str:
    """A half hour's name."""
    return f"{court}/{begins.isoformat(timespec='minutes')}"


async def open_club(edges: Edges, asking: Any, key: str, soon_in_ms: int = 3_600_000) -> CourtClub:
    """Create it from its layout file, and put it on sale."""
    soon_ms = (now_ms() + soon_in_ms) // 1000 * 1000
    club = CourtClub("", next_change(), soon_ms)
    layout = LAYOUT_FILE.substitute(
        first=club.first,
        last=club.first + timedelta(days=DAYS - 1),
        tournament=club.tournament,
        works=club.works,
        soon=datetime.fromtimestamp(soon_ms // 1000, BERLIN).isoformat(),
        later=datetime.fromtimestamp(soon_ms // 1000 + 3600, BERLIN).isoformat(),
    )
    body = {"name": "Courts", "layout": decode_yaml(layout)}
    event = thing(await asking(edges, Ask("create_event", body, key=key)), "event")
    await asking(edges, Ask("open_sale", event_id=event["event_id"], key=f"{key}, open"))
    return club._replace(event=event["event_id"])


@pytest.fixture(scope="module")
async def clubs(edges: Edges) -> dict[Any, CourtClub]:
    """One for each protocol."""
    return {asking: await open_club(edges, asking, asking.__name__) for asking in ASKING}


async def hold(edges: Edges, asking: Any, club: CourtClub, key: str, *slots: dict[str, Any], **more: Any) -> Answered:
    """Ask for these times."""
    body = {"slots": list(slots), "buyer_id": "b", **more}
    answered: Answered = await asking(edges, Ask("place_hold", body, event_id=club.event, key=f"{club.event} {key}"))
    return answered


async def order(edges: Edges, asking: Any, club: CourtClub, key: str, *slots: dict[str, Any]) -> Any:
    """A paid order of these times."""
    held = thing(await hold(edges, asking, club, key, *slots), "hold")
    placed = thing(await asking(edges, Ask("place_order", {"hold_id": held["hold_id"]}, key=f"{key}, order")), "order")
    confirm = Ask("confirm_order", order_id=placed["order_id"], key=f"{key}, confirm")
    return thing(await asking(edges, confirm), "order")


def refusal(answered: Answered) -> tuple[str, tuple[str, ...]]:
    """Its code, and which units it names."""
    return answered.code, answered.units


async def check_capacity(edges: Edges, asking: Any, club: CourtClub) -> None:
    """Each day has the half hours that it is open: on Saturday's night before the change there are two more."""
    event = await both(edges, Ask("get_event", event_id=club.event), "event")
    capacity = {resource["resource"]: resource["capacity"] for resource in event["resources"]}
    days = [club.first + timedelta(days=number) for number in range(DAYS)]
    expected = sum(40 if day.weekday() == 5 else 28 for day in days) + 2 - 28 - 9  # less a Wednesday, and works
    assert capacity == {
        **{f"Court {number}": expected for number in range(1, 11)},
        **{f"Court {number}": 28 * DAYS for number in (11, 12)},
        "Wall 1": 2,
        "Wall 2": 2,
    }


async def check_overlap(edges: Edges, asking: Any, club: CourtClub) -> None:
    """Half hours that follow each other are held together; no other hold has any of them meanwhile."""
    evening = local(club.monday, "18:00")
    held = thing(await hold(edges, asking, club, "game", span("Court 3", evening, 3, price_type="Member")), "hold")
    assert held["units"] == [slot("Court 3", evening + number * HALF_HOUR) for number in range(3)]
    assert held["price"]["total_minor"] == 3 * 950
    over = await hold(edges, asking, club, "over", span("Court 3", local(club.monday, "19:00"), 2))
    assert refusal(over) == ("UNITS_HELD", (slot("Court 3", local(club.monday, "19:00")),))
    assert over.retry_at is not None
    around = await hold(edges, asking, club, "around", span("Court 3", local(club.monday, "17:30"), 5))
    assert refusal(around) == ("UNITS_HELD", tuple(held["units"]))
    named = await hold(edges, asking, club, "named", units=[held["units"][2]])
    assert refusal(named) == ("UNITS_HELD", (held["units"][2],))
    two = (span("Court 3", local(club.monday, "19:30"), 2), span("Court 4", evening, 3))
    beside = thing(await hold(edges, asking, club, "beside", *two), "hold")
    assert len(beside["units"]) == 5
    for one in (held, beside):
        await asking(edges, Ask("release_hold", hold_id=one["hold_id"], key=f"{one['hold_id']} back"))
    again = thing(await hold(edges, asking, club, "again", span("Court 3", local(club.monday, "17:30"), 6)), "hold")
    await asking(edges, Ask("release_hold", hold_id=again["hold_id"], key=f"{again['hold_id']} back"))


async def check_buffer(edges: Edges, asking: Any, club: CourtClub) -> None:
    """A quarter of an hour between two holds, before and behind; within a hold there is none."""
    evening = local(club.monday, "18:00")
    held = thing(await hold(edges, asking, club, "clay", span("Court 11", evening, 2)), "hold")
    for key, time in (("behind", "19:00"), ("before", "17:30")):
        near = local(club.monday, time)
        refused = await hold(edges, asking, club, f"clay {key}", span("Court 11", near, 1))
        assert refusal(refused) == ("UNITS_HELD", (slot("Court 11", near),))
    apart = (span("Court 11", local(club.monday, "19:30"), 1), span("Court 11", local(club.monday, "17:00"), 1))
    further = thing(await hold(edges, asking, club, "clay apart", *apart), "hold")
    for one in (held, further):
        await asking(edges, Ask("release_hold", hold_id=one["hold_id"], key=f"{one['hold_id']} back"))
    between = thing(
        await hold(edges, asking, club, "clay again", span("Court 11", local(club.monday, "19:00"), 1)), "hold"
    )
    await asking(edges, Ask("release_hold", hold_id=between["hold_id"], key=f"{between['hold_id']} back"))


async def check_unavailable(edges: Edges, asking: Any, club: CourtClub) -> None:
    """On the day of the tournament, before the works are over, and after closing there is nothing to hold."""
    noon = local(club.tournament, "12:00")
    for key, times in (
        ("tournament", span("Court 2", noon, 1)),
        ("works", span("Court 2", local(club.works, "12:00"), 2)),
        ("late", span("Court 2", local(club.monday, "21:30"), 2)),
        ("quarter", span("Court 2", local(club.monday, "12:15"), 1)),
    ):
        assert refusal(await hold(edges, asking, club, key, times)) == ("UNIT_UNKNOWN", ("Court 2",)), key
    named = await hold(edges, asking, club, "by name", units=[slot("Court 2", noon)])
    assert refusal(named) == ("UNIT_UNKNOWN", (slot("Court 2", noon),))
    clay = thing(await hold(edges, asking, club, "clay is open", span("Court 12", noon, 1)), "hold")
    assert clay["units"] == [slot("Court 12", noon)]


async def check_repeated_hour(edges: Edges, asking: Any, club: CourtClub) -> None:
    """Half past two comes twice in that night, under two names, and each is somebody's."""
    first, second = (local(club.change, "02:30", fold) for fold in (0, 1))
    names = [slot("Court 5", first), slot("Court 5", second)]
    assert [name[-6:] for name in names] == ["+02:00", "+01:00"]
    one = thing(await hold(edges, asking, club, "first", units=[names[0]]), "hold")
    taken = await hold(edges, asking, club, "first again", span("Court 5", first, 1))
    assert refusal(taken) == ("UNITS_HELD", (names[0],))
    other = thing(await hold(edges, asking, club, "second", span("Court 5", second, 1)), "hold")
    assert (one["units"], other["units"]) == ([names[0]], [names[1]])
    night = thing(await hold(edges, asking, club, "night", span("Court 6", local(club.change, "01:30"), 6)), "hold")
    times = [name.rpartition("T")[2] for name in night["units"]]
    assert times == ["01:30+02:00", "02:00+02:00", "02:30+02:00", "02:00+01:00", "02:30+01:00", "03:00+01:00"]
    spelt = await hold(edges, asking, club, "spelt", units=[f"Court 5/{club.change}T03:30+02:00"])
    assert refusal(spelt) == ("UNITS_HELD", (names[1],)), "the same moment"


async def check_exchange_and_cancel(edges: Edges, asking: Any, club: CourtClub) -> None:
    """Another time for the same order in one step; what is given back is anybody's, once."""
    tuesday = club.monday + timedelta(days=1)
    former, later = span("Court 7", local(tuesday, "10:00"), 2), span("Court 8", local(tuesday, "20:00"), 2)
    bought = await order(edges, asking, club, f"{club.event} exchange", former)
    sold = await hold(edges, asking, club, "sold", former)
    assert refusal(sold) == ("UNITS_SOLD", tuple(bought["units"]))
    tickets = [ticket["ticket_id"] for ticket in bought["tickets"]]
    body = {"tickets": tickets, "slots": [later]}
    swap = Ask("exchange_tickets", body, order_id=bought["order_id"], key=f"{club.event} swapped")
    swapped = thing(await asking(edges, swap), "order")
    assert swapped["units"] == [slot("Court 8", local(tuesday, time)) for time in ("20:00", "20:30")]
    assert (await hold(edges, asking, club, "gone", later)).code == "UNITS_SOLD"
    back = thing(await hold(edges, asking, club, "back", former), "hold")
    assert back["units"] == bought["units"]
    cancelled = Ask("cancel_order", order_id=bought["order_id"], key=f"{club.event} cancelled")
    assert thing(await asking(edges, cancelled), "order")["status"] == "CANCELLED"
    assert thing(await hold(edges, asking, club, "free", later), "hold")["units"] == swapped["units"]
    assert (await hold(edges, asking, club, "free twice", later)).code == "UNITS_HELD"


async def check_ends(edges: Edges, asking: Any, club: CourtClub) -> None:
    """Whoever came, or did not, is known once the time has begun, and not before."""
    begins = datetime.fromtimestamp(club.soon_ms / 1000, UTC)
    came = await order(edges, asking, club, f"{club.event} came", span("Wall 1", begins, 1))
    missed = await order(edges, asking, club, f"{club.event} missed", span("Wall 2", begins, 2))
    later = await order(edges, asking, club, f"{club.event} later", span("Wall 1", begins + HALF_HOUR, 1))
    early = await asking(edges, Ask("mark_no_show", order_id=later["order_id"], key=f"{club.event} early"))
    assert (early.code, early.retry_at) == ("ORDER_NOT_DUE", rfc3339(club.soon_ms + 1_800_000))
    await asyncio.sleep(max(club.soon_ms - now_ms(), 0) / 1000 + 0.1)
    for operation, bought, status in (("complete_order", came, "COMPLETED"), ("mark_no_show", missed, "NO_SHOW")):
        await asking(edges, Ask(operation, order_id=bought["order_id"], key=f"{club.event} {operation}"))
        read = await both(edges, Ask("get_order", order_id=bought["order_id"]), "order")
        assert (read["status"], read["units"]) == (status, bought["units"])
        again = await asking(edges, Ask("mark_no_show", order_id=bought["order_id"], key=f"{club.event} {status}"))
        assert again.code == "ORDER_CLOSED"
    still = await asking(edges, Ask("complete_order", order_id=later["order_id"], key=f"{club.event} still early"))
    assert still.code == "ORDER_NOT_DUE"


async def check_begun(edges: Edges, asking: Any, club: CourtClub) -> None:
    """What has begun can be exchanged and cancelled until the order is over; then nothing can, whatever is to come."""
    begins = datetime.fromtimestamp(club.soon_ms / 1000, UTC)
    bought = await order(
        edges, asking, club, f"{club.event} begun", span("Wall 1", begins, 2), span("Wall 2", begins, 2)
    )
    first, second, third, _ = [ticket["ticket_id"] for ticket in bought["tickets"]]
    of_it = {"order_id": bought["order_id"]}
    await asyncio.sleep(max(club.soon_ms - now_ms(), 0) / 1000 + 0.1)
    ten = local(club.monday + timedelta(days=1), "10:00")
    tomorrow = span("Court 9", ten, 1)
    swap = Ask("exchange_tickets", {"tickets": [first], "slots": [tomorrow]}, key=f"{club.event} swap", **of_it)
    swapped = thing(await asking(edges, swap), "order")
    assert sorted(swapped["units"]) == sorted([*bought["units"][1:], slot("Court 9", ten)])
    cancel = Ask("cancel_tickets", {"tickets": [second]}, key=f"{club.event} cancel", **of_it)
    assert thing(await asking(edges, cancel), "order")["status"] == "PARTLY_CANCELLED"
    over = thing(await asking(edges, Ask("complete_order", key=f"{club.event} over", **of_it)), "order")
    assert (over["status"], len(over["tickets"])) == ("COMPLETED", 3)
    for late in (
        Ask("cancel_tickets", {"tickets": [third]}, key=f"{club.event} late", **of_it),
        Ask("exchange_tickets", {"tickets": [third], "slots": [tomorrow]}, key=f"{club.event} late", **of_it),
    ):
        assert (await asking(edges, late)).code == "ORDER_CLOSED"


@pytest.mark.parametrize("asking", ASKING)
@pytest.mark.parametrize(
    "check",
    [check_capacity, check_overlap, check_buffer, check_unavailable, check_repeated_hour, check_exchange_and_cancel],
)
async def test_a_court_club(edges: Edges, clubs: dict[Any, CourtClub], asking: Any, check: Any) -> None:
    await check(edges, asking, clubs[asking])


@pytest.mark.parametrize("asking", ASKING)
async def test_who_came_and_who_did_not_is_known_once_it_has_begun(edges: Edges, asking: Any) -> None:
    await check_ends(edges, asking, await open_club(edges, asking, f"{asking.__name__}, soon", soon_in_ms=2_500))


@pytest.mark.parametrize("asking", ASKING)
async def test_what_has_begun_can_be_changed_until_the_order_is_over(edges: Edges, asking: Any) -> None:
    await check_begun(edges, asking, await open_club(edges, asking, f"{asking.__name__}, begun", soon_in_ms=2_500))


CONTROLS: list[tuple[Any, Any, str, Any]] = [
    (check_capacity, resource_fields, "_closed_times", lambda *_: ()),
    (check_overlap, Ground, "_refuse_claimed", lambda *_: None),
    (check_buffer, SlotIndex, "around", lambda slots, first, last: range(first, last + 1)),
    (check_unavailable, resource_fields, "_closed_times", lambda *_: ()),
    (check_repeated_hour, _CalendarIndex, "minutes_ahead", lambda *_: 60),
    (check_exchange_and_cancel, Inventory, "give_back", lambda *_, **__: None),
    (check_ends, orders, "begins_ms", lambda *_: []),
    (check_begun, ticket_changes, "IN_FORCE", (*orders.IN_FORCE, OrderStatus.COMPLETED)),
]


@pytest.mark.parametrize(("check", "broken", "name", "replacement"), CONTROLS)
async def test_the_check_notices_what_is_broken(
    edges: Edges, check: Any, broken: Any, name: str, replacement: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative controls: unavailable times, overlaps, buffers, names, what comes back, and when."""
    monkeypatch.setattr(broken, name, replacement)
    club = await open_club(edges, ask_http, f"{check.__name__} broken", soon_in_ms=1_500)
    with pytest.raises(AssertionError):
        await check(edges, ask_http, club)
