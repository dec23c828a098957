"""For how long nothing happened."""

from collections.abc import Iterable
from itertools import pairwise


def silences(moments_s: Iterable[float], least_s: float) -> list[tuple[float, float]]:
    """From when to when none of these moments is, for at least so long."""
    return [(sooner, later) for sooner, later in pairwise(sorted(moments_s)) if later - sooner >= least_s]


def longest_silence(moments_s: Iterable[float], began_s: float, ended_s: float) -> float:
    """The longest time between the two in which none of these moments is."""
    within = [began_s, *sorted(at_s for at_s in moments_s if began_s < at_s < ended_s), ended_s]
    return max(later - sooner for sooner, later in pairwise(within))
