from holdfast.v1 import prices_pb2 as _prices_pb2
from holdfast.v1 import units_pb2 as _units_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Leg(_message.Message):
    __slots__ = ("event_id", "units", "areas", "price")
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    UNITS_FIELD_NUMBER: _ClassVar[int]
    AREAS_FIELD_NUMBER: _ClassVar[int]
    PRICE_FIELD_NUMBER: _ClassVar[int]
    event_id: str
    units: _containers.RepeatedScalarFieldContainer[str]
    areas: _containers.RepeatedCompositeFieldContainer[_units_pb2.AreaQuantity]
    price: _prices_pb2.Price
    def __init__(self, event_id: _Optional[str] = ..., units: _Optional[_Iterable[str]] = ..., areas: _Optional[_Iterable[_Union[_units_pb2.AreaQuantity, _Mapping]]] = ..., price: _Optional[_Union[_prices_pb2.Price, _Mapping]] = ...) -> None: ...

class LegWish(_message.Message):
    __slots__ = ("event_id", "units", "areas", "price_types", "best", "slots", "accessible", "channel")
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
    PRICE_TYPES_FIELD_NUMBER: _ClassVar[int]
    BEST_FIELD_NUMBER: _ClassVar[int]
    SLOTS_FIELD_NUMBER: _ClassVar[int]
    ACCESSIBLE_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    event_id: str
    units: _containers.RepeatedScalarFieldContainer[str]
    areas: _containers.RepeatedCompositeFieldContainer[_units_pb2.AreaQuantity]
    price_types: _containers.ScalarMap[str, str]
    best: _containers.RepeatedCompositeFieldContainer[_units_pb2.BestSeats]
    slots: _containers.RepeatedCompositeFieldContainer[_units_pb2.SlotSpan]
    accessible: bool
    channel: str
    def __init__(self, event_id: _Optional[str] = ..., units: _Optional[_Iterable[str]] = ..., areas: _Optional[_Iterable[_Union[_units_pb2.AreaQuantity, _Mapping]]] = ..., price_types: _Optional[_Mapping[str, str]] = ..., best: _Optional[_Iterable[_Union[_units_pb2.BestSeats, _Mapping]]] = ..., slots: _Optional[_Iterable[_Union[_units_pb2.SlotSpan, _Mapping]]] = ..., accessible: _Optional[bool] = ..., channel: _Optional[str] = ...) -> None: ...
