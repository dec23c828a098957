"""What is read from the read models, over both protocols: counts, seats, lists, and what is not there yet."""

import asyncio
from base64 import b64decode
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import msgspec
import pytest
from google.protobuf.json_format import MessageToDict

from actors.core.commands import EditEvent, PlaceHold
from actors.core.ids import event_id
from actors.core.layout import Area, Calendar, Resource, Section
from actors.core.wishes import AreaPlaces, Span, Wish
from actors.projections import availability, counts
from actors.projections.availability import AvailabilityProjection
from actors.projections.fresh import FRESH_S
from actors.projections.listing import ListingProjection
from actors.projections.seat_statuses import unpack
from holdfast.v1 import units_pb2
from serve.grpc_api import availability_replies
from serve.http_api import availability_views
from serve.wire_time import rfc3339
from tests.edges.asking import Ask, ask_grpc, ask_http
from tests.edges.both import plain_of, thing
from tests.edges.club import HOUR_MS, RULES, club_layout
from tests.edges.edge_stack import Edges
from tests.edges.refusal_house import LAYOUT
from tests.projections.selling import START_MS, SellingEvent, World, follow_all, selling

pytestmark = pytest.mark.anyio

TOMORROW_MS = START_MS + 24 * HOUR_MS


@pytest.fixture(scope="module")
async def world(edges: Edges, database_url: str) -> AsyncIterator[World]:
    """Events that sell in the database that the edges read."""
    async with selling(database_url) as world:
        yield world


@pytest.fixture(scope="module")
async def gala(world: World) -> str:
    """The id of an event with seats held and sold, and a place too many for a page of one."""
    event = await world.event("alpha", "Gala")
    await world.event("alpha", "Matinee")
    await world.event("beta", "Not alpha's")
    await event.sell(event.hold("Hall/A/2", "Balcony/A/y", places=5), event.hold("Hall/B/1"))
    await follow_all(world.projector())
    return event_id(event.block)


async def _as_of_one_time(edges: Edges, ask: Ask) -> tuple[Any, Any]:
    """What is told over HTTP and over gRPC, where nothing has come to be known in between."""
    for _ in range(50):
        before = (await ask_http(edges, ask)).reply
        over_grpc = (await ask_grpc(edges, ask)).reply
        if (await ask_http(edges, ask)).reply["as_of"] == before["as_of"]:
            return before, over_grpc
    raise AssertionError("it is as of another time each time")


async def test_units_are_counted_alike(edges: Edges, gala: str) -> None:
    ask = Ask("get_availability", event_id=gala)
    over_http, over_grpc = await _as_of_one_time(edges, ask)
    assert (over_http["name"], over_http["status"], over_http["currency"]) == ("Gala", "ON_SALE", "EUR")
    assert over_http["sections"][0] == {
        "section": "Hall",
        "category": "front",
        "counts": {"capacity": 7, "available": 6, "held": 1, "sold": 0, "blocked": 0},
    }
    shown = MessageToDict(over_grpc, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)
    assert shown["sections"][0]["counts"] == {
        name: str(count) for name, count in over_http["sections"][0]["counts"].items()
    }
    assert [(one["area"], one["counts"]["available"]) for one in over_http["areas"]] == [("floor", 35), ("bar", 6)]
    assert [(one.area, one.counts.available) for one in over_grpc.areas] == [("floor", 35), ("bar", 6)]
    assert [(one["category"], one["price_minor"]) for one in over_http["categories"]] == [
        (one.category.name, one.category.price_minor) for one in over_grpc.categories
    ]
    assert over_http["sequence"] == over_grpc.sequence
    assert over_http["as_of"] == shown["as_of"] or over_http["as_of"].replace(".000Z", "Z") == shown["as_of"]


async def test_seats_are_listed_alike(edges: Edges, gala: str) -> None:
    ask = Ask("list_units", {"section": "Balcony"}, event_id=gala)
    over_http, over_grpc = (await ask_http(edges, ask)).reply, (await ask_grpc(edges, ask)).reply
    assert [(one["unit"], one["status"]) for one in over_http["units"]] == [
        ("Balcony/A/x", "AVAILABLE"),
        ("Balcony/A/y", "HELD"),
        ("Balcony/A/z", "AVAILABLE"),
    ]
    assert [(one.unit, one.status) for one in over_grpc.units] == [
        ("Balcony/A/x", 1),
        ("Balcony/A/y", 2),
        ("Balcony/A/z", 1),
    ]


async def test_an_unknown_section_is_an_unknown_unit(edges: Edges, gala: str) -> None:
    for asking in (ask_http, ask_grpc):
        answered = await asking(edges, Ask("list_units", {"section": "Roof\0"}, event_id=gala))
        assert (answered.code, answered.units) == ("UNIT_UNKNOWN", ("Roof\0",))


async def test_the_list_goes_on_behind_its_cursor(edges: Edges, gala: str) -> None:
    """A page that was begun over one protocol goes on over the other; nothing of another tenant is in it."""
    first = (await ask_http(edges, Ask("list_events", {"limit": 1}))).reply
    second = (await ask_grpc(edges, Ask("list_events", {"limit": 1, "cursor": first["next_cursor"]}))).reply
    names = {first["events"][0]["name"], second.events[0].name}
    assert names == {"Gala", "Matinee"}
    assert second.next_cursor == ""
    whole = (await ask_http(edges, Ask("list_events"))).reply
    assert whole["next_cursor"] is None
    assert {one["event_id"] for one in whole["events"]} >= {gala}


async def test_another_tenants_cursor_is_refused(edges: Edges, gala: str) -> None:
    first = (await ask_http(edges, Ask("list_events", {"limit": 1}))).reply
    answered = await ask_grpc(edges, Ask("list_events", {"cursor": first["next_cursor"]}, tenant="beta"))
    assert (answered.code, answered.fields[0][0]) == ("INVALID_ARGUMENT", "cursor")


async def check_the_club(edges: Edges, world: World) -> None:
    """Seats, places and slots are listed and counted alike; what is the house's or a channel's is blocked."""
    event = await world.event("alpha", "Club", club_layout(TOMORROW_MS, TOMORROW_MS))
    await event.sell(EditEvent(event.stamp(), event.state.revision, rules=RULES))
    slots = (Span("Court 2", TOMORROW_MS, TOMORROW_MS + 2 * HOUR_MS),)
    hold = PlaceHold(event.stamp(), 7, Wish(("Stalls/A/3", "Salon/T1"), spans=slots))
    assert await event.sell(hold, PlaceHold(event.stamp(), 8, Wish(("Stalls/B/1",), channel="presale"))) == 2
    await follow_all(world.projector())
    for asking in (ask_http, ask_grpc):
        shown = thing(await asking(edges, Ask("get_availability", event_id=event_id(event.block))), "")
        counted = {
            one[kind]: tuple(one["counts"][name] for name in ("capacity", "available", "held", "sold", "blocked"))
            for kind in ("section", "area", "resource")
            for one in shown[{"category": "categories"}.get(kind, f"{kind}s")]
        }
        assert counted == {
            "Stalls": (30, 17, 2, 0, 11),
            "Salon": (4, 0, 4, 0, 0),
            "Lawn": (6, 4, 0, 0, 2),
            "Court 1": (24, 24, 0, 0, 0),
            "Court 2": (24, 22, 2, 0, 0),
        }
        of_courts = next(one["counts"] for one in shown["categories"] if one["counts"]["capacity"] == 48)
        assert (of_courts["available"], of_courts["held"]) == (46, 2)
        seats = {unit["unit"]: unit for unit in await listed_by(asking, edges, event, section="Stalls")}
        assert seats["Stalls/A/9"] == {"unit": "Stalls/A/9", "status": "BLOCKED"}
        assert seats["Stalls/A/3"] == {"unit": "Stalls/A/3", "status": "HELD"}
        assert len(seats) == 30
        at_table = {"unit": "Salon/T1/1", "status": "HELD", "table": "Salon/T1", "sold_whole": True}
        assert (await listed_by(asking, edges, event, section="Salon"))[0] == at_table
        court = await asking(edges, Ask("list_units", {"section": "Court 2"}, event_id=event_id(event.block)))
        assert (court.code, court.units) == ("UNIT_UNKNOWN", ("Court 2",))


async def listed_by(asking: Any, edges: Edges, event: SellingEvent, **asked: str) -> Any:
    """What is listed, without what there is not."""
    shown = thing(await asking(edges, Ask("list_units", asked, event_id=event_id(event.block))), "")
    assert {"section": shown["section"], "resource": shown["resource"]} == {"section": "", "resource": ""} | {
        name: asked[name] for name in ("section", "resource") if name in asked
    }
    plain = plain_of(shown["units"], "UNIT_STATUS_")
    return [{name: field for name, field in unit.items() if field} for unit in plain]


async def test_what_is_set_aside_is_counted_apart_beside_tables_and_courts(edges: Edges, world: World) -> None:
    await check_the_club(edges, world)


@pytest.mark.parametrize(
    ("module", "broken", "replacement"),
    [
        (counts, "places_kept", lambda *_: 0),
        (availability_replies, "_counts", lambda counts: units_pb2.UnitCounts(capacity=counts.capacity)),
        (availability_views, "_unit", lambda unit: availability_views.UnitView(unit.name, unit.status.name)),
    ],
)
async def test_the_check_notices_what_is_left_out(
    edges: Edges, world: World, module: object, broken: str, replacement: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control."""
    monkeypatch.setattr(module, broken, replacement)
    with pytest.raises(AssertionError):
        await check_the_club(edges, world)


async def test_slots_are_listed_alike_with_their_times(edges: Edges, world: World) -> None:
    """Also what a buffer keeps is blocked; and only what begins in the time that is asked for."""
    layout = club_layout(TOMORROW_MS, TOMORROW_MS)
    courts = (Resource("Court 1", 3, 0), Resource("Court 2", 3, 1, HOUR_MS // 2))
    event = await world.event("alpha", "Club", msgspec.structs.replace(layout, resources=courts))
    span = Span("Court 2", TOMORROW_MS + 2 * HOUR_MS, TOMORROW_MS + 4 * HOUR_MS)
    assert await event.sell(PlaceHold(event.stamp(), 7, Wish(spans=(span,)))) == 1
    await follow_all(world.projector())

    def slot(number: int, status: str) -> dict[str, str]:
        begins_ms = TOMORROW_MS + number * HOUR_MS
        local = datetime.fromtimestamp(begins_ms / 1000, timezone(timedelta(hours=1)))
        return {
            "unit": f"Court 2/{local.isoformat(timespec='seconds')}",
            "status": status,
            "starts_at": rfc3339(begins_ms),
            "ends_at": rfc3339(begins_ms + HOUR_MS),
        }

    statuses = ["AVAILABLE", "BLOCKED", "HELD", "HELD", "BLOCKED", *["AVAILABLE"] * 19]
    whole = [slot(number, status) for number, status in enumerate(statuses)]
    for asking, written in ((ask_http, rfc3339), (ask_grpc, at)):
        assert await listed_by(asking, edges, event, resource="Court 2") == whole
        begun: Any = {"from": written(TOMORROW_MS + HOUR_MS // 2), "until": written(TOMORROW_MS + 3 * HOUR_MS)}
        assert await listed_by(asking, edges, event, resource="Court 2", **begun) == whole[1:3]
        rest: Any = {"from": written(TOMORROW_MS + 22 * HOUR_MS)}
        assert await listed_by(asking, edges, event, resource="Court 2", **rest) == whole[22:]
        past: Any = {"until": written(TOMORROW_MS)}
        assert await listed_by(asking, edges, event, resource="Court 2", **past) == []
        gone = await asking(edges, Ask("list_units", {"resource": "Stalls"}, event_id=event_id(event.block)))
        assert (gone.code, gone.units) == ("UNIT_UNKNOWN", ("Stalls",))


async def test_every_view_follows_the_layout(edges: Edges, world: World) -> None:
    await check_views_follow(edges, world)


async def test_the_check_notices_a_layout_that_stays(
    edges: Edges, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control: only that of the creation is written."""
    honest = availability._is_told_anew
    monkeypatch.setattr(availability, "_is_told_anew", lambda one: one.rows[0].row.position == 1 and honest(one))
    with pytest.raises(AssertionError):
        await check_views_follow(edges, world)


def at(at_ms: int) -> datetime:
    """As protobuf takes a time."""
    return datetime.fromtimestamp(at_ms / 1000, UTC)


@pytest.mark.parametrize(
    ("asked", "fields"),
    [
        ({}, ("section",)),
        ({"section": "A", "resource": "B"}, ("resource",)),
        ({"section": "A", "from": 1, "until": 2}, ("from", "until")),
        ({"resource": "B", "from": 2, "until": 2}, ("until",)),
        ({"from": 2}, ("section", "from")),
    ],
)
async def test_what_cannot_be_listed_is_refused_alike(
    edges: Edges, gala: str, asked: dict[str, Any], fields: tuple[str, ...]
) -> None:
    for asking, written in ((ask_http, rfc3339), (ask_grpc, at)):
        body = {name: written(value) if isinstance(value, int) else value for name, value in asked.items()}
        answered = await asking(edges, Ask("list_units", body, event_id=gala))
        assert (answered.code, tuple(field for field, _ in answered.fields)) == ("INVALID_ARGUMENT", fields)
    answered = await ask_http(edges, Ask("list_units", {"resource": "B", "from": "2026"}, event_id=gala))
    assert [field for field, _ in answered.fields] == ["from"]


async def check_views_follow(edges: Edges, world: World) -> None:
    """Fewer seats, more places, another court: each view tells of the layout that its statuses are of."""
    before = club_layout(TOMORROW_MS, TOMORROW_MS)
    event = await world.event("alpha", "Club", before)
    sold = PlaceHold(event.stamp(), 7, Wish(("Stalls/C/2",), (AreaPlaces("Lawn", 2),)))
    assert await event.sell(sold) == 1
    projector = world.projector(AvailabilityProjection(), ListingProjection())
    await follow_all(projector)
    shown = thing(await ask_http(edges, Ask("get_availability", event_id=event_id(event.block))), "")
    assert [one["section"] for one in shown["sections"]] == ["Stalls", "Salon"]
    after = msgspec.structs.replace(
        before,
        sections=(Section("Stalls", before.sections[0].rows[2:]),),
        areas=(Area("Lawn", 2, 9),),
        resources=(Resource("Court 3", 3, 0),),
        calendars=(Calendar("Europe/Berlin", HOUR_MS, ((TOMORROW_MS, 2, 60),)),),
    )
    assert await event.sell(EditEvent(event.stamp(), event.state.revision, layout=after)) == 1
    await follow_all(projector)
    assert await event.sell(EditEvent(event.stamp(), event.state.revision, name="Other")) == 1
    await follow_all(projector)
    await asyncio.sleep(2 * FRESH_S)  # what was read serves for so long
    for asking in (ask_http, ask_grpc):
        identity = event_id(event.block)
        shown = thing(await asking(edges, Ask("get_availability", event_id=identity)), "")
        counted = {
            one[kind]: (one["counts"]["capacity"], one["counts"]["available"], one["counts"]["held"])
            for kind in ("section", "area", "resource")
            for one in shown[f"{kind}s"]
        }
        assert counted == {"Stalls": (10, 9, 1), "Lawn": (9, 7, 2), "Court 3": (2, 2, 0)}
        layout = thing(await asking(edges, Ask("get_layout", event_id=identity)), "")
        assert (layout["layout_version"], layout["seat_count"], layout["slot_count"]) == (2, 10, 2)
        seats = await listed_by(asking, edges, event, section="Stalls")
        assert [(unit["unit"], unit["status"]) for unit in seats] == [
            (f"Stalls/C/{seat}", "HELD" if seat == 2 else "AVAILABLE") for seat in range(1, 11)
        ]
        assert len(await listed_by(asking, edges, event, resource="Court 3")) == 2
        for gone in ({"section": "Salon"}, {"resource": "Court 1"}):
            refused = await asking(edges, Ask("list_units", gone, event_id=identity))
            assert refused.code == "UNIT_UNKNOWN"
        told = (await asking(edges, Ask("get_statuses", event_id=identity))).reply
        statuses = b64decode(told["statuses"]) if asking is ask_http else told.statuses
        assert [place for place, status in enumerate(unpack(statuses)[:12]) if status] == [1]
        listed = thing(await asking(edges, Ask("list_events", {"limit": 200})), "")["events"]
        line = next(one for one in listed if one["event_id"] == identity)
        assert (line["name"], line["capacity"], line["available"]) == ("Other", 21, 18)
        holds = thing(await asking(edges, Ask("list_holds", event_id=identity)), "")["holds"]
        assert [(hold["units"], hold["areas"][0]["quantity"]) for hold in holds] == [(["Stalls/C/2"], 2)]


@pytest.mark.parametrize("operation", ["get_availability", "list_units"])
async def test_an_event_that_is_not_followed_yet_is_not_unknown(edges: Edges, operation: str) -> None:
    """Its creation was acknowledged, so a 404 would be a lie: ask again."""
    created = await ask_http(edges, Ask("create_event", {"name": "New", "layout": LAYOUT}, key="new"))
    body = {"section": "101"} if operation == "list_units" else {}
    for asking in (ask_http, ask_grpc):
        answered = await asking(edges, Ask(operation, body, event_id=created.reply["event_id"]))
        assert answered.code == "UNAVAILABLE"
        assert answered.wait_s == 1
