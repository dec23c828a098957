"""What to hold, as it is said on the command line. Only the words are judged here, the wish where it is asked."""

import csv
import re
from collections.abc import Sequence
from datetime import UTC, datetime

from serve.command_line import fail
from serve.wish_shapes import AreaQuantity, NewHold, SeatsAsked, SlotsAsked

_NAMED_QUANTITY = re.compile(r"(?:(.+):)?([0-9]{1,9})", re.DOTALL)


def wish_of_words(
    seats: Sequence[str], areas: Sequence[str], best: Sequence[str], slots: Sequence[str], channel: str, buyer: str
) -> NewHold:
    """The wish; words that say nothing end the command."""
    return NewHold(
        units=tuple(seats),
        areas=tuple(map(_area, areas)),
        best=tuple(map(_best, best)),
        slots=tuple(map(_slot, slots)),
        channel=channel,
        buyer_id=buyer,
    )


def names_of(text: str) -> list[str]:
    """Names between commas; one that has a comma stands in double quotes."""
    try:
        return [name.strip() for name in next(csv.reader([text], skipinitialspace=True), [])]
    except csv.Error:
        fail(f"{text!r}: names stand in one line")


def _area(text: str) -> AreaQuantity:
    said = _NAMED_QUANTITY.fullmatch(text)
    if said is None or said[1] is None:
        fail(f"--area {text}: write NAME:QUANTITY, the quantity in up to 9 digits")
    return AreaQuantity(said[1], int(said[2]))


def _best(text: str) -> SeatsAsked:
    said = _NAMED_QUANTITY.fullmatch(text)
    if said is None:
        fail(f"--best {text}: write QUANTITY or CATEGORIES:QUANTITY, the quantity in up to 9 digits")
    return SeatsAsked(int(said[2]), categories=tuple(names_of(said[1] or "")))


def _slot(text: str) -> SlotsAsked:
    try:
        resource, starts_at, ends_at = text.rsplit("/", 2)
        return SlotsAsked(resource, _instant(starts_at), _instant(ends_at))
    except (ValueError, OverflowError):
        fail(f"--slot {text}: write RESOURCE/START/END, each time with its zone, as in 2026-05-01T18:00+02:00")


def _instant(text: str) -> datetime:
    """An instant as ISO 8601 writes it. Raises ValueError, OverflowError if it is none."""
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError("it has no zone")
    return at.astimezone(UTC)
