"""The house: what its layout says, what its seats are called, and what buyers believe of them."""

from random import Random

import pytest

from actors.core.layout import Layout
from actors.core.layout_index import LayoutIndex
from actors.layout_files.layout_file import parse_layout
from loadtests import house as houses
from loadtests.house import SEATS_PER_ROW, Belief, House, HouseKind, Way, seat_name, seat_of_name


@pytest.mark.parametrize("kind", HouseKind)
@pytest.mark.parametrize("units", [1, 49, 50, 100, 1_000, 3_333, 200_000, 1_000_000])
def test_the_layout_has_so_many_units_and_names_seats_alike(units: int, kind: HouseKind) -> None:
    house = House(units, kind)
    assert house.has(Way.BEST) == house.has(Way.NAMED) == (house.seat_count > 0)
    assert house.has(Way.PLACES) == (house.place_count > 0)
    assert kind is HouseKind.MIXED or units in (house.seat_count, house.place_count)
    layout = parse_layout(house.layout())
    assert isinstance(layout, Layout), layout
    assert layout.capacity == units
    assert layout.seat_count == house.seat_count
    index = LayoutIndex(layout)
    for seat in (0, 1, SEATS_PER_ROW, house.seat_count // 2, house.seat_count - 1):
        if 0 <= seat < house.seat_count:
            assert index.unit_name(seat) == seat_name(seat)
            assert seat_of_name(seat_name(seat)) == seat


@pytest.mark.parametrize(("units", "parts", "sizes"), [(80_000, 8, [10] * 8), (5_000, 2, [2, 3]), (5_000, 0, [])])
def test_sections_are_split_evenly_and_in_order(units: int, parts: int, sizes: list[int]) -> None:
    house = House(units, HouseKind.SEATS)
    groups = house.split(parts)
    assert [len(group) for group in groups] == sizes
    layout = parse_layout(house.layout())
    assert isinstance(layout, Layout)
    names = [section.name for section in layout.sections]
    assert [name for group in groups for name in group] == (names if groups else [])


@pytest.mark.parametrize(("kind", "parts"), [(HouseKind.SEATS, 6), (HouseKind.AREA, 1)])
def test_a_house_is_not_split_into_more_parts_than_it_has_sections(kind: HouseKind, parts: int) -> None:
    with pytest.raises(ValueError, match="cannot be split"):
        House(5_000, kind).split(parts)


def test_a_seat_of_a_basket_is_known_by_its_own_name() -> None:
    assert seat_of_name(f"0123456789abcdef/{seat_name(41)}") == 41


def test_chosen_seats_are_side_by_side_and_not_known_to_be_gone() -> None:
    belief = Belief(House(10_000), 0, 1, Random(1))
    gone: set[int] = set()
    for _ in range(1_000):
        seats = belief.choose(4)
        assert 1 <= len(seats) <= 4
        assert seats == list(range(seats[0], seats[0] + len(seats)))
        assert len({seat // SEATS_PER_ROW for seat in seats}) == 1
        assert not gone & set(seats)
        belief.gone(seats)
        gone.update(seats)


def test_when_nothing_seems_left_buyers_believe_again_but_in_what_was_sold() -> None:
    house = House(100)
    belief = Belief(house, 0, 1, Random(1))
    belief.gone(list(range(house.seat_count)))
    belief.sold(list(range(10, house.seat_count)))
    for _ in range(50):
        assert set(belief.choose(2)) <= set(range(10))
    belief.gone(list(range(10)))
    belief.back([7])
    assert belief.choose(1) == [7]
    belief.sold(list(range(house.seat_count)))
    assert belief.choose(2), "what was sold may be back where nothing else is"


@pytest.mark.parametrize("way", Way)
def test_that_all_is_sold_out_is_believed_for_a_moment(way: Way, monkeypatch: pytest.MonkeyPatch) -> None:
    belief = Belief(House(100), 0, 1, Random(1))
    assert belief.hopes(way)
    monkeypatch.setattr(houses, "MOMENT_S", 60.0)
    belief.despair(way)
    assert [other for other in Way if not belief.hopes(other)] == [way]
    belief = Belief(House(100), 0, 1, Random(1))
    monkeypatch.setattr(houses, "MOMENT_S", 0.0)
    belief.despair(way)
    assert belief.hopes(way)


def test_nobody_hopes_for_what_a_house_never_had() -> None:
    assert [way for way in Way if Belief(House(10, HouseKind.AREA), 0, 1, Random(1)).hopes(way)] == [Way.PLACES]


def test_processes_choose_in_their_own_parts_but_for_the_front() -> None:
    house = House(100_000)
    chosen = [Belief(house, part, 2, Random(part)).choose(1)[0] for part in (0, 1) for _ in range(200)]
    second = [Belief(house, 1, 2, Random(seed)).choose(1)[0] for seed in range(400)]
    front = [seat for seat in second if seat < house.seat_count // 2]
    assert chosen
    assert 0 < len(front) < 60, "a few want the front, which is the other's"
    assert max(front) < house.seat_count * 0.02
