"""On what conditions units are sold: what is set aside for whom, until when, and when anything is sold at all.

A seat or slot is open to all (0), kept for who needs an accessible seat (1), or in allotment `n` (2 + `n`), the last
that names it. Of an area, an allotment keeps places: as many as its channel has not got yet.
"""

from array import array
from collections.abc import Iterator, Set

from actors.audit.plan import Plan
from actors.audit.units import Units
from actors.core import entries as e

OPEN, FOR_ACCESS, FIRST_ALLOTMENT = 0, 1, 2
ACCESSIBLE_SEATS = ""
"""The name by which the journal says that accessible seats and their companions are for everybody."""
MIN_HOLD_LIFE_MS = 1_000
MAX_HOLD_LIFE_MS = 24 * 60 * 60_000
MIN_CLAIM_MS = 1_000
MAX_CLAIM_MS = 24 * 60 * 60_000
MAX_ALLOTMENTS = 200


def rules_fault(event: e.EventCreated, plan: Plan) -> str:
    """The first thing that is wrong with the event's rules, or nothing."""
    return next(_faults(event, plan), "")


def _faults(event: e.EventCreated, plan: Plan) -> Iterator[str]:
    rules = event.rules
    if not MIN_HOLD_LIFE_MS <= rules.max_hold_life_ms <= MAX_HOLD_LIFE_MS:
        yield f"holds can live {rules.max_hold_life_ms} ms"
    if rules.max_per_buyer < 0 or rules.accessible_until_ms < 0:
        yield f"{rules.max_per_buyer} units for a buyer, accessible seats until {rules.accessible_until_ms}"
    if rules.waiting_list is not None and not MIN_CLAIM_MS <= rules.waiting_list.claim_ms <= MAX_CLAIM_MS:
        yield f"offers stand for {rules.waiting_list.claim_ms} ms"
    windows = [rules.window, *(channel.window for channel in rules.channels if channel.window is not None)]
    for window in windows:
        if min(window.opens_at_ms, window.closes_at_ms) < 0 or 0 < window.closes_at_ms <= window.opens_at_ms:
            yield f"sold from {window.opens_at_ms} to {window.closes_at_ms}"
    yield from _allotment_faults(event, plan)


def _allotment_faults(event: e.EventCreated, plan: Plan) -> Iterator[str]:
    rules = event.rules
    channels = [channel.name for channel in rules.channels]
    allotments = [allotment.name for allotment in rules.allotments]
    if len(set(channels)) != len(channels) or "" in channels:
        yield f"channels called {channels}"
    if len(set(allotments)) != len(allotments) or "" in allotments or len(allotments) > MAX_ALLOTMENTS:
        yield f"{len(allotments)} allotments called {allotments}"
    for allotment in rules.allotments:
        areas = [places.area for places in allotment.places]
        unknown = [name for name in allotment.units if plan.units_below(name) is None]
        unknown += [area for area in areas if area not in plan.area_of_name]
        unknown += [allotment.channel] if allotment.channel and allotment.channel not in channels else []
        repeated = len({*areas}) != len(areas) or len({*allotment.units}) != len(allotment.units)
        if unknown or repeated or not (areas or allotment.units):
            yield f"allotment {allotment.name} names {', '.join(unknown) or 'something twice, or nothing'}"
        if any(places.quantity < 1 for places in allotment.places) or allotment.returns_at_ms < 0:
            yield f"allotment {allotment.name} is of no places, or returns before time began"


def return_times_ms(event: e.EventCreated) -> dict[str, int]:
    """When what is set aside under each name is for everybody; those that never are, left out."""
    times = {allotment.name: allotment.returns_at_ms for allotment in event.rules.allotments}
    times[ACCESSIBLE_SEATS] = event.rules.accessible_until_ms
    return {name: at_ms for name, at_ms in times.items() if at_ms}


def set_aside(event: e.EventCreated, plan: Plan, returned: Set[str]) -> "array[int]":
    """For whom each seat and slot is, as above."""
    aside = array("H", bytes(2 * plan.unit_count))
    if ACCESSIBLE_SEATS not in returned:
        for seat in plan.special:
            aside[seat] = FOR_ACCESS
    for number, allotment in enumerate(event.rules.allotments):
        if allotment.name not in returned:
            for name in allotment.units:
                for unit in plan.units_below(name) or ():
                    aside[unit] = FIRST_ALLOTMENT + number
    return aside


def channel_of(event: e.EventCreated, aside: int) -> str:
    """The channel for which a unit of an allotment is set aside; empty: the house's own."""
    return event.rules.allotments[aside - FIRST_ALLOTMENT].channel


def places_kept(event: e.EventCreated, returned: Set[str], units: Units, area: int, channel: str) -> int:
    """How many places of the area are kept for others than this channel."""
    places = units.areas[area]
    kept: dict[str, int] = {}
    for allotment in event.rules.allotments:
        if allotment.name not in returned and (not channel or allotment.channel != channel):
            for own in allotment.places:
                if own.area == places.name:
                    kept[allotment.channel] = kept.get(allotment.channel, 0) + own.quantity
    return sum(max(count - (places.of_channel.get(name, 0) if name else 0), 0) for name, count in kept.items())


def has_channel(event: e.EventCreated, channel: str) -> bool:
    """Whether anything can be sold through this channel; the empty one is always there."""
    return not channel or any(known.name == channel for known in event.rules.channels)


def opens_later(event: e.EventCreated, at_ms: int) -> bool:
    """Whether something is not sold yet at this time, and will be."""
    windows = [event.rules.window, *(known.window for known in event.rules.channels if known.window is not None)]
    return any(window.opens_at_ms > at_ms for window in windows)


def is_open(event: e.EventCreated, channel: str, at_ms: int) -> bool:
    """Whether this is a time of sale through the channel, which may have a window of its own."""
    own = [known.window for known in event.rules.channels if known.name == channel and known.window is not None]
    window = own[0] if own else event.rules.window
    return window.opens_at_ms <= at_ms and not 0 < window.closes_at_ms <= at_ms
