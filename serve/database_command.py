"""What commands share that write to the cluster's database what an operator wishes: one line says what cannot be."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from rich.console import Console

from actors.core.corrections import MAX_NAME_LENGTH, MAX_WHY_LENGTH
from actors.database.line import LineUnavailable
from actors.engine.catalogue_port import CatalogueUnavailable

DONE, NOT_DONE = 0, 1


class Refused(Exception):
    """The wish cannot be granted; the text is one line for whoever wished."""


class Closing(Protocol):
    """What has lines to the database."""

    async def close(self) -> None:
        """End them."""
        ...


C = TypeVar("C", bound=Closing)


def run_with(
    begin: Callable[..., C], database_url: str, name: str, errors: Console, command: Callable[[C], Awaitable[None]]
) -> int:
    """Run the command `name` with what `begin` makes of the URL in its event loop. The exit code."""

    async def run() -> None:
        connected = begin(database_url, application_name=f"holdfast {name}")
        try:
            await command(connected)
        finally:
            await connected.close()

    try:
        asyncio.run(run())
    except (Refused, CatalogueUnavailable, LineUnavailable) as fault:
        errors.print(f"{name}: {fault}", markup=False)
        return NOT_DONE
    return DONE


def check_words(by: str, why: str) -> None:
    """Who does it and why can be kept. Raises Refused, which names the flag."""
    for flag, text, most in (("--by", by, MAX_NAME_LENGTH), ("--why", why, MAX_WHY_LENGTH)):
        if not 1 <= len(text) <= most or not text.isprintable():
            raise Refused(f"{flag}: must have 1 to {most} characters, on one line")
