"""What must be true of the machine before anything is started; each refusal is one line that says what to change."""

from __future__ import annotations

import errno
import platform
import random
import shutil
import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import cache
from itertools import cycle
from pathlib import Path

from serve.settings import Settings, described

LOOPBACK = "127.0.0.1"
INNER_PORTS: Mapping[str, int] = {
    "statistics": 0,
    "metrics": 1,
    "fallback HTTP": 2,
    "fallback gRPC": 3,
    "Ray's agent": 4,
    "metrics of Ray": 5,
}
"""Ports of one stack that are fixed, counted from `inner_port`; HAProxy, Serve and Ray listen there on loopback."""
REPLICA_HTTP_PORTS = (10, 149)
REPLICA_GRPC_PORTS = (150, 289)
ASKED_FOR_PORTS = (10_000, 20_000)


class CannotStart(Exception):
    """The stack cannot be started (or kept running); the text is one line for the person who started it."""


def check_platform() -> None:
    """The wheels that hold HAProxy, PostgreSQL and Redis exist for Linux x86-64 only. Raises CannotStart."""
    if sys.platform != "linux" or platform.machine() != "x86_64":
        raise CannotStart(f"Holdfast runs on Linux x86-64 only; this is {sys.platform} {platform.machine()}")


def check_ports(settings: Settings) -> None:
    """Every fixed port of the stack is free. Raises CannotStart naming the setting."""
    for name, port in settings.ports().items():
        address = settings.host if name in ("http_port", "grpc_port") else LOOPBACK
        _check_port(address, port, name)
    for use, distance in INNER_PORTS.items():
        port = settings.inner_port + distance
        _check_port(LOOPBACK, port, "inner_port", f"it is for {use}; choose another range")


def check_disk(settings: Settings, held: str = "") -> None:
    """The data folder's disk has the reserve that PostgreSQL needs to keep going. Raises CannotStart.

    `held`: what is to be said of log that waits for a backup there.
    """
    free_mb = shutil.disk_usage(settings.data_dir).free // 1_000_000
    if free_mb < settings.disk_reserve_mb:
        raise CannotStart(
            f"{settings.data_dir} has {free_mb} MB left and {settings.disk_reserve_mb} MB are required: make room, "
            f"or choose another folder with {described('data_dir')}, or less with {described('disk_reserve_mb')}{held}"
        )


def free_port() -> int:
    """A loopback port that nobody has now, nor is given by the kernel to whoever asks for any (32768 and above).

    One of 10,000, in an order of each process's own: who asks at the same time hardly ever gets the same, and who asks
    again gets another.
    """
    while True:
        port = next(_ports_in_turn())
        with socket.socket() as probe, suppress(OSError):
            probe.bind((LOOPBACK, port))
            return port


@cache
def _ports_in_turn() -> Iterator[int]:
    ports = list(range(*ASKED_FOR_PORTS))
    random.SystemRandom().shuffle(ports)  # two processes with the same seed are to differ
    return cycle(ports)


def no_room(folder: Path, held: str = "") -> CannotStart:
    """The refusal for a full disk, wherever it is noticed; `held` as in `check_disk`."""
    return CannotStart(
        f"no space left on the disk of {folder}: make room or choose another with {described('data_dir')}{held}"
    )


def _check_port(address: str, port: int, setting: str, advice: str = "choose another") -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as probe:
        # As servers do: a port whose last connections still fade is free, one that somebody listens on is not.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError as error:
            if error.errno == errno.EADDRNOTAVAIL:
                setting, advice = "host", "choose an address of this machine"
            why = f"cannot listen on {address} port {port} ({error.strerror})"
            raise CannotStart(f"{why}: {advice} with {described(setting)}") from None
