"""Of which history a file is, and which of its rows are of this database's.

A database that is restored begins a history of its own (`serve.backups`), beside the one that it is of, which may go
on. Its catalogue names files of the other, and these may have been written anew since. So a file says of which history
it is, and nobody writes over or deletes one of another. What is in a file up to the row that the catalogue names is
right by its chain, whoever wrote it; of what is behind it the journal knows.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from actors.archive.archive_file import FIRST_HISTORY, SUFFIX, ArchivedBlock, ArchiveFile
from actors.core.ids import BlockId, event_id
from actors.database.connect import Connection
from actors.database.queries import load_queries
from actors.journal.journal import GENESIS

_SQL = load_queries(Path(__file__).parent / "archive.sql")
ASIDE = ".of-another-history-"
"""Behind the name of a file whose rows this database never had, and a number."""


class Standing(NamedTuple):
    """How a file stands to this database.

    `is_whole`: it is of this history, and ends where the journal does. `is_within`: it is of this history, and has no
    row that this database does not have. `is_away`: a block of it is put away.
    """

    is_whole: bool
    is_within: bool
    is_away: bool


async def history_of(connection: Connection) -> int:
    """Where the history of this database begins: the generation with which it was restored, or the first of all."""
    return int(await connection.fetchval(_SQL["history"]))


def name_of(home: BlockId, history: int) -> str:
    """What the event's file is called that this history writes. In a folder the newest history's comes last."""
    of = "" if history == FIRST_HISTORY else f".of-{history:07}"
    return f"{event_id(home)}{of}{SUFFIX}"


async def standing_of(connection: Connection, archive: ArchiveFile) -> Standing:
    """How the file stands, as the journal is now. Raises `FAULTS`."""
    is_whole = is_within = archive.header.history == await history_of(connection)
    is_away = False
    for end in archive.header.blocks:
        is_away |= await connection.fetchrow(_SQL["put_away"], end.block) is not None
        head = await connection.fetchrow(_SQL["head"], end.block)
        is_whole &= head is not None and (head["position"], head["chain"]) == (end.position, end.chain)
        is_within &= await connection.fetchval(_SQL["chain_at"], end.block, end.position) == end.chain
    return Standing(is_whole, is_within, is_away)


async def put_away_to(connection: Connection, archive: ArchiveFile) -> list[ArchivedBlock]:
    """Up to which row each of its blocks is put away: nothing (0) where its rows are all in the journal."""
    ends = []
    for end in archive.header.blocks:
        found = await connection.fetchrow(_SQL["put_away"], end.block)
        position, chain = (0, GENESIS) if found is None else (found["position"], found["chain"])
        ends.append(ArchivedBlock(end.block, end.tenant, position, chain))
    return ends


def leads_to(archive: ArchiveFile, ends: Sequence[ArchivedBlock]) -> bool:
    """Whether the file has these very rows, and so all before them. Reads it whole; raises ArchiveDamaged, OSError."""
    wanted = {(end.block, end.position): end.chain for end in ends if end.position}
    found = {(row.block, row.position): row.chain for row in archive.rows() if (row.block, row.position) in wanted}
    return found == wanted


def aside_of(path: Path) -> Path:
    """A name beside this file under which it is kept, or which is free. Raises OSError."""
    number = 1
    while (aside := path.with_name(f"{path.name}{ASIDE}{number}")).exists() and not aside.samefile(path):
        number += 1
    return aside
