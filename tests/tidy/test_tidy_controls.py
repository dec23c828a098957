"""Negative controls of the rules: a planted breach is caught, and what merely looks like one is let be.

What a rule looks for in any file is written in two parts here, so that this file keeps the rules itself.
"""

from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from tests.tidy import imports, listed, names, shapes, texts
from tests.tidy.source import Rule, Source, is_below, repository
from tests.tidy.test_tidy import RULES

DOC = '"""What it is."""\n'
LONG_MODULE = "x = 1\n" * 401
LONG_FUNCTION = "def f():\n" + "    x = 1\n" * 60
INDEX = "--index" + "-url"
UNFINISHED = "TO" + "DO"

CAUGHT: list[tuple[Rule, str, str]] = [
    # rule, path, text: exactly one breach
    (imports.floors, "actors/core/holds.py", "from actors.engine import clock"),
    (imports.floors, "actors/core/holds.py", "from ..engine import clock"),
    (imports.floors, "actors/core/__init__.py", "from ..engine import clock"),
    (imports.floors, "actors/core/holds.py", "import actors"),
    (imports.floors, "actors/core/holds.py", "from tests.core import scenario"),
    (imports.floors, "actors/link/server.py", "def f():\n    from actors.journal.journal import Journal"),
    (imports.floors, "actors/engine/engine.py", "import serve.settings"),
    (imports.floors, "actors/engine/engine.py", "from actors import projections"),
    (imports.floors, "actors/corelike/x.py", "x = 1"),
    (imports.floors, "k8s/drain.py", "from actors.core.ids import BlockId"),
    (imports.floors, "actors/audit.py", "from actors.core.block import decide"),
    (imports.floors, "actors/audit.py", "from actors.core import entries, holds"),
    (imports.floors, "actors/audit.py", "from actors.core.layout import Layout"),
    (imports.floors, "actors/audit.py", "from actors.core.ids import BlockId"),
    (imports.pure_core, "actors/core/holds.py", "import asyncio"),
    (imports.pure_core, "actors/core/holds.py", "from time import monotonic"),
    (imports.pure_core, "actors/core/holds.py", "x = datetime.now(UTC)"),
    (imports.pure_core, "actors/core/holds.py", "import random"),
    (imports.pure_core, "actors/core/holds.py", "import os.path"),
    (imports.pure_core, "actors/core/holds.py", "import uuid"),
    (imports.pure_core, "actors/core/holds.py", "import logging"),
    (imports.pure_core, "actors/core/holds.py", "import structlog"),
    (imports.pure_core, "actors/core/holds.py", "x = hash('seat')"),
    (imports.pure_core, "actors/core/holds.py", "x = open('f')"),
    (imports.pure_core, "actors/core/holds.py", "async def f(): ..."),
    (imports.ray_where_listed, "actors/engine/engine.py", "import ray"),
    (imports.ray_where_listed, "serve/auth.py", "from ray.serve import deployment"),
    (imports.ray_where_listed, "actors/sharding.py", "from ray import get"),
    (imports.protobuf_where_listed, "serve/http_api/routes.py", "from holdfast.v1 import holds_pb2"),
    (imports.protobuf_where_listed, "actors/core/holds.py", "from google.protobuf import json_format"),
    (imports.ray_serve_by_its_name, "serve/app.py", "from ray import serve"),
    (names.glossary_in_code, "actors/core/holds.py", "def f(message): ..."),
    (names.glossary_in_code, "actors/core/holds.py", "for item in (): ..."),
    (names.glossary_in_code, "actors/core/holds.py", "class HoldResult: ..."),
    (names.glossary_in_code, "actors/core/holds.py", "class HTTPProxy: ..."),
    (names.glossary_in_code, "actors/core/holds.py", "class S:\n    free_seats: int"),
    (names.glossary_in_code, "actors/core/holds.py", "self.worker_count = 1"),
    (names.glossary_in_code, "actors/core/holds.py", "proxies = ()"),
    (names.glossary_in_code, "actors/core/holds.py", "import asyncio as lock"),
    (names.glossary_in_code, "actors/core/holds.py", "sale = 1"),
    (names.glossary_in_code, "actors/core/holds.py", "try: ...\nexcept OSError as result: ..."),
    (names.glossary_in_code, "actors/core/holds.py", "match x:\n    case [*items]: ..."),
    (names.glossary_in_protos, "protos/holdfast/v1/x.proto", "message HoldRecord {}"),
    (names.glossary_in_protos, "protos/holdfast/v1/x.proto", "message Hold {\n  repeated string item_ids = 3;\n}"),
    (names.glossary_in_protos, "protos/holdfast/v1/x.proto", "enum E { BOOKING_OPEN = 0; }"),
    (names.glossary_in_protos, "protos/holdfast/v1/x.proto", "service S { rpc GetAccount(A) returns (B); }"),
    (names.glossary_in_protos, "protos/holdfast/v1/x.proto", "message M { int64 sale = 1 [deprecated = true]; }"),
    (names.telling_module_names, "actors/link/utils.py", ""),
    (names.telling_module_names, "actors/helpers/frames.py", ""),
    (names.telling_module_names, "serve/queue.py", ""),
    (names.telling_module_names, "tests/http/test_routes.py", ""),
    (shapes.small_modules, "serve/app.py", LONG_MODULE),
    (shapes.small_functions, "serve/app.py", LONG_FUNCTION),
    (shapes.small_functions, "serve/app.py", "class C:\n" + LONG_FUNCTION.replace("\n", "\n ").replace("def", " def")),
    (shapes.docstrings, "serve/app.py", "x = 1"),
    (shapes.docstrings, "serve/app.py", DOC + "def f(): ..."),
    (shapes.docstrings, "actors/shard.py", DOC + "async def f(): ..."),
    (shapes.docstrings, "actors/shard.py", DOC + "class C:\n    x = 1"),
    (shapes.sql_in_sql_files, "actors/journal/postgres.py", "x = 'select position from journal'"),
    (shapes.sql_in_sql_files, "actors/journal/postgres.py", "x = 'SELECT 1'"),
    (shapes.sql_in_sql_files, "actors/journal/postgres.py", "x = f'insert into {table} values (1)'"),
    (shapes.sql_in_sql_files, "serve/app.py", "x = '''\n  update blocks set shard = 1\n'''"),
    (shapes.sql_in_sql_files, "actors/audit.py", "x = 'delete from journal'"),
    (shapes.sql_in_sql_files, "k8s/doctor.py", "x = 'create table t (a int)'"),
    (shapes.sets_in_order, "actors/routes.py", "for name in ways.keys() - newest.keys(): ..."),
    (shapes.sets_in_order, "actors/routes.py", "x = [f(one) for one in {1, 2}]"),
    (shapes.sets_in_order, "actors/routes.py", "x = {one: f(one) for one in set(names)}"),
    (shapes.sets_in_order, "actors/routes.py", "x = [one for part in parts for one in {name for name in part}]"),
    (texts.nothing_unfinished, "README.md", f"# {UNFINISHED}: write"),
    (texts.no_package_index, "Makefile", f"pip install {INDEX} x"),
    (texts.no_package_index, "README.md", "see pypi" + ".org"),
    (texts.no_package_index, "requirements.lock", "holdfast @ https" + "://example.com/x.whl"),
    (texts.no_machine_path, "README.md", "cd /home" + "/ada/holdfast"),
    (texts.no_package_of_tests, "tests/core/__init__.py", ""),
]

LET_BE: list[tuple[Rule, str, str]] = [
    # rule, path, text: no breach
    (imports.floors, "actors/core/holds.py", "from actors.core import ids\nfrom . import layout\nimport msgspec"),
    (imports.floors, "actors/engine/engine.py", "from actors.journal.journal import Journal"),
    (imports.floors, "serve/cli.py", "from loadtests import onsale\nfrom actors import shard"),
    (imports.floors, "loadtests/crowd.py", "from actors.audit.replies import Told\nfrom holdfast.v1 import holds_pb2"),
    (imports.floors, "tests/core/test_holds.py", "from actors.core import holds\nfrom serve import app"),
    (imports.pure_core, "actors/core/holds.py", "from collections.abc import Iterator\nfrom hashlib import blake2b"),
    (imports.pure_core, "actors/engine/clock.py", "import time"),
    (imports.ray_where_listed, "actors/shard.py", "import ray"),
    (imports.ray_where_listed, "serve/local/ray_driver.py", "from ray import serve as ray_serve"),
    (imports.ray_where_listed, "serve/auth.py", "import rays"),
    (imports.protobuf_where_listed, "serve/grpc_api/holds.py", "from holdfast.v1 import holds_pb2"),
    (imports.ray_serve_by_its_name, "serve/app.py", "from ray import serve as ray_serve"),
    (names.glossary_in_code, "actors/core/holds.py", "x = {}.items()\nmap(f, x)\nf(message=1)\npass"),
    (
        names.glossary_in_code,
        "actors/core/holds.py",
        "class SaleOpened: ...\ndef open_sale(): ...\nshape = passing = 1",
    ),
    (names.glossary_in_code, "serve/app.py", "message = 1"),
    (
        names.glossary_in_protos,
        "protos/holdfast/v1/x.proto",
        "// item = 1;\nmessage M { map<string, int64> counts = 1; }",
    ),
    (names.telling_module_names, "actors/core/keys.py", ""),
    (names.telling_module_names, "serve/__main__.py", ""),
    (shapes.small_modules, "serve/app.py", LONG_MODULE.removesuffix("x = 1\n")),
    (shapes.small_modules, "protos/holdfast/v1/holds_pb2.py", LONG_MODULE),
    (shapes.small_functions, "serve/app.py", LONG_FUNCTION.removesuffix("    x = 1\n")),
    (shapes.docstrings, "serve/__init__.py", ""),
    (shapes.docstrings, "serve/app.py", DOC + "def _f(): ...\ndef f():\n    " + DOC),
    (shapes.sql_in_sql_files, "serve/app.py", '"""\nselect a seat from the layout\n"""\nx = "Select an event"'),
    (shapes.sql_in_sql_files, "serve/app.py", "x = 'update the layout and set prices'"),
    (shapes.sql_in_sql_files, "tests/journal/test_fences.py", "x = 'delete from journal'"),
    (shapes.sets_in_order, "actors/routes.py", "for name in sorted(ways.keys() - newest.keys()): ..."),
    (shapes.sets_in_order, "actors/routes.py", "x = {one for one in set(names)} and all(one for one in {1, 2})"),
    (shapes.sets_in_order, "tests/core/walk.py", "for one in {1, 2}: ..."),
    (texts.nothing_unfinished, "README.md", "mas" + UNFINISHED + "n"),
    (texts.no_package_index, "Makefile", "uv pip compile --no-emit-index" + "-url"),
    (texts.no_package_index, "requirements.lock", "msgspec==0.22.0 ; python_version >= '3.11'"),
    (texts.no_machine_path, "README.md", "cd holdfast; ls /var/lib; see /home and /tmp/x"),
    (texts.no_package_of_tests, "serve/__init__.py", ""),
]


def name_of(case: tuple[Rule, str, str]) -> str:
    """A short name of a case for the test's report."""
    rule, path, text = case
    return f"{rule.__name__}:{path}:{text.strip().splitlines()[-1][:40] if text.strip() else ''}"


@pytest.mark.parametrize("case", CAUGHT, ids=name_of)
def test_a_planted_breach_is_caught(case: tuple[Rule, str, str]) -> None:
    rule, path, text = case
    findings = list(rule(Source(path, text)))
    assert len(findings) == 1, findings
    assert findings[0].path == path
    assert findings[0].instead, "names no replacement"


@pytest.mark.parametrize("case", LET_BE, ids=name_of)
def test_what_keeps_the_rule_is_let_be(case: tuple[Rule, str, str]) -> None:
    rule, path, text = case
    assert list(rule(Source(path, text))) == []


def test_every_rule_has_a_control_on_both_sides() -> None:
    assert {rule for rule, _, _ in CAUGHT} == {rule for rule, _, _ in LET_BE} == set(RULES)


@pytest.mark.parametrize(
    ("root", "text", "breaches"),
    [
        ("/data/ada/holdfast", "see /data/ada/holdfast/x", 1),
        ("/data/ada/holdfast", "see /data/ada/notes", 1),
        ("/data/ada/holdfast", "see /data and /tmp/x", 0),
        ("/tmp/holdfast", "see /tmp/x", 0),
        ("/app", "WORKDIR /app", 0),
    ],
)
def test_the_checkout_is_not_named_wherever_it_is(root: str, text: str, breaches: int) -> None:
    assert len(list(texts.no_machine_path(Source("README.md", text), Path(root)))) == breaches


def test_a_listed_reason_excuses_and_must_be_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shapes, "LONG_MODULES", {"serve/app.py": "one table"})
    monkeypatch.setattr(shapes, "LONG_FUNCTIONS", {"serve/app.py::f": "one table"})
    assert list(shapes.small_modules(Source("serve/app.py", LONG_MODULE))) == []
    assert list(shapes.small_functions(Source("serve/app.py", LONG_FUNCTION))) == []
    assert len(list(shapes.small_modules(Source("serve/app.py", "x = 1")))) == 1
    assert len(list(shapes.small_functions(Source("serve/app.py", "x = 1")))) == 1


def order_of(floors: dict[str, tuple[str, ...]]) -> list[str]:
    """The floors from the lowest up; `CycleError` if there is no such order."""
    below = {
        floor: {other for other in floors for name in lower if is_below(name, other)} for floor, lower in floors.items()
    }
    return list(TopologicalSorter(below).static_order())


def test_the_floors_stand_on_each_other() -> None:
    assert set(order_of(listed.FLOORS)) == set(listed.FLOORS)


def test_negative_control_floors_in_a_circle_do_not_stand() -> None:
    with pytest.raises(CycleError):
        order_of(listed.FLOORS | {"actors.core": ("actors.engine",)})


def test_what_belongs_to_the_repository_does_not_take_git_to_know(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text(".venv/\n*.egg-info/\n__pycache__/\n")
    for path in ("serve/cli.py", ".ci/run", "serve/__pycache__/cli.py", "holdfast.egg-info/top.txt", ".git/config"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("x = 1\n")
    (tmp_path / "golden.bin").write_bytes(b"\xff\xfe")
    (tmp_path / ".venv").symlink_to(tmp_path / "serve")
    (tmp_path / "elsewhere").symlink_to(tmp_path / "serve")
    assert [source.path for source in repository(tmp_path)] == [".ci/run", ".gitignore", "serve/cli.py"]
