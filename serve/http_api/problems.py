"""Refusals as RFC 9457 problem documents."""

import time
from urllib.parse import quote

import msgspec
from litestar import Response
from litestar.exceptions import HTTPException, MethodNotAllowedException, NotFoundException

from actors.core.outcomes import Reason, Rejected
from serve.bugs import report_bug
from serve.http_api.arrivals import HttpRequest
from serve.refusals import STANDINGS, ask_again_after_ms, explanation, invalid, is_transient, split_fault
from serve.wire_time import rfc3339

PROBLEM_JSON = "application/problem+json"
SAFE_METHODS = ("GET", "HEAD")
"""All others write, under an idempotency key."""

ASTRAY = {
    "ROUTE_NOT_FOUND": (404, "There is no such path"),
    "METHOD_NOT_ALLOWED": (405, "The path does not have this method"),
}
"""Codes that only HTTP has, for requests that no route is for; gRPC calls that UNIMPLEMENTED."""


class FieldFault(msgspec.Struct, frozen=True):
    """A field and what is wrong with it."""

    field: str
    problem: str


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """An RFC 9457 problem document. `code` names the reason, as over gRPC; `type` is where it is explained.

    `event_id`: which event refused, where several were asked.
    """

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    transient: bool
    fields: tuple[FieldFault, ...] = ()
    units: tuple[str, ...] = ()
    available: int | None = None
    retry_at: str | None = None
    event_id: str | None = None


def type_of(code: str) -> str:
    """Where the documentation explains the code."""
    return f"/docs#{code}"


def problem_response(refusal: Rejected, path: str) -> Response[bytes]:
    """The refusal as a response to a request for `path`."""
    standing = STANDINGS[refusal.reason]
    details = refusal.details
    problem = Problem(
        type=type_of(refusal.reason.name),
        title=standing.title,
        status=standing.http_status,
        detail=explanation(refusal),
        instance=quote(path),
        code=refusal.reason.name,
        transient=is_transient(refusal),
        fields=tuple(FieldFault(*split_fault(fault)) for fault in details.fields),
        units=details.units,
        available=details.available,
        retry_at=None if details.retry_at_ms is None else rfc3339(details.retry_at_ms),
        event_id=details.event or None,
    )
    return _response(problem, _headers(refusal))


def on_exception(request: HttpRequest, error: Exception) -> Response[bytes]:
    """What is left: a path or method that does not exist, or a bug, of which nothing is told outside."""
    if isinstance(error, NotFoundException):
        return _astray(request, "ROUTE_NOT_FOUND", {})
    if isinstance(error, MethodNotAllowedException):
        return _astray(request, "METHOD_NOT_ALLOWED", dict(error.headers or {}))
    if isinstance(error, HTTPException) and error.status_code < 500:
        return problem_response(invalid(f"request: {error.detail}"), request.scope["path"])
    where = f"{request.method} {request.scope['path']}"
    bug = report_bug(error, where, to_write=request.method not in SAFE_METHODS)
    return problem_response(bug, request.scope["path"])


def _astray(request: HttpRequest, code: str, headers: dict[str, str]) -> Response[bytes]:
    """The reply to a request that no route is for."""
    status, title = ASTRAY[code]
    path = request.scope["path"]
    problem = Problem(type_of(code), title, status, f"{title}: {request.method} {path}.", path, code, transient=False)
    return _response(problem, headers)


def _headers(refusal: Rejected) -> dict[str, str]:
    """`Retry-After` in whole seconds where the caller is asked to wait, and what 401 must bear."""
    if refusal.reason is Reason.UNAUTHENTICATED:
        return {"WWW-Authenticate": 'Bearer realm="holdfast"'}
    if STANDINGS[refusal.reason].http_status not in (429, 503):
        return {}
    wait_ms = ask_again_after_ms(refusal, int(time.time() * 1000))
    return {} if wait_ms is None else {"Retry-After": str(max(-(-wait_ms // 1000), 1))}


def _response(problem: Problem, headers: dict[str, str]) -> Response[bytes]:
    body = msgspec.json.encode(problem)
    return Response(body, status_code=problem.status, media_type=PROBLEM_JSON, headers=headers)
