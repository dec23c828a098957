"""Refusals of baskets, of holds of split events and of exchanges, held against the events that stood in the way.

The desk at which they are at home knows nothing of that, but in a simulation all journals are at hand, and when each
row came: so the refusal must agree with one of these blocks as it was at some moment within the call, or from when its
key was first asked for. Of choices that are left to the server, each block of the event must have had no room at some
such moment. Of an exchange for which nobody said of which event, any may be meant.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import cache, partial
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from actors.audit.audit import BlockAudit
from actors.audit.books import Books
from actors.audit.denials import CLOCK_TOLERANCE_MS
from actors.audit.findings import Finding
from actors.core import entries as e
from actors.core.ids import BlockId, desks_of, part_block
from actors.core.parts import MAX_PARTS
from actors.core.wishes import Wish
from loadtests.history.calls import Call, Kind, Outcome
from loadtests.history.elsewhere import items_of, stood_in_the_way
from loadtests.history.rooms import Span
from loadtests.history.skews import FOR_EVER_MS, Skews
from loadtests.history.standing import OF_OWN, TURNED_AWAY
from tests.simulation.clocks import START_MS
from tests.simulation.journal_audit import row_of
from tests.simulation.recording import Wished, areas_of, is_particular, terms_of

if TYPE_CHECKING:
    from tests.simulation.market import Market
    from tests.simulation.world import World

_A_MOMENT_S = 0.001  # to which times of calls are exact


class DeskRefusals(NamedTuple):
    """What was held against events. `judged`: so many were right. `vague`: what nobody could judge.

    `excused`: an event of theirs had rows meanwhile that a failover lost.
    """

    wrong: list[str]
    judged: int
    vague: int
    excused: int

    @property
    def total(self) -> int:
        """All of them."""
        return len(self.wrong) + self.judged + self.vague + self.excused


class _Item(msgspec.Struct):
    """What may have stood in the way: somewhere, or in all blocks of an event. `by_block`: whether it did there."""

    call: Call
    in_all: bool
    by_block: dict[str, bool | None]

    def see(self, block: str, books: Books, span: Span) -> None:
        """The block was so at a moment in the span."""
        if self.by_block[block] is not True:
            found = stood_in_the_way(self.call, books, span)
            self.by_block[block] = found if found or self.by_block[block] is False else self.by_block[block]

    @property
    def verdict(self) -> bool | None:
        """None: nobody can judge that."""
        found = self.by_block.values()
        if self.in_all:
            return False if False in found or not found else None if None in found else True
        return True if True in found else None if None in found else False


class _Question(msgspec.Struct):
    """A refusal. `first_s`, `last_s`: of virtual time, between which it was given."""

    call: Call
    first_s: float
    last_s: float
    items: list[_Item]

    @property
    def verdict(self) -> bool | None:
        """None: nobody can judge that."""
        found = [item.verdict for item in self.items]
        return True if True in found else None if None in found or not found else False


def desk_refusals(world: "World", market: "Market") -> DeskRefusals:
    """All of a run, which is over."""
    history = market.notes.history
    events = [event.id for event in market.events]
    questions: list[_Question] = []
    excused = 0
    blocks_of = cache(partial(_blocks_of, world))
    for desk in sorted(desks_of(history.tenant)):
        for call in filter(_is_of_events, history.by_home(world).get(desk, ())):
            wished = history.wishes[call.key]
            blocks = {event: blocks_of(event) for event in (*_events(wished), *events) if event}
            first_ms, last_ms = wished.since_us // 1000, (call.returned_us or 0) // 1000
            if any(world.lost_meanwhile(block, first_ms, last_ms) for own in blocks.values() for block in own):
                excused += 1
                continue
            legs = [(event, wish) for own, wish in wished.legs for event in ([own] if own else events)]
            items = [item for event, wish in legs for item in _items(call, wish, blocks[event])]
            questions.append(_Question(call, _run_s(wished.since_us), _run_s(call.returned_us or 0), items))
    for block in sorted({block for question in questions for item in question.items for block in item.by_block}):
        _walk(world, block, questions)
    wrong = [_said(question.call) for question in questions if question.verdict is False]
    verdicts = [question.verdict for question in questions]
    return DeskRefusals(wrong, verdicts.count(True), verdicts.count(None), excused)


def _is_of_events(call: Call) -> bool:
    if call.outcome is not Outcome.FAIL or call.reason in TURNED_AWAY:
        return False
    return call.kind is Kind.HOLD or (call.kind is Kind.EXCHANGE and call.reason not in OF_OWN)


def _events(wished: Wished) -> Iterator[str]:
    return (event for event, _ in wished.legs)


def _blocks_of(world: "World", event: str) -> list[str]:
    """Those that there are: its home, its parts, and the ledgers."""
    home = BlockId(event.partition("_")[2])
    own = (home, *(part_block(home, number) for number in range(MAX_PARTS)))
    return [block for block in own if block in world.store.journals]


def _run_s(at_us: int) -> float:
    return at_us / 1_000_000 - START_MS / 1000


def _items(call: Call, wish: Wish, blocks: Sequence[str]) -> Iterator[_Item]:
    """What of the wish may have been refused for this reason."""
    own = msgspec.structs.replace(
        call, units=wish.seats, areas=areas_of(wish), is_particular=is_particular(wish), terms=tuple(terms_of(wish)),
        best=tuple(best.quantity for best in wish.best),
        spans=tuple((span.resource, span.starts_at_ms, span.ends_at_ms) for span in wish.spans),
    )  # fmt: skip
    for item in items_of(own):
        yield _Item(item.call, item.in_all, dict.fromkeys(blocks, False) or {"": own.reason == "EVENT_NOT_FOUND"})


class _Watch:
    """Looks at a block between its rows, and within them."""

    def __init__(self, world: "World", block: str, questions: Iterable[_Question]) -> None:
        self.findings: list[Finding] = []
        self._block = block
        self._skews: Skews = world.skews
        self._row_s = world.written_s
        self._asked = [
            (question, [item for item in question.items if block in item.by_block]) for question in questions
        ]
        self._since_s = 0.0
        self._written_ms = 0

    def meet(self, entry: e.Entry, position: int, books: Books) -> None:
        """See `Watcher.meet`."""
        self._look(books, self._row_s[BlockId(self._block), position], entry.at_ms)
        self._written_ms = max(self._written_ms, entry.at_ms)

    def row_over(self, position: int, _: Books) -> None:
        """See `Watcher.row_over`."""
        self._since_s = self._row_s[BlockId(self._block), position]

    def finish(self, books: Books) -> None:
        """See `Watcher.finish`."""
        self._look(books, float("inf"), FOR_EVER_MS)

    def _look(self, books: Books, until_s: float, until_ms: int) -> None:
        for question, items in self._asked:
            if question.first_s <= until_s and self._since_s <= question.last_s + _A_MOMENT_S:
                span = self._span(question, until_ms)
                for item in items:
                    item.see(self._block, books, span)

    def _span(self, question: _Question, until_ms: int) -> Span:
        first_ms, last_ms = (START_MS + int(at_s * 1000) for at_s in (question.first_s, question.last_s))
        if self._skews.is_lost(last_ms):
            return Span(self._written_ms, until_ms)
        apart_ms = CLOCK_TOLERANCE_MS + self._skews.at(last_ms)
        return Span(max(first_ms - apart_ms, self._written_ms), min(last_ms + 1 + apart_ms, until_ms))


def _walk(world: "World", block: str, questions: Iterable[_Question]) -> None:
    own = [question for question in questions if any(block in item.by_block for item in question.items)]
    audit = BlockAudit(block, watcher=_Watch(world, block, own))
    for row in world.store.journals.get(BlockId(block), ()):
        list(audit.take(row_of(row)))
    list(audit.finish())


def _said(call: Call) -> str:
    about = call.id or ", ".join((*call.named, *call.units, *(area for area, _ in call.areas))) or call.key
    return (
        f"{call.client}: {call.kind} {about} at {call.invoked_us} µs: refused as {call.reason}, "
        "and at no moment did any event bear that out"
    )
