"""Whom the doctor looks at where a stack runs: what it was started with counts, not what whoever asks has set."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from serve import doctor_command
from serve.doctor import backup_checks
from serve.doctor.findings import Patient
from serve.doctor_command import patient_of
from serve.local.going import Going
from serve.local.postgres import HELD_BYTES, SLOT_KEEPS_MB
from serve.local.stack import Stack
from serve.settings import Settings

MB = 1_000_000


def running(folder: Path, database_url: str | None) -> Stack:
    """A stack with a small reserve."""
    settings = Settings(data_dir=folder, disk_reserve_mb=77, database_url=database_url)
    return Stack(settings=settings, pid=1, database_url="its own", redis_url="", http_url="", grpc_target="")


def check_who_is_looked_at(folder: Path) -> None:
    """The disk of a database that is elsewhere is not that of the folder."""
    here, elsewhere = (doctor_command.patient_of(running(folder, url), 5, 6) for url in (None, "elsewhere"))
    assert here == Patient(None, "its own", "", folder, 77, 5, 6)
    assert elsewhere == here._replace(data_dir=None)


def test_a_stack_is_looked_at_by_its_own_settings(tmp_path: Path) -> None:
    check_who_is_looked_at(tmp_path)


def _by_the_askers(stack: Stack, since_ms: int, sample: int) -> Patient:
    return patient_of(stack, since_ms, sample)._replace(disk_reserve_mb=Settings().disk_reserve_mb)


def _with_a_folder_in_any_case(stack: Stack, since_ms: int, sample: int) -> Patient:
    return patient_of(stack, since_ms, sample)._replace(data_dir=stack.settings.data_dir)


@pytest.mark.parametrize("broken", [_by_the_askers, _with_a_folder_in_any_case], ids=["by the asker's", "any folder"])
def test_control_others_are_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: Any) -> None:
    monkeypatch.setattr(doctor_command, "patient_of", broken)
    with pytest.raises(AssertionError):
        check_who_is_looked_at(tmp_path)


@pytest.mark.parametrize(
    ("behind", "may_wait", "bound"),
    [
        (1 * MB, 20_000 * MB, SLOT_KEEPS_MB << 20),
        (700 * MB, 300 * MB, 1_000 * MB),
        (1 * MB, 30 * MB, HELD_BYTES),  # so much may wait wherever there is little room: it is not ended for that
    ],
)
def test_it_is_told_how_much_may_wait_before_a_backup_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, behind: int, may_wait: int, bound: int
) -> None:
    monkeypatch.setattr(backup_checks, "_is_received", lambda *_: False)
    slot = {"wal_status": "extended", "behind_bytes": behind}
    going = cast("Going", SimpleNamespace(folder=tmp_path))
    (finding,) = backup_checks._of_log(going, slot, None, (may_wait, None))
    assert f"above {bound / 1e6:,.0f} MB it has a gap" in finding.seen
