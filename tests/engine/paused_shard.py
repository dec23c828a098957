"""A shard as a process of its own, without Ray: started by `test_paused_process`.

Prints `serving` when it does. A sabotage breaks what should keep a paused and replaced shard from doing harm.
"""

import asyncio
import os
import sys
import time
from collections.abc import Sequence
from secrets import token_bytes

import msgspec

from actors.catalogue.catalogue import Catalogue
from actors.engine import timers
from actors.engine.engine import Engine, Lines
from actors.engine.group_commit import Cycle, GroupCommit
from actors.engine.hosted import HostedBlock
from actors.engine.timers import Outlived
from actors.journal.journal import Appended, Epoch, NewRow, chain_of
from actors.journal.postgres import PostgresJournal
from actors.link.address import UnixAddress
from actors.link.handshake import Identity
from actors.link.server import LinkServer
from tests.engine.alone import alone
from tests.link.loopback import SECRET

SHARD = "s1"


class ConflictIsSuccess(PostgresJournal):
    """Believes that whatever it sent is there."""

    async def append(self, rows: Sequence[NewRow]) -> Appended:
        done = await super().append(rows)
        return Appended(done.durable | done.fenced, frozenset(), done.now_ms)


class AppendsBehindAnyHead(PostgresJournal):
    """Puts its rows behind whatever there is."""

    async def append(self, rows: Sequence[NewRow]) -> Appended:
        heads = (await self.heads([new.row.block for new in rows])).heads
        moved = []
        for new in rows:
            row, head = new.row, heads.get(new.row.block)
            if head is not None and head.chain != new.prev_chain:
                prev, position = head.chain, head.position + 1
                chain = chain_of(prev, row.block, position, row.epoch, row.recorded_at_ms, row.entries)
                new = NewRow(msgspec.structs.replace(row, position=position, chain=chain), prev)
            moved.append(new)
        return await super().append(moved)


async def believe(_: GroupCommit, cycle: Cycle, checking: list[HostedBlock]) -> None:
    """Instead of the check of heads."""
    cycle.positions.update({hosted: hosted.position for hosted in checking})


async def judge_nothing(*_: object) -> None:
    """Instead of the look at who has fenced us: a row of ours behind a newer one is taken for a lost row."""
    await asyncio.Event().wait()


async def serve(url: str, path: str, packed_epoch: int, sabotage: str) -> None:
    journal = {"conflict_is_success": ConflictIsSuccess, "append_behind_any_head": AppendsBehindAnyHead}
    if sabotage == "no_head_check":
        GroupCommit._check = believe  # type: ignore[method-assign, assignment]
    if sabotage == "append_behind_any_head":
        timers.judge_fences = judge_nothing  # type: ignore[assignment]
    lines = Lines(journal.get(sabotage, PostgresJournal)(url), *(PostgresJournal(url) for _ in range(3)))
    epoch = Epoch.unpacked(packed_epoch)
    catalogue = Catalogue(url)
    engine = Engine(SHARD, epoch, lines, catalogue, time.monotonic, lambda: token_bytes(8), others=alone, cut_over=True)
    await engine.start()
    server = LinkServer(UnixAddress(path), SECRET, Identity(SHARD, epoch.packed()), engine.serve)
    await server.start()
    await catalogue.register(SHARD, epoch.packed(), str(server.address), os.getpid())
    print("serving", flush=True)
    try:
        await engine.run()
    except* Outlived:
        print("outlived", flush=True)


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]))
