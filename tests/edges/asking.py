"""One question asked over both protocols, and what each answered, in one form."""

import json
from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, NamedTuple, cast

import grpc
import httpx
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status
from grpc_status import rpc_status

from holdfast.v1 import (
    availability_pb2,
    availability_pb2_grpc,
    events_pb2,
    events_pb2_grpc,
    holds_pb2,
    holds_pb2_grpc,
    orders_pb2,
    orders_pb2_grpc,
    waiting_pb2,
    waiting_pb2_grpc,
)
from serve.arrival import ARRIVED_HEADER
from serve.second_hand import ASKED_HEADER, FIRST_HEADER
from tests.edges.edge_stack import Edges


class Ask(NamedTuple):
    """What is asked. `body` is what HTTP sends as JSON and gRPC as fields; `raw` is sent instead where it is given.

    `tenant`: whose key (see `Edges.bearer`), None: without a credential; `authorization` replaces the tenant's own;
    `wrong_secret`: the tenant's key with another last digit. `stamps`: of arrival, as a front gives one; `first`,
    `asked`: likewise, who was to be asked first, and who is.
    """

    operation: str
    body: Mapping[str, Any] = MappingProxyType({})
    event_id: str = ""
    hold_id: str = ""
    order_id: str = ""
    ticket_id: str = ""
    waiter_id: str = ""
    if_revision: int | None = None
    key: str | None = "the key"
    tenant: str | None = "alpha"
    authorization: str | None = None
    wrong_secret: bool = False
    raw: bytes | None = None
    stamps: tuple[str, ...] = ()
    first: tuple[str, ...] = ()
    asked: tuple[str, ...] = ()

    @property
    def of_the_front(self) -> list[tuple[str, str]]:
        """What a front gives, as headers."""
        given = {ARRIVED_HEADER: self.stamps, FIRST_HEADER: self.first, ASKED_HEADER: self.asked}
        return [(header, value) for header, values in given.items() for value in values]


class Answered(NamedTuple):
    """What came back. `code` is empty if it was not refused; `fields` are (field, problem)."""

    protocol: str
    status: int | str
    code: str
    fields: tuple[tuple[str, str], ...]
    units: tuple[str, ...]
    available: int | None
    retry_at: str | None
    wait_s: float | None
    reply: Any
    event_id: str = ""


ROUTES = {
    "create_event": ("POST", "/v1/events"),
    "edit_event": ("PATCH", "/v1/events/{event_id}"),
    "open_sale": ("POST", "/v1/events/{event_id}/open-sale"),
    "pause_sale": ("POST", "/v1/events/{event_id}/pause-sale"),
    "close_sale": ("POST", "/v1/events/{event_id}/close-sale"),
    "cancel_event": ("POST", "/v1/events/{event_id}/cancel"),
    "archive_event": ("POST", "/v1/events/{event_id}/archive"),
    "get_event": ("GET", "/v1/events/{event_id}"),
    "get_layout_document": ("GET", "/v1/events/{event_id}/layout-document"),
    "get_digest": ("GET", "/v1/events/{event_id}/digest"),
    "get_status": ("GET", "/v1/status"),
    "list_events": ("GET", "/v1/events"),
    "get_availability": ("GET", "/v1/events/{event_id}/availability"),
    "list_units": ("GET", "/v1/events/{event_id}/units"),
    "get_layout": ("GET", "/v1/events/{event_id}/layout"),
    "get_statuses": ("GET", "/v1/events/{event_id}/statuses"),
    "place_hold": ("POST", "/v1/events/{event_id}/holds"),
    "place_basket": ("POST", "/v1/holds"),
    "list_holds": ("GET", "/v1/events/{event_id}/holds"),
    "list_orders": ("GET", "/v1/events/{event_id}/orders"),
    "get_hold": ("GET", "/v1/holds/{hold_id}"),
    "extend_hold": ("POST", "/v1/holds/{hold_id}/extend"),
    "release_hold": ("POST", "/v1/holds/{hold_id}/release"),
    "place_order": ("POST", "/v1/orders"),
    "get_order": ("GET", "/v1/orders/{order_id}"),
    "confirm_order": ("POST", "/v1/orders/{order_id}/confirm"),
    "cancel_order": ("POST", "/v1/orders/{order_id}/cancel"),
    "cancel_tickets": ("POST", "/v1/orders/{order_id}/tickets/cancel"),
    "exchange_tickets": ("POST", "/v1/orders/{order_id}/exchange"),
    "reassign_ticket": ("POST", "/v1/tickets/{ticket_id}/reassign"),
    "complete_order": ("POST", "/v1/orders/{order_id}/complete"),
    "mark_no_show": ("POST", "/v1/orders/{order_id}/no-show"),
    "join_waiting_list": ("POST", "/v1/events/{event_id}/waiting-list"),
    "get_waiter": ("GET", "/v1/waiters/{waiter_id}"),
    "leave_waiting_list": ("POST", "/v1/waiters/{waiter_id}/leave"),
}

_SERVICES = (
    (
        events_pb2,
        events_pb2_grpc.EventServiceStub,
        (
            "create_event",
            "edit_event",
            "open_sale",
            "pause_sale",
            "close_sale",
            "cancel_event",
            "archive_event",
            "get_event",
            "get_layout_document",
            "list_events",
        ),
    ),
    (
        availability_pb2,
        availability_pb2_grpc.AvailabilityServiceStub,
        ("get_availability", "list_units", "get_layout", "get_statuses"),
    ),
    (
        holds_pb2,
        holds_pb2_grpc.HoldServiceStub,
        ("place_hold", "place_basket", "list_holds", "get_hold", "extend_hold", "release_hold"),
    ),
    (
        orders_pb2,
        orders_pb2_grpc.OrderServiceStub,
        (
            "place_order",
            "list_orders",
            "get_order",
            "confirm_order",
            "cancel_order",
            "cancel_tickets",
            "exchange_tickets",
            "reassign_ticket",
            "complete_order",
            "mark_no_show",
        ),
    ),
    (
        waiting_pb2,
        waiting_pb2_grpc.WaitingServiceStub,
        ("join_waiting_list", "get_waiter", "leave_waiting_list"),
    ),
)
_RPCS = {operation: (module, stub) for module, stub, operations in _SERVICES for operation in operations}


async def ask_http(edges: Edges, ask: Ask) -> Answered:
    """Ask as a storefront does."""
    method, path = ROUTES[ask.operation]
    url = path.format(**_ids(ask))
    headers = httpx.Headers(ask.of_the_front)
    headers["Content-Type"] = "application/json"
    authorization = _authorization(edges, ask)
    if authorization is not None:
        headers["Authorization"] = authorization
    if method == "GET":
        response = await edges.http.request(method, url, headers=headers, params=dict(ask.body))
        return read_http(response)
    if ask.key is not None:
        headers["Idempotency-Key"] = f'"{ask.key}"'
    if ask.if_revision is not None:
        headers["If-Match"] = f'"{ask.if_revision}"'
    content = ask.raw if ask.raw is not None else json.dumps(dict(ask.body)).encode()
    return read_http(await edges.http.request(method, url, headers=headers, content=content))


def read_http(response: Any) -> Answered:
    """What an HTTP response says; a refusal must be a whole problem document."""
    document = response.json()
    if response.status_code < 400:
        return Answered("http", response.status_code, "", (), (), None, None, None, document)
    assert response.headers["content-type"] == "application/problem+json"
    assert {"type", "title", "status", "detail", "instance", "code", "transient"} <= document.keys()
    assert document["status"] == response.status_code
    assert document["instance"] == response.url.path
    retry_after = response.headers.get("retry-after")
    return Answered(
        "http",
        response.status_code,
        document["code"],
        tuple((fault["field"], fault["problem"]) for fault in document.get("fields", ())),
        tuple(document.get("units", ())),
        document.get("available"),
        document.get("retry_at"),
        None if retry_after is None else float(retry_after),
        document,
        document.get("event_id", ""),
    )


async def ask_grpc(edges: Edges, ask: Ask) -> Answered:
    """Ask as a partner does."""
    module, stub = _RPCS[ask.operation]
    name = "".join(part.capitalize() for part in ask.operation.split("_"))
    request = getattr(module, f"{name}Request")(**_fields(ask))
    authorization = _authorization(edges, ask)
    metadata = ask.of_the_front
    if authorization is not None:
        metadata.append(("authorization", authorization))
    try:
        reply = await getattr(stub(edges.channel), name)(request, metadata=metadata, timeout=20)
    except grpc.aio.AioRpcError as error:
        return read_grpc(error)
    return Answered("grpc", "OK", "", (), (), None, None, None, reply)


def read_grpc(error: grpc.aio.AioRpcError) -> Answered:
    """What a gRPC error says; a refusal must bear its details."""
    status = rpc_status.from_call(cast(grpc.Call, _FinishedCall(error)))
    assert status is not None, f"no details: {error.code()} {error.details()}"
    info, bad_request, retry = ErrorInfo(), BadRequest(), RetryInfo()
    assert _unpacked(status, info)
    assert info.domain == "holdfast"
    available = info.metadata.get("available")
    return Answered(
        "grpc",
        error.code().name,
        info.reason,
        tuple((fault.field, fault.description) for fault in bad_request.field_violations)
        if _unpacked(status, bad_request)
        else (),
        tuple(info.metadata["units"].split("\n")) if "units" in info.metadata else (),
        None if available is None else int(available),
        info.metadata.get("retry_at"),
        retry.retry_delay.ToMilliseconds() / 1000 if _unpacked(status, retry) else None,
        status,
        info.metadata.get("event_id", ""),
    )


def _unpacked(status: Status, detail: Any) -> bool:
    return any(packed.Unpack(detail) for packed in status.details if packed.Is(detail.DESCRIPTOR))


class _FinishedCall:
    """A finished aio call as `rpc_status` reads one."""

    def __init__(self, error: grpc.aio.AioRpcError) -> None:
        self._error = error

    def code(self) -> grpc.StatusCode:
        return self._error.code()

    def details(self) -> str | None:
        return self._error.details()

    def trailing_metadata(self) -> Any:
        return self._error.trailing_metadata()


def _fields(ask: Ask) -> dict[str, Any]:
    fields: dict[str, Any] = {name: value for name, value in _ids(ask).items() if value}
    for name, value in ask.body.items():
        is_document = name in ("layout", "rules") and ask.operation in ("create_event", "edit_event")
        fields[name] = json.dumps(value) if is_document else value
    if ask.operation == "create_event" and ask.raw is not None:
        fields["layout"] = ask.raw.decode()
    if "split" in fields:
        fields["split"] = [{"sections": group} for group in fields["split"]]
    if "slots" in fields:
        fields["slots"] = [_span(span) for span in fields["slots"]]
    if "legs" in fields:
        fields["legs"] = [
            {**leg, **({"slots": [_span(span) for span in leg["slots"]]} if "slots" in leg else {})}
            for leg in fields["legs"]
        ]
    if ROUTES[ask.operation][0] != "GET" and ask.key is not None:
        fields["idempotency_key"] = ask.key
    if ask.if_revision is not None:
        fields["if_revision"] = ask.if_revision
    return fields


def _ids(ask: Ask) -> dict[str, str]:
    return {
        "event_id": ask.event_id,
        "hold_id": ask.hold_id,
        "order_id": ask.order_id,
        "ticket_id": ask.ticket_id,
        "waiter_id": ask.waiter_id,
    }


def _span(span: Mapping[str, Any]) -> dict[str, Any]:
    """A time of a resource with protobuf's times."""
    fields = dict(span)
    for name in {"starts_at", "ends_at"} & fields.keys():
        fields[name] = datetime.fromisoformat(fields[name])
    return fields


def _authorization(edges: Edges, ask: Ask) -> str | None:
    if ask.authorization is not None:
        return ask.authorization
    if ask.tenant is None:
        return None
    bearer = edges.bearer(ask.tenant)
    return bearer[:-1] + ("0" if bearer[-1] != "0" else "1") if ask.wrong_secret else bearer
