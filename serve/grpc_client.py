"""The command line's own gRPC client: one hold, as a partner's program would place it."""

from collections.abc import Callable
from typing import TypeVar, cast

import grpc
import msgspec
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from grpc_status import rpc_status

from actors.core.outcomes import Details, Reason, Rejected
from holdfast.v1 import holds_pb2, holds_pb2_grpc, units_pb2
from serve.refused_calls import ASK_AGAIN_AFTER_S, CallRefused, refused, refused_by_code, settled, unanswered
from serve.wish_shapes import NewHold

T = TypeVar("T")


class HoldPlaced(msgspec.Struct, frozen=True):
    """What the command prints."""

    hold_id: str
    status: str
    units: list[str]
    expires_at: str
    replayed: bool


def place_hold(target: str, api_key: str, event_id: str, wish: NewHold, key: str, timeout_s: float) -> HoldPlaced:
    """Place a hold of units by name, places of areas, the best seats, and times. Raises CallRefused."""
    request = holds_pb2.PlaceHoldRequest(
        event_id=event_id,
        units=wish.units,
        areas=[units_pb2.AreaQuantity(area=places.area, quantity=places.quantity) for places in wish.areas],
        best=[units_pb2.BestSeats(quantity=seats.quantity, categories=seats.categories) for seats in wish.best],
        slots=[
            units_pb2.SlotSpan(resource=span.resource, starts_at=span.starts_at, ends_at=span.ends_at)
            for span in wish.slots
        ],
        channel=wish.channel,
        buyer_id=wish.buyer_id,
        idempotency_key=key,
    )
    with grpc.insecure_channel(target) as channel:
        stub = holds_pb2_grpc.HoldServiceStub(channel)
        metadata = (("authorization", f"Bearer {api_key}"),)
        response = settled(lambda: _answer(lambda: stub.PlaceHold(request, timeout=timeout_s, metadata=metadata)))
    hold = response.hold
    places = [f"{places.area} x {places.quantity}" for places in hold.areas]
    return HoldPlaced(
        hold.hold_id,
        holds_pb2.HoldStatus.Name(hold.status).removeprefix("HOLD_STATUS_"),
        [*hold.units, *places],
        hold.expires_at.ToJsonString(),
        response.idempotency_replayed,
    )


def _answer(call: Callable[[], T]) -> T:
    try:
        return call()
    except grpc.RpcError as error:
        raise _refused(error) from None


def _refused(error: grpc.RpcError) -> CallRefused:
    """What the details of a status say; without any of ours, nobody of ours has answered."""
    call = cast(grpc.Call, error)
    status = rpc_status.from_call(call)
    info, bad_request, retry = ErrorInfo(), BadRequest(), RetryInfo()
    for detail in () if status is None else status.details:
        detail.Unpack(info)
        detail.Unpack(bad_request)
        detail.Unpack(retry)
    if not info.reason:
        return unanswered(f"{call.code().name}: {call.details()}")
    if info.reason not in Reason.__members__:
        return refused_by_code(info.reason, str(call.details()))
    units = info.metadata["units"].splitlines() if "units" in info.metadata else []
    if "units_left_off" in info.metadata:
        units.append(f"{info.metadata['units_left_off']} more")
    faults = tuple(f"{fault.field}: {fault.description}" for fault in bad_request.field_violations)
    available = int(info.metadata["available"]) if "available" in info.metadata else None
    wait_s = retry.retry_delay.ToMilliseconds() / 1000 or ASK_AGAIN_AFTER_S
    return refused(Rejected(Reason[info.reason], Details(tuple(units), faults, available)), wait_s)
