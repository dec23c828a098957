"""How soon a stack sells as before a burst, by what it sells in each second: on average, and in each two of them.

An average alone forgives that nothing is sold in the first two seconds of eight. A second alone is too short for a
machine of two cores, on which one commit, one look of the projector or one turn of somebody else's is seen in it.
"""

from collections.abc import Sequence
from typing import NamedTuple

WINDOW_S = 2
FULL = 0.8  # of what was sold before, over all seconds; two measurements of the same differ by less
STEADY = 0.6  # in each window; with half of the machine taken by others the worst of two rounds was 0.70


class Second(NamedTuple):
    """How many holds in it. `others`: the part of the machine taken by who is not of the stack, nor its buyers."""

    sold: float
    others: float = 0.0


def others_in(seconds: Sequence[Second]) -> float:
    """The part of the machine that others took meanwhile."""
    return sum(second.others for second in seconds) / len(seconds)


def undisturbed(seconds: Sequence[Second]) -> float:
    """Holds in a second, as many as it would be if others took nothing."""
    others = others_in(seconds)
    assert others < 1, "others leave nothing of this machine"
    return sold_in(seconds) / (1 - others)


def sold_in(seconds: Sequence[Second]) -> float:
    """Holds in a second."""
    return sum(second.sold for second in seconds) / len(seconds)


class Recovery(NamedTuple):
    """What is sold after a burst, as parts of what was before it: on average, and in the worst window and when."""

    average: float
    worst: float
    worst_after_s: int

    @property
    def margin(self) -> float:
        """1 or more: it sells as before. Else what it lacks most."""
        return min(self.average / FULL, self.worst / STEADY)


def recovery(before: Sequence[Second], after: Sequence[Second]) -> Recovery:
    """`after` begins when it must be back; `worst_after_s` counts from there.

    Others are allowed for by what they took in all: in one window it may be what a stack that is slow leaves to them.
    """
    average = undisturbed(after) / undisturbed(before)
    full = undisturbed(before) * (1 - others_in(after))
    windows = [sold_in(after[first : first + WINDOW_S]) / full for first in range(len(after) - WINDOW_S + 1)]
    worst = min(windows)
    return Recovery(average, worst, windows.index(worst))
