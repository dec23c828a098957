"""Counting colons finds the texts that give a member twice as reading member by member does."""

import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serve import members
from serve.members import given_twice
from serve.wish_shapes import NewHold

drops_nothing = members._drops_nothing

NAMES = st.sampled_from(
    ["units", "areas", "area", "quantity", "price_types", "best", "slots", "ttl_seconds", "a:b", "\\u0075nits", ""]
)
SCALARS = st.sampled_from(
    ["1", "-2.5", "1e400", "null", "true", '"a:b"', '"a"', '"\\u003a"', "[]", "{}", "nonsense", ""]
)


def members_as_text(pairs: list[tuple[str, str]]) -> str:
    """An object with these members, as they come."""
    return "{" + ", ".join(f'"{name}": {value}' for name, value in pairs) + "}"


VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda values: "[" + ",".join(values) + "]"),
        st.lists(st.tuples(NAMES, inner), max_size=4).map(members_as_text),
    ),
    max_leaves=8,
)
TEXTS = st.lists(st.tuples(NAMES, VALUES), max_size=4).map(members_as_text)


@given(TEXTS)
def check(text: str) -> None:
    """The short way and the long way find the same."""
    body = text.encode()
    assert list(given_twice(body, NewHold)) == list(members._given_twice(body, NewHold, ""))


def test_the_short_way_finds_what_the_long_way_finds() -> None:
    check()


def test_a_usual_hold_goes_the_short_way() -> None:
    assert members._drops_nothing(json.dumps({"units": ["101/A/1", "101/A/2"], "ttl_seconds": 60}).encode())


@pytest.mark.parametrize(
    "careless",
    [
        lambda text: True,
        lambda text: b"\\" in text or drops_nothing(text),
        lambda text: text.count(b":") < 4 or drops_nothing(text),
    ],
)
def test_control_a_short_way_that_is_too_short(
    careless: Callable[[bytes], bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(members, "_drops_nothing", careless)
    with pytest.raises(AssertionError):
        check()
