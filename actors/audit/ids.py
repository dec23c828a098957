"""Ids as clients know them, by the auditor's own reading: a kind, `_`, 16 characters of block, 13 of a number.

The characters are digits of Crockford's base 32. A number is from 1 and below 2**63.
"""

import re
from hashlib import blake2b

NUMBER_BITS = 63
HOLD, ORDER, WAITER, EVENT = "hold", "order", "waiter", "event"

_DIGITS = "0123456789abcdefghjkmnpqrstvwxyz"
_PYTHONS = str.maketrans(_DIGITS, "0123456789abcdefghijklmnopqrstuv")
_EVENT = re.compile(f"{EVENT}_([{_DIGITS}]{{16}})")
_NUMBERED = re.compile(f"({HOLD}|{ORDER}|{WAITER})_([{_DIGITS}]{{16}})([{_DIGITS}]{{13}})")
DESKS = 16


def is_number(number: int) -> bool:
    """Whether a hold, an order or a waiter can have this number."""
    return 0 < number < 1 << NUMBER_BITS


def home_of(kind: str, text: str) -> tuple[str, int]:
    """Block and number of the id of a hold, an order or a waiter. Raises ValueError if it is not one."""
    parts = _NUMBERED.fullmatch(text)
    number = int(parts[3].translate(_PYTHONS), 32) if parts is not None else 0
    if parts is None or parts[1] != kind or not is_number(number):
        raise ValueError(f"{text!r} is not the id of {'an' if kind == ORDER else 'a'} {kind}")
    return parts[2], number


def id_of(kind: str, block: str, number: int) -> str:
    """The id of a hold, an order or a waiter, for a person to look for."""
    if not is_number(number):
        return f"{kind} with the number {number}"
    return f"{kind}_{block}" + "".join(_DIGITS[number >> 5 * place & 31] for place in reversed(range(13)))


def desk_of(tenant: str, key: bytes) -> str:
    """The block in which the tenant's baskets under this key, as entries bear it, are at home: one of `DESKS`.

    BLAKE2b, 10 bytes, personalised `holdfast.desk`, over `{characters of the tenant}:{tenant}{desk}`; the desk is the
    key's first four bytes modulo their number.
    """
    own = f"{len(tenant)}:{tenant}{int.from_bytes(key[:4]) % DESKS}".encode()
    number = int.from_bytes(blake2b(own, digest_size=10, person=b"holdfast.desk").digest())
    return "".join(_DIGITS[number >> 5 * place & 31] for place in reversed(range(16)))


def event_of(block: str) -> str:
    """The id by which the event in the block is known; a desk and a part go by one like it."""
    return f"{EVENT}_{block}"


def block_of_event(text: str) -> str:
    """The block of an event's id. Raises ValueError if it is not one."""
    parts = _EVENT.fullmatch(text)
    if parts is None:
        raise ValueError(f"{text!r} is not the id of an event")
    return parts[1]
