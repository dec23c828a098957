"""Logs stay small under processes that go on writing, and what was last said is kept."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from serve.local import log_files, ray_session
from serve.local.log_files import keep_logs_small
from serve.local.processes import end, mark, marked, spawn, wait_until
from serve.local.ray_session import Order, RaySession
from serve.local.stack import DataFolder, Stack
from serve.settings import Settings

LIMIT_BYTES = 10_000
CHATTER = "import itertools, time\nfor n in itertools.count(): print(f'line {n:09}', flush=True); time.sleep(0.0005)"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DataFolder:
    """A data folder with a session of Ray, and small bounds."""
    monkeypatch.setattr(log_files, "MAX_BYTES", LIMIT_BYTES)
    folder = DataFolder(tmp_path)
    folder.logs.mkdir()
    session = folder.ray / "session_2026-01-01"
    (session / "logs" / "serve").mkdir(parents=True)
    (folder.ray / "session_latest").symlink_to(session)
    return folder


def check_that_a_chatterer_is_kept_short(folder: DataFolder) -> None:
    """A process that never stops writing to its log, through several cuts."""
    log = folder.logs / "chatter.log"
    spawn(
        [sys.executable, "-uc", CHATTER],
        signal_on_orphan=signal.SIGKILL,
        log=log,
        folder=folder.root,
        environment=mark(folder.stack_id),
    )
    try:
        for _ in range(3):
            assert wait_until(lambda: log.exists() and log.stat().st_size > LIMIT_BYTES, 20)
            keep_logs_small(folder)
            assert log.stat().st_size < LIMIT_BYTES
            assert log.with_name("chatter.log.1").stat().st_size > LIMIT_BYTES
    finally:
        end(lambda: marked(folder.stack_id), (signal.SIGKILL, 5.0))
        os.waitpid(-1, 0)
    assert b"\0" not in log.read_bytes(), "the writer went on behind a hole"
    assert len(list(folder.logs.iterdir())) == 2, "one former log is enough"


def test_a_log_is_cut_under_its_writer(folder: DataFolder) -> None:
    check_that_a_chatterer_is_kept_short(folder)


def test_control_a_cut_that_does_not_cut_is_noticed(folder: DataFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_files, "_cut", lambda path: None)
    with pytest.raises(AssertionError):
        check_that_a_chatterer_is_kept_short(folder)


@pytest.mark.parametrize("name", ["gcs_server.out", "worker-1.err", "serve/replica.log"])
def test_the_logs_of_ray_are_cut_as_well(folder: DataFolder, name: str) -> None:
    log = folder.ray / "session_latest" / "logs" / name
    log.write_bytes(b"x" * (LIMIT_BYTES + 1))
    keep_logs_small(folder)
    assert log.stat().st_size == 0
    assert log.with_name(log.name + ".1").stat().st_size == LIMIT_BYTES + 1


NINE = [f"worker-{number}.err" for number in range(9)]


def logs_left_of_nine(folder: DataFolder, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Five are kept; the first was written longest ago."""
    monkeypatch.setattr(log_files, "MAX_FILES", 5)
    logs = folder.ray / "session_latest" / "logs"
    for number, name in enumerate(NINE):
        (logs / name).touch()
        (logs / f"{name}.1").touch()
        os.utime(logs / name, (number, number))
    keep_logs_small(folder)
    assert sorted(path.name for path in logs.glob("*.1")) == [f"{path.name}.1" for path in sorted(logs.glob("*.err"))]
    return sorted(path.name for path in logs.glob("*.err"))


def test_of_very_many_logs_the_newest_are_kept(folder: DataFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    assert logs_left_of_nine(folder, monkeypatch) == NINE[4:]


def check_that_what_is_open_is_kept(folder: DataFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says nothing for long, and may yet."""
    with (folder.ray / "session_latest" / "logs" / NINE[1]).open("ab") as log:
        quiet = subprocess.Popen(["sleep", "60"], stdout=log)
    try:
        assert logs_left_of_nine(folder, monkeypatch) == [NINE[1], *NINE[4:]]
    finally:
        quiet.kill()
        quiet.wait()


def test_a_log_that_somebody_has_open_is_kept_however_old(folder: DataFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    check_that_what_is_open_is_kept(folder, monkeypatch)


def test_control_who_does_not_ask_what_is_open_takes_a_log_away(
    folder: DataFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_files, "opened", lambda _: set())
    with pytest.raises(AssertionError):
        check_that_what_is_open_is_kept(folder, monkeypatch)


def test_logs_of_the_stack_itself_are_never_taken_away(folder: DataFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("redis.log", "backup.log"):
        (folder.logs / name).touch()
        os.utime(folder.logs / name, (0, 0))
    logs_left_of_nine(folder, monkeypatch)
    assert sorted(path.name for path in folder.logs.iterdir()) == ["backup.log", "redis.log"]


def kept_sessions(folder: DataFolder, restarts: int) -> list[str]:
    """The folders of Ray's sessions after so many starts, each of which makes one."""
    order = Order(
        stack=Stack(
            settings=Settings(data_dir=folder.root),
            pid=1,
            database_url="",
            redis_url="",
            http_url="",
            grpc_target="",
        ),
        entry="",
        grpc_servicers=(),
        ray_folder=str(folder.ray),
    )
    session = RaySession(order, folder, log=folder.logs / "ray.log", on_step=lambda step: None)
    for number in range(restarts):
        session._clear_folder()
        (folder.ray / f"session_2026-02-{number + 1:02}").mkdir()
    return sorted(path.name for path in folder.ray.glob("session_2*"))


def test_however_often_ray_is_started_only_its_last_sessions_are_kept(folder: DataFolder) -> None:
    assert kept_sessions(folder, 9) == [f"session_2026-02-{day:02}" for day in (6, 7, 8, 9)]


def test_control_sessions_that_nobody_removes_pile_up(folder: DataFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray_session, "_KEPT_SESSIONS", 1_000)
    assert len(kept_sessions(folder, 9)) == 10
