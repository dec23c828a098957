"""A layout is read as a document, changed, and given back under the revision of which it was read."""

from typing import Any

import pytest

from actors.layout_files import layout_writer, resource_fields
from serve.ration import Ration
from tests.edges.asking import Ask, ask_grpc, ask_http
from tests.edges.both import both, thing
from tests.edges.edge_stack import Edges

pytestmark = pytest.mark.anyio

ASKING = [ask_http, ask_grpc]


@pytest.fixture(autouse=True)
def _unrationed(edges: Edges, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both protocols are asked in the same moment; see `test_large_bodies` for the ration."""
    monkeypatch.setattr(edges.operations, "_layouts", Ration(0.0))


WHOLE: dict[str, Any] = {
    "currency": "EUR",
    "price_types": ["adult", "child"],
    "categories": [
        {"name": "Stalls", "price": 4000, "prices": {"child": 2000}},
        {"name": "Lawn", "price": 1500},
        {"name": "Court", "price": 3000},
    ],
    "fees": [
        {"name": "service", "amount": 100, "percent": "7.5"},
        {"name": "order", "amount": 250, "per": "order"},
    ],
    "tax": {"name": "VAT", "percent": "19", "included": True},
    "focus": [0, -2.5],
    "sections": [
        {
            "name": "Stalls",
            "category": "Stalls",
            "at": [3, 1.5],
            "rows": [{"names": "A..C", "seats": "1..10"}, {"name": "D", "seats": ["1", "2A"], "accessible": ["1"]}],
            "tables": [{"name": "T1", "seats": "1..4", "sold": "whole"}],
        }
    ],
    "areas": [{"name": "Lawn", "capacity": 6, "category": "Lawn"}],
    "resources": [
        {
            "names": "Court 1..2",
            "category": "Court",
            "zone": "Europe/Berlin",
            "slot_minutes": 60,
            "buffer_minutes": 15,
            "from": "2034-10-01",
            "until": "2034-11-29",
            "hours": {"mon-fri": "08:00-22:00"},
            "unavailable": [{"from": "2034-10-03", "until": "2034-10-03"}],
        },
        {
            "name": "Hall",
            "category": "Court",
            "zone": "Europe/Berlin",
            "slot_minutes": 30,
            "openings": [{"from": "2034-07-01T08:00+02:00", "until": "2034-07-01T12:00+02:00"}],
        },
    ],
}
"""Whatever a layout can have, as a writer writes it."""


async def check_read_edit_write(edges: Edges, asking: Any, name: str, split: Any = ()) -> None:
    """What is read is what was given; with one price changed and given back, only that has changed."""
    body = {"name": name, "layout": WHOLE} | ({"split": split} if split else {})
    event = thing(await asking(edges, Ask("create_event", body, key=name)), "event")
    await asking(edges, Ask("open_sale", event_id=event["event_id"], key=f"{name}, open"))
    wish = {"units": ["Stalls/A/1"], "buyer_id": "b"}
    held = thing(await asking(edges, Ask("place_hold", wish, event_id=event["event_id"], key=f"{name}, hold")), "hold")
    read = Ask("get_layout_document", event_id=event["event_id"])
    document = await both(edges, read, "")
    assert document == {"event_id": event["event_id"], "revision": 2, "layout_version": 1, "layout": WHOLE}

    document["layout"]["categories"][0]["price"] = 4400
    edit = Ask(
        "edit_event",
        {"layout": document["layout"]},
        event_id=event["event_id"],
        if_revision=document["revision"],
        key=f"{name}, edit",
    )
    edited = thing(await asking(edges, edit), "event")
    dearer = {"name": "Stalls", "price_minor": 4400, "prices": event["categories"][0]["prices"]}
    assert edited == {
        **event,
        "status": "ON_SALE",
        "revision": 3,
        "layout_version": 2,
        "categories": [dearer, *event["categories"][1:]],
    }
    again = await both(edges, read, "")
    assert again == {**document, "revision": 3, "layout_version": 2}, "acknowledged, so shown"
    kept = await both(edges, Ask("get_hold", hold_id=held["hold_id"]), "hold")
    assert (kept["units"], kept["price"]) == (["Stalls/A/1"], held["price"])

    stale = await asking(edges, edit._replace(key=f"{name}, late"))
    assert stale.code == "REVISION_MISMATCH"


@pytest.mark.parametrize("asking", ASKING)
async def test_a_layout_is_read_edited_and_given_back(edges: Edges, asking: Any) -> None:
    await check_read_edit_write(edges, asking, f"document {asking.__name__}")


@pytest.mark.parametrize("asking", ASKING)
async def test_so_is_that_of_an_event_that_is_split(edges: Edges, asking: Any) -> None:
    await check_read_edit_write(edges, asking, f"split document {asking.__name__}", [["Stalls"]])


@pytest.mark.parametrize("asking", ASKING)
@pytest.mark.parametrize("lost", ["percent", "per", "child"])
async def test_the_check_notices_what_is_lost_on_the_way(
    edges: Edges, asking: Any, lost: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control: the document lacks something that the layout has."""
    for part in ("_raw_fee", "_raw_category"):
        written = getattr(layout_writer, part)

        def losing(*described: Any, written: Any = written) -> Any:
            raw = written(*described)
            return {
                name: value for name, value in raw.items() if name != lost and not (name == "prices" and lost in value)
            }

        monkeypatch.setattr(layout_writer, part, losing)
    with pytest.raises(AssertionError):
        await check_read_edit_write(edges, asking, f"lost {lost} {asking.__name__}")


async def test_its_etag_is_the_if_match_of_an_edit(edges: Edges) -> None:
    headers = {"Authorization": edges.bearer("alpha")}
    created = await edges.http.post(
        "/v1/events", json={"name": "n", "layout": WHOLE}, headers=headers | {"Idempotency-Key": "tagged document"}
    )
    path = f"/v1/events/{created.json()['event_id']}"
    read = await edges.http.get(f"{path}/layout-document", headers=headers)
    edit = headers | {"Idempotency-Key": "tagged edit", "If-Match": read.headers["etag"]}
    edited = await edges.http.patch(path, json={"layout": read.json()["layout"]}, headers=edit)
    assert (edited.status_code, edited.headers["etag"]) == (200, '"2"')
    read = await edges.http.get(f"{path}/layout-document", headers=headers)
    assert read.headers["etag"] == '"2"'


async def check_zone(edges: Edges, asking: Any, name: str) -> None:
    """Slots of openings that were written in another zone are named, held and given back in their resource's."""
    opening = {"from": "2034-10-28T13:00-07:00", "until": "2034-10-28T20:00-07:00"}
    hall = {**WHOLE["resources"][1], "slot_minutes": 60, "openings": [opening]}
    body = {"name": name, "layout": {**WHOLE, "resources": [hall]}}
    event = thing(await asking(edges, Ask("create_event", body, key=name)), "event")["event_id"]
    await asking(edges, Ask("open_sale", event_id=event, key=f"{name}, open"))
    twice = ["Hall/2034-10-29T02:00+02:00", "Hall/2034-10-29T02:00+01:00"]
    held = await asking(edges, Ask("place_hold", {"units": twice}, event_id=event, key=f"{name}, hold"))
    assert thing(held, "hold")["units"] == twice
    document = await both(edges, Ask("get_layout_document", event_id=event), "")
    assert document["layout"]["resources"][0]["openings"] == [
        {"from": "2034-10-28T22:00+02:00", "until": "2034-10-29T03:00+02:00"},
        {"from": "2034-10-29T02:00+01:00", "until": "2034-10-29T04:00+01:00"},
    ]


@pytest.mark.parametrize("asking", ASKING)
async def test_slots_of_openings_are_named_in_the_zone(edges: Edges, asking: Any) -> None:
    await check_zone(edges, asking, f"zone {asking.__name__}")


@pytest.mark.parametrize("asking", ASKING)
async def test_the_check_notices_names_as_they_were_written(
    edges: Edges, asking: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control: the distance from UTC is the one that the opening was written with."""
    monkeypatch.setattr(
        resource_fields, "runs_listed", lambda listed, slot_ms, zone: tuple((*opening, -420) for opening in listed)
    )
    with pytest.raises(AssertionError):
        await check_zone(edges, asking, f"as written {asking.__name__}")
