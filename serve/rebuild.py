"""`holdfast projections rebuild`: what is derived from a journal is derived anew, by the projector that runs."""

import asyncio

from rich.console import Console

from actors.core.ids import BlockId, event_id
from actors.database.line import LineUnavailable
from actors.projections.positions import Positions

BEGUN, NOT_BEGUN = 0, 1


def run_rebuild(database_url: str, block: BlockId, console: Console, errors: Console) -> int:
    """Let every projection begin anew at the block's first row, and print which. 1: there is none, or no database."""
    try:
        begun = asyncio.run(_rebuild(database_url, block))
    except LineUnavailable as fault:
        errors.print(f"rebuild: {fault}", markup=False)
        return NOT_BEGUN
    if isinstance(begun, str):
        errors.print(
            f"rebuild: not without the rows of {event_id(block)} that are in the archive {begun}", markup=False
        )
        return NOT_BEGUN
    if not begun:
        errors.print(f"rebuild: nothing is derived from a journal of {event_id(block)}", markup=False)
        return NOT_BEGUN
    for projection in begun:
        console.print(f"{projection}: begins anew at the first row", markup=False)
    return BEGUN


async def _rebuild(database_url: str, block: BlockId) -> list[str] | str:
    """Which projections begin anew, or the archive that has what they would begin with."""
    positions = Positions(database_url, application_name="holdfast projections rebuild")
    try:
        return await positions.rebuild(block) or await positions.archive_of(block) or []
    finally:
        await positions.close()
