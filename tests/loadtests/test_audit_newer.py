"""The audit tells what a newer release wrote, and it cannot judge, from damage; either is an error to who asks once."""

import msgspec
import pytest

from actors.audit import rows as rows_module
from actors.audit.audit import BlockAudit
from actors.audit.findings import Fault, Finding, is_settled
from actors.audit.rows import Row
from actors.core.entries import Entry
from actors.core.ids import BlockId
from actors.core.rules import Rules
from actors.journal.journal import chain_of
from tests.golden.write_entries import EXAMPLES
from tests.loadtests.journals import BLOCK, START_MS, clean_journal, faults


def last_row_of(entries: bytes, entry_count: int = 1, *, is_chained: bool = True) -> list[Row]:
    """A sound journal whose last row has these entries."""
    *rows, last = clean_journal().rows()
    chain = chain_of(
        rows[-1].chain if is_chained else bytes(16), BlockId(last.block), last.position, last.epoch,
        last.recorded_at_ms, entries,
    )  # fmt: skip
    return [*rows, msgspec.structs.replace(last, entries=entries, entry_count=entry_count, chain=chain)]


def found_in_last_row(rows: list[Row]) -> set[Fault]:
    """What is wrong with it as a row."""
    block_audit = BlockAudit(BLOCK)
    found = [finding for row in rows for finding in block_audit.take(row)]
    assert {finding.position for finding in found} <= {len(rows)}
    return faults(found)


OPENED = [3, START_MS, b"k" * 16, b"k" * 16]
LAYOUT_GROWN = [13, START_MS, None, None, [*msgspec.to_builtins(Rules()), "more"], None, b"k" * 16, b"k" * 16]
OF_NEWER_RELEASES: dict[str, bytes] = {
    "a kind": b"\x01" + msgspec.msgpack.encode([[250, START_MS, {"any": ["thing"]}]]),
    "a kind between known ones": b"\x01" + msgspec.msgpack.encode([OPENED, [250, START_MS], OPENED]),
    "a field": b"\x01" + msgspec.msgpack.encode([[*OPENED, 1]]),
    "a field within a field": b"\x01" + msgspec.msgpack.encode([LAYOUT_GROWN]),
    "a status": b"\x01" + msgspec.msgpack.encode([[12, START_MS, 250, b"k" * 16, b"k" * 16]]),
    "a version": b"\x02\xff",
}
DAMAGED: dict[str, bytes] = {
    "nothing": b"",
    "an older version": b"\x00\x90",
    "no MessagePack": b"\x01\x91\xc1",
    "cut off": OF_NEWER_RELEASES["a kind"][:-1],
    "more behind it": OF_NEWER_RELEASES["a kind"] + b"\x00",
    "no MessagePack within a kind": b"\x01\x91\x93\xcc\xfa\x01\xc1",
    "no text within a kind": b"\x01\x91\x93\xcc\xfa\x01\xa1\xff",
    "no entries": b"\x01" + msgspec.msgpack.encode(250),
    "no entry": b"\x01" + msgspec.msgpack.encode([250]),
    "no kind": b"\x01" + msgspec.msgpack.encode([["250", START_MS]]),
    "a kind below all": b"\x01" + msgspec.msgpack.encode([[-1, START_MS]]),
    "no time": b"\x01" + msgspec.msgpack.encode([[250]]),
    "no number for a time": b"\x01" + msgspec.msgpack.encode([[250, "now"]]),
    "a field too few": b"\x01" + msgspec.msgpack.encode([OPENED[:-1]]),
    "a field of another type": b"\x01" + msgspec.msgpack.encode([[3, START_MS, 1, 2]]),
    "a kind, and damage behind it": b"\x01" + msgspec.msgpack.encode([[250, START_MS], OPENED[:-1]]),
}


def encoded_count(entries: bytes) -> int:
    """How many they are, if they are any."""
    try:
        return len(msgspec.msgpack.decode(entries[1:], type=list[msgspec.Raw]))
    except msgspec.DecodeError:
        return 1


def check_told_apart() -> None:
    """What a newer release wrote is not taken for damage, nor damage for that."""
    for name, entries in OF_NEWER_RELEASES.items():
        count_there = encoded_count(entries)
        assert found_in_last_row(last_row_of(entries, count_there)) == {Fault.ENTRIES_UNKNOWN}, name
        broken = {Fault.CHAIN_BROKEN, Fault.ENTRIES_UNREADABLE}
        assert found_in_last_row(last_row_of(entries, count_there, is_chained=False)) == broken, name
    for name, entries in DAMAGED.items():
        rows = last_row_of(entries, encoded_count(entries))
        assert found_in_last_row(rows) == {Fault.ENTRIES_UNREADABLE}, name
    of_two = last_row_of(OF_NEWER_RELEASES["a kind"], 2)
    assert found_in_last_row(of_two) == {Fault.ENTRIES_UNREADABLE}, "it says that it has two entries"


def test_what_a_newer_release_wrote_is_told_from_damage() -> None:
    check_told_apart()


@pytest.mark.parametrize("entry", EXAMPLES, ids=lambda entry: type(entry).__name__)
def test_any_kind_may_have_grown(entry: Entry) -> None:
    grown = [*msgspec.msgpack.decode(msgspec.msgpack.encode(entry)), *[0] * 20]
    entries = b"\x01" + msgspec.msgpack.encode([grown])
    assert found_in_last_row(last_row_of(entries)) == {Fault.ENTRIES_UNKNOWN}


@pytest.mark.parametrize(
    ("what", "instead"),
    [
        ("_is_of_newer_release", lambda _: False),
        ("_is_of_newer_release", lambda _: True),
        ("_is_sound_as_far_as_known", lambda _: True),
        ("_BEYOND", ("Invalid value ",)),
        ("_BEYOND", ("",)),
        ("_chain_of", lambda _, row: row.chain),
    ],
)
def test_control_an_audit_that_takes_one_for_the_other_is_noticed(
    monkeypatch: pytest.MonkeyPatch, what: str, instead: object
) -> None:
    monkeypatch.setattr(rows_module, what, instead)
    with pytest.raises(AssertionError):
        check_told_apart()


def test_no_correction_settles_that_a_row_is_not_known() -> None:
    unknown, wrong = (Finding(BLOCK, 3, fault, "") for fault in (Fault.ENTRIES_UNKNOWN, Fault.PRICE_WRONG))
    assert (is_settled(unknown, 5), is_settled(wrong, 5)) == (False, True)
