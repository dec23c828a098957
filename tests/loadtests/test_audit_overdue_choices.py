"""Seats that were chosen while more was overdue than is looked at: the audit can tell that they were the best."""

from collections.abc import Callable
from random import Random

import pytest

from actors.audit.findings import Finding
from actors.core import ground
from actors.core.commands import PlaceHold
from actors.core.ground import Ground
from actors.core.outcomes import Accepted
from actors.core.wishes import AreaPlaces, BestSeats, Wish
from tests.loadtests.journals import HOLD_TTL_MS, Shop, audit, made_event

SEATS = [f"A/{row}/{seat}" for row in (1, 2) for seat in range(1, 7)]
SEEDS = range(200)


def found(seed: int) -> list[Finding]:
    """What the audit finds when somebody is given seats, and places too at times, of which others have most; some of
    theirs are overdue.
    """
    random, shop = Random(seed), Shop()
    made_event(shop)
    others = [seat for seat in random.sample(SEATS, len(SEATS)) if random.randrange(5)]
    for number, seat in enumerate(others, 1):
        shop.hold(number, (seat,), number % 2)
        shop.now_ms += HOLD_TTL_MS // 12
    shop.now_ms += HOLD_TTL_MS // 3
    places = random.choice((0, 6))
    areas = (AreaPlaces("floor", places),) if places else ()
    wish = Wish(areas=areas, best=(BestSeats(random.choice((1, 1, 2)), ("A",)),))
    outcome = shop.try_ask(PlaceHold(shop.stamp("best"), 99, wish))
    shop.commit()
    return audit(shop.journal()) if isinstance(outcome, Accepted) else []


def some_of_them(ground_: Ground) -> list[int]:
    """The first ones."""
    return [seat for hold in ground_._overdue_holds() for seat in hold.seats][:2]


def none_of_them(_: Ground) -> list[int]:
    """Not even those of holds that end for the places."""
    return []


def test_what_was_chosen_is_the_best_of_what_was_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ground, "MAX_OVERDUE_SEATS", 1)
    assert [finding for seed in SEEDS for finding in found(seed)] == []


@pytest.mark.parametrize("broken", [some_of_them, none_of_them])
def test_control_the_audit_notices_what_is_the_best_of_something_else(
    broken: Callable[[Ground], list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Ground, "_overdue_seats", broken)
    assert [finding for seed in SEEDS for finding in found(seed)] != []
