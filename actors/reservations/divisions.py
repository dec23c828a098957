"""Events that are split by sections: which of their blocks has what is wished for, and which of them counts it.

All that is held of such an event is a basket's, so whatever is wished for can be held, exchanged and limited across its
parts. What is best of several parts is looked for in one part after the other, in the order of the layout, or of their
distance to what seats are the better the nearer to it they are; the first that has room has it. Those that had none a
moment ago are looked into last.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from hashlib import blake2b
from typing import TypeAlias, TypeVar

import msgspec

from actors.baskets import WishedLeg
from actors.core.asking import Asked, read_wish
from actors.core.ids import BlockId, TenantId
from actors.core.layout_index import LayoutIndex
from actors.core.outcomes import Reason, Rejected
from actors.core.parts import LEDGER_AREA
from actors.core.replies import EventReply
from actors.core.wishes import AreaPlaces, BestSeats, Wish
from actors.reservations.caller import Caller
from actors.reservations.recent_refusals import RecentRefusals
from actors.shared_reads import SharedReads

FRESH_MS = 5_000
MAX_WHOLE = 100_000
MAX_DIVIDED = 64

V = TypeVar("V")
_Known: TypeAlias = tuple[TenantId, BlockId]


class Division:
    """How an event is split, as it was at a revision. `refusals`: which of its parts had no room.

    Its parts and ledgers are those for ever. `seen_at_ms`: when that was last known to be the newest revision.
    """

    def __init__(self, home: BlockId, event: EventReply, seen_at_ms: int, refusals: RecentRefusals) -> None:
        self.home = home
        self.revision = event.revision
        self.seen_at_ms = seen_at_ms
        self.refusals = refusals
        self.blocks = {home, *(BlockId(part.block) for part in event.parts)}
        self._event = event
        self._index = LayoutIndex(event.layout)
        self._part_of = {section: BlockId(part.block) for part in event.parts for section in part.sections}
        self._ledgers = [BlockId(part.block) for part in event.parts if part.is_ledger]
        self._in_order = self._best_first() or [home]

    def read(self, wish: Wish) -> Asked | Rejected:
        """The wish in numbers, or what of it is not there."""
        return read_wish(self._index, self._event.rules, wish)

    def blocks_of(self, best: BestSeats) -> list[BlockId]:
        """Where the best seats may be, best first."""
        if not best.sections:
            return self._in_order
        blocks = {self._block_of(section) for section in best.sections}
        return [block for block in self._in_order if block in blocks]

    def names_of(self, choices: Sequence[BestSeats]) -> tuple[str, ...]:
        """The sections, then the categories to which these are bound, in the layout's order."""
        layout = self._event.layout
        sections = {name for best in choices for name in best.sections}
        categories = {name for best in choices for name in best.categories}
        named = [section.name for section in layout.sections if section.name in sections]
        return (*named, *(category.name for category in layout.categories if category.name in categories))

    def legs(self, wish: Wish, where: Mapping[int, BlockId], buyer: str, quantity: int) -> list[WishedLeg]:
        """What each block is asked for; `where` the wish's choices are sought, others are left out."""
        ledger = self._ledger_of(buyer) if self._event.rules.max_per_buyer and self._ledgers else None
        legs = [WishedLeg(block, part, ledger or "") for block, part in self._split(wish, where).items()]
        if ledger is not None:
            count = Wish(areas=(AreaPlaces(LEDGER_AREA, quantity),), channel=wish.channel)
            legs.append(WishedLeg(ledger, count, counts=quantity))
        return legs

    def _split(self, wish: Wish, where: Mapping[int, BlockId]) -> dict[BlockId, Wish]:
        """What of the wish is each block's."""
        seats: dict[BlockId, list[str]] = {}
        for name in wish.seats:
            seats.setdefault(self._block_of(name), []).append(name)
        best: dict[BlockId, list[BestSeats]] = {}
        for choice, block in sorted(where.items()):
            sought = wish.best[choice]
            there = tuple(name for name in sought.sections if self._block_of(name) == block)
            best.setdefault(block, []).append(msgspec.structs.replace(sought, sections=there))
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
        """Whose the section, or the seat, slot or table of this name is."""
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
    """What is known of events: which are not split, for good, and how the others are, as of seconds ago.

    An event is read once for all who ask, and again only if its revision has changed.
    """

    def __init__(
        self,
        read: Callable[[Caller, BlockId], Awaitable[EventReply | Rejected]],
        read_revision: Callable[[Caller, BlockId], Awaitable[int | Rejected]],
        now_ms: Callable[[], int],
    ) -> None:
        self._read = read
        self._read_revision = read_revision
        self._now_ms = now_ms
        self._whole: dict[_Known, None] = {}
        self._divided: dict[_Known, Division] = {}
        self._looks: SharedReads[_Known, Division | Rejected | None] = SharedReads()

    def is_divided(self, caller: Caller, block: BlockId) -> bool:
        """Whether the event is known to be split."""
        return (caller.tenant, block) in self._divided

    async def of(self, caller: Caller, block: BlockId, *, anew: bool = False) -> Division | Rejected | None:
        """How the event is split; None: it is not. A part is no event. `anew`: with all that was edited until now.

        That there is no such event is told only by a look that began after the question.
        """
        key = caller.tenant, block
        if key in self._whole:
            return None
        known = self._divided.get(key)
        if known is not None and not anew and known.seen_at_ms <= self._now_ms() < known.seen_at_ms + FRESH_MS:
            return known
        asked_at = self._looks.begun
        while True:
            look = self._looks.join(key, partial(self._look, caller, block, known))
            found = await look.answer
            is_missing = isinstance(found, Rejected) and found.reason is Reason.EVENT_NOT_FOUND
            if look.number > asked_at or not (anew or is_missing):
                return found

    async def _look(self, caller: Caller, block: BlockId, known: Division | None) -> Division | Rejected | None:
        seen_at_ms = self._now_ms()
        if known is not None:
            revision = await self._read_revision(caller, block)
            if isinstance(revision, Rejected):
                return revision
            if revision == known.revision:
                known.seen_at_ms = seen_at_ms
                return known
        event = await self._read(caller, block)
        if isinstance(event, Rejected):
            return event
        if event.home:
            return Rejected(Reason.EVENT_NOT_FOUND)
        key = caller.tenant, block
        if not event.parts:
            _keep(self._whole, key, None, MAX_WHOLE)
            return None
        division = Division(block, event, seen_at_ms, RecentRefusals() if known is None else known.refusals)
        _keep(self._divided, key, division, MAX_DIVIDED)
        return division


def _keep(kept: dict[_Known, V], key: _Known, value: V, most: int) -> None:
    """Keep it, and drop what has been kept for longest."""
    kept.pop(key, None)
    kept[key] = value
    if len(kept) > most:
        del kept[next(iter(kept))]
