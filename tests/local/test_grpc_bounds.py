"""What weighs more than any request may is not read over gRPC, and refused by name; answers may weigh much more."""

import asyncio
import subprocess
import sys
from base64 import b64decode
from pathlib import Path
from typing import Any, cast

import grpc
import pytest
from google.rpc.status_pb2 import Status

from holdfast.v1 import holds_pb2, holds_pb2_grpc
from serve.grpc_api.refusal_status import STATUS_DETAILS, status_of
from serve.local import loopback, shedding
from serve.local.loopback import MOST_RECEIVED_BYTES, write_haproxy_launcher
from serve.local.preflight import free_port
from serve.refusals import too_large
from serve.sizes import MAX_LAYOUT_BODY_BYTES
from tests.local.test_shedding import CONFIGURATION

OWN = status_of(too_large(MAX_LAYOUT_BODY_BYTES))

SERVED = """
import asyncio, os
os.environ["RAY_SERVE_GRPC_MAX_MESSAGE_SIZE"] = str(64 << 20)
{hook}
import grpc
from ray.serve._private.grpc_util import gRPCGenericServer
from holdfast.v1 import holds_pb2_grpc

async def call(request, context):
    return b"\\0" * (8 << 20)

async def main():
    server = gRPCGenericServer(lambda service_method, streaming_type: call)
    holds_pb2_grpc.add_HoldServiceServicer_to_server(holds_pb2_grpc.HoldServiceServicer(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    options = [("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)]
    async with grpc.aio.insecure_channel(f"127.0.0.1:{{port}}", options=options) as channel:
        ask = channel.unary_unary("/holdfast.v1.HoldService/PlaceHold")
        for size_bytes in (0, 4 << 20, (4 << 20) + (1 << 17)):
            unknown_field = b"\\xfa\\x7f" + varint(size_bytes) + b"x" * size_bytes
            try:
                print(len(await ask(unknown_field)) >> 20, end=" ")
            except grpc.aio.AioRpcError as fault:
                print(fault.code().name, end=" ")
    await server.stop(0)

def varint(number):
    encoded = b""
    while number > 127:
        encoded, number = encoded + bytes([number % 128 + 128]), number // 128
    return encoded + bytes([number])

asyncio.run(main())
"""


def served(hook: str) -> str:
    """What a server of Serve's answers to messages of no, 4 and somewhat more MiB: how many MiB, or which status."""
    done = subprocess.run(
        [sys.executable, "-c", SERVED.format(hook=hook)], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_serves_servers_receive_less_than_they_send() -> None:
    hook = "from serve.local.loopback import set_up_worker; set_up_worker()"
    assert served(hook) == "8 8 RESOURCE_EXHAUSTED"


def test_control_without_the_hook_they_receive_as_much() -> None:
    assert served("") == "8 8 8"


class Shop(holds_pb2_grpc.HoldServiceServicer):  # type: ignore[misc]  # generated, without types
    """A replica that accepts what it has read."""

    async def PlaceHold(self, request: object, context: object) -> object:
        return holds_pb2.PlaceHoldResponse()


async def refused(folder: Path, size_bytes: int) -> grpc.aio.AioRpcError:
    """How a message of this size is refused, through a real HAProxy."""
    server = grpc.aio.server(options=[("grpc.max_receive_message_length", MOST_RECEIVED_BYTES)])
    holds_pb2_grpc.add_HoldServiceServicer_to_server(Shop(), server)
    grpc_port, replica = free_port(), f"server replica 127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    await server.start()
    launcher, configuration = folder / "launcher", folder / "haproxy.cfg"
    write_haproxy_launcher(launcher, "127.0.0.1")
    text = CONFIGURATION.format(
        folder=folder, http=free_port(), grpc=grpc_port, http_servers=replica, grpc_servers=f"{replica} proto h2"
    )
    configuration.write_text(text)
    process = await asyncio.create_subprocess_exec(launcher, "-db", "-f", configuration)
    options = [("grpc.max_send_message_length", -1)]
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{grpc_port}", options=options) as channel:
            stub = holds_pb2_grpc.HoldServiceStub(channel)
            await stub.PlaceHold(holds_pb2.PlaceHoldRequest(), timeout=20, wait_for_ready=True)
            large = holds_pb2.PlaceHoldRequest(units=["x" * size_bytes])
            with pytest.raises(grpc.aio.AioRpcError) as fault:
                await stub.PlaceHold(large, timeout=20)
            await stub.PlaceHold(holds_pb2.PlaceHoldRequest(), timeout=20)
        return fault.value
    finally:
        process.kill()
        await process.wait()
        await server.stop(0)


def check_named(folder: Path, size_bytes: int) -> None:
    """As if a replica had read it."""
    fault = asyncio.run(refused(folder, size_bytes))
    assert (fault.code(), fault.details()) == (grpc.StatusCode.INVALID_ARGUMENT, OWN.message)
    borne: dict[str, Any] = dict(cast(Any, fault.trailing_metadata()))
    assert Status.FromString(borne[STATUS_DETAILS]) == OWN


@pytest.mark.parametrize("size_bytes", [MOST_RECEIVED_BYTES, 20_000_000])
def test_what_is_not_read_is_refused_by_name(tmp_path: Path, size_bytes: int) -> None:
    check_named(tmp_path, size_bytes)


def test_control_grpcs_own_refusal_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loopback, "naming_too_large", list)
    with pytest.raises(AssertionError, match="RESOURCE_EXHAUSTED"):
        check_named(tmp_path, 20_000_000)


def test_it_is_the_replicas_own_refusal() -> None:
    assert Status.FromString(b64decode(shedding._TOO_LARGE_STATUS)) == OWN
    assert OWN.message == shedding._TOO_LARGE
