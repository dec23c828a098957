"""Entries stay readable for ever, and what is not known is never skipped."""

import typing
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from actors.core.entries import Entry, HoldExpired, OrderExpired
from actors.journal import codec
from actors.journal.codec import UndecodableEntries, decode_entries, encode_entries
from tests.golden.write_entries import EXAMPLES, FOLDER, GROWN, meaning

KINDS = [kind.__name__ for kind in typing.get_args(Entry)]


def check_golden(file: Path) -> None:
    """The bytes must mean today what is written beside them."""
    expected = msgspec.json.decode(file.with_name(f"{file.stem}.json").read_bytes())
    (entry,) = decode_entries(file.read_bytes())
    assert type(entry).__name__ == file.stem.partition(".")[0]
    assert without_new_fields(meaning(entry), expected) == expected


def without_new_fields(found: Any, expected: Any) -> Any:
    """`found` without the fields that were added after `expected` was written."""
    if isinstance(found, dict) and isinstance(expected, dict):
        return {name: without_new_fields(found[name], expected[name]) for name in expected if name in found}
    if isinstance(found, list) and isinstance(expected, list) and len(found) == len(expected):
        return [without_new_fields(*pair) for pair in zip(found, expected, strict=True)]
    return found


@pytest.mark.parametrize("kind", [*KINDS, *GROWN])
def test_old_bytes_of_every_kind_keep_their_meaning(kind: str) -> None:
    check_golden(FOLDER / f"{kind}.bin")


def fields_shown(part: Any, shown: Any) -> Iterator[tuple[type[msgspec.Struct], str]]:
    """The fields of structs in an entry that its file shows, with another value than they have by default."""
    if isinstance(part, msgspec.Struct) and isinstance(shown, dict):
        for field in msgspec.structs.fields(part):
            value = getattr(part, field.name)
            if field.name in shown:
                if value != field.default:
                    yield type(part), field.name
                yield from fields_shown(value, shown[field.name])
    elif isinstance(part, tuple) and isinstance(shown, list):
        for pair in zip(part, shown, strict=True):
            yield from fields_shown(*pair)


def structs_in(part: Any) -> Iterator[type[msgspec.Struct]]:
    """The types of all structs in an entry."""
    if isinstance(part, msgspec.Struct):
        yield type(part)
        part = tuple(getattr(part, field) for field in part.__struct_fields__)
    for each in part if isinstance(part, tuple) else ():
        yield from structs_in(each)


def check_fields(names: Iterable[str]) -> None:
    """Whatever an entry can bear is borne by one in these files."""
    shown: set[tuple[type[msgspec.Struct], str]] = set()
    for name in names:
        written = FOLDER / f"{name}.bin"
        (entry,) = decode_entries(written.read_bytes())
        shown.update(fields_shown(entry, msgspec.json.decode(written.with_suffix(".json").read_bytes())))
    kinds = {kind for entry in (*EXAMPLES, *GROWN.values()) for kind in structs_in(entry)}
    assert {(kind, field) for kind in kinds for field in kind.__struct_fields__} == shown


def test_every_field_that_an_entry_can_bear_is_in_a_golden_file() -> None:
    check_fields([*KINDS, *GROWN])


@pytest.mark.parametrize("missing", ["EventCreated.3", "BasketIntended.2", "BasketSettled.2", "HoldPlaced.2"])
def test_control_a_field_that_no_golden_file_shows_is_noticed(missing: str) -> None:
    with pytest.raises(AssertionError):
        check_fields({*KINDS, *GROWN} - {missing})


def test_control_fields_that_changed_places_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    class Swapped(msgspec.Struct, frozen=True, array_like=True, tag=7):
        hold: int
        at_ms: int

    Swapped.__name__ = "HoldExpired"
    monkeypatch.setattr(codec, "_decoder", msgspec.msgpack.Decoder(tuple[Swapped, ...]))
    with pytest.raises(AssertionError):
        check_golden(FOLDER / "HoldExpired.bin")


def test_control_a_changed_tag_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    class Retagged(msgspec.Struct, frozen=True, array_like=True, tag=12):
        at_ms: int
        hold: int

    monkeypatch.setattr(codec, "_decoder", msgspec.msgpack.Decoder(tuple[Retagged, ...]))
    with pytest.raises(UndecodableEntries):
        check_golden(FOLDER / "HoldExpired.bin")


def test_every_golden_file_belongs_to_a_kind() -> None:
    assert sorted(file.stem for file in FOLDER.glob("*.bin")) == sorted((*KINDS, *GROWN))
    assert sorted(file.stem for file in FOLDER.glob("*.json")) == sorted((*KINDS, *GROWN))


def test_what_is_written_today_is_read_today() -> None:
    assert decode_entries(encode_entries((*EXAMPLES, *GROWN.values()))) == (*EXAMPLES, *GROWN.values())
    assert decode_entries(encode_entries(())) == ()


@pytest.mark.parametrize(
    ("encoded", "why"),
    [
        (b"", "nothing at all"),
        (b"\x02" + encode_entries(EXAMPLES)[1:], "a newer version"),
        (b"\x01" + msgspec.msgpack.encode([[7, 1, 2], [99, 1, 2]]), "an unknown kind behind a known one"),
        (b"\x01" + msgspec.msgpack.encode([[7, 1]]), "a field that is missing"),
        (b"\x01" + msgspec.msgpack.encode([[7, 1, 2, 3]]), "a field more than is known"),
        (b"\x01" + msgspec.msgpack.encode([[7, 1, "two"]]), "a field of another type"),
        (encode_entries(EXAMPLES)[:-1], "a torn end"),
        (encode_entries(EXAMPLES) + b"\x00", "something behind the end"),
        (b"\x01" + msgspec.msgpack.encode({"7": 1}), "no array"),
        (encode_entries(EXAMPLES).replace(b"buyer", b"bu\xffer", 1), "text that is no UTF-8"),
    ],
    ids=lambda case: case if isinstance(case, str) else "",
)
def test_what_cannot_be_read_whole_is_refused_whole(encoded: bytes, why: str) -> None:
    with pytest.raises(UndecodableEntries):
        decode_entries(encoded)


def test_entries_keep_their_order() -> None:
    entries = (OrderExpired(2, 5), HoldExpired(1, 4), OrderExpired(1, 5))
    assert decode_entries(encode_entries(entries)) == entries
