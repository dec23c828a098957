"""The seat map over both protocols: a layout that never changes under its version, and statuses by place in it."""

from base64 import b64decode
from collections.abc import AsyncIterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import msgspec
import pytest

from actors.core.commands import PlaceHold
from actors.core.ids import event_id
from actors.core.layout import Calendar, Resource
from actors.core.layout_index import LayoutIndex
from actors.core.wishes import Span, Wish
from actors.projections.live_events import LiveEvents
from actors.projections.live_writer import LiveWriter
from actors.projections.seat_statuses import unpack
from serve.grpc_api import layout_replies
from serve.http_api import seat_views
from serve.local.preflight import free_port
from serve.local.redis import Redis
from serve.wire_time import rfc3339
from tests.edges.asking import Ask, ask_grpc, ask_http
from tests.edges.both import thing
from tests.edges.club import HOUR_MS, club_layout
from tests.edges.edge_stack import Edges, whole_edges
from tests.projections.selling import LAYOUT, SEATS, START_MS, SellingEvent, World, follow_all, selling

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder: Path = tmp_path_factory.mktemp("redis")
    (folder / "password").write_text("for-tests-only")
    server = Redis(folder / "data", free_port(), folder / "password", log=folder / "log")
    server.start()
    yield server.url
    server.stop()


@pytest.fixture(scope="module")
async def edges(anyio_backend: str, database_url: str, redis_url: str) -> AsyncIterator[Edges]:
    async with whole_edges(database_url, redis_url) as running:
        yield running


@pytest.fixture(scope="module")
async def world(edges: Edges, database_url: str) -> AsyncIterator[World]:
    async with selling(database_url) as world:
        yield world


class Sold:
    """An event that sells, and the projector that shows it."""

    def __init__(self, event: SellingEvent, projector: Any) -> None:
        self.event = event
        self.id = event_id(event.block)
        self._projector = projector

    async def sell(self, *seats: str, places: int = 0) -> int:
        """Hold these; where the event is then."""
        await self.event.sell(self.event.hold(*seats, places=places))
        await follow_all(self._projector)
        return len(self.event.rows)


@pytest.fixture
async def gala(world: World, redis_url: str) -> AsyncIterator[Sold]:
    live = LiveEvents(redis_url)
    event = await world.event("alpha", "Gala")
    projector = world.projector(display=LiveWriter(live))
    await follow_all(projector)
    yield Sold(event, projector)
    await live.close()


async def test_a_layout_is_shown_alike(edges: Edges, gala: Sold) -> None:
    ask = Ask("get_layout", event_id=gala.id)
    over_http, over_grpc = (await ask_http(edges, ask)).reply, (await ask_grpc(edges, ask)).reply
    assert (over_http["layout_version"], over_http["currency"], over_http["seat_count"]) == (1, "EUR", 14)
    assert (over_grpc.layout_version, over_grpc.currency, over_grpc.seat_count) == (1, "EUR", 14)
    seats = []
    for section, of_grpc in zip(over_http["sections"], over_grpc.sections, strict=True):
        assert section["section"] == of_grpc.section
        for row, other in zip(section["rows"], of_grpc.rows, strict=True):
            labels = row.get("labels") or [
                str(label) for label in range(row["first_label"], row["first_label"] + row["count"])
            ]
            seats += [f"{section['section']}/{row['row']}/{label}" for label in labels]
            assert (other.row, other.category, other.first_seat, other.count) == (
                row["row"],
                row["category"],
                row["first_seat"],
                row["count"],
            )
            assert (list(other.labels), other.first_label) == (row.get("labels", []), row.get("first_label", 0))
            assert row["first_seat"] == len(seats) - row["count"]
    assert tuple(seats) == SEATS
    assert [(one["name"], one["price_minor"]) for one in over_http["categories"]] == [
        (one.name, one.price_minor) for one in over_grpc.categories
    ]
    assert [(one["area"], one["category"], one["capacity"]) for one in over_http["areas"]] == [
        (one.area, one.category, one.capacity) for one in over_grpc.areas
    ]


async def check_a_whole_layout(edges: Edges, world: World) -> None:
    """Tables, accessible seats, places in the hall, courts and their calendars, price types, fees, tax: alike."""
    club = club_layout(START_MS, START_MS + HOUR_MS)
    stalls, salon = club.sections
    calendar = Calendar("Europe/Berlin", HOUR_MS, ((START_MS, 2, 120), (START_MS + 2 * HOUR_MS, 3, 60)))
    layout = msgspec.structs.replace(
        club,
        sections=(msgspec.structs.replace(stalls, at=(-25, 4)), salon),
        resources=(Resource("Court 1", 3, 1), Resource("Court 2", 3, 0, 900_000), Resource("Court 3", 3, 1)),
        calendars=(calendar, club.calendars[1]),
        focus=(0, -7),
    )
    event = await world.event("alpha", "Club", layout)
    await follow_all(world.projector())
    ask = Ask("get_layout", event_id=event_id(event.block))
    over_http, over_grpc = [there_is(thing(await asking(edges, ask), "")) for asking in (ask_http, ask_grpc)]
    assert over_http == over_grpc
    assert over_http["sections"][0]["at"] == {"x": -12.5, "y": 2.0}
    assert "at" not in over_http["sections"][1], "it stands at the origin"
    assert over_http["focus"] == {"y": -3.5}
    row = {"row": "A", "category": "Stalls", "count": 10, "first_label": 1, "companions": [1], "accessible": [0]}
    assert there_is(over_http["sections"][0]["rows"][0]) == {**row, "accessible": [0]}
    table = {"row": "T1", "category": "Table", "first_seat": 30, "count": 4, "first_label": 1}
    assert over_http["sections"][1]["rows"] == [table | {"table": True, "sold_whole": True}]
    assert over_http["resources"] == [
        {"resource": "Court 1", "category": "Court", "first_slot": 34, "count": 24, "calendar": 1},
        {"resource": "Court 2", "category": "Court", "first_slot": 58, "count": 5, "buffer_seconds": 900},
        {"resource": "Court 3", "category": "Court", "first_slot": 63, "count": 24, "calendar": 1},
    ]
    assert over_http["calendars"][0] == {
        "zone": "Europe/Berlin",
        "slot_seconds": 3600,
        "runs": [
            {"starts_at": rfc3339(START_MS), "count": 2, "minutes_ahead": 120},
            {"starts_at": rfc3339(START_MS + 2 * HOUR_MS), "count": 3, "minutes_ahead": 60},
        ],
    }
    assert (over_http["seat_count"], over_http["slot_count"]) == (34, 53)
    assert over_http["price_types"] == ["adult", "child"]
    assert over_http["categories"][2]["prices"] == [{"price_type": "child", "price_minor": 700}]
    assert over_http["fees"] == [
        {"name": "service", "amount_minor": 100, "share_ppm": 50_000},
        {"name": "order", "amount_minor": 250, "once": True},
    ]
    assert over_http["tax"] == {"name": "VAT", "rate_ppm": 190_000, "included": True}
    index = LayoutIndex(layout)
    for resource in over_http["resources"]:
        name = f"{resource['resource']}/{first_of(over_http['calendars'][resource.get('calendar', 0)])}"
        assert index.find_unit(name) == (resource["first_slot"], 3), "the name and place of its first slot"


def first_of(calendar: Any) -> str:
    """The name of a calendar's first slot, without that of the resource, as any client can make it."""
    run = calendar["runs"][0]
    local = datetime.fromisoformat(run["starts_at"]).astimezone(timezone(timedelta(minutes=run["minutes_ahead"])))
    return local.isoformat(timespec="seconds")


def there_is(value: Any) -> Any:
    """Without what there is not: proto3 shows it as empty or 0."""
    if isinstance(value, dict):
        fields = {name: there_is(field) for name, field in value.items()}
        return {name: field for name, field in fields.items() if field or field == [0]}
    return [there_is(one) for one in value] if isinstance(value, list) else value


async def test_a_whole_layout_is_shown_alike(edges: Edges, world: World) -> None:
    await check_a_whole_layout(edges, world)


@pytest.mark.parametrize("module", [seat_views, layout_replies])
async def test_the_check_notices_slots_that_do_not_go_on_behind_the_seats(
    edges: Edges, world: World, module: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control."""
    honest = module._resources
    bare = lambda layout: honest(msgspec.structs.replace(layout, sections=()))  # noqa: E731
    monkeypatch.setattr(module, "_resources", bare)
    with pytest.raises(AssertionError):
        await check_a_whole_layout(edges, world)


async def test_statuses_go_on_with_slots_behind_the_seats(edges: Edges, world: World, redis_url: str) -> None:
    live = LiveEvents(redis_url)
    event = await world.event("alpha", "Club", club_layout(START_MS, START_MS + HOUR_MS))
    projector = world.projector(display=LiveWriter(live))
    await follow_all(projector)
    since = len(event.rows)
    spans = (Span("Court 2", START_MS + 2 * HOUR_MS, START_MS + 4 * HOUR_MS),)
    assert await event.sell(PlaceHold(event.stamp(), 7, Wish(("Stalls/C/1",), spans=spans))) == 1
    await follow_all(projector)
    identity = event_id(event.block)
    shown = thing(await ask_http(edges, Ask("get_layout", event_id=identity)), "")
    court = next(one for one in shown["resources"] if one["resource"] == "Court 2")
    places = [20, court["first_slot"] + 1, court["first_slot"] + 2]
    over_http = (await ask_http(edges, Ask("get_statuses", event_id=identity))).reply
    over_grpc = (await ask_grpc(edges, Ask("get_statuses", event_id=identity))).reply
    for statuses in (b64decode(over_http["statuses"]), over_grpc.statuses):
        assert [place for place, status in enumerate(unpack(statuses)) if status] == places
    ask = Ask("get_statuses", {"since": since}, event_id=identity)
    assert (await ask_http(edges, ask)).reply["changed"] == {"HELD": places}
    assert [list(one.seats) for one in (await ask_grpc(edges, ask)).reply.changed] == [places]
    await live.close()


async def test_who_has_the_layout_is_told_so_and_nothing_else(edges: Edges, gala: Sold) -> None:
    url, headers = f"/v1/events/{gala.id}/layout", {"Authorization": edges.bearer("alpha")}
    first = await edges.http.get(url, headers=headers)
    etag = first.headers["etag"]
    assert etag.startswith('"')
    assert first.headers["cache-control"] == "private, no-cache"
    await gala.sell(SEATS[0])
    for known in (etag, f'"other", W/{etag}', "*"):
        again = await edges.http.get(url, headers=headers | {"If-None-Match": known})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag)
    other = await edges.http.get(url, headers=headers | {"If-None-Match": '"other"'})
    assert (other.status_code, other.json()) == (200, first.json())
    head = await edges.http.head(url, headers=headers)
    assert (head.status_code, head.headers["etag"]) == (200, etag)


async def test_who_names_the_version_may_keep_it(edges: Edges, gala: Sold) -> None:
    url, headers = f"/v1/events/{gala.id}/layout?version=1", {"Authorization": edges.bearer("alpha")}
    pinned = await edges.http.get(url, headers=headers)
    assert pinned.headers["cache-control"] == "private, max-age=31536000, immutable"
    for asking in (ask_http, ask_grpc):
        refused = await asking(edges, Ask("get_layout", {"version": 2}, event_id=gala.id))
        assert (refused.code, refused.fields) == ("INVALID_ARGUMENT", (("version", "the newest is 1"),))


async def test_another_tenant_is_not_told_that_a_layout_is_the_same(edges: Edges, gala: Sold) -> None:
    url = f"/v1/events/{gala.id}/layout"
    headers = {"Authorization": edges.bearer("beta"), "If-None-Match": "*"}
    assert (await edges.http.get(url, headers=headers)).status_code == 404


async def test_another_layout_has_another_validator(edges: Edges, world: World, gala: Sold) -> None:
    other = await world.event("alpha", layout=LAYOUT.__class__("EUR", LAYOUT.categories, LAYOUT.sections[:1], ()))
    await follow_all(world.projector())
    headers = {"Authorization": edges.bearer("alpha")}
    etags = {
        (await edges.http.get(f"/v1/events/{event}/layout", headers=headers)).headers["etag"]
        for event in (gala.id, event_id(other.block))
    }
    assert len(etags) == 2


async def test_statuses_are_shown_alike(edges: Edges, gala: Sold) -> None:
    position = await gala.sell("Hall/A/2", "Balcony/A/y", places=5)
    ask = Ask("get_statuses", event_id=gala.id)
    over_http, over_grpc = (await ask_http(edges, ask)).reply, (await ask_grpc(edges, ask)).reply
    for statuses in (b64decode(over_http["statuses"]), over_grpc.statuses):
        held = {SEATS[seat] for seat, status in enumerate(unpack(statuses)) if status == 1}
        assert held == {"Hall/A/2", "Balcony/A/y"}
    assert over_http["changed"] is None
    assert not over_grpc.only_changed
    assert over_http["sequence"] == over_grpc.sequence == position
    assert over_http["layout_version"] == over_grpc.layout_version == 1
    assert 0 <= over_http["age_ms"] < 60_000
    assert (
        [one["counts"]["held"] for one in over_http["areas"]] == [one.counts.held for one in over_grpc.areas] == [5, 0]
    )


async def test_only_what_changed_since_is_shown_alike(edges: Edges, gala: Sold) -> None:
    since = await gala.sell("Hall/A/1")
    await gala.sell("Hall/A/2", "Hall/B/1")
    ask = Ask("get_statuses", {"since": since}, event_id=gala.id)
    over_http, over_grpc = (await ask_http(edges, ask)).reply, (await ask_grpc(edges, ask)).reply
    assert over_http["statuses"] is None
    assert over_http["changed"] == {"HELD": [SEATS.index("Hall/A/2"), SEATS.index("Hall/B/1")]}
    assert (over_grpc.only_changed, over_grpc.statuses) == (True, b"")
    assert [(one.status, list(one.seats)) for one in over_grpc.changed] == [(2, over_http["changed"]["HELD"])]
    now = Ask("get_statuses", {"since": over_http["sequence"]}, event_id=gala.id)
    assert (await ask_http(edges, now)).reply["changed"] == {}
    assert (await ask_grpc(edges, now)).reply.only_changed
    for unknown in (0, since + 900):
        ask = Ask("get_statuses", {"since": unknown}, event_id=gala.id)
        assert (await ask_http(edges, ask)).reply["statuses"] is not None
        assert not (await ask_grpc(edges, ask)).reply.only_changed


async def test_events_are_listed_by_status_alike(edges: Edges, gala: Sold) -> None:
    for status, number, is_listed in (("ON_SALE", 2, True), ("DRAFT", 1, False)):
        over_http = (await ask_http(edges, Ask("list_events", {"status": status}))).reply
        over_grpc = (await ask_grpc(edges, Ask("list_events", {"status": number}))).reply
        assert (gala.id in {one["event_id"] for one in over_http["events"]}) is is_listed
        assert [one.event_id for one in over_grpc.events] == [one["event_id"] for one in over_http["events"]]
    for asking, unknown in ((ask_http, "SOLD_OUT"), (ask_grpc, 99)):
        refused = await asking(edges, Ask("list_events", {"status": unknown}))
        assert (refused.code, refused.fields[0][0]) == ("INVALID_ARGUMENT", "status")
