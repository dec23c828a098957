import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from holdfast.v1 import holds_pb2 as _holds_pb2
from holdfast.v1 import legs_pb2 as _legs_pb2
from holdfast.v1 import prices_pb2 as _prices_pb2
from holdfast.v1 import units_pb2 as _units_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class OrderStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ORDER_STATUS_UNSPECIFIED: _ClassVar[OrderStatus]
    ORDER_STATUS_PENDING: _ClassVar[OrderStatus]
    ORDER_STATUS_CONFIRMED: _ClassVar[OrderStatus]
    ORDER_STATUS_CANCELLED: _ClassVar[OrderStatus]
    ORDER_STATUS_EXPIRED: _ClassVar[OrderStatus]
    ORDER_STATUS_PARTLY_CANCELLED: _ClassVar[OrderStatus]
    ORDER_STATUS_COMPLETED: _ClassVar[OrderStatus]
    ORDER_STATUS_NO_SHOW: _ClassVar[OrderStatus]
ORDER_STATUS_UNSPECIFIED: OrderStatus
ORDER_STATUS_PENDING: OrderStatus
ORDER_STATUS_CONFIRMED: OrderStatus
ORDER_STATUS_CANCELLED: OrderStatus
ORDER_STATUS_EXPIRED: OrderStatus
ORDER_STATUS_PARTLY_CANCELLED: OrderStatus
ORDER_STATUS_COMPLETED: OrderStatus
ORDER_STATUS_NO_SHOW: OrderStatus

class Ticket(_message.Message):
    __slots__ = ("ticket_id", "unit", "code_revision", "holder", "event_id")
    TICKET_ID_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    CODE_REVISION_FIELD_NUMBER: _ClassVar[int]
    HOLDER_FIELD_NUMBER: _ClassVar[int]
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    ticket_id: str
    unit: str
    code_revision: int
    holder: str
    event_id: str
    def __init__(self, ticket_id: _Optional[str] = ..., unit: _Optional[str] = ..., code_revision: _Optional[int] = ..., holder: _Optional[str] = ..., event_id: _Optional[str] = ...) -> None: ...

class Order(_message.Message):
    __slots__ = ("order_id", "status", "event_id", "hold_id", "units", "areas", "price", "placed_at", "pay_by", "tickets", "buyer_id", "legs", "choices")
    ORDER_ID_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    HOLD_ID_FIELD_NUMBER: _ClassVar[int]
    UNITS_FIELD_NUMBER: _ClassVar[int]
    AREAS_FIELD_NUMBER: _ClassVar[int]
    PRICE_FIELD_NUMBER: _ClassVar[int]
    PLACED_AT_FIELD_NUMBER: _ClassVar[int]
    PAY_BY_FIELD_NUMBER: _ClassVar[int]
    TICKETS_FIELD_NUMBER: _ClassVar[int]
    BUYER_ID_FIELD_NUMBER: _ClassVar[int]
    LEGS_FIELD_NUMBER: _ClassVar[int]
    CHOICES_FIELD_NUMBER: _ClassVar[int]
    order_id: str
    status: OrderStatus
    event_id: str
    hold_id: str
    units: _containers.RepeatedScalarFieldContainer[str]
    areas: _containers.RepeatedCompositeFieldContainer[_units_pb2.AreaQuantity]
    price: _prices_pb2.Price
    placed_at: _timestamp_pb2.Timestamp
    pay_by: _timestamp_pb2.Timestamp
    tickets: _containers.RepeatedCompositeFieldContainer[Ticket]
    buyer_id: str
    legs: _containers.RepeatedCompositeFieldContainer[_legs_pb2.Leg]
    choices: _containers.RepeatedCompositeFieldContainer[_holds_pb2.SeatChoice]
    def __init__(self, order_id: _Optional[str] = ..., status: _Optional[_Union[OrderStatus, str]] = ..., event_id: _Optional[str] = ..., hold_id: _Optional[str] = ..., units: _Optional[_Iterable[str]] = ..., areas: _Optional[_Iterable[_Union[_units_pb2.AreaQuantity, _Mapping]]] = ..., price: _Optional[_Union[_prices_pb2.Price, _Mapping]] = ..., placed_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., pay_by: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., tickets: _Optional[_Iterable[_Union[Ticket, _Mapping]]] = ..., buyer_id: _Optional[str] = ..., legs: _Optional[_Iterable[_Union[_legs_pb2.Leg, _Mapping]]] = ..., choices: _Optional[_Iterable[_Union[_holds_pb2.SeatChoice, _Mapping]]] = ...) -> None: ...

class PlaceOrderRequest(_message.Message):
    __slots__ = ("hold_id", "idempotency_key", "timeout_ms")
    HOLD_ID_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_MS_FIELD_NUMBER: _ClassVar[int]
    hold_id: str
    idempotency_key: str
    timeout_ms: int
    def __init__(self, hold_id: _Optional[str] = ..., idempotency_key: _Optional[str] = ..., timeout_ms: _Optional[int] = ...) -> None: ...

class PlaceOrderResponse(_message.Message):
    __slots__ = ("order", "idempotency_replayed")
    ORDER_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_REPLAYED_FIELD_NUMBER: _ClassVar[int]
    order: Order
    idempotency_replayed: bool
    def __init__(self, order: _Optional[_Union[Order, _Mapping]] = ..., idempotency_replayed: _Optional[bool] = ...) -> None: ...

class GetOrderRequest(_message.Message):
    __slots__ = ("order_id", "timeout_ms")
    ORDER_ID_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_MS_FIELD_NUMBER: _ClassVar[int]
    order_id: str
    timeout_ms: int
    def __init__(self, order_id: _Optional[str] = ..., timeout_ms: _Optional[int] = ...) -> None: ...

class GetOrderResponse(_message.Message):
    __slots__ = ("order",)
    ORDER_FIELD_NUMBER: _ClassVar[int]
    order: Order
    def __init__(self, order: _Optional[_Union[Order, _Mapping]] = ...) -> None: ...

class ConfirmOrderRequest(_message.Message):
    __slots__ = ("order_id", "idempotency_key", "timeout_ms")
    ORDER_ID_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_MS_FIELD_NUMBER: _ClassVar[int]
    order_id: str
    idempotency_key: str
    timeout_ms: int
    def __init__(self, order_id: _Optional[str] = ..., idempotency_key: _Optional[str] = ..., timeout_ms: _Optional[int] = ...) -> None: ...

class ConfirmOrderResponse(_message.Message):
    __slots__ = ("order", "idempotency_replayed")
    ORDER_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_REPLAYED_FIELD_NUMBER: _ClassVar[int]
    order: Order
    idempotency_replayed: bool
    def __init__(self, order: _Optional[_Union[Order, _Mapping]] = ..., idempotency_replayed: _Optional[bool] = ...) -> None: ...

class CancelOrderRequest(_message.Message):
    __slots__ = ("order_id", "idempotency_key", "timeout_ms")
    ORDER_ID_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_MS_FIELD_NUMBER: _ClassVar[int]
    order_id: str
    idempotency_key: str
    timeout_ms: int
    def __init__(self, order_id: _Optional[str] = ..., idempotency_key: _Optional[str] = ..., timeout_ms: _Optional[int] = ...) -> None: ...

class CancelOrderResponse(_message.Message):
    __slots__ = ("order", "idempotency_replayed")
    ORDER_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_REPLAYED_FIELD_NUMBER: _ClassVar[int]
    order: Order
    idempotency_replayed: bool
    def __init__(self, order: _Optional[_Union[Order, _Mapping]] = ..., idempotency_replayed: _Optional[bool] = ...) -> None: ...

class ListOrdersRequest(_message.Message):
    __slots__ = ("event_id", "buyer_id", "status", "cursor", "limit")
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    BUYER_ID_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    event_id: str
    buyer_id: str
    status: OrderStatus
    cursor: str
    limit: int
    def __init__(self, event_id: _Optional[str] = ..., buyer_id: _Optional[str] = ..., status: _Optional[_Union[OrderStatus, str]] = ..., cursor: _Optional[str] = ..., limit: _Optional[int] = ...) -> None: ...

class ListOrdersResponse(_message.Message):
    __slots__ = ("event_id", "sequence", "as_of", "age_ms", "orders", "next_cursor")
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    AS_OF_FIELD_NUMBER: _ClassVar[int]
    AGE_MS_FIELD_NUMBER: _ClassVar[int]
    ORDERS_FIELD_NUMBER: _ClassVar[int]
    NEXT_CURSOR_FIELD_NUMBER: _ClassVar[int]
    event_id: str
    sequence: int
    as_of: _timestamp_pb2.Timestamp
    age_ms: int
    orders: _containers.RepeatedCompositeFieldContainer[Order]
    next_cursor: str
    def __init__(self, event_id: _Optional[str] = ..., sequence: _Optional[int] = ..., as_of: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., age_ms: _Optional[int] = ..., orders: _Optional[_Iterable[_Union[Order, _Mapping]]] = ..., next_cursor: _Optional[str] = ...) -> None: ...

class CancelTicketsRequest(_message.Message):
    __slots__ = ("order_id", "tickets", "idempotency_key", "timeout_ms")
    ORDER_ID_FIELD_NUMBER: _ClassVar[int]
    TICKETS_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_MS_FIELD_NUMBER: _ClassVar[int]
    order_id: str
    tickets: _containers.RepeatedScalarFieldContainer[str]
    idempotency_key: str
    timeout_ms: int
    def __init__(self, order_id: _Optional[str] = ..., tickets: _Optional[_Iterable[str]] = ..., idempotency_key: _Optional[str] = ..., timeout_ms: _Optional[int] = ...) -> None: ...

class CancelTicketsResponse(_message.Message):
    __slots__ = ("order", "idempotency_replayed")
    ORDER_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_REPLAYED_FIELD_NUMBER: _ClassVar[int]
    order: Order
    idempotency_replayed: bool
    def __init__(self, order: _Optional[_Union[Order, _Mapping]] = ..., idempotency_replayed: _Optional[bool] = ...) -> None: ...

class ExchangeTicketsRequest(_message.Message):
    __slots__ = ("order_id", "units", "areas", "tickets", "event_id", "price_types", "best", "slots", "accessible", "channel", "idempotency_key", "timeout_ms")
    class PriceTypesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    ORDER_ID_FIELD_NUMBER: _ClassVar[int]
    UNITS_FIELD_NUMBER: _ClassVar[int]
    AREAS_FIELD_NUMBER: _ClassVar[int]
    TICKETS_FIELD_NUMBER: _ClassVar[int]
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    PRICE_TYPES_FIELD_NUMBER: _ClassVar[int]
    BEST_FIELD_NUMBER: _ClassVar[int]
    SLOTS_FIELD_NUMBER: _ClassVar[int]
    ACCESSIBLE_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_MS_FIELD_NUMBER: _ClassVar[int]
    order_id: str
    units: _containers.RepeatedScalarFieldContainer[str]
    areas: _containers.RepeatedCompositeFieldContainer[_units_pb2.AreaQuantity]
    tickets: _containers.RepeatedScalarFieldContainer[str]
    event_id: str
    price_types: _containers.ScalarMap[str, str]
    best: _containers.RepeatedCompositeFieldContainer[_units_pb2.BestSeats]
    slots: _containers.RepeatedCompositeFieldContainer[_units_pb2.SlotSpan]
    accessible: bool
    channel: str
    idempotency_key: str
    timeout_ms: int
    def __init__(self, order_id: _Optional[str] = ..., units: _Optional[_Iterable[str]] = ..., areas: _Optional[_Iterable[_Union[_units_pb2.AreaQuantity, _Mapping]]] = ..., tickets: _Optional[_Iterable[str]] = ..., event_id: _Optional[str] = ..., price_types: _Optional[_Mapping[str, str]] = ..., best: _Optional[_Iterable[_Union[_units_pb2.BestSeats, _Mapping]]] = ..., slots: _Optional[_Iterable[_Union[_units_pb2.SlotSpan, _Mapping]]] = ..., accessible: _Optional[bool] = ..., channel: _Optional[str] = ..., idempotency_key: _Optional[str] = ..., timeout_ms: _Optional[int] = ...) -> None: ...

class ExchangeTicketsResponse(_message.Message):
    __slots__ = ("order", "idempotency_replayed")
    ORDER_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_REPLAYED_FIELD_NUMBER: _ClassVar[int]
    order: Order
    idempotency_replayed: bool
    def __init__(self, order: _Optional[_Union[Order, _Mapping]] = ..., idempotency_replayed: _Optional[bool] = ...) -> None: ...

class ReassignTicketRequest(_message.Message):
    __slots__ = ("ticket_id", "buyer_id", "idempotency_key", "timeout_ms")
    TICKET_ID_FIELD_NUMBER: _ClassVar[int]
    BUYER_ID_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_MS_FIELD_NUMBER: _ClassVar[int]
    ticket_id: str
    buyer_id: str
    idempotency_key: str
    timeout_ms: int
    def __init__(self, ticket_id: _Optional[str] = ..., buyer_id: _Optional[str] = ..., idempotency_key: _Optional[str] = ..., timeout_ms: _Optional[int] = ...) -> None: ...

class ReassignTicketResponse(_message.Message):
    __slots__ = ("order", "idempotency_replayed")
    ORDER_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_REPLAYED_FIELD_NUMBER: _ClassVar[int]
    order: Order
    idempotency_replayed: bool
    def __init__(self, order: _Optional[_Union[Order, _Mapping]] = ..., idempotency_replayed: _Optional[bool] = ...) -> None: ...

class CompleteOrderRequest(_message.Message):
    __slots__ = ("order_id", "idempotency_key", "timeout_ms")
    ORDER_ID_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_MS_FIELD_NUMBER: _ClassVar[int]
    order_id: str
    idempotency_key: str
    timeout_ms: int
    def __init__(self, order_id: _Optional[str] = ..., idempotency_key: _Optional[str] = ..., timeout_ms: _Optional[int] = ...) -> None: ...

class CompleteOrderResponse(_message.Message):
    __slots__ = ("order", "idempotency_replayed")
    ORDER_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_REPLAYED_FIELD_NUMBER: _ClassVar[int]
    order: Order
    idempotency_replayed: bool
    def __init__(self, order: _Optional[_Union[Order, _Mapping]] = ..., idempotency_replayed: _Optional[bool] = ...) -> None: ...

class MarkNoShowRequest(_message.Message):
    __slots__ = ("order_id", "idempotency_key", "timeout_ms")
    ORDER_ID_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_MS_FIELD_NUMBER: _ClassVar[int]
    order_id: str
    idempotency_key: str
    timeout_ms: int
    def __init__(self, order_id: _Optional[str] = ..., idempotency_key: _Optional[str] = ..., timeout_ms: _Optional[int] = ...) -> None: ...

class MarkNoShowResponse(_message.Message):
    __slots__ = ("order", "idempotency_replayed")
    ORDER_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_REPLAYED_FIELD_NUMBER: _ClassVar[int]
    order: Order
    idempotency_replayed: bool
    def __init__(self, order: _Optional[_Union[Order, _Mapping]] = ..., idempotency_replayed: _Optional[bool] = ...) -> None: ...
