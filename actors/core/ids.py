"""Identifiers: what they look like outside and what they are inside.

Outside an id is opaque text, `hold_` + 16 characters of its home block + 13 characters of its own. Inside a block only
the number is kept. So a request that bears an id goes straight to the block that knows it.
"""

import re
from enum import StrEnum
from functools import lru_cache
from hashlib import blake2b
from typing import NewType

BlockId = NewType("BlockId", str)
TenantId = NewType("TenantId", str)

BLOCK_ID_LENGTH = 16
NUMBER_LENGTH = 13
NUMBER_BITS = 63
DESKS = 16  # of each tenant

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32: no i, l, o, u
_AS_PYTHON_WRITES = str.maketrans(_ALPHABET, "0123456789abcdefghijklmnopqrstuv")
_NUMERAL = re.compile(f"[{_ALPHABET}]+")
_PLACE = re.compile(r"[1-9][0-9]{0,5}")


class Kind(StrEnum):
    """What an outside id names; also its prefix."""

    EVENT = "event"
    HOLD = "hold"
    ORDER = "order"
    TICKET = "ticket"
    WAITER = "waiter"


def event_block(tenant: TenantId, key: str) -> BlockId:
    """The home block of the event that `tenant` creates under the idempotency key `key`: creating is idempotent."""
    digest = blake2b(tenants_own(tenant, key), digest_size=10, person=b"holdfast.event").digest()
    return BlockId(_encode(int.from_bytes(digest, "big"), BLOCK_ID_LENGTH))


def part_block(home: BlockId, number: int) -> BlockId:
    """The block of a part of the event at home in `home`, counted from 0."""
    digest = blake2b(f"{home}{number}".encode(), digest_size=10, person=b"holdfast.part").digest()
    return BlockId(_encode(int.from_bytes(digest, "big"), BLOCK_ID_LENGTH))


def desk_block(tenant: TenantId, key: bytes) -> BlockId:
    """The desk that coordinates what `tenant` asks for under this hash of an idempotency key: one of `DESKS`."""
    return _desk(tenant, int.from_bytes(key[:4]) % DESKS)


@lru_cache(maxsize=4096)
def desks_of(tenant: TenantId) -> frozenset[BlockId]:
    """All the desks of a tenant: what has its home in another block is of one event."""
    return frozenset(_desk(tenant, number) for number in range(DESKS))


def tenants_own(tenant: TenantId, text: str) -> bytes:
    """Bytes that no other pair of a tenant and a text gives, whatever characters are in them."""
    return f"{len(tenant)}:{tenant}{text}".encode()


def event_id(block: BlockId) -> str:
    """The outside id of the event that lives in `block`."""
    return f"{Kind.EVENT}_{block}"


def outside_id(kind: Kind, block: BlockId, number: int) -> str:
    """The outside id of a hold, an order or a waiter; `number` is from 1 and below 2**63."""
    assert 0 < number < 1 << NUMBER_BITS, "the number is out of bounds"
    return f"{kind}_{block}{_encode(number, NUMBER_LENGTH)}"


def ticket_id(block: BlockId, order: int, index: int) -> str:
    """The outside id of an order's ticket; `index` counts the order's tickets from 0."""
    return f"{outside_id(Kind.TICKET, block, order)}-{index + 1}"


def parse_event_id(text: str) -> BlockId | None:
    """The block of an outside event id, or None if it is not one."""
    prefix, _, body = text.partition("_")
    if prefix != Kind.EVENT or len(body) != BLOCK_ID_LENGTH or not _NUMERAL.fullmatch(body):
        return None
    return BlockId(body)


def parse_id(kind: Kind, text: str) -> tuple[BlockId, int] | None:
    """Home block and number of an outside id of a hold, an order or a waiter, or None if it is not one."""
    prefix, _, body = text.partition("_")
    if prefix != kind or len(body) != BLOCK_ID_LENGTH + NUMBER_LENGTH or not _NUMERAL.fullmatch(body):
        return None
    number = int(body[BLOCK_ID_LENGTH:].translate(_AS_PYTHON_WRITES), 32)
    if not number or number >> NUMBER_BITS:
        return None
    return BlockId(body[:BLOCK_ID_LENGTH]), number


def parse_ticket_id(text: str) -> tuple[BlockId, int, int] | None:
    """Home block, order number and index of an outside ticket id, or None if it is not one."""
    order, _, place = text.partition("-")
    home = parse_id(Kind.TICKET, order)
    return (*home, int(place) - 1) if home is not None and _PLACE.fullmatch(place) else None


def _desk(tenant: TenantId, number: int) -> BlockId:
    digest = blake2b(tenants_own(tenant, str(number)), digest_size=10, person=b"holdfast.desk").digest()
    return BlockId(_encode(int.from_bytes(digest, "big"), BLOCK_ID_LENGTH))


def _encode(number: int, length: int) -> str:
    assert 0 <= number < 1 << (5 * length), "the number does not fit"
    return "".join(_ALPHABET[(number >> (5 * place)) & 31] for place in range(length - 1, -1, -1))
