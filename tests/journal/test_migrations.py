"""Migrations: each applied once, by one runner at a time, never changed, and together what `schema.sql` shows."""

import asyncio
from pathlib import Path

import pytest

from actors.database.connect import connect
from actors.database.migrate import MIGRATIONS, SCHEMA, MigrationError, migrate, read_migrations
from actors.database.queries import load_queries
from tests.conftest import EmbeddedPostgres

pytestmark = pytest.mark.anyio

CATALOGUE = load_queries(Path(__file__).parent / "catalogue.sql")["catalogue"]
EMPTY = "drop schema public cascade; create schema public"


@pytest.fixture(scope="module")
def database_urls(postgres: EmbeddedPostgres) -> list[str]:
    """Two databases, for all the tests: making one takes half a second."""
    return [postgres.url(postgres.create_database()) for _ in range(2)]


@pytest.fixture
def empty_url(database_urls: list[str]) -> str:
    """An empty database."""
    asyncio.run(execute(database_urls[0], EMPTY))
    return database_urls[0]


@pytest.fixture
def other_empty_url(database_urls: list[str]) -> str:
    """Another empty database."""
    asyncio.run(execute(database_urls[1], EMPTY))
    return database_urls[1]


async def execute(url: str, script: str) -> None:
    connection = await connect(url, application_name="tests")
    try:
        await connection.execute(script)
    finally:
        await connection.close()


async def catalogue(url: str) -> list[str]:
    connection = await connect(url, application_name="tests")
    try:
        return [row["line"] for row in await connection.fetch(CATALOGUE)]
    finally:
        await connection.close()


def write(folder: Path, **scripts: str) -> None:
    for name, script in scripts.items():
        (folder / f"{name.removeprefix('m')}.sql").write_text(script)


async def test_migrations_add_up_to_the_schema(empty_url: str, other_empty_url: str) -> None:
    assert await migrate(empty_url) == sorted(file.stem for file in MIGRATIONS.glob("*.sql"))
    await execute(other_empty_url, SCHEMA.read_text())
    assert await catalogue(empty_url) == await catalogue(other_empty_url)


@pytest.mark.parametrize(
    "change",
    [
        "alter table journal add column extra text",
        "alter table journal alter column epoch drop not null",
        "alter table journal alter column epoch type integer",
        "alter table journal alter column entries set storage main",
        "alter table journal drop constraint journal_position_check",
        "alter table journal reset (autovacuum_freeze_min_age)",
        'alter table blocks alter column tenant type text collate "default"',
        "alter table blocks alter column version set default 2",
        "alter table availability reset (toast.autovacuum_vacuum_threshold)",
        "drop index deadlines_due",
        "drop table deadlines",
        "create table extra ()",
        "alter sequence cluster_generation maxvalue 10",
        "create type extra as enum ('a')",
    ],
)
async def test_control_any_difference_to_the_schema_is_noticed(empty_url: str, change: str) -> None:
    await execute(empty_url, SCHEMA.read_text())
    before = await catalogue(empty_url)
    await execute(empty_url, change)
    assert await catalogue(empty_url) != before


async def test_a_second_run_applies_nothing(empty_url: str, tmp_path: Path) -> None:
    write(tmp_path, m0001_pre_one="create table one ()")
    assert await migrate(empty_url, folder=tmp_path) == ["0001_pre_one"]
    assert await migrate(empty_url, folder=tmp_path) == []
    write(tmp_path, m0002_post_two="drop table one", m0003_pre_three="create table one ()")
    assert await migrate(empty_url, folder=tmp_path) == ["0002_post_two", "0003_pre_three"]


async def test_two_runners_at_once_apply_each_migration_once(empty_url: str) -> None:
    applied = await asyncio.gather(*(migrate(empty_url) for _ in range(4)))
    assert sorted(map(len, applied)) == [0, 0, 0, len(read_migrations())]


async def test_a_file_that_was_changed_after_it_was_applied_is_refused(empty_url: str, tmp_path: Path) -> None:
    write(tmp_path, m0001_pre_one="create table one ()")
    await migrate(empty_url, folder=tmp_path)
    write(tmp_path, m0001_pre_one="create table two ()", m0002_pre_three="create table three ()")
    with pytest.raises(MigrationError, match="0001_pre_one was changed"):
        await migrate(empty_url, folder=tmp_path)
    assert not any(" three " in line for line in await catalogue(empty_url)), "nothing else is applied"


async def test_a_migration_that_fails_leaves_nothing_and_can_be_repeated(empty_url: str, tmp_path: Path) -> None:
    write(tmp_path, m0001_pre_one="create table one ()", m0002_pre_two="create table two (); select 1 / 0")
    with pytest.raises(Exception, match="division by zero"):
        await migrate(empty_url, folder=tmp_path)
    write(tmp_path, m0002_pre_two="create table two ()")
    assert await migrate(empty_url, folder=tmp_path) == ["0002_pre_two"]


async def test_an_older_release_finds_nothing_to_do_on_a_newer_database(empty_url: str, tmp_path: Path) -> None:
    write(tmp_path, m0001_pre_one="create table one ()", m0002_pre_two="create table two ()")
    await migrate(empty_url, folder=tmp_path)
    (tmp_path / "0002_pre_two.sql").unlink()
    assert await migrate(empty_url, folder=tmp_path) == []


async def test_what_the_old_code_needs_is_left_until_it_is_gone(empty_url: str, tmp_path: Path) -> None:
    write(tmp_path, m0001_pre_one="create table one ()", m0002_post_two="drop table one")
    assert await migrate(empty_url, folder=tmp_path, pre_only=True) == ["0001_pre_one"]
    write(tmp_path, m0003_pre_three="create table three ()")
    with pytest.raises(MigrationError, match="0002_post_two comes first"):
        await migrate(empty_url, folder=tmp_path, pre_only=True)
    assert await migrate(empty_url, folder=tmp_path) == ["0002_post_two", "0003_pre_three"]


@pytest.mark.parametrize(
    "names", [["1_pre_one"], ["0001_one"], ["0001_pre_One"], ["0001_pre_one", "0001_post_two"]], ids=" ".join
)
def test_a_name_out_of_order_is_refused(names: list[str], tmp_path: Path) -> None:
    write(tmp_path, **dict.fromkeys(names, "select 1"))
    with pytest.raises(MigrationError):
        read_migrations(tmp_path)
