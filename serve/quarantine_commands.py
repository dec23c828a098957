"""`holdfast quarantine`: events that nobody is served from, and how that ends. Needs the cluster's database."""

from typing import Annotated

import typer

from serve.command_line import DatabaseUrl, DataDir, EventId, block_of, database_url_of, errors, out

quarantine = typer.Typer(
    no_args_is_help=True,
    help="Events that nobody is served from until somebody has looked at them; also parts of events and desks.",
)

By = Annotated[
    str,
    typer.Option(help="Who says so: an operator's name or key id. It is kept for ever: no address, no person's data."),
]
Why = Annotated[str, typer.Option(help="In a sentence, kept for ever: no buyer's data.")]


@quarantine.command("list")
def list_quarantined(data_dir: DataDir = None, database_url: DatabaseUrl = None) -> None:
    """Show what is quarantined: since when, by whom, because of which rows, why, and whether it is being ended.

    And what is left where this release cannot end it.
    """
    from serve.quarantine import run_list

    raise typer.Exit(run_list(database_url_of(data_dir, database_url), out, errors))


Only = Annotated[
    bool, typer.Option("--only", help="Of an event that is split only the block that is named, not the whole event.")
]


@quarantine.command("impose")
def impose(
    event_id: EventId,
    by: By,
    why: Why,
    only: Only = False,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Serve nobody from an event: its shard stops within about a second, through restarts and moves.

    Nothing expires meanwhile. An event that is split stops as a whole, whichever of its blocks is named; each block has
    a quarantine of its own, and one that had one already keeps it. What is held in baskets, as all of a split event is,
    stays in the hands of the tenant's desks: it can be paid or released, and ends in time.
    """
    from serve.quarantine import run_impose

    block = block_of(event_id)
    raise typer.Exit(run_impose(database_url_of(data_dir, database_url), block, by, why, out, errors, only=only))


GiveUp = Annotated[
    list[str] | None,
    typer.Option(help="The id of a hold that does not count, so that another has its units; may be given again."),
]


@quarantine.command("preview")
def preview(
    event_id: EventId, give_up: GiveUp = None, data_dir: DataDir = None, database_url: DatabaseUrl = None
) -> None:
    """Show what `end --strike` would strike of an event's journal that does not replay. Changes nothing.

    Whoever had a unit first keeps it: what another was given after that is struck, with all that came of it.
    """
    from serve.quarantine import run_preview

    block = block_of(event_id)
    raise typer.Exit(run_preview(database_url_of(data_dir, database_url), block, give_up or (), out, errors))


@quarantine.command("end")
def end(
    event_id: EventId,
    by: By,
    why: Why,
    void_ticket: Annotated[
        list[str] | None, typer.Option(help="ORDER/TICKET, as in order_.../2, or a ticket's id; may be given again.")
    ] = None,
    end_hold: Annotated[list[str] | None, typer.Option(help="A hold's id; may be given again.")] = None,
    end_order: Annotated[list[str] | None, typer.Option(help="An order's id; may be given again.")] = None,
    strike: Annotated[
        bool, typer.Option("--strike", help="Strike what cannot be applied, so that it does not count (see preview).")
    ] = False,
    give_up: GiveUp = None,
    only: Only = False,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Serve an event again, by a correcting entry in its journal that says who, why, and what had to end for that.

    Units of what ends are available again. With nothing to end the finding was false, or a fixed bug's. The wish is
    kept until a shard has carried it out, so interrupting the command does not undo it, and running it again with the
    same words does no harm. Where the shard cannot replay the event's journal, as where a unit was sold twice, it is
    refused, and nothing has changed; unless what cannot be applied is to be struck. Its rows stay in the journal, and
    from then on count as never written: their holds and orders are not found. --give-up implies --strike.

    Of an event that is split those of its blocks are ended with it that an operator has quarantined with it, by the
    same words, and in which nothing was found since; what ends or is struck is of the block that is named. Others, as
    those that the auditor has imposed, are each ended by themselves, and are told.
    """
    from serve.quarantine import Ends, run_end

    block = block_of(event_id)
    named = (tuple(void_ticket or ()), tuple(end_hold or ()), tuple(end_order or ()))
    ends = Ends(*named, strike, tuple(give_up or ()))
    raise typer.Exit(run_end(database_url_of(data_dir, database_url), block, by, why, ends, out, errors, only=only))
