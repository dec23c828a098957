import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from holdfast.v1 import units_pb2 as _units_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class WaiterStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    WAITER_STATUS_UNSPECIFIED: _ClassVar[WaiterStatus]
    WAITER_STATUS_WAITING: _ClassVar[WaiterStatus]
    WAITER_STATUS_OFFERED: _ClassVar[WaiterStatus]
    WAITER_STATUS_LEFT: _ClassVar[WaiterStatus]
WAITER_STATUS_UNSPECIFIED: WaiterStatus
WAITER_STATUS_WAITING: WaiterStatus
WAITER_STATUS_OFFERED: WaiterStatus
WAITER_STATUS_LEFT: WaiterStatus

class Waiter(_message.Message):
    __slots__ = ("waiter_id", "status", "event_id", "ahead", "joined_at", "hold_id", "buyer_id")
    WAITER_ID_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    AHEAD_FIELD_NUMBER: _ClassVar[int]
    JOINED_AT_FIELD_NUMBER: _ClassVar[int]
    HOLD_ID_FIELD_NUMBER: _ClassVar[int]
    BUYER_ID_FIELD_NUMBER: _ClassVar[int]
    waiter_id: str
    status: WaiterStatus
    event_id: str
    ahead: int
    joined_at: _timestamp_pb2.Timestamp
    hold_id: str
    buyer_id: str
    def __init__(self, waiter_id: _Optional[str] = ..., status: _Optional[_Union[WaiterStatus, str]] = ..., event_id: _Optional[str] = ..., ahead: _Optional[int] = ..., joined_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., hold_id: _Optional[str] = ..., buyer_id: _Optional[str] = ...) -> None: ...

class JoinWaitingListRequest(_message.Message):
    __slots__ = ("event_id", "units", "areas", "buyer_id", "price_types", "best", "slots", "accessible", "channel", "idempotency_key", "timeout_ms")
    class PriceTypesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    UNITS_FIELD_NUMBER: _ClassVar[int]
    AREAS_FIELD_NUMBER: _ClassVar[int]
    BUYER_ID_FIELD_NUMBER: _ClassVar[int]
    PRICE_TYPES_FIELD_NUMBER: _ClassVar[int]
    BEST_FIELD_NUMBER: _ClassVar[int]
    SLOTS_FIELD_NUMBER: _ClassVar[int]
    ACCESSIBLE_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_MS_FIELD_NUMBER: _ClassVar[int]
    event_id: str
    units: _containers.RepeatedScalarFieldContainer[str]
    areas: _containers.RepeatedCompositeFieldContainer[_units_pb2.AreaQuantity]
    buyer_id: str
    price_types: _containers.ScalarMap[str, str]
    best: _containers.RepeatedCompositeFieldContainer[_units_pb2.BestSeats]
    slots: _containers.RepeatedCompositeFieldContainer[_units_pb2.SlotSpan]
    accessible: bool
    channel: str
    idempotency_key: str
    timeout_ms: int
    def __init__(self, event_id: _Optional[str] = ..., units: _Optional[_Iterable[str]] = ..., areas: _Optional[_Iterable[_Union[_units_pb2.AreaQuantity, _Mapping]]] = ..., buyer_id: _Optional[str] = ..., price_types: _Optional[_Mapping[str, str]] = ..., best: _Optional[_Iterable[_Union[_units_pb2.BestSeats, _Mapping]]] = ..., slots: _Optional[_Iterable[_Union[_units_pb2.SlotSpan, _Mapping]]] = ..., accessible: _Optional[bool] = ..., channel: _Optional[str] = ..., idempotency_key: _Optional[str] = ..., timeout_ms: _Optional[int] = ...) -> None: ...

class JoinWaitingListResponse(_message.Message):
    __slots__ = ("waiter", "idempotency_replayed")
    WAITER_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_REPLAYED_FIELD_NUMBER: _ClassVar[int]
    waiter: Waiter
    idempotency_replayed: bool
    def __init__(self, waiter: _Optional[_Union[Waiter, _Mapping]] = ..., idempotency_replayed: _Optional[bool] = ...) -> None: ...

class GetWaiterRequest(_message.Message):
    __slots__ = ("waiter_id", "timeout_ms")
    WAITER_ID_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_MS_FIELD_NUMBER: _ClassVar[int]
    waiter_id: str
    timeout_ms: int
    def __init__(self, waiter_id: _Optional[str] = ..., timeout_ms: _Optional[int] = ...) -> None: ...

class GetWaiterResponse(_message.Message):
    __slots__ = ("waiter",)
    WAITER_FIELD_NUMBER: _ClassVar[int]
    waiter: Waiter
    def __init__(self, waiter: _Optional[_Union[Waiter, _Mapping]] = ...) -> None: ...

class LeaveWaitingListRequest(_message.Message):
    __slots__ = ("waiter_id", "idempotency_key", "timeout_ms")
    WAITER_ID_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_MS_FIELD_NUMBER: _ClassVar[int]
    waiter_id: str
    idempotency_key: str
    timeout_ms: int
    def __init__(self, waiter_id: _Optional[str] = ..., idempotency_key: _Optional[str] = ..., timeout_ms: _Optional[int] = ...) -> None: ...

class LeaveWaitingListResponse(_message.Message):
    __slots__ = ("waiter", "idempotency_replayed")
    WAITER_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_REPLAYED_FIELD_NUMBER: _ClassVar[int]
    waiter: Waiter
    idempotency_replayed: bool
    def __init__(self, waiter: _Optional[_Union[Waiter, _Mapping]] = ..., idempotency_replayed: _Optional[bool] = ...) -> None: ...
