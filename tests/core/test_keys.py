"""Remembered keys and ended holds: bounded, forgotten in the same order everywhere, and never early."""

from collections.abc import Iterator

import pytest

from actors.core import keys
from actors.core.block import apply, decide, next_due
from actors.core.commands import (
    CancelOrder,
    ConfirmOrder,
    CreateEvent,
    ExtendHold,
    OpenSale,
    PlaceHold,
    PlaceOrder,
    ReleaseHold,
    Stamp,
    Write,
)
from actors.core.ids import Kind, TenantId
from actors.core.keys import fingerprint, key_hash
from actors.core.layout import Area, Category, Layout
from actors.core.outcomes import Accepted, Outcome, Rejected
from actors.core.rules import DEFAULT_HOLD_LIFE_MS
from actors.core.snapshot import digest, freeze, restore
from actors.core.state import BlockState
from actors.core.wishes import AreaPlaces, Wish

START_MS = 1_700_000_000_000
MINUTE_MS = 60_000
DAY_MS = 24 * 60 * MINUTE_MS
LAYOUT = Layout("EUR", (Category("standing", 2000),), (), (Area("floor", 0, 100_000),))


def stamp(number: int, now_ms: int) -> Stamp:
    return Stamp("acme", "ana", number.to_bytes(16, "big"), b"p" * 16, now_ms + MINUTE_MS)


def do(state: BlockState, command: Write, now_ms: int) -> Outcome:
    outcome = decide(state, command, now_ms)
    for entry in outcome.entries if isinstance(outcome, Accepted) else ():
        apply(state, entry)
    return outcome


def expire(state: BlockState, now_ms: int) -> None:
    while (entry := next_due(state, now_ms)) is not None:
        apply(state, entry)


def on_sale() -> BlockState:
    state = BlockState()
    do(state, CreateEvent(stamp(1, START_MS), "Night", LAYOUT), START_MS)
    do(state, OpenSale(stamp(2, START_MS)), START_MS)
    return state


def hold(number: int, now_ms: int, ttl_ms: int = MINUTE_MS) -> PlaceHold:
    return PlaceHold(stamp(1_000_000 + number, now_ms), number, Wish(areas=(AreaPlaces("floor", 1),)), ttl_ms)


def holds_a_second(seconds: int) -> Iterator[tuple[BlockState, int]]:
    """A busy block: ten holds a second, each left to expire after a minute."""
    state = on_sale()
    number = 0
    for second in range(seconds):
        now_ms = START_MS + 1_000 * second
        expire(state, now_ms)
        for _ in range(10):
            number += 1
            assert isinstance(do(state, hold(number, now_ms), now_ms), Accepted)
        yield state, now_ms


def test_memory_of_keys_and_ended_holds_is_bounded_while_a_block_is_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "MAX_ENDED_HOLDS", 100)
    most_keys = most_holds = 0
    for state, _ in holds_a_second(40 * 60):
        most_keys = max(most_keys, len(state.memos))
        most_holds = max(most_holds, len(state.holds))
    live = 10 * 60  # a minute's holds
    remembered = 10 * 11 * 60  # a minute of life and ten more
    assert live <= most_holds <= live + 10 * 10 * 60 + 200
    assert remembered <= most_keys <= remembered + 100
    assert len(state.deadlines) <= most_holds
    assert len(state.memo_dues) <= most_keys


def test_a_restored_block_forgets_the_same_as_the_live_one() -> None:
    restored: BlockState | None = None
    for state, now_ms in holds_a_second(13 * 60):
        if now_ms == START_MS + 8 * MINUTE_MS:
            restored = restore(freeze(state))
            number = max(state.holds)
    assert restored is not None
    remembered = set(restored.memos)
    for second in range(8 * 60 + 1, 13 * 60):
        now_ms = START_MS + 1_000 * second
        expire(restored, now_ms)
        for _ in range(10):
            number += 1
            do(restored, hold(number, now_ms), now_ms)
    assert digest(restored) == digest(state)
    assert not remembered <= set(restored.memos), "nothing was forgotten, so nothing was shown"


def come_and_go(state: BlockState, first: int, seconds: range) -> int:
    """Ten holds a second: most are released a second later, some are ordered, few of those are paid."""
    number = first
    for second in seconds:
        now_ms = START_MS + 1_000 * second
        expire(state, now_ms)
        for turn in range(10):
            number += 1
            do(state, hold(number, now_ms, 120 * MINUTE_MS if turn else MINUTE_MS), now_ms)
            if turn < 8:
                do(state, ReleaseHold(stamp(2_000_000 + number, now_ms), number), now_ms + 500)
            elif turn == 8:
                do(state, PlaceOrder(stamp(3_000_000 + number, now_ms), number, number), now_ms + 500)
            else:
                do(state, CancelOrder(stamp(4_000_000 + number, now_ms), number - 1), now_ms + 900)
    return number


def test_holds_that_end_early_do_not_fill_the_memory_of_keys() -> None:
    state = on_sale()
    come_and_go(state, 0, range(30 * 60))
    over_but_kept = 8 * 2 * 10 * 60  # released in the last ten minutes: one key of the hold, one of its end
    ordered = 10 * 60  # the same of holds that were ordered
    alive = sum(len(each.keys) for each in state.holds.values())
    of_orders = sum(memo.kind is Kind.ORDER for memo in state.memos.values())
    assert len(state.memos) - of_orders - alive <= over_but_kept + ordered + 100


def test_a_restored_block_forgets_what_ended_early_as_the_live_one_does() -> None:
    live = on_sale()
    number = come_and_go(live, 0, range(9 * 60))
    restored = restore(freeze(live))
    before = set(live.memos)
    assert come_and_go(live, number, range(9 * 60, 12 * 60)) == come_and_go(restored, number, range(9 * 60, 12 * 60))
    assert digest(restored) == digest(live)
    assert not before <= set(live.memos), "nothing was forgotten, so nothing was shown"


def test_unpaid_orders_are_forgotten_and_paid_ones_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "MAX_ENDED_HOLDS", 50)
    state = on_sale()
    do(state, hold(1, START_MS), START_MS)
    do(state, PlaceOrder(stamp(10, START_MS), 1, 1), START_MS)
    do(state, ConfirmOrder(stamp(11, START_MS), 1), START_MS)
    most_orders = 0
    for minute in range(300):
        now_ms = START_MS + minute * MINUTE_MS
        expire(state, now_ms)
        for each in range(5):
            number = 10 + 5 * minute + each
            do(state, hold(number, now_ms), now_ms)
            do(state, PlaceOrder(stamp(2_000_000 + number, now_ms), number, number), now_ms)
        most_orders = max(most_orders, len(state.orders))
    assert most_orders <= 1 + 5 * 12 + 50
    assert next(iter(state.orders)) == 1
    assert len(state.holds) == len(state.orders)


def test_a_hold_takes_a_bounded_number_of_keys_along_and_the_others_are_kept_until_its_cap() -> None:
    state = on_sale()
    do(state, hold(1, START_MS, MINUTE_MS), START_MS)
    many = 3 * keys.MAX_KEYS_PER_HOLD
    for number in range(1, many + 1):
        assert isinstance(do(state, ExtendHold(stamp(100 + number, START_MS), 1, MINUTE_MS), START_MS), Accepted)
    assert len(state.holds[1].keys) == keys.MAX_KEYS_PER_HOLD
    do(state, ReleaseHold(stamp(3, START_MS), 1), START_MS)
    assert len(state.memos) == 2 + 1 + many + 1
    after_its_end_ms = START_MS + keys.HOLD_KEY_KEPT_MS
    for number in range(2, 12):
        do(state, hold(number, after_its_end_ms), after_its_end_ms)
    left = 1 + many - keys.MAX_KEYS_PER_HOLD
    assert len(state.memos) == 2 + left + 10
    again = do(state, ExtendHold(stamp(100 + many, after_its_end_ms), 1, MINUTE_MS), after_its_end_ms)
    assert isinstance(again, Accepted)
    assert again.replayed
    after_its_cap_ms = START_MS + DEFAULT_HOLD_LIFE_MS + keys.HOLD_KEY_KEPT_MS
    for number in range(12, 32):
        do(state, hold(number, after_its_cap_ms, DEFAULT_HOLD_LIFE_MS), after_its_cap_ms)
    assert len(state.memos) == 2 + 10 + 20


def test_a_few_keys_are_forgotten_by_each_entry_never_all_at_once() -> None:
    state = on_sale()
    for number in range(1, 101):
        do(state, hold(number, START_MS), START_MS)
    expire(state, START_MS + MINUTE_MS)
    before = len(state.memos)
    late_ms = START_MS + 3 * DAY_MS
    do(state, hold(101, late_ms), late_ms)
    assert before + 1 - len(state.memos) == keys.PRUNED_PER_ENTRY
    assert len(state.holds) == 101 - keys.PRUNED_PER_ENTRY


def test_a_full_block_sells_again_once_its_keys_are_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "MAX_KEYS_PER_BLOCK", 6)
    state = on_sale()
    do(state, hold(1, START_MS), START_MS)
    do(state, PlaceOrder(stamp(3, START_MS), 1, 50), START_MS)
    do(state, hold(2, START_MS), START_MS)
    do(state, ReleaseHold(stamp(4, START_MS), 2), START_MS)
    assert isinstance(do(state, hold(3, START_MS), START_MS), Rejected)
    expire(state, START_MS + MINUTE_MS)  # the last entry that comes by itself
    assert isinstance(do(state, hold(3, START_MS), START_MS), Rejected)
    late_ms = START_MS + 3 * DAY_MS
    expire(state, late_ms)
    for number in range(3, 8):  # all but the creation's key are over
        assert isinstance(do(state, hold(number, late_ms), late_ms), Accepted)
    assert len(state.memos) == 6
    assert isinstance(do(state, hold(8, late_ms), late_ms), Rejected)


def test_keys_and_fingerprints_tell_tenants_buyers_and_commands_apart() -> None:
    assert key_hash(TenantId("acme"), "1") != key_hash(TenantId("evil"), "1")
    assert key_hash(TenantId("acme"), "11") != key_hash(TenantId("acme1"), "1")
    assert key_hash(TenantId("a"), "b\0c") != key_hash(TenantId("a\0b"), "c")
    assert key_hash(TenantId("a"), "1:1") != key_hash(TenantId("a1:"), "1")
    prints = {
        fingerprint("p", "ana", "hold", ("A/1/1",), 0),
        fingerprint("p", "bob", "hold", ("A/1/1",), 0),
        fingerprint("q", "ana", "hold", ("A/1/1",), 0),
        fingerprint("p", "ana", "hold", ("A/1/2",), 0),
        fingerprint("p", "ana", "hold", ("A/1/1",), 1),
        fingerprint("p", "an", "ahold", ("A/1/1",), 0),
    }
    assert len(prints) == 6
    assert {len(known) for known in prints} == {16}
    assert fingerprint("p", "ana", ["A/1/1"]) == fingerprint("p", "ana", ("A/1/1",))
