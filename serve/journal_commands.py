"""The commands that read a journal anew: audit, replay, listing; and those that derive from it what is read."""

from typing import Annotated

import typer

from serve.command_line import (
    Archives,
    DatabaseUrl,
    DataDir,
    EventId,
    archives_of,
    block_of,
    database_url_of,
    errors,
    out,
)

projections = typer.Typer(no_args_is_help=True, help="What is derived from the journal.")


def audit(
    event_id: Annotated[list[str] | None, typer.Argument(help="Events; none: all of the journal.")] = None,
    archive: Archives = None,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Fold the journal anew and say whatever is wrong with it; exit 1 if anything is."""
    from loadtests.audit_command import run_audit

    blocks = [block_of(text) for text in event_id or ()]
    raise typer.Exit(run_audit(database_url_of(data_dir, database_url), blocks or None, archives=archive or ()))


def replay(
    event_id: EventId,
    position: Annotated[int | None, typer.Option(min=1, help="As of this row; none: as of the last.")] = None,
    archive: Archives = None,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Replay an event's journal from its first row and from its newest snapshot; exit 1 if they come to differ."""
    from serve.replay import run_replay

    url, archives = database_url_of(data_dir, database_url), archives_of(archive)
    raise typer.Exit(run_replay(url, block_of(event_id), position, archives, out, errors))


def show_journal(
    event_id: EventId,
    first: Annotated[int, typer.Option("--from", min=1, help="The first row to show.")] = 1,
    last: Annotated[int | None, typer.Option("--to", min=1, help="The last; none: the last there is.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="How many rows at most.")] = None,
    follow: Annotated[bool, typer.Option("--follow", help="Go on with what is written later.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="A JSON document a row.")] = False,
    archive: Archives = None,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Show an event's journal in readable form: who wrote what, when. Exit 1 if a row is damaged.

    Parts of an event that is split, and desks, have journals of their own: name them as `shards list --blocks` does.
    """
    from serve.journal_listing import Wanted, run_listing

    wanted = Wanted(block_of(event_id), first, last, limit, follow=follow, as_json=as_json)
    raise typer.Exit(run_listing(database_url_of(data_dir, database_url), wanted, archives_of(archive), errors))


@projections.command("rebuild")
def rebuild_projections(event_id: EventId, data_dir: DataDir = None, database_url: DatabaseUrl = None) -> None:
    """Derive all that is read of an event anew, from its journal's first row; ends its quarantine.

    The projector does it, within seconds. What it cannot follow is quarantined again.
    """
    from serve.rebuild import run_rebuild

    block = block_of(event_id)
    raise typer.Exit(run_rebuild(database_url_of(data_dir, database_url), block, out, errors))
