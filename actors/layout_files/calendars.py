"""From opening hours to slots.

Opening hours are local times, and each is one stretch of time: it begins and ends when these local times are (see
`Zone.instant`), so on the day of a clock change it is an hour shorter or longer if the change falls into it. From its
beginning on, slots of exactly their length follow each other; what is left at its end is too short and not sold. A slot
that is closed for any part of it is not there.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from itertools import pairwise

from actors.core.layout import DAY_MINUTES, MINUTE_MS, Hours
from actors.layout_files.local_times import days_of
from actors.layout_files.zones import Zone

Run = tuple[int, int, int]
"""As in `Calendar.runs`."""

_DAY_MS = DAY_MINUTES * MINUTE_MS


def opening_count(hours: Hours) -> int:
    """How often it opens."""
    return sum(len(days_of(weekday, hours.first_day, hours.last_day)) for weekday, _, _ in hours.weekly)


def runs_of(hours: Hours, slot_ms: int, zone: Zone) -> tuple[Run, ...]:
    """The slots, as few runs as can be. `hours` do not overlap."""
    runs: list[Run] = []
    closed = list(_joined((zone.instant(begin), zone.instant(end)) for begin, end in sorted(hours.closed)))
    for begin_ms, end_ms in _openings(hours, zone):
        while closed and closed[0][1] <= begin_ms:
            del closed[0]
        for first, stop in _open_slots(begin_ms, (end_ms - begin_ms) // slot_ms, slot_ms, closed):
            for run in _by_distance(begin_ms + first * slot_ms, stop - first, slot_ms, zone):
                _append(runs, run, slot_ms)
    return tuple(runs)


def runs_listed(openings: Iterable[tuple[int, int]], slot_ms: int, zone: Zone) -> tuple[Run, ...]:
    """The slots of openings that are instants: (begin, how many slots)."""
    return tuple(run for begin_ms, count in openings for run in _by_distance(begin_ms, count, slot_ms, zone))


def _openings(hours: Hours, zone: Zone) -> Iterator[tuple[int, int]]:
    """When it opens and closes, in order."""
    local = sorted(
        (day * DAY_MINUTES + opens, day * DAY_MINUTES + closes)
        for weekday, opens, closes in hours.weekly
        for day in days_of(weekday, hours.first_day, hours.last_day)
    )
    for opens, closes in local:
        yield zone.instant(opens), zone.instant(closes)


def _joined(times: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Times that are sorted by their beginning, without overlaps."""
    last: tuple[int, int] | None = None
    for begin, end in times:
        if last is not None and begin <= last[1]:
            last = last[0], max(last[1], end)
            continue
        if last is not None:
            yield last
        last = begin, end
    if last is not None:
        yield last


def _open_slots(begin_ms: int, count: int, slot_ms: int, closed: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """First and stop of the slots, of `count` from the beginning on, between closed times; `closed` is sorted."""
    edges = [0]
    for from_ms, until_ms in closed:
        if from_ms >= begin_ms + count * slot_ms:
            break
        if from_ms < until_ms:
            edges.append(max((from_ms - begin_ms) // slot_ms, 0))
            edges.append(-((begin_ms - until_ms) // slot_ms))
    edges.append(count)
    for first, stop in list(pairwise(edges))[::2]:
        if first < stop:
            yield first, stop


def _by_distance(begin_ms: int, count: int, slot_ms: int, zone: Zone) -> Iterator[Run]:
    """The slots, parted where the distance from UTC changes; which it does once a day at most."""
    first, last, ahead = 0, 0, zone.minutes_ahead(begin_ms)
    while last < count - 1:
        before, last = last, min(last + _DAY_MS // slot_ms, count - 1)
        if zone.minutes_ahead(begin_ms + last * slot_ms) != ahead:
            slots = range(before + 1, last + 1)
            changed = bisect_left(
                slots, True, key=lambda slot: zone.minutes_ahead(begin_ms + slot * slot_ms) != ahead
            )  # fmt: skip
            yield begin_ms + first * slot_ms, slots[changed] - first, ahead
            first, ahead = slots[changed], zone.minutes_ahead(begin_ms + last * slot_ms)
    yield begin_ms + first * slot_ms, count - first, ahead


def _append(runs: list[Run], run: Run, slot_ms: int) -> None:
    """Add a run, or lengthen the last one if this goes on where that ends."""
    if runs:
        start_ms, count, ahead = runs[-1]
        if (start_ms + count * slot_ms, ahead) == (run[0], run[2]):
            runs[-1] = start_ms, count + run[1], ahead
            return
    runs.append(run)
