"""Whether the resources of a layout and their calendars can be lived with: see `layout_soundness`."""

import re
from collections.abc import Iterator

from actors.core.layout import (
    DAY_MINUTES,
    MAX_BUFFER_MS,
    MAX_CALENDARS,
    MAX_DAY,
    MAX_HOURS,
    MAX_RUNS,
    MAX_SLOT_MS,
    MAX_TIME_MS,
    MIN_DAY,
    MINUTE_MS,
    SECOND_MS,
    Calendar,
    Hours,
    Layout,
)

_ZONE = re.compile(r"[A-Za-z0-9_+/-]{1,64}")


def faults_of_calendars(layout: Layout) -> Iterator[str]:
    """What is wrong with resources and calendars, apart from the resources' names, in order."""
    if len(layout.calendars) > MAX_CALENDARS:
        yield f"layout.calendars: must be at most {MAX_CALENDARS}"
    if sum(len(calendar.runs) for calendar in layout.calendars) > MAX_RUNS:
        yield f"layout.calendars: must have at most {MAX_RUNS} runs"
    written = [calendar.hours for calendar in layout.calendars if calendar.hours is not None]
    if sum(len(hours.weekly) + len(hours.closed) for hours in written) > MAX_HOURS:
        yield f"layout.calendars: must have at most {MAX_HOURS} opening hours and closed times"
    for index, calendar in enumerate(layout.calendars):
        yield from _calendar_faults(calendar, f"layout.calendars[{index}]")
    for index, resource in enumerate(layout.resources):
        if not 0 <= resource.category < len(layout.categories):
            yield f"layout.resources[{index}].category: is not one of the categories"
        if not 0 <= resource.calendar < len(layout.calendars):
            yield f"layout.resources[{index}].calendar: is not one of the calendars"
        if not 0 <= resource.buffer_ms <= MAX_BUFFER_MS or resource.buffer_ms % MINUTE_MS:
            yield f"layout.resources[{index}].buffer_ms: must be whole minutes, from 0 to {MAX_BUFFER_MS}"


def _calendar_faults(calendar: Calendar, path: str) -> Iterator[str]:
    if not _ZONE.fullmatch(calendar.zone):
        yield f"{path}.zone: must be the name of a zone"
    if not MINUTE_MS <= calendar.slot_ms <= MAX_SLOT_MS or calendar.slot_ms % MINUTE_MS:
        yield f"{path}.slot_ms: must be whole minutes, from {MINUTE_MS} to {MAX_SLOT_MS}"
    if not calendar.runs:
        yield f"{path}.runs: must be at least one"
    over_ms = 0
    for index, (start_ms, count, minutes_ahead) in enumerate(calendar.runs):
        if count < 1:
            yield f"{path}.runs[{index}]: must have at least one slot"
        if start_ms % SECOND_MS or start_ms < over_ms:
            yield f"{path}.runs[{index}]: must begin at a whole second, when the run before it is over"
        over_ms = start_ms + count * calendar.slot_ms
        if over_ms > MAX_TIME_MS:
            yield f"{path}.runs[{index}]: must be over by {MAX_TIME_MS}"
        if not -DAY_MINUTES < minutes_ahead < DAY_MINUTES:
            yield f"{path}.runs[{index}]: must be less than a day ahead of UTC"
    if calendar.hours is not None:
        yield from _hours_faults(calendar.hours, f"{path}.hours")


def _hours_faults(hours: Hours, path: str) -> Iterator[str]:
    """That they are what the runs were resolved from is for whoever knows the zone's rules to say."""
    if not MIN_DAY <= hours.first_day <= hours.last_day <= MAX_DAY:
        yield f"{path}: must be of days from {MIN_DAY} to {MAX_DAY}, in order"
    for weekday, opens, closes in hours.weekly:
        if not (0 <= weekday < 7 and 0 <= opens < DAY_MINUTES and opens < closes <= opens + DAY_MINUTES):
            yield f"{path}.weekly: must be a weekday, when it opens, and when it closes within a day"
    for begins, ends in hours.closed:
        if not MIN_DAY * DAY_MINUTES <= begins < ends <= (MAX_DAY + 1) * DAY_MINUTES:
            yield f"{path}.closed: must be of days from {MIN_DAY} to {MAX_DAY}, in order"
