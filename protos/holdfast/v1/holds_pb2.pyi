import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
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

class HoldStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    HOLD_STATUS_UNSPECIFIED: _ClassVar[HoldStatus]
    HOLD_STATUS_ACTIVE: _ClassVar[HoldStatus]
    HOLD_STATUS_CONFIRMED: _ClassVar[HoldStatus]
    HOLD_STATUS_RELEASED: _ClassVar[HoldStatus]
    HOLD_STATUS_EXPIRED: _ClassVar[HoldStatus]
HOLD_STATUS_UNSPECIFIED: HoldStatus
HOLD_STATUS_ACTIVE: HoldStatus
HOLD_STATUS_CONFIRMED: HoldStatus
HOLD_STATUS_RELEASED: HoldStatus
HOLD_STATUS_EXPIRED: HoldStatus

class SeatChoice(_message.Message):
    __slots__ = ("score", "orphans")
    SCORE_FIELD_NUMBER: _ClassVar[int]
    ORPHANS_FIELD_NUMBER: _ClassVar[int]
    score: int
    orphans: int
    def __init__(self, score: _Optional[int] = ..., orphans: _Optional[int] = ...) -> None: ...

class Hold(_message.Message):
    __slots__ = ("hold_id", "status", "event_id", "units", "areas", "price", "expires_at", "expires_in_seconds", "max_expires_at", "buyer_id", "order_id", "channel", "choices", "legs")
    HOLD_ID_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    UNITS_FIELD_NUMBER: _ClassVar[int]
    AREAS_FIELD_NUMBER: _ClassVar[int]
    PRICE_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_IN_SECONDS_FIELD_NUMBER: _ClassVar[int]
    MAX_EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    BUYER_ID_FIELD_NUMBER: _ClassVar[int]
    ORDER_ID_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    CHOICES_FIELD_NUMBER: _ClassVar[int]
    LEGS_FIELD_NUMBER: _ClassVar[int]
    hold_id: str
    status: HoldStatus
    event_id: str
    units: _containers.RepeatedScalarFieldContainer[str]
    areas: _containers.RepeatedCompositeFieldContainer[_units_pb2.AreaQuantity]
    price: _prices_pb2.Price
    expires_at: _timestamp_pb2.Timestamp
    expires_in_seconds: int
    max_expires_at: _timestamp_pb2.Timestamp
    buyer_id: str
    order_id: str
    channel: str
    choices: _containers.RepeatedCompositeFieldContainer[SeatChoice]
    legs: _containers.RepeatedCompositeFieldContainer[_legs_pb2.Leg]
    def __init__(self, hold_id: _Optional[str] = ..., status: _Optional[_Union[HoldStatus, str]] = ..., event_id: _Optional[str] = ..., units: _Optional[_Iterable[str]] = ..., areas: _Optional[_Iterable[_Union[_units_pb2.AreaQuantity, _Mapping]]] = ..., price: _Optional[_Union[_prices_pb2.Price, _Mapping]] = ..., expires_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., expires_in_seconds: _Optional[int] = ..., max_expires_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., buyer_id: _Optional[str] = ..., order_id: _Optional[str] = ..., channel: _Optional[str] = ..., choices: _Optional[_Iterable[_Union[SeatChoice, _Mapping]]] = ..., legs: _Optional[_Iterable[_Union[_legs_pb2.Leg, _Mapping]]] = ...) -> None: ...

class PlaceHoldRequest(_message.Message):
    __slots__ = ("event_id", "units", "areas", "ttl_seconds", "buyer_id", "price_types", "best", "slots", "accessible", "channel", "idempotency_key", "timeout_ms")
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
    TTL_SECONDS_FIELD_NUMBER: _ClassVar[int]
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
    ttl_seconds: int
    buyer_id: str
    price_types: _containers.ScalarMap[str, str]
    best: _containers.RepeatedCompositeFieldContainer[_units_pb2.BestSeats]
    slots: _containers.RepeatedCompositeFieldContainer[_units_pb2.SlotSpan]
    accessible: bool
    channel: str
    idempotency_key: str
    timeout_ms: int
    def __init__(self, event_id: _Optional[str] = ..., units: _Optional[_Iterable[str]] = ..., areas: _Optional[_Iterable[_Union[_units_pb2.AreaQuantity, _Mapping]]] = ..., ttl_seconds: _Optional[int] = ..., buyer_id: _Optional[str] = ..., price_types: _Optional[_Mapping[str, str]] = ..., best: _Optional[_Iterable[_Union[_units_pb2.BestSeats, _Mapping]]] = ..., slots: _Optional[_Iterable[_Union[_units_pb2.SlotSpan, _Mapping]]] = ..., accessible: _Optional[bool] = ..., channel: _Optional[str] = ..., idempotency_key: _Optional[str] = ..., timeout_ms: _Optional[int] = ...) -> None: ...

class PlaceHoldResponse(_message.Message):
    __slots__ = ("hold", "idempotency_replayed")
    HOLD_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_REPLAYED_FIELD_NUMBER: _ClassVar[int]
    hold: Hold
    idempotency_replayed: bool
    def __init__(self, hold: _Optional[_Union[Hold, _Mapping]] = ..., idempotency_replayed: _Optional[bool] = ...) -> None: ...

class PlaceBasketRequest(_message.Message):
    __slots__ = ("legs", "ttl_seconds", "buyer_id", "idempotency_key", "timeout_ms")
    LEGS_FIELD_NUMBER: _ClassVar[int]
    TTL_SECONDS_FIELD_NUMBER: _ClassVar[int]
    BUYER_ID_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_MS_FIELD_NUMBER: _ClassVar[int]
    legs: _containers.RepeatedCompositeFieldContainer[_legs_pb2.LegWish]
    ttl_seconds: int
    buyer_id: str
    idempotency_key: str
    timeout_ms: int
    def __init__(self, legs: _Optional[_Iterable[_Union[_legs_pb2.LegWish, _Mapping]]] = ..., ttl_seconds: _Optional[int] = ..., buyer_id: _Optional[str] = ..., idempotency_key: _Optional[str] = ..., timeout_ms: _Optional[int] = ...) -> None: ...

class PlaceBasketResponse(_message.Message):
    __slots__ = ("hold", "idempotency_replayed")
    HOLD_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_REPLAYED_FIELD_NUMBER: _ClassVar[int]
    hold: Hold
    idempotency_replayed: bool
    def __init__(self, hold: _Optional[_Union[Hold, _Mapping]] = ..., idempotency_replayed: _Optional[bool] = ...) -> None: ...

class GetHoldRequest(_message.Message):
    __slots__ = ("hold_id", "timeout_ms")
    HOLD_ID_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_MS_FIELD_NUMBER: _ClassVar[int]
    hold_id: str
    timeout_ms: int
    def __init__(self, hold_id: _Optional[str] = ..., timeout_ms: _Optional[int] = ...) -> None: ...

class GetHoldResponse(_message.Message):
    __slots__ = ("hold",)
    HOLD_FIELD_NUMBER: _ClassVar[int]
    hold: Hold
    def __init__(self, hold: _Optional[_Union[Hold, _Mapping]] = ...) -> None: ...

class ExtendHoldRequest(_message.Message):
    __slots__ = ("hold_id", "ttl_seconds", "idempotency_key", "timeout_ms")
    HOLD_ID_FIELD_NUMBER: _ClassVar[int]
    TTL_SECONDS_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_MS_FIELD_NUMBER: _ClassVar[int]
    hold_id: str
    ttl_seconds: int
    idempotency_key: str
    timeout_ms: int
    def __init__(self, hold_id: _Optional[str] = ..., ttl_seconds: _Optional[int] = ..., idempotency_key: _Optional[str] = ..., timeout_ms: _Optional[int] = ...) -> None: ...

class ExtendHoldResponse(_message.Message):
    __slots__ = ("hold", "idempotency_replayed")
    HOLD_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_REPLAYED_FIELD_NUMBER: _ClassVar[int]
    hold: Hold
    idempotency_replayed: bool
    def __init__(self, hold: _Optional[_Union[Hold, _Mapping]] = ..., idempotency_replayed: _Optional[bool] = ...) -> None: ...

class ReleaseHoldRequest(_message.Message):
    __slots__ = ("hold_id", "idempotency_key", "timeout_ms")
    HOLD_ID_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_MS_FIELD_NUMBER: _ClassVar[int]
    hold_id: str
    idempotency_key: str
    timeout_ms: int
    def __init__(self, hold_id: _Optional[str] = ..., idempotency_key: _Optional[str] = ..., timeout_ms: _Optional[int] = ...) -> None: ...

class ReleaseHoldResponse(_message.Message):
    __slots__ = ("hold", "idempotency_replayed")
    HOLD_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_REPLAYED_FIELD_NUMBER: _ClassVar[int]
    hold: Hold
    idempotency_replayed: bool
    def __init__(self, hold: _Optional[_Union[Hold, _Mapping]] = ..., idempotency_replayed: _Optional[bool] = ...) -> None: ...

class ListHoldsRequest(_message.Message):
    __slots__ = ("event_id", "buyer_id", "status", "cursor", "limit")
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    BUYER_ID_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    event_id: str
    buyer_id: str
    status: HoldStatus
    cursor: str
    limit: int
    def __init__(self, event_id: _Optional[str] = ..., buyer_id: _Optional[str] = ..., status: _Optional[_Union[HoldStatus, str]] = ..., cursor: _Optional[str] = ..., limit: _Optional[int] = ...) -> None: ...

class ListHoldsResponse(_message.Message):
    __slots__ = ("event_id", "sequence", "as_of", "age_ms", "holds", "next_cursor")
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    AS_OF_FIELD_NUMBER: _ClassVar[int]
    AGE_MS_FIELD_NUMBER: _ClassVar[int]
    HOLDS_FIELD_NUMBER: _ClassVar[int]
    NEXT_CURSOR_FIELD_NUMBER: _ClassVar[int]
    event_id: str
    sequence: int
    as_of: _timestamp_pb2.Timestamp
    age_ms: int
    holds: _containers.RepeatedCompositeFieldContainer[Hold]
    next_cursor: str
    def __init__(self, event_id: _Optional[str] = ..., sequence: _Optional[int] = ..., as_of: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., age_ms: _Optional[int] = ..., holds: _Optional[_Iterable[_Union[Hold, _Mapping]]] = ..., next_cursor: _Optional[str] = ...) -> None: ...
