"""What may go wrong in a simulated run, which of it does, and how often it took effect."""

from collections import Counter
from collections.abc import Iterable, Mapping
from enum import StrEnum
from random import Random
from typing import NamedTuple

from tests.simulation.clocks import loop_s


class Fault(StrEnum):
    """One kind of fault each. It is counted when it took effect, not when it was tried."""

    CRASH = "crash"
    PAUSE = "pause"
    DUPLICATE = "duplicate owner"
    LEAVING = "shard leaves"
    GENERATION = "new generation"
    GATEWAY_CRASH = "gateway crash"
    GATEWAY_PAUSE = "gateway pause"
    GATEWAY_DOUBLE = "gateway doubles"
    DELAYED = "batch delayed"
    REQUEST_LOST = "request lost"
    ANSWER_LOST = "answer lost"
    REPEATED = "request repeated"
    REORDERED = "request overtaken"
    CUT = "connection cut"
    PARTED = "gateway parted from shard"
    REFUSED = "refused statement"
    LATE = "late statement"
    TIMED_OUT = "statement timed out"
    TIMED_OUT_AGAIN = "timed out twice running"
    LINE_DEAD = "line to journal dead"
    ACK_LOST = "lost acknowledgement"
    REFUSED_BLOCK = "refused block"
    NO_ROOM = "no room"
    SLOW_REPLAY = "slow replay"
    LOST_TAIL = "lost tail"
    MOVED = "block moved"
    CATALOGUE_AWAY = "catalogue away"
    CATALOGUE_LOST = "catalogue's answer lost"
    QUARANTINE = "quarantine"
    JOURNAL_CLOCK = "journal's clock jumps"
    SHARD_CLOCK = "shard's clock jumps"
    PROJECTOR_CRASH = "projector crash"
    PROJECTOR_DOUBLE = "two projectors"
    PROJECTOR_CUT = "projector cut off"
    FULL_MEMORY = "full memory"
    AUDITOR_CRASH = "auditor crash"
    AUDITOR_CUT = "auditor cut off"
    REPLICA_AWAY = "replica away"
    CLIENT_LEAVES = "client leaves"


CLASSIC = (
    Fault.CRASH,
    Fault.PAUSE,
    Fault.DUPLICATE,
    Fault.REFUSED,
    Fault.REFUSED_BLOCK,
    Fault.NO_ROOM,
    Fault.LATE,
    Fault.SLOW_REPLAY,
    Fault.ACK_LOST,
    Fault.REQUEST_LOST,
    Fault.REPEATED,
    Fault.ANSWER_LOST,
)
"""Those of shards, their network and a journal that loses nothing."""

FEWEST, MOST = 5, 14
APART = dict.fromkeys(
    (Fault.FULL_MEMORY, Fault.AUDITOR_CRASH, Fault.AUDITOR_CUT, Fault.REPLICA_AWAY, Fault.CLIENT_LEAVES), 0.25
)
"""Those that are drawn for themselves, in so large a share of the seeds: with full memory much is refused as
overloaded, what befalls the auditor nobody else notices, while a replica is away nothing is written, and who leaves
does so by a chance of his own.
"""

AFTER_DEATH = "of a process that was dead by then"
BEHIND_A_LOOK = "of those behind the head that another had just looked at"
IN_A_PAUSE = "of a process that stood still"
LANDED = (AFTER_DEATH, BEHIND_A_LOOK, IN_A_PAUSE)
"""Rows that a database wrote when nobody was there who waited for it: no fault of its own, but what others lead to."""


MOST_OF_ALL = 0.5  # of what is tried meets with a fault, however heavy that is
FROM_RATE, TO_RATE = -1.0, 0.3  # powers of ten, of what is usual
HEAVY_SHARE = 0.3  # of the faults of a seed have heavy stretches

TOGETHER_S = 5.0
"""Two faults come together if no more passes between them: the second meets what the first has not left behind yet."""


class Rate(NamedTuple):
    """How often a fault comes: so many times what is usual, but `heavy` in the first `lasts_s` of every `every_s`."""

    times: float = 1.0
    heavy: float = 1.0
    every_s: float = 1.0
    lasts_s: float = 0.0

    def of(self, usual: float) -> float:
        """The share of what is tried now that meets with it."""
        times = self.heavy if loop_s() % self.every_s < self.lasts_s else self.times
        return min(usual * times, max(usual, MOST_OF_ALL))


USUAL = Rate()


def drawn_rates(random: Random) -> dict[Fault, Rate]:
    """Those of one seed: mostly rarer than usual, and some come in stretches in which much goes wrong."""
    rates = {}
    for fault in Fault:
        times = 10 ** random.uniform(FROM_RATE, TO_RATE)
        heavy, every_s, lasts_s = random.uniform(5, 50), random.uniform(20, 60), random.uniform(1, 5)
        rates[fault] = Rate(times, heavy, every_s, lasts_s) if random.random() < HEAVY_SHARE else Rate(times)
    return rates


def pair(first: str, second: str) -> str:
    """The name of two faults together, whichever came first."""
    return " + ".join(sorted((str(first), str(second))))


class Faults:
    """Those of one run that are switched on, until all is calm. `rate`: how often what is tried at random comes,
    usually; `rates`: of which faults it is otherwise.
    """

    def __init__(
        self, random: Random, on: Iterable[Fault], rate: float = 0.01, rates: Mapping[Fault, Rate] | None = None
    ) -> None:
        self._random = random
        self._on = frozenset(on)
        self._rates = rates or {}
        self.planned = self._on
        self.rate = rate
        self.network_rate = rate
        self.counts = Counter[Fault]()
        self.pairs = Counter[str]()  # how often one took effect soon after the other, by `pair`
        self._last_s: dict[Fault, float] = {}

    def on(self, fault: Fault) -> bool:
        """Whether it may happen now."""
        return fault in self._on

    def strikes(self, fault: Fault, rate: float) -> bool:
        """Whether it happens now; the caller sees to it that it does, and says when it took effect."""
        return fault in self._on and self._random.random() < self._rates.get(fault, USUAL).of(rate)

    def took_effect(self, fault: Fault) -> None:
        """Count it, and each with which it came together."""
        now_s = loop_s()
        self.counts[fault] += 1
        self.pairs.update(
            pair(fault, other)
            for other, last_s in self._last_s.items()
            if other is not fault and now_s - last_s <= TOGETHER_S
        )
        self._last_s[fault] = now_s

    def calm(self) -> None:
        """Nothing goes wrong any more."""
        self._on = frozenset()


def drawn(random: Random) -> frozenset[Fault]:
    """The subset of one seed."""
    others = [fault for fault in Fault if fault not in APART]
    on = random.sample(others, random.randint(FEWEST, MOST))
    return frozenset([*on, *(fault for fault, share in APART.items() if random.random() < share)])
