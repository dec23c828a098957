"""Processes that a test starts and leaves to nobody."""

from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


@asynccontextmanager
async def killed_at_the_end(process: Process) -> AsyncIterator[Process]:
    """Whatever happens; what it has said by then and nobody has read is lost."""
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()
