"""A request's limit counts from when it arrived, as the front stamped it: what is read too late is not decided."""

import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest

from actors.dispatch import Dispatcher
from actors.reservations import Request
from serve import admission, documents
from serve.arrival import ARRIVED_HEADER, MAX_DIGITS, arrived_ms, wall_ms
from serve.documents import read_documents
from serve.grpc_api import calls
from serve.http_api import arrivals
from serve.validation import DEFAULT_TIMEOUT_MS
from tests.edges.asking import Answered, Ask, ask_grpc, ask_http
from tests.edges.edge_stack import Edges
from tests.stack.load import HALL

pytestmark = pytest.mark.anyio

Asking = Callable[[Edges, Ask], Awaitable[Answered]]
PROTOCOLS = pytest.mark.parametrize("asking", [ask_http, ask_grpc])
HALF_MS = DEFAULT_TIMEOUT_MS // 2
MALFORMED = ("", "soon", "-1", "1.5", "1" * (MAX_DIGITS + 1), "\u0661\u0662")


@pytest.fixture(scope="module")
async def event(edges: Edges) -> str:
    """A hall on sale."""
    created = await ask_http(edges, Ask("create_event", {"name": "hall", "layout": HALL}, key="a hall"))
    opened = await ask_http(edges, Ask("open_sale", event_id=created.reply["event_id"], key="open the hall"))
    return str(opened.reply["event_id"])


class Asked:
    """When what was asked of blocks must be decided, by the gateway's clock."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.not_after_ms: list[int] = []
        ask = Dispatcher.ask

        async def noted(dispatcher: Dispatcher, *arguments: Any, **named: Any) -> Any:
            self.not_after_ms.append(arguments[3])
            return await ask(dispatcher, *arguments, **named)

        monkeypatch.setattr(Dispatcher, "ask", noted)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    return Asked(monkeypatch)


def hold(event: str, key: str, stamps: Sequence[str] = ()) -> Ask:
    """A place in the hall, under stamps."""
    body = {"areas": [{"area": "Hall", "quantity": 1}]}
    return Ask("place_hold", body, event_id=event, key=key, stamps=tuple(stamps))


async def check_what_is_late(edges: Edges, event: str, asked: Asked, asking: Asking) -> None:
    """Refused, nothing is asked of a block, and its key stands for nothing."""
    key = f"late over {asking.__name__}"
    late = str(wall_ms() - DEFAULT_TIMEOUT_MS)
    assert (await asking(edges, hold(event, key, [late]))).code == "DEADLINE_EXCEEDED"
    assert (await asking(edges, Ask("get_event", event_id=event, stamps=(late,)))).code == "DEADLINE_EXCEEDED"
    assert asked.not_after_ms == []
    other = {"areas": [{"area": "Hall", "quantity": 2}]}
    assert not (await asking(edges, hold(event, key)._replace(body=other))).code


async def check_what_is_half_late(edges: Edges, event: str, asked: Asked, asking: Asking) -> None:
    """It is decided as long as its limit lasts, and no longer."""
    stamped_ms = wall_ms() - HALF_MS
    answered = await asking(edges, hold(event, f"half late over {asking.__name__}", [str(stamped_ms)]))
    assert not answered.code
    assert all(not_after_ms <= stamped_ms + DEFAULT_TIMEOUT_MS for not_after_ms in asked.not_after_ms)
    assert asked.not_after_ms


@PROTOCOLS
@pytest.mark.parametrize("check", [check_what_is_late, check_what_is_half_late])
async def test_a_limit_counts_from_the_arrival(
    edges: Edges, event: str, asked: Asked, asking: Asking, check: Callable[..., Awaitable[None]]
) -> None:
    await check(edges, event, asked, asking)


@PROTOCOLS
@pytest.mark.parametrize("check", [check_what_is_late, check_what_is_half_late])
async def test_control_a_limit_that_counts_from_the_reading_is_noticed(
    edges: Edges,
    event: str,
    asked: Asked,
    asking: Asking,
    check: Callable[..., Awaitable[None]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for edge in (arrivals, calls):
        monkeypatch.setattr(edge, "arrived_ms", lambda stamps: wall_ms())
    with pytest.raises(AssertionError):
        await check(edges, event, asked, asking)


@PROTOCOLS
@pytest.mark.parametrize("what", ["absent", "malformed", "ahead", "twice"])
async def test_any_other_stamp_leaves_it_the_whole_limit(
    edges: Edges, event: str, asked: Asked, asking: Asking, what: str
) -> None:
    before_ms = wall_ms()
    stamps = {
        "absent": [],
        "malformed": ["soon"],
        "ahead": [str(before_ms + 3_600_000)],
        "twice": [str(before_ms - 60_000)] * 2,
    }
    answered = await asking(edges, hold(event, f"{what} over {asking.__name__}", stamps[what]))
    assert not answered.code
    assert [before_ms + HALF_MS < at_ms <= wall_ms() + DEFAULT_TIMEOUT_MS for at_ms in asked.not_after_ms] == [True]


async def test_it_is_never_later_than_now_and_now_if_it_is_not_well_formed() -> None:
    ahead = str(wall_ms() + 60_000)
    none: list[Sequence[str | bytes]] = [(), ("1", "1"), (b"1",), (ahead,), *((stamp,) for stamp in MALFORMED)]
    for stamps in none:
        before_ms = wall_ms()
        assert before_ms <= arrived_ms(stamps) <= wall_ms()
    assert arrived_ms(["1"]) == 1


async def check_reading_takes_of_the_limit(edges: Edges, asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    """A gateway that is stopped after it has let a call in gives it no new limit when it goes on."""
    begun_ms = []

    def slowly(*documents: Any) -> Any:
        begun_ms.append(wall_ms())
        time.sleep(0.05)
        return read_documents(*documents)

    monkeypatch.setattr(documents, "read_documents", slowly)
    created = await ask_http(edges, Ask("create_event", {"name": "slow", "layout": HALL}, key=f"slow {asked}"))
    assert not created.code
    assert asked.not_after_ms[0] <= begun_ms[0] + DEFAULT_TIMEOUT_MS


async def test_a_limit_goes_on_while_a_layout_is_read(
    edges: Edges, asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    await check_reading_takes_of_the_limit(edges, asked, monkeypatch)


async def test_control_a_limit_that_begins_when_the_layout_was_read_is_noticed(
    edges: Edges, asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        admission, "Request", lambda caller, key, left_ms, counted_from_ms: Request(caller, key, left_ms)
    )
    with pytest.raises(AssertionError):
        await check_reading_takes_of_the_limit(edges, asked, monkeypatch)


async def test_it_is_between_the_front_and_replicas_alone(edges: Edges) -> None:
    document = (await edges.http.get("/openapi.json")).text
    assert "Idempotency-Key" in document
    assert ARRIVED_HEADER not in document.lower()
