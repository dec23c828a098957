"""Layout files from disk: YAML (`.yaml`, `.yml`) or JSON (`.json`) into mappings, lists and scalars.

Only what JSON could say as well is taken from YAML: no anchors, aliases, tags or merge keys, and the plain scalars are
those of YAML 1.2 that cannot surprise (`NO`, `012` and `1:30` stay text). So a file is never larger in memory than its
bytes suggest, and is read in time linear in them: the parser is stopped as soon as the nesting is too deep.
"""

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

import yaml

MAX_FILE_BYTES = 2 << 20
MAX_DEPTH = 16

_Parser: type[yaml.SafeLoader | yaml.CSafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_CONSTANTS: dict[str, object] = {"": None, "~": None, "null": None, "true": True, "false": False}
_INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,17})")
_DECIMAL = re.compile(r"-?(0|[1-9][0-9]{0,17})\.[0-9]{1,18}")


class _Mark(Protocol):
    """A place in the text, as both of PyYAML's parsers give it; counted from 0."""

    line: int
    column: int


class LayoutFileError(Exception):
    """The file cannot be read as YAML or JSON; says where (file, line, column, where known) and why, in one line."""


def read_layout_file(path: Path, max_bytes: int = MAX_FILE_BYTES) -> object:
    """What the file says, decoded but not yet checked; `LayoutFileError` if it cannot be decoded or is too large."""
    readers = {".yaml": decode_yaml, ".yml": decode_yaml, ".json": decode_json}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise LayoutFileError(f"{path}: the name must end in {', '.join(readers)}")
    try:
        with path.open("rb") as file:
            content = file.read(max_bytes + 1)
    except OSError as error:
        raise LayoutFileError(f"{path}: {error.strerror}") from error
    if len(content) > max_bytes:
        raise LayoutFileError(f"{path}: is larger than {max_bytes} bytes")
    try:
        return reader(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise LayoutFileError(f"{path}:{line}: is not UTF-8") from error
    except LayoutFileError as error:
        raise LayoutFileError(f"{path}:{error}") from error


def decode_json(text: str) -> object:
    """The value of a JSON text; `LayoutFileError`, beginning with line and column if known, if it is not one."""
    try:
        return json.loads(text, object_pairs_hook=_without_duplicates, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise LayoutFileError(f"{error.lineno}:{error.colno}: {error.msg}") from error
    except RecursionError:
        raise LayoutFileError(" is nested too deeply") from None
    except ValueError as error:  # a number of thousands of digits
        raise LayoutFileError(f" has a number that cannot be read: {error}") from error


def decode_yaml(text: str) -> object:
    """The value of a YAML text; `LayoutFileError`, beginning with line and column, if it is refused."""
    try:
        return _value_of(yaml.parse(text, Loader=_Parser))
    except yaml.MarkedYAMLError as error:
        raise _refusal(error.problem_mark, error.problem or "is not YAML") from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise LayoutFileError(f"{line}: {error.reason}") from error


class _Collection:
    """A mapping or list while its parts arrive; `key` is set between a mapping's key and its value."""

    def __init__(self, is_mapping: bool) -> None:
        self.elements: list[object] = []
        self.fields: dict[str, object] = {}
        self.is_mapping = is_mapping
        self.key: str | None = None

    @property
    def value(self) -> dict[str, object] | list[object]:
        """What is being built."""
        return self.fields if self.is_mapping else self.elements

    @property
    def awaits_key(self) -> bool:
        """Whether the next part is a key."""
        return self.is_mapping and self.key is None

    def add_key(self, event: yaml.NodeEvent) -> None:
        """Accept a key: plain text, once."""
        if not isinstance(event, yaml.ScalarEvent):
            raise _refusal(event.start_mark, "a key must be text")
        if event.value in self.fields:
            raise _refusal(event.start_mark, f"the key {event.value[:40]!r} appears twice")
        self.key = event.value

    def add(self, value: object) -> None:
        """Accept a list's next element, or the value of the key that came before."""
        if self.key is None:
            self.elements.append(value)
        else:
            self.fields[self.key] = value
            self.key = None


def _value_of(events: Iterable[yaml.Event]) -> object:
    """The one document of a stream of parser events."""
    documents = _Collection(is_mapping=False)
    stack = [documents]
    for event in events:
        if isinstance(event, yaml.DocumentStartEvent) and documents.elements:
            raise _refusal(event.start_mark, "a second document begins; a file holds one")
        if isinstance(event, yaml.CollectionEndEvent):
            stack.pop()
        elif isinstance(event, yaml.NodeEvent):
            _refuse_indirection(event)
            if stack[-1].awaits_key:
                stack[-1].add_key(event)
            elif isinstance(event, yaml.ScalarEvent):
                stack[-1].add(_scalar(event))
            elif len(stack) > MAX_DEPTH:
                raise _refusal(event.start_mark, f"is nested more than {MAX_DEPTH} deep")
            else:
                collection = _Collection(isinstance(event, yaml.MappingStartEvent))
                stack[-1].add(collection.value)
                stack.append(collection)
    return documents.elements[0] if documents.elements else None


def _refuse_indirection(event: yaml.NodeEvent) -> None:
    if isinstance(event, yaml.AliasEvent) or event.anchor is not None:
        raise _refusal(event.start_mark, "anchors and aliases are not taken; write it out")
    if isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent) and event.tag is not None:
        raise _refusal(event.start_mark, "tags are not taken")


def _scalar(event: yaml.ScalarEvent) -> object:
    text = event.value
    is_plain = event.implicit[0]
    if not is_plain:
        return text
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _DECIMAL.fullmatch(text) else text


def _refusal(mark: _Mark | None, problem: str) -> LayoutFileError:
    where = f"{mark.line + 1}:{mark.column + 1}:" if mark else ""
    return LayoutFileError(f"{where} {problem}")


def _without_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    fields: dict[str, object] = {}
    for name, value in pairs:
        if name in fields:
            raise LayoutFileError(f" the key {name[:40]!r} appears twice")
        fields[name] = value
    return fields


def _refuse_constant(name: str) -> object:
    raise LayoutFileError(f" {name} is not a number of JSON")
