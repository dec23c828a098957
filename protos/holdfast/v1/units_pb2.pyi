import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class UnitStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    UNIT_STATUS_UNSPECIFIED: _ClassVar[UnitStatus]
    UNIT_STATUS_AVAILABLE: _ClassVar[UnitStatus]
    UNIT_STATUS_HELD: _ClassVar[UnitStatus]
    UNIT_STATUS_SOLD: _ClassVar[UnitStatus]
    UNIT_STATUS_BLOCKED: _ClassVar[UnitStatus]
UNIT_STATUS_UNSPECIFIED: UnitStatus
UNIT_STATUS_AVAILABLE: UnitStatus
UNIT_STATUS_HELD: UnitStatus
UNIT_STATUS_SOLD: UnitStatus
UNIT_STATUS_BLOCKED: UnitStatus

class AreaQuantity(_message.Message):
    __slots__ = ("area", "quantity", "price_type")
    AREA_FIELD_NUMBER: _ClassVar[int]
    QUANTITY_FIELD_NUMBER: _ClassVar[int]
    PRICE_TYPE_FIELD_NUMBER: _ClassVar[int]
    area: str
    quantity: int
    price_type: str
    def __init__(self, area: _Optional[str] = ..., quantity: _Optional[int] = ..., price_type: _Optional[str] = ...) -> None: ...

class BestSeats(_message.Message):
    __slots__ = ("quantity", "sections", "categories", "accessible", "split", "price_types")
    class PriceTypesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    QUANTITY_FIELD_NUMBER: _ClassVar[int]
    SECTIONS_FIELD_NUMBER: _ClassVar[int]
    CATEGORIES_FIELD_NUMBER: _ClassVar[int]
    ACCESSIBLE_FIELD_NUMBER: _ClassVar[int]
    SPLIT_FIELD_NUMBER: _ClassVar[int]
    PRICE_TYPES_FIELD_NUMBER: _ClassVar[int]
    quantity: int
    sections: _containers.RepeatedScalarFieldContainer[str]
    categories: _containers.RepeatedScalarFieldContainer[str]
    accessible: int
    split: bool
    price_types: _containers.ScalarMap[str, int]
    def __init__(self, quantity: _Optional[int] = ..., sections: _Optional[_Iterable[str]] = ..., categories: _Optional[_Iterable[str]] = ..., accessible: _Optional[int] = ..., split: _Optional[bool] = ..., price_types: _Optional[_Mapping[str, int]] = ...) -> None: ...

class SlotSpan(_message.Message):
    __slots__ = ("resource", "starts_at", "ends_at", "price_type")
    RESOURCE_FIELD_NUMBER: _ClassVar[int]
    STARTS_AT_FIELD_NUMBER: _ClassVar[int]
    ENDS_AT_FIELD_NUMBER: _ClassVar[int]
    PRICE_TYPE_FIELD_NUMBER: _ClassVar[int]
    resource: str
    starts_at: _timestamp_pb2.Timestamp
    ends_at: _timestamp_pb2.Timestamp
    price_type: str
    def __init__(self, resource: _Optional[str] = ..., starts_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., ends_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., price_type: _Optional[str] = ...) -> None: ...

class Unit(_message.Message):
    __slots__ = ("unit", "status", "table", "sold_whole", "starts_at", "ends_at")
    UNIT_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    TABLE_FIELD_NUMBER: _ClassVar[int]
    SOLD_WHOLE_FIELD_NUMBER: _ClassVar[int]
    STARTS_AT_FIELD_NUMBER: _ClassVar[int]
    ENDS_AT_FIELD_NUMBER: _ClassVar[int]
    unit: str
    status: UnitStatus
    table: str
    sold_whole: bool
    starts_at: _timestamp_pb2.Timestamp
    ends_at: _timestamp_pb2.Timestamp
    def __init__(self, unit: _Optional[str] = ..., status: _Optional[_Union[UnitStatus, str]] = ..., table: _Optional[str] = ..., sold_whole: _Optional[bool] = ..., starts_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., ends_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class UnitCounts(_message.Message):
    __slots__ = ("capacity", "available", "held", "sold", "blocked")
    CAPACITY_FIELD_NUMBER: _ClassVar[int]
    AVAILABLE_FIELD_NUMBER: _ClassVar[int]
    HELD_FIELD_NUMBER: _ClassVar[int]
    SOLD_FIELD_NUMBER: _ClassVar[int]
    BLOCKED_FIELD_NUMBER: _ClassVar[int]
    capacity: int
    available: int
    held: int
    sold: int
    blocked: int
    def __init__(self, capacity: _Optional[int] = ..., available: _Optional[int] = ..., held: _Optional[int] = ..., sold: _Optional[int] = ..., blocked: _Optional[int] = ...) -> None: ...
