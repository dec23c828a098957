"""A long run goes on as long as the code is the same, and no longer."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.code_version import OF_CHAOS, OF_SIMULATION, ROOT, clear_of_other_code, code_in, fingerprint

IMPORTED = """
import importlib, sys

importlib.import_module(sys.argv[1])
print(*filter(None, (getattr(module, "__file__", None) for module in sys.modules.values())), sep="\\n")
"""


def repository(root: Path, places: Sequence[str]) -> list[Path]:
    """A file of code for each place, in it or as it."""
    paths = [root / place / ("" if place.endswith(".py") else "one.py") for place in places]
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("1")
    (root / "requirements.lock").write_text("ray")
    return paths


def check_every_change_shows(root: Path, places: Sequence[str], looked_at: Sequence[str]) -> None:
    paths = repository(root, places)
    seen = {fingerprint(looked_at, root)}
    for path in [*paths, root / "requirements.lock"]:
        path.write_text("2")
        seen.add(fingerprint(looked_at, root))
    (root / "actors" / "new.sql").write_text("")
    seen.add(fingerprint(looked_at, root))
    assert len(seen) == len(places) + 3
    (root / "actors" / "ABOUT.md").write_text("words")
    (root / "actors" / "test_one.py").write_text("a test")
    assert fingerprint(looked_at, root) in seen, "what does not run in it changes nothing"


@pytest.mark.parametrize("places", [OF_CHAOS, OF_SIMULATION])
def test_every_change_of_code_shows(tmp_path: Path, places: Sequence[str]) -> None:
    check_every_change_shows(tmp_path, places, places)


def test_control_a_folder_that_is_left_out_is_noticed(tmp_path: Path) -> None:
    with pytest.raises(AssertionError):
        check_every_change_shows(tmp_path, OF_CHAOS, OF_CHAOS[1:])


def imported_by(module: str) -> set[Path]:
    """The files of this repository that a process has loaded which has imported the module."""
    environ = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", IMPORTED, module]
    said = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=True).stdout
    paths = {Path(line).resolve() for line in said.splitlines()}
    return {path for path in paths if path.is_relative_to(ROOT) and ".venv" not in path.parts}


@pytest.mark.parametrize(
    ("module", "places"), [("tests.chaos.__main__", OF_CHAOS), ("tests.simulation.sim", OF_SIMULATION)]
)
def test_all_that_is_imported_counts(module: str, places: Sequence[str]) -> None:
    imported = imported_by(module)
    assert imported - code_in(places) == set()
    for place in places:
        rest = code_in([other for other in places if other != place])
        assert imported - rest, f"{place} need not count, or its absence goes unnoticed"


def test_what_is_of_other_code_goes_and_the_rest_stays(tmp_path: Path) -> None:
    folder = tmp_path / "chaos"
    assert not clear_of_other_code(folder, "one"), "there was nothing"
    (folder / "outcomes.jsonl").write_text("kept")
    assert not clear_of_other_code(folder, "one")
    assert (folder / "outcomes.jsonl").exists()
    assert clear_of_other_code(folder, "two")
    assert not (folder / "outcomes.jsonl").exists()
    (folder / "code").unlink()
    assert clear_of_other_code(folder, "two"), "nobody knows of which"
