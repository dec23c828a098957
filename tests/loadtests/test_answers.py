"""What comes over HTTP and gRPC, as a buyer understands it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import grpc
import pytest
from google.protobuf import any_pb2, duration_pb2
from google.rpc import error_details_pb2, status_pb2

from actors.audit.replies import Acknowledged, Told
from holdfast.v1 import holds_pb2, holds_pb2_grpc, orders_pb2, orders_pb2_grpc, prices_pb2
from loadtests.buyers_grpc import GrpcShop
from loadtests.buyers_http import _answer, _seen
from loadtests.calls import Accepted, Answer, Ask, Broken, Passing, Refused, Sight
from loadtests.history.calls import Kind, Seen

HOLD = Ask(Told.HELD, seats=("A/1/1",))
VIEW = (
    b'{"hold_id":"hold_x","status":"ACTIVE","event_id":"event_x","units":["A/1/1"],"areas":[{"area":"Floor","quantity":2}],'
    b'"price":{"currency":"EUR","lines":[],"total_minor":900},"expires_at":"2026-05-01T18:00:00.250Z","order_id":null}'
)


def _problem(code: str, transient: bool) -> bytes:
    return f'{{"code":"{code}","transient":{str(transient).lower()},"units":["A/1/1"],"status":1}}'.encode()


@pytest.mark.parametrize(
    ("status", "body", "retry_after", "expected"),
    [
        (409, _problem("UNITS_HELD", False), None, Refused("UNITS_HELD", ("A/1/1",))),
        (410, _problem("HOLD_EXPIRED", False), None, Refused("HOLD_EXPIRED", ("A/1/1",))),
        (503, _problem("UNAVAILABLE", True), "1", Passing("UNAVAILABLE", 1.0)),
        (504, _problem("OUTCOME_UNKNOWN", True), None, Passing("OUTCOME_UNKNOWN", 0.0)),
        (429, _problem("OVERLOADED", True), "2", Passing("OVERLOADED", 2.0)),
        (500, _problem("INTERNAL", False), None, Broken("INTERNAL")),
        (500, b"oops", None, Broken("HTTP 500")),
        (404, b"Not Found", None, Passing("HTTP 404 without a code")),
        (503, b"Request dropped", None, Passing("HTTP 503 without a code")),
        (200, b"{}", None, Broken("HTTP 200")),
    ],
)
def test_http_answers(status: int, body: bytes, retry_after: str | None, expected: Answer) -> None:
    assert _answer(HOLD, status, body, retry_after, False) == expected


def test_an_http_hold_is_kept_as_it_was_told() -> None:
    answer = _answer(HOLD, 201, VIEW, None, False)
    assert answer == Accepted(
        Acknowledged(Told.HELD, "hold_x", ("A/1/1",), (("Floor", 2),), 900, "hold_x", 1_777_658_400_250), False
    )


def test_units_of_an_event_that_is_split_are_named_with_its_block() -> None:
    answer = _answer(HOLD, 201, VIEW.replace(b'"event_id":"event_x"', b'"event_id":"event_y"'), None, False)
    assert isinstance(answer, Accepted)
    assert (answer.reply.units, answer.reply.areas) == (("y/A/1/1",), (("y/Floor", 2),))


def test_an_http_replay_tells_no_deadline_to_compare() -> None:
    answer = _answer(HOLD, 201, VIEW, None, True)
    assert isinstance(answer, Accepted)
    assert (answer.replayed, answer.reply.expires_at_ms) == (True, 0)


def test_what_is_read_over_http_is_kept_as_it_was_shown() -> None:
    assert _seen(VIEW) == Seen("ACTIVE", ("A/1/1",), (("Floor", 2),), 1_777_658_400_250)
    assert _seen(VIEW.replace(b'"order_id":null', b'"order_id":"order_x"')) == Seen(
        "ACTIVE", ("A/1/1",), (("Floor", 2),), 1_777_658_400_250, "order_x"
    )
    order = VIEW.replace(b'"expires_at"', b'"pay_by"').replace(b'"order_id":null', b'"order_id":"order_x"')
    assert _seen(order) == Seen("ACTIVE", ("A/1/1",), (("Floor", 2),))
    assert _seen(b"{}") == Broken("HTTP: a read that nobody understands")


def test_a_released_hold_is_named_by_its_own_id_though_it_bears_an_order() -> None:
    view = VIEW.replace(b'"order_id":null', b'"order_id":"order_x"')
    answer = _answer(Ask(Told.RELEASED, "hold_x"), 200, view, None, False)
    assert isinstance(answer, Accepted)
    assert answer.reply.id == "hold_x"


class _Holds(holds_pb2_grpc.HoldServiceServicer):  # type: ignore[misc]  # stubs bear no types
    """Does with each hold what the test says."""

    def __init__(self, do: Callable[[Any], Awaitable[Any]]) -> None:
        self._do = do

    async def PlaceHold(self, request: Any, context: Any) -> Any:
        return await self._do(context)

    async def GetHold(self, request: Any, context: Any) -> Any:
        return await self._do(context)


class _Orders(orders_pb2_grpc.OrderServiceServicer):  # type: ignore[misc]  # as above
    """Shows a paid order."""

    async def GetOrder(self, request: Any, context: Any) -> Any:
        order = orders_pb2.Order(order_id=request.order_id, status=orders_pb2.ORDER_STATUS_CONFIRMED, units=["A/1/1"])
        return orders_pb2.GetOrderResponse(order=order)


T = TypeVar("T")


def _with_shop(do: Callable[[Any], Awaitable[Any]], call: Callable[[GrpcShop], Awaitable[T]]) -> T:
    async def run() -> T:
        server = grpc.aio.server()
        holds_pb2_grpc.add_HoldServiceServicer_to_server(_Holds(do), server)
        orders_pb2_grpc.add_OrderServiceServicer_to_server(_Orders(), server)
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        shop = GrpcShop(f"127.0.0.1:{port}", "key", "event_x")
        try:
            return await call(shop)
        finally:
            await shop.close()
            await server.stop(None)

    return asyncio.run(run())


def _ask(place: Callable[[Any], Awaitable[Any]]) -> Answer:
    return _with_shop(place, lambda shop: shop.ask(HOLD, "idempotency key"))


def _look(get: Callable[[Any], Awaitable[Any]], kind: Kind, own: str) -> Sight:
    return _with_shop(get, lambda shop: shop.look(kind, own))


def _refusing(code: grpc.StatusCode, reason: str, *, retry_s: int | None = None) -> Callable[[Any], Awaitable[Any]]:
    async def place(context: Any) -> Any:
        details = []
        if reason:
            info = error_details_pb2.ErrorInfo(reason=reason, domain="holdfast", metadata={"units": "A/1/1\nA/1/2"})
            details.append(_packed(info))
        if retry_s is not None:
            details.append(_packed(error_details_pb2.RetryInfo(retry_delay=duration_pb2.Duration(seconds=retry_s))))
        if details:
            status = status_pb2.Status(code=code.value[0], message="no", details=details)
            context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
        await context.abort(code, "no")

    return place


def _packed(detail: Any) -> any_pb2.Any:
    packed = any_pb2.Any()
    packed.Pack(detail)
    return packed


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        (_refusing(grpc.StatusCode.ABORTED, "UNITS_HELD"), Refused("UNITS_HELD", ("A/1/1", "A/1/2"))),
        (_refusing(grpc.StatusCode.UNAVAILABLE, "UNAVAILABLE", retry_s=1), Passing("UNAVAILABLE", 1.0)),
        (_refusing(grpc.StatusCode.DEADLINE_EXCEEDED, "OUTCOME_UNKNOWN", retry_s=0), Passing("OUTCOME_UNKNOWN", 0.0)),
        (_refusing(grpc.StatusCode.INTERNAL, "INTERNAL"), Broken("INTERNAL")),
        (_refusing(grpc.StatusCode.UNKNOWN, ""), Passing("gRPC UNKNOWN without a reason")),
        (_refusing(grpc.StatusCode.INTERNAL, ""), Broken("gRPC INTERNAL without a reason: no")),
    ],
)
def test_grpc_refusals(place: Callable[[Any], Awaitable[Any]], expected: Answer) -> None:
    assert _ask(place) == expected


def test_a_grpc_hold_is_kept_as_it_was_told() -> None:
    async def place(_: Any) -> Any:
        hold = holds_pb2.Hold(hold_id="hold_x", units=["A/1/1"], price=prices_pb2.Price(total_minor=900))
        hold.expires_at.FromJsonString("2026-05-01T18:00:00.250Z")
        return holds_pb2.PlaceHoldResponse(hold=hold)

    assert _ask(place) == Accepted(
        Acknowledged(Told.HELD, "hold_x", ("A/1/1",), (), 900, "hold_x", 1_777_658_400_250), False
    )


def test_what_is_read_over_grpc_is_kept_as_it_was_shown() -> None:
    async def get(_: Any) -> Any:
        hold = holds_pb2.Hold(hold_id="hold_x", status=holds_pb2.HOLD_STATUS_ACTIVE, units=["A/1/1"])
        hold.expires_at.FromJsonString("2026-05-01T18:00:00.250Z")
        return holds_pb2.GetHoldResponse(hold=hold)

    assert _look(get, Kind.READ_HOLD, "hold_x") == Seen("ACTIVE", ("A/1/1",), (), 1_777_658_400_250)
    assert _look(get, Kind.READ_ORDER, "order_x") == Seen("CONFIRMED", ("A/1/1",))
    refusing = _refusing(grpc.StatusCode.NOT_FOUND, "HOLD_NOT_FOUND")
    assert _look(refusing, Kind.READ_HOLD, "hold_x") == Refused("HOLD_NOT_FOUND", ("A/1/1", "A/1/2"))


def test_a_server_that_is_not_there_is_asked_again() -> None:
    async def run() -> Answer:
        shop = GrpcShop("127.0.0.1:1", "key", "event_x")
        try:
            return await shop.ask(HOLD, "key")
        finally:
            await shop.close()

    assert asyncio.run(run()) == Passing("gRPC UNAVAILABLE without a reason")
