"""What only HTTP can bear: JSON that is not, bodies without end, headers in all their forms."""

import asyncio
from collections.abc import AsyncIterator

import grpc
import pytest

from holdfast.v1 import events_pb2, events_pb2_grpc
from serve.http_api import arrivals
from serve.sizes import MAX_BODY_BYTES
from tests.edges.asking import ROUTES, Ask, ask_http, read_grpc, read_http
from tests.edges.edge_stack import Edges
from tests.edges.refusal_house import LAYOUT

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
async def event(edges: Edges) -> str:
    """The id of an event that is on sale."""
    created = await ask_http(edges, Ask("create_event", {"name": "An event", "layout": LAYOUT}, key="event"))
    opened = await ask_http(edges, Ask("open_sale", event_id=created.reply["event_id"], key="open"))
    return str(opened.reply["event_id"])


def _place(event: str) -> str:
    return ROUTES["place_hold"][1].format(event_id=event)


def _headers(edges: Edges, **more: str) -> dict[str, str]:
    headers = {"Authorization": edges.bearer("alpha"), "Idempotency-Key": "k", "Content-Type": "application/json"}
    return headers | {name.replace("_", "-"): value for name, value in more.items()}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"", "units"),
        (b"{", "body"),
        (b"[]", "body"),
        (b"null", "body"),
        (b'"units"', "body"),
        (b'{"units": ["101/A/1"]} trailing', "body"),
        (b"\xef\xbb\xbf{}", "body"),
        ('{"units": ["101/A/1"]}'.encode("utf-16"), "body"),
        (b'{"units": ["101/A/\xff"]}', "body"),
        (b'{"units": ["\\ud800"]}', "body"),
        (b'{"units": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "body"),
        (b'{"unknown": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "body"),
        (b'{"areas": [{"area": "Floor", "quantity": NaN}]}', "body"),
        (b'{"areas": [{"area": "Floor", "quantity": 1e400}]}', "body"),
        (b'{"areas": [{"area": "Floor", "quantity": 1.5}]}', "areas[0].quantity"),
        (b'{"areas": [{"area": "Floor", "quantity": 1.0}]}', "areas[0].quantity"),
        (b'{"areas": [{"area": "Floor", "quantity": "1"}]}', "areas[0].quantity"),
        (b'{"areas": [{"area": "Floor", "quantity": true}]}', "areas[0].quantity"),
        (b'{"areas": [{"area": "Floor", "quantity": 99999999999999999999999}]}', "areas[0].quantity"),
        (b'{"areas": [{"area": "Floor", "quantity": ' + b"9" * 10_000 + b"}]}", "body"),
        (b'{"units": "101/A/1"}', "units"),
        (b'{"units": [["101/A/1"]]}', "units[0]"),
        (b'{"units": ["101/A/1"], "price": 1}', "price"),
        (b'{"units": ["101/A/1"], "units": ["101/A/2"]}', "units"),
    ],
)
async def test_what_is_not_the_json_that_is_wanted_is_refused(
    edges: Edges, event: str, body: bytes, field: str
) -> None:
    answered = read_http(await edges.http.post(_place(event), content=body, headers=_headers(edges)))
    assert (answered.status, answered.code) == (400, "INVALID_ARGUMENT")
    assert answered.fields[0][0] == field
    assert len(answered.fields[0][1]) < 200


async def test_four_hundred_thousand_faults_are_not_all_listed(edges: Edges, event: str) -> None:
    body = b'{"units": [' + b"1," * 400_000 + b"1]}"
    answered = read_http(await edges.http.post(_place(event), content=body, headers=_headers(edges)))
    assert answered.status == 400
    assert len(answered.fields) == 51
    assert "not listed" in answered.fields[-1][1]


@pytest.mark.parametrize(
    ("headers", "field"),
    [
        ({"Content_Type": "application/x-www-form-urlencoded"}, "content_type"),
        ({"Content_Type": "application/json; charset=latin-1"}, "content_type"),
        ({"Content_Type": "text/plain"}, "content_type"),
        ({"Content_Encoding": "gzip"}, "content_encoding"),
        ({"Content_Encoding": "identity, gzip"}, "content_encoding"),
        ({"Idempotency_Key": '"half'}, "idempotency_key"),
        ({"Idempotency_Key": '""'}, "idempotency_key"),
        ({"Idempotency_Key": '"two"; "three"'}, "idempotency_key"),
        ({"Idempotency_Key": "k" * 256}, "idempotency_key"),
    ],
)
async def test_a_bad_header_is_named(edges: Edges, event: str, headers: dict[str, str], field: str) -> None:
    body = b'{"units": ["101/A/1"]}'
    answered = read_http(await edges.http.post(_place(event), content=body, headers=_headers(edges, **headers)))
    assert (answered.status, [name for name, _ in answered.fields]) == (400, [field])


TWICE = [
    ({"Idempotency-Key": "k"}, "idempotency_key"),
    ({"idempotency-key": "another"}, "idempotency_key"),
    ({"Content-Type": "application/json"}, "content_type"),
    ({"Authorization": "Bearer another"}, "authorization"),
]


async def check_twice(edges: Edges, event: str, more: dict[str, str], field: str) -> None:
    """A header more than there should be is named, whatever it says; nothing was done."""
    headers = [*_headers(edges).items(), *more.items()]
    body = b'{"units": ["101/C/1"]}'
    answered = read_http(await edges.http.post(_place(event), content=body, headers=headers))
    assert (answered.status, answered.code) == (400, "INVALID_ARGUMENT")
    assert answered.fields == ((field, "is given more than once"),)


@pytest.mark.parametrize(("more", "field"), TWICE)
async def test_a_header_with_one_value_must_not_come_twice(
    edges: Edges, event: str, more: dict[str, str], field: str
) -> None:
    await check_twice(edges, event, more, field)


@pytest.mark.parametrize(("more", "field"), TWICE)
async def test_the_check_notices_an_edge_that_takes_the_first_of_two(
    edges: Edges, event: str, monkeypatch: pytest.MonkeyPatch, more: dict[str, str], field: str
) -> None:
    """Negative control."""
    monkeypatch.setattr(arrivals, "SINGLE_HEADERS", ())
    with pytest.raises(AssertionError):
        await check_twice(edges, event, more, field)


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("limit=1&limit=3", ["limit"]),
        ("limit=3&cursor=&limit=3", ["limit"]),
        ("limit=1&limit=many", ["limit"]),
        ("limit=0&cursor=&cursor=x", ["cursor", "limit"]),
        ("nothing=1&nothing=1", ["nothing", "nothing"]),
    ],
)
async def test_a_parameter_must_not_come_twice(edges: Edges, query: str, named: list[str]) -> None:
    headers = {"Authorization": edges.bearer("alpha")}
    answered = read_http(await edges.http.get(f"/v1/events?{query}", headers=headers))
    assert (answered.status, [name for name, _ in answered.fields]) == (400, named)
    assert (named[0], "is given more than once") in answered.fields


async def test_two_credentials_are_malformed_before_they_are_wrong(edges: Edges, event: str) -> None:
    """Over both protocols, to read as well as to write."""
    twice = [("authorization", "Bearer nobody's"), ("authorization", edges.bearer("alpha"))]
    over_http = read_http(await edges.http.get(f"/v1/events/{event}", headers=twice))
    stub = events_pb2_grpc.EventServiceStub(edges.channel)
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await stub.GetEvent(events_pb2.GetEventRequest(event_id=event), metadata=tuple(twice), timeout=20)
    over_grpc = read_grpc(refused.value)
    assert over_http.code == over_grpc.code == "INVALID_ARGUMENT"
    assert over_http.fields == over_grpc.fields == (("authorization", "is given more than once"),)


@pytest.mark.parametrize(
    ("first", "again"), [("plain", '"plain"'), (r'"a \"quoted\" \\ key"', r'"a \"quoted\" \\ key"'), ("k" * 255, None)]
)
async def test_a_key_may_stand_bare_or_quoted(edges: Edges, event: str, first: str, again: str | None) -> None:
    """Both forms are the same key: the second request is a replay of the first."""
    body = b'{"areas": [{"area": "Floor", "quantity": 1}]}'
    placed = await edges.http.post(_place(event), content=body, headers=_headers(edges, Idempotency_Key=first))
    replayed = await edges.http.post(
        _place(event), content=body, headers=_headers(edges, Idempotency_Key=again or f'"{first}"')
    )
    assert (placed.status_code, replayed.status_code) == (201, 201)
    assert placed.json()["hold_id"] == replayed.json()["hold_id"]
    assert "idempotency-replayed" not in placed.headers
    assert replayed.headers["idempotency-replayed"] == "true"


@pytest.mark.parametrize("content_type", ["application/json; charset=UTF-8", "application/merge-patch+json", None])
async def test_json_may_be_called_by_its_other_names(edges: Edges, event: str, content_type: str | None) -> None:
    headers = _headers(edges, Idempotency_Key=f"type {content_type}")
    if content_type is None:
        del headers["Content-Type"]
    else:
        headers["Content-Type"] = content_type
    response = await edges.http.post(_place(event), content=b'{"units": ["not/a/seat"]}', headers=headers)
    assert read_http(response).code == "UNIT_UNKNOWN"


async def _chunks(size_bytes: int, count: int) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield b" " * size_bytes


async def test_a_body_of_unsaid_length_is_counted_as_it_arrives(edges: Edges, event: str) -> None:
    """Chunked, so that no content-length gives it away: refused when the bound is passed."""
    count = MAX_BODY_BYTES // 65_536 + 8
    answered = read_http(await edges.http.post(_place(event), content=_chunks(65_536, count), headers=_headers(edges)))
    assert (answered.status, answered.code) == (413, "TOO_LARGE")


async def test_the_bound_is_what_refuses_a_large_body(
    edges: Edges, event: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control: without the bound the same body is read whole, and is merely malformed."""
    monkeypatch.setattr(arrivals, "too_large", lambda max_bytes: b"")
    count = MAX_BODY_BYTES // 65_536 + 8
    answered = read_http(await edges.http.post(_place(event), content=_chunks(65_536, count), headers=_headers(edges)))
    assert answered.code != "TOO_LARGE"


async def test_a_body_that_does_not_arrive_is_not_waited_for(
    edges: Edges, event: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrivals, "BODY_TIMEOUT_S", 0.2)
    host, _, port = edges.http_url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    lines = [f"POST {_place(event)} HTTP/1.1", "Host: h", "Content-Length: 100"]
    lines += [f"{name}: {value}" for name, value in _headers(edges).items()]
    writer.write("\r\n".join([*lines, "", '{"units"']).encode())
    async with asyncio.timeout(5):
        reply = await reader.read(65_536)
    writer.close()
    assert reply.startswith(b"HTTP/1.1 400 ")
    assert b"did not arrive" in reply


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [("GET", "/v1/nothing", 404, "ROUTE_NOT_FOUND"), ("PUT", "/v1/orders", 405, "METHOD_NOT_ALLOWED")],
)
async def test_a_path_that_does_not_exist_is_a_problem_document_too(
    edges: Edges, method: str, path: str, status: int, code: str
) -> None:
    answered = read_http(await edges.http.request(method, path))
    assert (answered.status, answered.code) == (status, code)


async def test_where_it_happened_is_a_reference_that_may_stand_in_an_address(edges: Edges) -> None:
    response = await edges.http.get("/v1/events/%20%C3%A9%00")
    assert response.json()["instance"] == "/v1/events/%20%C3%A9%00"


async def test_a_refused_credential_says_how_to_present_one(edges: Edges) -> None:
    response = await edges.http.get("/v1/events")
    assert response.status_code == 401
    assert response.headers["www-authenticate"].startswith("Bearer")
