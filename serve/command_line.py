"""What the commands share: where the data is and the server runs, how they are told what, and how they fail."""

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from rich.console import Console

from actors.core.ids import BlockId, parse_event_id
from serve.local.stack import Stack, find_stack
from serve.settings import KEY_VARIABLE, OPERATOR_KEY_VARIABLE, SettingError, Settings

if TYPE_CHECKING:
    from actors.archive.archive_file import ArchiveFile

_VISIBLE_ASCII = re.compile(r"[!-~]+")

out = Console(highlight=False, soft_wrap=True, markup=False, emoji=False)
errors = Console(stderr=True, highlight=False, soft_wrap=True, markup=False, emoji=False)

DataDir = Annotated[Path | None, typer.Option(help="Where the data is. [HOLDFAST_DATA_DIR, default .holdfast]")]
ApiKey = Annotated[str | None, typer.Option("--key", help="API key. [HOLDFAST_KEY, default the demo's]")]
OperatorKey = Annotated[
    str | None,
    typer.Option("--operator-key", help="An operator's API key. [HOLDFAST_OPERATOR_KEY, default the demo's]"),
]
DatabaseUrl = Annotated[
    str | None, typer.Option(help="Of a PostgreSQL. [HOLDFAST_DATABASE_URL, default the running server's]")
]
EventId = Annotated[str, typer.Argument(help="The event's id.")]
Archives = Annotated[
    list[Path] | None,
    typer.Option(
        "--archive", help="Where rows are that were put away: an archive's file or a folder of them; again for more."
    ),
]


def block_of(event_id: str) -> BlockId:
    """The block of an event's id; what is none ends the command."""
    block = parse_event_id(event_id)
    if block is None:
        fail(f"{event_id} is not the id of an event")
    return block


def archives_of(paths: list[Path] | None) -> "list[ArchiveFile]":
    """The archives that are given; one that is none ends the command."""
    from actors.archive.archive_file import ArchiveDamaged, archives_at

    try:
        return [archive for path in paths or () for archive in archives_at(path)]
    except (ArchiveDamaged, OSError) as fault:
        fail(str(fault))


def settings_of(**overrides: object) -> Settings:
    """The settings, flags going first; one that is not allowed ends the command."""
    try:
        return Settings.from_environ(os.environ, overrides)
    except SettingError as fault:
        fail(str(fault))


def running_stack(data_dir: Path | None) -> Stack:
    """The Holdfast that runs on a data folder; without one the command ends."""
    settings = settings_of(data_dir=data_dir)
    try:
        stack = find_stack(settings.data_dir)
    except OSError as fault:
        fail(f"cannot look into the data folder {settings.data_dir} ({fault.strerror}): name another with --data-dir")
    if stack is None:
        fail(f"no Holdfast runs on the data folder {settings.data_dir}: start one, or name another with --data-dir")
    return stack


def database_url_of(data_dir: Path | None, database_url: str | None) -> str:
    """The database that is named, else that of the running server."""
    given = settings_of(data_dir=data_dir, database_url=database_url).database_url
    return given or running_stack(data_dir).database_url


def api_key_of(data_dir: Path | None, key: str | None) -> str:
    """The API key that is given, else that of the demo."""
    from serve.demo import demo_key_file

    given = key or os.environ.get(KEY_VARIABLE)
    file = demo_key_file(settings_of(data_dir=data_dir).data_dir)
    return _sendable_key(given, file, f"--key or {KEY_VARIABLE}")


def operator_key_of(data_dir: Path | None, operator_key: str | None) -> str:
    """The operator's API key that is given, else that of the demo."""
    from serve.demo import demo_operator_key_file

    given = operator_key or os.environ.get(OPERATOR_KEY_VARIABLE)
    file = demo_operator_key_file(settings_of(data_dir=data_dir).data_dir)
    return _sendable_key(given, file, f"--operator-key or {OPERATOR_KEY_VARIABLE}")


def _sendable_key(given: str | None, file: Path, ways: str) -> str:
    """The key that was given in one of those ways, or the one that is kept."""
    if not given:
        try:
            return file.read_text()
        except OSError as fault:
            fail(f"no API key in {file} ({fault.strerror}): give one with {ways}")
    if not _VISIBLE_ASCII.fullmatch(given):
        fail(f"{ways}: what is given is not an API key, which is hf_<key id>_<secret>")
    return given


def fail(why: str) -> NoReturn:
    """End the command with one line and exit code 1."""
    errors.print(why)
    raise typer.Exit(1)
