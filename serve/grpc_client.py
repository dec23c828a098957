"""The command line's own gRPC client: one hold, as a partner's program would place it."""

import grpc
import msgspec

from holdfast.v1 import holds_pb2, holds_pb2_grpc, units_pb2


class CallRefused(Exception):
    """The server said no, or did not answer; the text is one line for a person."""


class HoldPlaced(msgspec.Struct, frozen=True):
    """What the command prints."""

    hold_id: str
    status: str
    units: list[str]
    expires_at: str
    replayed: bool


def place_hold(
    target: str, api_key: str, event_id: str, seats: list[str], areas: dict[str, int], key: str, timeout_s: float
) -> HoldPlaced:
    """Place a hold. Raises CallRefused."""
    request = holds_pb2.PlaceHoldRequest(
        event_id=event_id,
        units=seats,
        areas=[units_pb2.AreaQuantity(area=area, quantity=quantity) for area, quantity in areas.items()],
        idempotency_key=key,
    )
    with grpc.insecure_channel(target) as channel:
        stub = holds_pb2_grpc.HoldServiceStub(channel)
        try:
            response = stub.PlaceHold(request, timeout=timeout_s, metadata=(("authorization", f"Bearer {api_key}"),))
        except grpc.RpcError as error:
            raise CallRefused(f"{error.code().name}: {error.details()}") from None
    hold = response.hold
    places = [f"{places.area} x {places.quantity}" for places in hold.areas]
    return HoldPlaced(
        hold.hold_id,
        holds_pb2.HoldStatus.Name(hold.status).removeprefix("HOLD_STATUS_"),
        [*hold.units, *places],
        hold.expires_at.ToJsonString(),
        response.idempotency_replayed,
    )
