"""Rules of shape: sizes, docstrings, SQL out of the code, sets that are gone through in an order."""

import ast
import re
from collections.abc import Iterator

from tests.tidy.listed import LONG_FUNCTIONS, LONG_MODULES, MAX_FUNCTION_LINES, MAX_MODULE_LINES
from tests.tidy.source import Finding, Source

_SQL = re.compile(
    r"^\s*(select\s+(.*\sfrom\s|\d|\w+\()|insert\s+into\s|update\s+\S+\s+set\s|delete\s+from\s|with\s+\w+\s+as\s*\(|"
    r"(create|alter|drop|truncate)\s+(table|index|schema|sequence|database|role)\s|lock\s+table\s)",
    re.IGNORECASE | re.MULTILINE,
)


def small_modules(source: Source) -> Iterator[Finding]:
    """A module has at most `MAX_MODULE_LINES` lines, or a listed reason; a reason no longer needed is removed."""
    if not source.is_python:
        return
    is_long = len(source.lines) > MAX_MODULE_LINES
    if is_long and source.path not in LONG_MODULES:
        yield source.find(
            1, f"has {len(source.lines)} lines", "modules with one concern each, or a reason in LONG_MODULES"
        )
    if source.path in LONG_MODULES and not is_long:
        yield source.find(1, "is listed in LONG_MODULES but short", "remove it from the list")


def small_functions(source: Source) -> Iterator[Finding]:
    """A function has at most `MAX_FUNCTION_LINES` lines, or a listed reason; a reason no longer needed is removed."""
    if not source.is_python:
        return
    unused = {name for name in LONG_FUNCTIONS if name.startswith(f"{source.path}::")}
    for part in ast.walk(source.tree):
        if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (part.end_lineno or part.lineno) - part.lineno + 1
            name = f"{source.path}::{part.name}"
            if lines > MAX_FUNCTION_LINES and name not in LONG_FUNCTIONS:
                instead = "functions with one step each, or a reason in LONG_FUNCTIONS"
                yield source.find(part.lineno, f"{part.name} has {lines} lines", instead)
            elif lines > MAX_FUNCTION_LINES:
                unused.discard(name)
    for name in sorted(unused):
        yield source.find(1, f"{name} is listed in LONG_FUNCTIONS but not long", "remove it from the list")


def docstrings(source: Source) -> Iterator[Finding]:
    """Modules, and public functions and classes of `actors/` and `serve/`, say in a line what they are."""
    if not source.is_python or not source.path.startswith(("actors/", "serve/")) or not source.text.strip():
        return
    if not ast.get_docstring(source.tree):
        yield source.find(1, "the module has no docstring", "one line that says what it is for")
    for part in source.tree.body:
        if not isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        if not part.name.startswith("_") and not ast.get_docstring(part):
            yield source.find(part.lineno, f"{part.name} has no docstring", "one line that says what it promises")


def sql_in_sql_files(source: Source) -> Iterator[Finding]:
    """SQL lives in `.sql` files; tests may break a database by hand."""
    if not source.is_python or source.path.startswith("tests/"):
        return
    prose = {part.value for part in ast.walk(source.tree) if isinstance(part, ast.Expr)}  # docstrings
    for part in ast.walk(source.tree):
        if not isinstance(part, ast.Constant) or part in prose:
            continue
        if isinstance(part.value, str) and _SQL.search(part.value):
            yield source.find(part.lineno, "holds SQL", "a named query in a .sql file beside it")


def sets_in_order(source: Source) -> Iterator[Finding]:
    """What `actors/` does one after another for each of a set, it does in an order: hashes differ from run to run."""
    if not source.is_python or not source.path.startswith("actors/"):
        return
    for part in ast.walk(source.tree):
        if isinstance(part, ast.For | ast.AsyncFor):
            gone_through = [part.iter]
        elif isinstance(part, ast.ListComp | ast.DictComp):
            gone_through = [one.iter for one in part.generators]
        else:
            continue
        for each in gone_through:
            if _is_set(each):
                yield source.find(each.lineno, "goes through a set in no order", "sorted(...) of it")


def _is_set(of: ast.expr) -> bool:
    """Whether it shows that this is a set; a set in a name or an attribute does not."""
    if isinstance(of, ast.BinOp):
        return isinstance(of.op, ast.Sub | ast.BitAnd | ast.BitOr | ast.BitXor)
    if isinstance(of, ast.Call):
        return isinstance(of.func, ast.Name) and of.func.id in {"set", "frozenset"}
    return isinstance(of, ast.Set | ast.SetComp)
