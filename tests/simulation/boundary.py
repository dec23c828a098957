"""What crosses the boundary of a shard, held against the journal in that very moment, whoever hears of it.

Nothing is said before it is durable, on the replica too, nor as of a row below the head as it was when the question
came; nobody is served from a block by a shard that was told that it is quarantined; and no command has an effect that
is decided after its time.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from actors.core.commands import Errand, PinLeg, Read
from actors.core.entries import Entry, HoldPlaced, LegPinned
from actors.core.ids import BlockId
from actors.journal.codec import decode_entries
from actors.link.batch import Replied, answers_decoder, calls_decoder, command_decoder
from tests.simulation.journal_faults import WatchedStore


class Asked(NamedTuple):
    """A batch that has come: its blocks with their heads, and under which quarantines the shard knew them.

    `failover_count`: how many there had been.
    """

    heads: list[tuple[BlockId, int]]
    withheld: dict[BlockId, int]
    failover_count: int


class Boundary:
    """All of one run. `wrong`: what was said that was not so."""

    def __init__(self, store: WatchedStore, withheld: Callable[[str, int], dict[BlockId, int]]) -> None:
        """`withheld`: of which quarantines that stand a shard was told, by its name and epoch."""
        self.wrong: list[str] = []
        self._store = store
        self._withheld = withheld
        self._until_ms: dict[bytes | int, int] = {}  # by key, or by the number of a leg: the last that came of it

    def ask(self, payload: bytes, shard: str, epoch: int) -> Asked:
        """A batch arrives at the shard."""
        calls = calls_decoder.decode(payload)
        for call in calls:
            command = command_decoder.decode(call.command)
            if isinstance(command, PinLeg):
                self._note(command.plan.leg, command.not_after_ms)
            elif not isinstance(command, Read | Errand):
                self._note(command.stamp.key, command.stamp.not_after_ms)
        heads = [(call.block, self._head(call.block)) for call in calls]
        return Asked(heads, self._withheld(shard, epoch), self._store.failover_count)

    def answer(self, shard: str, epoch: int, asked: Asked, payload: bytes) -> None:
        """Its answers leave. Where a failover came in between, nobody knows what was durable."""
        if asked.failover_count != self._store.failover_count:
            return
        still = self._withheld(shard, epoch)
        for (block, head), answer in zip(asked.heads, answers_decoder.decode(payload), strict=True):
            if not isinstance(answer, Replied):
                continue
            if block in asked.withheld and still.get(block) == asked.withheld[block]:
                self.wrong.append(f"{shard} served {block}, and knew that it is quarantined")
            if answer.position > self._head(block):
                self.wrong.append(f"{shard} spoke as of row {answer.position} of {block} before it was in the journal")
            if not self._store.is_replicated(block, answer.position):
                self.wrong.append(f"{shard} spoke as of row {answer.position} of {block}, and no replica has it")
            if answer.position < head:
                self.wrong.append(f"{shard} spoke as of row {answer.position} of {block}, and row {head} was there")

    def late_effects(self) -> Iterator[str]:
        """The effects of commands of which none that came was still in time when it was decided.

        An entry bears the time at which it was decided by the clock of its shard, or that of the block if an earlier
        owner's clock was ahead. Only the first tells.
        """
        for block, rows in self._store.journals.items():
            epoch = inherited_ms = latest_ms = 0
            for row in rows:
                if row.epoch != epoch:
                    epoch, inherited_ms = row.epoch, latest_ms
                for entry in decode_entries(row.entries):
                    until_ms = self._until_ms.get(_cause(entry), entry.at_ms)
                    if entry.at_ms > max(until_ms, inherited_ms):
                        yield f"row {row.position} of {block}: done {entry.at_ms - until_ms} ms after its time"
                    latest_ms = max(latest_ms, entry.at_ms)

    def _note(self, cause: bytes | int, not_after_ms: int) -> None:
        self._until_ms[cause] = max(not_after_ms, self._until_ms.get(cause, 0))

    def _head(self, block: BlockId) -> int:
        rows = self._store.journals.get(block)
        return rows[-1].position if rows else 0


def _cause(entry: Entry) -> bytes | int:
    """The key or leg of the command that the entry is the effect of; an offer's is that of who began to wait."""
    if isinstance(entry, LegPinned):
        return entry.leg
    if isinstance(entry, HoldPlaced) and entry.waiter:
        return b""
    return getattr(entry, "key", b"")
