"""The front refuses what is too much for the replicas, at once and in their words, and lets health checks through."""

import asyncio
import socket
import subprocess
from base64 import b64decode
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from functools import partial
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path

import grpc
import msgspec
import pytest
from google.rpc.status_pb2 import Status

from actors.core.outcomes import Reason, Rejected
from holdfast.v1 import holds_pb2, holds_pb2_grpc
from serve.grpc_api.refusal_status import STATUS_DETAILS, status_of
from serve.http_api.problems import problem_response
from serve.local import loopback, shedding
from serve.local.loopback import write_haproxy_launcher as write_launcher
from serve.local.preflight import free_port
from serve.local.processes import wait_until

CONFIGURATION = """global
    maxconn 100
    stats socket {folder}/admin.sock level admin
defaults
    mode http
    timeout connect 5s
    timeout client 30s
    timeout server 30s
frontend http_frontend
    bind 127.0.0.1:{http}
    acl is_http-holdfast path_beg /
    use_backend http-holdfast if is_http-holdfast
backend http-holdfast
    http-reuse always
    {http_servers}
frontend grpc_frontend
    bind 127.0.0.1:{grpc} proto h2
    acl is_grpc-holdfast req.hdr(application) -m str holdfast
    use_backend grpc-holdfast if is_grpc-holdfast
    default_backend grpc-holdfast
backend grpc-holdfast
    {grpc_servers}
"""
MOST = 2


class Front:
    """A real HAProxy before replicas that keep requests until they are told to answer all of them."""

    def __init__(self, folder: Path, replicas: int = 1) -> None:
        self.http, self.grpc, *self._replicas = [free_port() for _ in range(2 + replicas)]
        self._folder = folder
        self.enough = MOST * replicas

    @contextmanager
    def running(self, most: int) -> Iterator[None]:
        """It runs."""
        launcher, configuration = self._folder / "launcher", self._folder / "haproxy.cfg"
        write_launcher(launcher, "127.0.0.1", most, len(self._replicas))
        servers = [f"server replica-{port} 127.0.0.1:{port}" for port in self._replicas]
        looked_after = " check inter 100ms fall 1 rise 1" if len(servers) > 1 else ""
        http_servers, grpc_servers = (
            "\n    ".join(server + options for server in servers) for options in (looked_after, " proto h2")
        )
        text = CONFIGURATION.format(
            folder=self._folder, http=self.http, grpc=self.grpc, http_servers=http_servers, grpc_servers=grpc_servers
        )
        configuration.write_text(text)
        process = subprocess.Popen([launcher, "-db", "-f", configuration])
        try:
            yield
        finally:
            process.kill()
            process.wait()

    async def serve(self, which: int = 0) -> asyncio.Server:
        """A replica."""
        self.forget()
        return await asyncio.start_server(self._answer, "127.0.0.1", self._replicas[which])

    def forget(self) -> None:
        """What was asked and what may be answered."""
        self._begun = 0
        self.full, self.may_answer = asyncio.Event(), asyncio.Event()

    async def await_up(self, number: int) -> None:
        """Until so many replicas are, for HAProxy."""
        assert await asyncio.to_thread(wait_until, lambda: self._up() == number, 10)

    def _up(self) -> int:
        with closing(socket.socket(socket.AF_UNIX)) as asking, suppress(OSError):
            asking.connect(str(self._folder / "admin.sock"))
            asking.sendall(b"show stat\n")
            said = b"".join(iter(partial(asking.recv, 65_536), b"")).decode()
            return sum(line.startswith("http-holdfast,replica") and ",UP" in line for line in said.splitlines())
        return -1

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with closing(writer):
            while head := await reader.readuntil(b"\r\n\r\n"):
                if b"/readyz" not in head:
                    self._begun += 1
                    if self._begun == self.enough:
                        self.full.set()
                    await self.may_answer.wait()
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    def _get(self, path: str) -> tuple[int, HTTPResponse, bytes]:
        with closing(HTTPConnection("127.0.0.1", self.http, timeout=20)) as connection:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer, answer.read()

    async def get(self, path: str) -> tuple[int, HTTPResponse, bytes]:
        """Status, answer, body."""
        return await asyncio.to_thread(self._get, path)

    def call(self) -> grpc.RpcError:
        """How a call is refused."""
        with grpc.insecure_channel(f"127.0.0.1:{self.grpc}") as channel:
            stub = holds_pb2_grpc.HoldServiceStub(channel)
            with pytest.raises(grpc.RpcError) as refused:
                stub.PlaceHold(holds_pb2.PlaceHoldRequest(), timeout=20, wait_for_ready=True)
        return refused.value


async def check(folder: Path, most: int) -> None:
    front = Front(folder)
    with front.running(most):
        server = await front.serve()
        async with server:
            while True:  # until it listens
                try:
                    assert (await front.get("/readyz"))[0] == 200
                    break
                except OSError:
                    await asyncio.sleep(0.05)
            waiting = [asyncio.create_task(front.get("/v1/any")) for _ in range(MOST)]
            await front.full.wait()
            third = asyncio.create_task(front.get("/v1/more"))
            await asyncio.wait([third], timeout=5)
            front_refused = third.done()
            refused_call = await asyncio.to_thread(front.call) if front_refused else None
            assert (await front.get("/readyz"))[0] == 200, "a health check passes"
            front.may_answer.set()
            assert [(await one)[0] for one in waiting] == [200] * MOST
            status, answer, body = await third
            assert status == 429, "there was enough under way"
            own = problem_response(Rejected(Reason.OVERLOADED), "/v1/more")
            assert answer.headers["Retry-After"] == own.headers["Retry-After"]
            assert answer.headers["Content-Type"] == own.media_type
            assert msgspec.json.decode(body) == msgspec.json.decode(own.content)
            assert (await front.get("/v1/any"))[0] == 200, "as soon as there is room"
            assert isinstance(refused_call, grpc.Call)
            assert refused_call.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
            details = dict(refused_call.trailing_metadata() or ())[STATUS_DETAILS]
            assert Status.FromString(bytes(details)) == status_of(Rejected(Reason.OVERLOADED))


def test_what_is_too_much_is_refused_at_once_as_a_replica_would(tmp_path: Path) -> None:
    asyncio.run(check(tmp_path, MOST))


def test_control_a_front_that_refuses_nothing_is_noticed(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="there was enough under way"):
        asyncio.run(check(tmp_path, 1_000))


def test_the_grpc_refusal_is_the_replicas_own() -> None:
    assert Status.FromString(b64decode(shedding._STATUS)) == status_of(Rejected(Reason.OVERLOADED))


async def fill(front: Front, number: int) -> int:
    """The status of one more request while so many are under way, which are then answered."""
    front.forget()
    front.enough = number
    waiting = [asyncio.create_task(front.get("/v1/any")) for _ in range(number)]
    try:
        async with asyncio.timeout(5):
            await front.full.wait()
        one_more = asyncio.create_task(front.get("/v1/more"))
        await asyncio.wait([one_more], timeout=2)
    finally:
        front.may_answer.set()
    assert [(await one)[0] for one in waiting] == [200] * number
    return (await one_more)[0]


async def check_two(folder: Path) -> None:
    front = Front(folder, replicas=2)
    with front.running(MOST):
        first, second = await front.serve(0), await front.serve(1)
        await front.await_up(2)
        assert await fill(front, 2 * MOST - 1) == 200, "both are there to be asked"
        assert await fill(front, 2 * MOST) == 429, "both have enough"
        first.close()
        await front.await_up(1)
        assert await fill(front, MOST - 1) == 200, "the other is there to be asked"
        assert await fill(front, MOST) == 429, "the other has enough for itself"
        second.close()
        await front.await_up(0)
        assert (await front.get("/v1/any"))[0] == 503, "nobody is there"


def test_who_is_left_is_not_asked_for_both(tmp_path: Path) -> None:
    asyncio.run(check_two(tmp_path))


def test_control_a_bound_that_counts_who_is_down_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def write(path: Path, host: str, most: int, replicas: int) -> None:
        loopback.write_haproxy_launcher(path, host, most, replicas)
        path.write_text(path.read_text().replace(r"nbsrv(http-\2),mul", f"int({replicas}),mul"))

    monkeypatch.setattr("tests.local.test_shedding.write_launcher", write)
    with pytest.raises(AssertionError, match="the other has enough for itself"):
        asyncio.run(check_two(tmp_path))


def test_control_a_bound_of_nobody_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def write(path: Path, host: str, most: int, replicas: int) -> None:
        loopback.write_haproxy_launcher(path, host, most, replicas)
        path.write_text(path.read_text().replace(r"{ nbsrv(http-\2) gt 0 }", ""))

    monkeypatch.setattr("tests.local.test_shedding.write_launcher", write)
    with pytest.raises(AssertionError, match="nobody is there"):
        asyncio.run(check_two(tmp_path))
