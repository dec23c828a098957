"""What can be set, read once from flags and `HOLDFAST_*` variables into one typed value."""

from __future__ import annotations

import difflib
import ipaddress
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

PREFIX = "HOLDFAST_"
INNER_PORT_COUNT = 300
"""Ports from `inner_port` on that belong to one stack (statistics, metrics, fallbacks, replicas)."""

KEY_VARIABLE = PREFIX + "KEY"
OPERATOR_KEY_VARIABLE = PREFIX + "OPERATOR_KEY"

BESIDE = (KEY_VARIABLE, OPERATOR_KEY_VARIABLE, PREFIX + "STACK_ID")
"""Variables that are no settings: the commands' keys, and the mark that the stack gives its own processes."""

_OF_OTHERS = re.compile(
    rf"{PREFIX}(TEST_\w+|(\w+_)?SERVICE_HOST|(\w+_)?SERVICE_PORT(_\w+)?|(\w+_)?PORT_\d+_(TCP|UDP|SCTP)(_\w+)?)=.*"
    rf"|{PREFIX}(\w+_)?PORT=(tcp|udp|sctp)://.*",
    re.DOTALL,
)
"""What the tests read, and what Kubernetes sets for services whose names begin as ours does; as NAME=value."""

LOG_LEVELS = ("debug", "info", "warning", "error")


class SettingError(ValueError):
    """A setting has a value that is not allowed; the text is one line for the person who set it."""


def _usable_cores() -> int:
    return len(os.sched_getaffinity(0))


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """All settings of one stack on one machine; build it with `from_environ`, which validates."""

    host: str = "127.0.0.1"
    http_port: int = 8000
    grpc_port: int = 9000
    postgres_port: int = 5433
    redis_port: int = 6380
    inner_port: int = 28000
    data_dir: Path = Path(".holdfast")
    database_url: str | None = None  # None: the embedded PostgreSQL
    redis_url: str | None = None  # None: the embedded Redis
    cores: int = msgspec.field(default_factory=_usable_cores)
    shards: int = 1
    gateway_replicas: int = 1
    log_level: str = "info"
    disk_reserve_mb: int = 1024

    @classmethod
    def from_environ(cls, environ: Mapping[str, str], overrides: Mapping[str, object] | None = None) -> Settings:
        """Settings from the environment, flags (`overrides`; None means not given) going first.

        Raises SettingError with one line that names the setting and what is allowed.
        """
        given = {name: value for name, value in (overrides or {}).items() if value is not None}
        unknown = given.keys() - _READERS.keys()
        if unknown:
            raise SettingError(f"there is no setting {min(unknown)}; there are {', '.join(sorted(_READERS))}")
        _check_names(environ)
        values: dict[str, Any] = {}
        for name, read in _READERS.items():
            raw = given.get(name, environ.get(variable_of(name), ""))
            if str(raw) == "":
                continue
            try:
                values[name] = read(str(raw).strip())
            except ValueError as error:
                raise SettingError(f"{described(name)} is {str(raw)!r}: {error}") from None
        settings = cls(**values)
        _check_ports(settings)
        return settings

    def ports(self) -> dict[str, int]:
        """The ports that this stack opens for others, by the name of the setting."""
        ports = {"http_port": self.http_port, "grpc_port": self.grpc_port}
        if self.database_url is None:
            ports["postgres_port"] = self.postgres_port
        if self.redis_url is None:
            ports["redis_port"] = self.redis_port
        return ports

    @property
    def gateways_started(self) -> int:
        """How many gateway replicas there are; one that takes all requests has another beside it that stands by."""
        return max(self.gateway_replicas, 2)

    @property
    def one_stands_by(self) -> bool:
        """Whether one gateway replica takes all calls, and another waits; else all share them."""
        return self.gateway_replicas == 1


def variable_of(name: str) -> str:
    """The environment variable of a setting."""
    return PREFIX + name.upper()


def flag_of(name: str) -> str:
    """The command line flag of a setting."""
    return "--" + name.replace("_", "-")


def described(name: str) -> str:
    """A setting as a person sets it: flag and variable."""
    return f"{flag_of(name)} ({variable_of(name)})"


def _integer(low: int, high: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not (text.isascii() and text.isdecimal() and low <= int(text) <= high):
            raise ValueError(f"a whole number from {low} to {high} is allowed")
        return int(text)

    return read


def _host(text: str) -> str:
    try:
        return str(ipaddress.ip_address("127.0.0.1" if text == "localhost" else text))
    except ValueError:
        raise ValueError("an IP address of this machine or localhost is allowed") from None


def _log_level(text: str) -> str:
    if text.lower() not in LOG_LEVELS:
        raise ValueError(f"one of {', '.join(LOG_LEVELS)} is allowed")
    return text.lower()


def _url(*schemes: str) -> Callable[[str], str]:
    beginnings = tuple(f"{scheme}://" for scheme in schemes)

    def read(text: str) -> str:
        if not text.startswith(beginnings):
            raise ValueError(f"an address that begins with {' or '.join(beginnings)} is allowed")
        return text

    return read


_port = _integer(1024, 65535)

_READERS: dict[str, Callable[[str], object]] = {
    "host": _host,
    "http_port": _port,
    "grpc_port": _port,
    "postgres_port": _port,
    "redis_port": _port,
    "inner_port": _integer(1024, 65535 - INNER_PORT_COUNT),
    "data_dir": lambda text: Path(text).expanduser(),
    "database_url": _url("postgresql", "postgres"),
    "redis_url": _url("redis", "rediss", "unix"),
    "cores": _integer(1, 1024),
    "shards": _integer(1, 256),
    "gateway_replicas": _integer(1, 64),
    "log_level": _log_level,
    "disk_reserve_mb": _integer(0, 1_000_000),
}


def _check_names(environ: Mapping[str, str]) -> None:
    """Whatever has our prefix is known; a name that is misspelt would set nothing. Raises SettingError."""
    known = {name.removeprefix(PREFIX) for name in (*map(variable_of, _READERS), *BESIDE)}
    for name in sorted(environ):
        given = name.removeprefix(PREFIX)
        if given == name or given in known or not environ[name] or _OF_OTHERS.fullmatch(f"{name}={environ[name]}"):
            continue
        near = difflib.get_close_matches(given.upper(), known, 1)
        advice = f"is {PREFIX}{near[0]} meant?" if near else "see holdfast run --help"
        raise SettingError(f"there is no setting {name}: {advice}")


def _check_ports(settings: Settings) -> None:
    """Each port has one use. Raises SettingError."""
    names: dict[int, str] = {}
    for name, port in settings.ports().items():
        if port in names:
            raise SettingError(f"{described(name)} is {port}, which is also {described(names[port])}: they must differ")
        if settings.inner_port <= port < settings.inner_port + INNER_PORT_COUNT:
            raise SettingError(
                f"{described(name)} is {port}, which lies in the {INNER_PORT_COUNT} ports from "
                f"{described('inner_port')} {settings.inner_port}: they must differ"
            )
        names[port] = name
