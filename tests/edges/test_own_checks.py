"""A replica that is too slow for HAProxy's checks knows it before HAProxy gives it up. In Ray Serve's own servers.

The loop is slow by turns in which it does nothing, as in `test_hung_gateway`; all times are a quarter of what they are.
"""

import asyncio
import socket
import time
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack, asynccontextmanager
from typing import Any, NamedTuple, cast

import pytest
import uvloop

from serve import wakefulness
from serve.local.preflight import free_port
from serve.wakefulness import Wakefulness, nobody_asks

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # Ray Serve's own models, at import
    from ray.serve._private.grpc_util import start_grpc_server
    from ray.serve._private.http_util import convert_object_to_asgi_messages, start_asgi_http_server
    from ray.serve.config import HTTPOptions, gRPCOptions
    from ray.serve.generated import serve_pb2

    from serve.own_checks import _QUESTIONS, OwnChecks

QUICKER = 4
GIVEN_UP_S = 3 / QUICKER
TOLD_LATE = 1.1  # by so much a check must have been too long, as who measures it waits for its turn too
HTTP, GRPC = range(2)

Check = Callable[[], Awaitable[bool]]


class Slow(NamedTuple):
    """How long a turn of the loop is in full, and what comes at once before each check, over HTTP and over gRPC."""

    turn_s: float
    before: tuple[int, int] = (0, 0)


TURNS = [Slow(turn_s) for turn_s in (0.5, 0.65, 1.8)]
CROWDS = [Slow(0.08, (45, 15))]


class Checked(NamedTuple):
    began_s: float
    answered_s: float


class Look(NamedTuple):
    at_s: float
    hangs: int


@asynccontextmanager
async def servers(ports: tuple[int, int]) -> AsyncIterator[None]:
    """Those of a replica, which answer checks as it does (`replica.py`: no more than one step of their own)."""

    async def over_http(scope: Any, receive: Any, send: Any) -> None:
        for message in convert_object_to_asgi_messages("success", status_code=200):
            await send(message)

    def over_grpc(**_: object) -> Callable[[object, object], Awaitable[bytes]]:
        async def healthz(request: object, context: object) -> bytes:
            return bytes(cast(Any, serve_pb2).HealthzResponse(message="success").SerializeToString())

        return healthz

    loop = asyncio.get_running_loop()
    options = HTTPOptions(host="127.0.0.1", port=ports[HTTP])
    serving, http = await start_asgi_http_server(over_http, options, event_loop=loop)
    _, grpc = await start_grpc_server(over_grpc, gRPCOptions(port=ports[GRPC]), event_loop=loop)
    try:
        yield
    finally:
        http.should_exit = True
        await asyncio.gather(serving, grpc.stop(0))


def as_haproxy_asks(port: int, protocol: int, before: int) -> Checked:
    """One check, behind as many others."""
    question, answer = _QUESTIONS[protocol]
    with ExitStack() as lines:
        for _ in range(before + 1):
            line = lines.enter_context(socket.create_connection(("127.0.0.1", port), timeout=60))
            line.sendall(question)
        began_s, said = time.monotonic(), b""
        while answer not in said:
            said += line.recv(4096)
        return Checked(began_s, time.monotonic())


async def watched(slow: Slow, check: Check | None) -> tuple[list[Checked], list[Look]]:
    """A check over each protocol, and what a look in each turn of the loop says meanwhile. `check`: instead of ours."""
    ports = (free_port(), free_port())
    looks: list[Look] = []
    async with servers(ports):
        own = OwnChecks(*(range(one, one + 1) for one in ports))
        watch = Wakefulness(check=check or own.ask)

        async def be_slow() -> None:
            while True:
                time.sleep(slow.turn_s / QUICKER)  # noqa: ASYNC251  # as 512 answers that come at once
                looks.append(Look(time.monotonic(), watch.hangs()))
                await asyncio.sleep(0)

        await asyncio.to_thread(as_haproxy_asks, ports[HTTP], HTTP, 0)  # it serves
        assert own.are_possible()
        tasks = [asyncio.create_task(one) for one in (watch.run(), be_slow())]
        done = [
            await asyncio.to_thread(as_haproxy_asks, ports[protocol], protocol, slow.before[protocol])
            for protocol in (HTTP, GRPC)
        ]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return done, looks


def check_noticed(slow: list[Slow], check: Check | None = None) -> set[int]:
    """What was let in before HAProxy gives the replica up is not sent after that. Over what it was given up."""
    given_up = set()
    for one in slow:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:  # as Ray's actors
            done, looks = runner.run(watched(one, check))
        for protocol, (began_s, answered_s) in enumerate(done):
            given_up_s = began_s + GIVEN_UP_S
            if answered_s - began_s > GIVEN_UP_S * TOLD_LATE:
                before = max(look.hangs for look in looks if look.at_s < given_up_s)
                after = min(look.hangs for look in looks if look.at_s >= given_up_s)
                assert before < after, f"not noticed: {one}, {answered_s - began_s:.2f} s"
                given_up.add(protocol)
    return given_up


@pytest.fixture(autouse=True)
def _short_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HANG_S", "BEAT_S"):
        monkeypatch.setattr(wakefulness, name, getattr(wakefulness, name) / QUICKER)


def test_who_is_too_slow_for_checks_notices_before_it_is_given_up() -> None:
    assert check_noticed(TURNS) == {HTTP, GRPC}


def test_who_is_quick_with_too_much_before_it_notices_as_well() -> None:
    assert check_noticed(CROWDS) == {HTTP, GRPC}


async def eight_turns() -> bool:
    for _ in range(8):
        await asyncio.sleep(0)
    return True


def test_control_a_loop_that_is_slow_and_never_silent_is_not_noticed_by_its_silence() -> None:
    with pytest.raises(AssertionError, match="not noticed"):
        check_noticed(TURNS, nobody_asks)


def test_control_to_count_turns_is_not_enough() -> None:
    with pytest.raises(AssertionError, match="not noticed"):
        check_noticed(CROWDS, eight_turns)
