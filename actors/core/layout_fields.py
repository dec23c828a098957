"""Reading a layout file field by field, noting what is wrong under the field's path.

Reading goes on after a fault so that all of them are named at once: a faulty field reads as a harmless placeholder, and
it is the list of faults that refuses the layout.
"""

from collections.abc import Iterator
from difflib import get_close_matches

from actors.core.labels import MAX_LABEL_LENGTH, label_problem
from actors.core.layout_faults import FaultList, shown

MAX_FIELDS = 16


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
