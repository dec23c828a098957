"""Zones by their IANA names, from local times to instants and back.

The rules are those that this release came with, not the machine's: so a file reads the same everywhere. Instants are in
ms since 1970, UTC; local times in minutes since 1970.
"""

import functools
from bisect import bisect_left
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from zoneinfo import ZoneInfo

from actors.core.layout import MINUTE_MS

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MINUTE = timedelta(minutes=1)


@functools.cache
def zone_names() -> frozenset[str]:
    """The names of all zones."""
    return frozenset((files("tzdata") / "zones").read_text("ascii").split())


@functools.cache
def zone_of(name: str) -> "Zone":
    """The zone of this name, which must be one of `zone_names`."""
    with files("tzdata").joinpath("zoneinfo", *name.split("/")).open("rb") as file:
        return Zone(ZoneInfo.from_file(file, key=name))


class Zone:
    """The rules of a zone."""

    def __init__(self, rules: ZoneInfo) -> None:
        self._rules = rules

    def minutes_ahead(self, at_ms: int) -> int:
        """How far local time is ahead of UTC at this instant."""
        return self._ahead(at_ms // MINUTE_MS)

    def instant(self, local_minute: int) -> int:
        """When this local time is. If it comes twice: the first time. If it is left out: the moment of the jump.

        So later local times are never earlier instants.
        """
        local = (_EPOCH + local_minute * _MINUTE).replace(tzinfo=self._rules)
        minute = local_minute - _minutes(local)
        if self._ahead(minute) + minute != local_minute:
            before = local_minute - _minutes(local.replace(fold=1))  # earlier than the jump; `minute` is not
            ahead = self._ahead(before)
            minute = before + bisect_left(
                range(minute - before), True, key=lambda on: self._ahead(before + on) != ahead
            )
        return minute * MINUTE_MS

    def moment(self, local_ms: int) -> int:
        """As `instant`, of a local time in ms; so in a minute that is left out it is the moment of the jump."""
        minute, rest_ms = divmod(local_ms, MINUTE_MS)
        at_ms = self.instant(minute)
        return at_ms + rest_ms if at_ms // MINUTE_MS + self.minutes_ahead(at_ms) == minute else at_ms

    def _ahead(self, minute: int) -> int:
        return _minutes((_EPOCH + minute * _MINUTE).astimezone(self._rules))


def _minutes(local: datetime) -> int:
    ahead = local.utcoffset()
    assert ahead is not None
    return ahead // _MINUTE
