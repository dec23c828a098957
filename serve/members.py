"""Members that a JSON text gives twice: a decoder keeps the last of them, which nobody need have meant.

Looked for where the wanted type has structs or mappings, and only there: values that are left for later are not read.
What is no JSON of that form is for the decoder to refuse. Members are read one by one only where some may come twice:
of a short text it is enough to count colons, as every member has one and a decoder drops those that it drops.
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, get_args, get_origin

import msgspec

GIVEN_TWICE = "is given more than once"
"""What is wrong with whatever has one value and arrives with two."""

SHORT_BYTES = 1 << 14
"""What is no longer cannot have so many members that their number must be bounded while they are read."""

MAX_MEMBERS = 400
"""How many are read of a longer text: twice what any struct, or array of structs, that may be asked for can have."""


class _Name(str):
    """The name of a member. Equal to nothing else, so that a mapping keeps every member of one name."""

    __slots__ = ()
    __eq__ = object.__eq__
    __hash__ = object.__hash__


class _TooMany(Exception):
    """There are more than MAX_MEMBERS."""


_Members = dict[_Name, msgspec.Raw]


def given_twice(text: bytes, type_: Any) -> Iterable[str]:
    """A fault for each member, by its path, that comes again in a text which is to be a struct or array of structs."""
    return () if _drops_nothing(text) else _given_twice(text, type_, "")


def _drops_nothing(text: bytes) -> bool:
    """Whether it is certain that a decoder keeps every member: all colons come back. An escape might hide one."""
    colon_count = text.count(b":")
    if colon_count < 2:
        return True
    if len(text) > SHORT_BYTES or b"\\" in text:
        return False
    try:
        return msgspec.json.encode(msgspec.json.decode(text)).count(b":") == colon_count
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, OverflowError):
        return False


def _given_twice(text: bytes | msgspec.Raw, type_: Any, path: str) -> Iterator[str]:
    type_ = present_type(type_)
    struct = element_type(type_)
    decoder = _decoder(struct is not None) if len(bytes(text)) <= SHORT_BYTES else _bounded_decoder(struct is not None)
    try:
        if struct is None:
            yield from _in_struct(decoder.decode(text), type_, path)
        else:
            for index, members in enumerate(decoder.decode(text)[:MAX_MEMBERS]):
                yield from _in_struct(members, struct, f"{path}[{index}]")
    except _TooMany:
        yield f"{path or 'body'}: has too many members"
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return


def element_type(type_: Any) -> Any | None:
    """The type of the elements of a `tuple[X, ...]`, bare or annotated; else None."""
    if get_origin(type_) is Annotated:
        type_ = get_args(type_)[0]
    return get_args(type_)[0] if get_origin(type_) is tuple else None


def present_type(type_: Any) -> Any:
    """What a value must be that is there: the X of `X | None`, bare of its annotation if it is a mapping."""
    if isinstance(type_, UnionType):
        type_ = next(one for one in get_args(type_) if one is not NoneType)
    bare = get_args(type_)[0] if get_origin(type_) is Annotated else type_
    return bare if get_origin(bare) is dict else type_


def _in_struct(members: Mapping[_Name, msgspec.Raw], struct: Any, path: str) -> Iterator[str]:
    """`struct` may be a mapping, which has no members that are known."""
    inner = _fields_with_members(struct) if isinstance(struct, type) else {}
    prefix = f"{path}." if path else ""
    seen = set()
    for name, value in members.items():
        text = str(name)
        if text in seen:
            yield f"{prefix}{text[:64]}: {GIVEN_TWICE}"
        seen.add(text)
        if text in inner:
            yield from _given_twice(value, inner[text], prefix + text)


@cache
def _fields_with_members(struct: type[msgspec.Struct]) -> Mapping[str, Any]:
    """The fields, by name, whose type is a struct, a mapping, or an array of structs."""
    types = {field.encode_name: present_type(field.type) for field in msgspec.structs.fields(struct)}
    return {name: type_ for name, type_ in types.items() if _has_members(element_type(type_) or type_)}


def _has_members(type_: Any) -> bool:
    return get_origin(type_) is dict or (isinstance(type_, type) and issubclass(type_, msgspec.Struct))


@cache
def _decoder(array: bool) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(list[_Members] if array else _Members, dec_hook=lambda name, text: name(text))


def _bounded_decoder(array: bool) -> msgspec.json.Decoder[Any]:
    left = iter(range(MAX_MEMBERS))

    def make(name: type[_Name], text: str) -> _Name:
        if next(left, None) is None:
            raise _TooMany
        return name(text)

    return msgspec.json.Decoder(list[_Members] if array else _Members, dec_hook=make)
