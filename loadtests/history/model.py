"""One block as its clients know it, one call after the other: the model that a linearization is held against.

Independent of the core: it knows units by name, places by number, holds and orders by id. Time ends holds and unpaid
orders as soon as their deadline can have passed, and not later than somebody sees that; as a new owner gives holds a
grace, one that is overdue may still live.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

from actors.audit.denials import CLOCK_TOLERANCE_MS
from actors.audit.replies import Acknowledged
from loadtests.history.calls import Call, Kind, Outcome, Seen
from loadtests.history.lots import UNTOLD, Lot, counted, id_of, lot_of, names_of
from loadtests.history.model_state import (
    ENDED,
    IN_FORCE,
    VAGUE,
    VOID,
    State,
    areas_of,
    give_back,
    gone,
    has_of,
    is_vague,
    longest_run,
    make_vague,
    units_of,
    voided,
)
from loadtests.history.skews import Skews

ENDED_BY_ITSELF = "ended by itself"
"""The reason of what is no read, but tells that a hold or an unpaid order ended as its time was up."""
KNOWN = set(Kind) - {Kind.WAIT, Kind.LEAVE}
_OF_HOLDS = (Kind.EXTEND, Kind.RELEASE, Kind.ORDER, Kind.READ_HOLD)
_IN_THE_WAY = {"UNITS_HELD": "held", "UNITS_SOLD": "sold"}
_OF_TICKETS = (Kind.CANCEL_PARTLY, Kind.EXCHANGE)
_AS_REFUSED = {"PARTLY_CANCELLED": "CONFIRMED", "COMPLETED": "CLOSED", "NO_SHOW": "CLOSED"}
_REASONS = {
    "HOLD": {"NOT_FOUND", "EXPIRED", "RELEASED", "CONFIRMED"},
    "ORDER": {"NOT_FOUND", "EXPIRED", "CANCELLED", "CONFIRMED", "PENDING", "CLOSED"},
}
_NOT_ENOUGH = "NOT_ENOUGH_AVAILABLE"
_FIRST = "first"
_LIVES_ON = ("lives on",)


class Model:
    """`capacities`: of the areas. What it does not know it says (`knows`).

    `skews`: how far the clocks by which deadlines are set and come may be from that of the calls, in its course.
    `unheard_ms`: for how long a shard may not have heard the journal, by whose clock it sets deadlines.
    `voids`: whether a hold that has this may have lost all of it by then, as an event was cancelled of which it has
    something.
    `are_ends_told`: all that ends by itself is among the calls, as `ENDED`; by time alone nothing is given back then.
    `rows`: the seats that are next to each other, if who is told that there is no room for a choice can be held to it.
    `near`: the slots that keep a slot from others, as they need a pause between them.
    `unseen`: what holds have that nobody asked for, by id. Each is placed when somebody first speaks of it: that it was
    there before can only be in the way of others.
    """

    def __init__(
        self,
        capacities: Mapping[str, int],
        unseen: Mapping[str, Lot] | None = None,
        *,
        skews: Skews | None = None,
        unheard_ms: int = 0,
        voids: Callable[[str, Lot, int], bool] = lambda *_: False,
        are_ends_told: bool = False,
        rows: Sequence[Sequence[str]] = (),
        near: Mapping[str, Collection[str]] | None = None,
    ) -> None:
        self._capacities = capacities
        self._unseen = unseen or {}
        self.skews = skews or Skews()
        self._unheard_ms = unheard_ms
        self._voids = voids
        self._are_ends_told = are_ends_told
        self._rows = rows
        self._near = near or {}

    def knows(self, call: Call) -> bool:
        """Whether `after` knows what such a call does or says."""
        if call.kind not in KNOWN:
            return False
        if call.outcome is Outcome.FAIL and call.kind is Kind.HOLD:
            if call.reason in _IN_THE_WAY:
                return True
            is_of_one_kind = not (call.areas if call.best else not call.areas or call.units)
            is_known = bool(self._rows) and not call.is_particular and not call.units if call.best else True
            return call.reason == _NOT_ENOUGH and is_of_one_kind and is_known
        if call.outcome is Outcome.FAIL:
            what, _, status = call.reason.partition("_")
            return what == ("HOLD" if call.kind in _OF_HOLDS else "ORDER") and status in _REASONS[what]
        return True

    def names(self, call: Call) -> Iterator[str]:
        """All that the call is about, and all that its answer depends on."""
        yield from names_of(call)
        if call.outcome is not Outcome.FAIL or call.kind is not Kind.HOLD:
            return
        for unit in call.named:
            yield unit
            yield from self._near.get(unit, ())
        for row in self._rows if call.best and call.reason == _NOT_ENOUGH else ():
            yield from row

    def after(self, state: State, call: Call, until_ms: int) -> State | None:
        """The state after the call was answered as it was, at the latest then; None: it cannot have been.

        The same state, if nothing changed. Of INFO: if it had its effect.
        """
        if call.id in self._unseen and call.id not in state:
            return self._after_unseen(state, call, until_ms)
        if call.outcome is Outcome.FAIL:
            return self._refused(state, call, until_ms)
        match call.kind:
            case Kind.HOLD:
                return self._held(state, call, until_ms)
            case Kind.READ_HOLD | Kind.READ_ORDER:
                assert isinstance(call.told, Seen), "a read that was answered tells what was seen"
                if call.reason == ENDED_BY_ITSELF:
                    return self._ended(state, call.id, until_ms)
                return self._seen(state, call.id, call.told, until_ms)
            case Kind.EXTEND | Kind.RELEASE | Kind.ORDER:
                return self._of_hold(state, call)
            case Kind.CANCEL_PARTLY | Kind.EXCHANGE | Kind.REASSIGN | Kind.CLOSE:
                return self._of_paid_order(state, call, until_ms)
            case _:
                return self._of_order(state, call)

    def _after_unseen(self, state: State, call: Call, until_ms: int) -> State | None:
        """As `after`, of a hold that nobody has spoken of."""
        status = call.told.status if isinstance(call.told, Seen) else call.reason.partition("_")[2]
        if status == "NOT_FOUND":
            return state
        if status in ("EXPIRED", "RELEASED"):
            return state | {call.id: (status, 0, *self._unseen[call.id], "")}
        lot, placed = self._unseen[call.id], dict(state)
        if not self._clear(placed, lot, until_ms):
            return None
        self._place(placed, call.id, lot, 0)
        return self.after(placed, call, until_ms)

    def _held(self, state: State, call: Call, until_ms: int) -> State | None:
        lot = lot_of(call)
        after = dict(state)
        hold = id_of(call)
        if not self._clear(after, lot, until_ms) or hold in after:
            return None
        self._place(after, hold, lot, self._deadline_ms(call, until_ms))
        if not _told_deadline_ms(call):
            after[f"{hold} may live on"] = _LIVES_ON
        if call.best and call.told is None:
            make_vague(after, VAGUE, hold)  # it has some that nobody knows
        return after

    def _place(self, after: State, hold: str, lot: Lot, deadline_ms: int) -> None:
        after.update((unit, ("held", hold)) for unit in lot.units)
        for area, quantity in lot.areas:
            after[area] = (gone(after, area) + quantity,)
        after[hold] = ("ACTIVE", deadline_ms, *lot, "")

    def _deadline_ms(self, call: Call, until_ms: int) -> int:
        """When it ends by itself, at the earliest: if that was not told, by a clock that may be behind the calls.

        A shard that has not heard the journal for a while goes by what it had heard last, and a little more.
        """
        behind_ms = CLOCK_TOLERANCE_MS + self._unheard_ms + self.skews.at(until_ms)
        return _told_deadline_ms(call) or max(call.invoked_us // 1000 + call.ttl_ms - behind_ms, 0)

    def _clear(self, after: State, lot: Lot, until_ms: int) -> bool:
        """End what is overdue until all of it can be had."""
        for unit in lot.units:
            owner = after.get(unit)
            if owner is None or owner[0] == VAGUE:
                continue
            if not self._end(after, str(owner[1]), until_ms):
                return False
        return all(self._make_room(after, area, quantity, until_ms) for area, quantity in lot.areas)

    def _make_room(self, after: State, area: str, quantity: int, until_ms: int) -> bool:
        """End what is overdue of the area, the longest due first, until there is room.

        Of those due by a clock that may be off, or by a deadline that nobody was told, it is not known which.
        """
        room = self._capacities.get(area, 0) - quantity
        if gone(after, area) > room:
            due = sorted(
                (int(str(fact[1])), name) for name, fact in after.items() if len(fact) == 5 and has_of(fact, area)
            )
            may_end = not self._are_ends_told
            overdue = [(due_ms, hold) for due_ms, hold in due if may_end and self._may_expire(after, hold, until_ms)]
            is_known = not self.skews.at(until_ms) and overdue and overdue[0][0]
            if len(overdue) > 1 and not (is_known and all(f"{hold} may live on" not in after for _, hold in overdue)):
                make_vague(after, f"{area} is vague")
            for _, hold in overdue:
                if gone(after, area) > room and not is_vague(after, area):
                    self._expire(after, hold, until_ms)
            if gone(after, area) > room and any(self._is_void(after, hold, until_ms) for _, hold in due):
                return True  # nobody knows whose
        return gone(after, area) <= room or is_vague(after, area)

    def _end(self, after: State, hold: str, until_ms: int) -> bool:
        """End the hold or its order if its time may be up, or if it may be void."""
        if not self._are_ends_told and self._expire(after, hold, until_ms):
            return True
        fact = after[hold]
        name = str(fact[4]) or hold
        if not self._is_void(after, name, until_ms):
            return False
        if after[name][0] not in ENDED:
            after.update(voided(after, name, "CANCELLED" if fact[4] else "RELEASED") or {})
        return True

    def _is_void(self, state: State, name: str, until_ms: int) -> bool:
        hold = name if len(state[name]) == 5 else str(state[name][1])
        return self._voids(hold, Lot(units_of(state[hold]), areas_of(state[hold])), until_ms)

    def _may_expire(self, state: State, hold: str, until_ms: int) -> bool:
        fact = state[hold]
        order = state.get(str(fact[4]))
        is_unsold = fact[0] == "ACTIVE" if order is None else order[0] == "PENDING"
        return is_unsold and int(str(fact[1])) <= until_ms + self.skews.ahead(until_ms)

    def _expire(self, after: State, hold: str, until_ms: int) -> bool:
        """End the hold, or its unpaid order, if its time may be up by then."""
        if not self._may_expire(after, hold, until_ms):
            return False
        fact = after[hold]
        order = after.get(str(fact[4]))
        if order is None:
            after[hold] = ("EXPIRED", *fact[1:])
        else:
            after[str(fact[4])] = ("EXPIRED", hold)
        give_back(after, hold)
        return True

    def _ended(self, state: State, name: str, until_ms: int) -> State | None:
        """As its time was up by then."""
        fact = state.get(name)
        if fact is None or fact[0] in ENDED:
            return None if fact is None else state
        after = dict(state)
        return after if self._expire(after, name if len(fact) == 5 else str(fact[1]), until_ms) else None

    def _of_hold(self, state: State, call: Call) -> State | None:
        fact = state.get(call.id)
        if fact is None or fact[0] != "ACTIVE":
            return None
        after = dict(state)
        if call.kind is Kind.EXTEND:
            told_ms = _told_deadline_ms(call)
            after[call.id] = ("ACTIVE", told_ms or fact[1], *fact[2:])
            if not told_ms:
                after[f"{call.id} may live on"] = _LIVES_ON
        elif call.kind is Kind.RELEASE:
            after[call.id] = ("RELEASED", *fact[1:])
            give_back(after, call.id)
        else:
            order = id_of(call)
            after[call.id] = ("CONFIRMED", *fact[1:4], order)
            after[order] = ("PENDING", call.id)
        return after

    def _of_order(self, state: State, call: Call) -> State | None:
        fact = state.get(call.id)
        if fact is None or fact[0] not in (("PENDING",) if call.kind is Kind.CONFIRM else ("PENDING", *IN_FORCE)):
            return None
        after, hold = dict(state), str(fact[1])
        if call.kind is Kind.CONFIRM:
            after[call.id] = ("CONFIRMED", hold)
            after.update((unit, ("sold", hold)) for unit in units_of(state[hold]))
        else:
            after[call.id] = ("CANCELLED", hold)
            give_back(after, hold)
        return after

    def _of_paid_order(self, state: State, call: Call, until_ms: int) -> State | None:
        """What may be done to an order in force. Of tickets the answer tells what the order has then: without one, and
        with one that tells what it has by now, it is not known what it gave back, nor what it got.
        """
        fact = state.get(call.id)
        if fact is None or fact[0] not in IN_FORCE:
            return None
        if call.kind is Kind.REASSIGN:
            return state
        after, hold = dict(state), str(fact[1])
        if call.kind is Kind.CLOSE:
            after[call.id] = ("CLOSED", hold)
            return after
        if call.kind is Kind.CANCEL_PARTLY:
            after[call.id] = ("PARTLY_CANCELLED", hold)
        lot = Lot(units_of(state[hold]), areas_of(state[hold]))
        if call.replayed or not isinstance(call.told, Acknowledged):
            names = (*lot.units, *call.units, *(f"{area} is vague" for area, _ in (*lot.areas, *call.areas)))
            names = (*names, f"{call.id} is vague", *((VAGUE,) if call.best else ()))
            for name in names:
                make_vague(after, name, hold)
            return after
        return self._with_lot(after, hold, lot_of(call), until_ms)

    def _with_lot(self, after: State, hold: str, lot: Lot, until_ms: int) -> State | None:
        """The hold's order has this now, sold, and nothing else."""
        fact = after[hold]
        before, had = set(units_of(fact)), dict(areas_of(fact))
        more = Lot(
            tuple(unit for unit in lot.units if unit not in before),
            tuple((area, quantity - had.get(area, 0)) for area, quantity in lot.areas if quantity > had.get(area, 0)),
        )
        give_back(after, hold)
        if not self._clear(after, Lot(more.units, lot.areas), until_ms):
            return None
        after.update((unit, ("sold", hold)) for unit in lot.units)
        for area, quantity in lot.areas:
            after[area] = (gone(after, area) + quantity,)
        after.setdefault(f"{hold} at first", (_FIRST, *fact[1:4]))
        after[hold] = (*fact[:2], *lot, fact[4])
        return after

    def _seen(self, state: State, name: str, seen: Seen, until_ms: int) -> State | None:
        after = self._with_status(state, name, seen.status, until_ms)
        if after is not None and name in after and not self._shows(after, name, seen, until_ms):
            return None
        if after is None or seen.status != "ACTIVE" or not seen.expires_at_ms:
            return after
        known_ms = int(str(after[name][1]))
        is_sure = known_ms and not self.skews.is_lost(until_ms)
        return None if is_sure and seen.expires_at_ms < known_ms else after

    def _shows(self, state: State, name: str, seen: Seen, until_ms: int) -> bool:
        """Whether it has what was seen of it: a hold what it was placed on, an order what it has by now, if known."""
        if seen.units is None:
            return True
        fact = state[name]
        if len(fact) == 5:
            order = str(fact[4])
            if seen.order_id != order and not order.startswith(UNTOLD):
                return False
            fact = state.get(f"{name} at first", fact)
        elif is_vague(state, name) or self._is_void(state, name, until_ms):
            return True
        else:
            fact = state[str(fact[1])]
        return counted(seen.units, seen.areas) == counted(units_of(fact), areas_of(fact))

    def _with_status(self, state: State, name: str, status: str, until_ms: int) -> State | None:
        fact = state.get(name)
        if fact is None:
            return state if status == "NOT_FOUND" else None
        if status in (fact[0], _AS_REFUSED.get(str(fact[0]))) or _AS_REFUSED.get(status) == fact[0] == "CLOSED":
            return state
        is_void = self._is_void(state, name, until_ms)
        if is_void and status in ENDED and fact[0] in ENDED:
            return state
        if status in VOID and (is_void or is_vague(state, name)):
            return voided(state, name, status)
        if status != "EXPIRED":
            return None
        after = dict(state)
        hold = name if len(fact) == 5 else str(fact[1])
        is_its_own = len(fact) == 2 or not fact[4]
        if self._are_ends_told:
            return state if is_its_own and self._may_expire(state, hold, until_ms) else None
        return after if is_its_own and self._expire(after, hold, until_ms) else None

    def _refused(self, state: State, call: Call, until_ms: int) -> State | None:
        if call.kind is not Kind.HOLD:
            return self._with_status(state, call.id, call.reason.partition("_")[2], until_ms)
        status = _IN_THE_WAY.get(call.reason)
        if status is None:
            return state if self._is_not_enough(state, call) else None
        if is_vague(state) or any(state.get(unit, ("",))[0] == VAGUE for unit in call.units):
            return state
        if status == "held" and any(state.get(unit, ("",))[0] == "sold" for unit in call.units):
            return None  # which is said first
        test = all if call.named else any
        stands = test(self._stands(state, unit, status) for unit in call.named or call.units)
        return state if stands else None

    def _stands(self, state: State, unit: str, status: str) -> bool:
        return any(state.get(one, ("",))[0] == status for one in (unit, *self._near.get(unit, ())))

    def _is_not_enough(self, state: State, call: Call) -> bool:
        """Whether some area has fewer places left, or no row so many seats next to each other."""
        if call.best and is_vague(state):
            return True
        room = {area: self._capacities.get(area, 0) - quantity for area, quantity in call.areas}
        if any(gone(state, area) > left or is_vague(state, area) for area, left in room.items()):
            return True
        longest = max((longest_run(state, row) for row in self._rows), default=0)
        return any(quantity > longest for quantity in call.best)


def _told_deadline_ms(call: Call) -> int:
    """0: it was not told."""
    return call.told.expires_at_ms if isinstance(call.told, Acknowledged) else 0
