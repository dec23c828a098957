"""A PostgreSQL of one's own, backed up by its own tools: positions in its log are named, its history begins anew."""

import asyncio
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner, Result

from loadtests.audit_command import CLEAN, run_audit
from serve import backups
from serve.backup_folder import Mark
from serve.cli import app
from serve.local.archiving import connection_of
from serve.local.postgres import Postgres, give_to_owner, programs
from serve.local.preflight import free_port
from serve.local.stack import DataFolder, Stack
from serve.settings import Settings
from tests.backups.old_history import (
    Server,
    begin_cluster,
    check_that_the_old_have_no_say,
    sell_some,
    selling_anew,
)

pytestmark = pytest.mark.anyio


class Own:
    """Somebody's PostgreSQL below a folder, whose log is archived by a command."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.archive = folder / "archive"
        self.password = folder / "password"

    def server(self, name: str, **also: str) -> Postgres:
        return Postgres(self.folder / name, free_port(), self.password, log=self.folder / f"{name}.log", also=also)

    @contextmanager
    def running(self, archive_command: str | None = None) -> Iterator[str]:
        self.archive.mkdir(exist_ok=True)
        self.password.write_text("of-their-own")
        give_to_owner(self.archive)
        command = archive_command or f"test ! -f {self.archive}/%f && cp %p {self.archive}/%f"
        server = self.server("data", archive_mode="on", archive_command=command)
        server.start()
        try:
            yield server.url
        finally:
            server.stop()

    def base_backup(self, url: str) -> None:
        words, environment = connection_of(url)
        command = [
            str(programs() / "pg_basebackup"),
            *words,
            "-D",
            str(self.folder / "base"),
            "-X",
            "none",
            "-c",
            "fast",
        ]
        subprocess.run(command, env={**os.environ, **environment}, check=True, capture_output=True)

    @contextmanager
    def restored(self, marked: Mark) -> Iterator[str]:
        """By hand, as PostgreSQL's manual has it."""
        there = self.folder / "restored"
        shutil.copytree(self.folder / "base", there)
        (there / "recovery.signal").touch()
        there.chmod(0o700)
        give_to_owner(there)
        server = self.server(
            "restored",
            restore_command=f'cp {self.archive}/%f "%p"',
            recovery_target_name=marked.point,
            recovery_target_action="promote",
            hot_standby="off",
        )
        server.start()
        try:
            yield server.url
        finally:
            server.stop()


async def command(*words: str) -> Result:
    unset = {"HOLDFAST_DATABASE_URL": None, "HOLDFAST_DATA_DIR": None}
    return await asyncio.to_thread(lambda: CliRunner().invoke(app, words, env=unset))


async def test_what_own_tools_restore_to_a_mark_has_all_before_it_and_begins_anew(tmp_path: Path) -> None:
    own = Own(tmp_path)
    with own.running() as url:
        async with selling_anew(url) as world:
            event = await world.event()
            await asyncio.to_thread(own.base_backup, url)
            durable = await sell_some(event, 1)
            said = await command("backup", "mark", "early", "--database-url", url)
            assert said.exit_code == 0, said.stderr
            assert said.stderr == ""
            marked = msgspec.json.decode(said.stdout, type=Mark)
            assert (own.archive / marked.file).exists(), "all of the log up to there is archived"
            await sell_some(event, 2)
            for _ in range(3):
                newest = await begin_cluster(url)
    with own.restored(marked) as url:
        server = Server(url, 0)
        assert {event.block: await server.position(event.block)} == durable
        await server.close()
        assert await asyncio.to_thread(run_audit, url) == CLEAN
        said = await command("backup", "anew", "--database-url", url)
        assert said.exit_code == 0, said.stderr
        assert said.stdout.startswith("clusters from now on are above generation ")
        await check_that_the_old_have_no_say(url, newest, event.block)


async def test_a_mark_says_when_nobody_is_seen_to_archive(database_url: str) -> None:
    said = await command("backup", "mark", "alone", "--database-url", database_url)
    assert said.exit_code == 0
    marked = msgspec.json.decode(said.stdout, type=Mark)
    assert said.stderr == f"archive_mode is off: see to it that whoever receives the log has {marked.file}\n"


async def test_a_mark_that_is_not_archived_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backups, "_PATIENCE_S", 0.5)
    own = Own(tmp_path)
    with own.running(archive_command="false") as url:
        said = await command("backup", "mark", "early", "--database-url", url)
    assert (said.exit_code, said.stdout) == (1, "")
    assert "is not archived: see archive_command and pg_stat_archiver" in said.stderr


async def test_what_is_wrong_is_said_in_one_line_that_names_it(tmp_path: Path, database_url: str) -> None:
    data = DataFolder(tmp_path / "data")
    stack = Stack(
        settings=Settings(data_dir=data.root, database_url=database_url), pid=0, database_url=database_url,
        redis_url="", http_url="", grpc_target="",
    )  # fmt: skip
    nobody = "postgresql://nobody:nothing@127.0.0.1:1/postgres"
    with data.held():
        data.publish(stack)
        here = ("--data-dir", str(data.root))
        for words, why in (
            (("create", str(tmp_path / "backup"), *here), "backup: --database-url (HOLDFAST_DATABASE_URL) names a "),
            (("mark", "Early", *here), "backup: NAME: lower case letters, digits, - and _ are allowed"),
            (("mark", "early", "--database-url", "mysql://"), "--database-url (HOLDFAST_DATABASE_URL) is 'mysql://': "),
            (("mark", "early", "--database-url", nobody), "backup: "),
            (("mark", "early", "--data-dir", str(tmp_path)), "no Holdfast runs on the data folder "),
            (("anew", "--database-url", "here"), "--database-url (HOLDFAST_DATABASE_URL) is 'here': "),
            (("anew", "--database-url", nobody), "backup: "),
            (("restore", str(tmp_path), "--to", "early", "--data-dir", str(tmp_path / "new")), "backup: --to: "),
        ):
            said = await command("backup", *words)
            assert (said.exit_code, said.stdout) == (1, ""), words
            (line,) = said.stderr.splitlines()
            assert line.startswith(why), line
    assert not (tmp_path / "backup").exists()
    assert (await command("backup", "anew")).exit_code == 2, "it names no database by itself"
