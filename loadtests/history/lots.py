"""What calls are about, by name: lots of units, ids, and all that makes two calls depend on each other."""

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from actors.audit.replies import Acknowledged
from loadtests.history.calls import Call, Kind, Outcome

JOURNAL = "journal"
"""Who tells what no client asked for, nor saw, and what is known from the journal alone."""

UNTOLD = "unknown"
"""Begins the id of what nobody was told the id of."""


class Lot(NamedTuple):
    """What a hold has."""

    units: tuple[str, ...]
    areas: tuple[tuple[str, int], ...]


def lot_of(call: Call) -> Lot:
    """What a hold came to: as told, or else as it was asked for."""
    if isinstance(call.told, Acknowledged):
        return Lot(call.told.units, call.told.areas)
    return Lot(call.units, call.areas)


def id_of(call: Call) -> str:
    """Of the hold or order that it makes; nobody knows that of one that was not told."""
    return call.told.id if isinstance(call.told, Acknowledged) else f"{UNTOLD} {call.key} {call.invoked_us}"


def names_of(call: Call) -> Iterator[str]:
    """All that the call is about: what shares none of them is independent."""
    lot = lot_of(call)
    yield from lot.units
    yield from call.units
    yield from (area for area, _ in (*lot.areas, *call.areas))
    if call.id:
        yield call.id
    if call.kind in (Kind.HOLD, Kind.ORDER) and call.outcome is not Outcome.FAIL:
        yield id_of(call)


def counted(units: tuple[str, ...], areas: tuple[tuple[str, int], ...]) -> tuple[list[str], Counter[str]]:
    """What is there, however it is told."""
    places = Counter[str]()
    for area, quantity in areas:
        places[area] += quantity
    return sorted(units), places
