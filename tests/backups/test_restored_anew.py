"""What is restored has a history of its own: whoever serves the one that it is a copy of has no say in it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple

import asyncpg
import pytest

from actors.core.ids import BlockId
from serve import backups
from serve.backup_folder import BackupError
from serve.backup_making import create
from serve.backups import begin_anew, mark, restore
from serve.local.stack import DataFolder
from tests.backups.old_history import (
    Server,
    begin_cluster,
    check_that_the_old_have_no_say,
    restored_postgres,
    sell_some,
    selling_anew,
    serving,
)

pytestmark = pytest.mark.anyio


class Copied(NamedTuple):
    """A backup with a mark `early`, after which the history went on, with more clusters; the newest of those."""

    folder: Path
    data_dir: Path
    block: BlockId
    rows: dict[BlockId, int]
    newest_of_old: int


@pytest.fixture(scope="module")
async def copied(anyio_backend: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Copied]:
    root = tmp_path_factory.mktemp("copied")
    with serving(root / "data") as stack:
        async with selling_anew(stack.database_url) as world:
            await begin_cluster(stack.database_url)
            event, other = await world.event(), await world.event()
            await create(stack, root / "backup")
            durable = await sell_some(event, 1)
            await mark(stack, "early")
            await sell_some(other, 2)
            for _ in range(5):
                newest = await begin_cluster(stack.database_url)
            (root / "backup" / "secrets" / "demo-key").write_text("hf_kept")
        yield Copied(root / "backup", root / "data", event.block, durable, newest)


async def restored(copied: Copied, data_dir: Path, name: str = "early") -> None:
    await asyncio.to_thread(restore, copied.folder, name, data_dir)


async def test_shards_of_the_former_history_have_no_say_in_what_is_restored(copied: Copied, tmp_path: Path) -> None:
    await restored(copied, tmp_path)
    with restored_postgres(tmp_path) as url:
        server = Server(url, 0)
        loaded = await server.position(copied.block)
        await server.close()
        assert {copied.block: loaded} == copied.rows, "what was durable before the mark"
        await check_that_the_old_have_no_say(url, copied.newest_of_old, copied.block)


async def test_the_check_notices_a_generation_that_is_only_that_of_the_copy(
    copied: Copied, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control: the next cluster is newer than what the copy knows, and not than what came after the mark."""
    monkeypatch.setattr(backups, "LEAP", 0)
    await restored(copied, tmp_path)
    with restored_postgres(tmp_path) as url, pytest.raises(AssertionError, match="kept out by an older one"):
        await check_that_the_old_have_no_say(url, copied.newest_of_old, copied.block)


async def test_two_restored_to_one_mark_are_not_taken_for_each_other(copied: Copied, tmp_path: Path) -> None:
    generations = set()
    for number in range(3):
        await restored(copied, tmp_path / str(number))
        with restored_postgres(tmp_path / str(number)) as url:
            generations.add(await begin_cluster(url))
    assert len(generations) > 1, "a chance of one in a hundred million"


async def test_the_former_stack_has_no_way_into_what_is_restored(copied: Copied, tmp_path: Path) -> None:
    await restored(copied, tmp_path)
    former, new = DataFolder(copied.data_dir).secret("postgres").read_text(), DataFolder(tmp_path)
    with restored_postgres(tmp_path) as url, pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(url.replace(new.secret("postgres").read_text(), former))
    for part in ("link", "ray", "redis"):
        assert not (tmp_path / "secrets" / part).exists(), "it makes its own"
    assert (tmp_path / "secrets" / "demo-key").read_text() == "hf_kept", "clients keep theirs"


async def test_a_database_on_which_a_cluster_runs_does_not_begin_anew(copied: Copied, tmp_path: Path) -> None:
    await restored(copied, tmp_path)
    beat = (
        "insert into shards (shard, epoch, address, pid, heartbeat_at_ms) "
        "values ('shard-7', 1, 'unix:/nowhere', 1, (extract(epoch from now()) * 1000)::bigint)"
    )
    with restored_postgres(tmp_path) as url:
        before = await begin_anew(url)
        connection = await asyncpg.connect(url)
        await connection.execute(beat)
        with pytest.raises(BackupError, match="shard-7 beats in this database"):
            await begin_anew(url)
        await connection.close()
        assert await begin_cluster(url) == before + 1
