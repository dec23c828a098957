"""`make chaos`: the campaign first, whatever the controls say; they count as well, and are for whole runs only."""

import os
import subprocess
from itertools import product
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CAMPAIGN, CONTROLS = "-m tests.chaos", "-m pytest -m long tests/chaos"
_OF_OTHER_MAKES = ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "ARGS", "SHORT")


def made(folder: Path, *words: str, campaign: int = 0, controls: int = 0, makefile: str = "") -> tuple[int, list[str]]:
    """The exit code of `make chaos`, and what it ran, where campaign and controls end with these codes."""
    programs = folder / "bin"
    programs.mkdir()
    python = programs / "python"
    codes = f'case "$*" in *pytest*) exit {controls};; *) exit {campaign};; esac'
    python.write_text(f'#!/bin/sh\necho "$*" >> {folder / "ran"}\n{codes}\n')
    python.chmod(0o755)
    for stamp in (".run", ".dev"):
        (folder / stamp).touch()
    (folder / "Makefile").write_text(makefile or (ROOT / "Makefile").read_text())
    environ = {name: value for name, value in os.environ.items() if name not in _OF_OTHER_MAKES}
    command = ["make", "-f", str(folder / "Makefile"), "chaos", f"VENV={folder}", *words]
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=30, check=False)
    assert (folder / "ran").exists(), done.stderr
    return done.returncode, [line.strip() for line in (folder / "ran").read_text().splitlines()]


def check_both_count(folder: Path, makefile: str = "") -> None:
    for campaign, controls in product((0, 1), repeat=2):
        own = folder / f"{campaign}-{controls}"
        own.mkdir()
        code, ran = made(own, campaign=campaign, controls=controls, makefile=makefile)
        assert ran == [CAMPAIGN, CONTROLS], "the campaign comes first, and the controls in any case"
        assert bool(code) == bool(campaign or controls), f"campaign {campaign}, controls {controls}: ended with {code}"


def test_controls_follow_the_campaign_and_both_count(tmp_path: Path) -> None:
    check_both_count(tmp_path)


@pytest.mark.parametrize(
    ("kept", "lost"), [("|| campaign=1", "|| true"), ("campaign=$$?", "campaign=0"), ("exit $$campaign", "true")]
)
def test_control_a_code_that_is_lost_is_noticed(tmp_path: Path, kept: str, lost: str) -> None:
    shipped = (ROOT / "Makefile").read_text()
    assert kept in shipped
    with pytest.raises(AssertionError, match="ended with"):
        check_both_count(tmp_path, shipped.replace(kept, lost))


@pytest.mark.parametrize(
    ("word", "asked"),
    [("SHORT=1", "--short"), ("ARGS=--only ShardKilled", "--only ShardKilled")],
)
@pytest.mark.parametrize("campaign", [0, 1])
def test_a_part_of_it_is_without_controls(tmp_path: Path, word: str, asked: str, campaign: int) -> None:
    code, ran = made(tmp_path, word, campaign=campaign, controls=1)
    assert ran == [f"{CAMPAIGN} {asked}"]
    assert bool(code) == bool(campaign)
