from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
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
    __slots__ = ("area", "quantity")
    AREA_FIELD_NUMBER: _ClassVar[int]
    QUANTITY_FIELD_NUMBER: _ClassVar[int]
    area: str
    quantity: int
    def __init__(self, area: _Optional[str] = ..., quantity: _Optional[int] = ...) -> None: ...

class Unit(_message.Message):
    __slots__ = ("unit", "status")
    UNIT_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    unit: str
    status: UnitStatus
    def __init__(self, unit: _Optional[str] = ..., status: _Optional[_Union[UnitStatus, str]] = ...) -> None: ...

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
