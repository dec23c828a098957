"""`holdfast shards`: which there are, what each does, and wishes that change that. Needs the cluster's database."""

from typing import Annotated

import typer

from serve.command_line import DatabaseUrl, DataDir, EventId, block_of, database_url_of, errors, out

shards = typer.Typer(no_args_is_help=True, help="Shards, and which events are on them; all of it while selling.")


@shards.command("list")
def list_shards(
    blocks: Annotated[bool, typer.Option("--blocks", help="List the blocks instead: on which shard each is.")] = False,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Show each shard: its state, process and epoch, what it has and has done; or each block, and what it is.

    That is an event; of one that is split its home, a part or a ledger; or a desk. All are named like events.
    """
    from serve.shards import run_list

    raise typer.Exit(run_list(database_url_of(data_dir, database_url), out, errors, blocks=blocks))


@shards.command("move")
def move_block(
    event_id: EventId,
    shard: Annotated[str, typer.Argument(help="The shard that is to have it.")],
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Move an event to another shard; buyers notice a moment's latency.

    The shard that has it finishes what it has begun. One that hangs is not waited for: the journal fences it. The wish
    is kept, so interrupting the command does not undo it, and running it again does no harm.
    """
    from serve.shards import run_move

    block = block_of(event_id)
    raise typer.Exit(run_move(database_url_of(data_dir, database_url), block, shard, out, errors))


@shards.command("resize")
def resize_fleet(
    count: Annotated[int, typer.Argument(min=1, max=256, help="How many shards there are to be.")],
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Change the number of shards. The number is kept, and the cluster carries it out, whoever watches.

    A shard that joins draws its part of the events to itself and no others move; from one that leaves all are moved
    first. Run again to go on watching.
    """
    from serve.shards import run_resize

    raise typer.Exit(run_resize(database_url_of(data_dir, database_url), count, out, errors))


@shards.command("stop")
def stop_shards(
    names: Annotated[list[str] | None, typer.Argument(help="Shards; none: all that run on this machine.")] = None,
    bound_s: Annotated[float, typer.Option("--seconds", min=1, help="How long to wait for them to end.")] = 25.0,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Let shards of this machine hand over to successors and end; buyers notice a moment's latency.

    For what ends this machine, to be run before that (preStop, with a grace period above the seconds). One is told
    after the other, and whoever is left 20 s before the time is over with all others: give 2 s for each shard, and 20.
    A shard that has no successor in 15 s goes without: what it acknowledged is durable. Exit 1 if one has not ended.
    """
    from serve.stop_shards import run_stop

    raise typer.Exit(run_stop(database_url_of(data_dir, database_url), names or (), bound_s, out, errors))
