"""Named queries: SQL lives in `.sql` files, each statement behind a line `-- name: what_it_does`."""

import re
from pathlib import Path

_NAME = re.compile(r"^-- name: *([a-z0-9_]+) *$", re.MULTILINE)


def load_queries(file: Path) -> dict[str, str]:
    """The statements of `file` by name, without their closing semicolon. Raises ValueError if a name comes twice."""
    _, *parts = _NAME.split(file.read_text(encoding="utf-8"))
    queries: dict[str, str] = {}
    for name, text in zip(parts[::2], parts[1::2], strict=True):
        if name in queries:
            raise ValueError(f"{file.name} names two queries {name}")
        queries[name] = text.strip().removesuffix(";")
    return queries
