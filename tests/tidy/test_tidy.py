"""The rules of the code. Each has a control that plants a breach of it: see `test_tidy_controls`."""

import pytest

from tests.tidy import imports, names, shapes, texts
from tests.tidy.imports import unused_allowances
from tests.tidy.listed import FLOORS, LONG_FUNCTIONS, LONG_MODULES
from tests.tidy.source import Rule, repository

RULES: tuple[Rule, ...] = (
    imports.floors,
    imports.pure_core,
    imports.ray_where_listed,
    imports.protobuf_where_listed,
    imports.ray_serve_by_its_name,
    names.glossary_in_code,
    names.glossary_in_protos,
    names.telling_module_names,
    shapes.small_modules,
    shapes.small_functions,
    shapes.docstrings,
    shapes.sql_in_sql_files,
    shapes.sets_in_order,
    texts.nothing_unfinished,
    texts.no_package_index,
    texts.no_machine_path,
    texts.no_package_of_tests,
)

SOURCES = repository()


@pytest.mark.parametrize("rule", RULES, ids=[rule.__name__ for rule in RULES])
def test_the_code_keeps_the_rule(rule: Rule) -> None:
    findings = [finding for source in SOURCES for finding in rule(source)]
    assert not findings, "\n" + "\n".join(str(finding) for finding in findings)


def test_the_rules_have_something_to_look_at() -> None:
    paths = {source.path for source in SOURCES}
    assert {"actors/core/layout.py", "serve/__init__.py", "pyproject.toml", "tests/tidy/test_tidy.py"} <= paths
    assert any(path.endswith(".proto") for path in paths)
    assert not any(path.startswith(".venv/") for path in paths)


def test_every_floor_that_is_listed_below_another_is_needed() -> None:
    assert unused_allowances(SOURCES, FLOORS) == set()
    loose = FLOORS | {"actors.reservations": (*FLOORS["actors.reservations"], "actors.directory")}
    assert unused_allowances(SOURCES, loose) == {("actors.reservations", "actors.directory")}


def test_listed_exceptions_exist_and_say_why() -> None:
    paths = {source.path for source in SOURCES}
    assert {name.partition("::")[0] for name in (*LONG_MODULES, *LONG_FUNCTIONS)} <= paths
    assert all(len(reason) > 20 for reason in (*LONG_MODULES.values(), *LONG_FUNCTIONS.values()))
