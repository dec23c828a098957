"""A campaign goes on as long as the code is the same, and no longer."""

from pathlib import Path

import pytest

from tests.chaos import code_version as code_module
from tests.chaos.code_version import FOLDERS, clear_of_other_code, fingerprint


def repository(root: Path) -> Path:
    for folder in FOLDERS:
        (root / folder).mkdir(parents=True)
        (root / folder / "one.py").write_text("1")
    (root / "requirements.lock").write_text("ray")
    return root


def check_every_change_shows(root: Path) -> None:
    seen = {fingerprint(repository(root))}
    for path in [*(root / folder / "one.py" for folder in FOLDERS), root / "requirements.lock"]:
        path.write_text("2")
        seen.add(fingerprint(root))
    (root / "actors" / "new.sql").write_text("")
    seen.add(fingerprint(root))
    assert len(seen) == len(FOLDERS) + 3
    (root / "actors" / "ABOUT.md").write_text("words")
    assert fingerprint(root) in seen, "words change nothing"


def test_every_change_of_code_shows(tmp_path: Path) -> None:
    check_every_change_shows(tmp_path)


def test_control_a_folder_that_is_left_out_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repository(tmp_path / "whole")
    monkeypatch.setattr(code_module, "FOLDERS", FOLDERS[1:])
    with pytest.raises(AssertionError):
        check_every_change_shows(tmp_path / "part")


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
