"""Which code a long run is about that goes on where it ended: what was found of other code says nothing of this."""

import hashlib
import shutil
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
_SHARED = ("tests/code_version.py", "tests/event_states.py", "tests/kept_lines.py")
OF_CHAOS = ("actors", "serve", "protos", "loadtests", "tests/chaos", "tests/stack", "tests/journal/relay.py", *_SHARED)
OF_SIMULATION = (
    "actors", "serve", "loadtests", "tests/core", "tests/loadtests", "tests/simulation", "tests/garbage.py", *_SHARED,
)  # fmt: skip
"""Folders and files, all that is imported being among them."""
ENDINGS = (".py", ".sql", ".proto", ".yaml", ".json", ".lua")
HAS_CHANGED = "the code has changed since: all begins anew"
_FILE = "code"


def fingerprint(places: Sequence[str], root: Path = ROOT) -> str:
    """Of all that runs, and of the packages that it runs on."""
    said = hashlib.sha256()
    for path in sorted({*code_in(places, root), root / "requirements.lock"}):
        said.update(str(path.relative_to(root)).encode() + b"\0" + path.read_bytes() + b"\0")
    return said.hexdigest()[:16]


def code_in(places: Sequence[str], root: Path = ROOT) -> set[Path]:
    """The files of these folders, and these files; but those that pytest alone runs."""
    found = (path for place in places for path in ((root / place), *(root / place).rglob("*")))
    return {path for path in found if path.suffix in ENDINGS and not path.name.startswith("test_")}


def code_of(folder: Path) -> str:
    """Which code a folder of results is about; empty if it does not say."""
    kept = folder / _FILE
    return kept.read_text() if kept.exists() else ""


def clear_of_other_code(folder: Path, code: str) -> bool:
    """Empty a folder of results, if what it has is about other code; whether that was so."""
    is_of_other = folder.exists() and code_of(folder) != code
    if is_of_other:
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / _FILE).write_text(code)
    return is_of_other
