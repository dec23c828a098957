"""The state of a block as its clients know it (see `model`): what its facts say, and how something comes back."""

from collections.abc import Sequence
from itertools import groupby
from typing import TypeAlias

State: TypeAlias = dict[str, tuple[object, ...]]
"""What there is, by id or name: `("held", hold)` or `("sold", hold)` of a unit, `(places,)` that are gone of an area,
`(status, deadline in ms, units, areas, order)` of a hold, `(status, hold)` of an order; as `{hold} at first` what a
hold was placed on whose order has others by now, and as `{hold} may live on` that its deadline is one at the earliest.
`("vague", holds)` of what it is not known how much of it these have. Never changed, but copied."""

VAGUE = "vague"
ENDED = ("EXPIRED", "RELEASED", "CANCELLED")
VOID = ("RELEASED", "CANCELLED", "PARTLY_CANCELLED")
IN_FORCE = ("CONFIRMED", "PARTLY_CANCELLED")


def has_vague(state: State) -> bool:
    """Whether of something nobody knows who has it."""
    return any(fact[0] == VAGUE for fact in state.values())


def make_vague(after: State, name: str, hold: str = "") -> None:
    """From now on it is not known how much of it the hold has; of none: that never ends."""
    fact = after.get(name, ("",))
    holds = fact[1:] if fact[0] == VAGUE else ()
    after[name] = (VAGUE, *holds, *((hold,) if hold not in holds else ()))


def is_vague(state: State, name: str = "") -> bool:
    """Whether nobody knows how much is left: of the area or order of this name, or of anything."""
    return (f"{name} is vague" if name else VAGUE) in state


def voided(state: State, name: str, status: str) -> State | None:
    """The hold or order lost all that it had, or some of it."""
    fact = state[name]
    hold = name if len(fact) == 5 else str(fact[1])
    if fact[0] not in ("ACTIVE", "PENDING", *IN_FORCE):
        return None
    after = dict(state)
    after[name] = (status, *fact[1:])
    if status != "PARTLY_CANCELLED":
        give_back(after, hold)
    return after


def gone(state: State, area: str) -> int:
    """How many places of the area."""
    return int(str(state.get(area, (0,))[0]))


def units_of(fact: tuple[object, ...]) -> tuple[str, ...]:
    """Of a hold."""
    units = fact[2]
    assert isinstance(units, tuple)
    return units


def areas_of(fact: tuple[object, ...]) -> tuple[tuple[str, int], ...]:
    """Of a hold."""
    areas = fact[3]
    assert isinstance(areas, tuple)
    return areas


def has_of(fact: tuple[object, ...], area: str) -> bool:
    """Whether the hold has places of it."""
    return any(name == area for name, _ in areas_of(fact))


def give_back(after: State, hold: str) -> None:
    """The hold has nothing any more, and nothing is vague any more for its sake."""
    for name, fact in [(name, fact) for name, fact in after.items() if fact[0] == VAGUE and hold in fact]:
        others = [other for other in fact if other != hold]
        after[name] = tuple(others)
        if len(others) == 1:
            del after[name]
    for unit in units_of(after[hold]):
        if after.get(unit, ("", ""))[1] == hold:
            del after[unit]
    for area, quantity in areas_of(after[hold]):
        after[area] = (gone(after, area) - quantity,)


def longest_run(state: State, row: Sequence[str]) -> int:
    """Of seats that nobody has."""
    return max((len(list(run)) for is_free, run in groupby(row, lambda seat: seat not in state) if is_free), default=0)
