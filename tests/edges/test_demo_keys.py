"""The demo's two keys are made once and kept beside the data, also where an earlier version made only the first."""

import shutil
import stat
from pathlib import Path
from secrets import token_hex

import pytest

from actors.database.connect import connect
from actors.database.migrate import MIGRATIONS, migrate
from actors.reservations import Caller
from serve.auth import KeyRing, Operator, PostgresKeySource, hash_of
from serve.demo import TENANT, demo_key, demo_key_file, demo_operator_key_file
from serve.local.stack import DataFolder, Stack, write_private
from serve.settings import Settings
from tests.conftest import EmbeddedPostgres

pytestmark = pytest.mark.anyio


@pytest.fixture
def stack(tmp_path: Path, postgres: EmbeddedPostgres) -> Stack:
    """An empty database and a data folder of their own."""
    folder = DataFolder(tmp_path / "data")
    folder.root.mkdir()
    folder.secret("link")
    return Stack(
        settings=Settings(data_dir=folder.root),
        pid=0,
        database_url=postgres.url(postgres.create_database()),
        redis_url="",
        http_url="",
        grpc_target="",
    )


@pytest.fixture
def first_version(tmp_path: Path) -> Path:
    """A folder with the migrations of the first version."""
    shutil.copy(MIGRATIONS / "0001_pre_initial.sql", tmp_path)
    return tmp_path


async def key_of_the_first_version(stack: Stack, migrations: Path) -> str:
    """The demo's key as the first version made and kept it, in a database of that version."""
    await migrate(stack.database_url, folder=migrations)
    key_id, secret = token_hex(8), token_hex(32)
    connection = await connect(stack.database_url, application_name="tests")
    await connection.execute(
        "insert into api_keys (key_id, tenant, name, secret_hash, expires_at) values ($1, $2, 'demo', $3, null)",
        key_id,
        TENANT,
        hash_of(secret),
    )
    await connection.close()
    key = f"hf_{key_id}_{secret}"
    write_private(demo_key_file(stack.settings.data_dir), key.encode())
    return key


async def bearers(stack: Stack) -> list[object]:
    """Who bears the key that is kept, and who the operator's."""
    source = PostgresKeySource(stack.database_url)
    ring = KeyRing(source)
    data_dir = stack.settings.data_dir
    files = (demo_key_file(data_dir), demo_operator_key_file(data_dir))
    try:
        return [await ring.authenticate(f"Bearer {file.read_text()}") for file in files]
    finally:
        await ring.close()
        await source.close()


BOTH = [Caller(TENANT, TENANT), Operator(TENANT, TENANT)]  # type: ignore[arg-type]


async def test_a_fresh_data_folder_gets_both_keys_and_keeps_them(stack: Stack) -> None:
    await migrate(stack.database_url)
    key = await demo_key(stack)
    data_dir = stack.settings.data_dir
    assert demo_key_file(data_dir).read_text() == key
    operators = demo_operator_key_file(data_dir).read_text()
    assert [stat.S_IMODE(file(data_dir).stat().st_mode) for file in (demo_key_file, demo_operator_key_file)] == [
        0o600
    ] * 2
    assert await bearers(stack) == BOTH
    assert await demo_key(stack) == key != operators
    assert demo_operator_key_file(data_dir).read_text() == operators


async def test_a_data_folder_of_the_first_version_gets_the_operators_key(stack: Stack, first_version: Path) -> None:
    """Its demo key goes on being the one that it was, and an ordinary one."""
    key = await key_of_the_first_version(stack, first_version)
    assert await migrate(stack.database_url)
    assert await demo_key(stack) == key
    assert await bearers(stack) == BOTH
