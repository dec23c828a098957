"""What is wrong with a file, fault by fault. Whatever the input, a fault's text is short and printable."""

import msgspec

MAX_FAULTS = 100
_MAX_SHOWN_LENGTH = 40
_MAX_SHOWN_NUMBER = 10**18


class FieldFault(msgspec.Struct, frozen=True):
    """One thing that is wrong; `path` as in `sections[3].rows[2].seats`, empty for the file as a whole."""

    path: str
    problem: str

    def __str__(self) -> str:
        return f"{self.path}: {self.problem}" if self.path else self.problem


class FaultList:
    """Faults in the order found. The first `MAX_FAULTS` are kept, the others counted."""

    def __init__(self) -> None:
        self._kept: list[FieldFault] = []
        self._more = 0

    @property
    def full(self) -> bool:
        """Whether further faults are only counted."""
        return len(self._kept) == MAX_FAULTS

    @property
    def count(self) -> int:
        """How many there are, kept or not."""
        return len(self._kept) + self._more

    def add(self, path: str, problem: str) -> None:
        """Note a fault."""
        if self.full:
            self._more += 1
        else:
            self._kept.append(FieldFault(path, problem))

    def found(self) -> tuple[FieldFault, ...]:
        """The faults; a last one without a path says how many more there are."""
        more = (FieldFault("", f"and {self._more} more faults"),) if self._more else ()
        return (*self._kept, *more)


def shown(value: object) -> str:
    """A short, printable description of any decoded value, whatever its size."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value) if abs(value) <= _MAX_SHOWN_NUMBER else "a number of more than 18 digits"
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, list | tuple):
        return f"a list of {len(value)}"
    return "a mapping" if isinstance(value, dict) else f"a value of type {type(value).__name__}"


def _quoted(text: str) -> str:
    start = text[:_MAX_SHOWN_LENGTH]
    visible = "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in start)
    return f'"{visible}"' if len(text) <= _MAX_SHOWN_LENGTH else f'"{visible}..." ({len(text)} characters)'
