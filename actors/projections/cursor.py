"""Cursors into lists: opaque text, good only for the list that it was given out for, of that tenant."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import blake2b
from hmac import compare_digest
from typing import Annotated, TypeVar

import msgspec

from actors.core.ids import BlockId, TenantId, event_id, parse_event_id

P = TypeVar("P")

_CHECK_LENGTH = 8
_Number = Annotated[int, msgspec.Meta(ge=0, le=(1 << 63) - 1)]
_events = msgspec.msgpack.Decoder(tuple[_Number, str])
_numbers = msgspec.msgpack.Decoder(tuple[_Number, _Number])


class InvalidCursor(ValueError):
    """A cursor that was not given out for this list."""


def cursor_behind(tenant: TenantId, created_at_ms: int, block: BlockId) -> str:
    """Where a tenant's list of events goes on behind this one."""
    return _text(tenant, (created_at_ms, event_id(block)))


def place_of(tenant: TenantId, cursor: str) -> tuple[int, BlockId]:
    """Creation time and block of the event that `cursor` is behind. Raises InvalidCursor."""
    created_at_ms, event = _place(tenant, cursor, _events)
    block = parse_event_id(event)
    if block is None:
        raise InvalidCursor("the cursor is not one that was given out")
    return created_at_ms, block


def number_cursor(owner: str, at_ms: int, number: int) -> str:
    """Where the owner's list of numbers goes on behind this one."""
    return _text(owner, (at_ms, number))


def number_behind(owner: str, cursor: str) -> tuple[int, int]:
    """Time and number that `cursor` is behind. Raises InvalidCursor."""
    return _place(owner, cursor, _numbers)


def _text(owner: str, place: tuple[int, str | int]) -> str:
    encoded = msgspec.msgpack.encode(place)
    return urlsafe_b64encode(_check(owner, encoded) + encoded).decode().rstrip("=")


def _place(owner: str, cursor: str, decoder: "msgspec.msgpack.Decoder[P]") -> P:
    try:
        decoded = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        check, place = decoded[:_CHECK_LENGTH], decoded[_CHECK_LENGTH:]
        behind = decoder.decode(place)
    except (ValueError, msgspec.DecodeError) as fault:
        raise InvalidCursor("the cursor cannot be read") from fault
    if not compare_digest(check, _check(owner, place)):
        raise InvalidCursor("the cursor is not one that was given out")
    return behind


def _check(owner: str, place: bytes) -> bytes:
    """Ties a cursor to whose list it is of, so that one that went astray is noticed; it protects nothing."""
    return blake2b(owner.encode() + b"\0" + place, digest_size=_CHECK_LENGTH).digest()
