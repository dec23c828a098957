"""`holdfast backup`: a copy of the database while it sells, named positions, and a data folder as of one of them."""

import asyncio
from collections.abc import Awaitable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from serve.command_line import DataDir, fail, out, running_stack

if TYPE_CHECKING:
    from serve.backups import Mark

backup = typer.Typer(no_args_is_help=True, help="Backups of the embedded database, and restoring them.")

Folder = Annotated[Path, typer.Argument(help="The backup's folder.")]


@backup.command("create")
def create(folder: Folder, data_dir: DataDir = None) -> None:
    """Copy the running database, and receive its log there from now on; prints the first mark, `created`.

    One backup goes on at a time: the newest.
    """
    from serve import backups

    _tell(backups.create(running_stack(data_dir), folder.resolve()))


@backup.command("mark")
def mark(name: Annotated[str, typer.Argument(help="A name of its own.")], data_dir: DataDir = None) -> None:
    """Name this position: all that was acknowledged before this command began is before it.

    Prints it when the backup has all of the log up to there on disk.
    """
    from serve import backups

    _tell(backups.mark(running_stack(data_dir), name))


@backup.command("restore")
def restore(
    folder: Folder,
    to: Annotated[str, typer.Option(help="The name of a mark.")],
    data_dir: Annotated[Path, typer.Option(help="A new data folder, for holdfast run.")],
) -> None:
    """Make a data folder that has the database as it was at a mark, exactly.

    A Redis of your own must be emptied before it is used with that: it may show what was after the mark.
    """
    from serve import backups
    from serve.local.preflight import CannotStart

    try:
        marked = backups.restore(folder, to, data_dir)
    except (backups.BackupError, CannotStart, OSError) as fault:
        fail(f"backup: {fault}")
    out.print(f"{data_dir} is as of {marked.name}, at {marked.lsn}: holdfast run --data-dir {data_dir}")


def _tell(making: "Awaitable[Mark]") -> None:
    from actors.database.connect import FAULTS
    from serve.backups import BackupError
    from serve.local.preflight import CannotStart

    async def made() -> "Mark":
        return await making

    try:
        out.print(msgspec.json.encode(asyncio.run(made())).decode())
    except (BackupError, CannotStart, *FAULTS) as fault:
        fail(f"backup: {fault}")
