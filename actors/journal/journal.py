"""The journal's port: rows, heads, snapshots, and what an append promises.

Rules every implementation keeps (one set of contract tests holds them to it):
- A row is appended only if it follows its block's last row and extends the chain that row bears.
- Each row of an append has its own outcome; a fenced block never fails its neighbours.
- The identical rows may be sent again: what is already there under the same chain is durable, another chain fences.
"""

from collections.abc import Sequence
from hashlib import blake2b
from typing import NamedTuple, Protocol

import msgspec

from actors.core.ids import BlockId

CHAIN_LENGTH = 16
GENESIS = b"\0" * CHAIN_LENGTH  # the chain before a block's first row
STATEMENT_BOUND_MS = 5_000
SILENT_BOUND_MS = 3_000  # of an append or a look at heads, on a line that was quick before
SNAPSHOT_BOUND_MS = 30_000  # the largest we promise for, 51 MB, over 15 Mbit/s
MAX_MOVES = (1 << 12) - 1  # of a block, in the life of one cluster
MAX_ROWS_BYTES = 2 * 1024 * 1024  # in one statement: with the largest layout behind them, 6 MB, 4 s over 15 Mbit/s


class Epoch(NamedTuple):
    """An incarnation of a shard; of one shard the higher is newer. Packed, it is one integer that sorts alike.

    A row bears the packed epoch of who wrote it, with the block's moves above build and incarnation (`epoch_of_claim`).
    """

    generation: int
    build: int
    incarnation: int

    def packed(self) -> int:
        """One integer of 63 bits: generation (23), a block's moves (12; here 0), build (8), incarnation (20)."""
        assert 0 <= self.generation < 1 << 23
        assert 0 <= self.build < 1 << 8
        assert 0 <= self.incarnation < 1 << 20
        return self.generation << 40 | self.build << 20 | self.incarnation

    @classmethod
    def unpacked(cls, packed: int) -> "Epoch":
        """Whose the epoch is, whatever the moves: else the inverse of `packed`."""
        return cls(packed >> 40, packed >> 20 & 0xFF, packed & 0xFFFFF)


def epoch_of_claim(incarnation: int, assigned: int) -> int | None:
    """The epoch under which an incarnation (packed) claims a block that was last assigned from `assigned` on.

    `assigned` is packed too: the generation that last moved the block and how often it has, or 0. None: a newer
    cluster has moved it since, whose it is.
    """
    if assigned >> 40 > incarnation >> 40:
        return None
    return incarnation | (assigned if assigned >> 40 == incarnation >> 40 else 0)


def incarnation_of(epoch: int) -> int:
    """The packed epoch of the incarnation that claimed a block under this one."""
    return epoch & ~(MAX_MOVES << 28)


class JournalRow(msgspec.Struct, frozen=True):
    """One row: what one block added in one commit. `entries` as `codec` writes them."""

    block: BlockId
    position: int  # from 1, without gaps
    epoch: int  # packed
    recorded_at_ms: int
    entry_count: int
    entries: bytes
    chain: bytes


def chain_of(
    prev_chain: bytes, block: BlockId, position: int, epoch: int, recorded_at_ms: int, entries: bytes
) -> bytes:
    """The chain of a row: a hash over the chain before it and everything in it."""
    head = b"%s|%d|%d|%d|" % (block.encode(), position, epoch, recorded_at_ms)
    return blake2b(prev_chain + head + entries, digest_size=CHAIN_LENGTH).digest()


class Head(msgspec.Struct, frozen=True):
    """The last row of a block."""

    position: int
    epoch: int
    chain: bytes


class NewRow(msgspec.Struct, frozen=True):
    """A row to append, with the chain it extends."""

    row: JournalRow
    prev_chain: bytes


class Appended(msgspec.Struct, frozen=True):
    """What became of an append: every block is in exactly one of the two sets. `now_ms` is the journal's clock."""

    durable: frozenset[BlockId]
    fenced: frozenset[BlockId]
    now_ms: int


class Heads(msgspec.Struct, frozen=True):
    """The heads of the blocks that have rows, and the journal's clock."""

    heads: dict[BlockId, Head]
    now_ms: int


class Snapshot(msgspec.Struct, frozen=True):
    """A block's state as of `position`; valid only while the journal's row there bears `chain`."""

    block: BlockId
    position: int
    chain: bytes
    format: int
    state: bytes


class JournalUnavailable(Exception):
    """The journal cannot be reached. After an `append`, the outcome is unknown: send the identical rows again.

    `sqlstate`: what Postgres said, if it was Postgres that spoke.
    """

    def __init__(self, why: str = "", sqlstate: str = "") -> None:
        super().__init__(why)
        self.sqlstate = sqlstate


class JournalRefused(JournalUnavailable):
    """Asking again will not help until somebody sees to the journal: its schema, its privileges, its files.

    After an `append` the outcome is unknown all the same: it may have been carried out when it was sent before.
    """


class JournalLate(JournalUnavailable):
    """The statement took longer than its bound: for now there may be too much in it, or on the way to the journal."""


def is_cut(rows: Sequence[JournalRow], limit: int) -> bool:
    """Whether there may be rows behind those that `Journal.rows` found."""
    return len(rows) >= limit or sum(len(row.entries) for row in rows) >= MAX_ROWS_BYTES


class ReadableJournal(Protocol):
    """What it takes to replay a block (see `Journal`)."""

    async def rows(self, block: BlockId, after_position: int, limit: int) -> list[JournalRow]:
        """See `Journal.rows`."""
        ...

    async def heads(self, blocks: Sequence[BlockId]) -> Heads:
        """See `Journal.heads`."""
        ...

    async def newest_snapshot(self, block: BlockId, format_: int, below_position: int) -> Snapshot | None:
        """See `Journal.newest_snapshot`."""
        ...

    async def close(self) -> None:
        """See `Journal.close`."""
        ...


class Journal(Protocol):
    """One line to the journal. Statements on it run one after the other, and are never cancelled, only cut off.

    Those that carry a snapshot have a bound of their own: one that was cut off for its size would be so for ever.
    """

    async def append(self, rows: Sequence[NewRow]) -> Appended:
        """Append at most one row per block, in one statement. Durable when this returns.

        Raises JournalUnavailable: the outcome is unknown. JournalLate: it was given up by its bound.
        """
        ...

    async def heads(self, blocks: Sequence[BlockId]) -> Heads:
        """The last row of each of these blocks. Raises JournalUnavailable; JournalLate, as an append does."""
        ...

    async def until_replicated(self, block: BlockId, position: int, chain: bytes) -> bool:
        """Whether the block has this row, under this chain; if so, the replicas that commits wait for have it too.

        What other statements find may be on the primary alone. Raises JournalUnavailable; JournalLate, as an append.
        """
        ...

    async def rows(self, block: BlockId, after_position: int, limit: int) -> list[JournalRow]:
        """Up to `limit` rows of the block behind `after_position`, in order. Raises JournalUnavailable.

        The last of them is the one with which their entries come to MAX_ROWS_BYTES, so a short page is not the end of
        the journal: see `is_cut`.
        """
        ...

    async def save_snapshot(self, snapshot: Snapshot) -> None:
        """Keep a snapshot and the one before it; older ones go. Raises JournalUnavailable."""
        ...

    async def newest_snapshot(self, block: BlockId, format_: int, below_position: int) -> Snapshot | None:
        """The newest snapshot at or below a position whose chain the journal's row bears. Raises JournalUnavailable."""
        ...

    async def now_ms(self) -> int:
        """The journal's clock. Raises JournalUnavailable."""
        ...

    async def close(self) -> None:
        """End the line; nothing in flight is waited for."""
        ...
