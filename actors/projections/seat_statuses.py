"""Statuses of seats as they are kept and sent: two bits a seat, four seats a byte, in the layout's order.

A large event is written several times a second; a quarter of the bytes is a quarter of the write-ahead log.
"""


def pack(statuses: bytes | bytearray) -> bytes:
    """The statuses, 0 to 3 each, in a quarter of their bytes. Every fourth seat shares a bit position."""
    padded = bytes(statuses) + bytes(-len(statuses) % 4)
    packed = 0
    for place in range(4):
        packed |= int.from_bytes(padded[place::4], "little") << 2 * place
    return packed.to_bytes(len(padded) // 4, "little")


def status_at(packed: bytes, place: int) -> int:
    """One of the statuses that `pack` made these bytes of."""
    return packed[place // 4] >> 2 * (place % 4) & 3


def unpack(packed: bytes) -> bytes:
    """The statuses that `pack` made these bytes of, and up to three zeros."""
    number = int.from_bytes(packed, "little")
    lowest_bits = int.from_bytes(b"\x03" * len(packed), "little")
    statuses = bytearray(4 * len(packed))
    for place in range(4):
        statuses[place::4] = (number >> 2 * place & lowest_bits).to_bytes(len(packed), "little")
    return bytes(statuses)
