"""Ways to break the core, each one guarantee less. The unchanged checks must notice every one of them."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from actors.core import block, holds, keys, orders
from actors.core.commands import Command, Stamp, Write
from actors.core.ground import Ground
from actors.core.ids import Kind
from actors.core.inventory import Inventory
from actors.core.outcomes import Outcome, Reason, Rejected
from actors.core.replies import HoldStatus, OrderStatus
from actors.core.snapshot import restore
from actors.core.state import BlockState, Hold, Order
from tests.core import checked_block

_END_OF_TIME_MS = 1 << 62


def keys_are_not_looked_up(patch: pytest.MonkeyPatch) -> None:
    """A duplicate is decided like a new command."""
    write = block._write

    def without_memos(state: BlockState, command: Write, now_ms: int, at_ms: int, crowded: bool) -> Outcome:
        memos, state.memos = state.memos, {}
        try:
            return write(state, command, now_ms, at_ms, crowded)
        finally:
            state.memos = memos

    patch.setattr(block, "_write", without_memos)


def owners_are_not_looked_at(patch: pytest.MonkeyPatch) -> None:
    """A hold gets every seat that exists."""
    patch.setattr(Ground, "_refuse_claimed", _no_refusal)


def places_are_not_counted(patch: pytest.MonkeyPatch) -> None:
    """A hold gets any number of places."""
    patch.setattr(Ground, "_refuse_areas", _no_refusal)


def only_the_tick_expires(patch: pytest.MonkeyPatch) -> None:
    """What is overdue lives on until its expiry is journaled."""
    ended = {
        HoldStatus.CONFIRMED: Reason.HOLD_CONFIRMED,
        HoldStatus.RELEASED: Reason.HOLD_RELEASED,
        HoldStatus.EXPIRED: Reason.HOLD_EXPIRED,
    }

    def refuse_by_status(hold: Hold, now_ms: int) -> Rejected | None:
        return Rejected(ended[hold.status]) if hold.status in ended else None

    def status_as_journaled(state: BlockState, order: Order, now_ms: int, *, ends_by_time: bool = True) -> OrderStatus:
        return order.status

    patch.setattr(holds, "refuse_ended", refuse_by_status)
    patch.setattr(orders, "refuse_ended", refuse_by_status)
    patch.setattr(orders, "status_at", status_as_journaled)


def units_are_not_given_back(patch: pytest.MonkeyPatch) -> None:
    """What ends keeps its units."""
    patch.setattr(Inventory, "give_back", _nothing)


def places_are_not_given_back(patch: pytest.MonkeyPatch) -> None:
    """What ends gives back its seats only."""
    give_back = Inventory.give_back

    def seats_only(
        inventory: Inventory, hold: int, seats: tuple[int, ...], areas: object, channel: str, *, were_sold: bool
    ) -> None:
        give_back(inventory, hold, seats, (), channel, were_sold=were_sold)

    patch.setattr(Inventory, "give_back", seats_only)


def keys_of_extended_holds_are_forgotten(patch: pytest.MonkeyPatch) -> None:
    """A key is forgotten ten minutes after its hold's first deadline, whatever became of the hold."""

    def until_first_deadline(state: BlockState, hold: Hold, key: bytes, fingerprint: bytes) -> None:
        due_ms = hold.expires_at_ms + keys.HOLD_KEY_KEPT_MS
        keys.remember(state, key, fingerprint, Kind.HOLD, hold.number, due_ms)

    patch.setattr(holds, "remember_with_hold", until_first_deadline)


def keys_of_ended_holds_stay(patch: pytest.MonkeyPatch) -> None:
    """Holds that come and go fill the block's memory of keys."""
    patch.setattr(holds, "let_keys_go", _nothing)
    patch.setattr(orders, "let_keys_go", _nothing)


def unpaid_orders_stay(patch: pytest.MonkeyPatch) -> None:
    """Orders that nobody paid fill the block's memory."""
    end = orders.end_order

    def end_for_ever(state: BlockState, order: Order, status: OrderStatus, at_ms: int) -> None:
        end(state, order, status, at_ms)
        state.ended.pop()

    patch.setattr(orders, "end_order", end_for_ever)


def cancelled_orders_are_forgotten(patch: pytest.MonkeyPatch) -> None:
    """A day after its cancellation nobody knows that an order was ever paid."""
    patch.setattr(Order, "was_paid", False)


def ended_holds_are_forgotten_early(patch: pytest.MonkeyPatch) -> None:
    """What ended is gone before its day is over."""
    patch.setattr(keys, "ENDED_HOLD_KEPT_MS", keys.HOLD_KEY_KEPT_MS)


def lateness_is_judged_first(patch: pytest.MonkeyPatch) -> None:
    """A late command hears of its lateness, though it was malformed."""
    write = block._write

    def late_first(state: BlockState, command: Write, now_ms: int, at_ms: int, crowded: bool) -> Outcome:
        late = now_ms > command.stamp.not_after_ms
        return Rejected(Reason.DEADLINE_EXCEEDED) if late else write(state, command, now_ms, at_ms, crowded)

    patch.setattr(block, "_write", late_first)


def numbers_in_use_refuse_replays(patch: pytest.MonkeyPatch) -> None:
    """A gateway's retry, the same bytes, is refused because the first try has the number."""

    def in_use(state: BlockState, stamp: Stamp, kind: Kind, number: int) -> bool:
        return number in (state.holds if kind is Kind.HOLD else state.orders)

    patch.setattr(holds, "is_number_in_use", in_use)
    patch.setattr(orders, "is_number_in_use", in_use)


def time_limits_are_ignored(patch: pytest.MonkeyPatch) -> None:
    """A late duplicate is decided."""
    write = block._write

    def whenever(state: BlockState, command: Write, now_ms: int, at_ms: int, crowded: bool) -> Outcome:
        stamp = msgspec.structs.replace(command.stamp, not_after_ms=_END_OF_TIME_MS)
        return write(state, msgspec.structs.replace(command, stamp=stamp), now_ms, at_ms, crowded)

    patch.setattr(block, "_write", whenever)


def lateness_is_judged_by_the_blocks_time(patch: pytest.MonkeyPatch) -> None:
    """A block whose time is ahead of the clock refuses everything."""
    write = block._write

    def by_block(state: BlockState, command: Write, _: int, at_ms: int, crowded: bool) -> Outcome:
        return write(state, command, at_ms, at_ms, crowded)

    patch.setattr(block, "_write", by_block)


def tenants_are_not_compared(patch: pytest.MonkeyPatch) -> None:
    """Whoever knows an id may use it."""
    missing = block._missing

    def anybodys(state: BlockState, command: Command, tenant: str) -> Reason | None:
        return missing(state, command, state.tenant)

    patch.setattr(block, "_missing", anybodys)


def deciding_expires(patch: pytest.MonkeyPatch) -> None:
    """A decision changes the state that it should only read."""
    write = block._write

    def expiring(state: BlockState, command: Write, now_ms: int, at_ms: int, crowded: bool) -> Outcome:
        due = state.next_deadline()
        if due is not None and due[0] <= at_ms and not due[1].order:
            due[1].status = HoldStatus.EXPIRED
        return write(state, command, now_ms, at_ms, crowded)

    patch.setattr(block, "_write", expiring)


def snapshots_forget_keys(patch: pytest.MonkeyPatch) -> None:
    """A restored block remembers no keys."""

    def forgetful(frozen: bytes) -> BlockState:
        state = restore(frozen)
        state.memos.clear()
        state.memo_dues.clear()
        return state

    patch.setattr(checked_block, "restore", forgetful)


def _no_refusal(*_: Any) -> None:
    return None


def _nothing(*_: Any, **__: Any) -> None:
    return None


SABOTAGES: dict[Callable[[pytest.MonkeyPatch], None], str] = {
    keys_are_not_looked_up: "idempotency",
    owners_are_not_looked_at: "holds",
    places_are_not_counted: "areas",
    only_the_tick_expires: "expiry",
    units_are_not_given_back: "expiry",
    places_are_not_given_back: "areas",
    keys_of_extended_holds_are_forgotten: "pruning",
    keys_of_ended_holds_stay: "pruning",
    unpaid_orders_stay: "pruning",
    cancelled_orders_are_forgotten: "pruning",
    ended_holds_are_forgotten_early: "pruning",
    lateness_is_judged_first: "precedence",
    numbers_in_use_refuse_replays: "precedence",
    time_limits_are_ignored: "not_after",
    lateness_is_judged_by_the_blocks_time: "not_after",
    tenants_are_not_compared: "tenants",
    deciding_expires: "expiry",
    snapshots_forget_keys: "idempotency",
}
"""Each with the scenarios that are likely to notice it first."""
