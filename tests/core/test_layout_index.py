"""Names and numbers of seats and slots: one to one, in the layout's order, and nothing else is a unit's name."""

from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.core import layout as layout_module
from actors.core import layout_index
from actors.core.layout import Area, Calendar, Category, Layout, Resource, Row, Section
from actors.core.layout_index import LayoutIndex, SlotIndex, _CalendarIndex
from tests.core.layout_strategy import layouts

TWO_SECTIONS = Layout(
    "EUR",
    (Category("Near", 9500), Category("Far", 3000)),
    (
        Section("101", (Row("A", 0, 1, 10), Row("Box", 1, 0, 3, ("1", "01", "2A")))),
        Section("102", (Row("A", 1, 0, 2),)),
    ),
    (Area("Floor", 1, 4000), Area("Terrace", 0, 50)),
)


def seat_of_name(index: LayoutIndex, name: str) -> int | None:
    """The index of the seat with this name, or None."""
    found = index.find_unit(name)
    return None if found is None else found[0]


def is_one_to_one(layout: Layout) -> bool:
    """Whether every number has a name of its own that leads back to it."""
    index = LayoutIndex(layout)
    names = [index.unit_name(unit) for unit in range(index.unit_count)]
    return len(set(names)) == len(names) and [seat_of_name(index, name) for name in names] == list(range(len(names)))


@given(layouts())
def test_every_unit_has_one_name_and_every_name_one_unit(layout: Layout) -> None:
    assert is_one_to_one(layout)


def test_negative_control_a_row_that_reads_leading_zeros_is_not_one_to_one(monkeypatch: pytest.MonkeyPatch) -> None:
    assert is_one_to_one(TWO_SECTIONS)
    monkeypatch.setattr(
        layout_module.Row, "seat_label", lambda row, place: (row.labels or ("1",) * 99)[place].lstrip("0")
    )
    assert not is_one_to_one(TWO_SECTIONS)


@given(layouts())
def test_spans_and_categories_agree_with_the_rows(layout: Layout) -> None:
    index = LayoutIndex(layout)
    seat = 0
    for number, (section, row, base) in enumerate(index.row_spans()):
        assert base == seat
        for place in range(row.count):
            assert index.unit_name(seat) == f"{section.name}/{row.name}/{row.seat_label(place)}"
            assert index.row_of_seat(seat) == number
            assert index.category_of_unit(seat) == row.category
            assert index.find_unit(index.unit_name(seat)) == (seat, row.category)
            seat += 1
    assert seat == index.seat_count == layout.seat_count


@pytest.mark.parametrize(
    ("name", "seat"),
    [
        ("101/A/1", 0),
        ("101/A/10", 9),
        ("101/Box/1", 10),
        ("101/Box/01", 11),
        ("101/Box/2A", 12),
        ("102/A/0", 13),
        ("102/A/1", 14),
        ("101/A/01", None),
        ("101/A/010", None),
        ("101/A/0", None),
        ("102/A/00", None),
        ("101/A/11", None),
        ("101/A/-1", None),
        ("101/A/+1", None),
        ("101/A/ 1", None),
        ("101/A/1_0", None),
        ("101/A/\u0661", None),
        ("101/A/\u00b2", None),
        ("101/A/" + "9" * 10_000, None),
        ("101/A/", None),
        ("101/A", None),
        ("101/A/1/", None),
        ("101/B/1", None),
        ("103/A/1", None),
        ("101/Box/2a", None),
        ("101/Box/3", None),
        ("Floor", None),
        ("", None),
        ("//", None),
    ],
)
def test_names(name: str, seat: int | None) -> None:
    assert seat_of_name(LayoutIndex(TWO_SECTIONS), name) == seat


def test_areas_are_found_by_name_and_counted_with_the_seats() -> None:
    index = LayoutIndex(TWO_SECTIONS)
    assert index.area_of_name == {"Floor": 0, "Terrace": 1}
    assert (TWO_SECTIONS.seat_count, TWO_SECTIONS.capacity) == (15, 4065)


def test_the_index_grows_with_rows_and_not_with_seats() -> None:
    def entries(count: int) -> int:
        index = LayoutIndex(Layout("EUR", (Category("Near", 1),), (Section("101", (Row("A", 0, 1, count),)),), ()))
        return sum(len(value) for value in vars(index).values() if isinstance(value, list | dict))

    assert entries(10) == entries(10_000)


def check_slots_by_time(index: LayoutIndex, random: Random) -> None:
    """Slots between two times, and those around others, are what one by one would find."""
    for number in range(len(index.layout.resources)):
        slots = index.slots.of_resource(number)
        times_ms = {slot: index.slots.times_ms(slot) for slot in slots}
        ends_ms = [at_ms + random.randint(-2, 2) for times in times_ms.values() for at_ms in times]
        for _ in range(10):
            from_ms, until_ms = sorted((random.choice(ends_ms), random.choice(ends_ms)))
            found = list(index.slots.beginning_between(number, from_ms, until_ms))
            assert found == [slot for slot, (start_ms, _) in times_ms.items() if from_ms <= start_ms < until_ms]
            first, last = sorted((random.choice(slots), random.choice(slots)))
            around = {*range(first, last + 1), *near(index, first), *near(index, last)}
            assert list(index.slots.around(first, last)) == sorted(around)
    all_slots = range(index.seat_count, index.unit_count)
    some = sorted(random.sample(all_slots, random.randint(0, min(len(all_slots), 5))))
    some = sorted({*some, *(slot + 1 for slot in some if slot + 1 in all_slots)})
    parts = [slot for part in index.slots.surroundings(some) for slot in part]
    assert parts == sorted(set(parts))
    assert set(parts) == {*some, *(other for slot in some for other in near(index, slot))}


def near(index: LayoutIndex, slot: int) -> set[int]:
    """The other slots of its resource between which and this one there is less than its buffer."""
    resource = index.slots.resource_of_unit(slot)
    buffer_ms, (start_ms, end_ms) = index.layout.resources[resource].buffer_ms, index.slots.times_ms(slot)
    times_ms = ((other, *index.slots.times_ms(other)) for other in index.slots.of_resource(resource) if other != slot)
    return {other for other, begins, ends in times_ms if begins < end_ms + buffer_ms and start_ms < ends + buffer_ms}


@given(layouts(), st.randoms(use_true_random=False))
def test_slots_are_found_by_time(layout: Layout, random: Random) -> None:
    check_slots_by_time(LayoutIndex(layout), random)


def looks_around(slots: int) -> tuple[int, int]:
    """How many ranges, and slots in them, are looked at for so many slots that follow each other; a buffer is 100."""
    calendar = Calendar("UTC", 60_000, ((60_000, 1_000, 0),))
    court = Resource("Court", 0, 0, 100 * 60_000)
    index = LayoutIndex(Layout("EUR", (Category("Court", 1),), (), (), (court,), (calendar,)))
    parts = list(index.slots.surroundings(range(500, 500 + slots)))
    return len(parts), sum(map(len, parts))


def test_what_is_around_many_slots_is_looked_at_once() -> None:
    assert looks_around(1) == (1, 1 + 2 * 100)
    assert looks_around(50) == (1, 50 + 2 * 100)


def test_negative_control_times_that_are_rounded_down(monkeypatch: pytest.MonkeyPatch) -> None:
    calendar = Calendar("UTC", 60_000, ((60_000, 50, 0),))
    courts = Layout("EUR", (Category("Court", 1),), (), (), (Resource("Court", 0, 0, 60_000),), (calendar,))
    check_slots_by_time(LayoutIndex(courts), Random(1))
    honest = _CalendarIndex.slot_from
    monkeypatch.setattr(_CalendarIndex, "slot_from", lambda self, at_ms: honest(self, at_ms - 59_999))
    with pytest.raises(AssertionError):
        check_slots_by_time(LayoutIndex(courts), Random(1))


class Looked(list[tuple[Section, Row]]):
    """Rows that count how many of them are looked at."""

    looks = 0

    def __iter__(self) -> Iterator[tuple[Section, Row]]:
        for row in super().__iter__():
            Looked.looks += 1
            yield row

    def __getitem__(self, number: Any) -> Any:
        Looked.looks += 1
        return super().__getitem__(number)


def looks_for(rows: int) -> int:
    """How many rows are looked at to find what a section, a row and a seat stand for, and what does not exist."""
    section = Section("101", tuple(Row(str(number), 0, 1, 2) for number in range(rows)))
    index = LayoutIndex(Layout("EUR", (Category("Near", 1),), (Section("100", section.rows), section), ()))
    index._rows = Looked(index._rows)
    Looked.looks = 0
    assert index.find_units("101") == range(2 * rows, 4 * rows)
    assert index.find_units("101/1") == range(2 * rows + 2, 2 * rows + 4)
    assert index.find_units("101/1/2") == range(2 * rows + 3, 2 * rows + 4)
    assert index.find_units("102") is None
    return Looked.looks


def test_what_a_name_stands_for_is_found_without_looking_at_other_rows() -> None:
    assert looks_for(3) == looks_for(3_000) <= 3


def test_negative_control_a_section_that_is_looked_for_in_all_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    found = LayoutIndex.find_units

    def scanning(index: LayoutIndex, name: str) -> range | None:
        seats = [base + seat for of, row, base in index.row_spans() if of.name == name for seat in range(row.count)]
        return range(seats[0], seats[-1] + 1) if seats else found(index, name)

    monkeypatch.setattr(LayoutIndex, "find_units", scanning)
    with pytest.raises(AssertionError):
        test_what_a_name_stands_for_is_found_without_looking_at_other_rows()


class Label(str):
    """A label that counts how often any is compared."""

    compared = 0
    __slots__ = ()
    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        Label.compared += 1
        return str.__eq__(self, other)


def comparisons(labels: int, asked: int) -> int:
    """How many comparisons it takes to find so many of the last seats of a row of so many labels."""
    row = Row("A", 0, 0, labels, tuple(Label(f"s{number}") for number in range(labels)))
    index = LayoutIndex(Layout("EUR", (Category("Near", 1),), (Section("101", (row,)),), ()))
    Label.compared = 0
    for number in range(labels - asked, labels):
        assert index.find_unit(f"101/A/s{number}") == (number, 0)
    assert index.find_unit(f"101/A/s{labels}") is None
    assert index.find_unit("101/A/") is None
    return Label.compared


def check_labels() -> None:
    """Each more costs as much in a long row as in a short one."""
    for labels in (1_000, 10_000):
        assert comparisons(labels, 60) - comparisons(labels, 10) <= 10 * 50


def test_labels_are_found_without_comparing_them_all() -> None:
    check_labels()


def test_negative_control_labels_are_compared_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout_index, "_FEW_LABELS", 1_000_000)
    with pytest.raises(AssertionError):
        check_labels()


def test_negative_control_what_is_around_each_slot(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SlotIndex, "_stretches", lambda _, slots: ((slot, slot) for slot in slots))
    with pytest.raises(AssertionError):
        test_what_is_around_many_slots_is_looked_at_once()
