"""`holdfast backup`: a copy of the database while it sells, named positions, and a data folder as of one of them."""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import msgspec
import typer

from serve.command_line import DatabaseUrl, DataDir, errors, fail, out, running_stack, settings_of

if TYPE_CHECKING:
    from serve.backup_folder import Mark

backup = typer.Typer(no_args_is_help=True, help="Backups, named positions, and what was restored.")

T = TypeVar("T")

Folder = Annotated[Path, typer.Argument(help="The backup's folder.")]


@backup.command("create")
def create(folder: Folder, data_dir: DataDir = None) -> None:
    """Copy the running database, and receive its log there from now on; prints the first mark, `created`.

    One backup goes on at a time: the one before does until the new one is whole, also if this is stopped. All its marks
    need all of its log, which grows: when a new backup has begun, a folder of before that nobody needs can be deleted.
    On the disk of the data it needs room for the reserve, too, and is over when less is left.
    """
    from serve import backup_making

    _tell(backup_making.create(running_stack(data_dir), folder.resolve(), errors.print))


@backup.command("end")
def end(data_dir: DataDir = None) -> None:
    """Receive the log no more. The folder stays, and can be restored to any of its marks."""
    from serve import backup_making

    out.print(f"no backup goes on; {_done(backup_making.end(running_stack(data_dir)))} stays as it is")


@backup.command("mark")
def mark(
    name: Annotated[str, typer.Argument(help="A name of its own.")],
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Name this position: all that was acknowledged before this command began is before it.

    Prints it when the backup has all of the log up to there on disk; of a PostgreSQL of your own, when its
    archive_command has: `point` is then its recovery_target_name. May need the right to pg_create_restore_point and
    pg_switch_wal.
    """
    from serve import backups

    own = settings_of(data_dir=data_dir, database_url=database_url).database_url
    stack = None if own else running_stack(data_dir)
    if stack is not None and stack.settings.database_url is None:
        _tell(backups.mark(stack, name))
        return
    marked, is_archived = _done(backups.mark_own(own or stack.database_url, name))  # type: ignore[union-attr]
    out.print(msgspec.json.encode(marked).decode())
    if not is_archived:
        errors.print(f"archive_mode is off: see to it that whoever receives the log has {marked.file}")


@backup.command("restore")
def restore(
    folder: Folder,
    to: Annotated[str, typer.Option(help="The name of a mark.")],
    data_dir: Annotated[Path, typer.Option(help="A new data folder, for holdfast run.")],
) -> None:
    """Make a data folder that has the database as it was at a mark, exactly.

    A Redis of your own must be emptied before it is used with that: it may show what was after the mark. Clients that
    ask for what changed since a `sequence` they had before must begin with the whole.
    """
    from serve import backups

    marked = _given(lambda: backups.restore(folder, to, data_dir))
    out.print(f"{data_dir} is as of {marked.name}, at {marked.lsn}: holdfast run --data-dir {data_dir}")


@backup.command("verify")
def verify(folder: Folder) -> None:
    """Read all of a backup: can it be restored to any of its marks?

    Each file of the base must be as it was copied, and each record of the log from there to the last mark be sound. A
    backup that goes on can be read too; nothing needs to run.
    """
    from serve import backup_folder

    file_count, marks = _given(lambda: backup_folder.verify(folder))
    names = ", ".join(mark.name for mark in marks)
    out.print(f"{folder} is whole: {file_count:,} files of its base, and the log from there to each of {names}")


@backup.command("anew")
def anew(
    database_url: Annotated[str, typer.Option(help="Of the PostgreSQL that was restored, before Holdfast runs on it.")],
) -> None:
    """Let the history of a database that other tools restored begin anew.

    Shards that still run on what it is a copy of have no say in it from then on. `backup restore` does this by itself.
    """
    from serve import backups

    url = settings_of(database_url=database_url).database_url
    generation = _done(backups.begin_anew(url or database_url))
    out.print(f"clusters from now on are above generation {generation:,}")


def _tell(making: "Coroutine[Any, Any, Mark]") -> None:
    out.print(msgspec.json.encode(_done(making)).decode())


def _given(work: Callable[[], T]) -> T:
    """What this gives; what is wrong with a folder ends the command."""
    from serve.backup_folder import BackupError
    from serve.local.preflight import CannotStart

    try:
        return work()
    except (BackupError, CannotStart, OSError) as fault:
        fail(f"backup: {fault}")


def _done(making: Coroutine[Any, Any, T]) -> T:
    from actors.database.connect import FAULTS
    from serve.backup_folder import BackupError
    from serve.local.preflight import CannotStart

    try:
        return asyncio.run(making)
    except (BackupError, CannotStart, *FAULTS) as fault:
        fail(f"backup: {fault}")
