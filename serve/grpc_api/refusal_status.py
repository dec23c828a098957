"""The one place where a refusal becomes a gRPC status with `google.rpc` details.

Handlers never raise: Ray Serve would drop the details, call the status INTERNAL and show the exception's text to the
client. They set code, details and trailing metadata on the context and return an empty reply, which grpc.aio ignores.
"""

import time
from collections.abc import Iterable, Sequence
from typing import Protocol

from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status
from grpc import StatusCode

from actors.core.outcomes import Rejected
from serve.refusals import STANDINGS, ask_again_after_ms, explanation, split_fault
from serve.wire_time import rfc3339

DOMAIN = "holdfast"
STATUS_DETAILS = "grpc-status-details-bin"

MAX_NAMED_BYTES = 1_250
"""How much room names get, and faults: stock clients drop replies with more than 8 kB of trailing metadata."""


class GrpcContext(Protocol):
    """What the handlers need of a call's context; grpc.aio's and Ray Serve's both have it."""

    def invocation_metadata(self) -> Sequence[tuple[str, str | bytes]]:
        """The metadata that the client sent."""
        ...

    def set_code(self, code: StatusCode) -> None:
        """Set the status code."""
        ...

    def set_details(self, details: str) -> None:
        """Set the status message."""
        ...

    def set_trailing_metadata(self, trailing_metadata: list[tuple[str, bytes]]) -> None:
        """Set the metadata that goes with the status."""
        ...


def refuse(context: GrpcContext, refusal: Rejected) -> None:
    """End the call with this refusal."""
    status = status_of(refusal)
    context.set_code(STANDINGS[refusal.reason].grpc_code)
    context.set_details(status.message)
    context.set_trailing_metadata([(STATUS_DETAILS, status.SerializeToString())])  # Ray Serve takes nothing but a list


def status_of(refusal: Rejected) -> Status:
    """The refusal as a `google.rpc.Status`."""
    standing = STANDINGS[refusal.reason]
    details: list[Message] = [ErrorInfo(reason=refusal.reason.name, domain=DOMAIN, metadata=_metadata(refusal))]
    if refusal.details.fields:
        details.append(_bad_request(refusal.details.fields))
    wait_ms = ask_again_after_ms(refusal, int(time.time() * 1000))
    if wait_ms is not None:
        retry = RetryInfo()
        retry.retry_delay.FromMilliseconds(wait_ms)
        details.append(retry)
    return Status(code=standing.grpc_code.value[0], message=explanation(refusal), details=map(_packed, details))


def _metadata(refusal: Rejected) -> dict[str, str]:
    details = refusal.details
    metadata = {}
    if details.units:
        named, left_off = _within_bounds(details.units)
        metadata["units"] = "\n".join(named)
        if left_off:
            metadata["units_left_off"] = str(left_off)
    if details.available is not None:
        metadata["available"] = str(details.available)
    if details.retry_at_ms is not None:
        metadata["retry_at"] = rfc3339(details.retry_at_ms)
    if details.event:
        metadata["event_id"] = details.event
    return metadata


def _bad_request(faults: tuple[str, ...]) -> BadRequest:
    named, left_off = _within_bounds(faults)
    if left_off:
        named = [*named, f"request: {left_off} more faults"]
    violations = []
    for field, problem in map(split_fault, named):
        violations.append(BadRequest.FieldViolation(field=field, description=problem))
    return BadRequest(field_violations=violations)


def _within_bounds(texts: Iterable[str]) -> tuple[list[str], int]:
    """As many of the texts as have room, and how many have not."""
    kept: list[str] = []
    room_bytes, left_off = MAX_NAMED_BYTES, 0
    for text in texts:
        room_bytes -= len(text.encode()) + 4
        if room_bytes >= 0:
            kept.append(text)
        else:
            left_off += 1
    return kept, left_off


def _packed(detail: Message) -> AnyMessage:
    packed = AnyMessage()
    packed.Pack(detail)
    return packed
