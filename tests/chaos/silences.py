"""For how long nothing happened."""

from collections.abc import Iterable
from itertools import pairwise


def longest_silence(moments_s: Iterable[float], began_s: float, ended_s: float) -> float:
    """The longest time between the two in which none of these moments is."""
    within = [began_s, *sorted(at_s for at_s in moments_s if began_s < at_s < ended_s), ended_s]
    return max(later - sooner for sooner, later in pairwise(within))
