"""Rules of every text file: nothing unfinished, no place but the reader's own, no package index."""

import re
from collections.abc import Iterator
from pathlib import Path

from tests.tidy.source import ROOT, Finding, Source

_UNFINISHED = re.compile(r"\b(?:TO" r"DO|FIX" r"ME)\b")  # in two parts, so that this file does not hold the words
_HOME = re.compile(r"/(?:home|Users)/[\w.-]+/")
_INDEX = re.compile(
    r"(?<!emit)--?(?:extra-)?(?:index-url|find-links|trusted-host)\b|\b(?:pypi|pythonhosted|testpypi)\.(?:org|io)\b",
    re.IGNORECASE,
)
_SHARED_FOLDERS = frozenset(
    Path(f"/{name}") for name in ("", "app", "builds", "home", "mnt", "opt", "root", "srv", "tmp")
)


def nothing_unfinished(source: Source) -> Iterator[Finding]:
    """What is not done is an issue, not a comment."""
    for number, line in enumerate(source.lines, 1):
        if match := _UNFINISHED.search(line):
            yield source.find(number, f"says {match[0]}", "do it, or file an issue")


def no_package_index(source: Source) -> Iterator[Finding]:
    """Where packages come from is the reader's setting; a lock file names versions only."""
    is_lock = source.path.endswith(".lock")
    for number, line in enumerate(source.lines, 1):
        if _INDEX.search(line) or (is_lock and "://" in line):
            yield source.find(number, "names a package index or an address", "the package's name and version")


def no_machine_path(source: Source, root: Path = ROOT) -> Iterator[Finding]:
    """No file knows where somebody's checkout or home is."""
    folders = {str(root)} if len(root.parts) > 2 else set()
    if root.parent not in _SHARED_FOLDERS:
        folders.add(f"{root.parent}/")
    for number, line in enumerate(source.lines, 1):
        if _HOME.search(line) or any(folder in line for folder in folders):
            yield source.find(
                number, "names a folder of one machine", "a path relative to the repository, or a setting"
            )


def no_package_of_tests(source: Source) -> Iterator[Finding]:
    """A package below `tests/` would hide the package of that name which it tests."""
    if source.path.startswith("tests/") and source.path.endswith("__init__.py"):
        yield source.find(1, "makes a package of tests", "no file: the tests are imported by their path")
