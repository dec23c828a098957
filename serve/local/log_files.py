"""Keeps the log files of a running stack small, whoever writes them.

Every process of the stack opens its log to append, so a file can be cut in place under its writer. Ray could turn the
logs of its processes over by itself, but through a pipe: one that ends at once would take its last words along.
"""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path

from serve.local.open_sockets import opened
from serve.local.processes import living
from serve.local.stack import DataFolder

MAX_BYTES = 16 << 20
MAX_FILES = 2_000  # each process of Ray that ever lived in a session leaves a few
_FORMER = ".1"


def keep_logs_small(folder: DataFolder) -> None:
    """Cut every log that has grown over `MAX_BYTES`, keeping what was in it under another name, the last such only.

    Of very many logs of a session of Ray those go that were written longest ago, if nobody has them open.
    """
    session = folder.ray / "session_latest" / "logs"
    of_session = _logs_in(session)
    for path in [*_logs_in(folder.logs), *of_session]:
        with suppress(OSError):  # it may have gone meanwhile
            if path.stat().st_size > MAX_BYTES:
                _cut(path)
    if len(of_session) > MAX_FILES:
        with suppress(OSError):
            _remove(sorted(of_session, key=lambda path: path.stat().st_mtime)[:-MAX_FILES])


def _logs_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.suffix != _FORMER and path.is_file() and not path.is_symlink()]


def _remove(paths: list[Path]) -> None:
    """With what was in them before; not what somebody may yet write to, whose last words would be lost."""
    open_files = {name for pid in living() for name in opened(pid)}
    for path in paths:
        if str(path.resolve()) not in open_files:
            path.unlink()
            _former(path).unlink(missing_ok=True)


def _cut(path: Path) -> None:
    """What is written between the copy and the cut is lost; that is a moment once in a long while."""
    with suppress(OSError):  # on a full disk it is just cut
        shutil.copyfile(path, _former(path))
    os.truncate(path, 0)


def _former(path: Path) -> Path:
    return path.with_name(path.name + _FORMER)
