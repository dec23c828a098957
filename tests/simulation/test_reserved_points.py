"""What is asked of a gateway as the edges do, with faults at some of all the points.

`python -m tests.simulation.basket_pairs --reserved --singles` has every single fault at every point, and without
`--singles` every two of them.
"""

import pytest

from actors.core import desk
from actors.core.block import _APPLY
from actors.core.entries import BasketSettled
from actors.core.state import BlockState
from actors.reservations.baskets import BasketAsks
from tests.simulation.basket_client import ClientKind
from tests.simulation.basket_controls import check_noticed
from tests.simulation.basket_runs import Spec, run
from tests.simulation.basket_sets import SINGLES_OF_RESERVED
from tests.simulation.breaks import Break
from tests.simulation.reserved_operations import RESERVED

pytestmark = pytest.mark.long  # the smoke test has seeds with the same checks and faults

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
    """So that there are points of the way from part to part."""
    names = [point.name for point in run(Spec("asked: hold of the best", ClientKind.ASKS_AGAIN, False)).trace]
    assert any(name.startswith("gateway>leg1 ReadRoom answered") for name in names)
    assert any(name.startswith("gateway>leg2 ReadRoom answered") for name in names)
    assert [name for name in names if "LegPinned append " in name] == [
        "leg2 LegPinned append 1",
        "leg3 LegPinned append 1",
    ]


def keys_of_baskets_are_forgotten(patch: pytest.MonkeyPatch) -> None:
    """Once its basket is held a key is as if never used."""

    def forget(state: BlockState, entry: BasketSettled) -> None:
        desk.apply_basket_settled(state, entry)
        state.memos.pop(state.desk.baskets[entry.basket].key)
        state.holds[entry.basket].keys = ()

    patch.setitem(_APPLY, BasketSettled, forget)


def nobody_asks_what_a_key_stands_for(patch: pytest.MonkeyPatch) -> None:
    """Who finds no room says so, though what is in the way is its own."""

    async def nothing(*_: object) -> None:
        pass

    patch.setattr(BasketAsks, "_under_key", nothing)


def tries_are_given_up_by_nobody(patch: pytest.MonkeyPatch) -> None:
    """A desk waits for ever for who places its legs."""
    patch.setattr("actors.core.desk.next_drop", lambda *_: None)
    patch.setattr("actors.core.desk_state.Desk.next_place_by_ms", lambda _: None)


@pytest.mark.parametrize(
    ("sabotage", "name", "expected"),
    [
        (
            keys_of_baskets_are_forgotten,
            "asked: hold of the best, client asks again | kill gateway @ gateway>desk SettleBasket answer 1",
            "basket was refused as BUYER_LIMIT_EXCEEDED, and it happened",
        ),
        (
            nobody_asks_what_a_key_stands_for,
            "asked: hold, release, client asks again | kill gateway @ gateway>desk SettleBasket answer 1",
            "basket was refused as UNITS_HELD, and it happened",
        ),
        (
            nobody_asks_what_a_key_stands_for,
            "asked: channel ends, exchange, client asks again | kill gateway @ gateway>desk SettleExchange answer 1",
            "exchange was refused as UNIT_UNKNOWN, and it happened",
        ),
        (
            tries_are_given_up_by_nobody,
            "asked: hold of two events, client is gone | kill gateway @ gateway>desk SettleBasket send 1",
            "a leg is in doubt for",
        ),
    ],
)
def test_the_check_notices(sabotage: Break, name: str, expected: str) -> None:
    check_noticed(name, sabotage, expected)
