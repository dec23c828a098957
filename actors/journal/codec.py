"""Entries as bytes: one version byte, then a msgpack array of entries.

What is written here is kept for ever. Formats are read in release N and written in N+1.
"""

from collections.abc import Sequence

import msgspec

from actors.core.entries import Entry

VERSION = 1

_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[tuple[Entry, ...]] = msgspec.msgpack.Decoder(tuple[Entry, ...])


class UndecodableEntries(Exception):
    """These bytes were written by newer code, or are damaged. Not one entry of them may be used."""


def encode_entries(entries: Sequence[Entry]) -> bytes:
    """The entries as a row of the journal keeps them."""
    return b"%c%b" % (VERSION, _encoder.encode(entries))


def decode_entries(encoded: bytes) -> tuple[Entry, ...]:
    """The entries of a row. Raises UndecodableEntries: an unknown version, kind or field is never skipped."""
    if not encoded or encoded[0] != VERSION:
        raise UndecodableEntries(f"version {encoded[0] if encoded else 'missing'}, known is {VERSION}")
    try:
        return _decoder.decode(memoryview(encoded)[1:])
    except (msgspec.DecodeError, UnicodeDecodeError) as fault:
        raise UndecodableEntries(str(fault)) from fault
