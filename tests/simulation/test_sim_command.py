"""How `python -m tests.simulation.sim` ends, and what it says then."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

FEW = "3"

SHORT_RUNS = """
from tests.simulation import runs

runs.VIRTUAL_S, runs.QUIET_S, runs.COMMANDS, runs.EFFECTS = 15.0, 20.0, 50, 1
"""
"""It is the command that is tested, whatever a seed is."""
NO_KEY_CHECK = """
from actors.core import holds

holds.remember_with_hold = lambda *_, **__: None
"""
A_SET_IN_A_DRAW = """
from tests.simulation import market_buyers

market_buyers.NAMES = tuple({*market_buyers.NAMES})
"""
FEW_ARE_ENOUGH = """
from tests.simulation import sim_report

sim_report.SEEDS_FOR_FAULTS = 1
"""


def patched(folder: Path, *more: str) -> Path:
    """A folder with a `sitecustomize`, by which the command's processes are patched: runs are short, and more."""
    (folder / "sitecustomize.py").write_text("".join((SHORT_RUNS, *more)))
    return folder


def sim(*words: str, patches: Path | None = None, **more: str) -> "subprocess.CompletedProcess[str]":
    """The command, as it is or patched; `more`: of its environment."""
    path = [str(patches), *sys.path] if patches is not None else sys.path
    command = [sys.executable, "-m", "tests.simulation.sim", *words]
    environ = os.environ | {"PYTHONPATH": os.pathsep.join(path), "COLUMNS": "500"} | more
    return subprocess.run(command, env=environ, capture_output=True, text=True, check=False)


@pytest.mark.long
def test_seeds_in_which_not_every_fault_took_effect_end_badly_where_there_were_enough_of_them(tmp_path: Path) -> None:
    few = sim("--seeds", "1", "--processes", "1", patches=patched(tmp_path))
    assert (few.returncode, few.stderr) == (0, "")
    assert "1 seeds" in few.stdout
    enough = sim("--seeds", "1", "--processes", "1", patches=patched(tmp_path, FEW_ARE_ENOUGH))
    assert enough.returncode == 1
    assert "MISSING no " in enough.stdout
    assert "WRONG" not in few.stdout + enough.stdout


def test_a_seed_that_breaks_a_rule_is_printed_and_ends_badly_by_itself_as_well(tmp_path: Path) -> None:
    broken = patched(tmp_path, NO_KEY_CHECK)
    many = sim("--seeds", FEW, "--processes", "1", patches=broken)
    assert many.returncode == 1
    again = re.search(r"again: python -m tests\.simulation\.sim --seed (\d+)", many.stdout)
    assert again is not None, many.stdout
    one = sim("--seed", again[1], patches=broken)
    assert one.returncode == 1
    assert f"WRONG seed {again[1]}: " in one.stdout
    healthy = sim("--seed", again[1], patches=patched(tmp_path))
    assert healthy.returncode == 0, "it was not the seed"
    assert "WRONG" not in healthy.stdout


@pytest.mark.long
def test_who_is_interrupted_goes_on_with_the_seeds_that_are_left(tmp_path: Path) -> None:
    kept = ("--processes", "1", "--kept", str(tmp_path / "kept"))
    patches = patched(tmp_path)
    first = sim("--seeds", "1", *kept, patches=patches)
    assert "run before" not in first.stdout
    with (tmp_path / "kept" / "runs.jsonl").open("ab") as file:
        file.write(b'[{"seed": 1, "wrong": ')
    second = sim("--seeds", "2", *kept, patches=patches)
    whole = sim("--seeds", "2", "--processes", "1", patches=patches)
    assert (second.returncode, second.stderr) == (0, "")
    assert "1 of these seeds were run before" in second.stdout
    assert _came_to(second.stdout) == _came_to(whole.stdout)
    third = sim("--seeds", "2", *kept, patches=patches)
    assert "2 of these seeds were run before" in third.stdout
    assert _came_to(third.stdout) == _came_to(whole.stdout)


def _came_to(said: str) -> str:
    """All from the table of faults on, but for the time."""
    return said[said.index("┏") :].rpartition(", in ")[0]


@pytest.mark.long
def test_some_seeds_are_run_again_under_other_hashes_and_must_be_the_same(tmp_path: Path) -> None:
    words = ("--seeds", "2", "--processes", "1")
    same = sim(*words, patches=patched(tmp_path))
    assert (same.returncode, same.stderr) == (0, "")
    assert "1 run again and 0 otherwise" in same.stdout
    other = sim(*words, patches=patched(tmp_path, A_SET_IN_A_DRAW), PYTHONHASHSEED="1")
    assert other.returncode == 1
    assert "1 run again and 1 otherwise" in other.stdout
    assert "WRONG seed 0: another run" in other.stdout


def test_a_trace_is_of_one_seed() -> None:
    done = sim("--seeds", FEW, "--trace", "trace")
    assert done.returncode == 2
    assert "--trace needs --seed" in done.stderr
