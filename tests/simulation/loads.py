"""The shape of a run's load: whether buyers come one by one or all at once, and how long commits and messages take."""

from collections.abc import Callable
from random import Random
from typing import NamedTuple, TypeAlias

from tests.simulation.clocks import loop_s

QUICK_S = (0.0002, 0.002)
SLOW_S = (0.02, 0.2)
REST_S = 0.13  # at most, for each of the buyers that come one by one

Takes: TypeAlias = Callable[[Random], float]
"""See `Load.takes_s`."""


class Load(NamedTuple):
    """`buyers`: how many come. `together_every_s`: so often all of them at the same instant, none of whom thinks; 0:
    each when it likes. In the first `slow_s` of every `slow_every_s`, statements and messages take long, and nobody
    rests.
    """

    name: str = "calm"
    buyers: int = 7
    together_every_s: float = 0.0
    slow_every_s: float = 1.0
    slow_s: float = 0.0

    def takes_s(self, random: Random) -> float:
        """How long a statement or a message is on its way."""
        return random.uniform(*(SLOW_S if self._is_slow() else QUICK_S))

    def rest_s(self, random: Random) -> float:
        """For how long a buyer rests before it comes again."""
        if self.together_every_s:
            return self.together_every_s - loop_s() % self.together_every_s
        return 0.0 if self._is_slow() else random.uniform(0, REST_S * self.buyers)

    def _is_slow(self) -> bool:
        return loop_s() % self.slow_every_s < self.slow_s


CALM = Load()


def drawn_load(random: Random) -> Load:
    """That of one seed."""
    slow_every_s, slow_s = random.uniform(8, 15), random.uniform(2, 5)
    crowd, together_every_s = random.randint(14, 20), random.uniform(1.8, 2.7)
    return random.choice(
        (
            CALM,
            Load("slow at times", crowd, 0.0, slow_every_s, slow_s),
            Load("bursts", crowd, together_every_s),
            Load("bursts, slow at times", crowd, together_every_s, slow_every_s, slow_s),
        )
    )
