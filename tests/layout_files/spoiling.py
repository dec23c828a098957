"""Files that are good but for one thing, and what is said of them."""

from collections.abc import Callable
from typing import Any

import msgspec

from actors.layout_files.faults import FieldFault


def spoiled(good: Any, place: str, value: object) -> Any:
    """A copy of `good` with `value` at the dotted `place`; `...` removes what is there, `+` appends."""
    raw = msgspec.json.decode(msgspec.json.encode(good))
    *way, last = (int(step) if step.isdigit() else step for step in place.split("."))
    target = raw
    for step in way:
        target = target[step]
    if value is ...:
        del target[last]
    elif last == "+":
        target.append(value)
    else:
        target[last] = value
    return raw


def faults_of(parse: Callable[[object], Any], raw: object) -> list[tuple[str, str]]:
    """The faults of what must be refused."""
    faults = parse(raw)
    assert isinstance(faults, tuple), "accepted"
    assert all(isinstance(fault, FieldFault) and len(str(fault)) <= 300 for fault in faults)
    return [(fault.path, fault.problem) for fault in faults]
