"""Reading a file field by field, noting what is wrong under the field's path.

Reading goes on after a fault so that all of them are named at once: a faulty field reads as a harmless placeholder, and
it is the list of faults that refuses the file.
"""

import re
from collections.abc import Callable, Iterator
from difflib import get_close_matches
from typing import TypeVar

from actors.core.labels import MAX_LABEL_LENGTH, label_problem
from actors.layout_files.faults import FaultList, shown

T = TypeVar("T")

MAX_FIELDS = 24
MAX_PARSED_LENGTH = 64

_DECIMAL = re.compile(r"(-?)(0|[1-9][0-9]{0,11})(?:\.([0-9]{1,12}))?")


class Fields:
    """A mapping of the file, read field by field. Faults go to `faults` under the path of the field."""

    def __init__(self, raw: object, path: str, known: tuple[str, ...], faults: FaultList) -> None:
        self._path = path
        self._faults = faults
        self._values: dict[object, object] = {}
        self._readable = False
        if not isinstance(raw, dict):
            faults.add(path, f"must be a mapping with the fields {', '.join(known)}; is {shown(raw)}")
        elif len(raw) > MAX_FIELDS:
            faults.add(path, f"has {len(raw)} fields; they are {', '.join(known)}")
        else:
            self._values = raw
            self._readable = True
            for name in raw:
                if name not in known:
                    self._refuse_unknown(name, known)

    def path_of(self, name: str) -> str:
        """The path of the field `name`."""
        return f"{self._path}.{name}" if self._path else name

    def has(self, name: str) -> bool:
        """Whether the field is there."""
        return name in self._values

    def value(self, name: str) -> object:
        """The field as it is; the caller has made sure that it is there."""
        return self._values[name]

    def refuse(self, name: str, problem: str) -> None:
        """Note a fault of the field `name`."""
        self._faults.add(self.path_of(name), problem)

    def require(self, name: str) -> bool:
        """Whether the field is there; notes a fault if not."""
        if not self.has(name) and self._readable:
            self.refuse(name, "is missing")
        return self.has(name)

    def label(self, name: str) -> str:
        """A required label; empty if faulty."""
        return read_label(self.value(name), self.path_of(name), self._faults) if self.require(name) else ""

    def whole_number(self, name: str, least: int, most: int) -> int:
        """A required whole number, `least` to `most`; `least` if faulty."""
        if not self.require(name):
            return least
        value = self.value(name)
        if isinstance(value, bool) or not isinstance(value, int):
            self.refuse(name, f"must be a whole number, is {shown(value)}")
            return least
        if not least <= value <= most:
            self.refuse(name, f"must be from {least} to {most}, is {shown(value)}")
            return least
        return value

    def decimal(self, name: str, least: int, most: int, places: int) -> int:
        """A required number with up to so many places after the point, in units of the last place.

        Exact: as a number or as text, it is read as it is written. `least` if faulty.
        """
        if not self.require(name):
            return least
        value = read_decimal(self.value(name), places)
        if value is None:
            where = f"with at most {places} digits after the point"
            self.refuse(name, f"must be a number {where}, is {shown(self.value(name))}")
            return least
        if not least <= value <= most:
            ends = f"from {written_decimal(least, places)} to {written_decimal(most, places)}"
            self.refuse(name, f"must be {ends}, is {shown(self.value(name))}")
            return least
        return value

    def truth(self, name: str) -> bool:
        """Required: true or false; false if faulty."""
        if not self.require(name):
            return False
        value = self.value(name)
        if not isinstance(value, bool):
            self.refuse(name, f"must be true or false, is {shown(value)}")
        return value is True

    def choice(self, name: str, choices: tuple[str, ...]) -> str:
        """A required choice; the first if faulty."""
        if not self.require(name):
            return choices[0]
        value = self.value(name)
        if not (isinstance(value, str) and value in choices):
            self.refuse(name, f"must be {' or '.join(choices)}, is {shown(value)}")
            return choices[0]
        return value

    def parsed(self, name: str, parse: Callable[[str], T | None], what: str) -> T | None:
        """A required text as `parse` understands it; None if it is missing or is not `what` it should be."""
        if not self.require(name):
            return None
        value = self.value(name)
        parsed = parse(value) if isinstance(value, str) and len(value) <= MAX_PARSED_LENGTH else None
        if parsed is None:
            self.refuse(name, f"must be {what}, is {shown(value)}")
        return parsed

    def entries(self, name: str, least: int, most: int) -> Iterator[tuple[str, object]]:
        """The elements of a list with their paths. Optional if `least` is 0. A list over `most` is not looked into."""
        if not (self.has(name) if least == 0 else self.require(name)):
            return
        value = self.value(name)
        if not isinstance(value, list):
            self.refuse(name, f"must be a list, is {shown(value)}")
        elif not least <= len(value) <= most:
            self.refuse(name, f"must have {least} to {most} elements, has {len(value)}")
        else:
            for index, element in enumerate(value):
                yield f"{self.path_of(name)}[{index}]", element

    def _refuse_unknown(self, name: object, known: tuple[str, ...]) -> None:
        if not (isinstance(name, str) and len(name) <= MAX_LABEL_LENGTH and name.isidentifier()):
            self._faults.add(self._path, f"has an unknown field {shown(name)}")
            return
        near = () if self._faults.full else get_close_matches(name, known, n=1)
        self.refuse(name, f'is an unknown field, did you mean "{near[0]}"?' if near else "is an unknown field")


def read_label(raw: object, path: str, faults: FaultList) -> str:
    """`raw` if it is a label; empty, with a fault noted, if not."""
    if not isinstance(raw, str):
        quotes = " in quotes" if isinstance(raw, int | float) else ""
        faults.add(path, f"must be text{quotes}, is {shown(raw)}")
        return ""
    if problem := label_problem(raw):
        faults.add(path, f"{problem}: {shown(raw)}")
        return ""
    return raw


def read_decimal(value: object, places: int) -> int | None:
    """A number, or text that writes one, in units of its last place; None if it is none or has more places.

    A float is read as the shortest text that means it, so as it was written.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    if isinstance(value, int) and abs(value) >= 10**12:
        return None
    text = value if isinstance(value, str) else repr(value)
    digits = _DECIMAL.fullmatch(text) if len(text) <= MAX_PARSED_LENGTH else None
    if digits is None:
        return None
    fraction = (digits[3] or "").rstrip("0")
    if len(fraction) > places:
        return None
    size = int(digits[2] + fraction.ljust(places, "0"))
    return -size if digits[1] else size


def written_seconds(ms: int) -> int | str:
    """Milliseconds as seconds: a number if they are whole, else text."""
    return written_decimal(ms, 3) if ms % 1_000 else ms // 1_000


def written_decimal(value: int, places: int) -> str:
    """How a number in units of its last place is written."""
    whole, rest = divmod(abs(value), 10**places)
    fraction = f".{rest:0{places}}".rstrip("0") if rest else ""
    return f"{'-' if value < 0 else ''}{whole}{fraction}"
