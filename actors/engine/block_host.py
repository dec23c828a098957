"""The host: takes a batch, decides and applies each command in turn, and answers when all of it is durable.

Every answer but a fault waits for its block's cycle of the group commit, so nothing is said that could be forgotten,
and nothing stale is said by a shard that was replaced unawares.
"""

import asyncio

import msgspec
import structlog

from actors.core import block as core
from actors.core.commands import Command, Read
from actors.core.ids import BlockId
from actors.core.outcomes import Rejected
from actors.engine.clock import JournalClock
from actors.engine.group_commit import GroupCommit
from actors.engine.hosted import HostedBlock
from actors.engine.residence import Residence
from actors.link.batch import (
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

EXPIRIES_PER_TICK = 500
MAX_CALLS_WAITING = 50_000


class BlockHost:
    """Serves batches from the blocks in residence. Runs in one thread of control; only waiting is concurrent."""

    def __init__(self, residence: Residence, commit: GroupCommit, clock: JournalClock) -> None:
        self._residence = residence
        self._commit = commit
        self._clock = clock
        self.call_count = 0
        self.batch_count = 0
        self.calls_waiting = 0
        self.written_to = asyncio.Event()  # a client has asked this shard to write

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

    def tick(self, hosted: HostedBlock) -> None:
        """Expire what is due in a claimed block, a bounded number; the next commit makes it durable."""
        if not hosted.claimed or hosted.quarantined or hosted.lost:
            return
        now_ms = self._clock.now_ms()
        try:
            for _ in range(EXPIRIES_PER_TICK):
                entry = core.next_expiry(hosted.state, now_ms)
                if entry is None:
                    break
                hosted.apply((entry,))
        except Exception as bug:  # noqa: BLE001  the block stops, the shard goes on
            _quarantine(hosted, bug)
        if hosted.pending:
            self._commit.collect([hosted])

    def _refuse_all(self, count: int) -> Failed | None:
        if self._commit.stalled:
            return Failed(Fault.UNAVAILABLE, "the journal does not answer")
        if not self._clock.trusted:
            return Failed(Fault.UNAVAILABLE, "the journal's clock has jumped")
        if self.calls_waiting + count > MAX_CALLS_WAITING:
            return Failed(Fault.OVERLOADED)
        return None

    async def _answer(self, calls: list[Call]) -> list[Answer]:
        now_ms = self._clock.now_ms()
        touched: dict[BlockId, HostedBlock] = {}
        answers = [self._decide(call, now_ms, touched) for call in calls]
        if touched:
            cycle = self._commit.collect(touched.values())
            await cycle.wait()
            for index, call in enumerate(calls):
                if not isinstance(answers[index], Failed):
                    answers[index] = _as_of(cycle.positions.get(touched[call.block]), answers[index])
        return answers

    def _decide(self, call: Call, now_ms: int, touched: dict[BlockId, HostedBlock]) -> Answer:
        """The answer, to be given when its block's cycle is done; a fault may be told at once."""
        try:
            command = command_decoder.decode(call.command)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return Failed(Fault.BUG, "the command cannot be decoded")
        to_write = not isinstance(command, Read)
        if to_write:
            self.written_to.set()
        hosted = self._residence.find(call.block, to_write=to_write)
        if isinstance(hosted, Failed):
            return hosted
        if call.block not in touched:
            self.tick(hosted)
            if hosted.quarantined:
                return Failed(Fault.QUARANTINED)
            touched[call.block] = hosted
        return _serve(hosted, command, now_ms)


def _serve(hosted: HostedBlock, command: Command, now_ms: int) -> Answer:
    try:
        outcome = core.decide(hosted.state, command, now_ms)
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


def _quarantine(hosted: HostedBlock, bug: Exception) -> None:
    _log.error("apply failed: block quarantined", block=hosted.block, exc_info=bug)
    hosted.quarantined = repr(bug)


def _as_of(position: int | None, answer: Answer) -> Answer:
    """The answer when its cycle is done; `position` is None if the block was lost meanwhile."""
    if position is None:
        return Failed(Fault.FENCED)
    return Replied(answer.reply, answer.replayed, position) if isinstance(answer, Replied) else answer
