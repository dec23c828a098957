"""Cursors into a tenant's list of events: opaque text, good for that tenant only."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import blake2b
from hmac import compare_digest
from typing import Annotated

import msgspec

from actors.core.ids import BlockId, TenantId, event_id, parse_event_id

_CHECK_LENGTH = 8
_Time = Annotated[int, msgspec.Meta(ge=0, le=(1 << 63) - 1)]
_decoder = msgspec.msgpack.Decoder(tuple[_Time, str])


class InvalidCursor(ValueError):
    """A cursor that was not given out to this tenant."""


def cursor_behind(tenant: TenantId, created_at_ms: int, block: BlockId) -> str:
    """Where the list goes on behind this event."""
    place = msgspec.msgpack.encode((created_at_ms, event_id(block)))
    return urlsafe_b64encode(_check(tenant, place) + place).decode().rstrip("=")


def place_of(tenant: TenantId, cursor: str) -> tuple[int, BlockId]:
    """Creation time and block of the event that `cursor` is behind. Raises InvalidCursor."""
    try:
        decoded = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        check, place = decoded[:_CHECK_LENGTH], decoded[_CHECK_LENGTH:]
        created_at_ms, event = _decoder.decode(place)
    except (ValueError, msgspec.DecodeError) as fault:
        raise InvalidCursor("the cursor cannot be read") from fault
    block = parse_event_id(event)
    if block is None or not compare_digest(check, _check(tenant, place)):
        raise InvalidCursor("the cursor is not one that was given out")
    return created_at_ms, block


def _check(tenant: TenantId, place: bytes) -> bytes:
    """Ties a cursor to its tenant, so that one that went astray is noticed; it protects nothing."""
    return blake2b(tenant.encode() + b"\0" + place, digest_size=_CHECK_LENGTH).digest()
