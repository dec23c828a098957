"""`python -m tests.stack.replica_hand DATA_DIR`: replaces the gateway replicas of a running stack, as an upgrade does.

A second driver on the stack's Ray. It deploys the gateway with another log level, so Serve starts a new replica for
each old one and stops that gracefully; returns when that is done.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
from pathlib import Path
from typing import Any

import asyncpg
import ray
from ray import serve as ray_serve

from actors.directory import NAMESPACE
from serve.gateway import Gateway, GatewayConfig
from serve.local.preflight import LOOPBACK
from serve.local.processes import marked, named
from serve.local.ray_session import ray_environment
from serve.local.stack import DataFolder, Stack, find_stack


async def _generation(database_url: str) -> int:
    connection = await asyncpg.connect(database_url)
    try:
        return int(await connection.fetchval("select max(epoch >> 40) from shards"))
    finally:
        await connection.close()


def _address(folder: DataFolder) -> str:
    """Where the stack's Ray is, as its raylet was told."""
    (raylet,) = named(marked(folder.stack_id), "raylet")
    words = Path(f"/proc/{raylet}/cmdline").read_text().split("\0")
    return next(word.partition("=")[2] for word in words if re.match("--gcs.address=", word))


def _replace(stack: Stack, folder: DataFolder) -> None:
    ray.init(address=_address(folder), namespace=NAMESPACE, log_to_driver=False, _node_ip_address=LOOPBACK)
    deployment: Any = Gateway
    config = GatewayConfig(
        stack.database_url,
        stack.redis_url,
        folder.secret("link").read_bytes(),
        asyncio.run(_generation(stack.database_url)),
        "warning",
    )
    gateway = deployment.options(num_replicas=stack.settings.gateways_started).bind(config)
    ray_serve.run(gateway, name="holdfast", route_prefix="/")


if __name__ == "__main__":
    data_dir = Path(sys.argv[1])
    found, its_folder = find_stack(data_dir), DataFolder(data_dir)
    assert found is not None, "no stack runs there"
    wanted = ray_environment(found.settings, its_folder)
    if os.environ.get("RAY_AUTH_TOKEN_PATH") != wanted["RAY_AUTH_TOKEN_PATH"]:
        os.execve(
            sys.executable, [sys.executable, "-m", "tests.stack.replica_hand", str(data_dir)], os.environ | wanted
        )
    _replace(found, its_folder)
