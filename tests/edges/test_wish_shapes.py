"""What is wished for, read: the same over both protocols, or everything that is wrong with it."""

from collections.abc import Mapping
from typing import Any

import msgspec
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from actors.core.keys import fingerprint
from actors.core.outcomes import Rejected
from actors.core.rules import Channel, Rules, Window
from actors.core.wishes import AreaPlaces, BestSeats, Span, Wish, canonical, faults_of_wish
from actors.layout_files.rules_file import parse_rules, rules_to_raw
from holdfast.v1 import holds_pb2, units_pb2
from serve import members, wish_shapes
from serve.documents import read_document
from serve.grpc_api.requests import wished
from serve.http_api.rules_description import RulesDocument
from serve.validation import read_fields, read_json
from serve.wish_shapes import NewHold, NewWaiter, TicketExchange
from tests.edges.club import RULES
from tests.edges.test_validation import LONG, fields_of

SLOT = {"resource": "Court", "starts_at": "2030-05-01T18:00:00Z", "ends_at": "2030-05-01T21:00:00+02:00"}
WHOLE: dict[str, Any] = {
    "units": ["101/A/1", "T/1"],
    "areas": [{"area": "Floor", "quantity": 2, "price_type": "child"}],
    "price_types": {"T/1": "child", "101/A/1": "adult"},
    "best": [
        {
            "quantity": 3,
            "sections": ["101"],
            "categories": ["Seat"],
            "accessible": 1,
            "split": True,
            "price_types": {"child": 1, "adult": 2},
        }
    ],
    "slots": [SLOT | {"price_type": "member"}],
    "accessible": True,
    "channel": "presale",
}


def as_message() -> holds_pb2.PlaceHoldRequest:
    """The same as gRPC bears it."""
    starts_at, ends_at = Timestamp(), Timestamp()
    starts_at.FromJsonString("2030-05-01T18:00:00Z")
    ends_at.FromJsonString("2030-05-01T19:00:00Z")
    span = units_pb2.SlotSpan(resource="Court", starts_at=starts_at, ends_at=ends_at, price_type="member")
    return holds_pb2.PlaceHoldRequest(**{**WHOLE, "slots": [span]})


def test_a_wish_of_everything_is_the_same_over_both_protocols() -> None:
    over_http, over_grpc = read_json(msgspec.json.encode(WHOLE), NewHold), read_fields(wished(as_message()), NewHold)
    assert isinstance(over_http, NewHold)
    assert isinstance(over_grpc, NewHold)
    wish = over_http.wish()
    assert wish == over_grpc.wish()
    assert wish == Wish(
        ("101/A/1", "T/1"),
        (AreaPlaces("Floor", 2, "child"),),
        (BestSeats(3, ("101",), ("Seat",), 1, True, (("adult", 2), ("child", 1))),),
        (Span("Court", 1_903_888_800_000, 1_903_892_400_000, "member"),),
        (("101/A/1", "adult"), ("T/1", "child")),
        True,
        "presale",
    )
    assert list(faults_of_wish(wish)) == []


def check_turned() -> None:
    """Members of a mapping have no order, nor have names that are wished for together."""
    prints = set()
    for names in (["a", "b"], ["b", "a"]):
        types = {name: f"type {name}" for name in names}
        best = {"quantity": 3, "sections": names, "categories": names, "price_types": dict.fromkeys(names, 1)}
        slots = [SLOT | {"resource": name} for name in names]
        wish = {"units": names, "price_types": types, "best": [best], "slots": slots}
        read = read_json(msgspec.json.encode(wish), NewHold)
        assert isinstance(read, NewHold)
        prints.add(fingerprint("alpha", "b", canonical(read.wish())))
    assert len(prints) == 1


def test_the_order_of_mappings_is_no_part_of_a_fingerprint(monkeypatch: pytest.MonkeyPatch) -> None:
    """And its negative control: unsorted, the same request has two."""
    check_turned()
    monkeypatch.setattr(wish_shapes, "sorted", list, raising=False)
    with pytest.raises(AssertionError):
        check_turned()


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({}, ["units"]),
        ({"best": [{"quantity": 51}]}, ["best[0].quantity"]),
        ({"best": [{}]}, ["best[0].quantity"]),
        ({"units": ["a"], "best": [{"quantity": 50}]}, ["units"]),
        ({"best": [{"quantity": 1, "price_types": {"child": 0}}]}, ["best[0].price_types"]),
        ({"best": [{"quantity": 1, "price_types": {"child": 2}}]}, ["best[0].price_types"]),
        ({"best": [{"quantity": 1, "accessible": -1}]}, ["best[0].accessible"]),
        ({"best": [{"quantity": 1, "split": 1, "row": "A"}]}, ["best[0].row", "best[0].split"]),
        ({"best": [{"quantity": 1}] * 21}, ["best"]),
        ({"units": ["a"], "price_types": {"b": "child", "a": "child", "c": "child"}}, ["price_types", "price_types"]),
        ({"units": ["a"], "price_types": {"": "child"}}, ["price_types"]),
        ({"units": ["a"], "price_types": ["child"]}, ["price_types"]),
        ({"areas": [{"area": "F", "quantity": 1}] * 2}, ["areas[1].area"]),
        ({"slots": [{}]}, ["slots[0].resource", "slots[0].starts_at", "slots[0].ends_at"]),
        ({"slots": [SLOT | {"starts_at": "2030-05-01T18:00:00"}]}, ["slots[0].starts_at"]),
        ({"slots": [SLOT | {"starts_at": "tomorrow"}]}, ["slots[0].starts_at"]),
        ({"slots": [SLOT | {"ends_at": 1_903_888_800}]}, ["slots[0].ends_at"]),
        ({"slots": [SLOT | {"ends_at": SLOT["starts_at"]}]}, ["slots[0].ends_at"]),
        ({"slots": [SLOT | {"starts_at": "2030-05-01T18:00:00.0001Z"}]}, ["slots[0].starts_at"]),
        ({"slots": [SLOT] * 3}, ["slots[1]", "slots[2]"]),
        ({"slots": [SLOT | {"starts_at": "2030-05-01T18:30:00Z"}, SLOT]}, ["slots[0]"]),
        ({"units": ["a"], "accessible": "yes", "channel": "c" * 201}, ["accessible", "channel"]),
    ],
)
def test_every_fault_of_a_wish_is_named(body: Mapping[str, Any], named: list[str]) -> None:
    assert fields_of(read_json(msgspec.json.encode(body), NewHold)) == named
    assert fields_of(read_json(msgspec.json.encode(body), NewWaiter)) == named
    exchange = fields_of(read_json(msgspec.json.encode({**body, "tickets": ["t"]}), TicketExchange))
    assert exchange[: len(named)] == named


def test_one_choice_can_be_waited_for() -> None:
    body = msgspec.json.encode({"best": [{"quantity": 1}, {"quantity": 2}]})
    assert isinstance(read_json(body, NewHold), NewHold)
    assert fields_of(read_json(body, NewWaiter)) == ["best"]


def test_a_time_that_no_calendar_has_is_no_time() -> None:
    for seconds in (1 << 60, -(1 << 60)):
        span = units_pb2.SlotSpan(resource="Court", starts_at=Timestamp(seconds=seconds), ends_at=Timestamp())
        fields = wished(holds_pb2.PlaceHoldRequest(slots=[span]))
        assert fields_of(read_fields(fields, NewHold)) == ["slots[0].starts_at"]


TWICE = [
    (b'{"units": ["a"], "price_types": {"a": "child", "a": "adult"}}', ["price_types.a"]),
    (b'{"best": [{"quantity": 1, "price_types": {"child": 1, "child": 1}}]}', ["best[0].price_types.child"]),
    (b'{"slots": [{"resource": "a", "resource": "b"}]}', ["slots[0].resource"]),
]


@pytest.mark.parametrize("spaces", [b"", LONG])
@pytest.mark.parametrize(("body", "named"), TWICE)
def test_a_member_of_a_mapping_must_not_come_twice(body: bytes, named: list[str], spaces: bytes) -> None:
    assert fields_of(read_json(body + spaces, NewHold))[:1] == named


def test_control_mappings_that_are_not_looked_into(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(members, "_fields_with_members", lambda struct: {})
    with pytest.raises(AssertionError):
        test_a_member_of_a_mapping_must_not_come_twice(*TWICE[0], b"")


def test_a_wish_of_all_that_may_be_wished_for_has_no_member_twice() -> None:
    units = [f"{place}/{'u' * 190}" for place in range(20)]
    body = {
        "units": units,
        "areas": [{"area": f"{place}/{'a' * 190}", "quantity": 1, "price_type": "child"} for place in range(30)],
        "price_types": dict.fromkeys(units, "child"),
        "slots": [SLOT | {"resource": f"Court {number}", "price_type": "child"} for number in range(20)],
    }
    assert isinstance(read_json(msgspec.json.encode(body), NewHold), NewHold)


@pytest.mark.parametrize(
    "rules",
    [
        Rules(),
        RULES,
        Rules(Window(closes_at_ms=1_903_888_800_500), 60_000, channels=(Channel("always", Window()),)),
    ],
)
def test_rules_come_back_as_they_went(rules: Rules) -> None:
    """A channel that always sells is not one that sells when the event does."""
    assert read_document(msgspec.Raw(msgspec.json.encode(rules_to_raw(rules))), "rules", parse_rules) == rules


@pytest.mark.parametrize(
    ("document", "named"),
    [
        (b"[]", ["rules"]),
        (b"null", ["rules"]),
        (b"{", ["rules"]),
        (b'{"max_per_buyer": 1, "max_per_buyer": 2}', ["rules"]),
        (b'{"waiting_list": {"claim_seconds": 1, "claim_seconds": 2}}', ["rules"]),
        (b'{"max_per_buyer": 1, "\xff": 2}', ["rules"]),
        (b'{"window": {"opens_at": "2030-01-01", "until": 1}}', ["rules.window.until", "rules.window.opens_at"]),
        (b'{"window": null}', ["rules.window"]),
        (b'{"channels": [{"name": "a", "window": {"opens_at": 3}}, {}]}', [
            "rules.channels[0].window.opens_at", "rules.channels[1].name"
        ]),
        (b'{"channels": [{"name": "a"}, {"name": "a"}, {"name": ""}]}', [
            "rules.channels[1].name", "rules.channels[2].name"
        ]),
        (b'{"allotments": [{"name": "a"}]}', ["rules.allotments[0].units"]),
        (b'{"allotments": [{"name": "a", "places": [{"area": "F", "quantity": 0}]}]}', [
            "rules.allotments[0].places[0].quantity"
        ]),
        (b'{"accessible_until": "1969-12-31T23:59:59Z"}', ["rules.accessible_until"]),
        (b'{"waiting_list": {"claim_seconds": 86401}, "max_hold_life_seconds": 0}', [
            "rules.max_hold_life_seconds", "rules.waiting_list.claim_seconds"
        ]),
    ],
)  # fmt: skip
def test_every_fault_of_rules_is_named(document: bytes, named: list[str]) -> None:
    read = read_document(msgspec.Raw(document), "rules", parse_rules)
    assert isinstance(read, Rejected)
    assert [fault.partition(": ")[0] for fault in read.details.fields] == named
    assert "_ms" not in " ".join(read.details.fields)


def test_rules_are_described_as_they_are_read() -> None:
    """Whatever the description has can be given, and whatever is written fits it."""
    for rules in (Rules(), RULES, Rules(Window(1, 1_903_888_800_500), accessible_until_ms=7)):
        msgspec.convert(rules_to_raw(rules), RulesDocument)
    everything = {
        "zone": "Europe/Berlin",
        "window": {"opens_at": "2030-05-01T18:00:00Z", "closes_at": "2030-06-01T18:00:00Z"},
        "max_hold_life_seconds": 1.5,
        "max_per_buyer": 1,
        "channels": [{"name": "a", "window": {"opens_at": "2030-05-01T18:00:00Z"}}],
        "allotments": [
            {
                "name": "a",
                "channel": "a",
                "units": ["A"],
                "places": [{"area": "B", "quantity": 1}],
                "returns_at": "2030-05-01T18:00:00Z",
            }
        ],
        "accessible_until": "2030-05-01T18:00",
        "waiting_list": {"claim_seconds": 1},
    }
    msgspec.convert(everything, RulesDocument)
    assert everything.keys() == {field.encode_name for field in msgspec.structs.fields(RulesDocument)}
    assert isinstance(read_document(msgspec.Raw(msgspec.json.encode(everything)), "rules", parse_rules), Rules)


def test_no_rules_are_the_usual_ones() -> None:
    assert read_document(msgspec.Raw(b"{}"), "rules", parse_rules) == Rules()
