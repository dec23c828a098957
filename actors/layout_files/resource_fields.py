"""The part of a layout file that describes resources and when their slots are."""

from collections.abc import Iterator

from actors.core.layout import (
    MAX_BUFFER_MS,
    MAX_HOURS,
    MAX_RESOURCES,
    MAX_SLOT_MS,
    MAX_UNITS,
    MINUTE_MS,
    Calendar,
    Hours,
    Resource,
)
from actors.layout_files.calendars import Run, opening_count, runs_listed, runs_of
from actors.layout_files.faults import shown
from actors.layout_files.fields import Fields
from actors.layout_files.local_times import (
    parse_begin,
    parse_day,
    parse_end,
    parse_opening,
    parse_second,
    parse_weekdays,
    weekly_overlap,
    written_opening,
    written_weekdays,
)
from actors.layout_files.reading import Reading
from actors.layout_files.zone_field import read_zone
from actors.layout_files.zones import zone_of

MAX_OPENINGS_PER_DAY = 20
MAX_OPENINGS_LISTED = 10_000
MAX_CLOSED_TIMES = 1_000

_DAY = "a day such as 2026-10-01, of the years 2000 to 2199"
_LOCAL_TIME = "a local time such as 2026-12-24T18:00, or a day"
_OPENING = "opening hours such as 08:00-22:00"
_INSTANT = "a time in whole seconds with its distance from UTC, such as 2026-10-25T08:00+01:00"
_BY_HOURS = ("from", "until", "hours")
_FIELDS = (
    "name", "names", "category", "zone", "slot_minutes", "buffer_minutes", *_BY_HOURS, "unavailable", "openings",
)  # fmt: skip


def read_resources(reading: Reading, fields: Fields) -> tuple[tuple[Resource, ...], tuple[Calendar, ...]]:
    """The resources, in the file's order, and the calendars that they share."""
    calendars = _Calendars(reading)
    resources: list[Resource] = []
    for path, raw in fields.entries("resources", 0, MAX_RESOURCES):
        faults_before = reading.faults.count
        resource = Fields(raw, path, _FIELDS, reading.faults)
        names = _names(reading, resource)
        category = reading.category(resource)
        buffer_ms = 0
        if resource.has("buffer_minutes"):
            buffer_ms = resource.whole_number("buffer_minutes", 0, MAX_BUFFER_MS // MINUTE_MS) * MINUTE_MS
        number = calendars.read(resource, faults_before)
        resources.extend(Resource(name, category, number, buffer_ms) for name in names)
        reading.unit_count += len(names) * calendars.slot_count(number)
        if len(resources) > MAX_RESOURCES:
            fields.refuse("resources", f"must be at most {MAX_RESOURCES} resources")
            break
        if reading.over_bounds:
            break
    return tuple(resources), tuple(calendars.found)


def _names(reading: Reading, resource: Fields) -> tuple[str, ...]:
    if resource.has("names") and not resource.has("name") and isinstance(resource.value("names"), list):
        return reading.labels(resource, "names", reading.path_of_name, MAX_RESOURCES)
    return reading.names(resource, reading.path_of_name, MAX_RESOURCES, "resources")


class _Calendars:
    """The calendars read so far. Equal ones are one, and resolved once."""

    def __init__(self, reading: Reading) -> None:
        self.found: list[Calendar] = []
        self._reading = reading
        self._number_of: dict[tuple[str, int, Hours | tuple[Run, ...]], int] = {}

    def slot_count(self, number: int) -> int:
        """How many slots the calendar of this number has; none if there is none, as it was faulty."""
        return self.found[number].slot_count if number >= 0 else 0

    def read(self, resource: Fields, faults_before: int) -> int:
        """The number of the resource's calendar; -1 if the resource has faults, more than there were before it."""
        zone = read_zone(resource, self._reading.faults)
        slot_ms = resource.whole_number("slot_minutes", 1, MAX_SLOT_MS // MINUTE_MS) * MINUTE_MS
        hours: Hours | None = None
        if resource.has("openings"):
            for name in (*_BY_HOURS, "unavailable"):
                if resource.has(name):
                    resource.refuse(name, 'must not stand beside "openings", which say it all')
            listed = _listed_openings(self._reading, resource, slot_ms)
        else:
            hours = _hours(self._reading, resource, slot_ms)
        if self._reading.faults.count > faults_before:
            return -1
        when = hours or self._listed(listed, slot_ms, zone)
        if (zone, slot_ms, when) not in self._number_of:
            runs = self._resolved(resource, when, slot_ms, zone) if isinstance(when, Hours) else when
            if not runs:
                return -1
            self._number_of[zone, slot_ms, when] = len(self.found)
            self.found.append(Calendar(zone, slot_ms, runs, hours))
        return self._number_of[zone, slot_ms, when]

    def _listed(self, openings: tuple[tuple[int, int], ...], slot_ms: int, zone: str) -> tuple[Run, ...]:
        """The runs; none if it would be too much work."""
        slots = sum(count for _, count in openings)
        if self._reading.unit_count + slots > MAX_UNITS:
            self._reading.unit_count += slots
        if self._reading.over_bounds:
            return ()
        runs = runs_listed(openings, slot_ms, zone_of(zone))
        self._reading.run_count += len(runs) - len(openings)
        return runs

    def _resolved(self, resource: Fields, hours: Hours, slot_ms: int, zone: str) -> tuple[Run, ...]:
        """The runs; none if there are none or if it would be too much work."""
        openings = opening_count(hours)
        self._reading.run_count += openings
        if self._reading.over_bounds:
            return ()
        runs = runs_of(hours, slot_ms, zone_of(zone))
        self._reading.run_count += max(len(runs) - openings, 0)
        if not runs:
            resource.refuse("hours", "leave no slot between the first day and the last")
        return runs


def _hours(reading: Reading, resource: Fields, slot_ms: int) -> Hours:
    first_day = resource.parsed("from", parse_day, _DAY) or 0
    last_day = resource.parsed("until", parse_day, _DAY) or 0
    if 0 < last_day < first_day:
        resource.refuse("until", 'must not be before the day of "from"')
    return Hours(first_day, last_day, _weekly(reading, resource, slot_ms), _closed_times(reading, resource))


def _weekly(reading: Reading, resource: Fields, slot_ms: int) -> tuple[tuple[int, int, int], ...]:
    if not resource.require("hours"):
        return ()
    raw, path = resource.value("hours"), resource.path_of("hours")
    if not isinstance(raw, dict) or not 1 <= len(raw) <= 7:
        resource.refuse("hours", f"must be a mapping of weekdays to opening hours, is {shown(raw)}")
        return ()
    faults_before = reading.faults.count
    name_of_weekday: dict[int, str] = {}
    weekly: list[tuple[int, int, int]] = []
    for name in raw:
        weekdays = parse_weekdays(name) if isinstance(name, str) and len(name) <= 7 else None
        if weekdays is None:
            resource.refuse("hours", f'has the field {shown(name)}: must be a weekday such as "sat", or "mon-fri"')
            continue
        twice = next((name_of_weekday[weekday] for weekday in weekdays if weekday in name_of_weekday), None)
        if twice is not None:
            reading.faults.add(f"{path}.{name}", f"has a day that {twice} has already")
        name_of_weekday.update((weekday, name) for weekday in weekdays)
        openings = list(_openings(reading, raw[name], f"{path}.{name}", slot_ms))
        weekly.extend((weekday, *opening) for weekday in weekdays for opening in openings)
    weekly.sort()
    reading.hours_count += len(weekly)
    overlap = weekly_overlap(weekly) if reading.faults.count == faults_before else None
    if overlap is not None:
        one, other = (
            f"{written_weekdays((weekly[index][0],))} {written_opening(*weekly[index][1:])}" for index in overlap
        )
        resource.refuse("hours", f"{one} goes on into {other}")
    return tuple(weekly)


def _openings(reading: Reading, raw: object, path: str, slot_ms: int) -> Iterator[tuple[int, int]]:
    """One stretch of opening hours, or a list of them."""
    if isinstance(raw, list) and not 1 <= len(raw) <= MAX_OPENINGS_PER_DAY:
        reading.faults.add(path, f"must have 1 to {MAX_OPENINGS_PER_DAY} elements, has {len(raw)}")
        return
    listed = [(f"{path}[{index}]", text) for index, text in enumerate(raw)] if isinstance(raw, list) else [(path, raw)]
    for path_of_one, text in listed:
        opening = parse_opening(text) if isinstance(text, str) else None
        if opening is None:
            reading.faults.add(path_of_one, f"must be {_OPENING}, is {shown(text)}")
        elif (opening[1] - opening[0]) * MINUTE_MS < slot_ms:
            reading.faults.add(path_of_one, f"is shorter than a slot: {shown(text)}")
        else:
            yield opening


def _closed_times(reading: Reading, resource: Fields) -> tuple[tuple[int, int], ...]:
    closed = set()
    for path, raw in resource.entries("unavailable", 0, MAX_CLOSED_TIMES):
        time = Fields(raw, path, ("from", "until"), reading.faults)
        begin = time.parsed("from", parse_begin, _LOCAL_TIME) or 0
        end = time.parsed("until", parse_end, _LOCAL_TIME) or 0
        if 0 < end <= begin:
            time.refuse("until", 'must be after "from"')
        closed.add((begin, end))
        reading.hours_count += 1
    return tuple(sorted(closed))


def _listed_openings(reading: Reading, resource: Fields, slot_ms: int) -> tuple[tuple[int, int], ...]:
    """When each of the `openings` begins, and how many slots it has."""
    listed: list[tuple[int, int]] = []
    over_ms = 0
    for path, raw in resource.entries("openings", 1, MAX_OPENINGS_LISTED):
        opening = Fields(raw, path, ("from", "until"), reading.faults)
        begin_ms = opening.parsed("from", parse_second, _INSTANT) or 0
        end_ms = opening.parsed("until", parse_second, _INSTANT) or 0
        reading.run_count += 1
        if 0 < begin_ms < over_ms:
            opening.refuse("from", "must not be before the end of the opening before it")
        if begin_ms and end_ms and end_ms - begin_ms < slot_ms:
            opening.refuse("until", 'must be after "from" by a slot at least')
        over_ms = end_ms
        listed.append((begin_ms, (end_ms - begin_ms) // slot_ms))
    return tuple(listed)


assert MAX_OPENINGS_PER_DAY * 7 + MAX_CLOSED_TIMES <= MAX_HOURS
