"""Hand-made calls in few words. Times in ms; the block is that of `tests.loadtests.journals`, if no other is said."""

from typing import Any

from actors.audit.ids import HOLD, ORDER, id_of
from actors.audit.replies import Acknowledged
from loadtests.history.calls import Call, Kind, Outcome, Seen
from tests.loadtests.journals import BLOCK

_ORDERS = (
    Kind.ORDER, Kind.CONFIRM, Kind.CANCEL, Kind.CANCEL_PARTLY, Kind.EXCHANGE, Kind.REASSIGN, Kind.CLOSE,
    Kind.READ_ORDER,
)  # fmt: skip


def hold_id(number: int) -> str:
    """Of the hold of this number."""
    return id_of(HOLD, BLOCK, number)


def order_id(number: int) -> str:
    """Of the order of this number."""
    return id_of(ORDER, BLOCK, number)


def ok(kind: Kind, number: int, span: tuple[int, int], key: str = "", **asked: Any) -> Call:
    """A write that was accepted, of the hold or the order of this number, which for ORDER is that of the hold."""
    position, expires_at_ms = asked.pop("position", 0), asked.pop("expires_at_ms", 0)
    units, areas = asked.pop("units", ()), asked.pop("areas", ())
    own = order_id(100 + number) if kind is Kind.ORDER else _id(kind, number)
    assert kind.told is not None
    told = Acknowledged(kind.told, own, units, areas, 0, "", expires_at_ms, position, key)
    about = "" if kind is Kind.HOLD else hold_id(number) if kind is Kind.ORDER else own
    return _call(kind, span, Outcome.OK, key or f"{kind} {number}", about, units=units, areas=areas, told=told, **asked)


def fail(kind: Kind, number: int, span: tuple[int, int], reason: str, key: str = "", **asked: Any) -> Call:
    """A write that was refused; of a hold that was asked for there is no number: 0."""
    return _call(kind, span, Outcome.FAIL, key or f"no {kind} {span}", _id(kind, number), reason=reason, **asked)


def info(kind: Kind, number: int, at: int, key: str, **asked: Any) -> Call:
    """A write that was never answered."""
    return _call(kind, (at, None), Outcome.INFO, key, _id(kind, number), **asked)


def read(kind: Kind, number: int, span: tuple[int, int], status: str, **seen: Any) -> Call:
    """A read that was answered."""
    return _call(kind, span, Outcome.OK, "", _id(kind, number), told=Seen(status, **seen))


def _id(kind: Kind, number: int) -> str:
    if not number:
        return ""
    return order_id(number) if kind in _ORDERS and kind is not Kind.ORDER else hold_id(number)


def _call(kind: Kind, span: tuple[int, int | None], outcome: Outcome, key: str, about: str, **fields: Any) -> Call:
    first, last = span
    if kind is Kind.HOLD:
        about = ""
    client = fields.pop("client", "anna")
    returned_us = None if last is None else last * 1000
    block = fields.pop("block", BLOCK)
    return Call(client, kind, block, first * 1000, outcome, returned_us, key, about, **fields)
