"""Pages of a section's seats and of slots: what one costs, whatever the section has; and what a cursor is good for."""

import sys
import tracemalloc
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from actors.core.ids import BlockId, TenantId
from actors.core.layout import Calendar, Category, Layout, Resource, Row, RowKind, Section
from actors.core.layout_index import LayoutIndex
from actors.core.replies import EventStatus
from actors.projections import answers
from actors.projections.answers import ListedUnit, SeatPlan, Slots
from actors.projections.counts import EventCounts, UnitCounts
from actors.projections.cursor import InvalidCursor, number_behind, number_cursor
from actors.projections.seat_statuses import pack, status_at, unpack
from actors.projections.shown import EventShown, Shown

MINUTE_MS = 60_000
ROW = 100
LIMIT = 50
BLOCK = BlockId("0" * 16)
ASKED: tuple[str | Slots, ...] = ("Hall", Slots("Court"))


def layout_of(count: int) -> Layout:
    """So many seats in a section, the last at tables, and as many slots of a resource."""
    tables = (Row("T1", 0, 1, ROW, kind=RowKind.TABLE), Row("T2", 0, 1, ROW, kind=RowKind.WHOLE_TABLE))
    rows = tuple(Row(f"R{number}", 0, 1, ROW) for number in range(count // ROW - 2))
    runs = ((0, count // 2, 0), (count * MINUTE_MS, count - count // 2, 60))
    return Layout(
        "EUR",
        (Category("all", 1),),
        (
            Section("Box", (Row("A", 0, 1, 3),)),
            Section("Hall", (*rows, *tables)),
            Section("Loge", (Row("A", 0, 1, 3),)),
        ),
        (),
        resources=(Resource("Pool", 0, 0), Resource("Court", 0, 0)),
        calendars=(Calendar("UTC", MINUTE_MS, runs),),
    )


def planned(count: int, tenant: str = "acme", version: int = 7) -> tuple[SeatPlan, LayoutIndex]:
    """A plan of that layout, with all statuses in it in turns, and the layout's index."""
    index = LayoutIndex(layout_of(count))
    counts = EventCounts(UnitCounts(), (), (), ())
    event = EventShown(TenantId(tenant), "Night", EventStatus.ON_SALE, "EUR", version, counts)
    statuses = pack(bytes(unit * 7 // 3 % 4 for unit in range(index.unit_count)))
    return SeatPlan(BLOCK, Shown(9, 100, event, statuses)), index


def joined(plan: SeatPlan, index: LayoutIndex, asked: str | Slots, limit: int) -> list[ListedUnit]:
    """All pages, each of which is full but the last, which is not empty."""
    units: list[ListedUnit] = []
    cursor = ""
    while True:
        page = plan.of_units(index, asked, cursor, limit, 0)
        units += page.units
        if not page.next_cursor:
            assert 0 < len(page.units) <= limit
            return units
        assert len(page.units) == limit
        cursor = page.next_cursor


def check_pages_join_up() -> None:
    """Whatever the limit, pages have each unit once, in order, with its own status."""
    plan, index = planned(1_000)
    numbers = {"Hall": range(3, 1_003), "Court": range(2_006, 3_006)}
    statuses = unpack(plan.shown.statuses)
    for limit in (1, 7, 500, 999, 1_000, 1_001):
        for asked, units in zip(ASKED, numbers.values(), strict=True):
            listed = joined(plan, index, asked, limit)
            assert [unit.name for unit in listed] == [index.unit_name(unit) for unit in units]
            assert [unit.status for unit in listed] == [statuses[unit] for unit in units]
    seats = joined(plan, index, "Hall", 7)
    assert {(unit.table, unit.whole) for unit in seats[:800]} == {("", False)}
    assert {(unit.table, unit.whole) for unit in seats[800:900]} == {("Hall/T1", False)}
    assert {(unit.table, unit.whole) for unit in seats[900:]} == {("Hall/T2", True)}
    between = Slots("Court", 10 * MINUTE_MS, 1_005 * MINUTE_MS)
    slots = joined(plan, index, between, 7)
    assert [unit.times_ms for unit in slots] == [
        (minute * MINUTE_MS, (minute + 1) * MINUTE_MS) for minute in (*range(10, 500), *range(1_000, 1_005))
    ]
    assert plan.of_units(index, Slots("Court", 0, 0), "", 7, 0).units == ()


def test_pages_join_up_to_the_whole() -> None:
    check_pages_join_up()


def check_cursors_are_for_their_list() -> None:
    """A cursor is good for one section or resource of one event in one layout, and nothing else goes for one."""
    plan, index = planned(1_000)
    others: list[tuple[SeatPlan, str | Slots, str | Slots]] = [
        (plan, "Box", "Hall"),
        (plan, Slots("Court"), "Hall"),
        (plan, "Hall", Slots("Court")),
        (plan, Slots("Pool"), Slots("Court")),
        (planned(1_000, tenant="globex")[0], "Hall", "Hall"),
        (SeatPlan(BlockId("1" * 16), plan.shown), "Hall", "Hall"),
        (planned(1_000, version=6)[0], "Hall", "Hall"),
        (planned(1_000, version=8)[0], Slots("Court"), Slots("Court")),
    ]
    for other, asked_there, asked_here in others:
        cursor = other.of_units(index, asked_there, "", 1, 0).next_cursor
        assert cursor
        try:
            plan.of_units(index, asked_here, cursor, 1, 0)
        except InvalidCursor:
            continue
        raise AssertionError(f"what came with {asked_there} goes for {asked_here}")
    good = plan.of_units(index, "Hall", "", 1, 0).next_cursor
    for bad in (good[:-1], good + "A", "A" + good[1:], "x", "é", "\0", "A" * 200):
        with pytest.raises(InvalidCursor):
            plan.of_units(index, "Hall", bad, 1, 0)


def test_a_cursor_is_good_for_its_list_in_its_layout() -> None:
    check_cursors_are_for_their_list()


def cost_of(plan: SeatPlan, index: LayoutIndex, asked: str | Slots, cursor: str) -> tuple[int, int]:
    """How many calls a page takes, and how many bytes at most meanwhile."""
    calls = 0

    def count(_: object, event: str, __: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        page = plan.of_units(index, asked, cursor, LIMIT, 0)
    finally:
        sys.setprofile(before)
    assert len(page.units) == LIMIT
    del page
    tracemalloc.start()
    try:
        plan.of_units(index, asked, cursor, LIMIT, 0)
        return calls, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def cursor_behind(plan: SeatPlan, asked: str | Slots, unit: int) -> str:
    """As of a page that ends with the unit of this number."""
    listed = f"seats/{asked}" if isinstance(asked, str) else f"slots/{asked.resource}"
    event = plan.shown.event
    return number_cursor(f"{event.tenant}/{BLOCK}/{listed}", event.layout_version, unit)


def check_a_page_costs_what_it_has() -> None:
    """Behind the first, the middle and at the end: as many calls and bytes among 1,000,000 units as among 10,000."""
    plans = {count: planned(count) for count in (10_000, 1_000_000)}
    for asked in ASKED:
        costs = []
        for count, (plan, index) in plans.items():
            units = index.seats_of_section("Hall") if asked == "Hall" else index.slots.of_resource(1)
            costs += [
                cost_of(plan, index, asked, cursor_behind(plan, asked, units[place]))
                for place in (0, count // 2, count - LIMIT - 1)
            ]
        calls, peaks = zip(*costs, strict=True)
        assert max(calls) <= 1.5 * min(calls), costs
        assert max(peaks) <= 2 * min(peaks), costs


def test_a_page_of_a_million_costs_no_more_than_one_of_ten_thousand() -> None:
    check_a_page_costs_what_it_has()


def twenty_thousand_are_listed_and_cut(patch: pytest.MonkeyPatch) -> None:
    honest = SeatPlan.of_units

    def cut(plan: SeatPlan, index: LayoutIndex, asked: str | Slots, cursor: str, limit: int, age_ms: int) -> Any:
        page = honest(plan, index, asked, cursor, limit, age_ms)
        whole = honest(plan, index, asked, cursor, 20_000, age_ms)
        return msgspec.structs.replace(page, units=whole.units[:limit])

    patch.setattr(SeatPlan, "of_units", cut)


def all_statuses_are_unpacked(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(answers, "status_at", lambda packed, place: unpack(packed)[place])


def every_row_is_looked_at(patch: pytest.MonkeyPatch) -> None:
    def row_of_seat(index: LayoutIndex, seat: int) -> int:
        return next(
            number for number, (_, row, base) in enumerate(index.row_spans()) if base <= seat < base + row.count
        )

    patch.setattr(LayoutIndex, "row_of_seat", row_of_seat)


@pytest.mark.parametrize(
    "sabotage", [twenty_thousand_are_listed_and_cut, all_statuses_are_unpacked, every_row_is_looked_at]
)
def test_control_a_page_that_costs_what_the_section_has_is_noticed(
    monkeypatch: pytest.MonkeyPatch, sabotage: Callable[[pytest.MonkeyPatch], None]
) -> None:
    sabotage(monkeypatch)
    with pytest.raises(AssertionError):
        check_a_page_costs_what_it_has()


def a_unit_is_skipped(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(answers, "number_cursor", lambda owner, version, unit: number_cursor(owner, version, unit + 1))


def a_status_is_its_neighbours(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(answers, "status_at", lambda packed, place: status_at(packed, place ^ 1))


@pytest.mark.parametrize("sabotage", [a_unit_is_skipped, a_status_is_its_neighbours])
def test_control_pages_that_do_not_join_up_are_noticed(
    monkeypatch: pytest.MonkeyPatch, sabotage: Callable[[pytest.MonkeyPatch], None]
) -> None:
    sabotage(monkeypatch)
    with pytest.raises(AssertionError):
        check_pages_join_up()


def all_lists_are_one(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(answers, "number_cursor", lambda _, *place: number_cursor("", *place))
    patch.setattr(answers, "number_behind", lambda _, cursor: number_behind("", cursor))


def the_layout_is_forgotten(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(answers, "number_behind", lambda owner, cursor: (7, number_behind(owner, cursor)[1]))


@pytest.mark.parametrize("sabotage", [all_lists_are_one, the_layout_is_forgotten])
def test_control_a_cursor_that_goes_astray_is_noticed(
    monkeypatch: pytest.MonkeyPatch, sabotage: Callable[[pytest.MonkeyPatch], None]
) -> None:
    sabotage(monkeypatch)
    with pytest.raises(AssertionError):
        check_cursors_are_for_their_list()
