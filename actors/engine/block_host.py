"""The host: takes a batch, decides and applies each command in turn, and answers when all of it is durable.

Every answer but a fault waits for its block's cycle of the group commit, so nothing is said that could be forgotten,
and nothing stale is said by a shard that was replaced unawares.
"""

import asyncio

import msgspec
import structlog

from actors.core import block as core
from actors.core.commands import Command, Read
from actors.core.entries import Entry
from actors.core.ids import BlockId
from actors.core.outcomes import Accepted, Rejected
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

_Pending = Accepted | Rejected | Failed


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
        for _ in range(EXPIRIES_PER_TICK):
            entry = core.next_expiry(hosted.state, now_ms)
            if entry is None or not self._apply(hosted, (entry,)):
                break
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
        pendings = [self._decide(call, now_ms, touched) for call in calls]
        positions: dict[BlockId, int] = {}
        if touched:
            cycle = self._commit.collect(touched.values())
            await cycle.wait()
            positions = cycle.positions
        return [_answer_of(pending, positions.get(call.block)) for call, pending in zip(calls, pendings, strict=True)]

    def _decide(self, call: Call, now_ms: int, touched: dict[BlockId, HostedBlock]) -> _Pending:
        try:
            command = command_decoder.decode(call.command)
        except msgspec.DecodeError:
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
        return self._outcome(hosted, command, now_ms)

    def _outcome(self, hosted: HostedBlock, command: Command, now_ms: int) -> _Pending:
        try:
            outcome = core.decide(hosted.state, command, now_ms)
        except Exception as bug:  # noqa: BLE001  a poison command is that command's fault alone
            _log.error("decide failed", block=hosted.block, command=type(command).__name__, exc_info=bug)
            return Failed(Fault.BUG)
        if isinstance(outcome, Accepted) and outcome.entries and not self._apply(hosted, outcome.entries):
            return Failed(Fault.QUARANTINED)
        return outcome

    def _apply(self, hosted: HostedBlock, entries: tuple[Entry, ...]) -> bool:
        try:
            hosted.apply(entries)
        except Exception as bug:  # noqa: BLE001  the block stops, the shard goes on
            _log.error("apply failed: block quarantined", block=hosted.block, exc_info=bug)
            hosted.quarantined = repr(bug)
            return False
        return True


def _answer_of(pending: _Pending, position: int | None) -> Answer:
    if isinstance(pending, Failed):
        return pending
    if position is None:
        return Failed(Fault.FENCED)
    if isinstance(pending, Rejected):
        return Refused(pending.reason, pending.details)
    return Replied(encoder.encode(pending.reply), pending.replayed, position)
