import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from holdfast.v1 import events_pb2 as _events_pb2
from holdfast.v1 import prices_pb2 as _prices_pb2
from holdfast.v1 import units_pb2 as _units_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class SectionAvailability(_message.Message):
    __slots__ = ("section", "category", "counts")
    SECTION_FIELD_NUMBER: _ClassVar[int]
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    COUNTS_FIELD_NUMBER: _ClassVar[int]
    section: str
    category: str
    counts: _units_pb2.UnitCounts
    def __init__(self, section: _Optional[str] = ..., category: _Optional[str] = ..., counts: _Optional[_Union[_units_pb2.UnitCounts, _Mapping]] = ...) -> None: ...

class AreaAvailability(_message.Message):
    __slots__ = ("area", "category", "counts")
    AREA_FIELD_NUMBER: _ClassVar[int]
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    COUNTS_FIELD_NUMBER: _ClassVar[int]
    area: str
    category: str
    counts: _units_pb2.UnitCounts
    def __init__(self, area: _Optional[str] = ..., category: _Optional[str] = ..., counts: _Optional[_Union[_units_pb2.UnitCounts, _Mapping]] = ...) -> None: ...

class CategoryAvailability(_message.Message):
    __slots__ = ("category", "counts")
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    COUNTS_FIELD_NUMBER: _ClassVar[int]
    category: _prices_pb2.PriceCategory
    counts: _units_pb2.UnitCounts
    def __init__(self, category: _Optional[_Union[_prices_pb2.PriceCategory, _Mapping]] = ..., counts: _Optional[_Union[_units_pb2.UnitCounts, _Mapping]] = ...) -> None: ...

class GetAvailabilityRequest(_message.Message):
    __slots__ = ("event_id",)
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    event_id: str
    def __init__(self, event_id: _Optional[str] = ...) -> None: ...

class GetAvailabilityResponse(_message.Message):
    __slots__ = ("event_id", "name", "status", "currency", "sequence", "as_of", "sections", "areas", "categories")
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    AS_OF_FIELD_NUMBER: _ClassVar[int]
    SECTIONS_FIELD_NUMBER: _ClassVar[int]
    AREAS_FIELD_NUMBER: _ClassVar[int]
    CATEGORIES_FIELD_NUMBER: _ClassVar[int]
    event_id: str
    name: str
    status: _events_pb2.EventStatus
    currency: str
    sequence: int
    as_of: _timestamp_pb2.Timestamp
    sections: _containers.RepeatedCompositeFieldContainer[SectionAvailability]
    areas: _containers.RepeatedCompositeFieldContainer[AreaAvailability]
    categories: _containers.RepeatedCompositeFieldContainer[CategoryAvailability]
    def __init__(self, event_id: _Optional[str] = ..., name: _Optional[str] = ..., status: _Optional[_Union[_events_pb2.EventStatus, str]] = ..., currency: _Optional[str] = ..., sequence: _Optional[int] = ..., as_of: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., sections: _Optional[_Iterable[_Union[SectionAvailability, _Mapping]]] = ..., areas: _Optional[_Iterable[_Union[AreaAvailability, _Mapping]]] = ..., categories: _Optional[_Iterable[_Union[CategoryAvailability, _Mapping]]] = ...) -> None: ...

class ListUnitsRequest(_message.Message):
    __slots__ = ("event_id", "section")
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    SECTION_FIELD_NUMBER: _ClassVar[int]
    event_id: str
    section: str
    def __init__(self, event_id: _Optional[str] = ..., section: _Optional[str] = ...) -> None: ...

class ListUnitsResponse(_message.Message):
    __slots__ = ("event_id", "section", "sequence", "as_of", "units")
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    SECTION_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    AS_OF_FIELD_NUMBER: _ClassVar[int]
    UNITS_FIELD_NUMBER: _ClassVar[int]
    event_id: str
    section: str
    sequence: int
    as_of: _timestamp_pb2.Timestamp
    units: _containers.RepeatedCompositeFieldContainer[_units_pb2.Unit]
    def __init__(self, event_id: _Optional[str] = ..., section: _Optional[str] = ..., sequence: _Optional[int] = ..., as_of: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., units: _Optional[_Iterable[_Union[_units_pb2.Unit, _Mapping]]] = ...) -> None: ...
