"""The documentation is made from the routes, needs no key, and leaves nothing out."""

import json
import re
from typing import Any

import pytest

from actors.core.outcomes import Reason, Rejected
from serve.http_api.problems import ASTRAY
from serve.refusals import STANDINGS
from serve.validation import read_fields
from serve.wish_shapes import NewHold
from tests.edges.asking import ROUTES
from tests.edges.edge_stack import Edges

pytestmark = pytest.mark.anyio

FOR_OPERATORS = {"get_digest", "get_status"}
NOTHING: dict[str, Any] = {"responses": {}}


@pytest.fixture
async def document(edges: Edges) -> Any:
    response = await edges.http.get("/openapi.json")
    assert response.status_code == 200
    return response.json()


async def test_every_route_is_documented(document: Any) -> None:
    documented = {
        (operation["operationId"], method.upper(), path)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }
    assert documented == {(operation, method, path) for operation, (method, path) in ROUTES.items()}


async def test_a_body_is_asked_for_where_an_empty_one_is_refused(edges: Edges, document: Any) -> None:
    key = {"Authorization": f"Bearer {edges.keys['alpha']}", "Idempotency-Key": "empty"}
    for path, methods in document["paths"].items():
        if "post" not in methods:
            continue
        asked = path.replace("{event_id}", "event_0123456789abcdef").replace("_id}", "_x}")
        refused = (await edges.http.post(asked, headers=key)).json()
        assert methods["post"]["requestBody"]["required"] is (refused["code"] == "INVALID_ARGUMENT"), path


async def test_what_it_says_of_a_name_is_what_is_checked(document: Any) -> None:
    pattern = document["components"]["schemas"]["NewHold"]["properties"]["buyer_id"]["pattern"]
    for name in ("", "b-1", "a b", "a@b.c", "\u00e9", "!~", "b\n"):
        is_taken = not isinstance(read_fields({"units": ["101/A/1"], "buyer_id": name}, NewHold), Rejected)
        assert bool(re.search(pattern.replace("$", r"\Z"), name)) is is_taken  # as in a schema: $ is the very end


async def test_every_reference_leads_somewhere(document: Any) -> None:
    names = set(re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(document)))
    assert names <= document["components"]["schemas"].keys()
    assert {"NewHold", "HoldView", "Problem"} <= names


async def test_refusals_stand_under_their_own_status(document: Any) -> None:
    replies = document["paths"]["/v1/events/{event_id}/holds"]["post"]["responses"]
    told = {
        code: int(status)
        for status, reply in replies.items()
        if int(status) >= 400
        for code in reply["content"]["application/problem+json"]["schema"]["allOf"][1]["properties"]["code"]["enum"]
    }
    assert {"TOO_LARGE", "UNITS_HELD", "UNITS_SOLD", "SALE_NOT_OPEN", "IDEMPOTENCY_KEY_REUSED"} <= told.keys()
    assert told == {code: STANDINGS[Reason[code]].http_status for code in told}


async def test_writes_ask_for_a_key_and_creations_answer_201(document: Any) -> None:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            headers = {parameter["name"] for parameter in operation["parameters"] if parameter["in"] == "header"}
            assert ("Idempotency-Key" in headers) is (method != "get"), path
    created = {
        path for path, methods in document["paths"].items() if "201" in methods.get("post", NOTHING)["responses"]
    }
    assert created == {
        "/v1/events",
        "/v1/events/{event_id}/holds",
        "/v1/events/{event_id}/waiting-list",
        "/v1/holds",
        "/v1/orders",
    }


async def test_an_edit_asks_for_the_revision_that_every_event_bears(document: Any) -> None:
    tagged = ("EventView", "LayoutDocumentView", "LayoutView")
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            required = {parameter["name"] for parameter in operation["parameters"] if parameter["in"] == "header"}
            assert ("If-Match" in required) is (operation["operationId"] == "edit_event"), path
            success = next(reply for status, reply in operation["responses"].items() if int(status) < 300)
            shown = success["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
            assert ("ETag" in success.get("headers", {})) is (shown in tagged), (method, path)
    refused = document["paths"]["/v1/events/{event_id}"]["patch"]["responses"]
    assert "REVISION_MISMATCH" in refused["412"]["description"]


async def test_rules_are_described_wherever_an_event_bears_them(document: Any) -> None:
    schemas = document["components"]["schemas"]
    for name in ("NewEvent", "EventEdit", "EventView"):
        assert schemas[name]["properties"]["rules"] == {"$ref": "#/components/schemas/RulesDocument"}
    assert {"AllotmentDocument", "ChannelDocument", "WaitingListDocument", "SeatsAsked", "SlotsAsked"} <= schemas.keys()
    assert not any("default" in field for field in schemas["EventEdit"]["properties"].values())


async def test_what_is_for_operators_says_so(document: Any, edges: Edges) -> None:
    whole = document["security"]
    asked = {
        operation["operationId"]: operation.get("security", whole)
        for methods in document["paths"].values()
        for operation in methods.values()
    }
    assert asked == {name: [{"operator_key" if name in FOR_OPERATORS else "api_key": []}] for name in ROUTES}
    assert document["components"]["securitySchemes"].keys() == {"api_key", "operator_key"}
    assert (await edges.http.get("/docs")).text.count("For operators only") == len(FOR_OPERATORS)


@pytest.mark.parametrize("path", ["availability", "units", "layout", "statuses", "holds", "orders"])
async def test_what_lags_says_that_it_is_not_there_at_once(document: Any, path: str) -> None:
    read = document["paths"][f"/v1/events/{{event_id}}/{path}"]["get"]
    assert "For a moment after the event was created there " in read["description"]
    assert "UNAVAILABLE, ask again" in read["description"]
    assert "`UNAVAILABLE`" in read["responses"]["503"]["description"]


async def test_what_has_a_validator_says_so(document: Any) -> None:
    with_validator = {
        path
        for path, methods in document["paths"].items()
        for operation in methods.values()
        if "304" in operation["responses"]
    }
    assert with_validator == {"/v1/events/{event_id}/layout"}
    read = document["paths"]["/v1/events/{event_id}/layout"]["get"]
    assert "If-None-Match" in {parameter["name"] for parameter in read["parameters"]}
    assert "ETag" in read["responses"]["200"]["headers"]


async def test_the_page_is_whole_by_itself(edges: Edges) -> None:
    """It explains every code at the anchor that problem documents name, and loads nothing from elsewhere."""
    page = await edges.http.get("/docs")
    assert page.status_code == 200
    assert all(f'id="{code}"' in page.text for code in [*(reason.name for reason in Reason), *ASTRAY])
    assert not re.search(r'(?:src|href)="(?:https?:)?//', page.text)
    assert "<script" not in page.text


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
async def test_health_needs_no_key(edges: Edges, path: str) -> None:
    response = await edges.http.get(path)
    assert (response.status_code, response.headers["cache-control"]) == (200, "no-store")
