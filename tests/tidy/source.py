"""What the rules of the code look at: one file of the repository, and what they find in it."""

import ast
import subprocess
from collections.abc import Callable, Iterator
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


def repository() -> list[Source]:
    """Every text file that git tracks or would track; binary files are left out."""
    listed = subprocess.run(
        ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
    ).stdout.decode()
    sources = []
    for path in sorted(set(listed.split("\0")) - {""}):
        try:
            sources.append(Source(path, (ROOT / path).read_text("utf-8")))
        except (FileNotFoundError, UnicodeDecodeError):  # deleted but not yet committed; or a golden file
            continue
    return sources
