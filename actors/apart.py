"""Work that who waits for it cannot cancel."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

R = TypeVar("R")


async def apart(work: Awaitable[R]) -> R:
    """What it returns or raises, done in a task of its own: it goes on to its end when who waits for it is cancelled.

    Also for what may lose a cancellation, as the client of Redis does, which sends by `asyncio.wait_for`, before Python
    3.12: only the task that waits here is cancelled, and that is certain to end.
    """
    working = asyncio.ensure_future(work)
    working.add_done_callback(look_at)
    return await asyncio.shield(working)


def look_at(working: "asyncio.Future[R]") -> None:
    """To be called when it is done: nobody may be left who hears that it failed; asyncio would complain of that."""
    if not working.cancelled():
        working.exception()
