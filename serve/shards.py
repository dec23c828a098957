"""What `holdfast shards` does: reads the catalogue, leaves wishes there, and watches them being carried out."""

import asyncio
import time
from collections.abc import Callable
from functools import partial

from rich.console import Console

from actors.catalogue.fleet import JOINING, LEAVING, BlockPlace, Fleet, LastMove, ShardLine, shard_names
from actors.core.ids import BlockId, TenantId, desks_of, event_id
from actors.database.line import Line, LineUnavailable
from actors.engine.catalogue_port import CatalogueUnavailable
from actors.journal.journal import MAX_MOVES, Epoch
from actors.projections.block_roles import BlockRole, roles_of_blocks
from serve.database_command import Refused, run_with

LOOK_S = 0.2
MOVE_PATIENCE_S = 30.0
CLAIM_PATIENCE_S = 3.0
RESIZE_PATIENCE_S = 60.0  # without any progress
SILENT_MS = 3_000
BLOCKS_PER_PAGE = 1_000
SESSIONS_PER_SHARD = 8
SESSIONS_BESIDE = 30

_COLUMNS = (
    "shard",
    "state",
    "health",
    "pid",
    "epoch",
    "events",
    "in memory",
    "MB",
    "let go",
    "waiting",
    "calls",
    "commits",
)


def run_list(database_url: str, console: Console, errors: Console, *, blocks: bool) -> int:
    """Print the fleet, or all blocks. The exit code."""

    async def tell(fleet: Fleet) -> None:
        if blocks:
            await _list_blocks(fleet, await _roles(database_url), console)
        else:
            await _list(fleet, console)

    return run_with(Fleet, database_url, "shards", errors, tell)


def run_move(database_url: str, block: BlockId, shard: str, console: Console, errors: Console) -> int:
    """Move a block, and print what that was like. The exit code."""

    async def tell(fleet: Fleet) -> None:
        console.print(await move(fleet, block, shard), markup=False)

    return run_with(Fleet, database_url, "shards", errors, tell)


def run_resize(database_url: str, count: int, console: Console, errors: Console) -> int:
    """Let there be so many shards, and print how it goes. The exit code."""
    return run_with(
        Fleet, database_url, "shards", errors, lambda fleet: resize(fleet, count, partial(console.print, markup=False))
    )


async def _list(fleet: Fleet, console: Console) -> None:
    rows = [_COLUMNS, *map(_cells, await fleet.shards())]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        console.print("  ".join(map(str.ljust, row, widths)).rstrip(), markup=False)


def _cells(line: ShardLine) -> tuple[str, ...]:
    events = f"{line.block_count}" + (f" (+{line.coming_count} coming)" if line.coming_count else "")
    if line.epoch is None or line.silent_ms is None or line.counters is None:
        return (line.shard, line.state, "not started", "-", "-", events, *6 * "-")
    health = "well" if line.silent_ms < SILENT_MS else f"silent for {line.silent_ms // 1000} s"
    if line.counters.quarantined_count:
        health += f", {line.counters.quarantined_count} quarantined"
    done = (
        line.counters.block_count,
        line.counters.block_bytes // 1_000_000,
        line.counters.evicted_count,
        line.counters.calls_waiting,
        line.counters.call_count,
        line.counters.commit_count,
    )
    epoch = ".".join(map(str, Epoch.unpacked(line.epoch)))
    return (line.shard, line.state, health, str(line.pid), epoch, events, *map(str, done))


async def _list_blocks(fleet: Fleet, roles: dict[BlockId, BlockRole], console: Console) -> None:
    after = ""
    while page := await fleet.blocks(after, BLOCKS_PER_PAGE):
        for place in page:
            what = "desk" if place.block in desks_of(TenantId(place.tenant)) else str(roles.get(place.block, "event"))
            moving = f"  moves to {place.moving_to}" if place.moving_to else ""
            words = (event_id(place.block), place.tenant, place.shard, f"version {place.version}", f"{what}{moving}")
            console.print("  ".join(words), markup=False, soft_wrap=True)
        after = page[-1].block


async def _roles(database_url: str) -> dict[BlockId, BlockRole]:
    line = Line(database_url, application_name="holdfast shards")
    try:
        return await roles_of_blocks(line)
    except LineUnavailable as fault:
        raise CatalogueUnavailable(str(fault)) from fault
    finally:
        await line.close()


async def move(fleet: Fleet, block: BlockId, to_shard: str) -> str:
    """Move a block; what that was like. Raises Refused, CatalogueUnavailable."""
    event, states = event_id(block), await fleet.states()
    if to_shard not in states:
        raise Refused(f"there is no shard {to_shard}: there are {', '.join(sorted(states))}")
    if states[to_shard] == LEAVING:
        raise Refused(f"{to_shard} leaves: it gets no more events")
    place, last = await _place(fleet, block)
    if place.shard == to_shard and not place.moving_to:
        return f"{event} is on {to_shard}"
    if last.epoch >> 28 & MAX_MOVES == MAX_MOVES:
        raise Refused(f"{event} has moved {MAX_MOVES} times: it can again when the cluster has been started anew")
    from_shard = place.shard
    await fleet.wish({block: to_shard}, instead=True)
    until_s = time.monotonic() + MOVE_PATIENCE_S
    while place.shard != to_shard or place.moving_to:
        await asyncio.sleep(LOOK_S)
        place, last = await _place(fleet, block)
        if place.shard != to_shard and place.moving_to != to_shard:
            raise Refused(f"something else was wished of {event} meanwhile: it is on {place.shard}")
        if time.monotonic() > until_s:
            raise Refused(f"{event} has not moved in {MOVE_PATIENCE_S:.0f} s: it will when {to_shard} serves")
    until_s = time.monotonic() + CLAIM_PATIENCE_S
    while not last.claimed_ms and last.let_go_at_ms != 0 and time.monotonic() < until_s:
        await asyncio.sleep(LOOK_S)
        _, last = await _place(fleet, block)
    return f"{event} has moved from {from_shard} to {to_shard}: {_gap(last)}"


def _gap(last: LastMove) -> str:
    """For how long nobody was served, as far as the journal tells."""
    if last.let_go_at_ms == 0:
        return "nobody was using it"
    if not last.claimed_ms:
        return "it is not in memory there yet"
    if last.let_go_at_ms is None:
        since_ms = max(0, last.claimed_ms - last.written_before_ms)
        return f"{last.former_shard} did not let it go and is fenced; nothing was written for {since_ms} ms"
    return f"nobody was served for {max(0, last.claimed_ms - last.let_go_at_ms)} ms"


async def _place(fleet: Fleet, block: BlockId) -> tuple[BlockPlace, LastMove]:
    found = await fleet.place(block)
    if found is None:
        raise Refused(f"there is no event {event_id(block)}")
    return found


async def resize(fleet: Fleet, count: int, say: Callable[[str], None]) -> None:
    """Let there be so many shards; `say`s how it goes. Raises Refused, CatalogueUnavailable."""
    wanted, sessions = SESSIONS_PER_SHARD * count + SESSIONS_BESIDE, await fleet.session_limit()
    if wanted > sessions:
        raise Refused(f"{count} shards want {wanted} sessions of Postgres, whose max_connections is {sessions}")
    await fleet.resize(shard_names(count))
    said, until_s = "", 0.0
    while True:
        changing = [line for line in await fleet.shards() if line.state in (JOINING, LEAVING)]
        if not changing:
            break
        says = f"{', '.join(map(_progress, changing))}; {await fleet.moving_count()} events on their way"
        if says != said:
            say(says)
            said, until_s = says, time.monotonic() + RESIZE_PATIENCE_S
        elif time.monotonic() > until_s:
            raise Refused(
                f"nothing has changed for {RESIZE_PATIENCE_S:.0f} s: the wish is kept for a cluster that runs"
            )
        await asyncio.sleep(LOOK_S)
    say(f"there are {len(await fleet.states())} shards")


def _progress(line: ShardLine) -> str:
    if line.state == LEAVING:
        return f"{line.shard} leaves, {line.block_count} events left"
    return f"{line.shard} joins, {line.block_count} events there" if line.epoch else f"{line.shard} starts"
