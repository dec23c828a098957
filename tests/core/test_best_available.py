"""The best available seats are the best: as by brute force, on random halls and row by row."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.core import seat_trees
from actors.core.seat_splits import places_compared
from tests.core.best_available_by_force import HELD_OR_SOLD, Bench, Choice, Hall, Wish
from tests.core.best_available_check import ask, check_halls, finder_of, same_as_by_force
from tests.core.random_halls import random_change, random_wish

HALLS = 1000
_ENDS = ("1 row", "1 row, orphans", "1 row, a table", "refused, some left", "refused, none left")
_SPLITS = tuple(f"{rows} rows{orphans}" for rows in (2, 3, 4) for orphans in ("", ", orphans"))
EXPECTED = {
    f"{ranked}, {asked}: {ended}"
    for ranked in ("own order", "focal point")
    for asked, ends in (("plain", _ENDS + _SPLITS), ("accessible", _ENDS))
    for ended in ends
}


def test_random_halls_are_served_as_by_brute_force() -> None:
    kinds = check_halls(range(HALLS))
    for kind, count in sorted(kinds.items()):
        print(f"{kind:40} {count:5}")
    assert kinds.keys() == EXPECTED


def test_halls_of_few_kept_trees_are_served_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seat_trees, "KEPT_TREES", 1)
    check_halls(range(HALLS, HALLS + 100))


SEATS = {"x": (0, 0), ".": (HELD_OR_SOLD, 0), "A": (0, 1), "C": (0, 2), "a": (1, 1), "c": (1, 2), "r": (2, 0)}
"""How rows are drawn: x plain, . held or sold, A and C accessible and companion, a and c the same held back,
r reserved.
"""


def drawn(
    *rows: str, tables: bool = False, pools: frozenset[int] = frozenset({0, 1}), focal: tuple[int, int] | None = None
) -> Hall:
    """One section of rows of one category, one behind the other."""
    benches, seats = [], "".join(rows)
    for number, row in enumerate(rows):
        benches.append(Bench(sum(map(len, rows[:number])), len(row), 0, 0, tables, 0, 2 * number))
    shelf, features = bytearray(SEATS[seat][0] for seat in seats), bytes(SEATS[seat][1] for seat in seats)
    return Hall(benches, shelf, features, pools, focal)


@given(
    rows=st.lists(st.text("xx.ACacr", min_size=1, max_size=12), min_size=1, max_size=5),
    tables=st.booleans(),
    focal=st.none() | st.tuples(st.integers(-3, 25), st.integers(-3, 12)),
    quantity=st.integers(1, 12),
    accessible=st.integers(0, 3),
    split=st.booleans(),
    pools=st.frozensets(st.integers(0, 2)),
)
def test_rows_as_drawn_are_served_as_by_brute_force(
    rows: list[str],
    tables: bool,
    focal: tuple[int, int] | None,
    quantity: int,
    accessible: int,
    split: bool,
    pools: frozenset[int],
) -> None:
    hall = drawn(*rows, tables=tables, pools=pools, focal=focal)
    same_as_by_force(hall, finder_of(hall), Wish(quantity, None, None, split, min(accessible, quantity)))


def wish(quantity: int, *, split: bool = False, accessible: int = 0) -> Wish:
    """A wish for so many seats anywhere."""
    return Wish(quantity, None, None, split, accessible)


@pytest.mark.parametrize(
    ("rows", "asked", "best"),
    [
        (("xxxxx", "xxxxx"), wish(2), Choice((0, 1), 0, 0)),
        ((".xxx.", "xxxx"), wish(2), Choice((5, 6), 10, 0)),  # not beside an orphan, while there is another row
        ((".xxx.", "xxx"), wish(2), Choice((1, 2), 2, 1)),  # an orphan, as nothing else is left
        (("x.x.xx",), wish(1), Choice((0,), 0, 0)),  # an orphan is put to use
        (("xxx", "x", "xxx"), wish(4), 3),
        (("xxx", "x", "xxx"), wish(4, split=True), Choice((0, 1, 2, 3), 0, 0)),  # somebody alone, if need be
        (("xxx", "x", "xxx", "xxx"), wish(4, split=True), Choice((4, 5, 7, 8), 18, 2)),  # but rather nobody
        (("xxx", "xxx", "xxxx"), wish(5, split=True), Choice((3, 4, 5, 6, 7), 15, 0)),
        (("xxx", "xxx", "xx"), wish(8, split=True), Choice(tuple(range(8)), 0, 0)),
        # in the own order, parts are not drawn to each other
        (("....xx", "xx....", "..xx..", "..xx.."), wish(4, split=True), Choice((4, 5, 6, 7), 16, 0)),
        (("xx",) * 5, wish(10, split=True), 8),  # five rows are too many
        (("acxx", "aaxx"), wish(2, accessible=1), Choice((0, 1), 0, 0)),
        (("xxxacxx",), wish(2, accessible=1), Choice((3, 4), 6, 0)),  # a companion's seat, not the plain one before
        (("xacx",), wish(2, accessible=1), Choice((0, 1), 0, 0)),  # two orphans would be worse than a plain seat
        (("xxax.cacx",), wish(2, accessible=1), Choice((5, 6), 10, 0)),
        (("aaxx", "xxac"), wish(2, accessible=1), Choice((6, 7), 12, 0)),  # no chair more than asked for
        (("aaxx", "xxac"), wish(2), Choice((2, 3), 4, 0)),  # held back
        (("AAxx", "xxAC"), wish(2), Choice((2, 3), 4, 0)),  # held back no longer, and yet the last to go
        (("AAx.", "x.AC"), wish(2), Choice((6, 7), 12, 0)),
        (("aax.", "x.ac"), wish(2), 1),
        (("rrrx",), wish(2), 1),
    ],
)
def test_what_is_best(rows: tuple[str, ...], asked: Wish, best: Choice | int) -> None:
    hall = drawn(*rows)
    assert same_as_by_force(hall, finder_of(hall), asked) == best


def test_a_table_goes_to_a_group_of_its_size() -> None:
    hall = drawn("xxxx", "xxxxxx", ".xxx", tables=True)
    assert ask(finder_of(hall), wish(6)) == Choice(tuple(range(4, 10)), 24, 0)
    assert ask(finder_of(hall), wish(3)) == 6
    assert ask(finder_of(hall), wish(8, split=True)) == 6


def test_the_focal_point_is_the_middle_of_what_is_found() -> None:
    hall = drawn("x" * 11, "x" * 11, focal=(10, 0))
    assert ask(finder_of(hall), wish(3)) == Choice((4, 5, 6), 8, 0)
    for seat in (4, 5, 6):
        hall.shelf[seat] = HELD_OR_SOLD
    assert ask(finder_of(hall), wish(3)) == Choice((15, 16, 17), 20, 0)


def test_a_large_hall_is_kept_as_a_new_finder_would_see_it() -> None:
    """More rows than a search for a split compares; seats change in ones and in hundreds."""
    for seed in range(8):
        random = Random(seed)
        rows = [
            Bench(12 * number, 12, number // 9, number // 5 % 2, False, 2 * (number % 7), 3 * number)
            for number in range(5 * places_compared(20))
        ]
        features = bytes(random.choice([0, 0, 0, 0, 0, 0, 0, 0, 1, 2]) for _ in range(12 * len(rows)))
        shelf = bytearray(random.choice([0, 0, 1, HELD_OR_SOLD]) for _ in features)
        hall = Hall(rows, shelf, features, frozenset({0, 1}), (90, 200) if seed % 2 else None)
        finder = finder_of(hall)
        for step in range(60):
            asked = random_wish(random, hall)
            assert ask(finder, asked) == ask(finder_of(hall), asked)
            for _ in range(600 if step % 20 == 7 else 1):
                finder.touch(random_change(random, hall))
