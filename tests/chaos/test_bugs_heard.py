"""A bug that a gateway's request meets is heard from its log, as it is told there."""

import subprocess
import sys
from pathlib import Path

import pytest

from serve.local.stack import DataFolder
from tests.chaos import bugs_heard as module
from tests.chaos.bugs_heard import MOST_TOLD, bugs_heard

_MEETING = """
from actors.logs import configure_logs
from serve.bugs import report_bug
configure_logs("info")
try:
    raise ZeroDivisionError("in a test")
except ZeroDivisionError as bug:
    report_bug(bug, "PlaceHold", to_write=True)
"""


def _log(folder: DataFolder, session: str, name: str) -> Path:
    logs = folder.ray / session / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    return logs / name


def check_heard(folder: DataFolder) -> None:
    """In whichever session's log, among what else stands there, and not without end."""
    assert bugs_heard(folder) == []
    _log(folder, "session_2026-01-01_1", "worker-1.out").write_text("it has started\nall is well\n")
    assert bugs_heard(folder) == []
    met = subprocess.run([sys.executable, "-c", _MEETING], capture_output=True, check=True)
    told = met.stdout + met.stderr
    _log(folder, "session_2026-01-01_1", "worker-2.out").write_bytes(b"it has started\n" + told + b"it goes on\n")
    (line,) = bugs_heard(folder)
    assert line.startswith("worker-2.out: ")
    assert "ZeroDivisionError" in line
    _log(folder, "session_2026-01-02_2", "worker-9.err").write_bytes(told * 2 * MOST_TOLD)
    assert len(bugs_heard(folder)) == MOST_TOLD


def test_a_bug_that_a_request_met_is_heard(tmp_path: Path) -> None:
    check_heard(DataFolder(tmp_path))


def test_control_who_listens_for_something_else_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MARK", b"a request has met a bug")
    with pytest.raises(ValueError, match="not enough values"):
        check_heard(DataFolder(tmp_path))
