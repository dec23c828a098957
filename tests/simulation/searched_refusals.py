"""Refusals for what others have, as the block in which they have it knows them: those of desks, and of exchanges, as if
somebody had asked for that alone.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from actors.core.ids import BlockId, desks_of
from actors.core.wishes import Wish
from loadtests.history.calls import Call, Kind, Outcome
from tests.simulation.recording import areas_of, is_particular

if TYPE_CHECKING:
    from tests.simulation.market import Market
    from tests.simulation.world import World

BY_SEAT = ("UNITS_SOLD", "UNITS_HELD")
NOT_ENOUGH = "NOT_ENOUGH_AVAILABLE"
FOR_OTHERS = (*BY_SEAT, NOT_ENOUGH)


class Elsewhere(NamedTuple):
    """A call that was refused at a desk, and as what it is looked for in the block that was in its way."""

    desk: str
    call: Call
    as_asked: Call


def of_desks(world: "World", market: "Market", blocks: Mapping[str, Sequence[str]]) -> dict[str, list[Elsewhere]]:
    """By block, those that but one block can have been in the way of. `blocks`: of each event, by its id."""
    history = market.notes.history
    found: dict[str, list[Elsewhere]] = {}
    for desk in sorted(desks_of(history.tenant)):
        for call in filter(_is_for_others, history.by_home(world).get(desk, ())):
            wished = history.wishes[call.key]
            legs = [(block, wish) for event, wish in wished.legs for block in blocks.get(event, ())]
            ways = list(_ways(world, call, legs)) if all(event in blocks for event, _ in wished.legs) else []
            if len(ways) == 1:
                block, own = ways[0]
                since = msgspec.structs.replace(own, invoked_us=wished.since_us)
                found.setdefault(block, []).append(Elsewhere(desk, call, since))
    return found


def _is_for_others(call: Call) -> bool:
    is_refused = call.outcome is Outcome.FAIL and call.reason in FOR_OTHERS
    return is_refused and call.kind in (Kind.HOLD, Kind.EXCHANGE)


def as_a_hold(call: Call) -> Call:
    """An exchange that others were in the way of."""
    if call.kind is not Kind.EXCHANGE or call.outcome is not Outcome.FAIL or call.reason not in BY_SEAT:
        return call
    return _for_seats(call) if call.named else call


def _ways(world: "World", call: Call, legs: Sequence[tuple[str, Wish]]) -> Iterator[tuple[str, Call]]:
    """In which block it may have been refused for this, and as what."""
    for block, wish in legs:
        index = world.folds.of(BlockId(block)).index
        if call.reason in BY_SEAT:
            is_here = call.named and all(index.find_unit(name) is not None for name in call.named)
            if is_here and (wish.spans or any(_is_of(name, wish) for name in call.named)):
                yield block, _for_seats(call)
        else:
            is_of_an_area = any(name in index.area_of_name for name in call.named)
            if wish.best and not is_of_an_area:
                best = tuple(best.quantity for best in wish.best)
                yield block, _plain(call, best=best, is_particular=is_particular(wish))
            for area in areas_of(wish):
                if area[0] in index.area_of_name and area[0] in call.named:
                    yield block, _plain(call, areas=(area,), named=(area[0],))


def _is_of(name: str, wish: Wish) -> bool:
    return any(f"{name}/".startswith(f"{unit}/") for unit in wish.seats)


def _for_seats(call: Call) -> Call:
    return _plain(call, units=call.named)


def _plain(call: Call, **wished: object) -> Call:
    fields: dict[str, object] = dict.fromkeys(("units", "areas", "best", "spans", "tickets", "best_of"), ())
    fields |= {"kind": Kind.HOLD, "id": "", "is_particular": False}
    return msgspec.structs.replace(call, **(fields | wished))
