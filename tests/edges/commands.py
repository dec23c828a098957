"""Commands of the command line, run against edges that a data folder names."""

import asyncio
from pathlib import Path
from typing import NamedTuple

from typer.testing import CliRunner, Result

from serve.cli import app


class House(NamedTuple):
    """Where the commands find the edges, and an event that is on sale: seat B/1 is held, of the floor 5 are left."""

    folder: Path
    event: str
    layout: Path
    tenants_key: str


async def command(house: House, *words: str) -> Result:
    """Run it, in a thread: the edges that it calls run in this one."""
    unset = {"HOLDFAST_KEY": None, "HOLDFAST_OPERATOR_KEY": None, "HOLDFAST_DATA_DIR": str(house.folder)}
    return await asyncio.to_thread(lambda: CliRunner().invoke(app, words, env=unset))
