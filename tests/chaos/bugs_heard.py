"""What the gateways of a stack told their logs of requests that met a bug: nobody who asked is told of it otherwise."""

from pathlib import Path

from serve.bugs import SAID
from serve.local.stack import DataFolder

MOST_TOLD = 5
_MARK = SAID.encode()


def bugs_heard(folder: DataFolder) -> list[str]:
    """The first of the lines that say so, of the sessions of Ray whose logs are there."""
    heard = []
    for path in sorted(folder.ray.glob("session_2*/logs/**/*")):
        if path.is_symlink() or not path.is_file():
            continue
        heard += [f"{path.name}: {_shortened(line)}" for line in _lines(path)]
    return heard[:MOST_TOLD]


def _lines(path: Path) -> list[bytes]:
    with path.open("rb") as log:
        return [line for line in log if _MARK in line]


def _shortened(line: bytes) -> str:
    said = line.decode(errors="replace").strip()
    return said if len(said) < 1_000 else f"{said[:300]} … {said[-600:]}"
