"""`holdfast alarms`: what the audit found that stops no event. Needs the cluster's database."""

from typing import Annotated

import typer

from serve.command_line import DatabaseUrl, DataDir, database_url_of, errors, out
from serve.quarantine_commands import By, Why

alarms = typer.Typer(
    no_args_is_help=True, help="What the audit found that stops no event, above all rows that are gone."
)


@alarms.command("list")
def list_alarms(
    every: Annotated[
        bool, typer.Option("--all", help="Also those that were acknowledged, while they are kept.")
    ] = False,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Show the alarms that nobody has acknowledged: number, event, row, what, since when, how often."""
    from serve.alarms import run_list

    raise typer.Exit(run_list(database_url_of(data_dir, database_url), out, errors, acknowledged=every))


@alarms.command("acknowledge")
def acknowledge(
    by: By,
    why: Why,
    numbers: Annotated[list[int] | None, typer.Argument(help="Of the alarms, as `list` shows them.")] = None,
    up_to: Annotated[int, typer.Option(min=0, help="All that are open up to this number.")] = 0,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Note who has looked at alarms, and why they are no more; that changes nothing else.

    A row that is gone may have been acknowledged to a buyer: whether a failover excuses that is yours to say.
    """
    from serve.alarms import run_acknowledge

    url = database_url_of(data_dir, database_url)
    raise typer.Exit(run_acknowledge(url, numbers or [], up_to, by, why, out, errors))
