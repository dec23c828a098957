"""What the supervisor does beside keeping the parts alive must never end the stack."""

from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from serve.local import supervisor as supervisor_module
from serve.local.stack import DataFolder
from serve.local.supervisor import LocalApplication, _Supervisor
from serve.settings import Settings

APPLICATION = LocalApplication(
    entry="nowhere:nothing", grpc_servicers=(), prepare=lambda _: None, ready_text=lambda _: ""
)


class Ended(BaseException):
    """The end of the test's patience with a supervisor that looks after parts for ever."""


def check_logs_that_cannot_be_kept_small(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder of logs that goes while it is looked through: it is told once, and looks go on."""
    said, looks = StringIO(), 0

    def lost(_: DataFolder) -> None:
        raise FileNotFoundError("logs")

    def rest(_: float) -> None:
        nonlocal looks
        looks += 1
        if looks > 4:
            raise Ended

    monkeypatch.setattr(supervisor_module, "keep_logs_small", lost)
    monkeypatch.setattr(supervisor_module, "_LOGS_PERIOD_S", 0.0)
    monkeypatch.setattr("serve.local.supervisor.time.sleep", rest)
    console = Console(file=said, width=200)
    settings = Settings(
        data_dir=folder, database_url="postgresql://nobody@127.0.0.1:1/none", redis_url="redis://127.0.0.1:1/0"
    )
    supervisor = _Supervisor(settings, APPLICATION, DataFolder(folder), console)
    supervisor._parts.clear()  # nothing was started
    with pytest.raises(Ended):
        supervisor._watch()
    assert said.getvalue().splitlines() == ["keep_logs_small failed: FileNotFoundError('logs')"]


def test_a_chore_that_fails_is_told_once_and_ends_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check_logs_that_cannot_be_kept_small(tmp_path, monkeypatch)


def test_control_a_supervisor_that_ends_with_it_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_Supervisor, "_do", lambda _, chore: chore())
    with pytest.raises(FileNotFoundError):
        check_logs_that_cannot_be_kept_small(tmp_path, monkeypatch)
