"""Negative controls: the real core with one rule less, asked at random; the unchanged audit names what is broken."""

from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest

from actors.audit.findings import Fault
from actors.core import (
    allotments,
    asking,
    block,
    desk,
    desk_state,
    events,
    following,
    ground,
    holds,
    legs,
    orders,
    pricing,
    state,
    ticket_changes,
    waiting,
)
from actors.core.baskets import LegHeld, LegLine
from actors.core.best_available import SeatFinder
from actors.core.commands import FollowEvent, IntendExchange, ReleaseLeg
from actors.core.desk_state import Desk
from actors.core.entries import LegPinned
from actors.core.ground import Ground
from actors.core.layout_index import SlotIndex
from actors.core.outcomes import Accepted, Outcome
from actors.core.parts import Part
from actors.core.replies import PinReply, PlacingReply
from actors.core.seat_rows import Found
from actors.core.state import BlockState, Order
from actors.core.waiting_line import WaitingLine
from actors.reservations.divisions import Division
from tests.core.sabotage_waiting import offers_are_extended, offers_last_for_ever
from tests.loadtests.basket_walk import BasketWalk
from tests.loadtests.journals import Journal, audit, audit_together, faults, open_deeds
from tests.loadtests.split_shops import SplitShops
from tests.loadtests.split_walk import SplitWalk
from tests.loadtests.test_audit_walk import Walk

SEEDS = range(30)
DAY_MS = 24 * 60 * 60_000

Sabotage = Callable[[pytest.MonkeyPatch], None]


def what_is_set_aside_is_anybodys(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Ground, "_refuse_reserved", _nothing)


def places_are_kept_for_nobody(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ground, "places_kept", lambda *_: 0)


def nothing_comes_back_by_itself(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(allotments, "_next_return", _nothing)


def buyers_have_no_limit(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(holds, "refuse_buyer", _nothing)


def it_is_always_on_sale(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(holds, "refuse_sale", _nothing)


def holds_live_for_a_day(patch: pytest.MonkeyPatch) -> None:
    placing = holds.placing

    def generous(*arguments: Any) -> Any:
        placed = placing(*arguments)
        return msgspec.structs.replace(placed, max_expires_at_ms=placed.at_ms + DAY_MS)

    patch.setattr(holds, "placing", generous)


def slots_are_sold_after_they_began(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(holds, "_refuse_begun", _nothing)


def slots_have_no_buffer(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(SlotIndex, "around", lambda slots, first, last: range(first, last + 1))


def tables_are_sold_in_parts(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(asking, "_only_whole_tables", _nothing)


def tables_are_cancelled_in_parts(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ticket_changes, "refuse_tickets", ticket_changes._refuse_void)


def shares_are_rounded_down(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(pricing, "rounded", lambda numerator, denominator: numerator // denominator)


def orphans_are_miscounted(patch: pytest.MonkeyPatch) -> None:
    find = SeatFinder.find

    def one_more(finder: SeatFinder, *asked: Any, **more: Any) -> Found | int:
        found = find(finder, *asked, **more)
        return found if isinstance(found, int) else Found(found.seats, found.score, found.orphans + 1)

    patch.setattr(SeatFinder, "find", one_more)


def layouts_lose_units(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(events, "refuse_orphaning", _nothing)


def who_came_last_is_served_first(patch: pytest.MonkeyPatch) -> None:
    line_up = WaitingLine._line_up
    patch.setattr(WaitingLine, "_line_up", lambda line, same, turn, waiter: line_up(line, same, -turn, waiter))
    patch.setattr(WaitingLine, "_is_there", lambda line, _, waiter: waiter in line._place_of)


def nobody_is_offered_anything(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(waiting, "next_offer", _nothing)
    patch.setattr(waiting, "is_restless", _nothing)


def wishes_that_nothing_meets_wait(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(waiting, "refuse_never", _nothing)


def codes_stay_when_tickets_change_hands(patch: pytest.MonkeyPatch) -> None:
    reassigned = ticket_changes._reassigned

    def same_code(order: Order, entry: Any) -> Order:
        return msgspec.structs.replace(reassigned(order, entry), code_revisions=order.code_revisions)

    patch.setattr(ticket_changes, "_reassigned", same_code)


def holds_outlive_their_event(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(events, "end_hold", _nothing)


def legs_say_another_price(patch: pytest.MonkeyPatch) -> None:
    said = legs._line

    def dearer(*arguments: Any) -> LegLine:
        line = said(*arguments)
        return msgspec.structs.replace(line, price=line.price + 1)

    patch.setattr(legs, "_line", dearer)


def legs_expire(patch: pytest.MonkeyPatch) -> None:
    def pinned(state: BlockState, entry: LegPinned) -> None:
        legs.apply_leg_pinned(state, entry)
        state.push_deadline(state.holds[entry.leg])

    patch.setitem(block._APPLY, LegPinned, pinned)


def legs_say_done_and_do_nothing(patch: pytest.MonkeyPatch) -> None:
    def nothing_done(_: BlockState, command: ReleaseLeg, now_ms: int) -> Outcome:
        return Accepted((), PinReply(command.leg))

    patch.setitem(block._DECIDE_ERRAND, ReleaseLeg, nothing_done)


def legs_are_pinned_whatever_the_event_is(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(holds, "refuse_sale", _nothing)


def legs_of_exchanges_name_the_order(patch: pytest.MonkeyPatch) -> None:
    intended = block._DECIDE[IntendExchange]

    def misnamed(state: BlockState, command: IntendExchange, now_ms: int) -> Outcome:
        outcome = intended(state, command, now_ms)
        if isinstance(outcome, Accepted) and isinstance(outcome.reply, PlacingReply):
            return Accepted(outcome.entries, msgspec.structs.replace(outcome.reply, number=command.order))
        return outcome

    patch.setitem(block._DECIDE, IntendExchange, misnamed)


def desks_let_orders_change_while_they_are_exchanged(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(orders, "refuse_while_exchanging", _nothing)
    patch.setattr(ticket_changes, "refuse_while_exchanging", _nothing)


def desks_release_the_tickets_beside(patch: pytest.MonkeyPatch) -> None:
    by_leg = desk_state.tickets_by_leg

    def beside(held: Any, tickets: Any) -> Iterator[tuple[LegHeld, list[int]]]:
        for leg, own in by_leg(held, tickets):
            yield leg, [(ticket + 1) % len(leg.of_ticket) for ticket in own]

    patch.setattr(desk_state, "tickets_by_leg", beside)


def desks_forget_to_book(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Desk, "book", _nothing)


def parts_count_by_themselves(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Division, "_ledger_of", _nothing)
    patch.setattr(BlockState, "is_ledger", True)


def parts_keep_their_rules(patch: pytest.MonkeyPatch) -> None:
    follow = block._DECIDE_ERRAND[FollowEvent]

    def by_what_was(state: BlockState, command: FollowEvent, now_ms: int) -> Outcome:
        rules = command.rules if state.layout is None else state.rules
        return follow(state, msgspec.structs.replace(command, rules=rules), now_ms)

    patch.setitem(block._DECIDE_ERRAND, FollowEvent, by_what_was)


def parts_have_all_sections(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(following, "layout_of_part", lambda layout, _: layout)


def homes_have_all_sections(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(state, "layout_of_home", lambda layout, _: layout)


def parts_say_that_they_follow(patch: pytest.MonkeyPatch) -> None:
    tell = SplitShops.tell

    def say(shops: SplitShops, part: Part) -> int:
        return shops.home.state.revision if shops.home.state.parts[part] > 1 else tell(shops, part)

    patch.setattr(SplitShops, "tell", say)


def edits_move_the_seats_of_parts(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(events, "changed_section", _nothing)


def limits_come_late(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(events, "_faults_of_divided_edit", lambda *_: ())


def baskets_tear_tables(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ticket_changes, "left_at_tables", lambda *_: ())


def every_part_charges_once(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(desk, "once_an_event", lambda held, _: held)


def _nothing(*_: Any, **__: Any) -> None:
    return None


@pytest.mark.parametrize(
    ("sabotage", "expected"),
    [
        (what_is_set_aside_is_anybodys, Fault.SET_ASIDE),
        (places_are_kept_for_nobody, Fault.SET_ASIDE),
        (nothing_comes_back_by_itself, Fault.NEVER_RETURNED),
        (buyers_have_no_limit, Fault.OVER_LIMIT),
        (it_is_always_on_sale, Fault.NOT_ON_SALE),
        (holds_live_for_a_day, Fault.DEADLINE_WRONG),
        (slots_are_sold_after_they_began, Fault.SLOT_BEGUN),
        (slots_have_no_buffer, Fault.BUFFER_BROKEN),
        (tables_are_sold_in_parts, Fault.TABLE_NOT_WHOLE),
        (tables_are_cancelled_in_parts, Fault.TABLE_NOT_WHOLE),
        (shares_are_rounded_down, Fault.PRICE_WRONG),
        (orphans_are_miscounted, Fault.CHOICE_WRONG),
        (layouts_lose_units, Fault.UNIT_LOST),
        (who_came_last_is_served_first, Fault.OUT_OF_TURN),
        (nobody_is_offered_anything, Fault.OUT_OF_TURN),
        (offers_last_for_ever, Fault.DEADLINE_WRONG),
        (offers_are_extended, Fault.DEADLINE_WRONG),
        (wishes_that_nothing_meets_wait, Fault.WAITER_MALFORMED),
        (codes_stay_when_tickets_change_hands, Fault.DIGEST_DIFFERS),
        (holds_outlive_their_event, Fault.DIGEST_DIFFERS),
    ],
)
def test_a_core_with_one_rule_less_is_found_out(
    sabotage: Sabotage, expected: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    sabotage(monkeypatch)
    assert any(_is_found(seed, expected) for seed in SEEDS)


def _is_found(seed: int, expected: Fault) -> bool:
    walk = Walk(seed)
    try:
        walk.run()
    except (AssertionError, LookupError):
        walk.commit()  # the core noticed something itself, and stopped: what was journaled before that counts
    return expected in faults(audit(walk.shop.journal()))


@pytest.mark.parametrize(
    ("sabotage", "expected"),
    [
        (legs_say_another_price, Fault.LEG_DIFFERS),
        (legs_expire, Fault.HOLD_NOT_ACTIVE),
        (legs_say_done_and_do_nothing, Fault.DEED_MISSING),
        (legs_are_pinned_whatever_the_event_is, Fault.NOT_ON_SALE),
        (legs_of_exchanges_name_the_order, Fault.LEG_DIFFERS),
        (desks_let_orders_change_while_they_are_exchanged, Fault.EXCHANGE_OPEN),
        (desks_release_the_tickets_beside, Fault.DEED_NOT_DEMANDED),
        (desks_forget_to_book, Fault.DEED_NOT_DEMANDED),
    ],
)
def test_desks_and_legs_with_one_rule_less_are_found_out(
    sabotage: Sabotage, expected: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    sabotage(monkeypatch)
    assert any(expected in faults(audit_together(_journals(BasketWalk(seed)))) for seed in SEEDS)


@pytest.mark.parametrize(
    ("sabotage", "expected"),
    [
        (parts_count_by_themselves, Fault.COUNTED_WRONGLY),
        (parts_keep_their_rules, Fault.PART_DIFFERS),
        (parts_have_all_sections, Fault.UNIT_ASTRAY),
        (homes_have_all_sections, Fault.DIGEST_DIFFERS),
        (parts_say_that_they_follow, Fault.PART_BEHIND),
        (edits_move_the_seats_of_parts, Fault.SPLIT_WRONG),
        (limits_come_late, Fault.SPLIT_WRONG),
        (baskets_tear_tables, Fault.TABLE_NOT_WHOLE),
        (every_part_charges_once, Fault.BASKET_MALFORMED),
    ],
)
def test_split_events_with_one_rule_less_are_found_out(
    sabotage: Sabotage, expected: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    sabotage(monkeypatch)
    assert any(expected in faults(audit_together(_journals(SplitWalk(seed)))) for seed in SEEDS)


def test_a_desk_that_forgets_what_is_to_be_done_is_left_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which is no finding, as a leg may always be behind: but it is counted."""
    monkeypatch.setattr(Desk, "_demand", _nothing)
    walk = BasketWalk(0)
    walk.run()
    assert open_deeds(walk.settle()[0]) > 0


def test_a_ledger_that_never_counts_less_is_left_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """As it may be behind as well."""
    monkeypatch.setattr(desk_state, "count_less", lambda *_: {})
    walk = SplitWalk(0)
    walk.run()
    assert open_deeds(walk.settle()[0]) > 0


def _journals(walk: BasketWalk) -> tuple[Journal, ...]:
    try:
        walk.run()
        return walk.settle()
    except (AssertionError, LookupError):
        walk.shops.commit()  # as above
        return walk.shops.journals()
