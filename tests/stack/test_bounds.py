"""What is too large or not well-formed is refused by name through the real front as well."""

import http.client
import socket
import time
from contextlib import closing
from typing import cast

import grpc
import httpx
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from holdfast.v1 import holds_pb2, holds_pb2_grpc
from tests.stack.running_stack import RunningStack

pytestmark = pytest.mark.stack
TWENTY_MB = 20_000_000


def code_over_grpc(running: RunningStack, request: holds_pb2.PlaceHoldRequest) -> str:
    """The refusal's `code`, as a stock client reads it."""
    options = [("grpc.max_send_message_length", -1)]
    with grpc.insecure_channel(running.stack.grpc_target, options=options) as channel:
        stub = holds_pb2_grpc.HoldServiceStub(channel)
        with pytest.raises(grpc.RpcError) as refused:
            stub.PlaceHold(request, metadata=(("authorization", f"Bearer {running.api_key}"),), timeout=20)
    status = rpc_status.from_call(cast(grpc.Call, refused.value))
    assert status is not None, refused.value
    for detail in status.details:
        info = error_details_pb2.ErrorInfo()
        if detail.Unpack(info):
            return info.reason
    raise AssertionError(status)


def test_twenty_megabytes_are_too_large(running: RunningStack) -> None:
    with running.client() as client:
        path = f"/v1/events/{running.event_id}/holds"
        answer = client.post(path, content=b"[" * TWENTY_MB, headers={"Idempotency-Key": "large"})
        assert (answer.status_code, answer.json()["code"]) == (413, "TOO_LARGE")
        assert client.get("/readyz").status_code == 200
    large = holds_pb2.PlaceHoldRequest(event_id=running.event_id, units=["x" * TWENTY_MB], idempotency_key="large")
    assert code_over_grpc(running, large) == "TOO_LARGE"


def test_three_hundred_seats_are_malformed(running: RunningStack) -> None:
    seats = [f"101/A/{seat}" for seat in range(300)]
    with running.client() as client:
        path = f"/v1/events/{running.event_id}/holds"
        answer = client.post(path, json={"units": seats}, headers={"Idempotency-Key": "many"})
        assert (answer.status_code, answer.json()["code"]) == (400, "INVALID_ARGUMENT")
    many = holds_pb2.PlaceHoldRequest(event_id=running.event_id, units=seats, idempotency_key="many")
    assert code_over_grpc(running, many) == "INVALID_ARGUMENT"


def test_headers_that_do_not_come_are_not_waited_for_and_connections_that_rest_are_kept(running: RunningStack) -> None:
    address = ("127.0.0.1", running.stack.settings.http_port)
    with (
        socket.create_connection(address, 20) as halting,
        closing(http.client.HTTPConnection(*address, timeout=20)) as resting,
        grpc.insecure_channel(running.stack.grpc_target) as channel,
    ):
        stub = holds_pb2_grpc.HoldServiceStub(channel)
        _call(stub)
        states: list[grpc.ChannelConnectivity] = []
        channel.subscribe(states.append)
        _ask(resting)
        connected = resting.sock
        halting.sendall(b"GET /healthz HTTP/1.1\r\nHost: h\r\n")
        begun_s = time.monotonic()
        assert b"".join(iter(lambda: halting.recv(65_536), b"")).startswith(b"HTTP/1.1 408 ")
        assert 8 < time.monotonic() - begun_s < 15
        time.sleep(2)
        _ask(resting)
        assert resting.sock is connected, "the same connection"
        _call(stub)
        assert set(states) == {grpc.ChannelConnectivity.READY}


def _ask(connection: http.client.HTTPConnection) -> None:
    """A request, with its whole answer: it may come in pieces."""
    connection.request("GET", "/healthz")
    answer = connection.getresponse()
    answer.read()
    assert answer.status == 200


def _call(stub: holds_pb2_grpc.HoldServiceStub) -> None:
    """One that comes through, to be refused."""
    with pytest.raises(grpc.RpcError) as refused:
        stub.PlaceHold(holds_pb2.PlaceHoldRequest(), timeout=20)
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT


def test_without_a_key_only_health_and_documentation_answer(running: RunningStack) -> None:
    with httpx.Client(base_url=running.stack.http_url, timeout=20) as client:
        assert client.get(f"/v1/events/{running.event_id}").status_code == 401
        for path in ("/healthz", "/readyz", "/docs", "/openapi.json"):
            assert client.get(path).status_code == 200
