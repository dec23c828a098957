"""Who has which unit once all is settled: what the blocks say, and what the desks and plain holds make of it."""

from collections import Counter
from collections.abc import Iterable, Iterator

from actors.core.baskets import LegHeld
from actors.core.desk_state import Basket
from actors.core.ids import BlockId
from actors.core.inventory import UnitStatus
from actors.core.orders import IN_FORCE
from actors.core.parts import LEDGER_AREA
from actors.core.snapshot import digest, freeze, restore
from actors.core.state import BlockState, Hold, Units
from actors.core.tickets import good_tickets, units_of
from tests.simulation.basket_check import faults_between, tickets_and_counts


def faults_when_settled(folds: dict[BlockId, BlockState]) -> list[str]:
    """What is wrong between desks and legs, unit by unit, and with the folds themselves."""
    faults: list[str] = []
    for block, fold in folds.items():
        if digest(fold) != digest(restore(freeze(fold))):
            faults.append(f"{block}: a snapshot of it is another state")
        if fold.layout is not None:
            faults += _faults_of_owners(block, fold, folds)
            faults += _faults_of_tickets(block, fold)
        if fold.was_cancelled and any((*fold.inventory.owners, *fold.inventory.area_held, *fold.inventory.area_sold)):
            faults.append(f"{block}: somebody has something of an event that was cancelled")
    return [*faults_between(folds), *faults]


def _faults_of_owners(block: BlockId, fold: BlockState, folds: dict[BlockId, BlockState]) -> Iterator[str]:
    """Each unit belongs to the leg whose basket has it, by name, or to a plain hold; and nobody else's is gone."""
    due: dict[str, int] = {}
    places: Counter[str] = Counter()
    for held, ticket in _had(block, folds):
        name = LEDGER_AREA if held.counts else held.ticket_names[ticket]
        if ticket < len(held.seats):
            due[name] = held.leg
        else:
            places[name] += 1
    for number, hold in fold.holds.items():
        if number not in fold.legs:
            due.update((fold.index.unit_name(unit), number) for units in _plain(fold, hold) for unit in units.seats)
    owners = {fold.index.unit_name(unit): owner for unit, owner in enumerate(fold.inventory.owners) if owner}
    if owners != due:
        yield f"{block}: the units belong to {owners}, and should to {due}"
    for area, known in enumerate(fold.index.layout.areas):
        count = fold.inventory.area_held[area] + fold.inventory.area_sold[area]
        if count != places[known.name]:
            yield f"{block}: {count} places of {known.name} are gone, and should be {places[known.name]}"


def _plain(fold: BlockState, hold: Hold) -> Iterable[Units]:
    """What a hold of the block itself has, or the order of it."""
    if fold.claims_units(hold):
        return (fold.units_now(hold),)
    order = fold.orders.get(hold.order)
    return units_of(fold, good_tickets(fold, hold, order)) if order is not None and order.status in IN_FORCE else ()


def _had(block: BlockId, folds: dict[BlockId, BlockState]) -> Iterator[tuple[LegHeld, int]]:
    """Every leg's ticket in the block that some desk says is held or good; of a ledger's leg, what it counts."""
    for desk in folds.values():
        for basket in desk.desk.baskets.values():
            for held, tickets in _had_of(desk, basket):
                if held.block == block:
                    yield from ((held, ticket) for ticket in tickets)


def _had_of(desk: BlockState, basket: Basket) -> Iterator[tuple[LegHeld, Iterable[int]]]:
    hold = desk.holds[basket.number] if basket.held else None
    if hold is None:
        return
    order = desk.orders[hold.order] if hold.order else None
    if desk.claims_units(hold):
        yield from ((held, range(held.counts or len(held.of_ticket))) for held in basket.held)
    elif order is not None and order.status in IN_FORCE:
        good = [number for number, revision in enumerate(order.code_revisions) if revision]
        yield from tickets_and_counts(basket, good)


def _faults_of_tickets(block: BlockId, fold: BlockState) -> Iterator[str]:
    """A unit of a leg is sold if, and only if, it has a good ticket of it."""
    good = {
        (leg, unit)
        for leg in fold.legs
        if leg in fold.orders
        for units in units_of(fold, good_tickets(fold, fold.holds[leg], fold.orders[leg]))
        for unit in units.seats
    }
    for unit, owner in enumerate(fold.inventory.owners):
        status = fold.inventory.statuses[unit]
        if owner in fold.legs and (status == UnitStatus.SOLD) != ((owner, unit) in good):
            yield f"{block}: {fold.index.unit_name(unit)} is {UnitStatus(status).name}, and its ticket is not so"
