"""What a decision finds: who has which unit at its time, and what stands in the way of a wish.

Judged by time: what is overdue counts as available, though its end is not in the journal yet, and the decision that
uses it ends it (`overdue`); likewise what was set aside until now. Units that the same step gives back count as
available too. While somebody waits for units, what is overdue or comes back is theirs first, and stands in the way
until it was offered.

A decision looks at so much of what is overdue and no more, stale deadlines included. Where that was not all, nobody is
told that there is not enough, but to ask again (`OVERLOADED`): each turn ends hundreds.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack

from actors.core.allotments import ACCESSIBLE_SEATS, allotment_of_pool, places_kept, pools_without, returned_at
from actors.core.asking import Asked, AskedBest
from actors.core.inventory import ACCESSIBLE, FIRST_ALLOTMENT, GONE, OPEN, UnitStatus
from actors.core.outcomes import Details, Reason, Rejected
from actors.core.seat_rows import Found
from actors.core.state import BlockState, Hold, Units
from actors.core.wishes import Wish

MAX_OVERDUE_LOOKED_AT = 500
"""How many deadlines that have come one decision looks at for what it cannot name: less than a millisecond."""

MAX_OVERDUE_SEATS = 400
"""How many overdue seats the best ones are chosen among: about a millisecond, as their rows are worked in and out."""

Chosen = tuple[list[int], tuple[int, int]]
"""The seats that were chosen, and their score and orphans."""


class Ground:
    """One decision's view of the block. `given`: what the same step gives back; `later`: what is given back only after
    others may have decided, and counts for the buyer alone. `is_own`: whether a hold of this number is so much the
    asker's that between its slots and what is asked for no buffer is kept.
    """

    def __init__(
        self,
        state: BlockState,
        now_ms: int,
        wish: Wish,
        given: Sequence[Units] = (),
        later: Sequence[Units] = (),
        is_own: Callable[[int], bool] = lambda _: False,
    ) -> None:
        self.overdue: dict[int, Hold] = {}  # the holds that the decision must end
        self._state = state
        self._now_ms = now_ms
        self._wish = wish
        self._given = given
        self._is_own = is_own
        self._given_seats = frozenset(seat for units in given for seat in units.seats)
        self.given_count = sum(
            len(units.seats) + sum(quantity for _, quantity in units.areas) for units in (*given, *later)
        )
        self._may_use_overdue = not len(state.line)
        self._cut_short = False  # more is overdue than was looked at
        came_back = returned_at(state, now_ms) if self._may_use_overdue else ()
        self._returned = state.returned.union(came_back)
        self._pools = pools_without(state, self._returned) if came_back else state.inventory.pools

    def refuse(self, asked: Asked) -> Rejected | None:
        """What stands in the way of the units that are asked for by number."""
        return (
            self._refuse_reserved(asked.seats) or self._refuse_claimed(asked.seats) or self._refuse_areas(asked.areas)
        )

    def choose(self, asked: Asked) -> list[Chosen] | Rejected:
        """The best seats for each choice that is left to us (one at least), apart from what is asked for by number.

        Several are made one after the other, as asked. Whenever what is left has no room for one, all are made anew
        with that one first, as many times as there are choices. So what is refused has no room for a choice by itself,
        or each that was tried left none for another by taking its best: seats that would serve all, only because one
        takes less than the best, are not found. What is told is of a choice that has no room by itself, if one is met,
        else of the one that failed when they were made as asked.
        """
        best, refusals = asked.best, list[Rejected]()
        order, tried = list(range(len(best))), list[list[AskedBest]]()
        supposed = self._supposed() | dict.fromkeys(asked.seats, GONE)
        for _ in best:
            in_turn = [best[choice] for choice in order]
            if in_turn in tried:
                break
            found, available = self._find_in_turn(best, order, supposed)
            if len(found) == len(best):
                self._use(seat for each in found.values() for seat in each.seats)
                in_order = (found[choice] for choice in range(len(best)))
                return [(list(each.seats), (each.score, each.orphans)) for each in in_order]
            failed = order.pop(len(found))
            order.insert(0, failed)
            tried.append(in_turn)
            refusals.append(self._not_enough(best[failed].names(self._state.index.layout), available))
            if not found:
                return refusals[-1]
        return refusals[0]

    def _find_in_turn(
        self, best: Sequence[AskedBest], order: Sequence[int], supposed: dict[int, int]
    ) -> tuple[dict[int, Found], int]:
        """What is found for each of the choices in this order, until one fails, and how many that one could have."""
        found: dict[int, Found] = {}
        with ExitStack() as stack:
            stack.enter_context(self._state.seat_finders.supposing(supposed))
            for choice in order:
                one = self._find(best[choice])
                if isinstance(one, int):
                    return found, one
                found[choice] = one
                stack.enter_context(self._state.seat_finders.supposing(dict.fromkeys(one.seats, GONE)))
        return found, 0

    def _find(self, best: AskedBest) -> Found | int:
        pools = {OPEN}
        if best.accessible:
            pools.add(ACCESSIBLE)
        if self._wish.channel:
            allotments = enumerate(self._state.rules.allotments, FIRST_ALLOTMENT)
            pools.update(pool for pool, allotment in allotments if allotment.channel == self._wish.channel)
        finder = self._state.seat_finders.finder(frozenset(pools))
        return finder.find(best.quantity, best.sections, best.categories, split=best.split, accessible=best.accessible)

    def _supposed(self) -> dict[int, int]:
        """The seats that stand otherwise on the shelf at this time than in the journal."""
        state, pools = self._state, self._pools
        back = self._overdue_seats()
        back += self._given_seats
        supposed = {seat: pools[seat] for seat in back if seat < state.index.seat_count}
        if pools is not state.inventory.pools:
            shelf, owners = state.inventory.shelf, state.inventory.owners
            moved = (seat for seat in range(state.index.seat_count) if not owners[seat] and shelf[seat] != pools[seat])
            supposed.update((seat, pools[seat]) for seat in moved)
        return supposed

    def _overdue_seats(self) -> list[int]:
        """The seats that are overdue. If they are too many: those only of the holds that the decision ends anyway, so
        that what is chosen is the best of what is there when these have ended, and anybody can tell that it is.
        """
        units_now = self._state.units_now
        seats: list[int] = []
        for hold in self._overdue_holds():
            seats += units_now(hold).seats
            if len(seats) > MAX_OVERDUE_SEATS:
                self._cut_short = True
                break
        return [seat for hold in self.overdue.values() for seat in units_now(hold).seats] if self._cut_short else seats

    def _use(self, seats: Iterable[int]) -> None:
        """Note the overdue holds that must end for these seats."""
        owners = self._state.inventory.owners
        for seat in seats:
            if owners[seat] and seat not in self._given_seats:
                self.overdue[owners[seat]] = self._state.holds[owners[seat]]

    def _refuse_reserved(self, units: list[int]) -> Rejected | None:
        """The units that are set aside for others than who asks, whoever has them now."""
        pools = self._pools
        keeps_accessible = not self._wish.accessible and ACCESSIBLE_SEATS not in self._returned
        blocked: list[int] = []
        others: list[int] = []
        for unit in units:
            if pools[unit] == OPEN:
                continue
            if keeps_accessible and self._state.index.is_special(unit):
                blocked.append(unit)
            elif pools[unit] >= FIRST_ALLOTMENT:
                channel = allotment_of_pool(self._state, pools[unit]).channel
                if not channel:
                    blocked.append(unit)
                elif channel != self._wish.channel:
                    others.append(unit)
        if blocked:
            return Rejected(Reason.UNITS_BLOCKED, Details(units=self._names(blocked)))
        if others:
            return Rejected(Reason.CHANNEL_REQUIRED, Details(units=self._names(others)))
        return None

    def _refuse_claimed(self, units: list[int]) -> Rejected | None:
        """The units that others have, and slots that are too near to those of others."""
        sold: set[int] = set()
        held: set[int] = set()
        earliest_ms = 0
        for claimed, blocked in self._in_the_way(units):
            hold = self._state.holds[self._state.inventory.owners[claimed]]
            if self._state.inventory.statuses[claimed] == UnitStatus.SOLD:
                sold.update(blocked)
            elif hold.number in self._state.legs:
                held.update(blocked)  # until its desk says more
            elif self._may_use_overdue and hold.expires_at_ms <= self._now_ms:
                self.overdue[hold.number] = hold
            else:
                held.update(blocked)
                earliest_ms = min(earliest_ms or hold.expires_at_ms, hold.expires_at_ms)
        if sold:
            return Rejected(Reason.UNITS_SOLD, Details(units=self._names([unit for unit in units if unit in sold])))
        if held:
            names = self._names([unit for unit in units if unit in held])
            return Rejected(Reason.UNITS_HELD, Details(units=names, retry_at_ms=earliest_ms or None))
        return None

    def _in_the_way(self, units: list[int]) -> Iterator[tuple[int, Sequence[int]]]:
        """What others have, with those of these units that it is, or is too near to. No buffer within a basket."""
        index, owners = self._state.index, self._state.inventory.owners
        for unit in units:
            if owners[unit] and unit not in self._given_seats:
                yield unit, (unit,)
        if index.unit_count == index.seat_count:
            return
        slots = sorted(unit for unit in units if unit >= index.seat_count)
        for part in index.slots.surroundings(slots):
            for claimed in part:
                if not owners[claimed] or claimed in self._given_seats or self._is_own(owners[claimed]):
                    continue
                near = index.slots.around(claimed, claimed)
                blocked = [slot for slot in slots if slot in near and slot != claimed]
                if blocked:
                    yield claimed, blocked

    def _refuse_areas(self, areas: list[tuple[int, int]]) -> Rejected | None:
        quantities: dict[int, int] = {}  # an area may be asked for at several price types
        for area, quantity in areas:
            quantities[area] = quantities.get(area, 0) + quantity
        for area, quantity in quantities.items():
            back = self._back(area)
            available = self._available(area, back)
            if available < quantity and self._state.inventory.area_held[area]:
                available = self._expire_more(area, quantity, back)
            if available < quantity:
                return self._not_enough((self._state.index.layout.areas[area].name,), max(available, 0))
        return None

    def _not_enough(self, named: tuple[str, ...], available: int) -> Rejected:
        """That no more is there; who has not seen all that is overdue cannot say so yet."""
        if self._cut_short:
            return Rejected(Reason.OVERLOADED)
        return Rejected(Reason.NOT_ENOUGH_AVAILABLE, Details(units=named, available=available))

    def _back(self, area: int) -> dict[str, int]:
        """How many places of the area come back by this decision, by the channel through which they were had."""
        back: dict[str, int] = {}
        for units in (*self._given, *map(self._state.units_now, self.overdue.values())):
            back[units.channel] = back.get(units.channel, 0) + _places(units.areas, area)
        return back

    def _available(self, area: int, back: dict[str, int]) -> int:
        available = self._state.inventory.available(area) + sum(back.values())
        if self._state.rules.allotments:
            available -= places_kept(self._state, area, self._wish.channel, self._returned, back)
        return available

    def _expire_more(self, area: int, wanted: int, back: dict[str, int]) -> int:
        """Use overdue holds of the area until so many are available; how many are. Rare: the tick expires most."""
        available = self._available(area, back)
        for hold in self._overdue_holds():
            places = _places(self._state.units_now(hold).areas, area)
            if places and hold.number not in self.overdue:
                self.overdue[hold.number] = hold
                back[hold.channel] = back.get(hold.channel, 0) + places
                available = self._available(area, back)
                if available >= wanted:
                    break
        return available

    def _overdue_holds(self) -> Iterator[Hold]:
        """Those that are overdue, the longest first; `_cut_short`, if there may be more."""
        for looks, hold in enumerate(self._state.overdue(self._now_ms) if self._may_use_overdue else (), 1):
            if hold is not None:
                yield hold
            if looks == MAX_OVERDUE_LOOKED_AT:
                self._cut_short = True
                return

    def _names(self, units: list[int]) -> tuple[str, ...]:
        return tuple(map(self._state.index.unit_name, dict.fromkeys(units)))


def _places(areas: Iterable[tuple[int, int]], area: int) -> int:
    return sum(quantity for where, quantity in areas if where == area)
