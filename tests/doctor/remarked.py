"""What `/readyz` remarks of a database."""

from collections.abc import Awaitable, Callable
from functools import partial

from actors.auditor.board import Board
from serve.status import Quarantine, QuarantineReader, remarks
from tests.doctor.ward import Ward


def remarking(reader: QuarantineReader) -> Callable[[], Awaitable[tuple[str, ...]]]:
    """What a gateway asks that looks through this reader, and goes on to."""
    return partial(
        remarks,
        Quarantine(reader.find_blocks),
        Quarantine(reader.find_open_alarms),
        Quarantine(reader.find_silent),
        Quarantine(reader.find_unreceived),
    )


async def remarked_by(reader: QuarantineReader) -> tuple[str, ...]:
    """What a gateway says that looks for the first time, through this reader."""
    return await remarking(reader)()


async def remarked(ill: Ward) -> tuple[str, ...]:
    """The same of a ward that has a Redis."""
    assert ill.patient.redis_url is not None
    board = Board(ill.patient.redis_url)
    reader = QuarantineReader(ill.patient.database_url, board)
    try:
        return await remarked_by(reader)
    finally:
        await reader.close()
        await board.close()
