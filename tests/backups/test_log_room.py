"""A backup that is not received gives way before the disk of the sale is full. Postgres and disks are real."""

import asyncio
import os
import re
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from random import Random
from threading import Thread

import pytest

from actors.database.connect import FAULTS, connect
from actors.journal.journal import JournalUnavailable
from serve.backup_folder import BackupError
from serve.backup_making import create
from serve.backups import mark
from serve.doctor.findings import Standing
from serve.local import log_room
from serve.local.archiving import Archiving, Receiver, receivers_in
from serve.local.log_room import LogRoom, room_of
from serve.local.postgres import held_told
from serve.local.preflight import CannotStart, check_disk
from serve.local.processes import working_in
from serve.local.stack import DataFolder, Stack
from tests.backups.old_history import sell_some, selling_anew, serving
from tests.backups.test_one_goes_on import check_restored, looked, slots_of, until, until_it_answers
from tests.chaos.disk_faults import SmallDisk, _cannot_mount
from tests.long_params import param
from tests.projections.selling import SellingEvent, World

pytestmark = [pytest.mark.anyio, pytest.mark.skipif(bool(_cannot_mount()), reason=_cannot_mount())]
ROOM_MB = 700
RESERVE_MB = 300
MORE_THAN_ANY_MB = 1_000_000
WRITTEN_MB = 1_000  # there is no room for so much
AT_ONCE_MB = 8
PAUSE_S = 0.08  # then 100 MB/s are written at most
LOOK_S = 2.0  # of a machine that is full; nobody who hangs ends within that
PATIENCE_S = 120.0
SMALL_LOG = {"max_wal_size": "64MB", "min_wal_size": "64MB"}
WRITE = "select pg_logical_emit_message(false, 'tests', repeat('x', 1 << 20)) from generate_series(1, $1::integer)"


class OnSmallDisk:
    """A database on a small disk that sells, and its backup on another; what the console says."""

    def __init__(self, stack: Stack, disks: tuple[SmallDisk, SmallDisk], world: World, event: SellingEvent) -> None:
        self.stack = stack
        self.disk, self.backups = disks
        self.world = world
        self.event = event
        self.told: list[str] = []
        self.data = DataFolder(stack.settings.data_dir)
        self.backup = self.backups.folder / "first"
        self.undone = ExitStack()

    async def sell(self, written_mb: int) -> None:
        """Sell, and write so much log beside. Raises NOTHING_SOLD."""
        connection = await connect(self.stack.database_url, application_name="tests")
        try:
            async with asyncio.timeout(PATIENCE_S):
                for seed in range(written_mb // AT_ONCE_MB):
                    await connection.execute(WRITE, AT_ONCE_MB)
                    await self.event.live_at_random(Random(seed), 1)
                    await asyncio.sleep(PAUSE_S)
        finally:
            connection.terminate()


@contextmanager
def small_disk(folder: Path, room_mb: int) -> Iterator[SmallDisk]:
    disk = SmallDisk(folder, folder.parent, f"{room_mb}m")
    try:
        yield disk
    finally:
        disk.remove()


@asynccontextmanager
async def on_small_disk(root: Path) -> AsyncIterator[OnSmallDisk]:
    told: list[str] = []
    with (
        small_disk(root / "small", ROOM_MB) as disk,
        small_disk(root / "backups", ROOM_MB) as backups,
        serving(root / "small" / "data", RESERVE_MB, SMALL_LOG, told.append) as stack,
    ):
        async with selling_anew(stack.database_url) as world:
            there = OnSmallDisk(stack, (disk, backups), world, await world.event())
            there.told = told
            await create(stack, there.backup)
            with there.undone:
                yield there


def fails(there: OnSmallDisk) -> None:
    """The backup's disk is full."""
    there.backups.fill()


def hangs(there: OnSmallDisk) -> None:
    """Who receives the log is alive, and does nothing."""
    for pid in receivers_in(there.backup):
        os.kill(pid, signal.SIGSTOP)


@asynccontextmanager
async def looks_that_wait_for_nobody() -> AsyncIterator[None]:
    """Whoever looks after the backup can look after all else meanwhile."""
    shipped, longest_s = Archiving.look, 0.0

    def timed(self: Archiving) -> str | None:
        nonlocal longest_s
        began = time.monotonic()
        told = shipped(self)
        longest_s = max(longest_s, time.monotonic() - began)
        return told

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Archiving, "look", timed)
        yield
    assert longest_s < LOOK_S, "it waited for somebody"


NOTHING_SOLD = (JournalUnavailable, *FAULTS)


def is_silent(there: OnSmallDisk) -> None:
    """The backup's disk is one of a machine that is gone: whoever touches it waits for ever."""
    receiving = receivers_in(there.backup)
    wal = there.backup / "wal"
    device = os.open("/dev/fuse", os.O_RDWR)  # nobody reads from it what is asked
    there.undone.callback(subprocess.run, ["umount", "-l", str(wal)], check=True)
    there.undone.callback(os.close, device)
    options = f"fd={device},rootmode=40000,user_id=0,group_id=0"
    subprocess.run(["mount", "-i", "-t", "fuse", "-o", options, "silent", str(wal)], check=True, pass_fds=[device])
    for pid in receiving:
        os.kill(pid, signal.SIGKILL)


NOT_RECEIVED = pytest.mark.parametrize(
    "not_received",
    [
        param(fails, "fails", is_long=True),
        param(hangs, "hangs", is_long=False),
        param(is_silent, "disk_is_silent", is_long=True),
    ],
)


async def check_sold_on(root: Path, not_received: Callable[[OnSmallDisk], None]) -> None:
    """More log is written than there is room for, and it is sold until the end: the backup gives way, and says why."""
    async with on_small_disk(root) as there, looks_that_wait_for_nobody():
        durable = await sell_some(there.event, 1)
        await mark(there.stack, "early")
        not_received(there)
        await there.sell(WRITTEN_MB // 10)
        finding = await looked(there.stack)
        bound = re.search(r"wait for it, and above ([0-9,]+) MB it has a gap", finding.seen)
        assert finding.standing is Standing.WARNING
        assert bound is not None, finding.seen
        assert 100 < int(bound[1].replace(",", "")) < ROOM_MB, "the doctor counts with the room that there is"
        await there.sell(WRITTEN_MB)
        assert await slots_of(there.world) == []
        await until(lambda: receivers_in(there.backup) == [])
        assert (room_of(there.data) or 0) > RESERVE_MB * 1_000_000
        why = r"it was ended, as \d+ MB were left on the disk of .*, and \d+ MB of log waited for it"
        assert [line for line in there.told if re.search(rf"{there.backup} is over, and selling goes on: ", line)]
        with pytest.raises(BackupError, match=rf"the log has a gap \({why}\): begin a new backup"):
            await mark(there.stack, "late")
        assert not (there.backup / "marks" / "late.json").exists()
        finding = await looked(there.stack)
        assert finding.standing is Standing.WRONG
        assert re.search(rf"{there.backup} has a gap \({why}\): it has no further marks", finding.seen)
        there.undone.close()
        await create(there.stack, root / "second")
        await mark(there.stack, "anew")
        finding = await looked(there.stack)
        assert finding.standing is Standing.WARNING
        assert "second is received; were it not, " in finding.seen
        await check_restored(there.backup, "early", root / "new", there.event, durable)


@NOT_RECEIVED
async def test_a_backup_that_is_not_received_gives_way_and_the_sale_goes_on(
    tmp_path: Path, not_received: Callable[[OnSmallDisk], None]
) -> None:
    await check_sold_on(tmp_path, not_received)


@NOT_RECEIVED
async def test_control_where_nobody_looks_at_the_room_the_sale_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, not_received: Callable[[OnSmallDisk], None]
) -> None:
    monkeypatch.setattr(LogRoom, "look", lambda self: None)
    with pytest.raises(NOTHING_SOLD):
        await check_sold_on(tmp_path, not_received)


@pytest.mark.long
async def test_control_who_waits_for_a_receiver_that_hangs_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Receiver, "kill", Receiver.stop)
    with pytest.raises(AssertionError, match="it waited for somebody"):
        await check_sold_on(tmp_path, hangs)


async def check_postgres_that_hangs(root: Path) -> None:
    """There is too little room, and Postgres does not answer: that is told, and nobody waits for it."""
    told: list[str] = []
    with serving(root / "data", MORE_THAN_ANY_MB, tell=told.append):
        pids = working_in(root / "data" / "postgres", "postgres")
        try:
            async with looks_that_wait_for_nobody():
                for pid in pids:
                    os.kill(pid, signal.SIGSTOP)
                await until(lambda: told)
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)
    assert re.search(
        r"MB are left on the disk of .* cannot be seen, or ended: TimeoutError; tried again every 3 s", told[0]
    )


async def test_a_postgres_that_hangs_keeps_nobody(tmp_path: Path) -> None:
    await check_postgres_that_hangs(tmp_path)


class AtOnce(Thread):
    """Whoever starts it waits for it."""

    def start(self) -> None:
        self.run()


async def test_control_who_waits_for_it_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_room, "Thread", AtOnce)
    with pytest.raises(AssertionError, match="it waited for somebody"):
        await check_postgres_that_hangs(tmp_path)


@pytest.mark.long
async def test_a_slot_that_is_left_gives_way_and_the_backup_that_is_received_goes_on(tmp_path: Path) -> None:
    async with on_small_disk(tmp_path) as there:
        (going,) = await slots_of(there.world)
        await there.world.rows("select pg_create_physical_replication_slot('holdfast_backup_left', true)")
        await there.sell(WRITTEN_MB // 2)
        assert await slots_of(there.world) == [going]
        assert any(
            "the slot holdfast_backup_left, of no backup that goes on, is dropped: " in line for line in there.told
        )
        durable = await sell_some(there.event, 1)
        await mark(there.stack, "late")
        await check_restored(there.backup, "late", tmp_path / "new", there.event, durable)


@pytest.mark.long
async def test_where_the_disk_was_full_at_once_the_start_says_why_and_with_some_room_the_backup_gives_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped = LogRoom.look
    monkeypatch.setattr(LogRoom, "look", lambda self: None)  # as if another had filled it within a moment
    async with on_small_disk(tmp_path) as there:
        hangs(there)
        with pytest.raises(NOTHING_SOLD):
            await there.sell(WRITTEN_MB)
        await until_said(
            there, r"^no space left on the disk of .*; \d+ MB there are log that a backup has not received: "
        )
        with pytest.raises(
            CannotStart, match=r"--disk-reserve-mb .*; \d+ MB there are log that a backup has not received"
        ):
            check_disk(there.stack.settings, held_told(there.data.postgres))
        monkeypatch.setattr(LogRoom, "look", shipped)
        there.disk.resize(f"{ROOM_MB + 64}m")
        await until_said(there, rf"{there.backup} is over, and selling goes on: ")
        await until_it_answers(there.stack)
        there.world.connection = await connect(there.stack.database_url, application_name="tests")
        await there.sell(WRITTEN_MB // 5)
        assert await slots_of(there.world) == []


async def until_said(there: OnSmallDisk, what: str) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not any(re.search(what, line) for line in there.told):  # noqa: ASYNC110  (the console tells nobody)
            await asyncio.sleep(0.05)
