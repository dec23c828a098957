"""Many things by number: as they are while they change, and encoded while they rest, which takes far less memory."""

from collections.abc import Callable, Iterator
from functools import cache
from typing import Generic, TypeVar

import msgspec

V = TypeVar("V", bound=msgspec.Struct)

_encoder = msgspec.msgpack.Encoder()


@cache
def _decoder(kind: type[V]) -> msgspec.msgpack.Decoder[V]:
    """One for all blocks, as each has some kilobytes."""
    return msgspec.msgpack.Decoder(kind)


class Shelf(Generic[V]):
    """Things of one kind, in the order in which they came. What somebody still has of one that rests is but a copy."""

    def __init__(self, kind: type[V]) -> None:
        self._decode = _decoder(kind).decode
        self._of: dict[int, V | bytes] = {}
        self._awake: dict[int, V] = {}

    def __len__(self) -> int:
        return len(self._of)

    def __contains__(self, number: int) -> bool:
        return number in self._of

    def __setitem__(self, number: int, thing: V) -> None:
        self._of[number] = self._awake[number] = thing

    @property
    def awake_count(self) -> int:
        """How many do not rest."""
        return len(self._awake)

    def get(self, number: int) -> V | None:
        """To be changed: it rests no more."""
        thing = self._of.get(number)
        if isinstance(thing, bytes):
            thing = self._of[number] = self._awake[number] = self._decode(thing)
        return thing

    def peek(self, number: int) -> V | None:
        """To be looked at: changes of one that rests are lost."""
        thing = self._of.get(number)
        return self._decode(thing) if isinstance(thing, bytes) else thing

    def awake(self, number: int) -> V | None:
        """If it does not rest."""
        return self._awake.get(number)

    def values(self) -> Iterator[V]:
        """All, to be looked at."""
        return (self._decode(thing) if isinstance(thing, bytes) else thing for thing in self._of.values())

    def all_awake(self) -> list[tuple[int, V]]:
        """Those that do not rest, by number."""
        return list(self._awake.items())

    def rest(self, number: int) -> None:
        """It will hardly change any more."""
        self._of[number] = _encoder.encode(self._awake.pop(number))
        if not self._awake:
            self._awake.clear()  # which gives back what it had when it was large

    def rest_all(self, is_quiet: Callable[[V], bool] = lambda _: True) -> None:
        """Those of which that is so."""
        for number, thing in self.all_awake():
            if is_quiet(thing):
                self.rest(number)
