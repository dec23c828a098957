"""A shard on the journal and the catalogue in Postgres, without Ray and without a link."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import count

from actors.catalogue.catalogue import Catalogue
from actors.core.commands import Command, CreateEvent, OpenSale
from actors.core.ids import BlockId, event_block
from actors.core.outcomes import Reason, Rejected
from actors.engine.engine import Engine, Lines
from actors.journal.journal import Epoch
from actors.journal.postgres import PostgresJournal
from actors.link.batch import Answer, Call, Failed, Fault, Replied, answers_decoder, encoder
from tests.engine.alone import alone
from tests.engine.stage import TENANT, stamp
from tests.simulation.buyers import LAYOUT

SHARD = "shard-1"


class _Itself:
    """The way from a shard's blocks to its other blocks."""

    engine: Engine

    def reached(self, _: Callable[[], int]) -> "_Itself":
        """See `Engine`."""
        return self

    async def ask(
        self, block: BlockId, command: bytes, tenant: str, not_after_ms: int, unknown_block: Reason
    ) -> Replied | Rejected:
        """See `OtherBlocks`."""
        answers = answers_decoder.decode(await self.engine.serve(encoder.encode([Call(block, command)])))
        return answers[0] if isinstance(answers[0], Replied) else Rejected(Reason.UNAVAILABLE)


@asynccontextmanager
async def shard(database_url: str, incarnation: int = 1, *, speaks: bool = False) -> AsyncIterator[Engine]:
    """The shard, running; its cluster waits for the first write. `speaks`: its blocks speak to each other."""
    itself = _Itself()
    lines = Lines(*(PostgresJournal(database_url) for _ in range(4)))
    catalogue = Catalogue(database_url)
    loop, nonces = asyncio.get_running_loop(), count((incarnation << 16) + 1)
    epoch = Epoch(1, 1, incarnation)
    others = itself.reached if speaks else alone
    engine = itself.engine = Engine(
        SHARD, epoch, lines, catalogue, loop.time, lambda: next(nonces).to_bytes(8), others=others, cut_over=False
    )
    await engine.start()
    running = loop.create_task(engine.run())
    try:
        yield engine
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        for line in (*lines, catalogue):
            await line.close()


async def send(engine: Engine, *calls: tuple[BlockId, Command]) -> list[Answer]:
    """The answers to one batch."""
    payload = encoder.encode([Call(block, encoder.encode(command)) for block, command in calls])
    return answers_decoder.decode(await engine.serve(payload))


async def ask_once(engine: Engine, block: BlockId, command: Command) -> Answer:
    """The answer to one command."""
    (answer,) = await send(engine, (block, command))
    return answer


async def ask(engine: Engine, block: BlockId, command: Command) -> Answer:
    """The answer to one command, when the block is in."""
    for _ in range(400):
        answer = await ask_once(engine, block, command)
        if answer != Failed(Fault.NOT_READY):
            return answer
        await asyncio.sleep(0.005)
    raise AssertionError("the block never came in")


async def on_sale(engine: Engine, database_url: str, key: str) -> BlockId:
    """A new event of the shard."""
    block = event_block(TENANT, key)
    catalogue = Catalogue(database_url)
    await catalogue.assign(block, TENANT, SHARD)
    await catalogue.close()
    for command in (CreateEvent(stamp(f"create-{key}"), key, LAYOUT, 600_000), OpenSale(stamp(f"open-{key}"))):
        assert isinstance(await ask(engine, block, command), Replied)
    return block
