"""Folds: a block's state in the projector's memory, and the rows that some projection has not written of yet."""

from collections import OrderedDict

from actors.core.ids import BlockId
from actors.core.snapshot import restore
from actors.core.state import BlockState
from actors.journal.journal import GENESIS, JournalRow, Snapshot
from actors.journal.striking import Struck, fold_row
from actors.journal.succession import JournalDamaged, entries_of_next
from actors.projections.projection import FollowedRow

_BLOCK_BYTES, _UNIT_BYTES, _HOLD_BYTES, _ORDER_BYTES, _MEMO_BYTES = 8_000, 10, 700, 300, 400


class Fold:
    """One block. `rows` are those behind `floor`; the state and the chain are those after the last of them.

    `struck`: what does not count of the rows that are to come, as a later one says.
    """

    __slots__ = ("_floor_chain", "as_of_ms", "block", "chain", "floor", "position", "rows", "state", "struck")

    def __init__(
        self, block: BlockId, state: BlockState, position: int, chain: bytes, struck: Struck = frozenset()
    ) -> None:
        self.block = block
        self.state = state
        self.position = self.floor = position
        self.chain = self._floor_chain = chain
        self.struck = struck
        self.rows: list[FollowedRow] = []
        self.as_of_ms = 0

    @classmethod
    def empty(cls, block: BlockId, struck: Struck = frozenset()) -> "Fold":
        """The block before its first row."""
        return cls(block, BlockState(), 0, GENESIS, struck)

    @classmethod
    def from_snapshot(cls, snapshot: Snapshot) -> "Fold":
        """The block as of a snapshot that the journal vouches for. Raises whatever reading it does."""
        return cls(snapshot.block, restore(snapshot.state), snapshot.position, snapshot.chain)

    def extend(self, row: JournalRow) -> None:
        """Apply the next row. Raises JournalDamaged: the fold is of no use any more."""
        entries = entries_of_next(row, self.position, self.chain)
        try:
            fold_row(self.state, row, entries, self.struck)
        except Exception as fault:  # whatever it is, it must stop this block and no other
            raise JournalDamaged(f"row {row.position} cannot be applied: {fault!r}") from fault
        self.position, self.chain = row.position, row.chain
        if self.struck:
            entries = tuple(entry for place, entry in enumerate(entries) if (row.position, place) not in self.struck)
        self.rows.append(FollowedRow(row, entries))

    def rows_behind(self, position: int, chain: bytes) -> list[FollowedRow]:
        """The rows behind a position from `floor` on. Raises JournalDamaged if the row there bears another chain."""
        if position > self.position:
            raise JournalDamaged(f"the journal ends at row {self.position}, and row {position} was seen")
        if self._chain_at(position) != chain:
            raise JournalDamaged(f"row {position} is not the row that was seen")
        return self.rows[position - self.floor :]

    def let_go(self, position: int) -> None:
        """Every projection has written of the rows up to this one, which is not below `floor`."""
        self._floor_chain = self._chain_at(position)
        self.rows = self.rows[position - self.floor :]
        self.floor = position

    def _chain_at(self, position: int) -> bytes:
        return self._floor_chain if position == self.floor else self.rows[position - self.floor - 1].row.chain

    @property
    def size_bytes(self) -> int:
        """About how much memory the state fills."""
        state = self.state
        return (
            _BLOCK_BYTES
            + _UNIT_BYTES * state.index.unit_count
            + _HOLD_BYTES * len(state.holds)
            + _ORDER_BYTES * len(state.orders)
            + _MEMO_BYTES * len(state.memos)
        )


class Folds:
    """The folds that are kept, those last used, up to about `max_bytes` in all."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._sizes_bytes: dict[BlockId, int] = {}
        self._kept: OrderedDict[BlockId, Fold] = OrderedDict()
        self._total_bytes = 0

    def get(self, block: BlockId) -> Fold | None:
        """The block's fold, if it is kept."""
        return self._kept.get(block)

    def keep(self, fold: Fold) -> None:
        """Keep this fold as the one last used; those not used for longest go."""
        self.drop(fold.block)
        self._kept[fold.block] = fold
        self._sizes_bytes[fold.block] = fold.size_bytes
        self._total_bytes += fold.size_bytes
        while self._total_bytes > self._max_bytes and len(self._kept) > 1:
            self.drop(next(iter(self._kept)))

    def drop(self, block: BlockId) -> None:
        """Forget the block's fold."""
        if self._kept.pop(block, None) is not None:
            self._total_bytes -= self._sizes_bytes.pop(block)
