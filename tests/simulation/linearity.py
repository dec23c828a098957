"""Whether there is an order of what clients saw of each block that a model of holds and orders allows.

A block's history has what is at home in it: desks with their baskets as well as events. What legs of baskets and offers
to waiters have there is not in it. So an offer that somebody takes up begins unseen, and of refusals for what others
have only those are looked at here that no basket explains; all of them are held against the journals (`recording`).
"""

from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING

from actors.audit.replies import Acknowledged
from actors.core.ids import BlockId, part_block
from actors.core.parts import MAX_PARTS
from loadtests.history.calls import Call, Kind, Outcome, Seen
from loadtests.history.linear import Linearity, check
from loadtests.history.lots import Lot
from loadtests.history.model import Model
from loadtests.history.standing import TURNED_AWAY

if TYPE_CHECKING:
    from tests.simulation.market import Market
    from tests.simulation.world import World

MAX_STATES = 20_000
_OF_HOLDS = (Kind.EXTEND, Kind.RELEASE, Kind.ORDER, Kind.READ_HOLD)


def linearity(world: "World", market: "Market", max_states: int = MAX_STATES) -> dict[str, Linearity]:
    """By block of which there is a history."""
    homes = market.notes.history.by_home(world)
    shapes = {event.id.partition("_")[2]: event.shape for event in market.events}
    capacities: dict[str, int] = {}
    for block, shape in shapes.items():
        for area in (area for layout in (shape.layout, *shape.layouts) for area in layout.areas):
            name = f"{block}/{area.name}"
            capacities[name] = max(area.capacity, capacities.get(name, 0))
    sold_by_desks = _sold_by_desks(homes, shapes.keys())
    voided = {block for block in shapes if _is_voided(world, BlockId(block))}
    found = {}
    for block, calls in homes.items():
        own = {name.removeprefix(f"{block}/"): capacity for name, capacity in capacities.items()}
        voids = partial(_may_be_gone, voided, block in voided or BlockId(block) in world.store.lost)
        model = Model(own, _unseen(calls), is_timeless=world.clocks_jumped, voids=voids)
        is_plain = block in shapes and shapes[block].sets_nothing_aside
        judged = (call for call in calls if _is_judged(call, model, sold_by_desks.get(block) if is_plain else None))
        found[block] = check(judged, model, max_states)
    return found


def _is_voided(world: "World", home: BlockId) -> bool:
    """Whether what is held of the event may be gone: it was cancelled, or a failover lost a row of it or of a part."""
    blocks = (home, *(part_block(home, number) for number in range(MAX_PARTS)))
    return world.folds.of(home).was_cancelled or any(block in world.store.lost for block in blocks)


def _may_be_gone(voided: set[str], is_block_voided: bool, lot: Lot) -> bool:
    """Whether its block is voided, or it is a basket with something of an event that is."""
    return is_block_voided or any(
        name.partition("/")[0] in voided for name in (*lot.units, *(area for area, _ in lot.areas))
    )


def _sold_by_desks(homes: dict[str, list[Call]], events: Iterable[str]) -> dict[str, set[str] | None]:
    """The units of each event that baskets were ever told to have; None: nobody knows, as an exchange stayed open."""
    sold: dict[str, set[str] | None] = {event: set() for event in events}
    for block, calls in homes.items():
        for call in calls if block not in sold else ():
            if call.kind is Kind.EXCHANGE and call.outcome is Outcome.INFO:
                return dict.fromkeys(sold)
            for name in (isinstance(call.told, Acknowledged | Seen) and call.told.units) or ():
                event, _, unit = name.partition("/")
                own = sold.get(event)
                if own is not None:
                    own.add(unit)
    return sold


def _is_judged(call: Call, model: Model, sold_by_desks: set[str] | None) -> bool:
    """`sold_by_desks`: None, if refusals for what others have are not."""
    if call.kind in (Kind.WAIT, Kind.LEAVE) or call.reason in TURNED_AWAY:
        return False
    if call.outcome is not Outcome.FAIL:
        return True
    if call.kind is Kind.HOLD:
        is_sold = call.reason == "UNITS_SOLD" and sold_by_desks is not None
        return is_sold and not {*call.units, *call.named} & (sold_by_desks or set())
    return model.knows(call)


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
