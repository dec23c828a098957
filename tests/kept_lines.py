"""Files of JSON lines that outlive their writers: of a line that was being written when all ended nothing stays."""

from collections.abc import Iterator
from pathlib import Path

import msgspec


def append(path: Path, value: object) -> None:
    """One line more."""
    with path.open("ab") as file:
        file.write(msgspec.json.encode(value) + b"\n")


def whole_lines(path: Path) -> Iterator[bytes]:
    """Each line that has its end; what is behind them is cut off. None of a file that is not there."""
    if not path.exists():
        return
    with path.open("rb+") as file:
        whole = 0
        for line in file:
            if not line.endswith(b"\n"):
                file.truncate(whole)
                return
            whole += len(line)
            yield line
