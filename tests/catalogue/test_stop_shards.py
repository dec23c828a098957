"""`holdfast shards stop` where there is no shard of this machine: it ends nobody else's process."""

import asyncio
import os
import subprocess
import sys

import pytest
from typer.testing import CliRunner, Result

from actors.catalogue.fleet import Fleet
from serve.cli import app
from tests.catalogue.house import house

pytestmark = pytest.mark.anyio


async def stop(database_url: str, *words: str) -> Result:
    """Run it, in a thread."""
    everything = ["shards", "stop", *words, "--database-url", database_url]
    return await asyncio.to_thread(CliRunner().invoke, app, everything)


async def test_a_process_that_is_no_shard_is_let_be(database_url: str) -> None:
    """Its number stands in the catalogue, as that of a shard of another machine may."""
    sleeping = [sys.executable, "-c", "import time; time.sleep(60)"]
    with subprocess.Popen(sleeping) as stranger:  # noqa: ASYNC220  (it only starts)
        async with house(database_url) as built:
            fleet = Fleet(database_url)
            await fleet.found(("s1",))
            await fleet.close()
            await built.catalogue.register("s1", built.epoch(1), "unix:/nowhere", stranger.pid)
            told = await stop(database_url)
            assert (told.exit_code, told.stdout) == (0, "no shard runs on this machine\n")
            told = await stop(database_url, "s1")
            assert (told.exit_code, told.stderr) == (1, "shards: s1 does not run on this machine\n")
        os.kill(stranger.pid, 0)
        assert stranger.poll() is None
        stranger.kill()
