"""`holdfast shards stop` ends the shards that are here, and no other process, whatever number and title that has."""

import asyncio
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from actors.catalogue.fleet import Fleet
from serve import stop_shards
from serve.cli import app
from serve.local.open_sockets import opened
from tests.catalogue.house import house

pytestmark = pytest.mark.anyio

LISTEN = """
import socket, sys, time
family, host, port = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
listening = socket.socket(family)
listening.bind(host if family == socket.AF_UNIX else (host, port))
listening.listen()
print(listening.getsockname()[1] if family != socket.AF_UNIX else 0, flush=True)
time.sleep(60)
"""


async def stop(database_url: str, *words: str) -> Result:
    """Run it, in a thread."""
    everything = ["shards", "stop", *words, "--seconds", "10", "--database-url", database_url]
    return await asyncio.to_thread(CliRunner().invoke, app, everything)


@contextmanager
def listening(
    family: socket.AddressFamily, host: str, title: str = "ray::Shard.run"
) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A process of this title that listens there, and its port if it has one."""
    command = [title, "-c", LISTEN, str(int(family)), host, "0"]
    with subprocess.Popen(command, executable=sys.executable, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process, int(process.stdout.readline())
        finally:
            process.kill()


async def register(database_url: str, address: str, pid: int) -> None:
    """The one shard there is, there."""
    async with house(database_url) as built:
        fleet = Fleet(database_url)
        await fleet.found(("s1",))
        await fleet.close()
        await built.catalogue.register("s1", built.epoch(1), address, pid)


async def check_let_be(database_url: str, process: subprocess.Popen[str]) -> None:
    """It is not here, and whoever has its number lives."""
    told = await stop(database_url)
    assert (told.exit_code, told.stdout) == (0, "no shard runs on this machine\n")
    told = await stop(database_url, "s1")
    assert (told.exit_code, told.stderr) == (1, "shards: s1 does not run on this machine\n")
    assert process.poll() is None


async def test_a_process_that_is_no_shard_is_let_be(own_database_url: str, tmp_path: Path) -> None:
    """Its number stands in the catalogue, as that of a shard of another machine may."""
    path = str(tmp_path / "s")
    with listening(socket.AF_UNIX, path, "ray::Directory") as (process, _):
        await register(own_database_url, f"unix:{path}", process.pid)
        await check_let_be(own_database_url, process)


async def check_another_is_let_be(database_url: str, address: str) -> None:
    """A shard whose number the catalogue has for one that listens there."""
    with listening(socket.AF_INET, "127.0.0.1") as (process, port):
        await register(database_url, address.format(port=port), process.pid)
        await check_let_be(database_url, process)


@pytest.mark.parametrize(
    "address",
    [
        "tcp:10.255.0.1:{port}",
        "tcp:127.0.0.1:1",
        "tcp:[::1]:{port}",
        "tcp:a-pod:{port}",
        "unix:/nowhere",
        "unix:nowhere",
    ],
)
async def test_another_shard_of_the_same_number_is_let_be(own_database_url: str, address: str) -> None:
    """As in another container, where it has another address."""
    await check_another_is_let_be(own_database_url, address)


async def test_a_shard_is_let_be_whose_neighbour_listens_where_the_other_did(
    own_database_url: str, tmp_path: Path
) -> None:
    neighbour = str(tmp_path / "neighbour")
    with listening(socket.AF_UNIX, neighbour):
        await check_another_is_let_be(own_database_url, f"unix:{neighbour}")


async def test_control_a_shard_that_is_known_by_its_number_alone_is_noticed(
    own_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stop_shards, "_listening", lambda pid, _: opened(pid))
    with pytest.raises(AssertionError):
        await check_another_is_let_be(own_database_url, "tcp:10.255.0.1:{port}")


@pytest.mark.parametrize("family", [socket.AF_UNIX, socket.AF_INET, socket.AF_INET6])
async def test_a_shard_that_is_here_is_told_to_stop(
    own_database_url: str, tmp_path: Path, family: socket.AddressFamily
) -> None:
    hosts = {socket.AF_UNIX: str(tmp_path / "s"), socket.AF_INET: "127.0.0.1", socket.AF_INET6: "::1"}
    forms = {socket.AF_UNIX: "unix:{host}", socket.AF_INET: "tcp:{host}:{port}", socket.AF_INET6: "tcp:[{host}]:{port}"}
    with listening(family, hosts[family]) as (process, port):
        await register(own_database_url, forms[family].format(host=hosts[family], port=port), process.pid)
        told = await stop(own_database_url, "s1")
        assert told.exit_code == 0, told.output
        assert told.stdout.startswith("s1 has ended after ")
        assert await asyncio.to_thread(process.wait, 5) == -signal.SIGTERM
