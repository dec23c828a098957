"""Events that are split by sections: which of their blocks has what is wished for, and which of them counts it.

All that is held of such an event is a basket's, so whatever is wished for can be held, exchanged and limited across its
parts. What is best of several parts is looked for in one part after the other, in the order of the layout, or of their
distance to what seats are the better the nearer to it they are; the first that has room has it. Those that had none a
moment ago are looked into last.
"""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from hashlib import blake2b
from typing import TypeAlias, TypeVar

import msgspec

from actors.baskets import WishedLeg
from actors.core.asking import read_wish
from actors.core.ids import BlockId, TenantId
from actors.core.layout_index import LayoutIndex
from actors.core.outcomes import Reason, Rejected
from actors.core.parts import LEDGER_AREA
from actors.core.replies import EventReply
from actors.core.wishes import AreaPlaces, BestSeats, Wish
from actors.reservations.caller import Caller
from actors.reservations.recent_refusals import RecentRefusals

FRESH_MS = 5_000
MAX_WHOLE = 100_000
MAX_DIVIDED = 64

V = TypeVar("V")
_Known: TypeAlias = tuple[TenantId, BlockId]
Try: TypeAlias = tuple[list[WishedLeg], BlockId | None]
"""What to ask of which blocks, and in which of them the best seats are looked for."""


class Division:
    """How an event is split, as of one look at it. `refusals`: which of its parts had no room."""

    def __init__(self, home: BlockId, event: EventReply, seen_at_ms: int, refusals: RecentRefusals) -> None:
        self.home = home
        self.seen_at_ms = seen_at_ms
        self.refusals = refusals
        self._event = event
        self._index = LayoutIndex(event.layout)
        self._part_of = {section: BlockId(part.block) for part in event.parts for section in part.sections}
        self._ledgers = [BlockId(part.block) for part in event.parts if part.is_ledger]
        self._in_order = self._best_first()

    @property
    def hold_ttl_ms(self) -> int:
        """How long a hold lives that does not ask for something else."""
        return self._event.hold_ttl_ms

    @property
    def max_hold_life_ms(self) -> int:
        """How long a hold can live at most."""
        return self._event.rules.max_hold_life_ms

    def legs(self, wish: Wish, buyer: str, now_ms: int) -> Iterator[Try] | Rejected:
        """What can be tried, one after the other until one has room: at least one."""
        asked = read_wish(self._index, self._event.rules, wish)
        if isinstance(asked, Rejected):
            return asked
        return self._tries(wish, buyer, asked.quantity, now_ms)

    def _tries(self, wish: Wish, buyer: str, quantity: int, now_ms: int) -> Iterator[Try]:
        ledger = self._ledger_of(buyer) if self._event.rules.max_per_buyer and self._ledgers else None
        for looked_in in self._candidates(wish, now_ms):
            legs = [
                WishedLeg(block, part, ledger or "") for block, part in self._split(wish, looked_in).items()
            ]  # fmt: skip
            if ledger is not None:
                count = Wish(areas=(AreaPlaces(LEDGER_AREA, quantity),), channel=wish.channel)
                legs.append(WishedLeg(ledger, count, counts=quantity))
            yield legs, looked_in

    def _candidates(self, wish: Wish, now_ms: int) -> Sequence[BlockId | None]:
        """Where to look for the best seats whose place is not said by their sections."""
        open_choices = [best for best in wish.best if len(self._blocks_of(best)) > 1]
        if not open_choices:
            return (None,)
        common = [block for block in self._in_order if all(block in self._blocks_of(best) for best in open_choices)]
        return self.refusals.asked_last(common, wish, now_ms) or (None,)

    def _blocks_of(self, best: BestSeats) -> set[BlockId]:
        if not best.sections:
            return set(self._in_order) or {self.home}
        return {self._part_of.get(section, self.home) for section in best.sections}

    def _split(self, wish: Wish, looked_in: BlockId | None) -> dict[BlockId, Wish]:
        """What of the wish is each block's."""
        seats: dict[BlockId, list[str]] = {}
        for name in wish.seats:
            seats.setdefault(self._block_of(name), []).append(name)
        best: dict[BlockId, list[BestSeats]] = {}
        for choice in wish.best:
            of = self._blocks_of(choice)
            block = looked_in if looked_in in of else next(block for block in self._in_order if block in of)
            there = tuple(name for name in choice.sections if self._part_of.get(name, self.home) == block)
            best.setdefault(block, []).append(msgspec.structs.replace(choice, sections=there))
        at_home = {self.home} if wish.areas or wish.spans else set()
        types = dict(wish.seat_types)
        return {
            block: Wish(
                tuple(seats.get(block, ())),
                wish.areas if block == self.home else (),
                tuple(best.get(block, ())),
                wish.spans if block == self.home else (),
                tuple((name, types[name]) for name in seats.get(block, ()) if name in types),
                wish.accessible,
                wish.channel,
            )
            for block in sorted(seats.keys() | best.keys() | at_home)
        }

    def _block_of(self, name: str) -> BlockId:
        """Whose the seat, slot or table of this name is."""
        return self._part_of.get(name.partition("/")[0], self.home)

    def _best_first(self) -> list[BlockId]:
        """The blocks that have seats, those first in which the best of them are."""
        layout = self._event.layout
        ranks: dict[BlockId, int] = {}
        for rank, section in enumerate(layout.sections):
            block = self._part_of.get(section.name, self.home)
            if layout.focus is not None:
                rank = sum((at - focus) ** 2 for at, focus in zip(section.at, layout.focus, strict=True))
            ranks[block] = min(rank, ranks.get(block, rank))
        return sorted(ranks, key=lambda block: ranks[block])

    def _ledger_of(self, buyer: str) -> BlockId:
        """The ledger that counts what this buyer has, the same for ever."""
        digest = blake2b(buyer.encode(), digest_size=8, person=b"holdfast.buyer").digest()
        return self._ledgers[int.from_bytes(digest) % len(self._ledgers)]


class Divisions:
    """What is known of events: which are not split, for good, and how the others are, as of seconds ago."""

    def __init__(
        self, read: Callable[[Caller, BlockId, int], Awaitable[EventReply | Rejected]], now_ms: Callable[[], int]
    ) -> None:
        self._read = read
        self._now_ms = now_ms
        self._whole: dict[_Known, None] = {}
        self._divided: dict[_Known, Division] = {}

    def is_divided(self, caller: Caller, block: BlockId) -> bool:
        """Whether the event is known to be split."""
        return (caller.tenant, block) in self._divided

    async def of(self, caller: Caller, block: BlockId, not_after_ms: int) -> Division | Rejected | None:
        """How the event is split; None: it is not. A part of one is no event."""
        key = caller.tenant, block
        if key in self._whole:
            return None
        known = self._divided.get(key)
        if known is not None and known.seen_at_ms <= self._now_ms() < known.seen_at_ms + FRESH_MS:
            return known
        event = await self._read(caller, block, not_after_ms)
        if isinstance(event, Rejected):
            return event
        if event.home:
            return Rejected(Reason.EVENT_NOT_FOUND)
        if not event.parts:
            _keep(self._whole, key, None, MAX_WHOLE)
            return None
        refusals = RecentRefusals() if known is None else known.refusals
        division = Division(block, event, self._now_ms(), refusals)
        _keep(self._divided, key, division, MAX_DIVIDED)
        return division


def _keep(kept: dict[_Known, V], key: _Known, value: V, most: int) -> None:
    """Keep it, and drop what has been kept for longest."""
    kept.pop(key, None)
    kept[key] = value
    if len(kept) > most:
        del kept[next(iter(kept))]
