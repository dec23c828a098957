"""Corrections: a quarantine ends by one entry, which takes back what it names, and nothing else."""

from collections.abc import Callable
from typing import Any, cast

import pytest

from actors.core.block import apply, next_due
from actors.core.commands import Correct
from actors.core.corrections import decide_correct
from actors.core.entries import Corrected, HoldExpired
from actors.core.holds import OUTAGE_GRACE_MS
from actors.core.layout import Area, Category, Layout, Row, RowKind, Section
from actors.core.replies import HoldStatus, OrderStatus
from actors.core.snapshot import digest, freeze, ledger_digest, restore
from actors.core.wishes import Wish
from tests.core.bare_block import LONG_MS, MINUTE_MS, BareBlock, places
from tests.core.invariants import violations
from tests.core.sabotage_corrections import (
    corrected_orders_stay,
    ended_quarantines_are_forgotten,
    quarantines_eat_time,
)

LAYOUT = Layout(
    "EUR",
    (Category("A", 1_000),),
    (Section("S", (Row("1", 0, 1, 6), Row("T", 0, 1, 4, kind=RowKind.WHOLE_TABLE))),),
    (Area("floor", 0, 10),),
)
SEATS = Wish(seats=("S/1/1", "S/1/2", "S/1/3"))


class House(BareBlock):
    """A block whose quarantines are ended, with everything that must hold after each entry."""

    def __init__(self) -> None:
        super().__init__(LAYOUT)
        self.quarantine = 0

    def correct(self, **changes: tuple[object, ...]) -> Corrected | tuple[str, ...] | None:
        """What becomes of a correction; what is accepted is applied, live and to a restored block."""
        self.quarantine += 1
        since_ms, ends = self.now_ms - MINUTE_MS, cast(Any, changes)
        command = Correct(self.quarantine, 7, "mara", "looked at it", since_ms, **ends)
        before = digest(self.state)
        entry = decide_correct(self.state, command, self.now_ms)
        assert digest(self.state) == before, "deciding changed the state"
        if isinstance(entry, Corrected):
            restored = restore(freeze(self.state))
            for state in (self.state, restored):
                apply(state, entry)
                assert not violations(state)
            assert (digest(restored), ledger_digest(restored)) == (digest(self.state), ledger_digest(self.state))
            assert digest(restore(freeze(self.state))) == digest(self.state)
            assert decide_correct(self.state, command, self.now_ms) is None, "a quarantine ends once"
        return entry

    def available(self) -> tuple[int, int]:
        """Seats, and places of the area."""
        inventory = self.state.inventory
        return bytes(inventory.statuses).count(0), 10 - inventory.area_held[0] - inventory.area_sold[0]


def test_an_empty_correction_ends_it_and_changes_nothing_else() -> None:
    house = House()
    hold = house.hold(SEATS)
    owed = ledger_digest(house.state)
    assert house.correct() == Corrected(house.now_ms, 1, 7, "mara", "looked at it", house.now_ms - MINUTE_MS)
    assert (ledger_digest(house.state), house.state.holds[hold].status) == (owed, HoldStatus.ACTIVE)


def test_where_the_journals_clock_went_back_a_quarantine_begins_no_later_than_it_ends() -> None:
    house = House()
    entry = decide_correct(house.state, Correct(1, 7, "mara", "looked at it", house.now_ms + MINUTE_MS), house.now_ms)
    assert isinstance(entry, Corrected)
    assert entry.since_ms == entry.at_ms == house.now_ms


def test_what_is_named_is_ended_and_its_units_are_available() -> None:
    house = House()
    hold, pending, paid, half = (house.hold(places(2)) for _ in range(4))
    unpaid = house.order(pending)
    whole, some = house.order(paid), house.order(half)
    house.pay(whole)
    house.pay(some)
    assert house.available() == (10, 2)
    entry = house.correct(holds=(hold,), orders=(unpaid,), tickets=((whole, 1), (some, 0), (whole, 0)))
    assert isinstance(entry, Corrected)
    assert (entry.voided, entry.holds) == (((some, (0,)),), (hold,))
    assert entry.orders == tuple(sorted((unpaid, whole))), "who loses all tickets loses the order"
    assert house.available() == (10, 9)
    orders = house.state.orders
    assert [orders[number].status for number in (unpaid, whole, some)] == [
        OrderStatus.CANCELLED, OrderStatus.CANCELLED, OrderStatus.PARTLY_CANCELLED,
    ]  # fmt: skip
    assert orders[some].code_revisions == (0, 1)
    assert house.hold(places(9))


def test_a_ticket_of_a_table_may_be_void_alone() -> None:
    house = House()
    order = house.order(house.hold(Wish(seats=tuple(f"S/T/{seat}" for seat in range(1, 5)))))
    house.pay(order)
    assert isinstance(house.correct(tickets=((order, 2),)), Corrected)
    assert house.available() == (7, 10)


def test_what_is_not_there_is_refused_by_its_field_and_nothing_is_done() -> None:
    house = House()
    hold, ordered = house.hold(places(1)), house.hold(places(2))
    order = house.order(ordered)
    unpaid = house.order(house.hold(places(1)))
    house.pay(order)
    before = digest(house.state)
    for changes, faults in (
        ({"holds": (hold, 99)}, ("holds[1]: there is no such hold",)),
        ({"holds": (ordered,)}, ("holds[0]: has become an order: end that",)),
        ({"holds": (hold, hold)}, ("holds: one is named twice",)),
        ({"orders": (99,)}, ("orders[0]: there is no such order",)),
        ({"tickets": ((99, 0),)}, ("tickets[0]: there is no such order",)),
        ({"tickets": ((unpaid, 0),)}, ("tickets[0]: ORDER_PENDING",)),
        ({"tickets": ((order, 2),)}, ("tickets[0]: the order has no ticket 3",)),
        ({"tickets": ((order, -1),)}, ("tickets[0]: the order has no ticket 0",)),
        ({"tickets": ((order, 0),), "orders": (order,)}, ("tickets[0]: its order ends as well",)),
    ):
        assert house.correct(**changes) == faults
    assert digest(house.state) == before
    assert isinstance(house.correct(tickets=((order, 0),)), Corrected)
    assert house.correct(tickets=((order, 0),)) == ("tickets[0]: is void",)
    assert isinstance(house.correct(holds=(hold,), orders=(order,)), Corrected)
    assert house.correct(holds=(hold,), orders=(order,)) == ("holds[0]: is RELEASED", "orders[0]: ORDER_CANCELLED")


@pytest.mark.parametrize(("by", "why"), [("", "why"), ("m" * 201, "why"), ("mara", ""), ("mara", "w" * 1_001)])
def test_who_and_why_must_be_said(by: str, why: str) -> None:
    house = House()
    faults = decide_correct(house.state, Correct(1, 0, by, why, house.now_ms), house.now_ms)
    assert isinstance(faults, tuple)
    assert [fault.partition(":")[0] for fault in faults] == ["why" if by == "mara" else "by"]


def check_grace() -> None:
    """What fell due while nobody was served lives a little longer, not past its cap; what fell due before does not."""
    house = House()
    due = house.hold(places(1), ttl_ms=2 * MINUTE_MS)
    before = house.hold(places(1), ttl_ms=MINUTE_MS)
    later = house.hold(places(1), ttl_ms=LONG_MS)
    house.now_ms += 2 * MINUTE_MS + 30_000
    assert isinstance(house.correct(), Corrected)
    assert next_due(house.state, house.now_ms) == HoldExpired(house.now_ms, before)
    apply(house.state, HoldExpired(house.now_ms, before))
    assert next_due(house.state, house.now_ms) is None, "a buyer who was paying is eaten"
    assert house.state.holds[due].expires_at_ms == house.now_ms + OUTAGE_GRACE_MS
    house.order(due)
    assert house.state.holds[later].expires_at_ms == house.now_ms - 2 * MINUTE_MS - 30_000 + LONG_MS


def test_what_fell_due_meanwhile_has_its_grace() -> None:
    check_grace()


@pytest.mark.parametrize(
    ("sabotage", "check"),
    [
        (corrected_orders_stay, test_what_is_named_is_ended_and_its_units_are_available),
        (quarantines_eat_time, check_grace),
        (ended_quarantines_are_forgotten, test_an_empty_correction_ends_it_and_changes_nothing_else),
    ],
)
def test_the_checks_notice(sabotage: Callable[[pytest.MonkeyPatch], None], check: Callable[[], None]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        sabotage(patch)
        with pytest.raises(AssertionError):
            check()
