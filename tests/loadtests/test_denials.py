"""A unit is denied rightly if there was none at some moment while the answer was awaited."""

import pytest

from actors.audit.denials import CLOCK_TOLERANCE_MS, Denied
from actors.audit.findings import Fault
from actors.audit.parts import Part
from loadtests.event_blocks import EventBlocks
from tests.loadtests.journals import BLOCK, HOLD_TTL_MS, Journal, Shop, audit, clean_journal, made_event

EVENT = f"event_{BLOCK}"
FAR_MS = 10 * CLOCK_TOLERANCE_MS


def _full_for_a_while() -> tuple[Journal, int, int]:
    """A journal in which the floor was full, from when until when."""
    shop = Shop()
    made_event(shop)
    shop.now_ms += FAR_MS
    full_at_ms = shop.now_ms
    shop.hold(1, (), 10)
    shop.commit()
    shop.now_ms += HOLD_TTL_MS
    shop.expire()
    shop.commit()
    return shop.journal(), full_at_ms, shop.now_ms


@pytest.mark.parametrize(
    ("after_begin_ms", "after_end_ms", "clean"),
    [
        (-FAR_MS, -HOLD_TTL_MS - 2 * CLOCK_TOLERANCE_MS, False),
        (-FAR_MS, -HOLD_TTL_MS - CLOCK_TOLERANCE_MS, True),
        (-FAR_MS, FAR_MS, True),
        (1, -1, True),
        (HOLD_TTL_MS + CLOCK_TOLERANCE_MS, FAR_MS, True),
        (HOLD_TTL_MS + 2 * CLOCK_TOLERANCE_MS, FAR_MS, False),
    ],
)
def test_a_place_may_be_denied_only_while_the_area_is_full(after_begin_ms: int, after_end_ms: int, clean: bool) -> None:
    journal, full_at_ms, empty_at_ms = _full_for_a_while()
    journal.denials.append(Denied(EVENT, "floor", full_at_ms + after_begin_ms, empty_at_ms + after_end_ms))
    found = audit(journal)
    assert [finding.fault for finding in found] == ([] if clean else [Fault.DENIED_WRONGLY])


def test_a_seat_may_be_denied_when_no_seat_is_left_whatever_the_areas_have() -> None:
    shop = Shop()
    made_event(shop)
    shop.now_ms += FAR_MS
    rows = [("A/1", 6), ("A/2", 6)]
    seats = [f"{row}/{number}" for row, count in rows for number in range(1, count + 1)]
    shop.hold(1, (*seats, "B/1/left", "B/1/right"), 0)
    shop.commit()
    journal = shop.journal()
    for area, clean in (("", True), ("floor", False), ("nowhere", True)):
        journal.denials = [Denied(EVENT, area, shop.now_ms, shop.now_ms + 5)]
        assert (audit(journal) == []) is clean, area


def test_whoever_is_denied_after_the_last_entry_is_denied_by_what_it_left() -> None:
    journal = clean_journal()
    late_ms = journal.last_ms + FAR_MS
    journal.denials = [Denied(EVENT, "", late_ms, late_ms), Denied(EVENT, "floor", late_ms, late_ms)]
    assert [finding.fault for finding in audit(journal)] == [Fault.DENIED_WRONGLY] * 2


@pytest.mark.parametrize(("quantity", "clean"), [(3, True), (2, False)])
def test_several_places_may_be_denied_while_there_are_fewer(quantity: int, clean: bool) -> None:
    shop = Shop()
    made_event(shop)
    shop.now_ms += FAR_MS
    shop.hold(1, (), 8)
    shop.commit()
    journal = shop.journal()
    journal.denials = [Denied(EVENT, "floor", shop.now_ms, shop.now_ms + 5, quantity)]
    assert (audit(journal) == []) is clean


def test_who_is_denied_a_seat_of_an_event_is_denied_those_of_its_parts() -> None:
    event = EventBlocks(BLOCK, [Part("north", ("N",)), Part("south", ("S",)), Part("ledger", ())])
    seat, place = Denied(EVENT, "", 1, 2), Denied(EVENT, "floor", 1, 2)
    assert event.told({BLOCK: [seat, place]}) == {BLOCK: [seat, place], "north": [seat], "south": [seat]}
    assert event.told({"desk": []}) == {"desk": []}
    assert event.that_sell == ["event_north", "event_south"]
    assert event.of_units == [EVENT, "event_north", "event_south"]
    assert event.all == [BLOCK, "north", "south", "ledger"]
    assert EventBlocks(BLOCK, []).that_sell == [EVENT]
