"""Seats that were chosen for somebody: their score and orphans, worked out once more.

An entry says both of each choice, but not which seats a choice was of: they are the last ones, choice after choice.
So some way to part them must come to what it says. Nor does it say who was to be seated: an orphan is one to those
who may have plain seats only, or accessible ones that are open to all as well, or all accessible ones.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from actors.audit.books import Books, is_overdue
from actors.audit.plan import PLAIN, WHOLE_TABLE, Plan, Row
from actors.audit.prices import Frozen
from actors.audit.rules import FIRST_ALLOTMENT, FOR_ACCESS, OPEN, channel_of

ONLY_PLAIN, OPEN_TO_ALL, WITH_ACCESS = range(3)


class _Looker(NamedTuple):
    """Who may have which seats; `counts_overdue`: also those of holds whose end is not in the journal yet."""

    channel: str
    seated: int
    counts_overdue: bool


def choice_fault(books: Books, entry: Frozen) -> str:
    """What the entry says of its choices and cannot be, or nothing. To be asked before its units are claimed."""
    seats = entry.seats
    if len(entry.chosen) > len(seats):
        return f"{len(entry.chosen)} choices of {len(seats)} seats"
    ends = {len(seats)}
    for score, orphans in reversed(entry.chosen):
        ends = {
            start
            for end in ends
            for start in range(end)
            if max(seats[start:end]) < books.plan.seat_count
            and score_of(books.plan, seats[start:end]) == score
            and orphans in _orphans(books, entry, start, end)
        }
    return "" if ends else f"no choice of the seats {seats} is {entry.chosen}"


def score_of(plan: Plan, seats: Iterable[int]) -> int:
    """The lower, the better: by distance from the focus, squared, or else by the layout's order."""
    numbers = list(seats)
    if plan.focus is None:
        return sum(number - place for place, number in enumerate(numbers))
    score = 0
    for seat in numbers:
        row = plan.row_of(seat)
        x, y = row.x + 2 * (seat - row.first) - plan.focus[0], row.y - plan.focus[1]
        score += x * x + y * y
    return score


def _orphans(books: Books, entry: Frozen, start: int, end: int) -> set[int]:
    """How many seats are left alone by this choice, as each that may look would see it."""
    before, group = set(entry.seats[:start]), set(entry.seats[start:end])
    rows = [books.plan.rows[number] for number in sorted({books.plan.row_number(seat) for seat in group})]
    return {
        sum(_left_alone(books, row, looker, before, group, entry.at_ms) for row in rows)
        for looker in _lookers(books, entry.channel)
    }


def _lookers(books: Books, channel: str) -> Iterator[_Looker]:
    for seated in (ONLY_PLAIN, OPEN_TO_ALL, WITH_ACCESS) if books.plan.special else (ONLY_PLAIN,):
        yield _Looker(channel, seated, False)
        if not books.line:  # else what is overdue is first for those who wait
            yield _Looker(channel, seated, True)


def _left_alone(books: Books, row: Row, looker: _Looker, before: set[int], group: set[int], at_ms: int) -> int:
    if row.kind == WHOLE_TABLE:
        return 0
    there = [seat not in before and _may_have(books, seat, looker, at_ms) for seat in row.seats]
    left = [may_have and seat not in group for seat, may_have in zip(row.seats, there, strict=True)]
    return len(_singles(left) - _singles(there))


def _singles(there: list[bool]) -> set[int]:
    around = [False, *there, False]
    return {place for place, one in enumerate(there) if one and not (around[place] or around[place + 2])}


def _may_have(books: Books, seat: int, looker: _Looker, at_ms: int) -> bool:
    units = books.units
    if units.owners[seat]:
        claim = books.claims.get(units.owners[seat])
        overdue = claim is not None and is_overdue(claim, at_ms)
        if not (overdue and looker.counts_overdue):
            return False
    aside = units.set_aside[seat]
    is_plain = books.plan.special.get(seat, PLAIN) == PLAIN
    if not is_plain and (looker.seated == ONLY_PLAIN or (looker.seated == OPEN_TO_ALL and aside != OPEN)):
        return False
    if aside >= FIRST_ALLOTMENT:
        assert books.event is not None
        return bool(looker.channel) and channel_of(books.event, aside) == looker.channel
    return aside != FOR_ACCESS or looker.seated == WITH_ACCESS
