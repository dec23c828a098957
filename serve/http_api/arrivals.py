"""What arrives over HTTP, read within bounds: envelope, key, body."""

import asyncio
import re
from contextlib import ExitStack
from typing import Any, TypeAlias, TypeVar, cast

from litestar import Request

from actors.core.outcomes import Rejected
from serve.admission import Admission, Envelope
from serve.arrival import ARRIVED_HEADER, arrived_ms
from serve.members import GIVEN_TWICE
from serve.refusals import invalid, too_large
from serve.second_hand import ASKED_HEADER, FIRST_HEADER, is_second_hand
from serve.sizes import MAX_BODY_BYTES, SMALL_BODY_BYTES
from serve.validation import MAX_FAULTS, Shape, missing_revision, read_fields, read_json

HttpRequest: TypeAlias = Request[Any, Any, Any]

BODY_TIMEOUT_S = 10.0

SINGLE_HEADERS = ("authorization", "idempotency-key", "content-type", "if-match")
"""Headers with one value: of two, nobody between us and the caller need have meant the same one."""

S = TypeVar("S", bound=Shape)

_JSON_TYPE = re.compile(r"application/(?:[a-z0-9.+-]+\+)?json\s*(?:;\s*charset=\"?utf-8\"?\s*)?", re.IGNORECASE)
_QUOTED = re.compile(r'"((?:[^"\\]|\\["\\])*)"')
_REVISION = re.compile(r'"([1-9][0-9]{0,14})"')
_ESCAPED = re.compile(r"\\(.)")


def envelope_of(request: HttpRequest) -> Envelope:
    """Credential, idempotency key and time of arrival as the headers bear them."""
    headers = request.headers
    arrived = arrived_ms(headers.getall(ARRIVED_HEADER, ()))
    repeated = [name for name in SINGLE_HEADERS if len(headers.getall(name, ())) > 1]
    faults = tuple(f"{name.replace('-', '_')}: {GIVEN_TWICE}" for name in repeated) if repeated else ()
    key = _unquoted(headers.get("idempotency-key"))
    second_hand = is_second_hand(headers.getall(FIRST_HEADER, ()), headers.getall(ASKED_HEADER, ()))
    return Envelope(headers.get("authorization"), arrived, key, faults=faults, second_hand=second_hand)


async def body_of(request: HttpRequest, shape: type[S], max_bytes: int = MAX_BODY_BYTES) -> S | Rejected:
    """The request's JSON body in that shape, or why it cannot be had."""
    try:
        with ExitStack() as arriving:
            async with asyncio.timeout(BODY_TIMEOUT_S):
                body = await _read(request, max_bytes, arriving)
    except TimeoutError:
        return invalid(f"body: did not arrive within {BODY_TIMEOUT_S:.0f} s")
    if isinstance(body, Rejected):
        return body
    if body:
        faults = _header_faults(request)
        if faults:
            return invalid(*faults)
    return read_json(body, shape)


def query_of(request: HttpRequest, shape: type[S]) -> S | Rejected:
    """The query's parameters in that shape, or why it cannot be had."""
    parameters = request.query_params
    read = read_fields({name: parameters[name] for name in parameters}, shape, strict=False)
    repeated = [name for name in parameters if len(parameters.getall(name)) > 1]
    if not repeated:
        return read
    faults = (f"{name[:64]}: {GIVEN_TWICE}" for name in repeated[:MAX_FAULTS])
    return invalid(*faults, *(read.details.fields if isinstance(read, Rejected) else ()))


def is_known(request: HttpRequest, etag: str) -> bool:
    """Whether the caller says in `If-None-Match` that it has what bears this validator (RFC 9110, 13.1.2)."""
    named = [tag.strip().removeprefix("W/") for tag in ",".join(request.headers.getall("if-none-match", ())).split(",")]
    return etag in named or "*" in named


def revision_of(request: HttpRequest) -> int | Rejected:
    """The revision that `If-Match` names, or why there is none."""
    named = request.headers.get("if-match")
    if named is None:
        return missing_revision()
    revision = _REVISION.fullmatch(named.strip())
    if revision is None:
        return invalid('if_revision: If-Match must be the ETag of the event as it was read, such as "3"')
    return int(revision[1])


async def _read(request: HttpRequest, max_bytes: int, arriving: ExitStack) -> bytes | Rejected:
    """The body, up to `max_bytes`; counted as it arrives, whatever its length is said to be."""
    said = request.headers.get("content-length", "")
    said_bytes = int(said[:20]) if said.isdecimal() else 0
    if said_bytes > max_bytes:
        return too_large(max_bytes)
    parts: list[bytes] = []
    size_bytes = 0
    is_let_arrive = False
    while True:
        if not is_let_arrive and max(said_bytes, size_bytes) > SMALL_BODY_BYTES:
            admission = cast(Admission, request.app.state["operations"])
            refusal = await admission.let_arrive(
                request.headers.get("authorization"), said_bytes or max_bytes, arriving
            )
            if refusal is not None:
                return refusal
            is_let_arrive = True
        arrived = await request.receive()
        if arrived["type"] != "http.request":
            return invalid("body: the connection ended before it was complete")
        parts.append(arrived["body"])
        size_bytes += len(arrived["body"])
        if size_bytes > max_bytes:
            return too_large(max_bytes)
        if not arrived["more_body"]:
            return b"".join(parts)


def _header_faults(request: HttpRequest) -> tuple[str, ...]:
    faults = []
    content_type = request.headers.get("content-type")
    if content_type is not None and not _JSON_TYPE.fullmatch(content_type.strip()):
        faults.append("content_type: must be application/json in UTF-8")
    if any(encoding.lower() != "identity" for encoding in request.headers.getall("content-encoding", ())):
        faults.append("content_encoding: is not supported")
    return tuple(faults)


def _unquoted(key: str | None) -> str | None:
    """The text of a structured-field string; a bare string stands for itself."""
    if key is None or not key.startswith('"'):
        return key
    quoted = _QUOTED.fullmatch(key)
    return _ESCAPED.sub(r"\1", quoted[1]) if quoted else "\0"  # which `key_faults` refuses
