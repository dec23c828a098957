"""The least application that uses everything of the local stack: HTTP and gRPC in one deployment, on one counter."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import grpc
from google.protobuf.wrappers_pb2 import StringValue
from ray import serve as ray_serve

from serve.local.stack import Stack

SERVICE = "tiny.v1.Tiny"


def add_tiny_servicer_to_server(servicer: Any, server: grpc.aio.Server) -> None:
    """What a generated stub would offer for a service with one method, `Count`."""
    handlers = {
        "Count": grpc.unary_unary_rpc_method_handler(
            servicer.Count,
            request_deserializer=StringValue.FromString,
            response_serializer=StringValue.SerializeToString,
        )
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))


@ray_serve.ingress()
class Tiny:
    """Counts its calls, whichever protocol they come by."""

    def __init__(self) -> None:
        self.count = 0

    def __serve_build_asgi_app__(self) -> Callable[..., Any]:
        async def app(scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] == "lifespan":
                while (message := await receive())["type"] != "lifespan.shutdown":
                    await send({"type": message["type"] + ".complete"})
                await send({"type": "lifespan.shutdown.complete"})
                return
            self.count += 1
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": f"{self.count} {os.getpid()}".encode()})

        return app

    async def Count(self, request: StringValue, grpc_context: Any) -> StringValue:
        """The same counter over gRPC."""
        self.count += 1
        return StringValue(value=f"{self.count} {os.getpid()}")


def deploy(stack: Stack) -> None:
    """Called in Ray's driver."""
    deployment = ray_serve.deployment(num_replicas=1, graceful_shutdown_timeout_s=1, ray_actor_options={"num_cpus": 0})
    ray_serve.run(deployment(Tiny).bind(), name="tiny", route_prefix="/")


def deploy_nothing(stack: Stack) -> None:
    """An application that cannot be deployed."""
    raise LookupError("the schema is missing\nsecond line")
