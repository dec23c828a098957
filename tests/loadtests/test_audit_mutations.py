"""Whatever is changed about an entry of a clean journal, the audit finds it; what it cannot know is listed with why.

The rows are sealed anew after each change, so that chains say nothing: a shard that writes nonsense seals it as well.
"""

from collections.abc import Callable, Iterator
from enum import IntEnum
from typing import NamedTuple, get_args

import msgspec
import pytest

from actors.core.entries import Entry
from actors.core.layout import Layout
from actors.core.rules import Allotment, Channel, Rules, WaitingList, Window
from actors.core.wishes import AreaPlaces, BestSeats, Span, Wish
from tests.loadtests.basket_journals import basket_journals
from tests.loadtests.journals import Journal, audit_together, clean_journal, found_together
from tests.loadtests.split_journals import split_journals
from tests.loadtests.whole_journal import whole_journal

SECOND_MS = 1_000
DAY_MS = 24 * 60 * 60_000
LAST_NUMBER = (1 << 63) - 1

NOBODY_IS_TOLD = "the event's changes are not told by loads; only that no key has two effects shows"
A_WISH = "clients are not told what was chosen for them, nor does the journal say what they wished for"

UNKNOWABLE = {
    ("Activated", "shard"): "nothing else names the shard",
    ("Activated", "nonce"): "any nonce is as good, if it is new",
    ("HoldPlaced", "chosen"): A_WISH,
    ("Corrected", "by"): "nothing else names who has looked at it",
    ("Corrected", "why"): "the same",
    ("Corrected", "quarantine"): "numbers are the catalogue's: any is as good that is higher than the last",
    ("TicketsExchanged", "chosen"): A_WISH,
    **dict.fromkeys(
        ((kind, "key") for kind in ("EventCreated", "SaleOpened", "StatusChanged", "EventEdited")), NOBODY_IS_TOLD
    ),
    **dict.fromkeys(
        ((kind, "fingerprint") for kind in (
            "EventCreated", "SaleOpened", "StatusChanged", "EventEdited", "HoldPlaced", "HoldExtended", "HoldReleased",
            "OrderPlaced", "OrderConfirmed", "OrderCancelled", "OrderClosed", "TicketsCancelled", "TicketsExchanged",
            "TicketReassigned", "WaiterJoined", "WaiterLeft", "BasketIntended", "ExchangeIntended",
        )),
        "only whoever repeats a request can tell: buyers do",
    ),
}  # fmt: skip
"""Kind and field of an entry: why a change there may go unnoticed."""

OF_SOME = {
    ("EventCreated", "name"): "and it was edited",
    ("HoldPlaced", "buyer"): "and the hold has ended",
    ("TicketReassigned", "holder"): "and the ticket was reassigned once more",
    ("WaiterJoined", "buyer"): "and the waiter has left",
    ("BasketIntended", "key"): "and the basket came to nothing, of which nobody is told",
    ("BasketIntended", "ttl_ms"): "and the basket was never held",
    ("ExchangeIntended", "key"): "and the exchange came to nothing, of which nobody is told",
}
"""What only the digest at the end knows, or only what came of it: why that may tell nothing."""

ROUGH = {
    ("Activated", "down_from_ms"): "a second matters only where a deadline fell due in it",
    ("EventCreated", "hold_ttl_ms"): "clients may ask for another life of their holds; only nonsense shows",
    ("EventEdited", "hold_ttl_ms"): "the same",
    ("BasketIntended", "life_ms"): "of a basket that was never held only nonsense shows",
    ("BasketIntended", "place_by_ms"): "only the legs that came tell when they were to come",
    ("ExchangeIntended", "place_by_ms"): "the same",
}
"""Where a change of a second may go unnoticed, one of a day must not."""


def _others(value: object) -> Iterator[object]:  # noqa: C901 - one arm for each type
    """Values of the same type. Of rules and wishes such as cannot be: another one may be as good."""
    match value:
        case bool():
            yield not value
        case IntEnum():
            yield from set(type(value)) - {value}
        case int():
            yield from {value + SECOND_MS, value + DAY_MS, value - DAY_MS, -1, LAST_NUMBER, LAST_NUMBER + 1} - {value}
        case str():
            yield value + "x"
        case bytes():
            yield from (bytes([value[0] ^ 1]) + value[1:] if value else bytes(16), value[:-1] or b"x", value + b"x")
        case tuple() if value:
            yield from (value[:-1], (*value, value[0]))
        case tuple():
            yield from ((0,), (-1,), (999_999,))
        case Layout():
            yield msgspec.structs.replace(value, categories=value.categories[::-1])
            yield msgspec.structs.replace(value, categories=value.categories[:-1])
            yield msgspec.structs.replace(value, sections=value.sections[::-1])
            yield msgspec.structs.replace(value, areas=())
        case Rules():
            yield msgspec.structs.replace(value, max_hold_life_ms=value.max_hold_life_ms + 1)
            yield msgspec.structs.replace(value, max_per_buyer=-1)
            yield msgspec.structs.replace(value, channels=(Channel(""),))
            yield msgspec.structs.replace(value, allotments=(Allotment("a", "", ("nowhere",)), *value.allotments))
            yield msgspec.structs.replace(value, window=Window(LAST_NUMBER))
            yield msgspec.structs.replace(value, window=Window(0, 1))
            yield msgspec.structs.replace(value, waiting_list=WaitingList(1))
        case Wish():
            yield Wish()
            yield msgspec.structs.replace(value, seats=("nowhere/1/1", *value.seats))
            yield msgspec.structs.replace(value, areas=(AreaPlaces("nowhere", 1), *value.areas))
            yield msgspec.structs.replace(value, best=(BestSeats(51), *value.best))
            yield msgspec.structs.replace(value, spans=(Span("nowhere", 0, 1), *value.spans))
            yield msgspec.structs.replace(value, channel="nobody")
        case None:
            yield 1


def _changed(journal: Journal, row: int, place: int, **changes: object) -> bool:
    """Change the entry; whether such a one can be journaled at all."""
    entry = journal.drafts[row].entries[place]
    try:
        journal.drafts[row].entries[place] = msgspec.convert(
            msgspec.to_builtins(msgspec.structs.replace(entry, **changes)), type(entry)
        )
    except (msgspec.ValidationError, OverflowError):
        return False
    return True


def _alone(journal: Callable[[], Journal]) -> Callable[[], tuple[Journal, ...]]:
    return lambda: (journal(),)


JOURNALS = {
    "plain": _alone(clean_journal),
    "whole": _alone(whole_journal),
    "baskets": basket_journals,
    "split": split_journals,
}
"""Journals that are audited together."""


class Place(NamedTuple):
    """Where an entry is."""

    name: str
    number: int
    row: int
    place: int
    entry: Entry

    def found(self, change: Callable[[Journal], bool]) -> bool | None:
        """Whether the audit finds something when the journal is changed so; None if it cannot be."""
        journals = JOURNALS[self.name]()
        changed = journals[self.number]
        if not change(changed):
            return None
        others = (journal for journal in journals if journal is not changed)
        return next(found_together((changed, *others)), None) is not None


PLACES = [
    Place(name, number, row, place, entry)
    for name, journals in JOURNALS.items()
    for number, journal in enumerate(journals())
    for row, draft in enumerate(journal.drafts)
    for place, entry in enumerate(draft.entries)
]  # fmt: skip

ELSEWHERE = {("Corrected", "struck"): "what strikes is read twice: see auditor/test_settled.py"}

BEARS = {(type(entry).__name__, field) for *_, entry in PLACES for field in entry.__struct_fields__}


def _found(at: Place, field: str, value: object) -> bool | None:
    return at.found(lambda journal: _changed(journal, at.row, at.place, **{field: value}))


@pytest.mark.parametrize(
    "field", sorted({field for _, field in BEARS - UNKNOWABLE.keys() - OF_SOME.keys() - ELSEWHERE.keys()})
)
def test_a_changed_field_is_found(field: str) -> None:
    tried = 0
    for at in PLACES:
        what = type(at.entry).__name__, field
        if field not in at.entry.__struct_fields__ or what in UNKNOWABLE or what in OF_SOME:
            continue
        before = getattr(at.entry, field)
        for value in _others(before):
            rough = what in ROUGH and before is not None and value == before + SECOND_MS
            if rough or value == before:
                continue
            found = _found(at, field, value)
            tried += found is not None
            assert found is None or found, f"{at}: nobody notices that {field} is {value!r}"
    assert tried


@pytest.mark.parametrize("what", OF_SOME)
def test_what_is_known_of_some_is_found_there(what: tuple[str, str]) -> None:
    kind, field = what
    found = [bool(_found(at, field, next(_others(getattr(at.entry, field))))) for at in PLACES if _is(at.entry, kind)]
    assert set(found) == {True, False}


@pytest.mark.parametrize("what", ["left out", "written twice"])
def test_an_entry_that_is_left_out_or_written_twice_is_found(what: str) -> None:
    for at in PLACES:
        instead = [] if what == "left out" else [at.entry, at.entry]

        def change(journal: Journal, at: Place = at, instead: list[Entry] = instead) -> bool:
            journal.drafts[at.row].entries[at.place : at.place + 1] = instead
            return True

        assert at.found(change), f"nobody notices that {at} is {what}"


@pytest.mark.parametrize("name", JOURNALS)
@pytest.mark.parametrize("what", ["left out", "written twice"])
def test_a_row_that_is_left_out_or_written_twice_is_found(name: str, what: str) -> None:
    for number, journal in enumerate(JOURNALS[name]()):
        for row, draft in enumerate(journal.drafts):
            journals = JOURNALS[name]()
            journals[number].drafts[row : row + 1] = [] if what == "left out" else [draft, draft]
            assert audit_together(journals), f"nobody notices that row {row + 1} of {number} is {what}"


def test_what_is_listed_goes_unnoticed_indeed() -> None:
    """The lists bear nothing that the audit does find, at each place where it occurs."""
    for kind, field in UNKNOWABLE:
        entries = (at for at in PLACES if _is(at.entry, kind))
        found = (_found(at, field, value) for at in entries for value in _others(getattr(at.entry, field)))
        assert any(one is False for one in found), f"{kind}.{field} is always found: take it from the list"


def _is(entry: Entry, kind: str) -> bool:
    return type(entry).__name__ == kind


def test_the_journals_are_clean_and_show_every_kind_of_entry() -> None:
    kinds = {type(at.entry).__name__ for at in PLACES if at.name != "plain"}
    assert kinds == {kind.__name__ for kind in get_args(Entry)}
    for journals in JOURNALS.values():
        assert [str(finding) for finding in audit_together(journals())] == []
