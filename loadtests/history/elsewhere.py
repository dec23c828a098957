"""Refusals of baskets, of holds of split events and of exchanges, held against the events that stood in the way.

The desk at which they are at home knows nothing of that. So its witness hands each such refusal to those of the blocks
that it concerned, and one of them must bear it out as it was at some moment of the call, or from when its key was first
asked for. Of choices that are left to the server, each block of the event must have had no room at some such moment.

Rows of another block tell when they were recorded, and nothing else of real time. A moment of the call is therefore any
state between the last row that somebody had been answered about before it was asked for (in the block itself, or of a
basket with a leg there), and the first whose key was asked for after the answer; what ended or began outside of the
call by the clocks is none either, as far as clocks tell something. So what is found is wrong, but not all that is wrong
is found: among such states, and of which event's refusal it was, the benefit of the doubt is given.
Memory: some 600 bytes for each refusal, and 250 for each leg of what is held.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from heapq import merge
from typing import NamedTuple

import msgspec

from actors.audit.books import Books
from actors.audit.splits import LEDGER_AREA
from loadtests.history.calls import Call, Kind
from loadtests.history.refusals import STANDS
from loadtests.history.rooms import BY_SEAT, Span, is_in_the_way, is_not_enough
from loadtests.history.said import SAID_OF

_NOWHERE_ELSE = {"UNIT_UNKNOWN"}
"""Refused only if no block of the event has what is wished for; as choices are."""

_NOT_ENOUGH, _NO_EVENT = "NOT_ENOUGH_AVAILABLE", "EVENT_NOT_FOUND"
_KNOWN = {*BY_SEAT, *STANDS, _NOT_ENOUGH}
_BY_EVENT = ("units", "areas", "spans", "best", "best_of", "terms")


class Item(NamedTuple):
    """What may have stood in the way, in one block of an event or in all. `call`: as if it wished for that alone."""

    call: Call
    in_all: bool


class Refusal(msgspec.Struct, gc=False):
    """One that is to be borne out. `since_us`: when its key was first asked for; `open_count`: blocks yet to look at.

    `by_choice`: of what all blocks must bear out, by its place among the items, whether they did so far; None: nobody
    can judge that.
    """

    call: Call
    since_us: int
    open_count: int
    is_counted: bool = False
    is_borne_out: bool = False
    is_vague: bool = False
    by_choice: dict[int, bool | None] = {}

    def note(self, place: int, found: bool | None, *, in_all: bool) -> None:
        """So a block was at some moment of the call."""
        if not in_all:
            self.is_borne_out |= found is True
            self.is_vague |= found is None
        elif found is not True and self.by_choice.get(place) is not False:
            self.by_choice[place] = found
        else:
            self.by_choice.setdefault(place, found)

    @property
    def verdict(self) -> bool | None:
        """When no block is left, or it is borne out by one; None: nobody can judge that."""
        found = self.by_choice.values()
        if self.is_borne_out or (not self.open_count and True in found):
            return True
        return None if self.is_vague or None in found else False


class Asked(msgspec.Struct):
    """From this moment on a block may have been in the way of one of a refusal's items. `found`: whether it was."""

    invoked_us: int
    refusal: Refusal
    place: int
    item: Item
    found: bool | None = False

    def see(self, books: Books, span: Span) -> bool:
        """The block was so at a time in the span; whether that bears it out."""
        found = stood_in_the_way(self.item.call, books, span)
        if found or self.found is False:
            self.found = found
        return self.found is True

    def over(self) -> None:
        """The block has been looked at from the first to the last moment of the call."""
        self.refusal.note(self.place, self.found, in_all=self.item.in_all)


class Pinned(msgspec.Struct, frozen=True, gc=False):
    """At this moment somebody was told of what has this leg in the block."""

    invoked_us: int
    leg: int


class Judged(msgspec.Struct):
    """What was found when a block was looked at to its end. `vague`: what nobody could judge."""

    borne_out: int = 0
    vague: int = 0
    wrong: list[Call] = []

    @property
    def total(self) -> int:
        """All of them."""
        return self.borne_out + self.vague + len(self.wrong)


class Elsewhere:
    """What the witnesses of a run hand each other; those of desks must come before those of the events' blocks.

    `events`: by home block, all blocks of each event: its home, its parts and its ledgers, as far as they have rows.
    """

    def __init__(self, events: Mapping[str, Sequence[str]]) -> None:
        self._events = events
        self._asked: dict[str, list[Refusal]] = {block: [] for block in self.blocks}
        self._told: dict[str, list[Pinned]] = {block: [] for block in self.blocks}
        self._asked_us: dict[tuple[str, int], int] = {}

    @property
    def blocks(self) -> list[str]:
        """Those of all the events."""
        return [block for blocks in self._events.values() for block in blocks]

    def ask(self, call: Call, since_us: int) -> None:
        """Have the refusal borne out, if it is known what it concerned and nobody has looked there yet."""
        wishes = self._wishes(call) if call.reason in _KNOWN else {}
        blocks = {block for event in wishes for block in self._events.get(event, ())}
        if not wishes or not wishes.keys() <= self._events.keys() or not blocks <= self._told.keys():
            return
        is_vague = not any(items_of(wish) for wish in wishes.values())
        refusal = Refusal(call, since_us, len(blocks), is_vague=is_vague)
        for block in blocks:
            self._asked[block].append(refusal)

    def pinned(self, legs: Iterable[tuple[str, int]], asked_us: int, told_us: int | None) -> None:
        """These legs, by block and number, stand there by what was asked for first then; if it was, told then."""
        for block, leg in legs:
            if block in self._asked:
                self._asked_us[block, leg] = asked_us
                if told_us is not None:
                    self._told[block].append(Pinned(told_us, leg))

    def asked_us(self, block: str, leg: int) -> int:
        """When that of which the leg is was first asked for; 0: unknown."""
        return self._asked_us.get((block, leg), 0)

    def begin(self, block: str) -> Iterator[Asked | Pinned] | None:
        """What concerns the block, in the order of time; what comes later nobody asks it. None: it is no event's."""
        told = self._told.pop(block, None)
        if told is None:
            return None
        refusals = self._asked[block]
        refusals.sort(key=lambda refusal: refusal.since_us)
        told.sort(key=lambda pinned: pinned.invoked_us)
        asked = (one for refusal in refusals for one in self._asked_of(refusal, block))
        return merge(asked, told, key=lambda one: one.invoked_us)

    def end(self, block: str) -> Judged:
        """All that was asked of the block has been looked for; what came of that of which no block is left."""
        judged = Judged()
        for refusal in self._asked.pop(block, ()):
            refusal.open_count -= 1
            verdict = refusal.verdict
            if refusal.is_counted or (refusal.open_count and verdict is not True):
                continue
            refusal.is_counted = True
            judged.borne_out += verdict is True
            judged.vague += verdict is None
            if verdict is False:
                judged.wrong.append(refusal.call)
        return judged

    def _asked_of(self, refusal: Refusal, block: str) -> Iterator[Asked]:
        if refusal.is_borne_out:
            return
        items = [(event, item) for event, wish in self._wishes(refusal.call).items() for item in items_of(wish)]
        for place, (event, item) in enumerate(items):
            if block in self._events[event]:
                yield Asked(refusal.since_us, refusal, place, item)

    def _wishes(self, call: Call) -> dict[str, Call]:
        """What is wished for of each event; none: of which a choice is, nobody can tell."""
        best_of = [call.block] * len(call.best) if call.block in self._events else call.best_of
        if len(best_of) < len(call.best):
            return {}
        wishes: dict[str, Call] = {}

        def add(event: str, field: str, own: object) -> None:
            wish = wishes.get(event) or msgspec.structs.replace(call, **dict.fromkeys(_BY_EVENT, ()))
            wishes[event] = msgspec.structs.replace(wish, **{field: (*getattr(wish, field), own)})

        for name in call.units:
            event, own = self._split(call, name)
            add(event, "units", own)
        for name, quantity in call.areas:
            event, own = self._split(call, name)
            add(event, "areas", (own, quantity))
        for name, *times in call.spans:
            event, own = self._split(call, name)
            add(event, "spans", (own, *times))
        for event, quantity in zip(best_of, call.best, strict=False):
            add(event, "best", quantity)
        for term, name in call.terms:
            event, own = self._split(call, name)
            add(event, "terms", (term, own))
        return wishes

    def _split(self, call: Call, name: str) -> tuple[str, str]:
        """Of which event it is, and its name there."""
        event, _, own = name.partition("/")
        if call.block in self._events:
            return call.block, own if event == call.block else name
        return event, own


def items_of(wish: Call) -> list[Item]:
    """What of the wish of an event may have been refused for this reason."""
    own = wish if wish.reason in BY_SEAT else msgspec.structs.replace(wish, kind=Kind.HOLD, id="")  # only it counts
    if own.reason != _NOT_ENOUGH:
        return [Item(own, own.reason in _NOWHERE_ELSE)]
    one = msgspec.structs.replace(own, units=(), best=(), spans=())
    items = [Item(msgspec.structs.replace(one, areas=(area,)), in_all=False) for area in own.areas]
    of_none = not (own.areas or own.best)  # of what is named that is never said
    return [*items, Item(msgspec.structs.replace(own, areas=()), in_all=True)] if own.best or of_none else items


def stood_in_the_way(call: Call, books: Books, span: Span) -> bool | None:
    """Whether it did in this state of a block, at a time in the span; None: nobody can judge that."""
    if call.reason not in SAID_OF[call.kind]:
        return False
    if books.event is None:
        is_choice = call.reason == _NOT_ENOUGH and bool(call.best)
        return call.reason == _NO_EVENT or call.reason in _NOWHERE_ELSE or is_choice
    if call.reason in BY_SEAT:
        return is_in_the_way(call, books, span)
    if call.reason == _NOT_ENOUGH:
        is_there = all(area in books.plan.area_of_name for area, _ in call.areas)
        return is_there and is_not_enough(call, books)
    if call.reason == "BUYER_LIMIT_EXCEEDED" and books.split.is_divided:
        return _is_ledger(books) and STANDS[call.reason](_as_counted(call), books, *span)
    return STANDS[call.reason](call, books, *span) if call.reason in STANDS else None


def _is_ledger(books: Books) -> bool:
    return bool(books.split.home) and [area.name for area in books.plan.areas] == [LEDGER_AREA]


def _as_counted(call: Call) -> Call:
    """As a ledger counts it: of what event each name is a unit, it does not know."""
    if call.spans or any(name.count("/") != 2 for name in call.units):
        return call
    return msgspec.structs.replace(call, units=(), areas=(), best=(call.quantity,))
