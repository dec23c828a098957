from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from typing import ClassVar as _ClassVar

DESCRIPTOR: _descriptor.FileDescriptor

class Reason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    REASON_UNSPECIFIED: _ClassVar[Reason]
    REASON_TOO_LARGE: _ClassVar[Reason]
    REASON_INVALID_ARGUMENT: _ClassVar[Reason]
    REASON_UNAUTHENTICATED: _ClassVar[Reason]
    REASON_PERMISSION_DENIED: _ClassVar[Reason]
    REASON_RATE_LIMITED: _ClassVar[Reason]
    REASON_OVERLOADED: _ClassVar[Reason]
    REASON_UNAVAILABLE: _ClassVar[Reason]
    REASON_OUTCOME_UNKNOWN: _ClassVar[Reason]
    REASON_DEADLINE_EXCEEDED: _ClassVar[Reason]
    REASON_EVENT_NOT_FOUND: _ClassVar[Reason]
    REASON_HOLD_NOT_FOUND: _ClassVar[Reason]
    REASON_ORDER_NOT_FOUND: _ClassVar[Reason]
    REASON_IDEMPOTENCY_KEY_REUSED: _ClassVar[Reason]
    REASON_UNIT_UNKNOWN: _ClassVar[Reason]
    REASON_SALE_NOT_OPEN: _ClassVar[Reason]
    REASON_SALE_CLOSED: _ClassVar[Reason]
    REASON_HOLD_EXPIRED: _ClassVar[Reason]
    REASON_HOLD_RELEASED: _ClassVar[Reason]
    REASON_HOLD_CONFIRMED: _ClassVar[Reason]
    REASON_ORDER_EXPIRED: _ClassVar[Reason]
    REASON_ORDER_CANCELLED: _ClassVar[Reason]
    REASON_ORDER_CONFIRMED: _ClassVar[Reason]
    REASON_UNITS_SOLD: _ClassVar[Reason]
    REASON_UNITS_HELD: _ClassVar[Reason]
    REASON_NOT_ENOUGH_AVAILABLE: _ClassVar[Reason]
    REASON_INTERNAL: _ClassVar[Reason]
REASON_UNSPECIFIED: Reason
REASON_TOO_LARGE: Reason
REASON_INVALID_ARGUMENT: Reason
REASON_UNAUTHENTICATED: Reason
REASON_PERMISSION_DENIED: Reason
REASON_RATE_LIMITED: Reason
REASON_OVERLOADED: Reason
REASON_UNAVAILABLE: Reason
REASON_OUTCOME_UNKNOWN: Reason
REASON_DEADLINE_EXCEEDED: Reason
REASON_EVENT_NOT_FOUND: Reason
REASON_HOLD_NOT_FOUND: Reason
REASON_ORDER_NOT_FOUND: Reason
REASON_IDEMPOTENCY_KEY_REUSED: Reason
REASON_UNIT_UNKNOWN: Reason
REASON_SALE_NOT_OPEN: Reason
REASON_SALE_CLOSED: Reason
REASON_HOLD_EXPIRED: Reason
REASON_HOLD_RELEASED: Reason
REASON_HOLD_CONFIRMED: Reason
REASON_ORDER_EXPIRED: Reason
REASON_ORDER_CANCELLED: Reason
REASON_ORDER_CONFIRMED: Reason
REASON_UNITS_SOLD: Reason
REASON_UNITS_HELD: Reason
REASON_NOT_ENOUGH_AVAILABLE: Reason
REASON_INTERNAL: Reason
