"""An archive's file: all rows of one event, its home's and its parts', gzip over one JSON document a line.

First what it is (`Header`), then the rows, block after block, each by rising position from 1, then how many there were
and a hash over all lines before (`Trailer`). Bytes are base64, as `entries` and `chain` are. Whoever has `zcat` can
read it; what a row's `entries` and `chain` are is said in `actors.journal`.
"""

import gzip
import os
import zlib
from collections.abc import Generator, Iterator
from hashlib import blake2b
from pathlib import Path
from typing import TypeVar

import msgspec

from actors.core.ids import BlockId
from actors.journal.journal import GENESIS, JournalRow
from actors.journal.succession import JournalDamaged, entries_of_next

SUFFIX = ".holdfast.jsonl.gz"
_COMPRESSION = 6

T = TypeVar("T")


class ArchiveDamaged(Exception):
    """The file is not a whole archive, or not of a kind that is known; the text says which file, and why."""


class ArchivedBlock(msgspec.Struct, frozen=True):
    """A block that is in the archive up to this row, which stays in the journal as well."""

    block: BlockId
    tenant: str
    position: int
    chain: bytes


class Header(msgspec.Struct, frozen=True, tag_field="holdfast_archive", tag=1):
    """What the archive is of. The event's home comes first among the blocks."""

    event_id: str
    name: str
    tenant: str
    written_at_ms: int
    blocks: tuple[ArchivedBlock, ...]


class Trailer(msgspec.Struct, frozen=True):
    """The last line: the rows before it, and BLAKE2b (32 bytes) of all lines before it."""

    rows: int
    blake2b: bytes


_encoder = msgspec.json.Encoder()
_header = msgspec.json.Decoder(Header)
_row = msgspec.json.Decoder(JournalRow)
_trailer = msgspec.json.Decoder(Trailer)


class ArchiveWriter:
    """Writes next to `path`; the file has its name when it is whole and on disk. `close` without a name: no file."""

    def __init__(self, path: Path, header: Header) -> None:
        self._path = path
        self._unfinished = path.with_name(path.name + ".unfinished")
        self._raw = self._unfinished.open("wb")
        self._lines = gzip.GzipFile(fileobj=self._raw, mode="wb", compresslevel=_COMPRESSION, mtime=0)
        self._hasher = blake2b(digest_size=32)
        self._rows = 0
        self._write(_encoder.encode(header))

    def add(self, row: JournalRow) -> None:
        """The next row."""
        self._rows += 1
        self._write(_encoder.encode(row))

    def finish(self) -> None:
        """End the file and give it its name, both on disk before this returns. Raises OSError."""
        self.end()
        self.give_name()

    def end(self) -> "ArchiveFile":
        """The whole file, on disk, before it has its name. Raises ArchiveDamaged, OSError."""
        self._lines.write(_encoder.encode(Trailer(self._rows, self._hasher.digest())) + b"\n")
        self._lines.close()
        self._raw.flush()
        os.fsync(self._raw.fileno())
        self._raw.close()
        return ArchiveFile(self._unfinished)

    def give_name(self) -> None:
        """Take the place of a file that has the name; on disk before this returns. Raises OSError."""
        self._unfinished.rename(self._path)
        sync_folder(self._path.parent)

    def close(self) -> None:
        """Leave nothing that is not whole."""
        self._raw.close()
        self._unfinished.unlink(missing_ok=True)

    def _write(self, line: bytes) -> None:
        self._hasher.update(line)
        self._lines.write(line + b"\n")


class ArchiveFile:
    """An archive to read. Raises ArchiveDamaged, OSError."""

    def __init__(self, path: Path) -> None:
        self.path = path
        lines = self._lines()
        try:
            self.header: Header = _header.decode(next(lines, b""))
        except msgspec.DecodeError as fault:
            raise ArchiveDamaged(f"{path} does not begin as an archive does: {fault}") from fault
        finally:
            lines.close()

    def rows(self) -> Iterator[JournalRow]:
        """All rows, each following the one before it in its block, up to what the header says. Raises as above.

        What is wrong with a row is known before it is given; what is wrong with the whole, when this ends.
        """
        hasher, count, trailer = blake2b(digest_size=32), 0, None
        ends = iter(self.header.blocks)
        end, position, chain = next(ends, None), 0, GENESIS
        for number, line in enumerate(self._lines()):
            if trailer is not None:
                raise self._damage("something stands behind its end")
            if number and end is None:
                trailer = self._decoded(_trailer, line)
                continue
            hasher.update(line)
            if not number or end is None:
                continue
            row = self._decoded(_row, line)
            self._check(row, end, position, chain)
            count, position, chain = count + 1, row.position, row.chain
            yield row
            if position == end.position:
                end, position, chain = next(ends, None), 0, GENESIS
        if trailer != Trailer(count, hasher.digest()):
            raise self._damage("it is cut off, or its hash is that of other lines")

    def rows_of(self, block: BlockId) -> Iterator[JournalRow]:
        """The rows of one block. Raises as `rows`."""
        return (row for row in self.rows() if row.block == block)

    def verify(self) -> None:
        """Read all of it. Raises ArchiveDamaged, OSError."""
        for _ in self.rows():
            pass

    def _check(self, row: JournalRow, end: ArchivedBlock, position: int, chain: bytes) -> None:
        if row.block != end.block or row.position > end.position:
            raise self._damage(f"row {row.position} of {row.block} stands where {end.block} should go on")
        try:
            entries = entries_of_next(row, position, chain)
        except JournalDamaged as damage:
            raise self._damage(f"{row.block}: {damage}") from damage
        if len(entries) != row.entry_count:
            raise self._damage(f"row {row.position} of {row.block} has {len(entries)} entries and says otherwise")
        if row.position == end.position and row.chain != end.chain:
            raise self._damage(f"row {row.position} of {row.block} is not the one that its header names")

    def _decoded(self, decoder: msgspec.json.Decoder[T], line: bytes) -> T:
        try:
            return decoder.decode(line)
        except msgspec.DecodeError as fault:
            raise self._damage(f"a line cannot be read: {fault}") from fault

    def _lines(self) -> Generator[bytes, None, None]:
        try:
            with gzip.open(self.path, "rb") as lines:
                for line in lines:
                    yield line.rstrip(b"\n")
        except (EOFError, zlib.error, gzip.BadGzipFile) as fault:
            raise self._damage(str(fault)) from fault

    def _damage(self, why: str) -> ArchiveDamaged:
        return ArchiveDamaged(f"{self.path}: {why}")


def archives_at(path: Path) -> list[ArchiveFile]:
    """The archive at this path, or all in this folder. Raises ArchiveDamaged, OSError."""
    paths = sorted(path.glob(f"*{SUFFIX}")) if path.is_dir() else [path]
    return [ArchiveFile(each) for each in paths]


def sync_folder(folder: Path) -> None:
    """What was created, renamed or removed in the folder is so on disk. Raises OSError."""
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
