"""The life of an event over both protocols: edited under its revision, paused, resumed, closed, cancelled, archived."""

from typing import Any

import pytest

from actors.layout_files.zones import Zone
from serve import operations
from serve.http_api import routes
from tests.edges.asking import Ask, ask_grpc, ask_http
from tests.edges.both import both, thing
from tests.edges.club import make_club
from tests.edges.edge_stack import Edges
from tests.edges.refusal_house import LAYOUT

pytestmark = pytest.mark.anyio

ASKING = [ask_http, ask_grpc]
RULES = {
    "window": {"opens_at": "2020-05-01T20:00:00+02:00"},
    "max_hold_life_seconds": 3600,
    "max_per_buyer": 4,
    "channels": [{"name": "presale", "window": {"closes_at": "2035-01-01T00:00:00.500Z"}}],
    "allotments": [
        {
            "name": "presale",
            "channel": "presale",
            "units": ["101/J"],
            "places": [{"area": "Floor", "quantity": 1}],
            "returns_at": "2034-01-01T00:00:00Z",
        }
    ],
    "accessible_until": "2034-06-01T00:00:00Z",
    "waiting_list": {"claim_seconds": 300},
}


async def _created(edges: Edges, asking: Any, **more: Any) -> Any:
    key = f"event {asking.__name__} {len(more)} {more.get('name', '')}"
    ask = Ask("create_event", {"name": "A night", "layout": LAYOUT, **more}, key=key)
    return thing(await asking(edges, ask), "event")


@pytest.mark.parametrize("asking", ASKING)
async def test_rules_are_shown_as_they_can_be_given_back(edges: Edges, asking: Any) -> None:
    """Whatever offset a time was written with, it is shown in UTC."""
    event = await _created(edges, asking, rules=RULES, hold_ttl_seconds=3600)
    assert await both(edges, Ask("get_event", event_id=event["event_id"]), "event") == event
    rules = event["rules"]
    assert rules["window"] == {"opens_at": "2020-05-01T18:00:00.000Z"}
    assert rules["channels"][0]["window"] == {"closes_at": "2035-01-01T00:00:00.500Z"}
    assert rules["allotments"][0]["returns_at"] == "2034-01-01T00:00:00.000Z"
    edit = Ask("edit_event", {"rules": rules}, event_id=event["event_id"], if_revision=1, key="same rules")
    edited = thing(await asking(edges, edit), "event")
    assert (edited["rules"], edited["revision"]) == (rules, 2)


async def check_local_times(edges: Edges, asking: Any, name: str) -> None:
    """What was given in local time of a zone is shown in UTC, and is that when it is given back without the zone."""
    rules = {
        "zone": "Europe/Berlin",
        "window": {"opens_at": "2020-10-25T02:30", "closes_at": "2034-03-26T02:30"},
        "accessible_until": "2034-06-01T00:00:00+05:30",
        "allotments": [{"name": "house", "units": ["101/J"], "returns_at": "2034-07-01T10:00"}],
    }
    event = await _created(edges, asking, rules=rules, name=name)
    assert event["rules"] == {
        "window": {"opens_at": "2020-10-25T00:30:00.000Z", "closes_at": "2034-03-26T01:00:00.000Z"},
        "max_hold_life_seconds": 7200,
        "allotments": [{"name": "house", "units": ["101/J"], "returns_at": "2034-07-01T08:00:00.000Z"}],
        "accessible_until": "2034-05-31T18:30:00.000Z",
    }
    edit = Ask(
        "edit_event", {"rules": event["rules"]}, event_id=event["event_id"], if_revision=1, key="local, the same"
    )
    assert thing(await asking(edges, edit), "event")["rules"] == event["rules"]


@pytest.mark.parametrize("asking", ASKING)
async def test_times_of_rules_may_be_local_times_of_a_zone(edges: Edges, asking: Any) -> None:
    await check_local_times(edges, asking, "local")


@pytest.mark.parametrize("asking", ASKING)
async def test_the_check_notices_a_zone_that_is_not_looked_at(
    edges: Edges, asking: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control: local times are taken for UTC."""
    monkeypatch.setattr(Zone, "moment", lambda zone, local_ms: local_ms)
    with pytest.raises(AssertionError):
        await check_local_times(edges, asking, "local")


@pytest.mark.parametrize("asking", ASKING)
async def test_local_times_without_a_zone_are_refused(edges: Edges, asking: Any) -> None:
    for rules, field in (
        ({"window": {"opens_at": "2034-05-01T10:00"}}, "rules.window.opens_at"),
        ({"zone": "Berlin", "window": {"opens_at": "2034-05-01T10:00"}}, "rules.zone"),
    ):
        refused = await asking(edges, Ask("create_event", {"name": "n", "layout": LAYOUT, "rules": rules}))
        assert (refused.code, [fault[0] for fault in refused.fields]) == ("INVALID_ARGUMENT", [field])


async def test_an_event_without_rules_has_the_usual_ones(edges: Edges) -> None:
    event = await _created(edges, ask_http)
    assert event["rules"] == {"max_hold_life_seconds": 7200}


@pytest.mark.parametrize("asking", ASKING)
async def test_an_edit_changes_what_is_given_and_nothing_else(edges: Edges, asking: Any) -> None:
    event = await _created(edges, asking, rules=RULES)
    event_id, expected = event["event_id"], event
    larger = LAYOUT | {"areas": [{"name": "Floor", "capacity": 9, "category": "Floor"}]}
    edits: list[tuple[dict[str, Any], dict[str, Any]]] = [
        ({"name": "Another night"}, {"name": "Another night"}),
        ({"hold_ttl_seconds": 60}, {"hold_ttl_seconds": 60}),
        (
            {"layout": larger},
            {
                "areas": [{"area": "Floor", "category": "Floor", "capacity": 9}],
                "capacity": event["capacity"] + 4,
                "layout_version": 2,
            },
        ),
    ]
    for revision, (body, changed) in enumerate(edits, start=1):
        ask = Ask("edit_event", body, event_id=event_id, if_revision=revision, key=f"edit {revision}")
        expected = {**expected, **changed, "revision": revision + 1}
        assert thing(await asking(edges, ask), "event") == expected
        assert thing(await (ask_grpc if asking is ask_http else ask_http)(edges, ask), "event") == expected, "a replay"
    assert await both(edges, Ask("get_event", event_id=event_id), "event") == expected
    stale = await asking(edges, Ask("edit_event", {"name": "Late"}, event_id=event_id, if_revision=1, key="late"))
    assert stale.code == "REVISION_MISMATCH"
    emptied = Ask("edit_event", {"rules": {}}, event_id=event_id, if_revision=4, key="no rules")
    assert thing(await asking(edges, emptied), "event")["rules"] == {"max_hold_life_seconds": 7200}


async def check_lives(edges: Edges, asking: Any, name: str) -> None:
    """Who does not say how long holds live gets ten minutes, or what the rules allow; who says too long is told so."""
    for life, expected in ((None, 600), (7200, 600), (300, 300), (1.5, 1)):
        rules = {} if life is None else {"rules": {"max_hold_life_seconds": life}}
        event = await _created(edges, asking, name=f"{name} {life}", **rules)
        assert event["hold_ttl_seconds"] == expected
    body = {"name": name, "layout": LAYOUT, "rules": {"max_hold_life_seconds": 300}, "hold_ttl_seconds": 301}
    refused = await asking(edges, Ask("create_event", body, key=f"{name}, too long"))
    assert (refused.code, [fault[0] for fault in refused.fields]) == ("INVALID_ARGUMENT", ["hold_ttl_seconds"])


@pytest.mark.parametrize("asking", ASKING)
async def test_holds_live_no_longer_than_the_rules_allow_by_default(edges: Edges, asking: Any) -> None:
    await check_lives(edges, asking, "life")


@pytest.mark.parametrize("asking", ASKING)
async def test_the_check_notices_a_default_that_the_rules_do_not_allow(
    edges: Edges, asking: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control: holds live for ten minutes whatever the rules say, which names a field that nobody sent."""
    monkeypatch.setattr(operations, "min", lambda usual, allowed: usual, raising=False)
    with pytest.raises(AssertionError, match="hold_ttl_seconds"):
        await check_lives(edges, asking, "no life")


async def check_etags(edges: Edges, name: str) -> None:
    """What was read under an ETag can be edited under it, and only then."""
    headers = {"Authorization": edges.bearer("alpha"), "Content-Type": "application/json"}
    created = await edges.http.post(
        "/v1/events", json={"name": "n", "layout": LAYOUT}, headers=headers | {"Idempotency-Key": name}
    )
    path = f"/v1/events/{created.json()['event_id']}"
    assert created.headers["etag"] == '"1"'
    opened = await edges.http.post(f"{path}/open-sale", headers=headers | {"Idempotency-Key": f"{name}, open"})
    assert opened.headers["etag"] == '"2"'
    etag = (await edges.http.get(path, headers=headers)).headers["etag"]
    assert etag == '"2"'
    edit = headers | {"Idempotency-Key": f"{name}, edit", "If-Match": etag}
    for _ in range(2):
        edited = await edges.http.patch(path, json={"name": "m"}, headers=edit)
        assert (edited.status_code, edited.headers["etag"]) == (200, '"3"')
    assert edited.headers["idempotency-replayed"] == "true"
    stale = await edges.http.patch(path, json={"name": "l"}, headers=edit | {"Idempotency-Key": f"{name}, late"})
    assert (stale.status_code, stale.json().get("code")) == (412, "REVISION_MISMATCH")
    assert "etag" not in stale.headers


async def test_every_answer_bears_the_revision_as_its_etag(edges: Edges) -> None:
    await check_etags(edges, "tagged")


async def test_the_check_notices_an_edit_of_whatever_is_there(edges: Edges, monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control: `If-Match` is not looked at."""
    revisions = iter((2, 2, 3))
    monkeypatch.setattr(routes, "revision_of", lambda request: next(revisions))
    with pytest.raises(AssertionError):
        await check_etags(edges, "untagged")


@pytest.mark.parametrize("if_match", ["3", "*", 'W/"3"', '"3", "4"', '"three"', '"0"', '"-1"', '""', f'"{10**20}"'])
async def test_what_is_no_revision_is_refused(edges: Edges, if_match: str) -> None:
    headers = {"Authorization": edges.bearer("alpha"), "Idempotency-Key": "k", "If-Match": if_match}
    refused = await edges.http.patch("/v1/events/event_0123456789abcdef", json={"name": "n"}, headers=headers)
    assert (refused.status_code, [fault["field"] for fault in refused.json()["fields"]]) == (400, ["if_revision"])


async def test_two_revisions_are_refused(edges: Edges) -> None:
    headers = [
        ("Authorization", edges.bearer("alpha")),
        ("Idempotency-Key", "k"),
        ("If-Match", '"3"'),
        ("If-Match", '"3"'),
    ]
    refused = await edges.http.patch("/v1/events/event_0123456789abcdef", json={"name": "n"}, headers=headers)
    assert refused.json()["fields"] == [{"field": "if_match", "problem": "is given more than once"}]


@pytest.mark.parametrize("asking", ASKING)
async def test_an_event_is_paused_resumed_closed_and_archived(edges: Edges, asking: Any) -> None:
    """What is held can be ordered while a sale is paused or closed; nothing new is held."""
    club = await make_club(edges, f"life {asking.__name__}")
    hold = Ask("place_hold", {"units": ["Stalls/C/1"], "buyer_id": "b"}, event_id=club.event, key="hold")
    held = thing(await asking(edges, hold), "hold")
    new = Ask("place_hold", {"units": ["Stalls/C/2"], "buyer_id": "b"}, event_id=club.event, key="new")
    for operation, status, refusal in (
        ("pause_sale", "PAUSED", "SALE_NOT_OPEN"),
        ("open_sale", "ON_SALE", ""),
        ("close_sale", "CLOSED", "SALE_CLOSED"),
    ):
        done = thing(await asking(edges, Ask(operation, event_id=club.event, key=operation)), "event")
        assert done["status"] == status
        assert thing(await asking(edges, Ask(operation, event_id=club.event, key="again")), "event") == done
        placed = await asking(edges, new)
        assert placed.code == refusal
        if not refusal:
            await asking(edges, Ask("release_hold", hold_id=thing(placed, "hold")["hold_id"], key="release new"))
            new = new._replace(key="newer")
    ordered = await asking(edges, Ask("place_order", {"hold_id": held["hold_id"]}, key="order"))
    assert thing(ordered, "order")["status"] == "PENDING"
    archived = thing(await asking(edges, Ask("archive_event", event_id=club.event, key="archive")), "event")
    assert archived["status"] == "ARCHIVED"
    assert await both(edges, Ask("get_event", event_id=club.event), "event") == archived
    assert (await asking(edges, Ask("cancel_event", event_id=club.event, key="cancel"))).code == "SALE_CLOSED"


@pytest.mark.parametrize("asking", ASKING)
async def test_a_cancelled_event_takes_its_holds_and_orders_with_it(edges: Edges, asking: Any) -> None:
    club = await make_club(edges, f"cancelled {asking.__name__}")
    for key, seat in (("held", "Stalls/C/1"), ("paid", "Stalls/C/2")):
        ask = Ask("place_hold", {"units": [seat], "buyer_id": "b"}, event_id=club.event, key=key)
        hold = thing(await asking(edges, ask), "hold")["hold_id"]
    order = thing(await asking(edges, Ask("place_order", {"hold_id": hold}, key="order")), "order")["order_id"]
    await asking(edges, Ask("confirm_order", order_id=order, key="confirm"))
    held = thing(await asking(edges, ask._replace(key="held", body={"units": ["Stalls/C/1"], "buyer_id": "b"})), "hold")
    cancelled = thing(await asking(edges, Ask("cancel_event", event_id=club.event, key="cancel")), "event")
    assert cancelled["status"] == "CANCELLED"
    assert (await both(edges, Ask("get_hold", hold_id=held["hold_id"]), "hold"))["status"] == "RELEASED"
    after = await both(edges, Ask("get_order", order_id=order), "order")
    assert (after["status"], after["tickets"]) == ("CANCELLED", [])
    archived = thing(await asking(edges, Ask("archive_event", event_id=club.event, key="archive")), "event")
    assert archived["status"] == "ARCHIVED"
