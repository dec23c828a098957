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

class ResourceAvailability(_message.Message):
    __slots__ = ("resource", "category", "counts")
    RESOURCE_FIELD_NUMBER: _ClassVar[int]
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    COUNTS_FIELD_NUMBER: _ClassVar[int]
    resource: str
    category: str
    counts: _units_pb2.UnitCounts
    def __init__(self, resource: _Optional[str] = ..., category: _Optional[str] = ..., counts: _Optional[_Union[_units_pb2.UnitCounts, _Mapping]] = ...) -> None: ...

class CategoryAvailability(_message.Message):
    __slots__ = ("category", "counts")
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    COUNTS_FIELD_NUMBER: _ClassVar[int]
    category: _prices_pb2.PriceCategory
    counts: _units_pb2.UnitCounts
    def __init__(self, category: _Optional[_Union[_prices_pb2.PriceCategory, _Mapping]] = ..., counts: _Optional[_Union[_units_pb2.UnitCounts, _Mapping]] = ...) -> None: ...

class GetAvailabilityRequest(_message.Message):
    __slots__ = ("event_id", "at", "timeout_ms")
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_MS_FIELD_NUMBER: _ClassVar[int]
    event_id: str
    at: str
    timeout_ms: int
    def __init__(self, event_id: _Optional[str] = ..., at: _Optional[str] = ..., timeout_ms: _Optional[int] = ...) -> None: ...

class GetAvailabilityResponse(_message.Message):
    __slots__ = ("event_id", "name", "status", "currency", "sequence", "as_of", "sections", "areas", "categories", "age_ms", "resources")
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    AS_OF_FIELD_NUMBER: _ClassVar[int]
    SECTIONS_FIELD_NUMBER: _ClassVar[int]
    AREAS_FIELD_NUMBER: _ClassVar[int]
    CATEGORIES_FIELD_NUMBER: _ClassVar[int]
    AGE_MS_FIELD_NUMBER: _ClassVar[int]
    RESOURCES_FIELD_NUMBER: _ClassVar[int]
    event_id: str
    name: str
    status: _events_pb2.EventStatus
    currency: str
    sequence: int
    as_of: _timestamp_pb2.Timestamp
    sections: _containers.RepeatedCompositeFieldContainer[SectionAvailability]
    areas: _containers.RepeatedCompositeFieldContainer[AreaAvailability]
    categories: _containers.RepeatedCompositeFieldContainer[CategoryAvailability]
    age_ms: int
    resources: _containers.RepeatedCompositeFieldContainer[ResourceAvailability]
    def __init__(self, event_id: _Optional[str] = ..., name: _Optional[str] = ..., status: _Optional[_Union[_events_pb2.EventStatus, str]] = ..., currency: _Optional[str] = ..., sequence: _Optional[int] = ..., as_of: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., sections: _Optional[_Iterable[_Union[SectionAvailability, _Mapping]]] = ..., areas: _Optional[_Iterable[_Union[AreaAvailability, _Mapping]]] = ..., categories: _Optional[_Iterable[_Union[CategoryAvailability, _Mapping]]] = ..., age_ms: _Optional[int] = ..., resources: _Optional[_Iterable[_Union[ResourceAvailability, _Mapping]]] = ...) -> None: ...

class ListUnitsRequest(_message.Message):
    __slots__ = ("event_id", "section", "resource", "until", "cursor", "limit")
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    SECTION_FIELD_NUMBER: _ClassVar[int]
    RESOURCE_FIELD_NUMBER: _ClassVar[int]
    FROM_FIELD_NUMBER: _ClassVar[int]
    UNTIL_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    event_id: str
    section: str
    resource: str
    until: _timestamp_pb2.Timestamp
    cursor: str
    limit: int
    def __init__(self, event_id: _Optional[str] = ..., section: _Optional[str] = ..., resource: _Optional[str] = ..., until: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., cursor: _Optional[str] = ..., limit: _Optional[int] = ..., **kwargs) -> None: ...

class ListUnitsResponse(_message.Message):
    __slots__ = ("event_id", "section", "sequence", "as_of", "units", "age_ms", "resource", "next_cursor")
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    SECTION_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    AS_OF_FIELD_NUMBER: _ClassVar[int]
    UNITS_FIELD_NUMBER: _ClassVar[int]
    AGE_MS_FIELD_NUMBER: _ClassVar[int]
    RESOURCE_FIELD_NUMBER: _ClassVar[int]
    NEXT_CURSOR_FIELD_NUMBER: _ClassVar[int]
    event_id: str
    section: str
    sequence: int
    as_of: _timestamp_pb2.Timestamp
    units: _containers.RepeatedCompositeFieldContainer[_units_pb2.Unit]
    age_ms: int
    resource: str
    next_cursor: str
    def __init__(self, event_id: _Optional[str] = ..., section: _Optional[str] = ..., sequence: _Optional[int] = ..., as_of: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., units: _Optional[_Iterable[_Union[_units_pb2.Unit, _Mapping]]] = ..., age_ms: _Optional[int] = ..., resource: _Optional[str] = ..., next_cursor: _Optional[str] = ...) -> None: ...

class LayoutPoint(_message.Message):
    __slots__ = ("x", "y")
    X_FIELD_NUMBER: _ClassVar[int]
    Y_FIELD_NUMBER: _ClassVar[int]
    x: float
    y: float
    def __init__(self, x: _Optional[float] = ..., y: _Optional[float] = ...) -> None: ...

class LayoutRow(_message.Message):
    __slots__ = ("row", "category", "first_seat", "count", "first_label", "labels", "table", "sold_whole", "accessible", "companions")
    ROW_FIELD_NUMBER: _ClassVar[int]
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    FIRST_SEAT_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    FIRST_LABEL_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    TABLE_FIELD_NUMBER: _ClassVar[int]
    SOLD_WHOLE_FIELD_NUMBER: _ClassVar[int]
    ACCESSIBLE_FIELD_NUMBER: _ClassVar[int]
    COMPANIONS_FIELD_NUMBER: _ClassVar[int]
    row: str
    category: str
    first_seat: int
    count: int
    first_label: int
    labels: _containers.RepeatedScalarFieldContainer[str]
    table: bool
    sold_whole: bool
    accessible: _containers.RepeatedScalarFieldContainer[int]
    companions: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, row: _Optional[str] = ..., category: _Optional[str] = ..., first_seat: _Optional[int] = ..., count: _Optional[int] = ..., first_label: _Optional[int] = ..., labels: _Optional[_Iterable[str]] = ..., table: _Optional[bool] = ..., sold_whole: _Optional[bool] = ..., accessible: _Optional[_Iterable[int]] = ..., companions: _Optional[_Iterable[int]] = ...) -> None: ...

class LayoutSection(_message.Message):
    __slots__ = ("section", "rows", "at")
    SECTION_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    section: str
    rows: _containers.RepeatedCompositeFieldContainer[LayoutRow]
    at: LayoutPoint
    def __init__(self, section: _Optional[str] = ..., rows: _Optional[_Iterable[_Union[LayoutRow, _Mapping]]] = ..., at: _Optional[_Union[LayoutPoint, _Mapping]] = ...) -> None: ...

class LayoutRun(_message.Message):
    __slots__ = ("starts_at", "count", "minutes_ahead")
    STARTS_AT_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    MINUTES_AHEAD_FIELD_NUMBER: _ClassVar[int]
    starts_at: _timestamp_pb2.Timestamp
    count: int
    minutes_ahead: int
    def __init__(self, starts_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., count: _Optional[int] = ..., minutes_ahead: _Optional[int] = ...) -> None: ...

class LayoutCalendar(_message.Message):
    __slots__ = ("zone", "slot_seconds", "runs")
    ZONE_FIELD_NUMBER: _ClassVar[int]
    SLOT_SECONDS_FIELD_NUMBER: _ClassVar[int]
    RUNS_FIELD_NUMBER: _ClassVar[int]
    zone: str
    slot_seconds: int
    runs: _containers.RepeatedCompositeFieldContainer[LayoutRun]
    def __init__(self, zone: _Optional[str] = ..., slot_seconds: _Optional[int] = ..., runs: _Optional[_Iterable[_Union[LayoutRun, _Mapping]]] = ...) -> None: ...

class LayoutResource(_message.Message):
    __slots__ = ("resource", "category", "first_slot", "count", "calendar", "buffer_seconds")
    RESOURCE_FIELD_NUMBER: _ClassVar[int]
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    FIRST_SLOT_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    CALENDAR_FIELD_NUMBER: _ClassVar[int]
    BUFFER_SECONDS_FIELD_NUMBER: _ClassVar[int]
    resource: str
    category: str
    first_slot: int
    count: int
    calendar: int
    buffer_seconds: int
    def __init__(self, resource: _Optional[str] = ..., category: _Optional[str] = ..., first_slot: _Optional[int] = ..., count: _Optional[int] = ..., calendar: _Optional[int] = ..., buffer_seconds: _Optional[int] = ...) -> None: ...

class GetLayoutRequest(_message.Message):
    __slots__ = ("event_id", "version", "timeout_ms")
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_MS_FIELD_NUMBER: _ClassVar[int]
    event_id: str
    version: int
    timeout_ms: int
    def __init__(self, event_id: _Optional[str] = ..., version: _Optional[int] = ..., timeout_ms: _Optional[int] = ...) -> None: ...

class GetLayoutResponse(_message.Message):
    __slots__ = ("event_id", "layout_version", "currency", "seat_count", "categories", "sections", "areas", "resources", "calendars", "slot_count", "price_types", "fees", "tax", "focus")
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    LAYOUT_VERSION_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_FIELD_NUMBER: _ClassVar[int]
    SEAT_COUNT_FIELD_NUMBER: _ClassVar[int]
    CATEGORIES_FIELD_NUMBER: _ClassVar[int]
    SECTIONS_FIELD_NUMBER: _ClassVar[int]
    AREAS_FIELD_NUMBER: _ClassVar[int]
    RESOURCES_FIELD_NUMBER: _ClassVar[int]
    CALENDARS_FIELD_NUMBER: _ClassVar[int]
    SLOT_COUNT_FIELD_NUMBER: _ClassVar[int]
    PRICE_TYPES_FIELD_NUMBER: _ClassVar[int]
    FEES_FIELD_NUMBER: _ClassVar[int]
    TAX_FIELD_NUMBER: _ClassVar[int]
    FOCUS_FIELD_NUMBER: _ClassVar[int]
    event_id: str
    layout_version: int
    currency: str
    seat_count: int
    categories: _containers.RepeatedCompositeFieldContainer[_prices_pb2.PriceCategory]
    sections: _containers.RepeatedCompositeFieldContainer[LayoutSection]
    areas: _containers.RepeatedCompositeFieldContainer[_events_pb2.EventArea]
    resources: _containers.RepeatedCompositeFieldContainer[LayoutResource]
    calendars: _containers.RepeatedCompositeFieldContainer[LayoutCalendar]
    slot_count: int
    price_types: _containers.RepeatedScalarFieldContainer[str]
    fees: _containers.RepeatedCompositeFieldContainer[_prices_pb2.Fee]
    tax: _prices_pb2.Tax
    focus: LayoutPoint
    def __init__(self, event_id: _Optional[str] = ..., layout_version: _Optional[int] = ..., currency: _Optional[str] = ..., seat_count: _Optional[int] = ..., categories: _Optional[_Iterable[_Union[_prices_pb2.PriceCategory, _Mapping]]] = ..., sections: _Optional[_Iterable[_Union[LayoutSection, _Mapping]]] = ..., areas: _Optional[_Iterable[_Union[_events_pb2.EventArea, _Mapping]]] = ..., resources: _Optional[_Iterable[_Union[LayoutResource, _Mapping]]] = ..., calendars: _Optional[_Iterable[_Union[LayoutCalendar, _Mapping]]] = ..., slot_count: _Optional[int] = ..., price_types: _Optional[_Iterable[str]] = ..., fees: _Optional[_Iterable[_Union[_prices_pb2.Fee, _Mapping]]] = ..., tax: _Optional[_Union[_prices_pb2.Tax, _Mapping]] = ..., focus: _Optional[_Union[LayoutPoint, _Mapping]] = ...) -> None: ...

class SeatsOfStatus(_message.Message):
    __slots__ = ("status", "seats")
    STATUS_FIELD_NUMBER: _ClassVar[int]
    SEATS_FIELD_NUMBER: _ClassVar[int]
    status: _units_pb2.UnitStatus
    seats: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, status: _Optional[_Union[_units_pb2.UnitStatus, str]] = ..., seats: _Optional[_Iterable[int]] = ...) -> None: ...

class GetStatusesRequest(_message.Message):
    __slots__ = ("event_id", "since", "at", "timeout_ms")
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_MS_FIELD_NUMBER: _ClassVar[int]
    event_id: str
    since: int
    at: str
    timeout_ms: int
    def __init__(self, event_id: _Optional[str] = ..., since: _Optional[int] = ..., at: _Optional[str] = ..., timeout_ms: _Optional[int] = ...) -> None: ...

class GetStatusesResponse(_message.Message):
    __slots__ = ("event_id", "layout_version", "sequence", "as_of", "age_ms", "areas", "only_changed", "statuses", "changed")
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    LAYOUT_VERSION_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    AS_OF_FIELD_NUMBER: _ClassVar[int]
    AGE_MS_FIELD_NUMBER: _ClassVar[int]
    AREAS_FIELD_NUMBER: _ClassVar[int]
    ONLY_CHANGED_FIELD_NUMBER: _ClassVar[int]
    STATUSES_FIELD_NUMBER: _ClassVar[int]
    CHANGED_FIELD_NUMBER: _ClassVar[int]
    event_id: str
    layout_version: int
    sequence: int
    as_of: _timestamp_pb2.Timestamp
    age_ms: int
    areas: _containers.RepeatedCompositeFieldContainer[AreaAvailability]
    only_changed: bool
    statuses: bytes
    changed: _containers.RepeatedCompositeFieldContainer[SeatsOfStatus]
    def __init__(self, event_id: _Optional[str] = ..., layout_version: _Optional[int] = ..., sequence: _Optional[int] = ..., as_of: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., age_ms: _Optional[int] = ..., areas: _Optional[_Iterable[_Union[AreaAvailability, _Mapping]]] = ..., only_changed: _Optional[bool] = ..., statuses: _Optional[bytes] = ..., changed: _Optional[_Iterable[_Union[SeatsOfStatus, _Mapping]]] = ...) -> None: ...
