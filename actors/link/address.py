"""Where a shard listens: a Unix socket on one machine, TCP in a cluster; one text form for both."""

from typing import TypeAlias

import msgspec

MAX_UNIX_PATH_BYTES = 107  # sun_path of unix(7), less its closing zero


class UnixAddress(msgspec.Struct, frozen=True):
    """A Unix socket; `path` is absolute."""

    path: str

    def __str__(self) -> str:
        """`unix:/path`."""
        return f"unix:{self.path}"


class TcpAddress(msgspec.Struct, frozen=True):
    """A TCP port; `host` is a name or an address, IPv6 without brackets. Port 0 lets the system choose."""

    host: str
    port: int

    def __str__(self) -> str:
        """`tcp:host:port`, `tcp:[::1]:port`."""
        return f"tcp:[{self.host}]:{self.port}" if ":" in self.host else f"tcp:{self.host}:{self.port}"


Address: TypeAlias = UnixAddress | TcpAddress


def parse_address(text: str) -> Address:
    """The address that `str` of an address gave; ValueError says what is wrong with it."""
    scheme, _, place = text.partition(":")
    if scheme == "unix":
        return _unix_address(place)
    if scheme == "tcp":
        return _tcp_address(place)
    raise ValueError(f"an address is unix:/path or tcp:host:port, not {text!r}")


def _unix_address(path: str) -> UnixAddress:
    if not path.startswith("/") or "\0" in path:
        raise ValueError(f"the path of a Unix socket must be absolute, not {path!r}")
    if len(path.encode()) > MAX_UNIX_PATH_BYTES:
        raise ValueError(f"the path of a Unix socket has at most {MAX_UNIX_PATH_BYTES} bytes: {path!r}")
    return UnixAddress(path)


def _tcp_address(place: str) -> TcpAddress:
    host, _, port = place.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise ValueError(f"an IPv6 address goes in brackets, as in tcp:[::1]:7000, not {place!r}")
    if not host:
        raise ValueError(f"a TCP address names its host, as in tcp:127.0.0.1:7000, not {place!r}")
    if not (port.isascii() and port.isdigit()) or int(port) > 65_535:
        raise ValueError(f"a TCP port is a number up to 65535, not {port!r}")
    try:
        host.encode("idna")
    except UnicodeError as error:
        raise ValueError(f"{host!r} is no name of a host: {error}") from None
    return TcpAddress(host, int(port))
