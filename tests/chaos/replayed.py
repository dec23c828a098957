"""A block's journal, replayed from the first row, and what each read model must say by it.

What the projections share with this is how one hold, order or count is shown. What has changed, since when a hold is
there, and what is over, is found here in another way: by the state after each entry, whatever the entry names.
"""

from collections.abc import Mapping
from typing import Any, TypeAlias

import msgspec

from actors.core import block as core
from actors.core.events import event_layout
from actors.core.holds import hold_reply
from actors.core.ids import BlockId
from actors.core.orders import order_reply
from actors.core.state import BlockState, Hold
from actors.journal.journal import GENESIS
from actors.journal.postgres import PostgresJournal
from actors.journal.succession import JournalDamaged, entries_of_next
from actors.projections.seat_statuses import pack
from actors.projections.shown import EventShown, event_shown
from actors.projections.split import encode_split, sells_units
from loadtests.server import Availability

PROJECTIONS = ("availability", "deadlines", "listing")
ROWS_AT_ONCE = 500

COLUMNS: Mapping[str, str] = {
    "availability": "position, tenant, name, currency, created_at_ms, layout, home, split, status, capacity, "
    "available, held, sold, layout_version, counts, statuses",
    "deadlines": "due_at_ms",
    "listings": "tenant, position, forgotten_before_ms",
    "listed_holds": "hold, placed_at_ms, ended_at_ms, status, buyer, shown",
    "listed_orders": "order_number, hold, placed_at_ms, ended_at_ms, status, buyer, shown",
    "listed_baskets": "hold, event_block_id, placed_at_ms, buyer",
    "listed_basket_orders": "order_number, event_block_id, placed_at_ms, buyer",
}
"""Of every table that a projection writes, all but `block_id` and `as_of_ms`, which no journal knows."""

Rows: TypeAlias = set[tuple[Any, ...]]

_encode = msgspec.msgpack.Encoder().encode


class Replayed:
    """The block after some row of its journal."""

    def __init__(self, block: BlockId) -> None:
        self.block = block
        self.state = BlockState()
        self.position = 0
        self._chain = GENESIS
        self._placed_at_ms: dict[int, int] = {}

    async def follow(self, journal: PostgresJournal, to_position: int) -> None:
        """Apply all rows up to this one. Raises JournalDamaged, JournalUnavailable."""
        while self.position < to_position:
            rows = await journal.rows(self.block, self.position, min(ROWS_AT_ONCE, to_position - self.position))
            if not rows:
                raise JournalDamaged(f"the journal ends at row {self.position}, before row {to_position}")
            for row in rows:
                for entry in entries_of_next(row, self.position, self._chain):
                    core.apply(self.state, entry)
                    self._note_new(entry.at_ms)
                self.position, self._chain = row.position, row.chain

    def _note_new(self, at_ms: int) -> None:
        """Holds that there were not before: the last ones."""
        for number in reversed(self.state.holds):
            if number in self._placed_at_ms:
                return
            self._placed_at_ms[number] = at_ms

    @property
    def event(self) -> EventShown | None:
        """The event of which the block has units, counted; None where it has none."""
        return event_shown(self.state)[0] if sells_units(self.state) else None

    @property
    def available(self) -> Availability:
        """How many units of that event there are to buy, and how many not."""
        assert self.event is not None, "it is asked of events"
        total = self.event.counts.total
        return Availability(total.available, total.held, total.sold)

    def expected(self) -> dict[str, Rows]:
        """The rows of each table of `COLUMNS`."""
        state = self.state
        due_ms = core.next_deadline_ms(state)
        found: dict[str, Rows] = {table: set() for table in COLUMNS}
        found["availability"] = self._availability()
        found["deadlines"] = set() if due_ms is None else {(due_ms,)}
        if state.home:  # what is listed of an event in parts is listed at home and at desks
            return found
        forgotten_before_ms = state.ended[0][0] if state.ended else state.last_at_ms + 1
        found["listings"] = {(state.tenant, self.position, forgotten_before_ms)}
        ended_at_ms = {number: at_ms for at_ms, number in state.ended}
        for hold in state.holds.values():
            if hold.number not in state.legs:
                self._list(found, hold, ended_at_ms.get(hold.number))
        return found

    def _availability(self) -> Rows:
        if not sells_units(self.state):
            return set()
        state, (event, statuses) = self.state, event_shown(self.state)
        total = event.counts.total
        fixed = (event.currency, state.created_at_ms, _encode(event_layout(state)), event.home)
        split = encode_split(event.split)
        units = (total.capacity, total.available, total.held, total.sold)
        changing = (event.status, *units, event.layout_version, _encode(event.counts), pack(statuses))
        return {(self.position, event.tenant, event.name, *fixed, split, *changing)}

    def _list(self, found: dict[str, Rows], hold: Hold, ended_at_ms: int | None) -> None:
        """The hold, its order, and both once more under each event if it is a basket's."""
        state, placed_at_ms = self.state, self._placed_at_ms[hold.number]
        basket = state.desk.baskets.get(hold.number)
        events = {held.event for held in basket.held if not held.counts} if basket is not None else set()
        shown = _encode(hold_reply(state, hold, 0))
        found["listed_holds"].add((hold.number, placed_at_ms, ended_at_ms, hold.status, hold.buyer, shown))
        found["listed_baskets"] |= {(hold.number, event, placed_at_ms, hold.buyer) for event in events}
        if hold.order:
            order = state.orders[hold.order]
            times = (order.placed_at_ms, ended_at_ms)
            shown = _encode(order_reply(state, order, 0))
            found["listed_orders"].add((order.number, hold.number, *times, order.status, hold.buyer, shown))
            found["listed_basket_orders"] |= {(order.number, event, order.placed_at_ms, hold.buyer) for event in events}

    def without_forgotten(self, shown: Mapping[str, Rows]) -> dict[str, Rows]:
        """The rows but those that nobody is shown any more: of what the block has forgotten as it was over for long.

        Of what ended in the very millisecond of the oldest that it remembers, it may have forgotten some.
        """
        ((_, _, forgotten_before_ms),) = shown["listings"] or {("", 0, 0)}

        def is_forgotten(hold: int, ended_at_ms: int | None) -> bool:
            return hold not in self.state.holds and ended_at_ms is not None and ended_at_ms <= forgotten_before_ms

        holds = {row[0] for row in shown["listed_holds"] if is_forgotten(row[0], row[2])}
        orders = {row[0] for row in shown["listed_orders"] if is_forgotten(row[1], row[3])}
        gone = {"listed_holds": holds, "listed_baskets": holds, "listed_orders": orders, "listed_basket_orders": orders}
        return {
            table: {row for row in rows if row[0] not in gone[table]} if table in gone else set(rows)
            for table, rows in shown.items()
        }
