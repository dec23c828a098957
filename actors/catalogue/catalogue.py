"""The catalogue in Postgres. Nobody waits for it on the hot path: shards and gateways remember what it said."""

import asyncio
from collections.abc import Collection
from hashlib import blake2b
from pathlib import Path
from typing import Any

import msgspec

from actors.catalogue.answers import answered
from actors.core.commands import Correct
from actors.core.ids import BlockId, TenantId
from actors.database.line import Line
from actors.database.queries import load_queries
from actors.engine.catalogue_port import Assignment, Beat, Due, EngineCounters, Move, Quarantined

_SQL = load_queries(Path(__file__).parent / "catalogue.sql")


class NumberUsed(Exception):
    """An incarnation of this number, or of a higher one, has been registered: no other process may bear it."""


class ShardLeaves(Exception):
    """Nothing is entered for this shard any more: ask for another."""


class Incarnation(msgspec.Struct, frozen=True):
    """One life of one shard: where it listens, as which process, and what it has done."""

    shard: str
    epoch: int  # packed
    address: str
    pid: int
    counters: EngineCounters = EngineCounters()
    is_leaving: bool = False  # it serves what it has until that has moved, and gets nothing more


class Catalogue:
    """The catalogue over a few lines. Every method raises CatalogueUnavailable where Postgres cannot be reached.

    Who has a block, and who is to have it, is asked by many at once: that has lines of its own, so that nobody waits
    behind it who looks for the shards or says that it is alive. They are two, as only one waits for a commit.
    """

    def __init__(self, database_url: str, *, application_name: str = "holdfast-catalogue") -> None:
        self._line = Line(database_url, application_name=application_name)
        self._owners = Line(database_url, application_name=application_name)
        self._assigning = Line(database_url, application_name=application_name)

    async def begin_generation(self) -> int:
        """A number higher than that of any cluster before."""
        return int((await self._fetch("begin_generation"))[0][0])

    async def register(self, shard: str, epoch: int, address: str, pid: int) -> None:
        """Make a new incarnation known, once. Raises NumberUsed."""
        if not await self._fetch("register", shard, epoch, address, pid):
            raise NumberUsed(f"{shard} has had an incarnation of epoch {epoch:#x} or higher")

    async def newest_incarnations(self, generation: int) -> tuple[dict[str, Incarnation], int]:
        """The shards of one cluster, by name, and the journal's clock in ms."""
        rows = await self._fetch("newest_incarnations", generation)
        newest = {
            row["shard"]: Incarnation(
                row["shard"],
                row["epoch"],
                row["address"],
                row["pid"],
                msgspec.json.decode(row["counters"], type=EngineCounters),
                row["is_leaving"],
            )
            for row in rows
            if row["shard"] is not None
        }
        return newest, rows[0]["now_ms"]

    async def highest_epochs(self, generation: int) -> dict[str, int]:
        """The highest epoch (packed) of each shard of one cluster that has been used, or is not to be."""
        return {row["shard"]: row["epoch"] for row in await self._fetch("highest_epochs", generation)}

    async def heartbeat(self, shard: str, epoch: int, now_ms: int, counters: EngineCounters) -> Beat:
        """See `ShardCatalogue.heartbeat`."""
        rows = await self._fetch("heartbeat", shard, epoch, now_ms, msgspec.json.encode(counters).decode())
        quarantined = msgspec.json.decode(rows[0]["quarantined"], type=tuple[Quarantined, ...])
        return Beat(rows[0]["now_ms"], rows[0]["newest_epoch"], quarantined, is_cut_over=rows[0]["is_cut_over"])

    async def last_heartbeat_ms(self, shard: str, epoch: int) -> int | None:
        """See `ShardCatalogue.last_heartbeat_ms`."""
        rows = await self._fetch("last_heartbeat", shard, epoch)
        return int(rows[0]["heartbeat_at_ms"]) if rows else None

    async def witness_heartbeat_ms(self, shard: str, epoch: int) -> int | None:
        """As `last_heartbeat_ms`, but answered only where commits come through, as a heartbeat must."""
        rows = await self._fetch("witness_heartbeat", shard, epoch)
        return int(rows[0]["heartbeat_at_ms"]) if rows else None

    async def wants_successor(self, shard: str, epoch: int) -> bool:
        """Whether this incarnation was told to stop and waits to be succeeded, as it has last said."""
        rows = await self._fetch("wants_successor", shard, epoch)
        return bool(rows and rows[0]["wants_successor"])

    async def witness_commit(self, shard: str) -> None:
        """Answered only where an incarnation of this shard could be registered now."""
        await self._fetch("witness_commit", shard)

    async def owner(self, block: BlockId) -> str | None:
        """The shard that is to serve the block, or None for a block that does not exist."""
        rows = await answered(self._owners.fetch(_SQL["owner"], block))
        return str(rows[0]["shard"]) if rows else None

    async def owners(self, blocks: Collection[BlockId]) -> dict[BlockId, str]:
        """As `owner`, of many; without those that do not exist."""
        rows = await answered(self._owners.fetch(_SQL["owners"], list(blocks)))
        return {BlockId(row["block_id"]): str(row["shard"]) for row in rows}

    async def assignment(self, block: BlockId) -> Assignment | None:
        """See `ShardCatalogue.assignment`."""
        rows = await answered(self._owners.fetch(_SQL["assignment"], block))
        return Assignment(*rows[0]) if rows else None

    async def claim(self, block: BlockId, shard: str, generation: int) -> Assignment | None:
        """See `ShardCatalogue.claim`. The claim in the journal is behind it in the log, and is what is waited for."""
        await answered(self._assigning.fetch(_SQL["claim"], block, shard, generation))
        return await self.assignment(block)

    async def assign(self, block: BlockId, tenant: TenantId, shard: str) -> str:
        """Enter a block for `shard`, unless it is entered; the shard that has it. Raises ShardLeaves."""
        rows = await answered(self._assigning.fetch(_SQL["assign"], block, tenant, shard))
        if rows:
            return str(rows[0]["shard"])
        # Another has entered it since the statement began, and then it is there to be read; or nobody may.
        owner = await self.owner(block)
        if owner is None:
            raise ShardLeaves(shard)
        return owner

    async def moves(self, shard: str, generation: int, limit: int) -> list[Move]:
        """See `ShardCatalogue.moves`."""
        return [Move(*row) for row in await self._fetch("moves", shard, generation, limit)]

    async def carry_out(self, move: Move, generation: int, let_go_at_ms: int | None) -> bool:
        """See `ShardCatalogue.carry_out`."""
        return bool(await self._fetch("carry_out", *move, generation, let_go_at_ms))

    async def end_quarantine(self, block: BlockId, correct: Correct) -> bool:
        """See `ShardCatalogue.end_quarantine`."""
        ended = correct.quarantine, correct.position, correct.by, correct.why
        rows = await self._fetch("end_quarantine", block, *ended)
        return all(row["what"] == "ended" for row in rows)

    async def refuse_correction(self, block: BlockId, correct: Correct, why: str) -> None:
        """See `ShardCatalogue.refuse_correction`."""
        await self._fetch("refuse_correction", block, correct.quarantine, why)

    async def due_blocks(self, shard: str, now_ms: int, after: Due | None, limit: int) -> list[Due]:
        """See `ShardCatalogue.due_blocks`."""
        after_ms, after_block = after or (0, "")
        rows = await self._fetch("due_blocks", shard, now_ms, after_ms, after_block, limit)
        return [Due(row["due_at_ms"], BlockId(row["block_id"])) for row in rows]

    async def close(self) -> None:
        """End the lines."""
        await asyncio.gather(self._line.close(), self._owners.close(), self._assigning.close())

    async def _fetch(self, query: str, *arguments: object) -> list[Any]:
        return await answered(self._line.fetch(_SQL[query], *arguments))


def rendezvous(block: BlockId, shards: list[str]) -> str:
    """The shard that a new block goes to: each shard's hash with the block, the highest wins (rendezvous hashing)."""
    return max(shards, key=lambda shard: blake2b(f"{block}\0{shard}".encode(), digest_size=8).digest())
