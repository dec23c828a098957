"""The blocks of the event that is sold: one, or where it is split its home, its parts and its ledgers."""

from collections.abc import Sequence

import msgspec

from actors.audit.denials import Denied
from actors.audit.ids import block_of_event, event_of
from actors.audit.parts import Part, selling
from actors.audit.replies import Answered


class EventBlocks(msgspec.Struct, frozen=True):
    """`home`: where the event is known; `parts`: none if it is not split."""

    home: str
    parts: Sequence[Part]

    @classmethod
    def of(cls, event_id: str, parts: Sequence[Part]) -> "EventBlocks":
        """Those of the event. Raises ValueError for what is no event's id."""
        return cls(block_of_event(event_id), parts)

    @property
    def all(self) -> list[str]:
        """All of them."""
        return [self.home, *(part.block for part in self.parts)]

    @property
    def of_units(self) -> list[str]:
        """Those that have units of the event, named like events: all but its ledgers."""
        return [event_of(block) for block in selling(self.home, self.parts)]

    @property
    def that_sell(self) -> list[str]:
        """Those of which most is wanted, named like events: the parts, or the only block."""
        return self.of_units[1:] or self.of_units

    def told(self, answers: dict[str, list[Answered]]) -> dict[str, list[Answered]]:
        """The answers by block; who was denied a seat of the event was denied those of each of its parts."""
        denied = [answer for answer in answers.get(self.home, ()) if isinstance(answer, Denied) and not answer.area]
        return {**answers, **{block: list(denied) for block in selling(self.home, self.parts)[1:] if denied}}
