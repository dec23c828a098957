"""The host: takes a batch, decides and applies each command in turn, and answers when all of it is durable.

Every answer but a fault waits for its block's cycle of the group commit, so nothing is said that could be forgotten,
and nothing stale is said by a shard that was replaced unawares.

The answers of a batch must fit into one frame. Those that do not are put off: whoever asked asks again, alone. Once
that has happened, further commands of the batch whose reply is a whole event are not even decided, so that a batch of
them costs little more than a frame; the others, whose replies are small, have their turn.
"""

import asyncio

import msgspec
import structlog

from actors.core import block as core
from actors.core.commands import Command, CreateEvent, OpenSale, Read, ReadEvent
from actors.core.ids import BlockId
from actors.core.outcomes import Rejected
from actors.engine.clock import JournalClock
from actors.engine.crowding import Crowding
from actors.engine.group_commit import GroupCommit
from actors.engine.hosted import HostedBlock
from actors.engine.residence import Residence
from actors.link.batch import (
    ANSWER_OVERHEAD_BYTES,
    MAX_ANSWERS_BYTES,
    Answer,
    Call,
    Failed,
    Fault,
    Refused,
    Replied,
    calls_decoder,
    command_decoder,
    encoder,
)

_log = structlog.get_logger(__name__)

DUES_PER_TICK = 500
LOOKS_PER_TICK = 2_000
TOLD_AGAIN_S = 0.1
MAX_CALLS_WAITING = 50_000

_REPLIED_WITH_LAYOUT = (CreateEvent, OpenSale, ReadEvent)


class BlockHost:
    """Serves batches from the blocks in residence. Runs in one thread of control; only waiting is concurrent."""

    def __init__(self, residence: Residence, commit: GroupCommit, clock: JournalClock, crowding: Crowding) -> None:
        self._residence = residence
        self._crowding = crowding
        self._commit = commit
        self._clock = clock
        self.call_count = 0
        self.batch_count = 0
        self.calls_waiting = 0
        self.cut_over = asyncio.Event()  # a client has asked a shard of this cluster to write
        self.errands_wanted = asyncio.Event()  # a batch has left something to do in other blocks

    async def serve(self, payload: bytes) -> bytes:
        """Encoded calls in, encoded answers out, in the same order. Raises msgspec.DecodeError for no batch at all."""
        calls = calls_decoder.decode(payload)
        self.batch_count += 1
        self.call_count += len(calls)
        refusal = self._refuse_all(len(calls))
        if refusal is not None:
            return encoder.encode([refusal] * len(calls))
        self.calls_waiting += len(calls)
        try:
            return encoder.encode(await self._answer(calls))
        finally:
            self.calls_waiting -= len(calls)

    async def tell(self, block: BlockId, command: Command, within_s: float = 0.0) -> Answer:
        """One command, from within; its answer when it is durable. A block that was let go has so long to come in."""
        until_s, call = asyncio.get_running_loop().time() + within_s, Call(block, encoder.encode(command))
        while True:
            (answer,) = await self._answer([call])
            if not isinstance(answer, Failed) or asyncio.get_running_loop().time() >= until_s:
                return answer
            await asyncio.sleep(TOLD_AGAIN_S)

    def trouble(self) -> str:
        """Why every call is refused now, in words; empty if none is. Being full is no trouble: that passes by itself.

        What the journal refuses is known from when a commit was tried until one has come through.
        """
        if self._commit.stalled:
            return "the journal does not answer"
        if not self._clock.trusted:
            return "the journal's clock has jumped"
        return ""

    def tick(self, hosted: HostedBlock) -> None:
        """Bring about what is due in a claimed block, a turn's work; the next commit makes it durable."""
        if not hosted.claimed or hosted.quarantined or hosted.lost:
            return
        _bring_about(hosted, self._clock.sure_ms(), _Turn())
        if hosted.pending:
            self._residence.stirred[hosted] = None
            self._commit.collect([hosted])

    def _refuse_all(self, count: int) -> Failed | None:
        trouble = self.trouble()
        if trouble:
            return Failed(Fault.UNAVAILABLE, trouble)
        if self.calls_waiting + count > MAX_CALLS_WAITING:
            return Failed(Fault.OVERLOADED)
        return None

    async def _answer(self, calls: list[Call]) -> list[Answer]:
        batch = _Batch(self._clock.now_ms(), self._clock.sure_ms(), len(calls))
        answers = [batch.fitting(self._decide(call, batch)) for call in calls]
        for hosted in batch.touched.values():
            if len(hosted.state.line) and hosted.claimed and not hosted.quarantined:
                _bring_about(hosted, batch.sure_ms, batch.turn)
        if batch.touched:
            written = [hosted for hosted in batch.touched.values() if hosted.pending]
            self._residence.stirred.update(dict.fromkeys(written))
            cycle = self._commit.collect(batch.touched.values())
            await cycle.wait()
            if any(hosted.state.desk.todos or hosted.state.parts_behind for hosted in written):
                self.errands_wanted.set()
            for index, call in enumerate(calls):
                if not isinstance(answers[index], Failed):
                    answers[index] = _as_of(cycle.positions.get(batch.touched[call.block]), answers[index])
        return answers

    def _decide(self, call: Call, batch: "_Batch") -> Answer:
        """The answer, to be given when its block's cycle is done; a fault may be told at once."""
        try:
            command = command_decoder.decode(call.command)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return Failed(Fault.BUG, "the command cannot be decoded")
        to_write = not isinstance(command, Read)
        if to_write:
            self.cut_over.set()
        if batch.full and isinstance(command, _REPLIED_WITH_LAYOUT):
            return Failed(Fault.DEFERRED)
        hosted = self._residence.find(call.block, to_write=to_write)
        if isinstance(hosted, Failed):
            return hosted
        if call.block not in batch.touched:
            self.tick(hosted)
            if hosted.quarantined:
                return Failed(Fault.QUARANTINED)
            batch.touched[call.block] = hosted
        if isinstance(command, core.CLAIMS) and len(hosted.state.line):
            _bring_about(hosted, batch.sure_ms, batch.turn)  # what has come back is for those who wait
            if hosted.quarantined:
                return Failed(Fault.QUARANTINED)
        return _serve(hosted, command, batch, crowded=hosted.state.tenant in self._crowding.tenants)


class _Batch:
    """What the commands of a batch share: time, a turn, the blocks that they touch, the room for their answers."""

    def __init__(self, now_ms: int, sure_ms: int, call_count: int) -> None:
        self.now_ms = now_ms
        self.sure_ms = sure_ms
        self.turn = _Turn()
        self.touched: dict[BlockId, HostedBlock] = {}
        self.full = False  # something did not fit
        self._room_bytes = MAX_ANSWERS_BYTES - ANSWER_OVERHEAD_BYTES * call_count

    def fitting(self, answer: Answer) -> Answer:
        """The answer if there is room for it."""
        size = len(answer.reply) if isinstance(answer, Replied) else len(encoder.encode(answer))
        if size > self._room_bytes:
            self.full = True
            return Failed(Fault.DEFERRED)
        self._room_bytes -= size
        return answer


def _serve(hosted: HostedBlock, command: Command, batch: "_Batch", *, crowded: bool) -> Answer:
    try:
        outcome = core.decide(
            hosted.state, command, batch.now_ms, sure_ms=batch.sure_ms, owned=hosted.claimed, crowded=crowded
        )
        if isinstance(outcome, Rejected):
            return Refused(outcome.reason, outcome.details)
        replied = Replied(encoder.encode(outcome.reply), outcome.replayed)
    except Exception as bug:  # noqa: BLE001  a poison command is that command's fault alone
        _log.error("decide failed", block=hosted.block, command=type(command).__name__, exc_info=bug)
        return Failed(Fault.BUG)
    try:
        hosted.apply(outcome.entries)
    except Exception as bug:  # noqa: BLE001  the block stops, the shard goes on
        _quarantine(hosted, bug)
        return Failed(Fault.QUARANTINED)
    return replied


class _Turn:
    """How much more of what is due is brought about at once: entries, and looks at those who wait, by their effort."""

    __slots__ = ("dues", "looks")

    def __init__(self) -> None:
        self.dues = DUES_PER_TICK
        self.looks = LOOKS_PER_TICK


def _bring_about(hosted: HostedBlock, now_ms: int, turn: _Turn) -> None:
    """What is due, as far as the turn goes. What is left is first in the next one: until it is offered to those who
    wait, the core puts newcomers off.
    """
    line = hosted.state.line
    try:
        while turn.dues > 0 and turn.looks > 0:
            effort = line.effort
            entry = core.next_due(hosted.state, now_ms, turn.looks)
            turn.looks -= line.effort - effort
            if entry is None:
                return
            hosted.apply((entry,))
            turn.dues -= 1
    except Exception as bug:  # noqa: BLE001  the block stops, the shard goes on
        _quarantine(hosted, bug)


def _quarantine(hosted: HostedBlock, bug: Exception) -> None:
    _log.error("apply failed: block quarantined", block=hosted.block, exc_info=bug)
    hosted.quarantined = repr(bug)


def _as_of(position: int | None, answer: Answer) -> Answer:
    """The answer when its cycle is done; `position` is None if the block was lost meanwhile."""
    if position is None:
        return Failed(Fault.FENCED)
    return Replied(answer.reply, answer.replayed, position) if isinstance(answer, Replied) else answer
