"""`python tiny_gateway.py NAME DEED HTTP_PORT GRPC_PORT`: what HAProxy takes for a gateway replica.

Healthy at first. DEED `answer`: it answers every call, over both protocols, with its NAME; `die` and `hang`: at its
first call it kills or stops itself, and does not answer. `drain`: over HTTP it says at its first call that it is not
healthy any more, and answers slowly. It prints a line for each call: the values of each of `TOLD` that it bears, and a
`|` between two of them.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys

import grpc

from serve.arrival import ARRIVED_HEADER
from serve.second_hand import ASKED_HEADER, FIRST_HEADER

TOLD = (ARRIVED_HEADER, FIRST_HEADER, ASKED_HEADER)
SLOW_S = 3.0
HEALTHY = "success"
DEEDS = {"die": signal.SIGKILL, "hang": signal.SIGSTOP}


def called(name: str, deed: str, path: str, headers: list[tuple[str, str]]) -> str:
    """What is answered, if anything is."""
    if path.lower().endswith("healthz"):
        return HEALTHY
    print("|".join(" ".join(value for header, value in headers if header == told) for told in TOLD), flush=True)
    if deed in DEEDS:
        os.kill(os.getpid(), DEEDS[deed])
    return name


async def serve(name: str, deed: str, http_port: int, grpc_port: int) -> None:
    """Until it is ended."""
    draining = asyncio.Event()

    async def over_http(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = [(header.lower(), value) for header, value in (line.split(": ", 1) for line in lines if line)]
        answer, status = called(name, deed, first.split()[1], headers), 200
        if deed == "drain":
            if answer != HEALTHY:
                draining.set()
                await asyncio.sleep(SLOW_S)
            elif draining.is_set():
                status = 503
        writer.write(
            f"HTTP/1.1 {status} X\r\nConnection: close\r\nContent-Length: {len(answer)}\r\n\r\n{answer}".encode()
        )
        await writer.drain()
        writer.close()

    class OverGrpc(grpc.GenericRpcHandler):  # type: ignore[type-arg]  # it is no generic class when it runs
        def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[bytes, bytes]:
            async def answer(request: bytes, context: object) -> bytes:
                headers = [(key, str(value)) for key, value in details.invocation_metadata]
                return called(name, deed, details.method, headers).encode()

            return grpc.unary_unary_rpc_method_handler(answer)

    server = grpc.aio.server()
    server.add_generic_rpc_handlers((OverGrpc(),))
    server.add_insecure_port(f"127.0.0.1:{grpc_port}")
    await server.start()
    await asyncio.start_server(over_http, "127.0.0.1", http_port)
    print("ready", flush=True)
    await server.wait_for_termination()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
