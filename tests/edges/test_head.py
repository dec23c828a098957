"""What can be read with GET answers HEAD as HTTP has it: the same status and headers, and no body."""

import asyncio
from collections.abc import Mapping

import litestar
import pytest
from litestar import Litestar

from tests.edges.asking import ROUTES
from tests.edges.edge_stack import Edges, serving_http
from tests.edges.refusal_house import NOWHERE_EVENT, NOWHERE_HOLD, NOWHERE_ORDER, NOWHERE_WAITER

pytestmark = pytest.mark.anyio

OPEN = ("/healthz", "/readyz", "/docs", "/openapi.json")

READS = {
    "list_events": 200,
    "get_event": 404,
    "get_layout_document": 404,
    "get_availability": 404,
    "list_units": 404,
    "get_layout": 404,
    "list_holds": 404,
    "list_orders": 404,
    "get_statuses": 404,
    "get_hold": 404,
    "get_order": 404,
    "get_waiter": 404,
    "get_digest": 403,
    "get_status": 403,
}
"""What a tenant is answered who asks for what is nowhere."""


async def _answer(http_url: str, method: str, path: str, headers: Mapping[str, str]) -> tuple[str, set[str], bytes]:
    """Status line, headers but for the date, and whatever follows them until the server closes the connection."""
    host, _, port = http_url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    lines = [f"{method} {path} HTTP/1.1", "Host: h", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    writer.write("\r\n".join([*lines, "", ""]).encode())
    async with asyncio.timeout(10):
        answer = await reader.read()
    writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    status, *fields = head.decode("latin-1").split("\r\n")
    return status, {field for field in fields if not field.lower().startswith("date:")}, body


async def check(http_url: str, path: str, headers: Mapping[str, str]) -> str:
    """HEAD answers as GET does, without the body; the status line."""
    status, fields, body = await _answer(http_url, "GET", path, headers)
    assert body
    assert await _answer(http_url, "HEAD", path, headers) == (status, fields, b"")
    return status


@pytest.mark.parametrize("path", OPEN)
async def test_what_is_open_answers_head(edges: Edges, path: str) -> None:
    assert await check(edges.http_url, path, {}) == "HTTP/1.1 200 OK"


@pytest.mark.parametrize("operation", [name for name, (method, _) in ROUTES.items() if method == "GET"])
async def test_what_can_be_read_answers_head(edges: Edges, operation: str) -> None:
    """With a credential and without: a refusal has no body either."""
    path = ROUTES[operation][1].format(
        event_id=NOWHERE_EVENT, hold_id=NOWHERE_HOLD, order_id=NOWHERE_ORDER, waiter_id=NOWHERE_WAITER
    )
    path += "?section=101" if operation == "list_units" else ""
    with_key = await check(edges.http_url, path, {"Authorization": edges.bearer("alpha")})
    without = await check(edges.http_url, path, {})
    assert with_key.split()[1] == str(READS[operation])
    assert without.split()[1] == "401"


async def test_a_route_of_litestars_own_would_not(edges: Edges) -> None:
    """Negative control: the framework's `get` refuses HEAD, and the same check says so."""

    @litestar.get("/healthz", sync_to_thread=False)
    def healthz() -> str:
        return "alive"

    async with serving_http(Litestar([healthz])) as http_url:
        with pytest.raises(AssertionError):
            await check(http_url, "/healthz", {})


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/v1/events", {"GET", "HEAD", "OPTIONS", "POST"}),
        ("/v1/orders", {"OPTIONS", "POST"}),
        ("/healthz", {"GET", "HEAD", "OPTIONS"}),
    ],
)
async def test_what_a_path_allows_is_told(edges: Edges, path: str, allowed: set[str]) -> None:
    refused = await edges.http.put(path)
    assert refused.status_code == 405
    assert set(refused.headers["allow"].split(", ")) == allowed
    assert (await edges.http.head(path)).status_code == (405 if "HEAD" not in allowed else 401 if "v1" in path else 200)
