"""When each errand of one block has its turn, and which have come up since somebody looked: not found by walking."""

from collections import OrderedDict
from itertools import islice
from typing import TypeAlias, TypeVar

import msgspec

from actors.core.desk_state import Todo
from actors.core.state import BlockState, Leg

About: TypeAlias = int | str  # what an errand is about: a leg, or the block of a part
Asked: TypeAlias = tuple[int, bool]  # as what a leg asks its desk: its revision, whether its event was cancelled
K = TypeVar("K")
V = TypeVar("V")


class Turn(msgspec.Struct, gc=False):
    """When an errand has its turn, unless it is under way."""

    at_ms: int
    asked: Asked | None = None
    is_under_way: bool = False


class Turns:
    """`known`: the turns of all errands that were seen, and of some that have ended since."""

    __slots__ = ("_asks_seen", "_demands_seen", "known")

    def __init__(self) -> None:
        self.known: dict[About, Turn] = {}
        self._asks_seen = 0
        self._demands_seen = 0

    def is_one_under_way(self, since_ms: int = 0) -> bool:
        """Whether any errand is that had its turn then or later."""
        return any(turn.is_under_way and turn.at_ms >= since_ms for turn in self.known.values())

    def new_deeds(self, state: BlockState) -> list[Todo]:
        """Those that were demanded since the last look, the oldest first; some that are older where those are done."""
        new = _newest(state.desk.todos, state.desk.demand_count - self._demands_seen)
        self._demands_seen = state.desk.demand_count
        return new

    def new_doubts(self, state: BlockState) -> list[Leg]:
        """The legs that were given a time to ask since the last look; some others where those ask no more."""
        new = _newest(state.asking, state.ask_count - self._asks_seen)
        self._asks_seen = state.ask_count
        return new


def is_wanted(state: BlockState, about: About) -> bool:
    """Whether the block has this errand."""
    if isinstance(about, int):
        return about in state.desk.deeds or about in state.asking
    return any(part.block == about for part in state.parts_behind)


def _newest(values: OrderedDict[K, V], count: int) -> list[V]:
    """The last ones, the oldest of them first."""
    return list(islice(reversed(values.values()), count))[::-1]
