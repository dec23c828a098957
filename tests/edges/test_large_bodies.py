"""What a gateway reads, parses and writes of large documents is bounded: in all, of a tenant, in time."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, nullcontext
from typing import Any

import msgspec
import pytest

from actors.core.outcomes import Reason, Rejected
from actors.parking import Room, Space
from serve import admission, documents, operations
from serve.admission import Envelope
from serve.arrival import wall_ms
from serve.documents import Scriptorium
from serve.http_api import arrivals
from serve.operations import Operations
from serve.ration import Ration
from serve.sizes import SMALL_BODY_BYTES
from tests.edges.asking import Ask, ask_grpc, ask_http, read_http
from tests.edges.edge_stack import Edges, whole_edges
from tests.edges.refusal_house import LAYOUT

pytestmark = pytest.mark.anyio

LARGE_BYTES = SMALL_BODY_BYTES * 2
LAYOUT_TEXT = msgspec.Raw(msgspec.json.encode(LAYOUT))
NO_RULES = msgspec.Raw()
AT_ONCE_S = 5.0  # far less than a body, or a turn, is waited for
Sabotage = Callable[[pytest.MonkeyPatch], None]


def bound_bodies(patch: pytest.MonkeyPatch, edges: Edges, in_all: Space, of_tenant: Space) -> None:
    patch.setattr(edges.operations, "_large_bodies", Room(in_all, of_tenant))


@asynccontextmanager
async def arriving(edges: Edges, size_bytes: int, tenant: str = "alpha") -> AsyncIterator[asyncio.StreamReader]:
    """A body of which all but the last byte has arrived, of an event that has no name; what is answered."""
    host, _, port = edges.http_url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    headers = (
        f"POST /v1/events HTTP/1.1\r\nHost: h\r\nContent-Length: {size_bytes}\r\nIdempotency-Key: k\r\n"
        f"Content-Type: application/json\r\nAuthorization: {edges.bearer(tenant)}\r\n\r\n"
    )
    writer.write(headers.encode() + b" " * (size_bytes - 3))
    await writer.drain()
    await asyncio.sleep(0.1)  # until it is there
    try:
        yield reader
        writer.write(b"{} ")
        async with asyncio.timeout(AT_ONCE_S):
            assert (await reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 400 ")
    finally:
        writer.close()


async def told(edges: Edges, size_bytes: int, tenant: str = "alpha") -> tuple[int, str, float | None]:
    """Status, code and wait of an event without a name in a body of this size, whose length is told."""
    headers = {"Authorization": edges.bearer(tenant), "Idempotency-Key": "k", "Content-Type": "application/json"}
    async with asyncio.timeout(AT_ONCE_S):
        response = await edges.http.post("/v1/events", content=b"{}".ljust(size_bytes), headers=headers)
    answered = read_http(response)
    assert isinstance(answered.status, int)
    return answered.status, answered.code, answered.wait_s


OVERLOADED, READ = (429, "OVERLOADED", 1.0), (400, "INVALID_ARGUMENT", None)


async def check_bodies(edges: Edges, patch: pytest.MonkeyPatch, in_all: Space, of_tenant: Space) -> None:
    """Two large bodies fit, one of each tenant; what is small is always read, and the large ones when there is room."""
    bound_bodies(patch, edges, in_all, of_tenant)
    async with arriving(edges, LARGE_BYTES):
        assert await told(edges, LARGE_BYTES) == OVERLOADED, "it is the tenant's second"
        assert await told(edges, SMALL_BODY_BYTES) == READ
        assert await told(edges, LARGE_BYTES, "beta") == READ
        async with arriving(edges, LARGE_BYTES, "beta"):
            assert await told(edges, LARGE_BYTES, "beta") == OVERLOADED
    assert await told(edges, LARGE_BYTES) == READ


BOUNDS = [
    (Space(2, 1 << 30), Space(1, 1 << 30)),
    (Space(9, LARGE_BYTES * 2), Space(9, LARGE_BYTES + 1)),
    (Space(1, 1 << 30), Space(1, 1 << 30)),
]


@pytest.mark.parametrize(("in_all", "of_tenant"), BOUNDS[:2])
async def test_large_bodies_have_so_much_room(
    edges: Edges, monkeypatch: pytest.MonkeyPatch, in_all: Space, of_tenant: Space
) -> None:
    await check_bodies(edges, monkeypatch, in_all, of_tenant)


async def test_control_one_tenant_that_fills_all_of_it_is_noticed(
    edges: Edges, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(AssertionError):
        await check_bodies(edges, monkeypatch, *BOUNDS[2])


async def test_control_bodies_without_a_bound_are_noticed(edges: Edges, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrivals, "SMALL_BODY_BYTES", 1 << 30)
    with pytest.raises(AssertionError, match="second"):
        await check_bodies(edges, monkeypatch, *BOUNDS[0])


async def test_a_body_of_unsaid_length_counts_as_the_largest(edges: Edges, monkeypatch: pytest.MonkeyPatch) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"{}".ljust(LARGE_BYTES)

    headers = {"Authorization": edges.bearer("alpha"), "Idempotency-Key": "k", "Content-Type": "application/json"}
    for most, code in ((4 << 20, "INVALID_ARGUMENT"), ((4 << 20) - 1, "OVERLOADED")):
        bound_bodies(monkeypatch, edges, Space(9, most), Space(9, most))
        answered = read_http(await edges.http.post("/v1/events", content=pieces(), headers=headers))
        assert answered.code == code


async def check_strangers(edges: Edges) -> None:
    """A large body is not waited for of whom nobody knows."""
    host, _, port = edges.http_url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(f"POST /v1/events HTTP/1.1\r\nHost: h\r\nContent-Length: {LARGE_BYTES}\r\n\r\n".encode())
    try:
        async with asyncio.timeout(AT_ONCE_S):
            assert (await reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 401 ")
    finally:
        writer.close()


async def test_strangers_have_no_room(edges: Edges) -> None:
    await check_strangers(edges)


async def test_control_strangers_that_are_waited_for_are_noticed(edges: Edges, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrivals, "SMALL_BODY_BYTES", 1 << 30)
    with pytest.raises(TimeoutError):
        await check_strangers(edges)


class Copyist:
    """Reads documents when told to."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.may_read = threading.Event()
        self.read_count = 0
        shipped = documents.read_documents

        def read_documents(*given: msgspec.Raw) -> Any:
            self.may_read.wait(20)
            self.read_count += 1
            return shipped(*given)

        patch.setattr(documents, "read_documents", read_documents)

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Nobody waits for ever."""
        try:
            yield
        finally:
            self.may_read.set()


def envelope(timeout_ms: int = 20_000) -> Envelope:
    return Envelope(None, wall_ms(), "k", timeout_ms)


async def check_documents(patch: pytest.MonkeyPatch) -> None:
    """Of four documents a tenant has two; who finds no room is told so at once, whoever waits is served."""
    patch.setattr(documents, "MAX_DOCUMENTS", 3)
    patch.setattr(documents, "MAX_DOCUMENTS_PER_TENANT", 2)
    copyist, desk = Copyist(patch), Scriptorium()
    with copyist.waiting():
        alphas = [asyncio.create_task(desk.read("alpha", envelope(), LAYOUT_TEXT, NO_RULES)) for _ in range(2)]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        async with asyncio.timeout(AT_ONCE_S):
            assert await desk.read("alpha", envelope(), LAYOUT_TEXT, NO_RULES) == Rejected(Reason.OVERLOADED)
        beta = asyncio.create_task(desk.read("beta", envelope(), LAYOUT_TEXT, NO_RULES))
        await asyncio.sleep(0.05)
        async with asyncio.timeout(AT_ONCE_S):
            assert await desk.read("gamma", envelope(), LAYOUT_TEXT, NO_RULES) == Rejected(Reason.OVERLOADED)
        copyist.may_read.set()
        for one in (*alphas, beta):
            assert not isinstance(await one, Rejected)
    assert copyist.read_count == 3


async def check_bytes(patch: pytest.MonkeyPatch) -> None:
    """Bytes are counted as well as documents."""
    patch.setattr(documents, "MAX_DOCUMENTS_BYTES_PER_TENANT", len(bytes(LAYOUT_TEXT)) + 1)
    copyist, desk = Copyist(patch), Scriptorium()
    with copyist.waiting():
        first = asyncio.create_task(desk.read("alpha", envelope(), LAYOUT_TEXT, NO_RULES))
        await asyncio.sleep(0.05)
        async with asyncio.timeout(AT_ONCE_S):
            assert await desk.read("alpha", envelope(), NO_RULES, LAYOUT_TEXT) == Rejected(Reason.OVERLOADED)
        copyist.may_read.set()
        assert not isinstance(await first, Rejected)


async def check_deadline(patch: pytest.MonkeyPatch) -> None:
    """Who waits for a thread is answered when the time is up, and nothing is read any more."""
    patch.setattr(documents, "THREADS", 1)
    copyist, desk = Copyist(patch), Scriptorium()
    with copyist.waiting():
        first = asyncio.create_task(desk.read("alpha", envelope(), LAYOUT_TEXT, NO_RULES))
        await asyncio.sleep(0.05)
        begun_s = time.monotonic()
        late = await desk.read("beta", envelope(200), LAYOUT_TEXT, NO_RULES)
        assert (late, time.monotonic() - begun_s < AT_ONCE_S) == (Rejected(Reason.DEADLINE_EXCEEDED), True)
        copyist.may_read.set()
        assert not isinstance(await first, Rejected)
        assert not isinstance(await desk.read("alpha", envelope(), LAYOUT_TEXT, NO_RULES), Rejected)
    assert copyist.read_count == 2, "nobody waits for the one that was late"


async def check_hang_up(patch: pytest.MonkeyPatch) -> None:
    """What a client has left behind counts until it is over."""
    patch.setattr(documents, "MAX_DOCUMENTS_PER_TENANT", 1)
    copyist, desk = Copyist(patch), Scriptorium()
    with copyist.waiting():
        left = asyncio.create_task(desk.read("alpha", envelope(), LAYOUT_TEXT, NO_RULES))
        await asyncio.sleep(0.05)
        left.cancel()
        await asyncio.gather(left, return_exceptions=True)
        assert await desk.read("alpha", envelope(), LAYOUT_TEXT, NO_RULES) == Rejected(Reason.OVERLOADED)


CHECKS: list[Callable[[pytest.MonkeyPatch], Awaitable[None]]] = [
    check_documents,
    check_bytes,
    check_deadline,
    check_hang_up,
]


@pytest.mark.parametrize("check", CHECKS)
async def test_documents_are_read_so_many_at_once(
    monkeypatch: pytest.MonkeyPatch, check: Callable[[pytest.MonkeyPatch], Awaitable[None]]
) -> None:
    await check(monkeypatch)


def _no_room(patch: pytest.MonkeyPatch) -> None:
    """As it was: a thread is waited for by as many as come."""
    patch.setattr(Room, "entered", lambda *_: nullcontext())


def _reads_in_any_case(patch: pytest.MonkeyPatch) -> None:
    """As it was: what nobody waits for any more is read nevertheless."""
    patch.setattr(Envelope, "left_ms", lambda _: 300)


def _leaves_with_the_client(patch: pytest.MonkeyPatch) -> None:
    async def apart(work: Awaitable[Any]) -> Any:
        return await work

    patch.setattr(documents, "apart", apart)


@pytest.mark.parametrize(
    ("sabotage", "check"),
    [
        (_no_room, check_documents),
        (_no_room, check_bytes),
        (_reads_in_any_case, check_deadline),
        (_leaves_with_the_client, check_hang_up),
    ],
)
async def test_control_documents_without_a_bound_are_noticed(
    monkeypatch: pytest.MonkeyPatch, sabotage: Sabotage, check: Callable[[pytest.MonkeyPatch], Awaitable[None]]
) -> None:
    sabotage(monkeypatch)
    with pytest.raises((AssertionError, TimeoutError)):
        await check(monkeypatch)


async def check_rationed(database_url: str) -> None:
    """A tenant is given one layout a second, by whichever protocol, and another's turn is not its business."""
    async with AsyncExitStack() as stack:
        edges = await stack.enter_async_context(whole_edges(database_url))
        for tenant in ("alpha", "beta"):
            body = {"name": "n", "layout": LAYOUT}
            created = await ask_http(edges, Ask("create_event", body, key="rationed", tenant=tenant))
            ask = Ask("get_layout_document", event_id=created.reply["event_id"], tenant=tenant)
            codes = [(await asking(edges, ask)).code for asking in (ask_http, ask_grpc, ask_http)]
            assert codes == ["", "RATE_LIMITED", "RATE_LIMITED"]
            assert (await ask_http(edges, ask)).wait_s == 1


async def test_layouts_are_rationed(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operations, "LAYOUT_PERIOD_S", 1e6)
    await check_rationed(database_url)


@pytest.mark.parametrize("all_of_one", [False, True])
async def test_control_layouts_that_are_not_rationed_are_noticed(
    database_url: str, monkeypatch: pytest.MonkeyPatch, all_of_one: bool
) -> None:
    turn = Ration.turn
    monkeypatch.setattr(operations, "LAYOUT_PERIOD_S", 1e6 if all_of_one else 0.0)
    monkeypatch.setattr(Ration, "turn", lambda self, whose: turn(self, "everybody" if all_of_one else whose))
    with pytest.raises(AssertionError):
        await check_rationed(database_url)


def test_a_tenant_has_half_of_what_there_is() -> None:
    for module, name in ((admission, "MAX_LARGE_BODIES"), (documents, "MAX_DOCUMENTS")):
        assert vars(module)[name] == 2 * vars(module)[f"{name}_PER_TENANT"]
        assert vars(module)[f"{name}_BYTES"] == 2 * vars(module)[f"{name}_BYTES_PER_TENANT"]


def test_what_can_be_asked_has_these_bounds(edges: Edges) -> None:
    assert isinstance(edges.operations, Operations)
    room = edges.operations._large_bodies
    assert room._bound == Space(admission.MAX_LARGE_BODIES, admission.MAX_LARGE_BODIES_BYTES)
    assert edges.operations._documents._room._bound == Space(documents.MAX_DOCUMENTS, documents.MAX_DOCUMENTS_BYTES)
