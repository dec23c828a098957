"""Whether there is an order of what clients saw of each block that a model of holds and orders allows.

A block's history has what is at home in it: desks with their baskets as well as events. What no client sees of it, legs
of baskets and offers to who waits, is told by its journal, and so is what came of calls of which nobody knows (see
`journaled`); what a desk was refused for one block is looked for in that (see `searched_refusals`). Not so where a
failover lost rows of the block: then an offer that somebody takes up begins unseen, and of refusals for what others
have only those are looked at that no basket explains. All others are counted as left out, by what they were told; they
are held against the journals (`recording`).
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from actors.audit.replies import Acknowledged
from actors.core.entries import LegPinned, StatusChanged
from actors.core.ids import BlockId, part_block
from actors.core.parts import MAX_PARTS
from actors.core.replies import EventStatus
from actors.journal.codec import decode_entries
from actors.journal.journal import JournalRow
from loadtests.history.calls import READS, Call, Kind, Outcome
from loadtests.history.linear import Linearity, check
from loadtests.history.lots import Lot, id_of
from loadtests.history.model import Model
from loadtests.history.skews import FOR_EVER_MS
from loadtests.history.standing import TURNED_AWAY
from tests.simulation.clocks import START_MS
from tests.simulation.houses import House, blocks_of, desk_of, house_of
from tests.simulation.journaled import journaled, resolved
from tests.simulation.searched_refusals import BY_SEAT, NOT_ENOUGH, Elsewhere, as_a_hold, of_desks

if TYPE_CHECKING:
    from tests.simulation.market import Market
    from tests.simulation.world import World

MAX_STATES = 20_000
UNHEARD_MS = 15_000  # a journal that says nothing, at most: as long as callers wait
MOST_ON_ITS_WAY_MS = 15_000  # a row, from when what it tells was decided
_OF_HOLDS = (Kind.EXTEND, Kind.RELEASE, Kind.ORDER, Kind.READ_HOLD)


class Losses(NamedTuple):
    """When what is held of an event, or is at home in a block, may have been lost, in ms of the run.

    `cancelled_ms`: from then on, if ever. `lost_ms`: when failovers lost rows; what was asked for later is not gone.
    """

    cancelled_ms: int = FOR_EVER_MS
    lost_ms: tuple[int, ...] = ()


class _Part(NamedTuple):
    """A block with what is to be searched in it. `calls`: those that are at home in it; `searched`: of these, and as it
    is `known` what came of them; `elsewhere`: of those of desks. `steps`: what the journal tells.
    """

    calls: list[Call]
    searched: list[Call]
    known: list[Call]
    elsewhere: list[Elsewhere]
    model: Model
    steps: list[Call]


def linearity(world: "World", market: "Market", max_states: int = MAX_STATES) -> dict[str, Linearity]:
    """By block of which there is a history."""
    homes = market.notes.history.by_home(world)
    shapes = {event.id.partition("_")[2]: event.shape for event in market.events}
    blocks = {f"event_{home}": blocks_of(world, BlockId(home)) for home in shapes}
    shape_of = {block: shapes[own[0]] for own in blocks.values() for block in own}
    losses = {block: losses_of(world, BlockId(block), is_event=block in shapes) for block in {*homes, *shape_of}}
    elsewhere = of_desks(world, market, blocks)
    desk = desk_of(shapes)

    def house(block: str) -> House:
        return house_of(world, BlockId(block), shape_of[block]) if block in shape_of else desk

    parts = {
        block: _part(world, market, BlockId(block), losses, elsewhere.get(block, []), house(block))
        for block in dict.fromkeys((*homes, *elsewhere))
    }
    gone: dict[str, Counter[str]] = {}
    for one in (one for part in parts.values() for one in part.elsewhere):
        gone.setdefault(one.desk, Counter())[_told(one.call)] += 1
    found = {}
    for block, part in parts.items():
        asked = [*part.known, *(one.as_asked for one in part.elsewhere)]
        found[block] = check([*asked, *part.steps], part.model, max_states)
        left_out = Counter(map(_told, part.calls)) - Counter(map(_told, part.searched)) - gone.get(block, Counter())
        found[block].left_out = dict(left_out)
    return found


def _part(
    world: "World",
    market: "Market",
    block: BlockId,
    losses: Mapping[str, Losses],
    elsewhere: list[Elsewhere],
    house: House,
) -> _Part:
    history = market.notes.history
    calls = history.by_home(world).get(block, [])
    voids = partial(_may_be_gone, losses, block, _asked_ms(calls))
    if block in world.store.lost:
        model = Model(house.most, _unseen(calls), skews=world.skews, unheard_ms=UNHEARD_MS, voids=voids)
        of_legs = _had_by_legs(world, block) if house.rows else None
        searched = [call for call in calls if _is_judged_in_spite_of_losses(call, model, of_legs)]
        return _Part(calls, searched, searched, [], model, [])
    model = Model(
        house.most, skews=world.skews, unheard_ms=UNHEARD_MS, voids=voids,
        are_ends_told=True, rows=house.rows, near=house.near,
    )  # fmt: skip
    keys = {key for call in calls for key in history.journaled(call)}
    told = journaled(world, block, keys)
    searched = [call for call in calls if _is_judged(as_a_hold(call), model, house)]
    others = [one for one in elsewhere if _is_judged(one.as_asked, model, house)]
    known = list(map(as_a_hold, resolved(searched, told.came_to, history.journaled)))
    return _Part(calls, searched, known, others, model, told.steps)


def losses_of(world: "World", home: BlockId, *, is_event: bool) -> Losses:
    """Of a desk, or of an event with all of its parts."""
    blocks = (home, *(part_block(home, number) for number in range(MAX_PARTS))) if is_event else (home,)
    lost_ms = {START_MS + int(one.at_s * 1000) for block in blocks for one in world.store.lost.get(block, ())}
    cancelled_ms = (
        START_MS + int(written_s * 1000) - MOST_ON_ITS_WAY_MS
        for row, written_s in _rows(world, home)
        for entry in decode_entries(row.entries)
        if isinstance(entry, StatusChanged) and entry.status is EventStatus.CANCELLED
    )
    return Losses(min(cancelled_ms, default=FOR_EVER_MS), tuple(sorted(lost_ms)))


def _may_be_gone(
    losses: Mapping[str, Losses], block: str, asked_ms: Mapping[str, int], hold: str, lot: Lot, until_ms: int
) -> bool:
    """Whether the hold may have been lost by then: with its block, or as a basket with an event of which it has
    something. `asked_ms`: since when holds may have been there; what nobody asked for may always have been.
    """
    events = (name.partition("/")[0] for name in (*lot.units, *(area for area, _ in lot.areas)))
    first_ms = asked_ms.get(hold, 0)
    return any(
        own.cancelled_ms <= until_ms or any(first_ms <= at_ms <= until_ms for at_ms in own.lost_ms)
        for own in (losses[each] for each in {block, *events} if each in losses)
    )


def _asked_ms(calls: list[Call]) -> dict[str, int]:
    """When each hold was first asked for, under whatever id it is known."""
    of_key: dict[str, int] = {}
    of_hold: dict[str, int] = {}
    for call in calls:
        if call.kind is Kind.HOLD:
            first_ms = of_key.setdefault(call.key, call.invoked_us // 1000)
            of_hold.setdefault(id_of(call), first_ms)
    return of_hold


def _had_by_legs(world: "World", block: BlockId) -> set[str]:
    """The seats and areas of which baskets ever had something, in rows that are lost too."""
    index = world.folds.of(block).index
    had: set[str] = set()
    for entry in (entry for row, _ in _rows(world, block) for entry in decode_entries(row.entries)):
        if isinstance(entry, LegPinned):
            had.update(map(index.unit_name, entry.seats))
            had.update(index.layout.areas[area].name for area, _ in entry.areas)
    return had


def _rows(world: "World", block: BlockId) -> Iterator[tuple[JournalRow, float]]:
    """All that ever were, and when they came, in seconds of virtual time."""
    for row in world.store.journals.get(block, ()):
        yield row, world.written_s[block, row.position]
    for lost in world.store.lost.get(block, ()):
        yield lost.row, lost.written_s


def _is_judged(call: Call, model: Model, house: House) -> bool:
    """Where the journal tells all that no client sees."""
    if call.outcome is Outcome.FAIL and call.kind is Kind.HOLD:
        if call.reason in BY_SEAT:
            return house.is_event and bool(call.named or call.units)
        is_of_areas = all(area in house.sure for area, _ in call.areas)
        return house.is_event and call.reason == NOT_ENOUGH and is_of_areas and model.knows(call)
    return _is_of_the_model(call, model)


def _is_judged_in_spite_of_losses(call: Call, model: Model, had_by_legs: set[str] | None) -> bool:
    """`had_by_legs`: None, if refusals for what others have are not. A lost row might have made room for a hold that is
    in no history: another's under a key that stood for something.
    """
    if call.outcome is Outcome.FAIL and call.kind is Kind.HOLD:
        names = {*call.units, *call.named, *(area for area, _ in call.areas)}
        return call.reason == "UNITS_SOLD" and had_by_legs is not None and not names & had_by_legs
    return _is_of_the_model(call, model)


def _is_of_the_model(call: Call, model: Model) -> bool:
    if call.kind in (Kind.WAIT, Kind.LEAVE) or call.reason in TURNED_AWAY:
        return False
    if call.outcome is not Outcome.FAIL:
        return call.kind not in READS or call.outcome is Outcome.OK
    return model.knows(call)


def _told(call: Call) -> str:
    return f"{call.kind} {call.reason or call.outcome}"


def _unseen(calls: list[Call]) -> dict[str, Lot]:
    """The holds that nobody asked for, but somebody spoke of: what waiters were offered."""
    asked_for = {call.told.id for call in calls if call.kind is Kind.HOLD and isinstance(call.told, Acknowledged)}
    unseen: dict[str, Lot] = {}
    for call in calls:
        if call.kind in _OF_HOLDS and call.id not in asked_for:
            told = call.told
            if told is not None and told.units is not None and (call.id not in unseen or not any(unseen[call.id])):
                unseen[call.id] = Lot(told.units, told.areas)
            unseen.setdefault(call.id, Lot((), ()))
    return unseen
