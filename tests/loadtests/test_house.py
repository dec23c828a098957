"""The house: what its layout says, what its seats are called, and what buyers believe of them."""

from random import Random

import pytest

from actors.core.layout import Layout
from actors.core.layout_index import LayoutIndex
from actors.layout_files.layout_file import parse_layout
from loadtests.house import SEATS_PER_ROW, Belief, House, seat_name, seat_of_name


@pytest.mark.parametrize("units", [1, 49, 50, 100, 1_000, 3_333, 200_000, 1_000_000])
def test_the_layout_has_so_many_units_and_names_seats_alike(units: int) -> None:
    house = House(units)
    layout = parse_layout(house.layout())
    assert isinstance(layout, Layout), layout
    assert layout.capacity == units
    assert layout.seat_count == house.seat_count
    index = LayoutIndex(layout)
    for seat in (0, 1, SEATS_PER_ROW, house.seat_count // 2, house.seat_count - 1):
        if 0 <= seat < house.seat_count:
            assert index.unit_name(seat) == seat_name(seat)
            assert seat_of_name(seat_name(seat)) == seat


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


def test_when_nothing_seems_left_buyers_believe_again() -> None:
    house = House(100)
    belief = Belief(house, 0, 1, Random(1))
    belief.gone(list(range(house.seat_count)))
    belief.area_full = True
    assert belief.choose(2)
    assert not belief.area_full
    belief.gone(list(range(house.seat_count)))
    belief.back([7])
    assert belief.choose(1) == [7]


def test_processes_choose_in_their_own_parts_but_for_the_front() -> None:
    house = House(100_000)
    chosen = [Belief(house, part, 2, Random(part)).choose(1)[0] for part in (0, 1) for _ in range(200)]
    second = [Belief(house, 1, 2, Random(seed)).choose(1)[0] for seed in range(400)]
    front = [seat for seat in second if seat < house.seat_count // 2]
    assert chosen
    assert 0 < len(front) < 60, "a few want the front, which is the other's"
    assert max(front) < house.seat_count * 0.02
