"""What ARCHITECTURE.md says of a fault is proven by a test that is there; every fault that is inflicted is told of."""

import ast
import re
from pathlib import Path

import pytest

from tests.chaos.plan import KINDS

ROOT = Path(__file__).parents[2]
_HEADING = "## When things die"
_PROOF = re.compile(r"`([\w/]+\.py)::(\w+)`")


def unproven(text: str) -> list[str]:
    """Rows of the table of faults that name no test, or one that is not there."""
    found = []
    for row in _rows(text):
        proofs = _PROOF.findall(row.split("|")[-2])
        missing = [f"{path}::{name}" for path, name in proofs if name not in _defined(ROOT / "tests" / path)]
        if missing or not proofs:
            found.append(f"{row.split('|')[1].strip()}: {', '.join(missing) or 'no test'}")
    return found


def untold(text: str) -> list[str]:
    """Kinds of faults that `make chaos` inflicts and no row names."""
    table = "\n".join(_rows(text))
    return [kind.__name__ for kind in KINDS if not re.search(rf"\b{kind.__name__}\b", table)]


def _rows(text: str) -> list[str]:
    section = text.partition(_HEADING)[2].partition("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("|")][2:]
    assert len(rows) > 20, "this is not the table"
    return rows


def _defined(path: Path) -> set[str]:
    if not path.exists():
        return set()
    defined = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    return {statement.name for statement in ast.parse(path.read_text()).body if isinstance(statement, defined)}


TEXT = (ROOT / "ARCHITECTURE.md").read_text()


def test_every_fault_has_a_test_that_is_there() -> None:
    assert unproven(TEXT) == []


@pytest.mark.parametrize(
    ("there", "instead"),
    [
        ("`chaos/process_faults.py::ShardKilled`", "`chaos/process_faults.py::ShardSlain`"),
        ("`chaos/process_faults.py::ShardKilled`", "`chaos/processes.py::ShardKilled`"),
        ("`chaos/process_faults.py::ShardKilled`", "seen"),
    ],
)
def test_control_one_that_is_not_there_is_noticed(there: str, instead: str) -> None:
    assert there in TEXT
    assert len(unproven(TEXT.replace(there, instead))) == 1


def test_every_fault_that_is_inflicted_has_a_row() -> None:
    assert untold(TEXT) == []


def test_control_one_that_no_row_names_is_noticed() -> None:
    (row,) = (row for row in _rows(TEXT) if "::ProjectorKilled`" in row)
    assert untold(TEXT.replace(row, "") + row) == ["ProjectorKilled"], "elsewhere it does not count"
