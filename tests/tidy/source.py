"""What the rules of the code look at: one file of the repository, and what they find in it."""

import ast
from collections.abc import Callable, Iterator
from contextlib import suppress
from fnmatch import fnmatch
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import NamedTuple, TypeAlias

ROOT = Path(__file__).resolve().parents[2]


class Finding(NamedTuple):
    """A broken rule: where, what, and what to write instead."""

    path: str
    line: int
    problem: str
    instead: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.problem}; instead: {self.instead}"


class Source:
    """A text file; `path` is relative to the repository."""

    def __init__(self, path: str, text: str) -> None:
        self.path = path
        self.text = text

    @cached_property
    def lines(self) -> list[str]:
        """The lines of the text."""
        return self.text.splitlines()

    @property
    def is_python(self) -> bool:
        """Whether a person wrote it in Python: generated stubs are not looked into."""
        return self.path.endswith(".py") and not self.path.startswith("protos/holdfast/v1/")

    @cached_property
    def tree(self) -> ast.Module:
        """The syntax tree of a Python file."""
        return ast.parse(self.text, self.path)

    @property
    def module(self) -> str:
        """The module's dotted name: `actors/core/ids.py` is `actors.core.ids`."""
        parts = PurePosixPath(self.path).with_suffix("").parts
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

    def find(self, line: int, problem: str, instead: str) -> Finding:
        """A finding in this file."""
        return Finding(self.path, line, problem, instead)


Rule: TypeAlias = Callable[[Source], Iterator[Finding]]


def is_below(name: str, prefix: str) -> bool:
    """Whether the dotted `name` is `prefix` or something inside it."""
    return name == prefix or name.startswith(f"{prefix}.")


def repository(root: Path = ROOT) -> list[Source]:
    """Every text file that belongs to the repository, with or without git; binary files are left out."""
    ignored = {".git", *(line.strip().strip("/") for line in (root / ".gitignore").read_text().splitlines())}
    sources = []
    for path in sorted(_files(root, ignored - {""})):
        with suppress(UnicodeDecodeError):  # a golden file
            sources.append(Source(path.relative_to(root).as_posix(), path.read_text("utf-8")))
    return sources


def _files(folder: Path, ignored: set[str]) -> Iterator[Path]:
    """Files below a folder but those of an ignored name, whether file, folder or link; links are not followed."""
    for path in folder.iterdir():
        if path.is_symlink() or any(fnmatch(path.name, pattern) for pattern in ignored):
            continue
        if path.is_dir():
            yield from _files(path, ignored)
        else:
            yield path
