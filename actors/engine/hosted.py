"""A block in a shard's memory: its state, where its journal ends, and what is applied but not yet written."""

from collections.abc import Sequence

from actors.core import block as core
from actors.core.entries import Entry
from actors.core.ids import BlockId
from actors.core.snapshot import FORMAT, freeze
from actors.core.state import BlockState
from actors.engine.turns import Turns
from actors.journal.codec import encode_entries
from actors.journal.journal import GENESIS, Head, JournalRow, NewRow, Snapshot, chain_of
from actors.journal.striking import Struck


class HostedBlock:
    """One block. `position` and `chain` are those of its last row, durable or on its way.

    `claimed`: this incarnation has appended `Activated`, so it may write, under `epoch`. Not claimed: loaded to answer
    reads, once it is `replicated`: no failover to a synchronous replica loses what was loaded. `epoch` is then that of
    the head it was loaded up to.
    `struck`: what does not count of the rows that are to be applied, as a later row says.
    `lost`: nothing of what is held here counts any more. Another shard has the block now, or the journal refuses what
    is written of it or asked about it, or a claim has gone on with this state. `quarantined` says why the state cannot
    be trusted, if it cannot.
    """

    __slots__ = (
        "block",
        "chain",
        "claimed",
        "epoch",
        "lost",
        "pending",
        "position",
        "quarantined",
        "replicated",
        "state",
        "struck",
        "turns",
        "unsnapshotted",
        "used_s",
        "weight",
    )

    def __init__(self, block: BlockId, state: BlockState, position: int, chain: bytes, *, claimed: bool) -> None:
        self.block = block
        self.state = state
        self.position = position
        self.chain = chain
        self.claimed = claimed
        self.epoch = 0
        self.replicated = False
        self.lost = False
        self.quarantined = ""
        self.pending: list[Entry] = []
        self.unsnapshotted = 0  # entries since the last snapshot
        self.struck: Struck = frozenset()
        self.turns = Turns()  # of its errands
        self.used_s = 0.0  # when last, by the loop's time, while it is in residence
        self.weight = 0  # in bytes, as it was weighed last

    def begin_anew(self, struck: Struck) -> None:
        """Stand before the first row again, without what is struck."""
        assert not self.pending, "what no row bears is forgotten"
        self.state, self.position, self.chain, self.unsnapshotted = BlockState(), 0, GENESIS, 0
        self.struck = struck

    def ends_at(self, head: Head | None) -> bool:
        """Whether this is the block's head; None: it has no rows."""
        return (self.position, self.chain) == ((head.position, head.chain) if head else (0, GENESIS))

    def handed_over(self) -> "HostedBlock":
        """This state as another's, who goes on from here alone; only while nothing is pending.

        This one stays, in the cycles that have it, for what was answered from the state as it was: by position and
        chain. Nothing may be decided on it any more.
        """
        assert not self.pending, "what no row bears is handed over"
        heir = HostedBlock(self.block, self.state, self.position, self.chain, claimed=False)
        heir.unsnapshotted, heir.struck = self.unsnapshotted, self.struck
        return heir

    def apply(self, entries: tuple[Entry, ...]) -> None:
        """Apply decided entries and queue them for the next commit.

        An exception leaves a state that cannot be trusted: the caller must quarantine the block. What was queued
        before stays queued, as it was decided on a sound state.
        """
        for entry in entries:
            core.apply(self.state, entry)
        self.pending += entries

    def next_row(self, now_ms: int) -> NewRow:
        """What is pending as the row behind the last one; from now on that row counts as on its way."""
        new = self.row_behind(self.pending, self.epoch, now_ms)
        self.pending = []
        self.position, self.chain = new.row.position, new.row.chain
        self.unsnapshotted += new.row.entry_count
        return new

    def row_behind(self, entries: Sequence[Entry], epoch: int, now_ms: int) -> NewRow:
        """These entries as the row that would follow the last one; changes nothing."""
        encoded = encode_entries(entries)
        position = self.position + 1
        chain = chain_of(self.chain, self.block, position, epoch, now_ms, encoded)
        return NewRow(JournalRow(self.block, position, epoch, now_ms, len(entries), encoded, chain), self.chain)

    def snapshot(self) -> Snapshot:
        """The state as of `position`; only right while nothing is pending."""
        assert not self.pending, "a snapshot of what no row bears"
        self.unsnapshotted = 0
        return Snapshot(self.block, self.position, self.chain, FORMAT, freeze(self.state))
