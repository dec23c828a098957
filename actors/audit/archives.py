"""Rows that left the journal for an archive's file, read by the auditor's own code: gzip, a JSON document a line.

The chain and the journal's first row behind them show whether they are the right ones.
"""

import gzip
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from actors.audit.rows import Row

SUFFIX = ".holdfast.jsonl.gz"
KIND = 1


class UnreadableArchive(ValueError):
    """The file is no archive, or is cut off."""


class Archives:
    """The files at these paths, or in these folders; which has the rows of which block. Raises UnreadableArchive."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._file_of: dict[str, Path] = {}
        for path in paths:
            for file in sorted(path.glob(f"*{SUFFIX}")) if path.is_dir() else [path]:
                for block in _header(file)["blocks"]:
                    self._file_of[block["block"]] = file

    def __contains__(self, block: str) -> bool:
        return block in self._file_of

    def rows_before(self, block: str, position: int) -> Iterator[Row]:
        """The block's rows before this position. Raises UnreadableArchive, OSError."""
        if block not in self:
            return
        file = self._file_of[block]
        for line in _lines(file):
            said = _decoded(file, line)
            if said.get("block") == block and said["position"] < position:
                yield msgspec.convert(said, Row)


def _header(file: Path) -> dict[str, Any]:
    for line in _lines(file):
        said = _decoded(file, line)
        if said.get("holdfast_archive") == KIND:
            return said
        break
    raise UnreadableArchive(f"{file} does not begin as an archive does")


def _lines(file: Path) -> Iterator[bytes]:
    try:
        with gzip.open(file) as lines:
            yield from lines
    except (EOFError, gzip.BadGzipFile) as fault:
        raise UnreadableArchive(f"{file}: {fault}") from fault


def _decoded(file: Path, line: bytes) -> dict[str, Any]:
    try:
        said: dict[str, Any] = msgspec.json.decode(line)
    except msgspec.DecodeError as fault:
        raise UnreadableArchive(f"{file}: {fault}") from fault
    return said
