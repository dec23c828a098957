"""Embedded PostgreSQL: durable, restarted after kill -9 with its data, and clear about what keeps it from starting."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from serve.local import postgres as module
from serve.local.postgres import Postgres, temporary_postgres
from serve.local.preflight import CannotStart, free_port
from serve.local.processes import wait_until


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Postgres]:
    """A server that has not been started."""
    password_file = tmp_path / "password"
    password_file.write_text("for-tests-only")
    postgres = Postgres(tmp_path / "data", free_port(), password_file, log=tmp_path / "postgres.log")
    yield postgres
    postgres.stop()
    assert postgres.processes() == []


def ask(server: Postgres, *statements: str) -> object:
    """The value of the last statement."""

    async def run() -> object:
        connection = await asyncpg.connect(server.url)
        try:
            for statement in statements[:-1]:
                await connection.execute(statement)
            return await connection.fetchval(statements[-1])
        finally:
            await connection.close()

    return asyncio.run(run())


def test_it_has_room_for_so_many_clients(tmp_path: Path) -> None:
    password_file = tmp_path / "password"
    password_file.write_text("for-tests-only")
    postgres = Postgres(tmp_path / "data", free_port(), password_file, log=tmp_path / "postgres.log", clients=123)
    try:
        postgres.start()
        assert ask(postgres, "show max_connections") == "123"
    finally:
        postgres.stop()


def durability(server: Postgres) -> dict[str, object]:
    return {name: ask(server, f"show {name}") for name in ("fsync", "synchronous_commit", "full_page_writes")}


def kill_everything(server: Postgres) -> None:
    for pid in server.processes():
        os.kill(pid, signal.SIGKILL)
    assert wait_until(lambda: server.fault() is not None, 5.0)


def committed_rows_after_a_crash(server: Postgres, create: str) -> object:
    server.start()
    ask(server, create, "insert into facts values (1)", "select 1")
    kill_everything(server)
    server.start()
    return ask(server, "select count(*) from facts")


def test_durability_is_on_even_if_a_configuration_file_says_otherwise(server: Postgres, tmp_path: Path) -> None:
    server.start()
    ask(server, "alter system set fsync = off", "alter system set synchronous_commit = off", "select 1")
    server.stop()
    server.start()
    assert durability(server) == {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}


def test_control_without_the_flags_a_configuration_file_switches_durability_off(
    server: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    without = {name: value for name, value in module._SERVER_SETTINGS.items() if name not in module.DURABILITY}
    monkeypatch.setattr(module, "_SERVER_SETTINGS", without)
    server.start()
    ask(server, "alter system set fsync = off", "select 1")
    server.stop()
    server.start()
    assert durability(server)["fsync"] == "off"


def test_what_was_committed_is_there_after_kill_9(server: Postgres) -> None:
    assert committed_rows_after_a_crash(server, "create table facts (id int)") == 1


def test_control_what_is_not_in_the_log_is_lost_by_kill_9(server: Postgres) -> None:
    assert committed_rows_after_a_crash(server, "create unlogged table facts (id int)") == 0


def test_a_server_left_by_a_killed_run_is_ended_first(server: Postgres) -> None:
    server.start()
    left = server.processes()
    server._process = None  # as if another process had started it and died
    server.start()
    assert not set(left) & set(server.processes())
    assert ask(server, "select 1") == 1


WORKS_FOR_LONG = "timeout 3 sh -c 'while :; do :; done'; false"
HANGS = "exec sleep 60"


def starts_although_it_replays_for_long(
    server: Postgres, monkeypatch: pytest.MonkeyPatch, fetches: str = WORKS_FOR_LONG
) -> list[str]:
    """What it says meanwhile. What it replays after a crash is fetched by this command."""
    server.start()
    ask(server, "create table facts (id int)", "insert into facts values (1)", "select 1")
    kill_everything(server)
    (server._folder / "recovery.signal").touch()
    said: list[str] = []
    server._also = {"restore_command": fetches, "hot_standby": "off"}
    server._on_step = said.append
    for name, short_s in (("START_PATIENCE", 1.0), ("IDLE_PATIENCE", 1.5), ("TOLD_EVERY", 1.0), ("STOP_PATIENCE", 1.0)):
        monkeypatch.setattr(module, f"_{name}_S", short_s)
    monkeypatch.setattr(module, "_LOOK_PERIOD_S", 0.5)
    server.start()
    assert ask(server, "select count(*) from facts") == 1
    return said


def test_it_may_replay_for_longer_than_any_start_may_take(server: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
    said = starts_although_it_replays_for_long(server, monkeypatch)
    assert re.fullmatch(r"PostgreSQL replays its log \(for \d s now\)", said[0])


def test_control_otherwise_it_is_ended_while_it_replays(server: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Postgres, "_is_recovering", lambda self: False)
    with pytest.raises(CannotStart, match="PostgreSQL did not start"):
        starts_although_it_replays_for_long(server, monkeypatch)


def test_one_that_hangs_while_it_replays_is_ended(server: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CannotStart, match="PostgreSQL did not start"):
        starts_although_it_replays_for_long(server, monkeypatch, HANGS)


def test_it_listens_on_loopback_with_a_password_only(server: Postgres) -> None:
    server.start()
    assert ask(server, "show listen_addresses") == "127.0.0.1"
    assert ask(server, "show unix_socket_directories") == ""
    url = server.url.replace("for-tests-only", "guessed")
    with pytest.raises(asyncpg.InvalidPasswordError):
        asyncio.run(asyncpg.connect(url))


def test_a_port_in_use_is_one_line_that_names_the_setting(server: Postgres) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", server._port))
        taken.listen()
        with pytest.raises(CannotStart, match=r"port \d+: choose another with --postgres-port") as refused:
            server.start()
    assert "\n" not in str(refused.value)
    server.start()  # and nothing of the attempt is in the way
    assert ask(server, "select 1") == 1


def test_a_folder_of_another_version_is_refused(server: Postgres, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "PG_VERSION").write_text("16\n")
    with pytest.raises(CannotStart, match="holds no data of PostgreSQL 18"):
        server.start()


def test_a_full_disk_is_one_line_that_names_the_folder(tmp_path: Path) -> None:
    said = 'FATAL:  could not write to file "pg_wal/xlogtemp.1": No space left on device\nLOG:  database is shut down'
    refusal = module._explained(said, tmp_path, 5433, tmp_path / "log")
    assert str(refusal).startswith(f"no space left on the disk of {tmp_path}")
    assert "--data-dir" in str(refusal)


@pytest.fixture
def binaries_of_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """PostgreSQL is installed where nobody but root may look, as by a clone below /root."""
    if os.geteuid() != 0:
        pytest.skip("only root runs it as somebody else")
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    installed = module.programs().parent
    for folder in (installed, installed.parent.with_suffix(".libs")):
        shutil.copytree(folder, closed / folder.relative_to(installed.parents[1]))
    monkeypatch.setattr(module, "programs", lambda: closed / installed.parent.name / installed.name / "bin")


@pytest.mark.usefixtures("binaries_of_root")
def test_it_runs_from_a_folder_that_only_root_can_enter(server: Postgres) -> None:
    server.start()
    assert ask(server, "select 1") == 1


@pytest.mark.usefixtures("binaries_of_root")
def test_control_without_the_secure_bit_it_does_not_find_itself(
    server: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_owner = module._as_owner
    monkeypatch.setattr(
        module,
        "_as_owner",
        lambda folder: [word for word in as_owner(folder) if word not in ("--securebits", "+no_setuid_fixup")],
    )
    with pytest.raises(CannotStart, match="not found in the same directory"):
        server.start()


def test_a_temporary_server_serves_and_goes() -> None:
    with temporary_postgres() as url:
        port = int(url.rpartition(":")[2].partition("/")[0])
        socket.create_connection(("127.0.0.1", port)).close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))
