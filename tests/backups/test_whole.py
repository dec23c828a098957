"""A gap in the log of a backup, and a base that rots, are found while a new backup can still be made."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from serve import backup_folder, backups
from serve.backup_folder import BackupError, read_mark, verify
from serve.backups import mark, restore
from serve.cli import app
from serve.doctor import backup_checks
from serve.doctor.findings import Standing
from tests.backups.old_history import sell_some
from tests.backups.test_one_goes_on import backed_up, looked

pytestmark = pytest.mark.anyio
BEHIND_HEADER = 200  # bytes into a file of the log: in its first record


def cleaned(file: Path) -> None:
    file.unlink()


def cut_short(file: Path) -> None:
    with file.open("r+b") as content:
        content.truncate(1 << 20)


DAMAGE = pytest.mark.parametrize(
    ("damage", "wrong"),
    [
        pytest.param(cleaned, "is missing", id="deleted"),
        pytest.param(cut_short, r"has 1,048,576 bytes of 16,777,216", id="cut_short"),
    ],
)


async def check_gap(root: Path, damage: Callable[[Path], None], wrong: str) -> None:
    """Once a file of the log is damaged no mark behind it is made, and the doctor says so, as does a restore."""
    async with backed_up(root) as (stack, _, event):
        first = root / "first"
        for number, name in enumerate(("early", "middle", "late")):
            await sell_some(event, number)
            await mark(stack, name)
        assert (await looked(stack)).standing is Standing.OK
        file = first / "wal" / read_mark(first, "middle").file
        damage(file)
        told = f"{file} {wrong}: nothing behind it can be restored"
        finding = await looked(stack)
        assert finding.standing is Standing.WRONG, "the doctor has not noticed"
        assert finding.seen.startswith(f"the log has a gap: {file} ")
        with pytest.raises(BackupError, match=told):
            await mark(stack, "again")
        assert not (first / "marks" / "again.json").exists(), "the name is free"
        with pytest.raises(BackupError, match=told):
            verify(first)
        with pytest.raises(BackupError, match=told):
            restore(first, "late", root / "new")


@DAMAGE
async def test_a_gap_in_the_log_is_found_at_once(tmp_path: Path, damage: Callable[[Path], None], wrong: str) -> None:
    await check_gap(tmp_path, damage, wrong)


async def test_control_a_mark_that_looks_at_the_last_file_only_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backups, "check_log", lambda folder, last: None)
    with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
        await check_gap(tmp_path, cleaned, "is missing")


async def test_control_a_doctor_that_looks_at_no_file_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backup_checks, "check_log", lambda folder, last: None)
    with pytest.raises(AssertionError, match="the doctor has not noticed"):
        await check_gap(tmp_path, cleaned, "is missing")


async def test_what_was_received_and_has_no_mark_yet_is_looked_at(tmp_path: Path) -> None:
    async with backed_up(tmp_path) as (stack, _, event):
        await sell_some(event, 1)
        last = await mark(stack, "last")
        (tmp_path / "first" / "marks" / "last.json").unlink()
        (tmp_path / "first" / "wal" / last.file).unlink()
        async with asyncio.timeout(20):
            while (finding := await looked(stack)).standing is Standing.OK:  # noqa: ASYNC110  (the receiver tells nobody)
                await asyncio.sleep(0.2)
        assert f"{last.file} is missing" in finding.seen


def verified(folder: Path) -> tuple[int, str]:
    said = CliRunner().invoke(app, ("backup", "verify", str(folder)))
    return said.exit_code, said.stdout + said.stderr


def flipped(file: Path, place: int) -> None:
    content = bytearray(file.read_bytes())
    content[place] ^= 1
    file.write_bytes(content)


async def check_verified(root: Path) -> None:
    """A whole backup is called whole, and one of which a bit is another is not."""
    async with backed_up(root) as (stack, _, event):
        await sell_some(event, 1)
        await mark(stack, "early")
        await sell_some(event, 2)
        await mark(stack, "late")
    first = root / "first"
    code, said = verified(first)
    assert code == 0, said
    assert "base, and the log from there to each of created, early, late" in said
    rotten = ((first / "wal" / read_mark(first, "late").file, BEHIND_HEADER), (first / "base" / "PG_VERSION", 0))
    for file, place in rotten:
        flipped(file, place)
        code, said = verified(first)
        assert code == 1, f"nobody has noticed that {file} is another"
        assert str(first) in said
        flipped(file, place)
    assert verified(first)[0] == 0


async def test_a_backup_is_verified_without_a_restore(tmp_path: Path) -> None:
    await check_verified(tmp_path)


@pytest.mark.parametrize("skipped", ["check_base", "check_records"])
async def test_control_a_part_that_is_not_read_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, skipped: str
) -> None:
    monkeypatch.setattr(backup_folder, skipped, lambda *_: 1)
    with pytest.raises(AssertionError, match="nobody has noticed"):
        await check_verified(tmp_path)
