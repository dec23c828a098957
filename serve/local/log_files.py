"""Keeps the log files of a running stack small, whoever writes them.

Every process of the stack opens its log to append, so a file can be cut in place under its writer. Ray could turn the
logs of its processes over by itself, but through a pipe: one that ends at once would take its last words along.
"""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path

from serve.local.stack import DataFolder

MAX_BYTES = 16 << 20
MAX_FILES = 2_000  # each process of Ray that ever lived in a session leaves a few
_FORMER = ".1"


def keep_logs_small(folder: DataFolder) -> None:
    """Cut every log that has grown over `MAX_BYTES`, keeping what was in it under another name, the last such only."""
    session = folder.ray / "session_latest" / "logs"
    paths = [path for logs in (folder.logs, session) for path in logs.rglob("*") if _is_log(path)]
    for path in paths:
        with suppress(OSError):  # it may have gone meanwhile
            if path.stat().st_size > MAX_BYTES:
                _cut(path)
    with suppress(OSError):
        for path in sorted(paths, key=lambda path: path.stat().st_mtime)[:-MAX_FILES]:
            path.unlink()


def _is_log(path: Path) -> bool:
    return path.suffix != _FORMER and path.is_file() and not path.is_symlink()


def _cut(path: Path) -> None:
    """What is written between the copy and the cut is lost; that is a moment once in a long while."""
    with suppress(OSError):  # on a full disk it is just cut
        shutil.copyfile(path, path.with_name(path.name + _FORMER))
    os.truncate(path, 0)
