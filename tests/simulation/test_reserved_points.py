"""What is asked of a gateway as the edges do, with faults at some of all the points.

`python -m tests.simulation.basket_pairs --reserved --singles` has every single fault at every point, and without
`--singles` every two of them.
"""

from itertools import cycle

import pytest

from actors.core.ids import desks_of
from tests.simulation.basket_client import TENANT, ClientKind
from tests.simulation.basket_controls import Break, check_noticed
from tests.simulation.basket_runs import Spec, run
from tests.simulation.basket_sets import SINGLES_OF_RESERVED
from tests.simulation.reserved_operations import RESERVED

SINGLES_STEP = 73


@pytest.mark.parametrize("name", RESERVED)
def test_one_fault_at_some_points(name: str) -> None:
    runs = 0
    for turn, of in enumerate(of for of in SINGLES_OF_RESERVED if of.operation == name):
        plain = run(of.plain)
        assert plain.faults == []
        for spec in list(of.singles(plain.trace))[turn * 31 :: SINGLES_STEP]:
            runs += 1
            assert run(spec).faults == [], str(spec)
    print(f"{len(plain.trace)} points, {runs} single faults")
    assert runs > 4


def test_the_best_seats_are_looked_for_in_one_part_after_the_other() -> None:
    """So that there are points of the way from try to try."""
    names = [point.name for point in run(Spec("asked: hold of the best", ClientKind.ASKS_AGAIN, False)).trace]
    assert [name for name in names if name.startswith("desk Basket") and " appended " in name] == [
        "desk BasketIntended appended 1",
        "desk BasketDropped appended 1",
        "desk BasketIntended appended 2",
        "desk BasketSettled appended 1",
    ]


def any_desk(patch: pytest.MonkeyPatch) -> None:
    """Who asks again under its key comes to another desk."""
    desks = cycle(sorted(desks_of(TENANT)))
    patch.setattr("actors.baskets.desk_block", lambda *_: next(desks))


def refused_legs_stay(patch: pytest.MonkeyPatch) -> None:
    """A try that was refused is not dropped, by nobody."""
    patch.setattr("actors.core.desk.next_drop", lambda *_: None)
    patch.setattr("actors.core.desk_state.Desk.next_place_by_ms", lambda _: None)


@pytest.mark.parametrize(
    ("sabotage", "name", "expected"),
    [
        (
            any_desk,
            "asked: hold of the best, client asks again | kill gateway @ gateway>desk SettleBasket answer 1",
            "a key stands for 2 baskets",
        ),
        (
            refused_legs_stay,
            "asked: hold of the best, client is gone | kill gateway @ gateway>desk DropBasket send 1",
            "something is being placed for",
        ),
    ],
)
def test_the_check_notices(sabotage: Break, name: str, expected: str) -> None:
    check_noticed(name, sabotage, expected)
