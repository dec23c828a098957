"""What is read from the read models, over both protocols: counts, seats, lists, and what is not there yet."""

from collections.abc import AsyncIterator

import pytest
from google.protobuf.json_format import MessageToDict

from actors.core.commands import EditEvent, PlaceHold
from actors.core.ids import event_id
from actors.core.wishes import Span, Wish
from tests.edges.asking import Ask, ask_grpc, ask_http
from tests.edges.both import thing
from tests.edges.club import HOUR_MS, RULES, club_layout
from tests.edges.edge_stack import Edges
from tests.edges.refusal_house import LAYOUT
from tests.projections.selling import START_MS, World, follow_all, selling

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


async def test_units_are_counted_alike(edges: Edges, gala: str) -> None:
    ask = Ask("get_availability", event_id=gala)
    over_http, over_grpc = (await ask_http(edges, ask)).reply, (await ask_grpc(edges, ask)).reply
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


async def test_what_is_set_aside_is_counted_apart_beside_tables_and_courts(edges: Edges, world: World) -> None:
    """Seats of a section are listed and counted; what is the house's or a channel's is blocked."""
    event = await world.event("alpha", "Club", club_layout(TOMORROW_MS, TOMORROW_MS))
    await event.sell(EditEvent(event.stamp(), event.state.revision, rules=RULES))
    slots = (Span("Court 2", TOMORROW_MS, TOMORROW_MS + 2 * HOUR_MS),)
    hold = PlaceHold(event.stamp(), 7, Wish(("Stalls/A/3", "Salon/T1"), spans=slots))
    assert await event.sell(hold, PlaceHold(event.stamp(), 8, Wish(("Stalls/B/1",), channel="presale"))) == 2
    await follow_all(world.projector())
    for asking in (ask_http, ask_grpc):
        shown = thing(await asking(edges, Ask("get_availability", event_id=event_id(event.block))), "")
        counted = {section["section"]: section["counts"] for section in shown["sections"]}
        assert counted == {
            "Stalls": {"capacity": 30, "available": 17, "held": 2, "sold": 0, "blocked": 11},
            "Salon": {"capacity": 4, "available": 0, "held": 4, "sold": 0, "blocked": 0},
        }
        ask = Ask("list_units", {"section": "Stalls"}, event_id=event_id(event.block))
        statuses = {unit["unit"]: unit["status"] for unit in thing(await asking(edges, ask), "")["units"]}
        assert statuses["Stalls/A/9"].endswith("BLOCKED")
        assert statuses["Stalls/A/3"].endswith("HELD")
        assert len(statuses) == 30
        court = await asking(edges, Ask("list_units", {"section": "Court 2"}, event_id=event_id(event.block)))
        assert (court.code, court.units) == ("UNIT_UNKNOWN", ("Court 2",))


@pytest.mark.parametrize("operation", ["get_availability", "list_units"])
async def test_an_event_that_is_not_followed_yet_is_not_unknown(edges: Edges, operation: str) -> None:
    """Its creation was acknowledged, so a 404 would be a lie: ask again."""
    created = await ask_http(edges, Ask("create_event", {"name": "New", "layout": LAYOUT}, key="new"))
    body = {"section": "101"} if operation == "list_units" else {}
    for asking in (ask_http, ask_grpc):
        answered = await asking(edges, Ask(operation, body, event_id=created.reply["event_id"]))
        assert answered.code == "UNAVAILABLE"
        assert answered.wait_s == 1
