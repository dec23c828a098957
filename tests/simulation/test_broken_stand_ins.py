"""A control that breaks a stand-in names the test in which what it stands for is broken, and no other does."""

import ast
from pathlib import Path
from typing import Any

import pytest

from tests.simulation import breaks
from tests.simulation.controls import CONTROLS, Control

ROOT = Path(__file__).parents[2]
STAND_INS = ("tests.", "actors.journal.memory")


def broken(control: Control) -> set[str]:
    """The modules of all that its patch replaces."""
    with pytest.MonkeyPatch.context() as patch:
        seen: set[str] = set()
        setattr_, setitem = patch.setattr, patch.setitem

        def see(target: Any, *rest: Any, **options: Any) -> None:
            by_name = target.rpartition(".")[0] if isinstance(target, str) else ""
            seen.add(by_name or getattr(target, "__module__", None) or target.__name__)
            setattr_(target, *rest, **options)

        def see_table(*arguments: Any) -> None:
            seen.add("a table")
            setitem(*arguments)

        setattr_(patch, "setattr", see)
        setattr_(patch, "setitem", see_table)
        control.sabotage(patch)
    return seen


@pytest.mark.parametrize("control", CONTROLS, ids=lambda control: f"{control.guarantee}: {control.caught_by}")
def test_who_breaks_a_stand_in_says_where_the_shipped_one_is_broken(control: Control) -> None:
    modules = broken(control)
    assert modules, "it breaks nothing that is seen here"
    assert bool(control.shipped) == any(module.startswith(STAND_INS) for module in modules), modules
    if control.shipped:
        path, _, name = control.shipped.partition("::")
        defined = ast.walk(ast.parse((ROOT / path).read_text()))
        assert any(isinstance(node, ast.AsyncFunctionDef) and node.name == name for node in defined)


def test_control_a_stand_in_that_is_broken_is_seen() -> None:
    assert broken(CONTROLS[0]._replace(sabotage=breaks.no_compare_and_set)) == {"tests.simulation.projecting"}
    assert broken(CONTROLS[0]._replace(sabotage=breaks.conflict_is_success)) == {"actors.journal.memory"}
