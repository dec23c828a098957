"""Which runs there are: every fault at every point, and every two of them. A run's points come from running it."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from tests.simulation.basket_client import ClientKind
from tests.simulation.basket_operations import OPERATIONS
from tests.simulation.basket_points import Point, Strike, faults_at, faults_of_parties
from tests.simulation.basket_runs import Run, Spec, run
from tests.simulation.divided_operations import DIVIDED
from tests.simulation.reserved_operations import RESERVED

MAIN = ("hold", "confirm", "release", "expiry", "cancel", "exchange")
OTHERS = tuple(name for name in OPERATIONS if name not in MAIN)

Menu = Callable[[Point], tuple[str, ...]]


class Set(NamedTuple):
    """The single faults of an operation: whose client does what, what successors restore from, which faults."""

    operation: str
    client: ClientKind
    from_snapshots: bool
    menu: Menu

    @property
    def plain(self) -> Spec:
        """Nothing goes wrong."""
        return Spec(self.operation, self.client, self.from_snapshots)

    def singles(self, points: list[Point]) -> Iterator[Spec]:
        """One fault each, at every one of these points."""
        for point in points:
            for fault in self.menu(point):
                yield self.plain._replace(strikes=(Strike(point.name, fault),))


SINGLES = (
    *(Set(name, ClientKind.ASKS_AGAIN, False, faults_at) for name in MAIN),
    *(Set(name, ClientKind.IS_GONE, True, faults_of_parties) for name in MAIN),
    *(Set(name, ClientKind.ASKS_AGAIN, True, faults_of_parties) for name in OTHERS),
)
"""What every test run does."""

PAIRS = tuple(
    Set(name, client, client is ClientKind.IS_GONE, faults_of_parties) for name in MAIN for client in ClientKind
)
PAIRS_OF_OTHERS = tuple(
    Set(name, client, client is ClientKind.IS_GONE, faults_of_parties) for name in OTHERS for client in ClientKind
)
PAIRS_OF_DIVIDED = tuple(
    Set(name, client, client is ClientKind.IS_GONE, faults_of_parties) for name in DIVIDED for client in ClientKind
)
PAIRS_OF_RESERVED = tuple(
    Set(name, client, client is ClientKind.IS_GONE, faults_of_parties) for name in RESERVED for client in ClientKind
)
SINGLES_OF_RESERVED = tuple(
    Set(name, client, client is ClientKind.IS_GONE, faults_at) for name in RESERVED for client in ClientKind
)
SINGLES_OF_DIVIDED = tuple(
    Set(name, client, client is ClientKind.IS_GONE, faults_at) for name in DIVIDED for client in ClientKind
)


def after(first: Spec, trace: list[Point]) -> Iterator[Spec]:
    """Every second fault at every point that the run with the first one has come by since."""
    (strike,) = first.strikes
    names = [point.name for point in trace]
    for point in trace[names.index(strike.point) + 1 :]:
        for fault in faults_of_parties(point):
            yield first._replace(strikes=(strike, Strike(point.name, fault)))


def sample(first: Spec, trace: list[Point], step: int, turn: int) -> Iterator[Spec]:
    """Every `step`-th of the seconds, beginning elsewhere each turn."""
    yield from list(after(first, trace))[turn % step :: step]


def parse(text: str) -> Spec:
    """The run of this name."""
    what, *strikes = text.split(" | ")
    from_snapshots = what.endswith(", from snapshots")
    operation, _, client = what.removesuffix(", from snapshots").rpartition(", client ")
    faults = (strike.partition(" @ ") for strike in strikes)
    return Spec(
        operation, ClientKind(client), from_snapshots, tuple(Strike(point, fault) for fault, _, point in faults)
    )


def run_safely(spec: Spec) -> Run:
    """The run; whatever is raised in it is one more fault."""
    try:
        return run(spec)
    except Exception as crash:
        return Run([f"crash: {crash!r}"], [], 0.0, [])
