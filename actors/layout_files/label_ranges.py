"""Ranges of labels, as layout files write them: two ends with two dots between, both included: `1..20`, `A..T`, `a..f`.

The dots leave dashes to labels. Numbers have no leading zero and at most six digits; letters are single ones of one
case. Where names are meant, words may stand before the range: `Court 1..12` is `Court 1` to `Court 12`.
"""

import re
from collections.abc import Iterator

import msgspec

from actors.core.labels import label_problem

_NUMBERS = re.compile(r"(0|[1-9][0-9]{0,5})\.\.(0|[1-9][0-9]{0,5})")
_LETTERS = re.compile(r"[A-Z]\.\.[A-Z]|[a-z]\.\.[a-z]")
_NUMBER = re.compile(r"0|[1-9][0-9]{0,5}")
_LETTER = re.compile(r"[A-Ya-y]")


class LabelRange(msgspec.Struct, frozen=True):
    """`count` consecutive labels: numbers from `first`, or letters from the one whose code is `first`.

    All of them begin with `words`, which is empty or ends with a space.
    """

    first: int
    count: int
    lettered: bool
    words: str = ""

    def labels(self) -> Iterator[str]:
        """The labels in order."""
        spell = chr if self.lettered else str
        return (self.words + spell(number) for number in range(self.first, self.first + self.count))


def parse_range(text: str) -> LabelRange | None:
    """The range that `text` writes, or None if it writes none or an empty one."""
    if numbers := _NUMBERS.fullmatch(text):
        first, last, lettered = int(numbers[1]), int(numbers[2]), False
    elif _LETTERS.fullmatch(text):
        first, last, lettered = ord(text[0]), ord(text[-1]), True
    else:
        return None
    return LabelRange(first, last - first + 1, lettered) if first <= last else None


def parse_names(text: str) -> LabelRange | None:
    """As `parse_range`, with or without words before the range; None also if what it writes would be no labels."""
    before, space, ends = text.rpartition(" ")
    found = parse_range(ends)
    if not space or found is None:
        return found
    if not _can_lead(before):
        return None
    named = msgspec.structs.replace(found, words=f"{before} ")
    longest = named.words + (ends[-1] if found.lettered else str(found.first + found.count - 1))
    return None if label_problem(longest) else named


def following_label(label: str) -> str | None:
    """The label that comes after `label` in a range of names, or None if `label` cannot stand in one or ends it."""
    before, space, last = label.rpartition(" ")
    if space and not _can_lead(before):
        return None
    if _NUMBER.fullmatch(last) and last != "999999":
        following = str(int(last) + 1)
    elif _LETTER.fullmatch(last):
        following = chr(ord(last) + 1)
    else:
        return None
    return before + space + following


def range_of(first: str, last: str) -> str:
    """How the range of names from `first` to `last` is written."""
    return f"{first}..{last.rpartition(' ')[2]}"


def _can_lead(words: str) -> bool:
    """Whether these words may stand before a range: what looks like more ranges or a list is not read as words."""
    return words[:1].isalpha() and ".." not in words and "," not in words
