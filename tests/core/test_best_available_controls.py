"""A seat finder with one rule less: the unchanged check of random halls must notice each."""

from collections.abc import Callable, Iterable
from typing import Any

import pytest

from actors.core import accessible_seats, plain_seats, seat_splits, seat_trees
from actors.core.best_available import SeatFinder
from actors.core.plain_seats import PlainSeats
from actors.core.seat_rows import FocalPoint, SeatRow, runs
from actors.core.seat_runs import RunTree, wanted_bits
from actors.core.seat_splits import SplitTree
from actors.core.seat_trees import LeastTree
from tests.core.best_available_check import check_halls
from tests.core.test_best_available import HALLS


def orphans_do_not_matter(patch: pytest.MonkeyPatch) -> None:
    """In the layout's order, the first seats that fit are the best."""

    def first_that_fits(seats: PlainSeats, number: int, quantity: int, orphans: int) -> int:
        row = seats._view.rows.rows[number]
        if row.whole:
            return row.base
        return row.base + min(first for first, end in runs(seats._view.usable(number)) if end - first >= quantity)

    patch.setattr(plain_seats, "wanted_bits", lambda quantity: (sum(wanted_bits(quantity)), 0))
    patch.setattr(PlainSeats, "_first_seat", first_that_fits)


def orphans_near_the_focal_point_do_not_matter(patch: pytest.MonkeyPatch) -> None:
    """With a focal point, the nearest seats that fit are the best."""

    def nearest(point: FocalPoint, row: SeatRow, first: int, last: int, size: int) -> tuple[int, int]:
        return 0, min(range(first, last + 1), key=lambda start: (point.rank(row, start, size), start))

    patch.setattr(FocalPoint, "best", nearest)


def touched_seats_are_forgotten(patch: pytest.MonkeyPatch) -> None:
    """The finder believes in the shelf of its first wish."""
    patch.setattr(SeatFinder, "touch", _nothing)


def only_the_first_touched_seat_counts(patch: pytest.MonkeyPatch) -> None:
    """The other rows of a change are forgotten."""
    touch = SeatFinder.touch

    def first_only(finder: SeatFinder, seats: Iterable[int]) -> None:
        touch(finder, list(seats)[:1])

    patch.setattr(SeatFinder, "touch", first_only)


def splits_are_not_kept(patch: pytest.MonkeyPatch) -> None:
    """The room of neighbouring rows is that of the first wish for a split."""

    def without_splits(seats: PlainSeats, numbers: set[int]) -> None:
        splits, seats._splits = seats._splits, None
        change(seats, numbers)
        seats._splits = splits

    change = PlainSeats.change
    patch.setattr(PlainSeats, "change", without_splits)


def a_changed_row_keeps_its_old_key(patch: pytest.MonkeyPatch) -> None:
    """What was nearest is nearest for ever."""
    patch.setattr(LeastTree, "_refresh", _nothing)


def rather_nothing_than_an_orphan(patch: pytest.MonkeyPatch) -> None:
    """A group is refused, though it could be seated."""
    patch.setattr(plain_seats, "wanted_bits", lambda quantity: (wanted_bits(quantity)[0], 0))


def large_groups_are_refused(patch: pytest.MonkeyPatch) -> None:
    """No group is split."""
    patch.setattr(SplitTree, "best", lambda *_: None)


def anybody_sits_alone(patch: pytest.MonkeyPatch) -> None:
    """A part of one seat is as good as any."""
    patch.setattr(seat_splits, "_LEAST_PARTS", (1,))


def splits_ignore_what_is_between(patch: pytest.MonkeyPatch) -> None:
    """Rows count as neighbours across rows of another category."""
    patch.setattr(seat_trees, "_with_gaps", lambda numbers: [*numbers, -1])


def few_places_are_compared(patch: pytest.MonkeyPatch) -> None:
    """The first place for a split is the best."""
    patch.setattr(seat_splits, "places_compared", lambda _: 1)


def companions_do_not_matter(patch: pytest.MonkeyPatch) -> None:
    """Beside an accessible seat, a plain seat is as good as a companion's."""
    patch.setattr(accessible_seats, "PLAIN", 9)


def accessible_seats_go_to_anybody(patch: pytest.MonkeyPatch) -> None:
    """What is held back no longer goes first come, first served."""
    plain = SeatFinder._plain_seats
    patch.setattr(SeatFinder, "_plain_seats", lambda finder, _: plain(finder, False))


def held_back_seats_go_to_anybody(patch: pytest.MonkeyPatch) -> None:
    """Who sees the pool of accessible seats has them, asked for or not."""
    patch.setattr("actors.core.best_available.OPEN_POOL", 1)


def the_largest_group_is_guessed(patch: pytest.MonkeyPatch) -> None:
    """A refusal says one seat too few."""
    largest = RunTree.largest
    patch.setattr(RunTree, "largest", lambda tree, joints: max(largest(tree, joints) - 1, 0))


def _nothing(*_: Any) -> None:
    return None


SABOTAGES: list[Callable[[pytest.MonkeyPatch], None]] = [
    orphans_do_not_matter,
    orphans_near_the_focal_point_do_not_matter,
    touched_seats_are_forgotten,
    only_the_first_touched_seat_counts,
    splits_are_not_kept,
    a_changed_row_keeps_its_old_key,
    rather_nothing_than_an_orphan,
    large_groups_are_refused,
    anybody_sits_alone,
    splits_ignore_what_is_between,
    few_places_are_compared,
    companions_do_not_matter,
    accessible_seats_go_to_anybody,
    held_back_seats_go_to_anybody,
    the_largest_group_is_guessed,
]


@pytest.mark.parametrize("sabotage", SABOTAGES, ids=lambda sabotage: sabotage.__name__)
def test_a_broken_finder_is_noticed(
    sabotage: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    sabotage(monkeypatch)
    with pytest.raises(AssertionError, match="Hall"):
        check_halls(range(HALLS))
