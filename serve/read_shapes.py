"""What may be asked of the read models: which part of a list, which units, as of when."""

import re
from collections.abc import Iterator
from datetime import datetime
from enum import IntEnum
from typing import Annotated

import msgspec
from msgspec import Meta

from actors.core.replies import EventStatus, HoldStatus, OrderStatus
from actors.projections import past
from actors.projections.answers import MAX_UNITS_LISTED, Slots
from serve.validation import BEGINNING, MILLISECOND, Shape

MAX_POSITION = (1 << 53) - 1  # what every client can count to
_POSITION = re.compile(r"[0-9]{1,15}")
_INSTANT = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
TimeText = Annotated[str, Meta(max_length=40)]


def one_of(statuses: type[IntEnum]) -> str:
    """A pattern of the names of these, or of nothing."""
    return f"^({'|'.join(status.name for status in statuses)})?$"


class Page(Shape, frozen=True):
    """Which part of a list: `cursor` is the former page's `next_cursor`."""

    cursor: Annotated[str, Meta(max_length=200)] = ""
    limit: Annotated[int, Meta(ge=1, le=200)] = 50


class EventPage(Page, frozen=True):
    """Which part of the list of events; of one `status` only, if it is given."""

    status: Annotated[str, Meta(pattern=one_of(EventStatus))] = ""


class HoldPage(Page, frozen=True):
    """Which part of the list of an event's holds; of one buyer and of one `status` only, if they are given."""

    buyer_id: Annotated[str, Meta(max_length=128)] = ""
    status: Annotated[str, Meta(pattern=one_of(HoldStatus))] = ""


class OrderPage(Page, frozen=True):
    """Which part of the list of an event's orders; of one buyer and of one `status` only, if they are given."""

    buyer_id: Annotated[str, Meta(max_length=128)] = ""
    status: Annotated[str, Meta(pattern=one_of(OrderStatus))] = ""


class LayoutAsked(Shape, frozen=True):
    """Which `version` of the layout; none: the newest. Those before the newest are for operators."""

    version: Annotated[int, Meta(ge=1)] | None = None


class PastAsked(Shape, frozen=True):
    """`at`: a past instant (RFC 3339) or, unless the event is split, `sequence` as of which is asked; for operators."""

    at: TimeText = ""

    def faults(self) -> Iterator[str]:
        """An instant has a time zone, and is not before 1970."""
        if self.at and self.when() is None:
            yield "at: must be a sequence, or an instant as RFC 3339 writes it, with its zone"

    def when(self) -> past.Position | past.Instant | None:
        """Which position or instant is meant; None if there is none."""
        if _POSITION.fullmatch(self.at):
            return past.Position(int(self.at))
        at_ms = instant_ms(self.at)
        return None if at_ms is None else past.Instant(at_ms)


class StatusesAsked(PastAsked, frozen=True):
    """`since`: the `sequence` of what the caller has; then only what has changed is told, if that is still known.

    `at`: a past instant (RFC 3339) or, unless the event is split, `sequence` as of which is asked; for operators.
    """

    since: Annotated[int, Meta(ge=0, le=MAX_POSITION)] | None = None

    def faults(self) -> Iterator[str]:
        """What changed is told of the present only."""
        yield from super().faults()
        if self.at and self.since is not None:
            yield "since: cannot be asked together with at"


class UnitsAsked(Page, frozen=True):
    """The `section` whose seats are asked for; or the `resource` whose slots are: those that begin at `from` or later
    and before `until`, if these are given. `cursor` is the former page's `next_cursor`.
    """

    limit: Annotated[int, Meta(ge=1, le=MAX_UNITS_LISTED)] = MAX_UNITS_LISTED

    section: Annotated[str, Meta(max_length=200)] = ""
    resource: Annotated[str, Meta(max_length=200)] = ""
    from_: TimeText = msgspec.field(default="", name="from")
    until: TimeText = ""

    def faults(self) -> Iterator[str]:
        """Either is asked for, and times only of slots."""
        if not self.section and not self.resource:
            yield "section: missing (or give a resource)"
        elif self.section and self.resource:
            yield "resource: cannot be asked for together with a section"
        for name, at in (("from", self.from_), ("until", self.until)):
            if at and not self.resource:
                yield f"{name}: is of use with a resource only"
            elif at and instant_ms(at) is None:
                yield f"{name}: must be an instant as RFC 3339 writes it, with its zone"
        from_ms, until_ms = instant_ms(self.from_), instant_ms(self.until)
        if from_ms is not None and until_ms is not None and until_ms <= from_ms:
            yield "until: must be after from"

    def asked(self) -> str | Slots:
        """The same as the read models take it."""
        return self.section or Slots(self.resource, instant_ms(self.from_), instant_ms(self.until))


def instant_ms(text: str) -> int | None:
    """An instant as RFC 3339 writes it, in ms; None if it is none, or before 1970."""
    if not _INSTANT.fullmatch(text):
        return None
    try:
        at_ms = (datetime.fromisoformat(text.upper()) - BEGINNING) // MILLISECOND
    except (ValueError, OverflowError):
        return None
    return at_ms if at_ms >= 0 else None
