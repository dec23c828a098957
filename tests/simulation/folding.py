"""Each block as its journal says, folded on from where the last look ended."""

from collections import Counter
from collections.abc import Callable

from actors.core import block as core
from actors.core.ids import BlockId
from actors.core.state import BlockState
from actors.journal.codec import decode_entries
from actors.journal.memory import MemoryStore


class ReplayFails(Exception):
    """What is in a journal cannot be made part of what stands before it."""


class Folds:
    """Of one store. What is given is never changed, but by the next look. Raises ReplayFails."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store
        self._folds: dict[BlockId, tuple[BlockState, int, bytes]] = {}  # as of which row, with which chain

    def of(self, block: BlockId) -> BlockState:
        """The block at the end of its journal."""
        rows = self._store.journals[block]
        state, position, chain = self._folds.get(block, (BlockState(), 0, b""))
        if position > len(rows) or (position and rows[position - 1].chain != chain):
            state, position = BlockState(), 0  # a failover has lost what was folded
        for row in rows[position:]:
            try:
                for entry in decode_entries(row.entries):
                    core.apply(state, entry)
            except Exception as fault:
                raise ReplayFails(f"row {row.position} of {block}: {fault!r}") from fault
        if rows:
            self._folds[block] = state, len(rows), rows[-1].chain
        return state

    def left_to_do(self, is_gone: Callable[[int], bool] = lambda _: False) -> Counter[str]:
        """Deeds of desks that no leg has acknowledged, what is being placed, and parts that are behind.

        `is_gone`: of a leg, whether a failover may have lost it, so that nobody can do what its desk demands.
        """
        left = Counter[str]()
        for block in self._store.journals:
            state = self.of(block)
            deeds = sum(not is_gone(todo.leg) for todo in state.desk.todos.values())
            left += Counter(deeds=deeds, placing=len(state.desk.placing), parts_behind=len(state.parts_behind))
        return left
