"""A data folder belongs to one stack at a time, and tells commands on the machine how to reach the running one."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from serve.local.preflight import CannotStart
from serve.local.stack import DataFolder, Stack, find_stack
from serve.settings import Settings


def stack_on(folder: Path) -> Stack:
    return Stack(
        settings=Settings(data_dir=folder),
        pid=os.getpid(),
        database_url="postgresql://holdfast:secret@127.0.0.1:5433/postgres",
        redis_url="redis://:secret@127.0.0.1:6380/0",
        http_url="http://127.0.0.1:8000",
        grpc_target="127.0.0.1:9000",
    )


def test_a_second_stack_on_the_folder_is_refused_until_the_first_ends(tmp_path: Path) -> None:
    with (
        DataFolder(tmp_path / "data").held(),
        pytest.raises(CannotStart, match=r"another Holdfast runs on .*--data-dir"),
        DataFolder(tmp_path / "data").held(),
    ):
        pytest.fail("two stacks hold one folder")
    with DataFolder(tmp_path / "data").held():
        pass


def test_a_running_stack_is_found_and_a_stopped_one_is_not(tmp_path: Path) -> None:
    assert find_stack(tmp_path) is None
    folder = DataFolder(tmp_path)
    with folder.held():
        assert find_stack(tmp_path) is None  # it has not said yet that it is ready
        folder.publish(stack_on(tmp_path))
        assert find_stack(tmp_path) == stack_on(tmp_path)
    assert find_stack(tmp_path) is None


def test_what_a_killed_stack_published_is_not_believed(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    folder.publish(stack_on(tmp_path))
    assert (tmp_path / "stack.json").exists()
    assert find_stack(tmp_path) is None
    with folder.held():
        assert find_stack(tmp_path) is None, "the next one starts, and has not said where it is"


def test_secrets_are_the_owners_alone_and_stay_the_same(tmp_path: Path) -> None:
    secret = DataFolder(tmp_path).secret("postgres")
    assert len(secret.read_text()) == 64
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    assert DataFolder(tmp_path).secret("postgres").read_text() == secret.read_text()


def test_a_folder_that_cannot_be_made_is_one_line_that_names_the_setting(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(CannotStart, match=r"cannot use the data folder .*--data-dir"),
        DataFolder(tmp_path / "file" / "data").held(),
    ):
        pytest.fail("held a folder below a file")


def test_a_short_name_for_sockets_that_somebody_else_made_is_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = DataFolder(tmp_path / "data")
    folder.ray_short.symlink_to(tmp_path)
    us = os.geteuid()
    try:
        monkeypatch.setattr(os, "geteuid", lambda: us + 1)
        with pytest.raises(CannotStart, match="belongs to somebody else"), folder.held():
            pytest.fail("followed a foreign link")
        assert folder.ray_short.samefile(tmp_path)
    finally:
        folder.ray_short.unlink(missing_ok=True)


@pytest.mark.parametrize("left", ["link", "folder"])
def test_a_short_name_that_we_left_ourselves_leads_to_our_folder_again(tmp_path: Path, left: str) -> None:
    folder = DataFolder(tmp_path / "data")
    if left == "link":
        folder.ray_short.symlink_to(tmp_path)
    else:
        (folder.ray_short / "session_of_a_late_process").mkdir(parents=True)
    with folder.held():
        assert folder.ray_short.is_symlink()
        assert folder.ray_short.samefile(folder.ray)
    assert not folder.ray_short.exists()


def test_a_folder_that_was_open_to_others_is_closed_to_them(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir(mode=0o755)
    folder.chmod(0o755)
    with DataFolder(folder).held():
        assert folder.stat().st_mode & 0o777 == 0o700
