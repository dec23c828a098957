"""`python write_haproxy_file.py FILE HTTP_PORT GRPC_PORT NAME:HTTP_PORT:GRPC_PORT ...`: the file for these replicas.

Written by Ray Serve itself, as its environment says.
"""

from __future__ import annotations

import sys
from typing import Any

from ray.serve._private import haproxy
from ray.serve._private.common import RequestProtocol
from ray.serve.config import HTTPOptions, gRPCOptions

NOBODYS_PORT = 1  # Serve's own proxy, which nothing is to pass through


def main(file: str, http_port: str, grpc_port: str, *replicas: str) -> None:
    """Write it."""
    backends = {}
    for protocol, which in ((RequestProtocol.HTTP, 1), (RequestProtocol.GRPC, 2)):
        servers = [replica.split(":") for replica in replicas]
        name = f"{protocol.value.lower()}-tiny"
        backends[name] = haproxy.BackendConfig(
            name=name,
            path_prefix="/",
            app_name="tiny",
            protocol=protocol,
            servers=[haproxy.ServerConfig(server[0], "127.0.0.1", int(server[which])) for server in servers],
            fallback_server=haproxy.ServerConfig("SERVE_PROXY_ACTOR-head", "127.0.0.1", NOBODYS_PORT),
        )
    configuration = haproxy.HAProxyConfig(
        http_options=HTTPOptions(host="127.0.0.1", port=int(http_port)),
        grpc_options=gRPCOptions(port=int(grpc_port), grpc_servicer_functions=["tiny"]),
        is_head=True,
    )
    api: Any = haproxy.HAProxyApi(configuration, config_file_path=file)
    api.set_backend_configs(backends)
    api._generate_config_file_internal()


if __name__ == "__main__":
    main(*sys.argv[1:])
