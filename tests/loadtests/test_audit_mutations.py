"""Whatever is changed about an entry of a clean journal, the audit finds it; what it cannot know is listed with why.

The rows are sealed anew after each change, so that chains say nothing: a shard that writes nonsense seals it as well.
"""

from collections.abc import Iterator

import msgspec
import pytest

from actors.core.layout import Layout
from tests.loadtests.journals import Journal, audit, clean_journal

SECOND_MS = 1_000
DAY_MS = 24 * 60 * 60_000
LAST_NUMBER = (1 << 63) - 1

UNKNOWABLE = {
    ("Activated", "shard"): "nothing else names the shard",
    ("Activated", "nonce"): "any nonce is as good, if it is new",
    ("EventCreated", "key"): "who created the event is not asked for; nor who opened the sale",
    ("SaleOpened", "key"): "the same",
    ("HoldPlaced", "buyer"): "clients are not told it; while the hold lives, the digest knows",
    **dict.fromkeys(
        (
            (kind, "fingerprint")
            for kind in ("EventCreated", "SaleOpened", "HoldPlaced", "HoldExtended", "HoldReleased", "OrderPlaced",
                         "OrderConfirmed", "OrderCancelled")
        ),
        "only whoever repeats a request can tell: buyers do",
    ),
}  # fmt: skip
"""Kind and field of an entry: why a change there may go unnoticed."""

ROUGH = {
    ("Activated", "down_from_ms"): "a second matters only where a deadline fell due in it",
    ("EventCreated", "hold_ttl_ms"): "clients may ask for another life of their holds; only nonsense shows",
}
"""Where a change of a second may go unnoticed, one of a day must not."""


def _others(value: object) -> Iterator[object]:
    """Values of the same type."""
    match value:
        case int():
            yield from {value + SECOND_MS, value + DAY_MS, value - DAY_MS, -1, LAST_NUMBER, LAST_NUMBER + 1} - {value}
        case str():
            yield value + "x"
        case bytes():
            yield from (bytes([value[0] ^ 1]) + value[1:], value[:-1], b"")
        case tuple() if value:
            yield from (value[:-1], (*value, value[0]))
        case tuple():
            yield from ((0,), (-1,), (999_999,))
        case Layout():
            yield msgspec.structs.replace(value, categories=value.categories[::-1])
            yield msgspec.structs.replace(value, categories=value.categories[:-1])
            yield msgspec.structs.replace(value, sections=value.sections[::-1])
            yield msgspec.structs.replace(value, areas=())


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


PLACES = [
    (row, place, entry)
    for row, draft in enumerate(clean_journal().drafts)
    for place, entry in enumerate(draft.entries)
]  # fmt: skip


FIELDS = sorted(
    {field for *_, entry in PLACES for field in entry.__struct_fields__} - {field for _, field in UNKNOWABLE}
)


@pytest.mark.parametrize("field", [*FIELDS, "key"])
def test_a_changed_field_is_found(field: str) -> None:
    tried = 0
    for row, place, entry in PLACES:
        if field not in entry.__struct_fields__ or (type(entry).__name__, field) in UNKNOWABLE:
            continue
        before = getattr(entry, field)
        for value in _others(before):
            if (type(entry).__name__, field) in ROUGH and value == before + SECOND_MS:
                continue
            journal = clean_journal()
            if _changed(journal, row, place, **{field: value}):
                tried += 1
                assert audit(journal), f"row {row + 1}, {entry}: nobody notices that {field} is {value!r}"
    assert tried


@pytest.mark.parametrize("what", ["left out", "written twice"])
def test_an_entry_that_is_left_out_or_written_twice_is_found(what: str) -> None:
    for row, place, entry in PLACES:
        journal = clean_journal()
        entries = journal.drafts[row].entries
        entries[place : place + 1] = [] if what == "left out" else [entry, entry]
        assert audit(journal), f"nobody notices that {entry} is {what}"


@pytest.mark.parametrize("what", ["left out", "written twice"])
def test_a_row_that_is_left_out_or_written_twice_is_found(what: str) -> None:
    for row, draft in enumerate(clean_journal().drafts):
        journal = clean_journal()
        journal.drafts[row : row + 1] = [] if what == "left out" else [draft, draft]
        assert audit(journal), f"nobody notices that row {row + 1} is {what}"


def test_what_is_listed_goes_unnoticed_indeed() -> None:
    """The lists bear nothing that the audit does find, at each place where it occurs."""
    for kind, field in UNKNOWABLE:
        unnoticed = 0
        for row, place, entry in PLACES:
            if type(entry).__name__ == kind:
                journal = clean_journal()
                value = next(_others(getattr(entry, field)))
                assert _changed(journal, row, place, **{field: value})
                unnoticed += not audit(journal)
        assert unnoticed, f"{kind}.{field} is always found: take it from the list"
