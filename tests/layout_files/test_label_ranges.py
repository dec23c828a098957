"""Ranges of labels: what writes one, what does not, and how names that follow each other become one again."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.core.labels import label_problem
from actors.layout_files.label_ranges import LabelRange, following_label, parse_names, parse_range, range_of


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1..20", LabelRange(1, 20, False)),
        ("0..0", LabelRange(0, 1, False)),
        ("A..T", LabelRange(65, 20, True)),
        ("x..z", LabelRange(120, 3, True)),
        ("999999..999999", LabelRange(999_999, 1, False)),
        ("A..z", None),
        ("a..Z", None),
        ("1..A", None),
        ("AA..AC", None),
        ("1...3", None),
        ("1..3\n", None),
        (" 1..3", None),
        ("..", None),
        ("", None),
    ],
)
def test_ranges(text: str, expected: LabelRange | None) -> None:
    assert parse_range(text) == expected


@pytest.mark.parametrize(
    "text", ["1..12", "8..101", "0..3", "A..Z", "a..z", "999990..999999", "Court 1..12", "Box A..C", "Blue Box 9..11"]
)
def test_the_label_that_follows_is_the_next_of_the_range(text: str) -> None:
    names = parse_names(text)
    assert names is not None
    labels = list(names.labels())
    assert [following_label(label) for label in labels[:-1]] == labels[1:]
    assert range_of(labels[0], labels[-1]) == text


@pytest.mark.parametrize(
    "label",
    ["Z", "z", "AA", "01", "999999", "1A", "-1", "", "\u00e9", "Box Z", "- 1", "1 2", "A..C 2", "A, 1", "Box 01"],
)
def test_nothing_follows_a_label_that_cannot_go_on(label: str) -> None:
    assert following_label(label) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1..3", ["1", "2", "3"]),
        ("Court 1..3", ["Court 1", "Court 2", "Court 3"]),
        ("Box A..B", ["Box A", "Box B"]),
        ("Étage 2 9..10", ["Étage 2 9", "Étage 2 10"]),
        (f"{'x' * 29} 9..9", [f"{'x' * 29} 9"]),
        (f"{'x' * 30} 9..10", None),
        ("Court  1..3", ["Court  1", "Court  2", "Court  3"]),
        (" 1..3", None),
        ("1 1..3", None),
        ("1..3 5..7", None),
        ("A, 1..3", None),
        ("A..C 1..3", None),
        ("Court 3..1", None),
        ("Court1..3", None),
        ("Court ..", None),
        ("Wing/Court 1..3", None),
        ("Court 1..3 ", None),
    ],
)
def test_names_may_begin_with_words(text: str, expected: list[str] | None) -> None:
    names = parse_names(text)
    assert (None if names is None else list(names.labels())) == expected


@given(st.text(max_size=12), st.sampled_from(["1..3", "A..C", "9..10"]))
def test_a_range_of_names_gives_labels_and_comes_back(words: str, ends: str) -> None:
    names = parse_names(f"{words} {ends}")
    if names is not None:
        labels = list(names.labels())
        assert all(label_problem(label) is None for label in labels)
        assert all(following_label(label) == after for label, after in pairwise(labels))
        assert parse_names(range_of(labels[0], labels[-1])) == names
