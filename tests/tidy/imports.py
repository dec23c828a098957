"""Rules of who imports what: floors, the pure core, Ray, protobuf."""

import ast
from collections.abc import Iterable, Iterator, Mapping
from importlib.util import resolve_name

from tests.tidy.listed import (
    CLOCK_CALLS,
    CORE_MAY_IMPORT,
    FLOORS,
    HOUSE,
    IMPURE_CALLS,
    PROTOBUF_MODULES,
    RAY_MODULES,
)
from tests.tidy.source import Finding, Source, is_below


def imported(source: Source) -> Iterator[tuple[int, str]]:
    """Line and dotted name of everything that is imported, anywhere in the file."""
    package = source.module if source.path.endswith("__init__.py") else source.module.rpartition(".")[0]
    for part in ast.walk(source.tree):
        if isinstance(part, ast.Import):
            for alias in part.names:
                yield part.lineno, alias.name
        elif isinstance(part, ast.ImportFrom):
            relative = "." * part.level + (part.module or "")
            module = resolve_name(relative, package) if part.level else relative
            for alias in part.names:
                yield part.lineno, f"{module}.{alias.name}"


def floors(source: Source) -> Iterator[Finding]:
    """A module imports only from its own floor and the floors that are listed below it."""
    if not source.is_python or not any(is_below(source.module, name) for name in HOUSE):
        return
    floor = floor_of(source)
    if floor is None:
        if source.text.strip():
            yield source.find(1, "stands on no floor", "list it in FLOORS with what it may import")
        return
    for line, name in imported(source):
        inside = is_below(name, "tests") or any(is_below(name, house) for house in HOUSE)
        if inside and not any(is_below(name, allowed) for allowed in (floor, *FLOORS[floor])):
            lower = ", ".join(FLOORS[floor]) or "nothing else of this repository"
            yield source.find(line, f"{floor} imports {name}", f"import from {lower}, or take it as an argument")


def floor_of(source: Source) -> str | None:
    """The floor that a module stands on."""
    return max((name for name in FLOORS if is_below(source.module, name)), key=len, default=None)


def unused_allowances(sources: Iterable[Source], floors_: Mapping[str, tuple[str, ...]]) -> set[tuple[str, str]]:
    """Floor and what is listed below it although nothing of the floor imports it."""
    unused = {(floor, lower) for floor, below in floors_.items() for lower in below}
    for source in sources:
        floor = floor_of(source) if source.is_python else None
        if floor is not None:
            names = {name for _, name in imported(source)}
            unused -= {(floor, lower) for lower in floors_[floor] if any(is_below(name, lower) for name in names)}
    return unused


def pure_core(source: Source) -> Iterator[Finding]:
    """The core imports only what can neither look nor reach outside, and calls no such builtin."""
    if not source.is_python or not is_below(source.module, "actors.core"):
        return
    for line, name in imported(source):
        if name.partition(".")[0] not in {*CORE_MAY_IMPORT, "actors"}:
            yield source.find(
                line, f"the core imports {name}", "let it come in with the command (now_ms, ids), or go up"
            )
    for part in ast.walk(source.tree):
        if isinstance(part, ast.Call) and isinstance(part.func, ast.Name) and part.func.id in IMPURE_CALLS:
            instead = "a value that comes in with the command, or hashlib"
            yield source.find(part.lineno, f"the core calls {part.func.id}()", instead)
        elif isinstance(part, ast.Call) and isinstance(part.func, ast.Attribute) and part.func.attr in CLOCK_CALLS:
            yield source.find(part.lineno, f"the core calls {part.func.attr}()", "now_ms, which comes in")
        elif isinstance(part, ast.AsyncFunctionDef | ast.Await):
            yield source.find(part.lineno, "the core waits", "return what is to be done; the shell waits")


def ray_where_listed(source: Source) -> Iterator[Finding]:
    """Ray is called only where the list says."""
    if source.is_python and not _may_import(source, RAY_MODULES):
        for line, name in imported(source):
            if is_below(name, "ray"):
                yield source.find(line, f"imports {name}", f"a port that one of {', '.join(RAY_MODULES)} implements")


def protobuf_where_listed(source: Source) -> Iterator[Finding]:
    """Protobuf types stop at the gRPC edge."""
    if source.is_python and not _may_import(source, PROTOBUF_MODULES):
        for line, name in imported(source):
            if any(is_below(name, package) for package in ("holdfast", "google.protobuf", "google.rpc")):
                yield source.find(line, f"imports {name}", f"structs of the core; translate in {PROTOBUF_MODULES[0]}")


def ray_serve_by_its_name(source: Source) -> Iterator[Finding]:
    """Ray Serve is imported under a name that cannot be mistaken for our own package."""
    if source.is_python:
        for part in ast.walk(source.tree):
            if isinstance(part, ast.ImportFrom) and part.module == "ray":
                for alias in part.names:
                    if alias.name == "serve" and alias.asname != "ray_serve":
                        yield source.find(part.lineno, "hides the package serve", "from ray import serve as ray_serve")


def _may_import(source: Source, modules: tuple[str, ...]) -> bool:
    return is_below(source.module, "tests") or any(is_below(source.module, module) for module in modules)
