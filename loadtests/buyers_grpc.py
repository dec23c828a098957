"""Buyers who come over gRPC, with the stock client and the stubs that partners use."""

from typing import Any

import grpc
from google.rpc import status_pb2
from google.rpc.error_details_pb2 import ErrorInfo, RetryInfo

from actors.audit.replies import Acknowledged, Told, as_acknowledged
from holdfast.v1 import holds_pb2, holds_pb2_grpc, orders_pb2, orders_pb2_grpc, units_pb2
from loadtests.calls import CALL_TIMEOUT_S, Accepted, Answer, Ask, Broken, Passing, Refused, Sight
from loadtests.history.calls import Kind, Seen

CALLS_PER_CHANNEL = 50  # HTTP/2 allows 100 streams a connection; half of that leaves room for calls being abandoned

_RECONNECT = (("grpc.initial_reconnect_backoff_ms", 100), ("grpc.max_reconnect_backoff_ms", 1_000))
"""If nothing is said, gRPC waits 1, 1.6, 2.6 s and more between attempts to connect: longer than HAProxy is away."""

_DETAILS = "grpc-status-details-bin"
_PASSING = (
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.CANCELLED,
    grpc.StatusCode.UNKNOWN,
    grpc.StatusCode.NOT_FOUND,
)
"""Without a reason of ours these come from the balancer, which has nobody to send to. They may be sent again."""


class GrpcShop:
    """The server over one gRPC channel."""

    protocol = "gRPC"

    def __init__(self, target: str, api_key: str, event_id: str) -> None:
        self._event_id = event_id
        self._metadata = (("authorization", f"Bearer {api_key}"),)
        # Channels with equal arguments share a connection unless they are told not to.
        self._channel = grpc.aio.insecure_channel(target, options=(("grpc.use_local_subchannel_pool", 1), *_RECONNECT))
        holds = holds_pb2_grpc.HoldServiceStub(self._channel)
        orders = orders_pb2_grpc.OrderServiceStub(self._channel)
        self._methods: dict[Told, Any] = {
            Told.HELD: holds.PlaceHold,
            Told.EXTENDED: holds.ExtendHold,
            Told.RELEASED: holds.ReleaseHold,
            Told.ORDERED: orders.PlaceOrder,
            Told.CONFIRMED: orders.ConfirmOrder,
            Told.CANCELLED: orders.CancelOrder,
        }
        self._reads: dict[Kind, Any] = {Kind.READ_HOLD: holds.GetHold, Kind.READ_ORDER: orders.GetOrder}

    async def ask(self, ask: Ask, key: str) -> Answer:
        """See `Shop.ask`."""
        request = _request_of(ask, key, self._event_id)
        try:
            response = await self._methods[ask.told](request, metadata=self._metadata, timeout=CALL_TIMEOUT_S)
        except grpc.aio.AioRpcError as error:
            return _refusal(error)
        replayed = response.idempotency_replayed
        is_hold = ask.told in (Told.HELD, Told.EXTENDED, Told.RELEASED)
        reply = response.hold if is_hold else response.order
        expires_at_ms = _expiry_ms(reply) if is_hold and not replayed else 0
        acknowledged = Acknowledged(
            ask.told,
            reply.hold_id if is_hold else reply.order_id,
            *_lot_of(reply),
            reply.price.total_minor,
            reply.hold_id,
            expires_at_ms,
        )
        return Accepted(acknowledged, replayed)

    async def look(self, kind: Kind, own: str) -> Sight:
        """See `Shop.look`."""
        is_hold = kind is Kind.READ_HOLD
        request = holds_pb2.GetHoldRequest(hold_id=own) if is_hold else orders_pb2.GetOrderRequest(order_id=own)
        try:
            response = await self._reads[kind](request, metadata=self._metadata, timeout=CALL_TIMEOUT_S)
        except grpc.aio.AioRpcError as error:
            return _refusal(error)
        reply = response.hold if is_hold else response.order
        statuses = holds_pb2.HoldStatus if is_hold else orders_pb2.OrderStatus
        status = statuses.Name(reply.status).removeprefix("HOLD_STATUS_" if is_hold else "ORDER_STATUS_")
        return Seen(status, *_lot_of(reply), *((_expiry_ms(reply), reply.order_id) if is_hold else ()))

    async def close(self) -> None:
        """End the connection."""
        await self._channel.close(None)


def _lot_of(reply: Any) -> tuple[tuple[str, ...], tuple[tuple[str, int], ...]]:
    areas = [(places.area, places.quantity) for places in reply.areas]
    return as_acknowledged(reply.event_id, reply.hold_id, reply.units, areas)


def _expiry_ms(hold: Any) -> int:
    expires_at_ms: int = hold.expires_at.seconds * 1000 + hold.expires_at.nanos // 1_000_000
    return expires_at_ms


def _request_of(ask: Ask, key: str, event_id: str) -> Any:
    match ask.told:
        case Told.HELD:
            areas = [units_pb2.AreaQuantity(area=area, quantity=quantity) for area, quantity in ask.areas]
            best = [units_pb2.BestSeats(quantity=ask.best)] if ask.best else []
            return holds_pb2.PlaceHoldRequest(
                event_id=event_id, units=ask.seats, areas=areas, best=best, idempotency_key=key
            )
        case Told.EXTENDED:
            return holds_pb2.ExtendHoldRequest(hold_id=ask.id, ttl_seconds=ask.ttl_seconds, idempotency_key=key)
        case Told.RELEASED:
            return holds_pb2.ReleaseHoldRequest(hold_id=ask.id, idempotency_key=key)
        case Told.ORDERED:
            return orders_pb2.PlaceOrderRequest(hold_id=ask.id, idempotency_key=key)
        case Told.CONFIRMED:
            return orders_pb2.ConfirmOrderRequest(order_id=ask.id, idempotency_key=key)
        case Told.CANCELLED:
            return orders_pb2.CancelOrderRequest(order_id=ask.id, idempotency_key=key)


def _refusal(error: grpc.aio.AioRpcError) -> Refused | Passing | Broken:
    trailing: Any = error.trailing_metadata() or ()  # pairs, whatever its stub says
    details = dict(trailing).get(_DETAILS)
    if details is None:
        name = f"gRPC {error.code().name} without a reason"
        return Passing(name) if error.code() in _PASSING else Broken(f"{name}: {error.details()}")
    info, retry = ErrorInfo(), RetryInfo()
    asks_again = False
    for detail in status_pb2.Status.FromString(details).details:
        detail.Unpack(info)
        asks_again |= bool(detail.Unpack(retry))
    if asks_again:
        return Passing(info.reason, retry.retry_delay.ToTimedelta().total_seconds())
    if error.code() in (grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN):
        return Broken(info.reason)
    return Refused(info.reason, tuple(name for name in info.metadata["units"].splitlines() if name))
