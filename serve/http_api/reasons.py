"""Reasons that several operations may be refused for."""

from actors.core.outcomes import Reason

WISH_REFUSED = (
    Reason.UNIT_UNKNOWN,
    Reason.TABLE_NOT_WHOLE,
    Reason.SALE_NOT_OPEN,
    Reason.SALE_CLOSED,
    Reason.BUYER_LIMIT_EXCEEDED,
    Reason.UNITS_BLOCKED,
    Reason.CHANNEL_REQUIRED,
    Reason.UNITS_SOLD,
    Reason.UNITS_HELD,
    Reason.NOT_ENOUGH_AVAILABLE,
)
"""Why a wish may come to nothing."""

HOLD_ENDED = (Reason.HOLD_EXPIRED, Reason.HOLD_RELEASED, Reason.HOLD_CONFIRMED)

NOT_IN_FORCE = (
    Reason.ORDER_NOT_FOUND,
    Reason.ORDER_EXPIRED,
    Reason.ORDER_CANCELLED,
    Reason.ORDER_PENDING,
    Reason.ORDER_CLOSED,
)
"""Why an order is not one that is paid and not over."""
