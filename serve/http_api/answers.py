"""What a route answers: what came back, rendered, or why it was refused."""

from collections.abc import Callable
from typing import TypeVar, cast

import msgspec
from litestar import Response

from actors.core.ids import BlockId
from actors.core.outcomes import Rejected
from actors.core.replies import EventReply, HoldReply, OrderReply, WaiterReply
from actors.reservations import Done
from serve.http_api.arrivals import HttpRequest
from serve.http_api.event_views import event_view
from serve.http_api.problems import problem_response
from serve.operations import Operations

R = TypeVar("R", EventReply, HoldReply, OrderReply, WaiterReply)


def operations_of(request: HttpRequest) -> Operations:
    """What the application can be asked."""
    return cast(Operations, request.app.state["operations"])


def answered(
    request: HttpRequest, done: Done[R] | Rejected, view: Callable[[BlockId, R], msgspec.Struct]
) -> Response[bytes]:
    """What a block answered, with the route's status: a creation keeps its 201 when it is replayed."""
    return refused(request, done) if isinstance(done, Rejected) else shown(view(done.block, done.reply), _replay(done))


def event_answered(request: HttpRequest, done: Done[EventReply] | Rejected) -> Response[bytes]:
    """An event as its block sees it, under its revision."""
    if isinstance(done, Rejected):
        return refused(request, done)
    return shown(event_view(done.block, done.reply), {"ETag": f'"{done.reply.revision}"', **_replay(done)})


def shown(view: msgspec.Struct, headers: dict[str, str] | None = None) -> Response[bytes]:
    """A view as JSON."""
    return Response(msgspec.json.encode(view), media_type="application/json", headers=headers)


def refused(request: HttpRequest, refusal: Rejected) -> Response[bytes]:
    """A refusal as a problem document."""
    return problem_response(refusal, request.scope["path"])


def _replay(done: Done[R]) -> dict[str, str]:
    return {"Idempotency-Replayed": "true"} if done.replayed else {}
