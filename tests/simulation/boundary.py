"""What crosses the boundary of a shard, held against the journal in that very moment, whoever hears of it.

Nothing is said before it is durable, on the replica too, nor as of a row below the head as it was when the question
came; nobody is served from a block by a shard that was told that it is quarantined; and no command has an effect that
is decided after its time.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, TypeAlias

import msgspec

from actors.core import commands as c
from actors.core.ids import BlockId
from actors.core.replies import EventReply, HoldReply, OrderReply, WaiterReply
from actors.journal.codec import decode_entries
from actors.journal.journal import JournalRow
from actors.link.batch import (
    Answer,
    Failed,
    Replied,
    answers_decoder,
    calls_decoder,
    command_decoder,
    reply_decoder,
)
from tests.simulation.causes import Cause, Decided, cause_of_command, cause_of_entry, decided
from tests.simulation.journal_faults import WatchedStore

Spoken: TypeAlias = EventReply | HoldReply | OrderReply | WaiterReply


class Asked(NamedTuple):
    """A batch that has come: its blocks with their heads, and under which quarantines the shard knew them.

    `until`: of each command what it is the cause of, and until when it may be decided; None: it has no end.
    `keys`: under which each is to have an effect, empty if it has none; None: it is a read.
    `failover_count`: how many there had been.
    """

    heads: list[tuple[BlockId, int]]
    until: list[tuple[Cause, int] | None]
    keys: list[bytes | None]
    withheld: dict[BlockId, int]
    failover_count: int


class Said(NamedTuple):
    """What a shard said of a hold or an order, as of which row, with its chain. `key`: of what it has just done for
    it, empty if that has none; None: it did nothing. `is_past`: the row was there when it was asked.
    """

    block: BlockId
    position: int
    chain: bytes
    reply: HoldReply | OrderReply
    key: bytes | None
    is_again: bool
    is_past: bool


class Boundary:
    """All of one run. `wrong`: what was said that was not so.

    `said`: of holds and orders, but for what a failover came in between; `spoken`: all of it, and what was said of
    events and waiters, by block and row, with the chains of that row; empty where one came in between.
    """

    def __init__(self, store: WatchedStore, withheld: Callable[[str, int], dict[BlockId, int]]) -> None:
        """`withheld`: of which quarantines that stand a shard was told, by its name and epoch."""
        self.wrong: list[str] = []
        self.said: list[Said] = []
        self.spoken: dict[tuple[BlockId, int, Spoken], set[bytes]] = {}
        self._store = store
        self._withheld = withheld
        self._until_ms: dict[Cause, int] = {}  # the last that came of each try
        self._longest_ms: dict[bytes, int] = {}  # of all tries under a key

    def ask(self, payload: bytes, shard: str, epoch: int) -> Asked:
        """A batch arrives at the shard."""
        calls = calls_decoder.decode(payload)
        commands = [command_decoder.decode(call.command) for call in calls]
        until = [cause_of_command(command) for command in commands]
        for cause, until_ms in filter(None, until):
            self._until_ms[cause] = max(until_ms, self._until_ms.get(cause, 0))
            self._longest_ms[cause[0]] = max(until_ms, self._longest_ms.get(cause[0], 0))
        heads = [(call.block, self._head(call.block)) for call in calls]
        keys = [_key_of(command) for command in commands]
        return Asked(heads, until, keys, self._withheld(shard, epoch), self._store.failover_count)

    def answer(self, shard: str, epoch: int, asked: Asked, payload: bytes) -> None:
        """Its answers leave. Where a failover came in between, nobody knows what was durable."""
        answers = answers_decoder.decode(payload)
        is_known = asked.failover_count == self._store.failover_count
        self._hear(asked, answers, is_known=is_known)
        if not is_known:
            return
        still = self._withheld(shard, epoch)
        for (block, head), until, answer in zip(asked.heads, asked.until, answers, strict=True):
            is_withheld = block in asked.withheld and still.get(block) == asked.withheld[block]
            if is_withheld and not isinstance(answer, Failed):
                what = "served" if isinstance(answer, Replied) else "said no for"
                self.wrong.append(f"{shard} {what} {block}, and knew that it is quarantined")
            if isinstance(answer, Replied):
                if until is not None and not answer.replayed:
                    self._look_for_late(block, answer.position, *until)
                self._look_at_row(shard, block, head, answer.position)

    def _look_at_row(self, shard: str, block: BlockId, head: int, position: int) -> None:
        """That of which it speaks."""
        spoke = f"{shard} spoke as of row {position} of {block}"
        if position > self._head(block):
            self.wrong.append(f"{spoke} before it was in the journal")
        if not self._store.is_replicated(block, position):
            self.wrong.append(f"{spoke}, and no replica has it")
        if position < head:
            self.wrong.append(f"{spoke}, and row {head} was there")

    def _hear(self, asked: Asked, answers: Iterable[Answer], *, is_known: bool) -> None:
        """What is said. `is_known`: as of which rows."""
        for (block, head), key, answer in zip(asked.heads, asked.keys, answers, strict=True):
            reply = reply_decoder.decode(answer.reply) if isinstance(answer, Replied) else None
            if not isinstance(answer, Replied) or not isinstance(reply, Spoken):
                continue
            row = self._store.row_at(block, answer.position)
            chain = row.chain if row and is_known else b""
            self.spoken.setdefault((block, answer.position, as_told(reply)), set()).add(chain)
            if is_known and isinstance(reply, HoldReply | OrderReply):
                own, is_past = None if answer.replayed else key, answer.position == head
                self.said.append(Said(block, answer.position, chain, reply, own, answer.replayed, is_past))

    def is_of(self, row: JournalRow, reply: Spoken) -> bool:
        """Whether this was said as of the row, and as of none that was lost and had its place."""
        return self.spoken.get((row.block, row.position, as_told(reply)), set()) == {row.chain}

    def late_effects(self) -> Iterator[str]:
        """The effects of tries of which none that came was still in time when it was decided, whoever heard of it.

        An entry bears the time at which it was decided by the clock of its shard, or that of the block if an earlier
        owner's clock was ahead. Only the first tells. What makes nothing of its own has the time of all its tries.
        """
        for block, rows in self._store.journals.items():
            for one in decided(rows):
                cause = cause_of_entry(one.entry)
                until_ms = self._until_ms.get(cause)
                if until_ms is None and cause[0]:
                    yield f"row {one.row.position} of {block}: done, and nobody came with it"
                elif until_ms is not None and not one.is_in_time(until_ms):
                    yield self._late(block, one, until_ms)

    def _look_for_late(self, block: BlockId, position: int, cause: Cause, until_ms: int) -> None:
        """What this very copy has done: in that row, by what it was answered. A leg may have been pinned by another."""
        row = self._store.row_at(block, position)
        if row is None or not cause[0] or all(entry.at_ms <= until_ms for entry in decode_entries(row.entries)):
            return
        for one in decided(self._store.journals[block]):
            if one.row.position == position and cause_of_entry(one.entry) == cause and not one.is_in_time(until_ms):
                self.wrong.append(self._late(block, one, until_ms))

    def _late(self, block: BlockId, one: Decided, until_ms: int) -> str:
        key, _ = cause_of_entry(one.entry)
        again = (
            ", though another try under its key had longer" if self._longest_ms.get(key, 0) >= one.entry.at_ms else ""
        )
        return f"row {one.row.position} of {block}: done {one.entry.at_ms - until_ms} ms after its time{again}"

    def _head(self, block: BlockId) -> int:
        rows = self._store.journals.get(block)
        return rows[-1].position if rows else 0


def as_told(reply: Spoken) -> Spoken:
    """A gateway waits until an event's parts have followed; all else it tells as it was said."""
    return msgspec.structs.replace(reply, behind=0) if isinstance(reply, EventReply) else reply


def _key_of(command: c.Command) -> bytes | None:
    if isinstance(command, c.Read):
        return None
    return b"" if isinstance(command, c.Errand) else command.stamp.key
