"""What crowds count themselves, held against their histories: what is in no history is held against nothing."""

from collections.abc import Mapping

from loadtests.figures import Figures
from loadtests.history.calls import READS, Outcome
from loadtests.history.tally import Tally
from tests.chaos.baskets import BasketCrowd

_READ = tuple(f"{kind} {Outcome.OK}" for kind in READS)


def reads(calls: Mapping[str, int]) -> int:
    """How many reads were answered, of calls by kind and outcome."""
    return sum(calls.get(name, 0) for name in _READ)


def ending(calls: Mapping[str, int], outcome: Outcome) -> int:
    """How many calls that were no answered reads had this outcome."""
    return sum(number for name, number in calls.items() if name not in _READ and name.endswith(f" {outcome}"))


def unrecorded(figures: Figures, tally: Tally) -> list[str]:
    """Where the buyers' own count and their history are not of the same calls.

    Whoever vanished counts nothing, and may have been answered all the same. A call that was turned away has failed as
    a refused one has, and is asked again.
    """
    least = figures.write_count + figures.replayed
    return [
        *_outside("accepted writes", ending(tally.calls, Outcome.OK), least, least + figures.vanished),
        *_outside("reads", reads(tally.calls), sum(figures.seen.values()), sum(figures.seen.values())),
        *_outside("refusals", ending(tally.calls, Outcome.FAIL), sum(figures.refused.values()), tally.call_count),
    ]


def unrecorded_baskets(crowd: BasketCrowd, tally: Tally) -> list[str]:
    """The same of who buys baskets, none of whom vanishes."""
    accepted, seen = crowd.accepted.total(), crowd.seen.total()
    return [
        *_outside("accepted writes of baskets", ending(tally.calls, Outcome.OK), accepted, accepted),
        *_outside("reads of baskets", reads(tally.calls), seen, seen),
    ]


def _outside(what: str, recorded: int, least: int, most: int) -> list[str]:
    counted = f"{least:,}" if least == most else f"{least:,} to {most:,}"
    return (
        [] if least <= recorded <= most else [f"{recorded:,} {what} are in the histories, and {counted} were counted"]
    )
