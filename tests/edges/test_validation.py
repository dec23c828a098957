"""Reading a request: what it is, or everything that is wrong with it."""

from typing import Any

import msgspec
import pytest

from actors.core.outcomes import Reason, Rejected
from serve import members, validation
from serve.read_shapes import Page
from serve.validation import (
    MAX_FAULTS,
    HoldExtension,
    NewEvent,
    NewOrder,
    Nothing,
    Shape,
    bounded_timeout_ms,
    key_faults,
    read_fields,
    read_json,
    timeout_faults,
)
from serve.wish_shapes import AreaQuantity, NewHold


def fields_of(read: Shape | Rejected) -> list[str]:
    """The fields at fault, in order."""
    assert isinstance(read, Rejected)
    assert read.reason is Reason.INVALID_ARGUMENT
    return [fault.partition(": ")[0] for fault in read.details.fields]


def test_json_and_fields_give_the_same_value() -> None:
    fields: dict[str, Any] = {"units": ["101/A/1"], "areas": [{"area": "Floor", "quantity": 2}], "buyer_id": "b-1"}
    expected = NewHold(("101/A/1",), (AreaQuantity("Floor", 2),), buyer_id="b-1")
    assert read_json(msgspec.json.encode(fields), NewHold) == expected
    assert read_fields(fields, NewHold) == expected


def test_no_body_is_an_empty_body() -> None:
    assert read_json(b"", Nothing) == Nothing()
    assert read_json(b"{}", Nothing) == Nothing()
    assert fields_of(read_json(b"", HoldExtension)) == ["ttl_seconds"]


def test_every_fault_of_a_request_is_named() -> None:
    body = {
        "units": ["101/A/1", "", 7],
        "areas": [{"area": "Floor", "quantity": 0}, {"quantity": 51, "price": 1}, 3],
        "ttl_seconds": -1,
        "buyer_id": "b" * 129,
        "seat": "101/A/1",
    }
    expected = [
        "seat",
        "units[1]",
        "units[2]",
        "areas[0].quantity",
        "areas[1].price",
        "areas[1].area",
        "areas[1].quantity",
        "areas[2]",
        "ttl_seconds",
        "buyer_id",
    ]
    assert fields_of(read_json(msgspec.json.encode(body), NewHold)) == expected
    assert fields_of(read_fields(body, NewHold)) == expected


def test_a_request_of_nothing_but_faults_is_not_listed_for_ever() -> None:
    faults = fields_of(read_fields({"units": [0] * 100_000}, NewHold))
    assert len(faults) == MAX_FAULTS + 1
    assert faults[-1] == "body"


def test_a_layout_is_left_for_later_and_kept_to_the_byte() -> None:
    read = read_json(b'{"name": "n", "layout": {"a" : [1,  2]}}', NewEvent)
    assert isinstance(read, NewEvent)
    assert bytes(read.layout) == b'{"a" : [1,  2]}'
    for unfit in (b"a\\u0000b", b" ", b"\xc2\xa0"):
        assert fields_of(read_json(b'{"name": "%s", "layout": 1}' % unfit, NewEvent)) == ["name"]


LONG = b" " * members.SHORT_BYTES
TWICE = [
    (b'{"units": ["a"], "units": ["b"]}', NewHold, ["units"]),
    (b'{"units": ["a"], "\\u0075nits": ["a"]}', NewHold, ["units"]),
    (b'{"units": ["a"], "units": ["b"], "units": ["c"]}', NewHold, ["units", "units"]),
    (b'{"units": 7, "units": ["b"]}', NewHold, ["units"]),
    (b'{"units": ["a"], "ttl_seconds": 1, "ttl_seconds": 1}' + LONG, NewHold, ["ttl_seconds"]),
    (
        b'{"areas": [{"area": "a", "quantity": 1}, {"area": "b", "quantity": 1, "quantity": 2}]}',
        NewHold,
        ["areas[1].quantity"],
    ),
    (b'{"name": "n", "name": "m", "layout": {"a": 1, "a": 2}}', NewEvent, ["name"]),
    (b'{"name": "n", "layout": {}, "layout": {}}', NewEvent, ["layout"]),
    (b'{"hold_id": "h", "hold_id": "h"}', NewOrder, ["hold_id"]),
    (b"{" + b'"ttl_seconds": 1, ' * 100_000 + b'"ttl_seconds": 1}', HoldExtension, ["body"]),
    (b'{"areas": [{' + b'"area": "a", ' * 9_999 + b'"quantity": 1}]}', NewHold, ["areas"]),
]


def check_twice(body: bytes, shape: type[Shape], named: list[str]) -> None:
    """The members that are given again are refused by their paths."""
    assert fields_of(read_json(body, shape)) == named


@pytest.mark.parametrize(("body", "shape", "named"), TWICE)
def test_a_member_must_not_come_twice(body: bytes, shape: type[Shape], named: list[str]) -> None:
    check_twice(body, shape, named)


@pytest.mark.parametrize(("body", "shape", "named"), TWICE)
def test_the_check_notices_a_decoder_that_keeps_the_last(
    body: bytes, shape: type[Shape], named: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control."""
    monkeypatch.setattr(validation, "given_twice", lambda text, type_: ())
    with pytest.raises(AssertionError):
        check_twice(body, shape, named)


@pytest.mark.parametrize("spaces", [b"", LONG])
def test_a_hold_of_all_that_may_be_held_has_no_member_twice(spaces: bytes) -> None:
    areas = [{"area": f"{place}/{'a' * 190}", "quantity": 1} for place in range(50)]
    body = {"units": [], "areas": areas, "ttl_seconds": 1, "buyer_id": "b"}
    assert isinstance(read_json(msgspec.json.encode(body) + spaces, NewHold), NewHold)


@pytest.mark.parametrize("buyer", ["", "7", "a-b_c.d:e|f", "x" * 128])
def test_a_buyer_is_an_opaque_id(buyer: str) -> None:
    assert isinstance(read_fields({"units": ["a"], "buyer_id": buyer}, NewHold), NewHold)


@pytest.mark.parametrize("buyer", ["me@example.org", "Ana Lima", "ñ", "a\n", "\0"])
def test_what_could_be_a_person_is_no_buyer_id(buyer: str) -> None:
    assert fields_of(read_fields({"units": ["a"], "buyer_id": buyer}, NewHold)) == ["buyer_id"]


def test_a_query_gives_numbers_as_text() -> None:
    assert read_fields({"limit": "7"}, Page, strict=False) == Page(limit=7)
    assert fields_of(read_fields({"limit": "seven"}, Page, strict=False)) == ["limit"]
    assert fields_of(read_fields({"limit": "7"}, Page)) == ["limit"]


@pytest.mark.parametrize(
    ("key", "good"), [("k", True), ("k" * 255, True), ("k" * 256, False), ("", False), ("ñ", False)]
)
def test_keys_are_judged(key: str, good: bool) -> None:
    assert (key_faults(key) == ()) is good


def test_waiting_times_are_moved_into_their_bounds() -> None:
    assert [bounded_timeout_ms(asked) for asked in (0, 1, 5_000, 99_999)] == [10_000, 100, 5_000, 30_000]
    assert timeout_faults(-1)
    assert not timeout_faults(0)


def test_the_walk_over_a_bad_request_is_what_names_its_faults(monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control: without it only what the decoder met first is told."""
    monkeypatch.setattr(validation, "_faults_at", lambda raw, type_, path, strict: iter(()))
    body = msgspec.json.encode({"units": ["", ""], "ttl_seconds": -1})
    assert fields_of(read_json(body, NewHold)) == ["body"]
