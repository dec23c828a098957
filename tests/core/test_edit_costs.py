"""What an edit looks at: whoever has units is left alone where none of them changes. Counted, not timed."""

from collections import Counter
from collections.abc import Callable

import pytest

from actors.core import event_layout, events
from actors.core.block import apply, decide
from actors.core.commands import (
    ChangeStatus,
    Command,
    ConfirmOrder,
    CreateEvent,
    EditEvent,
    OpenSale,
    PlaceHold,
    PlaceOrder,
    Stamp,
)
from actors.core.inventory import Inventory
from actors.core.layout import Area, Category, Layout, Row, Section
from actors.core.layout_index import LayoutIndex
from actors.core.outcomes import Accepted
from actors.core.replies import EventStatus
from actors.core.rules import Channel, Rules, Window
from actors.core.snapshot import digest
from actors.core.state import BlockState
from actors.core.wishes import AreaPlaces, Wish

NOW_MS = 1_000_000
BEFORE = Rules(max_per_buyer=9)
LATER = Rules(Window(0, 9 * NOW_MS), max_per_buyer=7, channels=(Channel("door"),))


def layout(price: int, *rows: str) -> Layout:
    """Rows of two seats."""
    sections = (Section("S", tuple(Row(name, 0, 1, 2) for name in rows)),)
    return Layout("EUR", (Category("all", price),), sections, (Area("floor", 0, price),))


def stamp(number: int) -> Stamp:
    """Of buyer and key number so and so."""
    return Stamp("acme", f"buyer {number}", number.to_bytes(16), bytes(16), 2 * NOW_MS)


def say(state: BlockState, command: Command) -> None:
    """The block accepts it."""
    outcome = decide(state, command, NOW_MS)
    assert isinstance(outcome, Accepted), outcome
    for entry in outcome.entries:
        apply(state, entry)


def sold_out(orders: int) -> BlockState:
    """As many paid orders, each of a row and of a place; one row more is held."""
    state = BlockState()
    rows = tuple(map(str, range(orders + 1)))
    say(state, CreateEvent(stamp(1), "edited", layout(900, *rows), rules=BEFORE))
    say(state, OpenSale(stamp(2)))
    for number in range(1, orders + 2):
        wish = Wish((f"S/{number - 1}/1", f"S/{number - 1}/2"), (AreaPlaces("floor", 1),))
        say(state, PlaceHold(stamp(3 * number), number, wish))
        if number <= orders:
            say(state, PlaceOrder(stamp(3 * number + 1), number, number))
            say(state, ConfirmOrder(stamp(3 * number + 2), number))
    return state


def a_price(state: BlockState) -> Command:
    """All is dearer, and there are more places."""
    assert state.layout is not None
    rows = (row.name for _, row in state.layout.rows())
    return EditEvent(stamp(0), state.revision, layout=layout(1_000, *rows))


def a_window(state: BlockState) -> Command:
    """Other rules."""
    return EditEvent(stamp(0), state.revision, rules=LATER)


def a_cancellation(_: BlockState) -> Command:
    """The end of it all."""
    return ChangeStatus(stamp(0), EventStatus.CANCELLED)


CHANGES = (a_price, a_window, a_cancellation)
_each_change = pytest.mark.parametrize("change", CHANGES)


def looks(orders: int, change: Callable[[BlockState], Command]) -> Counter[str]:
    """How often units are looked at one by one, or hold by hold, while it is decided and applied."""
    state = sold_out(orders)
    counts: Counter[str] = Counter()
    with pytest.MonkeyPatch.context() as patch:
        for owner, name in (
            (BlockState, "units_now"),
            (LayoutIndex, "unit_name"),
            (LayoutIndex, "find_unit"),
            (Inventory, "claim"),
            (Inventory, "give_back"),
        ):
            patch.setattr(owner, name, counting(counts, name, getattr(owner, name)))
        say(state, change(state))
    return counts


def counting(counts: Counter[str], name: str, honest: Callable[..., object]) -> Callable[..., object]:
    """The same, counted."""

    def counted(*given: object, **named: object) -> object:
        counts[name] += 1
        return honest(*given, **named)

    return counted


@_each_change
def test_nobodys_units_are_looked_at(change: Callable[[BlockState], Command]) -> None:
    assert looks(20, change) == looks(200, change) == Counter()


def every_unit_may_be_another(patch: pytest.MonkeyPatch) -> None:
    """No layout is like another."""
    patch.setattr(event_layout, "has_same_units", lambda one, other: False)


def all_is_claimed_anew(patch: pytest.MonkeyPatch) -> None:
    """Also when only rules change."""
    adopt = event_layout.adopt

    def with_the_same_layout(state: BlockState, given: Layout | None, rules: Rules | None, at_ms: int) -> None:
        adopt(state, given or state.layout, rules, at_ms)

    every_unit_may_be_another(patch)
    patch.setattr(events, "adopt", with_the_same_layout)


def all_is_given_back_one_by_one(patch: pytest.MonkeyPatch) -> None:
    """As if somebody kept something."""
    for quick, slow in (("conclude_hold", "end_hold"), ("conclude_order", "end_order")):
        patch.setattr(events, quick, getattr(events, slow))


SLOWLY = dict(zip(CHANGES, (every_unit_may_be_another, all_is_claimed_anew, all_is_given_back_one_by_one), strict=True))


@_each_change
def test_negative_control_everybodys_units_are_looked_at(
    change: Callable[[BlockState], Command], monkeypatch: pytest.MonkeyPatch
) -> None:
    SLOWLY[change](monkeypatch)
    assert looks(200, change).total() > 5 * looks(20, change).total() > 0


@_each_change
def test_it_comes_to_the_same_either_way(change: Callable[[BlockState], Command]) -> None:
    """What is not looked at is as it would be if it were, save that a layout has one version more."""
    quickly, slowly = sold_out(20), sold_out(20)
    say(quickly, change(quickly))
    with pytest.MonkeyPatch.context() as patch:
        SLOWLY[change](patch)
        say(slowly, change(slowly))
    if change is a_window:
        slowly.versions.layouts, slowly.layout_version = dict(quickly.layouts), quickly.layout_version
    assert digest(quickly) == digest(slowly)


def test_what_was_had_before_a_price_changed_is_given_back_without_its_names() -> None:
    state = sold_out(20)
    say(state, a_price(state))
    counts: Counter[str] = Counter()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LayoutIndex, "find_unit", counting(counts, "find_unit", LayoutIndex.find_unit))
        given = [state.units_now(hold) for hold in state.holds.values()]
    assert not counts
    assert [units.seats for units in given] == [hold.seats for hold in state.holds.values()]


def test_a_row_more_in_front_changes_all_numbers() -> None:
    state = sold_out(3)
    assert state.layout is not None
    rows = (row.name for _, row in state.layout.rows())
    say(state, EditEvent(stamp(0), state.revision, layout=layout(900, "front", *rows)))
    assert state.units_now(state.holds[1]).seats == (2, 3)
    assert list(state.inventory.owners) == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]


def test_a_limit_counts_what_buyers_had_before() -> None:
    state = sold_out(3)
    units, holds = dict(state.buyers.units), dict(state.buyers.holds)
    assert set(units.values()) == {3}
    assert list(holds.values()) == [[4]], "the others are sold"
    say(state, EditEvent(stamp(0), state.revision, rules=Rules()))
    assert (state.buyers.units, state.buyers.holds) == ({}, {})
    say(state, EditEvent(stamp(90), state.revision, rules=BEFORE))
    assert (state.buyers.units, state.buyers.holds) == (units, holds)
