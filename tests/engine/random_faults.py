"""Journals with faults at random: entries changed, left out, repeated, of another number, or of one that was there."""

from collections.abc import Iterator
from random import Random

import msgspec

from actors.core import entries as e
from actors.engine import striking
from actors.journal.journal import JournalRow
from tests.engine.test_unreplayable import Rows
from tests.loadtests.journals import Journal
from tests.loadtests.test_audit_mutations import JOURNALS, _changed, _others

FURTHER = 1_000
"""The number of what is there once more is so much higher."""


def as_stored(rows: Rows) -> list[JournalRow]:
    """The rows, as a shard reads them."""
    return [msgspec.convert(row, JournalRow, from_attributes=True) for row in rows]


def with_faults(random: Random, count: int) -> Iterator[tuple[list[JournalRow], tuple[int, ...]]]:
    """Journals with some faults each, and who is to give up."""
    plants = (_change, _leave_out, _repeat, _give_to_another, _bar)
    for _ in range(count):
        journal = random.choice(random.choice(list(JOURNALS.values()))())
        for _ in range(random.randint(1, 6)):
            random.choice(plants)(journal, random)
        try:
            rows = as_stored(journal.rows())
        except OverflowError:  # it cannot be written at all
            continue
        numbers = sorted({number for kind, number in _numbers(journal) if kind == "hold" and isinstance(number, int)})
        given_up = random.sample([*numbers, 12_345], 1 + random.randrange(2)) if random.random() < 0.3 else ()
        yield rows, tuple(given_up)


def _numbers(journal: Journal) -> Iterator[tuple[str, int]]:
    for draft in journal.drafts:
        for entry in draft.entries:
            yield from striking._named(entry)


def _somewhere(journal: Journal, random: Random) -> tuple[int, int]:
    """A row and an entry of it, behind those that create the event."""
    filled = [row for row, draft in enumerate(journal.drafts) if draft.entries]
    row = random.choice(filled[3:] or filled)
    return row, random.randrange(len(journal.drafts[row].entries))


def _change(journal: Journal, random: Random) -> None:
    row, place = _somewhere(journal, random)
    entry = journal.drafts[row].entries[place]
    field = random.choice(entry.__struct_fields__)
    others = [value for value in _others(getattr(entry, field)) if value != getattr(entry, field)]
    if others:
        _changed(journal, row, place, **{field: random.choice(others)})


def _leave_out(journal: Journal, random: Random) -> None:
    row, place = _somewhere(journal, random)
    del journal.drafts[row].entries[place]


def _insert(journal: Journal, random: Random, row: int, entry: e.Entry) -> None:
    entries = journal.drafts[random.randrange(row, len(journal.drafts))].entries
    entries.insert(random.randint(0, len(entries)), entry)


def _repeat(journal: Journal, random: Random) -> None:
    row, place = _somewhere(journal, random)
    _insert(journal, random, row, journal.drafts[row].entries[place])


def _give_to_another(journal: Journal, random: Random) -> None:
    """A hold or leg is there once more under another number; and all that came of it, likewise."""
    placed = [(row, entry) for row, draft in enumerate(journal.drafts) for entry in draft.entries if _number_of(entry)]
    if not placed:
        return
    row, first = random.choice(placed)
    number = _number_of(first)
    for later in range(len(journal.drafts) - 1, row - 1, -1):
        for place, entry in reversed(list(enumerate(journal.drafts[later].entries))):
            named = [field for field in ("hold", "leg", "order") if getattr(entry, field, 0) == number]
            if named and not isinstance(entry, striking.KEPT):
                again = msgspec.structs.replace(entry, **dict.fromkeys(named, number + FURTHER))
                journal.drafts[later].entries.insert(place + 1, again)


def _bar(journal: Journal, random: Random) -> None:
    """A number is there before what it is of, and is forgotten: what begins with it must go from there on."""
    placed = [(row, entry) for row, draft in enumerate(journal.drafts) for entry in draft.entries if _number_of(entry)]
    if placed:
        row, first = random.choice(placed)
        number, at_ms = _number_of(first) + FURTHER, first.at_ms
        field = "leg" if isinstance(first, e.LegPinned) else "hold"
        _insert(journal, random, row, msgspec.structs.replace(first, **{field: number}))
        before = journal.drafts[random.randint(min(3, row), row)].entries
        before.insert(0, e.LegBarred(at_ms, number, 1, at_ms))


def _placed(journal: Journal) -> Iterator[tuple[int, e.Entry]]:
    """The entries that place holds and legs, with their rows."""
    for row, draft in enumerate(journal.drafts):
        yield from ((row, entry) for entry in draft.entries if _number_of(entry))


def _number_of(entry: e.Entry) -> int:
    return entry.hold if isinstance(entry, e.HoldPlaced) else entry.leg if isinstance(entry, e.LegPinned) else 0
