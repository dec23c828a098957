"""What the engine's tests share: engines on one journal in memory, in virtual time, and faults exactly when told."""

import asyncio
import functools
from collections.abc import Callable, Coroutine, Sequence
from itertools import count
from typing import Any, ParamSpec, TypeVar

from actors.core.commands import (
    Command,
    ConfirmOrder,
    CreateEvent,
    OpenSale,
    PlaceHold,
    PlaceOrder,
    ReadDigest,
    ReadEvent,
    ReadHold,
    ReleaseHold,
    Stamp,
)
from actors.core.entries import Entry, HoldExpired
from actors.core.ids import BlockId, TenantId, event_block
from actors.core.keys import fingerprint, key_hash
from actors.core.replies import DigestReply, HoldReply, HoldStatus
from actors.core.wishes import Wish
from actors.engine.engine import Engine, Lines
from actors.engine.timers import Outlived
from actors.journal.codec import decode_entries
from actors.journal.journal import Epoch, JournalRow, JournalUnavailable
from actors.journal.memory import MemoryJournal, MemoryStore, Statement
from actors.link.batch import Answer, Call, Failed, Fault, Replied, answers_decoder, encoder, reply_decoder
from tests.engine.alone import alone
from tests.simulation import virtual_time
from tests.simulation.buyers import LAYOUT
from tests.simulation.virtual_time import Process
from tests.simulation.world import Catalogue, now_ms

P = ParamSpec("P")
T = TypeVar("T")

TENANT = TenantId("arena")
FOREVER_MS = 1 << 60
PATIENCE_S = 60.0
NOT_READY = Failed(Fault.NOT_READY)
FENCED = Failed(Fault.FENCED)

_numbers = count(1)


def on_virtual_time(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """The coroutine test as one that pytest runs, on a fresh virtual loop."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        virtual_time.run(lambda: test(*args, **kwargs))

    return run


class Script:
    """What befalls the statements of one engine. `seen`: all that were sent, in order."""

    def __init__(self) -> None:
        self.away = False  # the journal refuses everything
        self.delay_s = 0.0  # what each takes
        self.seen: list[Statement] = []
        self._losing: set[str] = set()
        self._held: dict[str, asyncio.Event] = {}
        self._held_answers: dict[str, asyncio.Event] = {}

    def appends(self) -> list[list[JournalRow]]:
        """The rows of every append that was sent."""
        return [[new.row for new in statement.rows] for statement in self.seen if statement.name == "append"]

    def sent(self, name: str) -> int:
        """How many statements of this name were sent."""
        return sum(statement.name == name for statement in self.seen)

    def lose_answer(self, name: str) -> None:
        """Carry the next statement of this name out and lose its answer."""
        self._losing.add(name)

    def hold(self, name: str) -> asyncio.Event:
        """Let the next statement of this name wait on its way to the journal until the event is set."""
        return self._held.setdefault(name, asyncio.Event())

    def hold_answer(self, name: str) -> asyncio.Event:
        """Let the next answer to a statement of this name wait on its way back until the event is set."""
        return self._held_answers.setdefault(name, asyncio.Event())

    async def before(self, statement: Statement) -> None:
        self.seen.append(statement)
        await asyncio.sleep(self.delay_s)
        if self.away:
            raise JournalUnavailable("away")
        held = self._held.pop(statement.name, None)
        if held is not None:
            await held.wait()

    async def after(self, statement: Statement) -> None:
        if statement.name in self._losing:
            self._losing.discard(statement.name)
            raise JournalUnavailable("the answer was lost")
        held = self._held_answers.pop(statement.name, None)
        if held is not None:
            await held.wait()


class Running:
    """An engine that runs as a process of its own. `left`: it ended itself."""

    def __init__(self, stage: "Stage", shard: str, epoch: Epoch, *, cut_over: bool, bound_ms: int) -> None:
        self.script = Script()
        lines = Lines(*(MemoryJournal(stage.store, faults=self.script, bound_ms=bound_ms) for _ in range(4)))
        loop = asyncio.get_running_loop()
        nonces = count(epoch.packed() << 8)
        self.jumped_s = 0.0  # its own clock
        self.engine = Engine(
            shard,
            epoch,
            lines,
            stage.catalogue,
            lambda: loop.time() + self.jumped_s,
            lambda: next(nonces).to_bytes(8),
            others=alone,
            cut_over=cut_over,
        )
        self.process = Process(shard)
        self._register = stage.catalogue.register
        self.left = False

    async def start(self) -> None:
        """Begin to serve."""
        await self.engine.start()
        self._register(self.engine.shard, self.engine.epoch.packed())  # in vain, if a newer one was there before
        self.running = self.process.start(self._run())

    async def _run(self) -> None:
        try:
            await self.engine.run()
        except* Outlived:
            self.left = True

    def send(self, block: BlockId, *commands: Command | bytes) -> "asyncio.Task[list[Answer]]":
        """A batch on its way: all for one block."""
        return self.send_calls([(block, command) for command in commands])

    def send_calls(self, calls: Sequence[tuple[BlockId, Command | bytes]]) -> "asyncio.Task[list[Answer]]":
        """A batch on its way."""
        encoded = [
            Call(block, command if isinstance(command, bytes) else encoder.encode(command)) for block, command in calls
        ]
        return self.process.start(self._serve(encoder.encode(encoded)))

    async def _serve(self, payload: bytes) -> list[Answer]:
        return answers_decoder.decode(await self.engine.serve(payload))

    async def ask(self, block: BlockId, *commands: Command | bytes) -> list[Answer]:
        """The answers to a batch for one block, sent again while the block is on its way in."""
        for _ in range(200):
            answers = await answered(self.send(block, *commands))
            if NOT_READY not in answers:
                return answers
            await asyncio.sleep(0.01)
        raise AssertionError("the block never came in")

    async def ask_one(self, block: BlockId, command: Command | bytes) -> Answer:
        """The answer to one command."""
        return (await self.ask(block, command))[0]

    async def digest(self, block: BlockId) -> bytes:
        """The digest of the block's state."""
        replied = await self.ask_one(block, ReadDigest(TENANT))
        assert isinstance(replied, Replied)
        reply = reply_decoder.decode(replied.reply)
        assert isinstance(reply, DigestReply)
        return reply.digest


class Stage:
    """One journal, one catalogue, and the engines that compete over them."""

    def __init__(self) -> None:
        self.clock_error_ms = 0
        self.store = MemoryStore(lambda: now_ms() + self.clock_error_ms)
        self.catalogue = Catalogue(self.store)

    async def engine(
        self,
        incarnation: int = 1,
        *,
        shard: str = "s1",
        generation: int = 1,
        cut_over: bool = True,
        bound_ms: int = 5_000,
    ) -> Running:
        """Start an incarnation."""
        running = Running(self, shard, Epoch(generation, 1, incarnation), cut_over=cut_over, bound_ms=bound_ms)
        await running.start()
        return running

    def new_block(self, shard: str = "s1") -> BlockId:
        """A block that the catalogue knows, without rows."""
        block = event_block(TENANT, f"event-{next(_numbers)}")
        self.catalogue.owners[block] = shard
        return block

    async def on_sale(self, owner: Running, hold_ttl_ms: int = 600_000) -> BlockId:
        """A new event on sale."""
        block = self.new_block(owner.engine.shard)
        key = f"create-{block}"
        create = CreateEvent(stamp(key), "An evening", LAYOUT, hold_ttl_ms)
        for answer in await owner.ask(block, create, OpenSale(stamp(f"open-{block}"))):
            assert isinstance(answer, Replied)
        return block

    def entries(self, block: BlockId) -> list[Entry]:
        """Everything in the block's journal."""
        return [entry for row in self.store.journals.get(block, []) for entry in decode_entries(row.entries)]

    def epochs(self, block: BlockId) -> list[int]:
        """Which incarnation wrote each row."""
        return [Epoch.unpacked(row.epoch).incarnation for row in self.store.journals.get(block, [])]


def expired(stage: Stage, block: BlockId) -> list[int]:
    """The holds whose expiry is in the journal."""
    return [entry.hold for entry in stage.entries(block) if isinstance(entry, HoldExpired)]


async def answered(sent: "asyncio.Task[T]", within_s: float = PATIENCE_S) -> T:
    """What comes of it; an AssertionError if it takes longer than that."""
    done, _ = await asyncio.wait([sent], timeout=within_s)
    assert done, "nobody answered"
    return sent.result()


async def settle() -> None:
    """Let everything run that can run now."""
    await asyncio.sleep(0.005)


def stamp(key: str, not_after_ms: int = FOREVER_MS) -> Stamp:
    """Of the test's tenant."""
    return Stamp(TENANT, "someone", key_hash(TENANT, key), fingerprint(TENANT, "someone", key), not_after_ms)


def hold(number: int, *seats: str, ttl_ms: int = 0, key: str = "") -> PlaceHold:
    """Hold seats of section A (`1/1`: row 1, seat 1) under a key of its own."""
    return PlaceHold(stamp(key or f"hold-{number}"), number, Wish(tuple(f"A/{seat}" for seat in seats)), ttl_ms)


def release(number: int) -> ReleaseHold:
    """Release a hold."""
    return ReleaseHold(stamp(f"release-{number}"), number)


def order(number: int, of_hold: int) -> PlaceOrder:
    """Order what is held."""
    return PlaceOrder(stamp(f"order-{number}"), of_hold, number)


def confirm(number: int) -> ConfirmOrder:
    """Confirm an order."""
    return ConfirmOrder(stamp(f"confirm-{number}"), number)


def read_event() -> ReadEvent:
    """Read the event."""
    return ReadEvent(TENANT)


def read_hold(number: int) -> ReadHold:
    """Read a hold."""
    return ReadHold(TENANT, number)


def hold_status(answer: Answer) -> HoldStatus:
    """What a reply says of a hold."""
    return hold_reply(answer).status


def hold_reply(answer: Answer) -> HoldReply:
    """The reply about a hold that this answer bears."""
    assert isinstance(answer, Replied), answer
    reply = reply_decoder.decode(answer.reply)
    assert isinstance(reply, HoldReply)
    return reply
