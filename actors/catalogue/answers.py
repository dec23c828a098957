"""What Postgres answers to who asks the catalogue, as the catalogue's port has it."""

from collections.abc import Awaitable
from typing import Any

from actors.database.line import LineUnavailable
from actors.engine.catalogue_port import CatalogueUnavailable


async def answered(asking: Awaitable[list[Any]]) -> list[Any]:
    """The rows. Raises CatalogueUnavailable where Postgres cannot be reached."""
    try:
        return await asking
    except LineUnavailable as fault:
        raise CatalogueUnavailable(str(fault)) from fault
