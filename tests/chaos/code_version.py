"""Which code a campaign is about: what was found of other code says nothing of this."""

import hashlib
import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("actors", "serve", "protos", "loadtests", "tests/chaos", "tests/stack")
ENDINGS = (".py", ".sql", ".proto", ".yaml", ".json")
_FILE = "code"


def fingerprint(root: Path = ROOT) -> str:
    """Of all that runs in a campaign, and of the packages that it runs on."""
    found = [path for folder in FOLDERS for path in (root / folder).rglob("*") if path.suffix in ENDINGS]
    said = hashlib.sha256()
    for path in sorted([*found, root / "requirements.lock"]):
        said.update(str(path.relative_to(root)).encode() + b"\0" + path.read_bytes() + b"\0")
    return said.hexdigest()[:16]


def code_of(folder: Path) -> str:
    """Which code a campaign's folder is about; empty if it does not say."""
    kept = folder / _FILE
    return kept.read_text() if kept.exists() else ""


def clear_of_other_code(folder: Path, code: str) -> bool:
    """Empty a campaign's folder, if what it has is about other code; whether that was so."""
    is_of_other = folder.exists() and code_of(folder) != code
    if is_of_other:
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / _FILE).write_text(code)
    return is_of_other
