"""Labels: the names of categories, sections, rows, seats and areas; and ranges of them, as layout files write them.

A label is 1 to 32 printable characters in Unicode's composed form, without "/" (it parts section, row and seat) and
without space at either end. A range is two ends with two dots between, both included: `1..20`, `A..T`, `a..f`. The dots
leave dashes to labels. Numbers have no leading zero and at most six digits; letters are single ones of one case.
"""

import re
from collections.abc import Iterator
from unicodedata import is_normalized

import msgspec

MAX_LABEL_LENGTH = 32

_NUMBERS = re.compile(r"(0|[1-9][0-9]{0,5})\.\.(0|[1-9][0-9]{0,5})")
_LETTERS = re.compile(r"[A-Z]\.\.[A-Z]|[a-z]\.\.[a-z]")
_NUMBER = re.compile(r"0|[1-9][0-9]{0,5}")
_LETTER = re.compile(r"[A-Ya-y]")


class LabelRange(msgspec.Struct, frozen=True):
    """`count` consecutive labels: numbers from `first`, or letters from the one whose code is `first`."""

    first: int
    count: int
    lettered: bool

    def labels(self) -> Iterator[str]:
        """The labels in order."""
        spell = chr if self.lettered else str
        return (spell(number) for number in range(self.first, self.first + self.count))


def parse_range(text: str) -> LabelRange | None:
    """The range that `text` writes, or None if it writes none or an empty one."""
    if numbers := _NUMBERS.fullmatch(text):
        first, last, lettered = int(numbers[1]), int(numbers[2]), False
    elif _LETTERS.fullmatch(text):
        first, last, lettered = ord(text[0]), ord(text[-1]), True
    else:
        return None
    return LabelRange(first, last - first + 1, lettered) if first <= last else None


def following_label(label: str) -> str | None:
    """The label that comes after `label` in a range, or None if `label` cannot stand in one or must be its end."""
    if _NUMBER.fullmatch(label):
        return str(int(label) + 1) if label != "999999" else None
    return chr(ord(label) + 1) if _LETTER.fullmatch(label) else None


def label_problem(text: str) -> str | None:
    """What keeps `text` from being a label, or None."""
    if not 1 <= len(text) <= MAX_LABEL_LENGTH:
        return f"must have 1 to {MAX_LABEL_LENGTH} characters, has {len(text)}"
    if not text.isprintable():
        return "must have printable characters only"
    if "/" in text:
        return 'must not contain "/"'
    if text != text.strip():
        return "must not begin or end with a space"
    if not is_normalized("NFC", text):
        return "must be in Unicode's composed form (NFC)"
    return None
