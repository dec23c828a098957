"""Health: whether the process is alive, and whether it can sell. Neither needs a key."""

from collections.abc import Awaitable, Callable
from typing import cast

import msgspec
from litestar import Response

from serve.http_api.arrivals import HttpRequest
from serve.http_api.reading import get

Readiness = Callable[[], Awaitable[tuple[str, ...]]]
"""What keeps this gateway from selling, in words; empty when nothing does."""


class Health(msgspec.Struct, frozen=True):
    """`problems`: why not, when it is not ready. `remarks`: what it can sell in spite of."""

    status: str
    problems: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


@get("/healthz")
async def healthz() -> Response[bytes]:
    """The process is alive."""
    return _response(Health("alive"), 200)


@get("/readyz")
async def readyz(request: HttpRequest) -> Response[bytes]:
    """The gateway can sell: 200 if so, else 503 and why not: no shard, one that is silent or cannot write, no Postgres.

    An event that is quarantined keeps nobody from selling others, nor does a directory, projector or auditor that
    hangs, an alarm that is open, or a backup whose log nobody receives: that is a remark.

    What only a write would show is known once one was tried: an idle cluster may be ready for a write that then fails.
    """
    state = request.app.state
    problems = await cast(Readiness, state["readiness"])()
    if problems:
        return _response(Health("not ready", problems), 503)
    return _response(Health("ready", remarks=await cast(Readiness, state["remarks"])()), 200)


def _response(health: Health, status: int) -> Response[bytes]:
    headers = {"Cache-Control": "no-store"}
    body = msgspec.json.encode(health)
    return Response(body, status_code=status, media_type="application/json", headers=headers)
