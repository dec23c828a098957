"""A backup is made while everything sells and dies, and restored to a mark: all that was told before it is there."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest

from actors.audit.replies import Acknowledged
from actors.database.connect import Connection, connect
from loadtests.audit_command import CLEAN, WRONG, run_audit
from serve.backup_folder import BackupError, Mark
from serve.backups import restore
from serve.local.archiving import receivers_in
from serve.local.processes import working_in
from tests.stack.journal_alone import journal_alone
from tests.stack.load import Load, hall_on_sale
from tests.stack.running_stack import RunningStack, kill

pytestmark = pytest.mark.stack
RESTORED_INNER_PORT = 25600
PATIENCE_S = 60.0
BALLAST = "create table ballast as select repeat(md5(n::text), 30) as words from generate_series(1, 250000) as n"
BALLAST_BYTES = 250_000_000
SOLD_MEANWHILE = 20
COPIES = "select exists (select from pg_stat_progress_basebackup)"
GAP_S = 5.0  # as after a death


def told_file(path: Path, told: Sequence[Acknowledged]) -> Path:
    path.write_bytes(b"\n".join(msgspec.json.encode(one) for one in told) + b"\n")
    return path


async def sell_and_mark(running: RunningStack, hall: str, backup: Path) -> dict[str, list[Acknowledged]]:
    """What was told before each mark began, while buyers never stop; receiver and Postgres are killed on the way."""
    told: dict[str, list[Acknowledged]] = {}
    async with Load(running.stack.http_url, running.api_key, hall, "Hall", buyers=8) as load:

        async def do(*words: str) -> None:
            before = list(load.told)
            done = await asyncio.to_thread(running.command, *words)
            assert done.returncode == 0, done.stderr
            marked = msgspec.json.decode(done.stdout, type=Mark)
            told[marked.name] = before

        await asyncio.sleep(1)
        await do("backup", "create", str(backup))
        await asyncio.sleep(1)
        await do("backup", "mark", "early")
        await asyncio.sleep(1)
        kill(receivers_in(backup))
        await sells_on(load)
        kill(working_in(running.folder.postgres, "postgres"))
        await sells_on(load)
        await do("backup", "mark", "late")
        await asyncio.sleep(1)
        told["end"] = list(load.told)
    assert 0 < len(told["created"]) < len(told["early"]) < len(told["late"]) < len(told["end"])
    return told


async def sells_on(load: Load) -> None:
    """A hundred answers more."""
    enough = len(load.told) + 100
    async with asyncio.timeout(PATIENCE_S):
        while len(load.told) < enough:  # noqa: ASYNC110  (buyers tell nobody)
            await asyncio.sleep(0.05)


async def check_sold_beside(running: RunningStack, backup: Path, beside: AbstractAsyncContextManager[None]) -> None:
    """While a backup of more than the caches of disks is made, nobody waits longer for a place than at a death."""
    with running.client() as client:
        hall = hall_on_sale(client, f"beside {backup}")
    async with stacks_connection(running) as connection, beside:
        await connection.execute(BALLAST)
        try:
            async with Load(running.stack.http_url, running.api_key, hall, "Hall", buyers=8) as load:
                await sells_on(load)
                before = len(load.told)
                done = await asyncio.to_thread(running.command, "backup", "create", str(backup))
                assert done.returncode == 0, done.stderr
                assert len(load.told) > before + SOLD_MEANWHILE, "it is over too soon to say anything"
                await sells_on(load)
        finally:
            await connection.execute("drop table ballast")
    size = sum(file.stat().st_size for file in (backup / "base").rglob("*") if file.is_file())
    assert size > BALLAST_BYTES
    assert load.longest_gap_s < GAP_S


@asynccontextmanager
async def stacks_connection(running: RunningStack) -> AsyncIterator[Connection]:
    connection = await connect(running.stack.database_url, application_name="tests")
    try:
        yield connection
    finally:
        await connection.close()


def test_it_is_sold_on_while_a_backup_is_made(running: RunningStack, tmp_path: Path) -> None:
    asyncio.run(check_sold_beside(running, tmp_path / "backup", nullcontext()))


@asynccontextmanager
async def journal_locked(running: RunningStack) -> AsyncIterator[None]:
    """In the middle of it, as by a backup that reads one state of all tables and lets nobody write meanwhile."""

    async def lock() -> None:
        async with stacks_connection(running) as connection:
            while not await connection.fetchval(COPIES):  # noqa: ASYNC110  (it tells nobody)
                await asyncio.sleep(0.02)
            async with connection.transaction():
                await connection.execute("lock table journal in share mode")
                await asyncio.sleep(GAP_S + 1)

    locking = asyncio.create_task(lock())
    try:
        yield
        await locking
    finally:
        locking.cancel()


def test_control_a_backup_that_lets_nobody_write_is_noticed(running: RunningStack, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="longest_gap_s"):
        asyncio.run(check_sold_beside(running, tmp_path / "backup", journal_locked(running)))


def audit_of(data_dir: Path, told: Path) -> int:
    """What the audit says of a restored database, held against what clients were told."""
    with journal_alone(data_dir) as url:
        return run_audit(url, told=[told])


class BackedUp(NamedTuple):
    """A backup, and by mark the file of what clients were told before that."""

    folder: Path
    hall: str
    told: dict[str, Path]


@pytest.fixture(scope="module")
def backed_up(running: RunningStack, tmp_path_factory: pytest.TempPathFactory) -> BackedUp:
    root = tmp_path_factory.mktemp("backed-up")
    with running.client() as client:
        hall = hall_on_sale(client, "backed up")
    told = asyncio.run(sell_and_mark(running, hall, root / "backup"))
    for said in ("not received", "received again"):
        running.await_said(f"backup: the log is {said} in {root / 'backup'}", PATIENCE_S)
    again = running.command("backup", "mark", "late")
    assert again.returncode == 1
    assert "there is a mark late already" in again.stderr
    files = {name: told_file(root / f"{name}.jsonl", of_name) for name, of_name in told.items()}
    return BackedUp(root / "backup", hall, files)


def test_a_restore_has_all_that_was_told_before_its_mark(backed_up: BackedUp, tmp_path: Path) -> None:
    backup = backed_up.folder
    damaged = next(file for file in (backup / "base" / "base").rglob("*") if file.is_file() and file.stat().st_size)
    content = damaged.read_bytes()
    damaged.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(BackupError, match="is not what was backed up"):
        restore(backup, "early", tmp_path)
    damaged.write_bytes(content)
    with pytest.raises(BackupError, match="it has created, early, late"):
        restore(backup, "nowhere", tmp_path)
    restore(backup, "early", tmp_path)
    assert audit_of(tmp_path, backed_up.told["early"]) == CLEAN
    restore(backup, "late", tmp_path / "late")
    assert audit_of(tmp_path / "late", backed_up.told["late"]) == CLEAN, "what came before and after the deaths"
    with pytest.raises(BackupError, match="has a database already"):
        restore(backup, "late", tmp_path)


def test_the_check_notices_a_restore_that_stops_too_early(backed_up: BackedUp, tmp_path: Path) -> None:
    """Negative control: what was told before the later mark is not all there as of the earlier one."""
    restore(backed_up.folder, "early", tmp_path)
    assert audit_of(tmp_path, backed_up.told["late"]) == WRONG


@pytest.mark.long
def test_what_was_restored_sells(backed_up: BackedUp, tmp_path: Path) -> None:
    restore(backed_up.folder, "late", tmp_path)
    restored = RunningStack(tmp_path, RESTORED_INNER_PORT)
    restored.start()
    try:
        with restored.client() as client:
            held = client.post(
                f"/v1/events/{backed_up.hall}/holds",
                json={"areas": [{"area": "Hall", "quantity": 1}]},
                headers={"Idempotency-Key": "after"},
            )
            assert held.status_code == 201, held.text
        assert run_audit(restored.stack.database_url, told=[backed_up.told["late"]]) == CLEAN
    finally:
        assert restored.stop() == 0
    assert restored.processes() == []
