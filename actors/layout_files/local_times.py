"""Times as people write them: days, opening hours, local times, and times with their distance from UTC.

Days are counted from 1970, minutes from midnight or from 1970, in local time; instants are in ms since 1970, UTC.
"""

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta, timezone

from actors.core.layout import DAY_MINUTES, MAX_DAY, MAX_TIME_MS, MIN_DAY, MINUTE_MS, SECOND_MS

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_FIRST_DAY = date(1970, 1, 1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_LOCAL_TIME = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})T([0-9]{2}):([0-9]{2})")
_OPENING = re.compile(r"([0-9]{2}):([0-9]{2})-([0-9]{2}):([0-9]{2})")
_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?(?P<zone>Z|[+-][0-9]{2}:[0-9]{2})?"
)


def parse_day(text: str) -> int | None:
    """A date such as 2026-10-01, of the years 2000 to 2199."""
    if not _DATE.fullmatch(text):
        return None
    try:
        day = (date.fromisoformat(text) - _FIRST_DAY).days
    except ValueError:
        return None
    return day if MIN_DAY <= day <= MAX_DAY else None


def written_day(day: int) -> str:
    """The day's date."""
    return (_FIRST_DAY + timedelta(days=day)).isoformat()


def parse_begin(text: str) -> int | None:
    """A local time such as 2026-12-24T18:00, or a date: its midnight. In minutes since 1970."""
    day = parse_day(text)
    return _parse_local_time(text) if day is None else day * DAY_MINUTES


def parse_end(text: str) -> int | None:
    """As `parse_begin`, but a date is meant to its end."""
    day = parse_day(text)
    return _parse_local_time(text) if day is None else (day + 1) * DAY_MINUTES


def _parse_local_time(text: str) -> int | None:
    parts = _LOCAL_TIME.fullmatch(text)
    day = parse_day(parts[1]) if parts else None
    minute = _minute_of_day(parts[2], parts[3]) if parts else None
    return None if day is None or minute is None else day * DAY_MINUTES + minute


def written_begin(minute: int) -> str:
    """A local time, in minutes since 1970, as `parse_begin` reads it."""
    day, minute_of_day = divmod(minute, DAY_MINUTES)
    return f"{written_day(day)}T{_written_minute(minute_of_day)}" if minute_of_day else written_day(day)


def written_end(minute: int) -> str:
    """A local time, in minutes since 1970, as `parse_end` reads it."""
    return written_begin(minute) if minute % DAY_MINUTES else written_day(minute // DAY_MINUTES - 1)


def parse_weekdays(text: str) -> tuple[int, ...] | None:
    """A weekday such as `sat`, or weekdays such as `mon-fri`; 0 is a Monday."""
    first, dash, last = text.partition("-")
    if first not in WEEKDAYS or (last if dash else first) not in WEEKDAYS:
        return None
    number = WEEKDAYS.index(first)
    count = (WEEKDAYS.index(last) - number) % 7 + 1 if dash else 1
    return tuple((number + step) % 7 for step in range(count))


def parse_opening(text: str) -> tuple[int, int] | None:
    """Opening hours such as 08:00-22:00, in minutes; closing is on the next day if it is not after opening."""
    parts = _OPENING.fullmatch(text)
    if parts is None:
        return None
    opens, closes = _minute_of_day(parts[1], parts[2]), _minute_of_day(parts[3], parts[4])
    if opens is None or closes is None or opens == DAY_MINUTES:
        return None
    return opens, closes if closes > opens else closes + DAY_MINUTES


def written_opening(opens: int, closes: int) -> str:
    """Opening hours, as `parse_opening` reads them."""
    return f"{_written_minute(opens)}-{_written_minute(closes if closes <= DAY_MINUTES else closes - DAY_MINUTES)}"


def _minute_of_day(hour: str, minute: str) -> int | None:
    found = int(hour) * 60 + int(minute)
    return found if int(minute) < 60 and found <= DAY_MINUTES else None


def _written_minute(minute: int) -> str:
    """A time of the day, 24:00 its end."""
    return f"{minute // 60:02}:{minute % 60:02}"


def parse_moment(text: str) -> int | None:
    """A time of RFC 3339, with or without seconds, in ms."""
    return _ms_of(text) if _is_instant(text, zoned=True) else None


def parse_local_moment(text: str) -> int | None:
    """The same without its distance from UTC, as if it were UTC."""
    return _ms_of(f"{text}Z") if _is_instant(text, zoned=False) else None


def _is_instant(text: str, *, zoned: bool) -> bool:
    parts = _INSTANT.fullmatch(text)
    return parts is not None and (parts["zone"] is not None) is zoned


def _ms_of(text: str) -> int | None:
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        return None
    at_ms = (when - _EPOCH) // timedelta(milliseconds=1)
    return at_ms if 0 < at_ms < MAX_TIME_MS else None


def parse_second(text: str) -> int | None:
    """As `parse_moment`, but a whole second."""
    found = parse_moment(text)
    return None if found is None or found % SECOND_MS else found


def written_moment(at_ms: int) -> str:
    """A time in RFC 3339, UTC, to the ms."""
    when = _EPOCH + timedelta(milliseconds=at_ms)
    return f"{when.replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"


def written_instant(at_ms: int, minutes_ahead: int) -> str:
    """A whole second in local time, with its distance from UTC."""
    when = _EPOCH + timedelta(milliseconds=at_ms)
    finest = "seconds" if at_ms % MINUTE_MS else "minutes"
    return when.astimezone(timezone(timedelta(minutes=minutes_ahead))).isoformat(timespec=finest)


def weekly_overlap(weekly: Sequence[tuple[int, int, int]]) -> tuple[int, int] | None:
    """The indices of two opening hours of a week that overlap, the week's end meeting its beginning; or None.

    `weekly` is sorted.
    """
    ends = [weekday * DAY_MINUTES + closes for weekday, _, closes in weekly]
    begins = [weekday * DAY_MINUTES + opens for weekday, opens, _ in weekly]
    for index in range(len(weekly)):
        following = (index + 1) % len(weekly)
        begins_again = begins[following] + (7 * DAY_MINUTES if following == 0 else 0)
        if ends[index] > begins_again:
            return index, following
    return None


def written_weekdays(weekdays: tuple[int, ...]) -> str:
    """Consecutive weekdays, as `parse_weekdays` reads them."""
    first, last = WEEKDAYS[weekdays[0]], WEEKDAYS[weekdays[-1]]
    return first if len(weekdays) == 1 else f"{first}-{last}"


def days_of(weekday: int, first_day: int, last_day: int) -> range:
    """The days of this weekday, from the first to the last day."""
    return range(first_day + (weekday - weekday_of(first_day)) % 7, last_day + 1, 7)


def weekday_of(day: int) -> int:
    """The day's weekday: the first of 1970 was a Thursday."""
    return (day + 3) % 7
