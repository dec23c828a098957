"""A long run goes on as long as the code is the same, and no longer."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.code_version import OF_CHAOS, OF_SIMULATION, clear_of_other_code, fingerprint


def repository(root: Path, folders: Sequence[str]) -> Path:
    for folder in folders:
        (root / folder).mkdir(parents=True)
        (root / folder / "one.py").write_text("1")
    (root / "requirements.lock").write_text("ray")
    return root


def check_every_change_shows(root: Path, folders: Sequence[str], looked_at: Sequence[str]) -> None:
    repository(root, folders)
    seen = {fingerprint(looked_at, root)}
    for path in [*(root / folder / "one.py" for folder in folders), root / "requirements.lock"]:
        path.write_text("2")
        seen.add(fingerprint(looked_at, root))
    (root / "actors" / "new.sql").write_text("")
    seen.add(fingerprint(looked_at, root))
    assert len(seen) == len(folders) + 3
    (root / "actors" / "ABOUT.md").write_text("words")
    (root / folders[-1] / "test_one.py").write_text("a test")
    assert fingerprint(looked_at, root) in seen, "what does not run in it changes nothing"


@pytest.mark.parametrize("folders", [OF_CHAOS, OF_SIMULATION])
def test_every_change_of_code_shows(tmp_path: Path, folders: Sequence[str]) -> None:
    check_every_change_shows(tmp_path, folders, folders)


def test_control_a_folder_that_is_left_out_is_noticed(tmp_path: Path) -> None:
    with pytest.raises(AssertionError):
        check_every_change_shows(tmp_path, OF_CHAOS, OF_CHAOS[1:])


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
