"""`holdfast archive`: finished events are put away into files, and put back."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from actors.core.ids import BlockId
from actors.database.connect import Connection
from serve.command_line import DatabaseUrl, DataDir, block_of, database_url_of, errors, fail, out

archive = typer.Typer(no_args_is_help=True, help="Events that are over, out of the journal and back.")

QUIET_DAYS = 7.0
T = TypeVar("T")


@archive.command("put")
def put(
    event_id: Annotated[list[str] | None, typer.Argument(help="Events, which must be archived.")] = None,
    finished_before: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"], help="All archived events not written to since, UTC."),
    ] = None,
    quiet_days: Annotated[
        float, typer.Option(min=0, help="For how long nobody must have written to an event that is named.")
    ] = QUIET_DAYS,
    into: Annotated[Path, typer.Option(help="The folder for the files; they are yours to keep.")] = Path("archive"),
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Put archived events away: all their rows into a file each, then all but the last out of the journal.

    They can be read as before. Done again, it goes on where it was stopped; what was written of an event since, as a
    refund, goes into its file as well. Exit 1 if one of them cannot be put away.
    """
    if bool(event_id) == (finished_before is not None):
        fail("name events, or give --finished-before")
    blocks = [block_of(text) for text in event_id or ()]
    before = finished_before and finished_before.replace(tzinfo=UTC)
    if before is not None and before > datetime.now(UTC):
        fail("--finished-before: must not be in the future")
    try:
        into.mkdir(parents=True, exist_ok=True)
    except OSError as fault:
        fail(f"--into: cannot use {into} ({fault.strerror})")
    url = database_url_of(data_dir, database_url)
    if not _run(url, lambda connection: _put(connection, blocks, before, quiet_days, into)):
        raise typer.Exit(1)


@archive.command("restore")
def restore(
    file: Annotated[Path, typer.Argument(help="The archive.")],
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Put an archive's rows back into the journal they are from. The file stays. Done again, it goes on."""
    from actors.archive.archive_file import ArchiveDamaged, ArchiveFile
    from actors.archive.restoring import NotRestored
    from actors.archive.restoring import restore as put_back

    async def back(connection: Connection) -> int:
        return await put_back(connection, ArchiveFile(file))

    try:
        rows = _run(database_url_of(data_dir, database_url), back)
    except (NotRestored, ArchiveDamaged, OSError) as fault:
        fail(f"archive: {fault}")
    out.print(f"{file}: {rows:,} rows are back")


async def _put(
    connection: Connection, blocks: list[BlockId], before: datetime | None, quiet_days: float, into: Path
) -> bool:
    from actors.archive.archive_file import ArchiveDamaged
    from actors.archive.putting_away import NotPutAway, finished_before, put_away, take_all_turns

    quiet = before or datetime.now(UTC) - timedelta(days=quiet_days)
    before_ms = int(quiet.timestamp() * 1000)
    if not await take_all_turns(connection):
        fail("archive: another archive put or retention runs on this database")
    all_are = True
    for block in blocks or await finished_before(connection, before_ms):
        try:
            done = await put_away(connection, block, into, before_ms)
        except (NotPutAway, ArchiveDamaged, OSError) as fault:
            errors.print(f"archive: {fault}")
            all_are = False
        else:
            size = done.path.stat().st_size
            out.print(f"{done.path}: {size:,} bytes; {done.rows:,} rows left the journal")
    return all_are


def _run(database_url: str, work: Callable[[Connection], Awaitable[T]]) -> T:
    """Do it over a connection of its own, one that waits for as long as it takes."""
    from actors.database.connect import FAULTS, connect

    async def run() -> T:
        connection = await connect(database_url, application_name="holdfast archive")
        try:
            return await work(connection)
        finally:
            await connection.close()

    try:
        return asyncio.run(run())
    except FAULTS as fault:
        fail(f"archive: {fault}")
