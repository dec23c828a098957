import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from holdfast.v1 import prices_pb2 as _prices_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class EventStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    EVENT_STATUS_UNSPECIFIED: _ClassVar[EventStatus]
    EVENT_STATUS_DRAFT: _ClassVar[EventStatus]
    EVENT_STATUS_ON_SALE: _ClassVar[EventStatus]
    EVENT_STATUS_PAUSED: _ClassVar[EventStatus]
    EVENT_STATUS_CLOSED: _ClassVar[EventStatus]
    EVENT_STATUS_ARCHIVED: _ClassVar[EventStatus]
    EVENT_STATUS_CANCELLED: _ClassVar[EventStatus]
EVENT_STATUS_UNSPECIFIED: EventStatus
EVENT_STATUS_DRAFT: EventStatus
EVENT_STATUS_ON_SALE: EventStatus
EVENT_STATUS_PAUSED: EventStatus
EVENT_STATUS_CLOSED: EventStatus
EVENT_STATUS_ARCHIVED: EventStatus
EVENT_STATUS_CANCELLED: EventStatus

class Event(_message.Message):
    __slots__ = ("event_id", "name", "status", "currency", "capacity", "hold_ttl_seconds", "created_at", "categories", "sections", "areas", "revision", "layout_version", "rules", "resources", "price_types", "fees", "tax", "split")
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_FIELD_NUMBER: _ClassVar[int]
    CAPACITY_FIELD_NUMBER: _ClassVar[int]
    HOLD_TTL_SECONDS_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    CATEGORIES_FIELD_NUMBER: _ClassVar[int]
    SECTIONS_FIELD_NUMBER: _ClassVar[int]
    AREAS_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    LAYOUT_VERSION_FIELD_NUMBER: _ClassVar[int]
    RULES_FIELD_NUMBER: _ClassVar[int]
    RESOURCES_FIELD_NUMBER: _ClassVar[int]
    PRICE_TYPES_FIELD_NUMBER: _ClassVar[int]
    FEES_FIELD_NUMBER: _ClassVar[int]
    TAX_FIELD_NUMBER: _ClassVar[int]
    SPLIT_FIELD_NUMBER: _ClassVar[int]
    event_id: str
    name: str
    status: EventStatus
    currency: str
    capacity: int
    hold_ttl_seconds: int
    created_at: _timestamp_pb2.Timestamp
    categories: _containers.RepeatedCompositeFieldContainer[_prices_pb2.PriceCategory]
    sections: _containers.RepeatedCompositeFieldContainer[EventSection]
    areas: _containers.RepeatedCompositeFieldContainer[EventArea]
    revision: int
    layout_version: int
    rules: str
    resources: _containers.RepeatedCompositeFieldContainer[EventResource]
    price_types: _containers.RepeatedScalarFieldContainer[str]
    fees: _containers.RepeatedCompositeFieldContainer[_prices_pb2.Fee]
    tax: _prices_pb2.Tax
    split: _containers.RepeatedCompositeFieldContainer[SectionGroup]
    def __init__(self, event_id: _Optional[str] = ..., name: _Optional[str] = ..., status: _Optional[_Union[EventStatus, str]] = ..., currency: _Optional[str] = ..., capacity: _Optional[int] = ..., hold_ttl_seconds: _Optional[int] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., categories: _Optional[_Iterable[_Union[_prices_pb2.PriceCategory, _Mapping]]] = ..., sections: _Optional[_Iterable[_Union[EventSection, _Mapping]]] = ..., areas: _Optional[_Iterable[_Union[EventArea, _Mapping]]] = ..., revision: _Optional[int] = ..., layout_version: _Optional[int] = ..., rules: _Optional[str] = ..., resources: _Optional[_Iterable[_Union[EventResource, _Mapping]]] = ..., price_types: _Optional[_Iterable[str]] = ..., fees: _Optional[_Iterable[_Union[_prices_pb2.Fee, _Mapping]]] = ..., tax: _Optional[_Union[_prices_pb2.Tax, _Mapping]] = ..., split: _Optional[_Iterable[_Union[SectionGroup, _Mapping]]] = ...) -> None: ...

class SectionGroup(_message.Message):
    __slots__ = ("sections",)
    SECTIONS_FIELD_NUMBER: _ClassVar[int]
    sections: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, sections: _Optional[_Iterable[str]] = ...) -> None: ...

class EventSection(_message.Message):
    __slots__ = ("section", "capacity")
    SECTION_FIELD_NUMBER: _ClassVar[int]
    CAPACITY_FIELD_NUMBER: _ClassVar[int]
    section: str
    capacity: int
    def __init__(self, section: _Optional[str] = ..., capacity: _Optional[int] = ...) -> None: ...

class EventArea(_message.Message):
    __slots__ = ("area", "category", "capacity")
    AREA_FIELD_NUMBER: _ClassVar[int]
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    CAPACITY_FIELD_NUMBER: _ClassVar[int]
    area: str
    category: str
    capacity: int
    def __init__(self, area: _Optional[str] = ..., category: _Optional[str] = ..., capacity: _Optional[int] = ...) -> None: ...

class EventResource(_message.Message):
    __slots__ = ("resource", "category", "capacity", "zone", "slot_seconds", "buffer_seconds", "first_starts_at", "last_ends_at")
    RESOURCE_FIELD_NUMBER: _ClassVar[int]
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    CAPACITY_FIELD_NUMBER: _ClassVar[int]
    ZONE_FIELD_NUMBER: _ClassVar[int]
    SLOT_SECONDS_FIELD_NUMBER: _ClassVar[int]
    BUFFER_SECONDS_FIELD_NUMBER: _ClassVar[int]
    FIRST_STARTS_AT_FIELD_NUMBER: _ClassVar[int]
    LAST_ENDS_AT_FIELD_NUMBER: _ClassVar[int]
    resource: str
    category: str
    capacity: int
    zone: str
    slot_seconds: int
    buffer_seconds: int
    first_starts_at: _timestamp_pb2.Timestamp
    last_ends_at: _timestamp_pb2.Timestamp
    def __init__(self, resource: _Optional[str] = ..., category: _Optional[str] = ..., capacity: _Optional[int] = ..., zone: _Optional[str] = ..., slot_seconds: _Optional[int] = ..., buffer_seconds: _Optional[int] = ..., first_starts_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., last_ends_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class EventSummary(_message.Message):
    __slots__ = ("event_id", "name", "status", "capacity", "available", "created_at", "as_of")
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    CAPACITY_FIELD_NUMBER: _ClassVar[int]
    AVAILABLE_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    AS_OF_FIELD_NUMBER: _ClassVar[int]
    event_id: str
    name: str
    status: EventStatus
    capacity: int
    available: int
    created_at: _timestamp_pb2.Timestamp
    as_of: _timestamp_pb2.Timestamp
    def __init__(self, event_id: _Optional[str] = ..., name: _Optional[str] = ..., status: _Optional[_Union[EventStatus, str]] = ..., capacity: _Optional[int] = ..., available: _Optional[int] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., as_of: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class CreateEventRequest(_message.Message):
    __slots__ = ("name", "layout", "hold_ttl_seconds", "rules", "split", "idempotency_key", "timeout_ms")
    NAME_FIELD_NUMBER: _ClassVar[int]
    LAYOUT_FIELD_NUMBER: _ClassVar[int]
    HOLD_TTL_SECONDS_FIELD_NUMBER: _ClassVar[int]
    RULES_FIELD_NUMBER: _ClassVar[int]
    SPLIT_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_MS_FIELD_NUMBER: _ClassVar[int]
    name: str
    layout: str
    hold_ttl_seconds: int
    rules: str
    split: _containers.RepeatedCompositeFieldContainer[SectionGroup]
    idempotency_key: str
    timeout_ms: int
    def __init__(self, name: _Optional[str] = ..., layout: _Optional[str] = ..., hold_ttl_seconds: _Optional[int] = ..., rules: _Optional[str] = ..., split: _Optional[_Iterable[_Union[SectionGroup, _Mapping]]] = ..., idempotency_key: _Optional[str] = ..., timeout_ms: _Optional[int] = ...) -> None: ...

class CreateEventResponse(_message.Message):
    __slots__ = ("event", "idempotency_replayed")
    EVENT_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_REPLAYED_FIELD_NUMBER: _ClassVar[int]
    event: Event
    idempotency_replayed: bool
    def __init__(self, event: _Optional[_Union[Event, _Mapping]] = ..., idempotency_replayed: _Optional[bool] = ...) -> None: ...

class OpenSaleRequest(_message.Message):
    __slots__ = ("event_id", "idempotency_key", "timeout_ms")
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_MS_FIELD_NUMBER: _ClassVar[int]
    event_id: str
    idempotency_key: str
    timeout_ms: int
    def __init__(self, event_id: _Optional[str] = ..., idempotency_key: _Optional[str] = ..., timeout_ms: _Optional[int] = ...) -> None: ...

class OpenSaleResponse(_message.Message):
    __slots__ = ("event", "idempotency_replayed")
    EVENT_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_REPLAYED_FIELD_NUMBER: _ClassVar[int]
    event: Event
    idempotency_replayed: bool
    def __init__(self, event: _Optional[_Union[Event, _Mapping]] = ..., idempotency_replayed: _Optional[bool] = ...) -> None: ...

class GetEventRequest(_message.Message):
    __slots__ = ("event_id", "timeout_ms")
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_MS_FIELD_NUMBER: _ClassVar[int]
    event_id: str
    timeout_ms: int
    def __init__(self, event_id: _Optional[str] = ..., timeout_ms: _Optional[int] = ...) -> None: ...

class GetEventResponse(_message.Message):
    __slots__ = ("event",)
    EVENT_FIELD_NUMBER: _ClassVar[int]
    event: Event
    def __init__(self, event: _Optional[_Union[Event, _Mapping]] = ...) -> None: ...

class GetLayoutDocumentRequest(_message.Message):
    __slots__ = ("event_id", "timeout_ms")
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_MS_FIELD_NUMBER: _ClassVar[int]
    event_id: str
    timeout_ms: int
    def __init__(self, event_id: _Optional[str] = ..., timeout_ms: _Optional[int] = ...) -> None: ...

class GetLayoutDocumentResponse(_message.Message):
    __slots__ = ("event_id", "revision", "layout_version", "layout")
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    LAYOUT_VERSION_FIELD_NUMBER: _ClassVar[int]
    LAYOUT_FIELD_NUMBER: _ClassVar[int]
    event_id: str
    revision: int
    layout_version: int
    layout: str
    def __init__(self, event_id: _Optional[str] = ..., revision: _Optional[int] = ..., layout_version: _Optional[int] = ..., layout: _Optional[str] = ...) -> None: ...

class ListEventsRequest(_message.Message):
    __slots__ = ("cursor", "limit", "status")
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    cursor: str
    limit: int
    status: EventStatus
    def __init__(self, cursor: _Optional[str] = ..., limit: _Optional[int] = ..., status: _Optional[_Union[EventStatus, str]] = ...) -> None: ...

class ListEventsResponse(_message.Message):
    __slots__ = ("events", "next_cursor")
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_CURSOR_FIELD_NUMBER: _ClassVar[int]
    events: _containers.RepeatedCompositeFieldContainer[EventSummary]
    next_cursor: str
    def __init__(self, events: _Optional[_Iterable[_Union[EventSummary, _Mapping]]] = ..., next_cursor: _Optional[str] = ...) -> None: ...

class EditEventRequest(_message.Message):
    __slots__ = ("event_id", "if_revision", "name", "layout", "rules", "hold_ttl_seconds", "idempotency_key", "timeout_ms")
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    IF_REVISION_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    LAYOUT_FIELD_NUMBER: _ClassVar[int]
    RULES_FIELD_NUMBER: _ClassVar[int]
    HOLD_TTL_SECONDS_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_MS_FIELD_NUMBER: _ClassVar[int]
    event_id: str
    if_revision: int
    name: str
    layout: str
    rules: str
    hold_ttl_seconds: int
    idempotency_key: str
    timeout_ms: int
    def __init__(self, event_id: _Optional[str] = ..., if_revision: _Optional[int] = ..., name: _Optional[str] = ..., layout: _Optional[str] = ..., rules: _Optional[str] = ..., hold_ttl_seconds: _Optional[int] = ..., idempotency_key: _Optional[str] = ..., timeout_ms: _Optional[int] = ...) -> None: ...

class EditEventResponse(_message.Message):
    __slots__ = ("event", "idempotency_replayed")
    EVENT_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_REPLAYED_FIELD_NUMBER: _ClassVar[int]
    event: Event
    idempotency_replayed: bool
    def __init__(self, event: _Optional[_Union[Event, _Mapping]] = ..., idempotency_replayed: _Optional[bool] = ...) -> None: ...

class PauseSaleRequest(_message.Message):
    __slots__ = ("event_id", "idempotency_key", "timeout_ms")
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_MS_FIELD_NUMBER: _ClassVar[int]
    event_id: str
    idempotency_key: str
    timeout_ms: int
    def __init__(self, event_id: _Optional[str] = ..., idempotency_key: _Optional[str] = ..., timeout_ms: _Optional[int] = ...) -> None: ...

class PauseSaleResponse(_message.Message):
    __slots__ = ("event", "idempotency_replayed")
    EVENT_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_REPLAYED_FIELD_NUMBER: _ClassVar[int]
    event: Event
    idempotency_replayed: bool
    def __init__(self, event: _Optional[_Union[Event, _Mapping]] = ..., idempotency_replayed: _Optional[bool] = ...) -> None: ...

class CloseSaleRequest(_message.Message):
    __slots__ = ("event_id", "idempotency_key", "timeout_ms")
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_MS_FIELD_NUMBER: _ClassVar[int]
    event_id: str
    idempotency_key: str
    timeout_ms: int
    def __init__(self, event_id: _Optional[str] = ..., idempotency_key: _Optional[str] = ..., timeout_ms: _Optional[int] = ...) -> None: ...

class CloseSaleResponse(_message.Message):
    __slots__ = ("event", "idempotency_replayed")
    EVENT_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_REPLAYED_FIELD_NUMBER: _ClassVar[int]
    event: Event
    idempotency_replayed: bool
    def __init__(self, event: _Optional[_Union[Event, _Mapping]] = ..., idempotency_replayed: _Optional[bool] = ...) -> None: ...

class CancelEventRequest(_message.Message):
    __slots__ = ("event_id", "idempotency_key", "timeout_ms")
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_MS_FIELD_NUMBER: _ClassVar[int]
    event_id: str
    idempotency_key: str
    timeout_ms: int
    def __init__(self, event_id: _Optional[str] = ..., idempotency_key: _Optional[str] = ..., timeout_ms: _Optional[int] = ...) -> None: ...

class CancelEventResponse(_message.Message):
    __slots__ = ("event", "idempotency_replayed")
    EVENT_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_REPLAYED_FIELD_NUMBER: _ClassVar[int]
    event: Event
    idempotency_replayed: bool
    def __init__(self, event: _Optional[_Union[Event, _Mapping]] = ..., idempotency_replayed: _Optional[bool] = ...) -> None: ...

class ArchiveEventRequest(_message.Message):
    __slots__ = ("event_id", "idempotency_key", "timeout_ms")
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_MS_FIELD_NUMBER: _ClassVar[int]
    event_id: str
    idempotency_key: str
    timeout_ms: int
    def __init__(self, event_id: _Optional[str] = ..., idempotency_key: _Optional[str] = ..., timeout_ms: _Optional[int] = ...) -> None: ...

class ArchiveEventResponse(_message.Message):
    __slots__ = ("event", "idempotency_replayed")
    EVENT_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_REPLAYED_FIELD_NUMBER: _ClassVar[int]
    event: Event
    idempotency_replayed: bool
    def __init__(self, event: _Optional[_Union[Event, _Mapping]] = ..., idempotency_replayed: _Optional[bool] = ...) -> None: ...
