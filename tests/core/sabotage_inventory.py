"""More ways to break the core: its kinds of inventory, prices, rules, tickets, the event and its waiting list."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec
import pytest

from actors.core import (
    allotments,
    asking,
    block,
    event_layout,
    events,
    ground,
    holds,
    layout_versions,
    lots,
    pricing,
    ticket_changes,
)
from actors.core import tickets as tickets_module
from actors.core.commands import EditEvent
from actors.core.entries import TicketReassigned
from actors.core.ground import Ground
from actors.core.inventory import FIRST_ALLOTMENT, Inventory
from actors.core.layout_index import SlotIndex
from actors.core.outcomes import Outcome, Reason, Rejected
from actors.core.prices import Price
from actors.core.pricing import charges_on, charges_once
from actors.core.replies import EventStatus
from actors.core.snapshot import restore
from actors.core.state import BlockState, Hold, Lot, Order
from tests.core import checked_block

_HOUR_MS = 3_600_000


def buffers_are_not_kept(patch: pytest.MonkeyPatch) -> None:
    """Slots of two holds follow each other without the pause that they need."""
    patch.setattr(SlotIndex, "around", lambda slots, first, last: range(first, last + 1))


def begun_slots_are_sold(patch: pytest.MonkeyPatch) -> None:
    """What has begun can be held."""
    patch.setattr(holds, "_refuse_begun", _none)


def whole_tables_are_cut(patch: pytest.MonkeyPatch) -> None:
    """Seats of a table that is sold only as a whole are held singly."""
    patch.setattr(asking, "_only_whole_tables", _none)


def whole_tables_come_back_in_parts(patch: pytest.MonkeyPatch) -> None:
    """Some tickets of a table that is sold only as a whole are cancelled, and their seats cannot be sold."""
    patch.setattr(ticket_changes, "refuse_tickets", ticket_changes._refuse_void)


def choices_are_made_once(patch: pytest.MonkeyPatch) -> None:
    """What one choice has, another that has nowhere else to go cannot have."""
    in_turn = Ground._find_in_turn

    def as_asked(ground: Ground, best: Sequence[Any], order: list[int], supposed: dict[int, int]) -> Any:
        return in_turn(ground, best, sorted(order), supposed)

    patch.setattr(Ground, "_find_in_turn", as_asked)


def choices_share_seats(patch: pytest.MonkeyPatch) -> None:
    """Each choice of several is made as if there were no other."""
    in_turn = Ground._find_in_turn

    def each_alone(ground: Ground, best: Sequence[Any], order: list[int], supposed: dict[int, int]) -> Any:
        found: dict[int, Any] = {}
        for choice in order:
            alone, available = in_turn(ground, best, [choice], supposed)
            found |= alone
            if not alone:
                return found, available
        return found, 0

    patch.setattr(Ground, "_find_in_turn", each_alone)


def prices_follow_the_layout(patch: pytest.MonkeyPatch) -> None:
    """Fees and tax of what is held already are computed anew after an edit."""
    price_of = lots.price_of

    def whole(state: BlockState, hold: Hold) -> Price:
        return anew(state, ((hold, [quantity for _, quantity, _ in hold.prices]),), hold.once)

    def anew(
        state: BlockState, counted: Iterable[tuple[Hold | Lot, Sequence[int]]], once: tuple[int, ...]
    ) -> Price:  # fmt: skip
        layout, version = state.index.layout, state.layout_version
        has_charges = bool(layout.fees or layout.tax)
        now = []
        for lot, quantities in counted:
            charges = tuple(charges_on(layout, price) for _, _, price in lot.prices) if has_charges else ()
            now.append((msgspec.structs.replace(lot, priced=version, charges=charges), quantities))
        return price_of(state, now, charges_once(layout) if once else ())

    for module in (holds, tickets_module):
        patch.setattr(module, "whole_price", whole)
    patch.setattr(tickets_module, "price_of", anew)


def shares_are_rounded_down(patch: pytest.MonkeyPatch) -> None:
    """Half a cent is nobody's."""
    patch.setattr(pricing, "rounded", lambda numerator, denominator: numerator // denominator)


def fees_are_charged_again_at_an_exchange(patch: pytest.MonkeyPatch) -> None:
    """What is charged once for the whole is charged for each of its units."""

    def for_each(layout: Any, price: int) -> tuple[int, ...]:
        fees = [fee.amount + pricing.rounded(price * fee.share_ppm, pricing.PPM) for fee in layout.fees]
        return (*fees, pricing.tax_on(layout, price + sum(fees))) if layout.fees or layout.tax else ()

    patch.setattr(pricing, "charges_on", for_each)


def buyers_have_no_limit(patch: pytest.MonkeyPatch) -> None:
    """A buyer may have all there is."""
    patch.setattr(holds, "refuse_buyer", _none)


def what_is_overdue_counts_against_limits(patch: pytest.MonkeyPatch) -> None:
    """A buyer waits for the tick."""
    patch.setattr(holds, "_overdue_units", lambda *_: 0)


def what_is_set_aside_is_for_all(patch: pytest.MonkeyPatch) -> None:
    """Nobody looks at allotments, nor at who needs an accessible seat."""
    patch.setattr(Ground, "_refuse_reserved", _none)


def places_set_aside_are_for_all(patch: pytest.MonkeyPatch) -> None:
    """Allotments of places are not kept."""
    patch.setattr(ground, "places_kept", lambda *_: 0)


def places_of_channels_are_not_counted(patch: pytest.MonkeyPatch) -> None:
    """A channel has its places over and over again."""
    patch.setattr(Inventory, "_count_channel", _none)


def allotments_end_what_is_kept_for_access(patch: pytest.MonkeyPatch) -> None:
    """Who buys through a channel has the accessible seats of its allotment for nothing."""
    refuse = Ground._refuse_reserved

    def of_others(ground: Ground, units: list[int]) -> Rejected | None:
        allotments = enumerate(ground._state.rules.allotments, FIRST_ALLOTMENT)
        own = {pool for pool, allotment in allotments if allotment.channel == ground._wish.channel != ""}
        return refuse(ground, [unit for unit in units if ground._pools[unit] not in own])

    patch.setattr(Ground, "_refuse_reserved", of_others)


def allotments_come_back_early(patch: pytest.MonkeyPatch) -> None:
    """An hour before their time."""
    next_return = allotments._next_return

    def early(state: BlockState) -> tuple[int, str] | None:
        due = next_return(state)
        return None if due is None else (due[0] - _HOUR_MS, due[1])

    patch.setattr(allotments, "_next_return", early)


def only_the_tick_brings_back(patch: pytest.MonkeyPatch) -> None:
    """What has come back by time is set aside until that is journaled."""
    patch.setattr(ground, "returned_at", lambda *_: [])


def windows_are_not_looked_at(patch: pytest.MonkeyPatch) -> None:
    """What is on sale is sold at any time."""
    refuse_sale = holds.refuse_sale

    def by_status(state: BlockState, channel: str, now_ms: int) -> Rejected | None:
        return None if state.status is EventStatus.ON_SALE else refuse_sale(state, channel, now_ms)

    patch.setattr(holds, "refuse_sale", by_status)


def exchanges_keep_what_they_give_back(patch: pytest.MonkeyPatch) -> None:
    """The buyer has old and new units."""
    patch.setattr(ticket_changes, "give_tickets_back", _none)


def exchanges_need_room_of_their_own(patch: pytest.MonkeyPatch) -> None:
    """What an exchange gives back is not there for it."""
    patch.setattr(ticket_changes, "units_of", lambda *_: [])


def exchanges_lose_what_they_take(patch: pytest.MonkeyPatch) -> None:
    """The old units are available, the new ones too."""
    claim = BlockState.claim

    def unless_sold(state: BlockState, hold: Hold, units: Any) -> None:
        if not hold.order:
            claim(state, hold, units)

    patch.setattr(BlockState, "claim", unless_sold)
    patch.setattr(Inventory, "sell", _none)


def void_tickets_are_good(patch: pytest.MonkeyPatch) -> None:
    """A ticket is cancelled, and cancelled again."""
    refuse = ticket_changes._refuse_void

    def none_is_void(state: BlockState, order: Order, indices: Sequence[int], now_ms: int) -> Rejected | None:
        found = refuse(state, order, indices, now_ms)
        return None if found is not None and found.reason is Reason.TICKET_VOID else found

    patch.setattr(ticket_changes, "_refuse_void", none_is_void)


def codes_stay_the_same(patch: pytest.MonkeyPatch) -> None:
    """Who gave a ticket away still has a code that opens the gate."""
    reassigned = ticket_changes._reassigned

    def same_code(order: Order, entry: TicketReassigned) -> Order:
        return msgspec.structs.replace(reassigned(order, entry), code_revisions=order.code_revisions)

    patch.setattr(ticket_changes, "_reassigned", same_code)


def orphaning_is_allowed(patch: pytest.MonkeyPatch) -> None:
    """A new layout may have no place for what is sold."""
    patch.setattr(events, "refuse_orphaning", _none)


def units_keep_their_numbers(patch: pytest.MonkeyPatch) -> None:
    """After a new layout, who had a unit has another one, which has its number now."""

    def by_number(state: BlockState, hold: Hold) -> None:
        event_layout_reclaim(state, msgspec.structs.replace(hold, layout=state.layout_version))

    event_layout_reclaim = event_layout.reclaim
    patch.setattr(event_layout, "reclaim", by_number)


def all_layouts_are_numbered_alike(patch: pytest.MonkeyPatch) -> None:
    """Whatever a new layout is, everybody keeps their numbers."""
    for module in (event_layout, layout_versions):
        patch.setattr(module, "has_same_units", lambda one, other: True)


def new_limits_count_from_now_on(patch: pytest.MonkeyPatch) -> None:
    """What a buyer had before there was a limit does not count."""
    patch.setattr(event_layout, "_count_buyers", _none)


def cancelled_events_keep_their_units(patch: pytest.MonkeyPatch) -> None:
    """Nobody has an order any more, and its seats stay sold."""
    patch.setattr(BlockState, "clear_claims", _none)


def edits_overwrite_each_other(patch: pytest.MonkeyPatch) -> None:
    """Nobody looks at the revision that an edit is based on."""
    edit = block._DECIDE[EditEvent]

    def whatever(state: BlockState, command: EditEvent, now_ms: int) -> Outcome:
        return edit(state, msgspec.structs.replace(command, if_revision=state.revision), now_ms)

    patch.setitem(block._DECIDE, EditEvent, whatever)


def cancelled_events_keep_their_orders(patch: pytest.MonkeyPatch) -> None:
    """Who ordered has its units, though there is no event."""
    patch.setattr(events, "conclude_order", _none)
    patch.setattr(events, "end_order", _none)


def snapshots_forget_what_came_back(patch: pytest.MonkeyPatch) -> None:
    """In a restored block all is set aside again."""

    def forgetful(frozen: bytes) -> BlockState:
        state = restore(frozen)
        state.returned.clear()
        return state

    patch.setattr(checked_block, "restore", forgetful)


def _none(*_: Any, **__: Any) -> None:
    return None


INVENTORY_SABOTAGES: dict[Callable[[pytest.MonkeyPatch], None], str] = {
    buffers_are_not_kept: "slots",
    begun_slots_are_sold: "slots",
    whole_tables_are_cut: "tables",
    whole_tables_come_back_in_parts: "tables",
    choices_are_made_once: "best_seats",
    choices_share_seats: "best_seats",
    prices_follow_the_layout: "prices",
    shares_are_rounded_down: "prices",
    fees_are_charged_again_at_an_exchange: "prices",
    buyers_have_no_limit: "limits",
    what_is_overdue_counts_against_limits: "limits",
    what_is_set_aside_is_for_all: "allotments",
    places_set_aside_are_for_all: "allotments",
    places_of_channels_are_not_counted: "allotments",
    allotments_end_what_is_kept_for_access: "allotments",
    allotments_come_back_early: "allotments",
    windows_are_not_looked_at: "windows",
    exchanges_keep_what_they_give_back: "exchange",
    exchanges_need_room_of_their_own: "exchange",
    exchanges_lose_what_they_take: "exchange",
    void_tickets_are_good: "tickets",
    codes_stay_the_same: "tickets",
    orphaning_is_allowed: "layouts",
    units_keep_their_numbers: "layouts",
    edits_overwrite_each_other: "edits",
    cancelled_events_keep_their_orders: "event_life",
    cancelled_events_keep_their_units: "event_life",
    all_layouts_are_numbered_alike: "layouts",
    new_limits_count_from_now_on: "edits",
    snapshots_forget_what_came_back: "allotments",
}
"""Each with the scenarios that are likely to notice it first."""
