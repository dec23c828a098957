"""A way to have what is wished for of one event: what to ask of which of its blocks.

Where the best seats can be of several parts, each choice is sought in one part after the other. A part that had no room
for some choices has none for these and more.
"""

import msgspec

from actors.baskets import WishedLeg
from actors.core.ids import BlockId, event_id, parse_event_id
from actors.core.outcomes import Details, Reason, Rejected
from actors.core.replies import RoomReply
from actors.core.wishes import Wish
from actors.reservations.divisions import Division


class Way:
    """One wish of one event, which is one block if there is no `division`. `quantity`: how many units the wish is of.

    Choices are told by their place in the wish. `open`: those that several parts may have, in the order of seeking.
    """

    def __init__(
        self, block: BlockId, wish: Wish, division: Division | None = None, buyer: str = "", quantity: int = 0
    ) -> None:
        self._block = block
        self._wish = wish
        self._division = division
        self._buyer = buyer
        self._quantity = quantity
        choices = enumerate(wish.best if division is not None else ())
        self._places = {choice: division.blocks_of(best) for choice, best in choices} if division is not None else {}
        self.open = [choice for choice, blocks in self._places.items() if len(blocks) > 1]
        self.open.sort(key=lambda choice: len(self._places[choice]))  # who can go to fewer parts is sought first
        self._where: dict[int, BlockId] = {}
        self._refused: list[tuple[BlockId, frozenset[int]]] = []
        self._available = 0
        self.start()

    def start(self) -> None:
        """No open choice has a place. What was refused is not forgotten."""
        self._where = {choice: blocks[0] for choice, blocks in self._places.items() if len(blocks) == 1}

    def legs(self) -> list[WishedLeg]:
        """What to ask of which blocks, without open choices that have no place."""
        if self._division is None:
            return [WishedLeg(self._block, self._wish)]
        sought = {self._where[choice] for choice in self.open if choice in self._where}
        legs = self._division.legs(self._wish, self._where, self._buyer, self._quantity)
        return [msgspec.structs.replace(leg, is_sought=leg.block in sought) for leg in legs]

    def seek(self, choice: int, now_ms: int) -> WishedLeg | None:
        """Place the choice where it was not refused: the leg that has it there, or None: there is no such part."""
        assert self._division is not None, "only what is split leaves a choice open"
        self._where.pop(choice, None)
        alone = msgspec.structs.replace(self._wish, best=(self._wish.best[choice],))
        for block in self._division.refusals.asked_last(self._places[choice], alone, now_ms):
            if not self._is_refused(block, {choice, *self._placed_in(block)}):
                self._where[choice] = block
                return next(leg for leg in self.legs() if leg.block == block)
        return None

    def seek_first(self, choice: int) -> bool:
        """Let this one be sought before the others, none of which has a place; False: it was the first already."""
        if self.open[0] == choice:
            return False
        self.open.remove(choice)
        self.open.insert(0, choice)
        for each in self.open:
            self._where.pop(each, None)
        return True

    def seek_together(self, now_ms: int) -> bool:
        """Place all open choices in one part where they were not refused; False: there is no such part."""
        if self._division is None or not self.open:
            return True
        common = set(self._places[self.open[0]]).intersection(*(self._places[choice] for choice in self.open))
        in_order = (block for block in self._places[self.open[0]] if block in common)
        for block in self._division.refusals.asked_last(in_order, self._wish, now_ms):
            if not self._is_refused(block, set(self.open)):
                self._where.update(dict.fromkeys(self.open, block))
                return True
        return False

    def turned_away(self, refusal: Rejected, now_ms: int) -> bool:
        """Note which part has no room for what is sought there; False: it is something else that was refused."""
        block = parse_event_id(refusal.details.event)
        if refusal.reason is not Reason.NOT_ENOUGH_AVAILABLE or self._division is None or not self.open:
            return False
        if block not in self._division.blocks:
            return False
        chosen = self._placed_in(block) or set(self.open)  # placed by somebody else under the same key
        sought = tuple(self._wish.best[choice] for choice in sorted(chosen))
        self._division.refusals.note(block, msgspec.structs.replace(self._wish, best=sought), now_ms)
        self._refused.append((block, frozenset(chosen)))
        self._available = max(self._available, refusal.details.available or 0)
        return True

    def is_outdated(self, room: RoomReply) -> bool:
        """Whether the event was edited since it was looked at how it is split."""
        return self._division is not None and room.revision > self._division.revision

    def not_enough(self) -> Rejected:
        """What is to be said when no part is left."""
        assert self._division is not None, "an event that is not split refuses by itself"
        choices = [self._wish.best[choice] for choice in self.open]
        details = Details(
            units=self._division.names_of(choices), available=self._available, event=event_id(self._block)
        )
        return Rejected(Reason.NOT_ENOUGH_AVAILABLE, details)

    def of_event(self, refusal: Rejected) -> Rejected:
        """The refusal, told of the event if it is of one of its blocks."""
        blocks = {self._block} if self._division is None else self._division.blocks
        if parse_event_id(refusal.details.event) not in blocks:
            return refusal
        details = msgspec.structs.replace(refusal.details, event=event_id(self._block))
        return Rejected(refusal.reason, details)

    def _placed_in(self, block: BlockId) -> set[int]:
        return {choice for choice in self.open if self._where.get(choice) == block}

    def _is_refused(self, block: BlockId, choices: set[int]) -> bool:
        return any(where == block and refused <= choices for where, refused in self._refused)
