"""What a runner that was killed has left behind is out of the next one's way."""

import multiprocessing
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from serve.local.processes import is_living, mark, wait_until, working_in
from serve.local.stack import DataFolder
from tests.chaos import leftovers
from tests.chaos.database import Database
from tests.chaos.disk_faults import _cannot_mount, _mount
from tests.chaos.leftovers import clear

ENDS_S = 30.0


@contextmanager
def left(folder: Path) -> Iterator[None]:
    """A stack whose supervisor takes two seconds to end, one of its processes, and Postgres without its runner."""
    (folder / "password").write_text("for-tests-only")
    database = Database(folder / "postgres-1", folder / "password")
    database.start()
    data = DataFolder(folder / "stack")
    marked = subprocess.Popen(["sleep", "60"], env=os.environ | mark(data.stack_id))
    forked = multiprocessing.get_context("fork")
    begun = forked.Event()

    def supervise() -> None:
        with data.held():
            begun.set()
            time.sleep(2)

    supervisor = forked.Process(target=supervise)
    supervisor.start()
    assert begun.wait(ENDS_S)
    try:
        yield
        assert not is_living(marked.pid)
        assert not supervisor.is_alive()
        assert working_in(database.folder, "postgres") == []
    finally:
        marked.kill()
        marked.wait()
        supervisor.kill()
        supervisor.join()
        database.stop()


def check_cleared(folder: Path) -> None:
    folder.mkdir()
    with left(folder):
        clear(folder)
        assert not folder.exists()


def test_who_lives_in_a_stage_s_folder_ends_before_it_is_deleted(tmp_path: Path) -> None:
    check_cleared(tmp_path / "stack-0")
    clear(tmp_path / "stack-0")  # where there is nothing


def test_control_a_supervisor_that_nobody_waits_for_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leftovers, "_until_ended", lambda data: None)
    with pytest.raises(AssertionError):
        check_cleared(tmp_path / "stack-0")


@pytest.mark.skipif(bool(_cannot_mount()), reason=_cannot_mount())
def test_a_small_disk_that_is_still_mounted_is_no_obstacle(tmp_path: Path) -> None:
    small = tmp_path / "stack-0" / "small"
    small.mkdir(parents=True)
    _mount("-t", "tmpfs", "-o", "size=64k", "tmpfs", str(small))
    clear(tmp_path / "stack-0")
    assert not (tmp_path / "stack-0").exists()


def test_a_database_ends_with_its_runner(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("for-tests-only")
    folder = tmp_path / "postgres-1"

    def run() -> None:
        Database(folder, tmp_path / "password").start()
        os.kill(os.getpid(), signal.SIGKILL)

    runner = multiprocessing.get_context("fork").Process(target=run)
    runner.start()
    runner.join()

    assert wait_until(lambda: not working_in(folder, "postgres"), ENDS_S)
