"""The file that Ray Serve writes for HAProxy: written by Serve once for each environment, as it takes seconds to be
loaded, and then with other ports and another folder.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

from serve.local.preflight import free_port
from serve.local.ray_session import ray_environment
from serve.local.stack import DataFolder
from serve.settings import Settings

HERE = Path(__file__).parent
FIRST_PORT = 64_000  # of those that stand in the written file for the real ones
FILE, SOCKET = "haproxy.cfg", "admin.sock"


class Replica(NamedTuple):
    """Where one listens."""

    name: str
    http_port: int
    grpc_port: int


def environment_of(folder: Path, inner_port: int, metrics_port: int, gateways: int = 1) -> dict[str, str]:
    """What a stack tells Ray Serve, whose HAProxy has its files in this folder."""
    own = {
        "RAY_SERVE_HAPROXY_SOCKET_PATH": str(folder / SOCKET),
        "RAY_SERVE_HAPROXY_METRICS_PORT": str(metrics_port),
        "RAY_SERVE_HAPROXY_SERVER_STATE_BASE": str(folder),
        "RAY_SERVE_HAPROXY_SERVER_STATE_FILE": str(folder / "state"),
    }
    settings = Settings(inner_port=inner_port, gateway_replicas=gateways)
    return os.environ | ray_environment(settings, DataFolder(folder)) | own


def write_haproxy_file(
    folder: Path,
    http_port: int,
    grpc_port: int,
    replicas: Sequence[Replica],
    changed: Mapping[str, str],
    gateways: int = 1,
) -> None:
    """Into this folder. `changed`: of what Serve reads from the environment."""
    written = _written(tuple(sorted(changed.items())), tuple(replica.name for replica in replicas), gateways)
    others = (http_port, grpc_port, *(port for replica in replicas for port in replica[1:]))
    ports = {str(FIRST_PORT + number): str(port) for number, port in enumerate((free_port(), free_port(), *others))}
    for name, text in written.items():
        own = re.sub(r"(?<=:)\d+\b", lambda found: ports.get(found[0], found[0]), text)
        (folder / name).write_text(own.replace(_PLACE, str(folder)))


_PLACE = "/place-of-the-test"


@cache
def _written(changed: tuple[tuple[str, str], ...], names: tuple[str, ...], gateways: int) -> dict[str, str]:
    """The texts by name of file, with ports from `FIRST_PORT` on: of statistics, of metrics, of both protocols, of each
    replica's.
    """
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        environment = environment_of(folder, FIRST_PORT, FIRST_PORT + 1, gateways) | dict(changed)
        command = [sys.executable, str(HERE / "write_haproxy_file.py"), str(folder / FILE)]
        ports = [str(FIRST_PORT + 2), str(FIRST_PORT + 3)]
        first_of_each = range(FIRST_PORT + 4, FIRST_PORT + 4 + 2 * len(names), 2)
        replicas = [f"{name}:{port}:{port + 1}" for name, port in zip(names, first_of_each, strict=True)]
        subprocess.run([*command, *ports, *replicas], check=True, env=environment)
        return {file.name: file.read_text().replace(place, _PLACE) for file in folder.iterdir() if file.is_file()}
