"""`holdfast`: run it, migrate, make keys and events, hold from the command line, load it, audit and replay it."""

import asyncio
import secrets
import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import msgspec
import typer

from actors.core.keys import MAX_KEY_LENGTH
from loadtests.house import BEST_SHARE, HouseKind
from serve import (
    alarm_commands,
    archive_commands,
    backup_commands,
    doctor_command,
    journal_commands,
    quarantine_commands,
    retention_command,
    shard_commands,
)
from serve.command_line import (
    ApiKey,
    DatabaseUrl,
    DataDir,
    EventId,
    OperatorKey,
    api_key_of,
    database_url_of,
    errors,
    fail,
    operator_key_of,
    out,
    running_stack,
    settings_of,
)
from serve.http_client import TIMEOUT_S, client_of, read, write
from serve.refusals import split_fault
from serve.refused_calls import CallRefused
from serve.settings import Settings, variable_of
from serve.validation import key_faults
from serve.wish_words import names_of, wish_of_words

app = typer.Typer(
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help="A reservation server."
)
keys = typer.Typer(no_args_is_help=True, help="API keys.")
events = typer.Typer(no_args_is_help=True, help="Events.")
app.add_typer(keys, name="keys")
app.add_typer(events, name="events")
app.add_typer(journal_commands.projections, name="projections")
app.add_typer(shard_commands.shards, name="shards")
app.add_typer(quarantine_commands.quarantine, name="quarantine")
app.add_typer(alarm_commands.alarms, name="alarms")
app.command()(journal_commands.audit)
app.command()(journal_commands.replay)
app.command("journal")(journal_commands.show_journal)
app.command()(doctor_command.doctor)
app.add_typer(archive_commands.archive, name="archive")
app.command()(retention_command.retention)
app.add_typer(backup_commands.backup, name="backup")


def _setting(name: str, meaning: str) -> Any:
    """The option of a setting, which says what holds without it."""
    default = getattr(Settings(), name)
    return typer.Option(help=f"{meaning} [{variable_of(name)}, default {'embedded' if default is None else default}]")


def main() -> None:
    """The command line's entry. Nothing is done without assertions: they tell what was sold twice from what was not."""
    if not __debug__:
        sys.exit("Holdfast keeps its assertions, which stop what is wrong: unset PYTHONOPTIMIZE")
    app()


@app.command()
def run(
    data_dir: DataDir = None,
    host: Annotated[str | None, _setting("host", "Address that HTTP and gRPC listen on.")] = None,
    http_port: Annotated[str | None, _setting("http_port", "HTTP port.")] = None,
    grpc_port: Annotated[str | None, _setting("grpc_port", "gRPC port.")] = None,
    postgres_port: Annotated[str | None, _setting("postgres_port", "Port of the embedded PostgreSQL.")] = None,
    redis_port: Annotated[str | None, _setting("redis_port", "Port of the embedded Redis.")] = None,
    inner_port: Annotated[str | None, _setting("inner_port", "First of the ports between the parts.")] = None,
    database_url: Annotated[str | None, _setting("database_url", "A PostgreSQL of your own.")] = None,
    redis_url: Annotated[str | None, _setting("redis_url", "A Redis of your own.")] = None,
    cores: Annotated[str | None, _setting("cores", "Cores that Ray may plan with.")] = None,
    shards: Annotated[
        str | None, _setting("shards", "How many shards a new database begins with; then see holdfast shards resize.")
    ] = None,
    gateway_replicas: Annotated[str | None, _setting("gateway_replicas", "How many gateway replicas.")] = None,
    log_level: Annotated[str | None, _setting("log_level", "debug, info, warning or error.")] = None,
    disk_reserve_mb: Annotated[str | None, _setting("disk_reserve_mb", "Room that the data's disk must have.")] = None,
) -> None:
    """Start everything on this machine; INT or TERM stops it."""
    from serve.local.application import run_here  # here: it is slow to import, and only this command needs it

    settings = settings_of(
        data_dir=data_dir,
        host=host,
        http_port=http_port,
        grpc_port=grpc_port,
        postgres_port=postgres_port,
        redis_port=redis_port,
        inner_port=inner_port,
        database_url=database_url,
        redis_url=redis_url,
        cores=cores,
        shards=shards,
        gateway_replicas=gateway_replicas,
        log_level=log_level,
        disk_reserve_mb=disk_reserve_mb,
    )
    raise typer.Exit(run_here(settings))


@app.command()
def migrate(data_dir: DataDir = None, database_url: DatabaseUrl = None) -> None:
    """Bring a database to this version's schema; warns of archived events that this version cannot read."""
    from actors.archive.kept_snapshots import why_unread
    from actors.database.connect import FAULTS
    from actors.database.migrate import MigrationError
    from actors.database.migrate import migrate as apply_migrations

    url = database_url_of(data_dir, database_url)
    try:
        applied = asyncio.run(apply_migrations(url))
        unread = asyncio.run(why_unread(url))
    except (MigrationError, *FAULTS) as fault:
        fail(f"cannot migrate: {fault}")
    out.print("\n".join(applied) or "nothing to do")
    if unread is not None:
        errors.print(f"warning: {unread}")


@keys.command("create")
def create_key(
    tenant: Annotated[str, typer.Argument(help="Who the key speaks for: lower case letters, digits and dashes.")],
    name: Annotated[str, typer.Option(help="What the key is for.")] = "",
    operator: Annotated[bool, typer.Option("--operator", help="May also see status and digests.")] = False,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Make an API key. It is shown once and stored as a hash."""
    from actors.database.connect import FAULTS, connect
    from serve.auth import create_key as make

    async def create() -> str:
        connection = await connect(database_url_of(data_dir, database_url), application_name="holdfast keys create")
        try:
            return await make(connection, tenant, name, operator=operator)
        finally:
            await connection.close()

    try:
        out.print(asyncio.run(create()))
    except ValueError as fault:
        fail(str(fault))
    except FAULTS as fault:
        fail(f"the database cannot be used: {fault}")


@events.command("create")
def create_event(
    name: Annotated[str, typer.Argument(help="The event's name.")],
    layout: Annotated[Path, typer.Option(help="The layout, YAML or JSON; see actors/layout_files/layout_file.py.")],
    rules: Annotated[
        Path | None,
        typer.Option(help="On what conditions it is sold, likewise; see actors/layout_files/rules_file.py."),
    ] = None,
    split: Annotated[
        list[str] | None,
        typer.Option(help="Sections to be served by themselves, as in 101,102; again for each further group."),
    ] = None,
    idempotency_key: Annotated[str | None, typer.Option(help="The same key makes the same event.")] = None,
    hold_ttl_seconds: Annotated[
        int | None, typer.Option(help="How long a hold lives; left out: 600, or less if the rules say so.")
    ] = None,
    open_sale: Annotated[bool, typer.Option(help="Put it on sale at once.")] = False,
    data_dir: DataDir = None,
    key: ApiKey = None,
) -> None:
    """Create an event from a layout file, and rules if there are any; prints its id."""
    from actors.layout_files.layout_file import parse_layout
    from actors.layout_files.rules_file import parse_rules

    documents = {"layout": _document(layout, parse_layout)}
    if rules is not None:
        documents["rules"] = _document(rules, parse_rules)
    once = _idempotency_key(idempotency_key)
    with _refusals_told(once), client_of(running_stack(data_dir).http_url, api_key_of(data_dir, key)) as client:
        body = {"name": name} | ({} if hold_ttl_seconds is None else {"hold_ttl_seconds": hold_ttl_seconds}) | documents
        if split:
            body["split"] = [names_of(text) for text in split]
        event_id: str = write(client, "/v1/events", body, once)["event_id"]
        out.print(event_id)
        if open_sale:
            write(client, f"/v1/events/{event_id}/open-sale", {}, f"{once}-open"[-MAX_KEY_LENGTH:])


@app.command()
def hold(
    event_id: EventId,
    seat: Annotated[list[str] | None, typer.Option(help="A seat, section/row/seat; may be given again.")] = None,
    area: Annotated[list[str] | None, typer.Option(help="NAME:QUANTITY; may be given again.")] = None,
    best: Annotated[
        list[str] | None,
        typer.Option(
            help="So many of the best seats side by side: QUANTITY or CATEGORIES:QUANTITY; may be given again."
        ),
    ] = None,
    slot: Annotated[
        list[str] | None, typer.Option(help="RESOURCE/START/END, as in Court 1/2026-05-01T18:00Z/2026-05-01T19:00Z.")
    ] = None,
    channel: Annotated[str, typer.Option(help="Through which it is sold.")] = "",
    buyer: Annotated[str, typer.Option(help="Your own opaque name of the buyer.")] = "",
    idempotency_key: Annotated[str | None, typer.Option(help="Ask again under the same key.")] = None,
    data_dir: DataDir = None,
    key: ApiKey = None,
) -> None:
    """Hold units over gRPC."""
    from serve.grpc_client import place_hold

    wish = wish_of_words(seat or (), area or (), best or (), slot or (), channel, buyer)
    once = _idempotency_key(idempotency_key)
    stack, api_key = running_stack(data_dir), api_key_of(data_dir, key)
    with _refusals_told(once):
        placed = place_hold(stack.grpc_target, api_key, event_id, wish, once, TIMEOUT_S)
    out.print(msgspec.json.format(msgspec.json.encode(placed)).decode())


@app.command()
def onsale(
    buyers: Annotated[int, typer.Option(min=1, max=2000, help="How many buyers at once; half HTTP, half gRPC.")] = 64,
    seconds: Annotated[
        float | None,
        typer.Option(min=1, help="For how long at most. [default: 20, or 1800 with --until-sold-out]"),
    ] = None,
    units: Annotated[int, typer.Option(min=10, help="Units of the fresh event.")] = 200_000,
    house: Annotated[HouseKind, typer.Option(help="What the units are.")] = HouseKind.MIXED,
    split: Annotated[int, typer.Option(min=0, max=64, help="Split its sections into so many blocks; 0: one.")] = 0,
    best_share: Annotated[
        float, typer.Option(min=0, max=1, help="Share of the visits for seats that leave the choice to the server.")
    ] = BEST_SHARE,
    until_sold_out: Annotated[
        bool, typer.Option("--until-sold-out", help="It must sell out; kills and moves come by what is sold.")
    ] = False,
    processes: Annotated[int, typer.Option(min=0, help="Processes of buyers; 0: as many as they need.")] = 0,
    kill_shard: Annotated[int, typer.Option(min=0, help="Kill the serving shard so many times meanwhile.")] = 0,
    moves: Annotated[int, typer.Option(min=0, help="Move the event's blocks so many times meanwhile.")] = 0,
    resizes: Annotated[int, typer.Option(min=0, help="Change the number of shards so many times meanwhile.")] = 0,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures here too.")] = None,
    data_dir: DataDir = None,
    key: ApiKey = None,
    operator_key: OperatorKey = None,
) -> None:
    """Let a crowd buy a fresh event from the running server, then audit the journal.

    Exit 1 if the audit finds anything, 2 if fewer than 250 writes a second were accepted or, with
    --until-sold-out, it did not sell out in time.
    """
    from loadtests.onsale import Options, run_onsale
    from loadtests.server import Server
    from serve.fleet_hand import ShardsHand

    stack = running_stack(data_dir)
    server = Server(
        stack.http_url,
        stack.grpc_target,
        stack.database_url,
        api_key_of(data_dir, key),
        operator_key_of(data_dir, operator_key),
    )
    options = Options(
        server=server,
        buyers=buyers,
        seconds=seconds or (1_800.0 if until_sold_out else 20.0),
        units=units,
        house=house,
        split=split,
        best_share=best_share,
        until_sold_out=until_sold_out,
        processes=processes,
        kill_shard=kill_shard,
        moves=moves,
        resizes=resizes,
        json_file=json_file,
    )
    raise typer.Exit(run_onsale(options, open_hand=lambda: ShardsHand(stack.database_url)))


@app.command()
def status(data_dir: DataDir = None, operator_key: OperatorKey = None) -> None:
    """Show the running server's shards, what went through them, what is quarantined, and how far all is audited."""
    _show("/v1/status", data_dir, operator_key)


@app.command()
def digest(event_id: EventId, data_dir: DataDir = None, operator_key: OperatorKey = None) -> None:
    """Show position and digests of an event's block."""
    with _refusals_told():
        path = quote(event_id, safe="")
    _show(f"/v1/events/{path}/digest", data_dir, operator_key)


def _show(path: str, data_dir: Path | None, operator_key: str | None) -> None:
    with (
        _refusals_told(),
        client_of(running_stack(data_dir).http_url, operator_key_of(data_dir, operator_key)) as client,
    ):
        out.print(msgspec.json.format(read(client, path)).decode())


def _document(path: Path, parse: Callable[[object], object]) -> object:
    """What the file says, which must have no faults."""
    from serve.layout_reader import LayoutFileError, read_layout_file

    try:
        raw = read_layout_file(path)
    except (LayoutFileError, OSError) as fault:
        fail(str(fault))
    parsed = parse(raw)
    if isinstance(parsed, tuple):
        fail("\n".join(f"{path}: {fault}" for fault in parsed))
    return raw


def _idempotency_key(given: str | None) -> str:
    """The key that was given, or one of its own."""
    key = secrets.token_hex(16) if given is None else given
    for fault in key_faults(key):
        fail(f"--idempotency-key: {split_fault(fault)[1]}")
    return key


@contextmanager
def _refusals_told(idempotency_key: str = "") -> Iterator[None]:
    """A call that is refused ends the command with one line, which names the key if asking again is of use."""
    try:
        yield
    except CallRefused as refusal:
        again = idempotency_key and refusal.ask_again_after_s is not None
        advice = f" (nothing is done twice if you repeat this with --idempotency-key {shlex.quote(idempotency_key)})"
        fail(f"{refusal}{advice if again else ''}")
    except UnicodeEncodeError as fault:
        fail(f"{fault.object[max(0, fault.start - 20) : fault.end + 20]!r} is not UTF-8")


if __name__ == "__main__":
    main()
