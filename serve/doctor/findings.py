"""What a look can find: how it stands, what was seen, what to do, and the repair if there is one that loses nothing."""

from collections.abc import AsyncIterator, Awaitable, Callable
from enum import IntEnum
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from actors.database.queries import load_queries

SQL = load_queries(Path(__file__).parent / "doctor.sql")
SHOWN = 20


class Standing(IntEnum):
    """How something stands; the worst of all is the command's exit code."""

    OK = 0
    WARNING = 1
    WRONG = 2


Repair: TypeAlias = Callable[[], Awaitable[str]]
"""Mends it, whoever may have done so already, and says what was done. Raises one of `database.connect.FAULTS`."""


class Finding(NamedTuple):
    """What a check has to say. `advice`: what to do, empty where nothing is to be done."""

    check: str
    standing: Standing
    seen: str
    advice: str = ""
    repair: Repair | None = None


class Patient(NamedTuple):
    """What is looked at. `connection`: an asyncpg connection that can only read. `data_dir`: None if not here.

    `since_ms`: only blocks written to since then (ms since 1970, 0: all). `sample`: so many of those at most, by
    chance; 0: all.
    """

    connection: Any
    database_url: str
    redis_url: str | None
    data_dir: Path | None
    disk_reserve_mb: int
    since_ms: int = 0
    sample: int = 0


async def shown(check: str, found: AsyncIterator[Finding], advice: str) -> AsyncIterator[Finding]:
    """The first of them as they come, a block each; and how many more blocks there are."""
    count, worst = 0, Standing.OK
    async for finding in found:
        count += 1
        if count <= SHOWN:
            yield finding
        else:
            worst = max(worst, finding.standing)
    if count > SHOWN:
        yield Finding(check, worst, f"{count - SHOWN} more blocks", advice)
