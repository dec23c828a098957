"""The seat map over both protocols: a layout that never changes under its version, and statuses by place in it."""

from base64 import b64decode
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from actors.core.ids import event_id
from actors.projections.live_events import LiveEvents
from actors.projections.live_writer import LiveWriter
from actors.projections.seat_statuses import unpack
from serve.local.preflight import free_port
from serve.local.redis import Redis
from tests.edges.asking import Ask, ask_grpc, ask_http
from tests.edges.edge_stack import Edges, whole_edges
from tests.projections.selling import LAYOUT, SEATS, SellingEvent, World, follow_all, selling

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
        assert (refused.code, refused.fields) == ("INVALID_ARGUMENT", (("version", "the layout's version is 1"),))


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
