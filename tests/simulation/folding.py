"""Each block as its journal says, folded on from where the last look ended."""

from collections import Counter
from collections.abc import Callable, Iterator

from actors.core import block as core
from actors.core.ids import BlockId
from actors.core.replies import HoldStatus, OrderStatus
from actors.core.state import BlockState, Leg
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
        rows = self._store.journals.get(block, [])
        state, position, chain = self._folds.get(block, (BlockState(), 0, b""))
        if position > len(rows) or (position and rows[position - 1].chain != chain):
            state, position = BlockState(), 0  # a failover has lost what was folded
        for row in rows[position:]:
            try:
                for entry in decode_entries(row.entries):
                    core.apply(state, entry)
            except (KeyError, AssertionError) as fault:  # as the core fails where an entry does not fit
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

    def legs_that_did_not_ask(self, by_ms: int) -> Iterator[str]:
        """Legs that are pinned, though their desks have long let them go or sold them, and were to ask before then."""
        for block in self._store.journals:
            for leg in self.of(block).legs.values():
                hold, asks_ms = self.of(block).holds[leg.number], self._asks_ms(leg)
                if hold.status is HoldStatus.ACTIVE and max(leg.ask_at_ms, asks_ms) < by_ms and self._is_decided(leg):
                    yield f"{block}: leg {leg.number} of basket {leg.basket} at {leg.desk} is still pinned"

    def _asks_ms(self, leg: Leg) -> int:
        """When its desk has it ask again, while nothing is decided; 0: it knows nothing of it."""
        hold = self.of(BlockId(leg.desk)).holds.get(leg.basket)
        return 0 if hold is None else hold.expires_at_ms

    def _is_decided(self, leg: Leg) -> bool:
        """Whether its desk knows what is to become of it."""
        state = self.of(BlockId(leg.desk))
        basket = state.desk.baskets.get(leg.basket)
        if basket is None or not basket.held:
            return basket is None
        if basket.exchange is not None and basket.exchange.plan.leg == leg.number:
            return False
        hold = state.holds[leg.basket]
        order = state.orders.get(hold.order)
        return hold.status is not HoldStatus.ACTIVE if order is None else order.status is not OrderStatus.PENDING
