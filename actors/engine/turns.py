"""When each errand of one block has its turn, and which have come up since somebody looked: not found by walking."""

from collections import OrderedDict
from itertools import islice
from typing import TypeAlias, TypeVar

import msgspec

from actors.core.desk_state import Todo
from actors.core.ids import BlockId
from actors.core.state import BlockState, Leg
from actors.engine.ways import About, Way

Asked: TypeAlias = tuple[int, bool]  # as what a leg asks its desk: its revision, whether its event was cancelled
K = TypeVar("K")
V = TypeVar("V")


class Turn(msgspec.Struct, gc=False):
    """When an errand has its turn, or since when it is under way, and by which way.

    `is_refused`: by itself, when it was tried last.
    """

    at_ms: int
    asked: Asked | None = None
    is_under_way: bool = False
    is_refused: bool = False
    way: Way | None = None


class Turns:
    """`known`: the turns of all errands that were seen, and of some that have ended since."""

    __slots__ = ("_asks_seen", "_demands_seen", "known")

    def __init__(self) -> None:
        self.known: dict[About, Turn] = {}
        self._asks_seen = 0
        self._demands_seen = 0

    def is_one_under_way(self, since_ms: int = 0) -> bool:
        """Whether any errand is that was taken then or later."""
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


def asked_block(state: BlockState, about: About) -> BlockId:
    """Whom an errand that the block has is to ask."""
    if isinstance(about, str):
        return BlockId(about)
    deeds = state.desk.deeds.get(about)
    return BlockId(deeds[0].block if deeds else state.asking[about].desk)


def _newest(values: OrderedDict[K, V], count: int) -> list[V]:
    """The last ones, the oldest of them first."""
    return list(islice(reversed(values.values()), count))[::-1]
