"""One block as its clients know it, one call after the other: the model that a linearization is held against.

Independent of the core: it knows units by name, places by number, holds and orders by id. Time ends holds and unpaid
orders as soon as their deadline can have passed, and not later than somebody sees that; as a new owner gives holds a
grace, one that is overdue may still live.
"""

from collections.abc import Callable, Mapping
from typing import TypeAlias

from actors.audit.denials import CLOCK_TOLERANCE_MS
from actors.audit.replies import Acknowledged
from loadtests.history.calls import Call, Kind, Outcome, Seen
from loadtests.history.lots import UNTOLD, Lot, counted, id_of, lot_of
from loadtests.history.skews import Skews

State: TypeAlias = dict[str, tuple[object, ...]]
"""What there is, by id or name: `("held", hold)` or `("sold", hold)` of a unit, `(places,)` that are gone of an area,
`(status, deadline in ms, units, areas, order)` of a hold, `(status, hold)` of an order; as `{hold} at first` what a
hold was placed on whose order has others by now, and as `{hold} may live on` that its deadline is one at the earliest.
Never changed, but copied."""

KNOWN = set(Kind) - {Kind.WAIT, Kind.LEAVE}
_OF_HOLDS = (Kind.EXTEND, Kind.RELEASE, Kind.ORDER, Kind.READ_HOLD)
_IN_THE_WAY = {"UNITS_HELD": "held", "UNITS_SOLD": "sold"}
_OF_TICKETS = (Kind.CANCEL_PARTLY, Kind.EXCHANGE)
_IN_FORCE = ("CONFIRMED", "PARTLY_CANCELLED")
_AS_REFUSED = {"PARTLY_CANCELLED": "CONFIRMED", "COMPLETED": "CLOSED", "NO_SHOW": "CLOSED"}
_REASONS = {
    "HOLD": {"NOT_FOUND", "EXPIRED", "RELEASED", "CONFIRMED"},
    "ORDER": {"NOT_FOUND", "EXPIRED", "CANCELLED", "CONFIRMED", "PENDING", "CLOSED"},
}
_VAGUE, _FIRST = "vague", "first"
_LIVES_ON = ("lives on",)


class Model:
    """`capacities`: of the areas. What it does not know it says (`knows`).

    `skews`: how far the clocks by which deadlines are set and come may be from that of the calls, in its course.
    `unheard_ms`: for how long a shard may not have heard the journal, by whose clock it sets deadlines.
    `voids`: whether a hold that has this may have lost all of it by then, as an event was cancelled of which it has
    something.
    `unseen`: what holds have that nobody asked for, by id. Each is placed when somebody first speaks of it: that it was
    there before can only be in the way of others.
    """

    def __init__(
        self,
        capacities: dict[str, int],
        unseen: Mapping[str, Lot] | None = None,
        *,
        skews: Skews | None = None,
        unheard_ms: int = 0,
        voids: Callable[[str, Lot, int], bool] = lambda *_: False,
    ) -> None:
        self._capacities = capacities
        self._unseen = unseen or {}
        self.skews = skews or Skews()
        self._unheard_ms = unheard_ms
        self._voids = voids

    def knows(self, call: Call) -> bool:
        """Whether `after` knows what such a call does or says."""
        if call.kind not in KNOWN:
            return False
        if call.outcome is Outcome.FAIL and call.kind is Kind.HOLD:
            is_of_areas = bool(call.areas) and not call.best
            return call.reason in _IN_THE_WAY or (call.reason == "NOT_ENOUGH_AVAILABLE" and is_of_areas)
        if call.outcome is Outcome.FAIL:
            what, _, status = call.reason.partition("_")
            return what == ("HOLD" if call.kind in _OF_HOLDS else "ORDER") and status in _REASONS[what]
        return True

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
            after[_VAGUE] = (_VAGUE, hold)  # it has some that nobody knows
        return after

    def _place(self, after: State, hold: str, lot: Lot, deadline_ms: int) -> None:
        after.update((unit, ("held", hold)) for unit in lot.units)
        for area, quantity in lot.areas:
            after[area] = (_gone(after, area) + quantity,)
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
            if owner is None or owner[0] == _VAGUE:
                continue
            if not self._end(after, str(owner[1]), until_ms):
                return False
        return all(self._make_room(after, area, quantity, until_ms) for area, quantity in lot.areas)

    def _make_room(self, after: State, area: str, quantity: int, until_ms: int) -> bool:
        """End what is overdue of the area, the longest due first, until there is room.

        Of those due by a clock that may be off, or by a deadline that nobody was told, it is not known which.
        """
        room = self._capacities.get(area, 0) - quantity
        if _gone(after, area) > room:
            due = sorted(
                (int(str(fact[1])), name) for name, fact in after.items() if len(fact) == 5 and _has(fact, area)
            )
            overdue = [(due_ms, hold) for due_ms, hold in due if self._may_expire(after, hold, until_ms)]
            is_known = not self.skews.at(until_ms) and overdue and overdue[0][0]
            if len(overdue) > 1 and not (is_known and all(f"{hold} may live on" not in after for _, hold in overdue)):
                after[f"{area} is vague"] = (_VAGUE, "")
            for _, hold in overdue:
                if _gone(after, area) > room and not _is_vague(after, area):
                    self._expire(after, hold, until_ms)
            if _gone(after, area) > room and any(self._is_void(after, hold, until_ms) for _, hold in due):
                return True  # nobody knows whose
        return _gone(after, area) <= room or _is_vague(after, area)

    def _end(self, after: State, hold: str, until_ms: int) -> bool:
        """End the hold or its order if its time may be up, or if it may be void."""
        if self._expire(after, hold, until_ms):
            return True
        fact = after[hold]
        name = str(fact[4]) or hold
        if not self._is_void(after, name, until_ms):
            return False
        if after[name][0] not in _ENDED:
            after.update(_voided(after, name, "CANCELLED" if fact[4] else "RELEASED") or {})
        return True

    def _is_void(self, state: State, name: str, until_ms: int) -> bool:
        hold = name if len(state[name]) == 5 else str(state[name][1])
        return self._voids(hold, Lot(_units(state[hold]), _areas(state[hold])), until_ms)

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
        _give_back(after, hold)
        return True

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
            _give_back(after, call.id)
        else:
            order = id_of(call)
            after[call.id] = ("CONFIRMED", *fact[1:4], order)
            after[order] = ("PENDING", call.id)
        return after

    def _of_order(self, state: State, call: Call) -> State | None:
        fact = state.get(call.id)
        if fact is None or fact[0] not in (("PENDING",) if call.kind is Kind.CONFIRM else ("PENDING", *_IN_FORCE)):
            return None
        after, hold = dict(state), str(fact[1])
        if call.kind is Kind.CONFIRM:
            after[call.id] = ("CONFIRMED", hold)
            after.update((unit, ("sold", hold)) for unit in _units(state[hold]))
        else:
            after[call.id] = ("CANCELLED", hold)
            _give_back(after, hold)
        return after

    def _of_paid_order(self, state: State, call: Call, until_ms: int) -> State | None:
        """What may be done to an order in force. Of tickets the answer tells what the order has then: without one, and
        with one that tells what it has by now, it is not known what it gave back, nor what it got.
        """
        fact = state.get(call.id)
        if fact is None or fact[0] not in _IN_FORCE:
            return None
        if call.kind is Kind.REASSIGN:
            return state
        after, hold = dict(state), str(fact[1])
        if call.kind is Kind.CLOSE:
            after[call.id] = ("CLOSED", hold)
            return after
        if call.kind is Kind.CANCEL_PARTLY:
            after[call.id] = ("PARTLY_CANCELLED", hold)
        lot = Lot(_units(state[hold]), _areas(state[hold]))
        if call.replayed or not isinstance(call.told, Acknowledged):
            names = (*lot.units, *call.units, *(f"{area} is vague" for area, _ in (*lot.areas, *call.areas)))
            names = (*names, f"{call.id} is vague", *((_VAGUE,) if call.best else ()))
            after.update((name, (_VAGUE, hold)) for name in names)
            return after
        return self._with_lot(after, hold, lot_of(call), until_ms)

    def _with_lot(self, after: State, hold: str, lot: Lot, until_ms: int) -> State | None:
        """The hold's order has this now, sold, and nothing else."""
        fact = after[hold]
        before, had = set(_units(fact)), dict(_areas(fact))
        more = Lot(
            tuple(unit for unit in lot.units if unit not in before),
            tuple((area, quantity - had.get(area, 0)) for area, quantity in lot.areas if quantity > had.get(area, 0)),
        )
        _give_back(after, hold)
        if not self._clear(after, Lot(more.units, lot.areas), until_ms):
            return None
        after.update((unit, ("sold", hold)) for unit in lot.units)
        for area, quantity in lot.areas:
            after[area] = (_gone(after, area) + quantity,)
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
        elif _is_vague(state, name) or self._is_void(state, name, until_ms):
            return True
        else:
            fact = state[str(fact[1])]
        return counted(seen.units, seen.areas) == counted(_units(fact), _areas(fact))

    def _with_status(self, state: State, name: str, status: str, until_ms: int) -> State | None:
        fact = state.get(name)
        if fact is None:
            return state if status == "NOT_FOUND" else None
        if status in (fact[0], _AS_REFUSED.get(str(fact[0]))) or _AS_REFUSED.get(status) == fact[0] == "CLOSED":
            return state
        is_void = self._is_void(state, name, until_ms)
        if is_void and status in _ENDED and fact[0] in _ENDED:
            return state
        if status in _VOID and (is_void or _is_vague(state, name)):
            return _voided(state, name, status)
        if status != "EXPIRED":
            return None
        after = dict(state)
        hold = name if len(fact) == 5 else str(fact[1])
        is_its_own = len(fact) == 2 or not fact[4]
        return after if is_its_own and self._expire(after, hold, until_ms) else None

    def _refused(self, state: State, call: Call, until_ms: int) -> State | None:
        if call.kind is not Kind.HOLD:
            return self._with_status(state, call.id, call.reason.partition("_")[2], until_ms)
        status = _IN_THE_WAY.get(call.reason)
        if status is None:
            room = {area: self._capacities.get(area, 0) - quantity for area, quantity in call.areas}
            is_full = any(_gone(state, area) > left or _is_vague(state, area) for area, left in room.items())
            return state if is_full else None
        if _is_vague(state) or any(state.get(unit, ("",))[0] == _VAGUE for unit in call.units):
            return state
        if status == "held" and any(state.get(unit, ("",))[0] == "sold" for unit in call.units):
            return None  # which is said first
        test = all if call.named else any
        stands = test(state.get(unit, ("",))[0] == status for unit in call.named or call.units)
        return state if stands else None


def _is_vague(state: State, name: str = "") -> bool:
    """Whether nobody knows how much is left: of the area or order of this name, or of anything."""
    return (f"{name} is vague" if name else _VAGUE) in state


_ENDED = ("EXPIRED", "RELEASED", "CANCELLED")
_VOID = ("RELEASED", "CANCELLED", "PARTLY_CANCELLED")


def _voided(state: State, name: str, status: str) -> State | None:
    """The hold or order lost all that it had, or some of it."""
    fact = state[name]
    hold = name if len(fact) == 5 else str(fact[1])
    if fact[0] not in ("ACTIVE", "PENDING", *_IN_FORCE):
        return None
    after = dict(state)
    after[name] = (status, *fact[1:])
    if status != "PARTLY_CANCELLED":
        _give_back(after, hold)
    return after


def _told_deadline_ms(call: Call) -> int:
    """0: it was not told."""
    return call.told.expires_at_ms if isinstance(call.told, Acknowledged) else 0


def _gone(state: State, area: str) -> int:
    return int(str(state.get(area, (0,))[0]))


def _units(fact: tuple[object, ...]) -> tuple[str, ...]:
    units = fact[2]
    assert isinstance(units, tuple)
    return units


def _areas(fact: tuple[object, ...]) -> tuple[tuple[str, int], ...]:
    areas = fact[3]
    assert isinstance(areas, tuple)
    return areas


def _has(fact: tuple[object, ...], area: str) -> bool:
    return any(name == area for name, _ in _areas(fact))


def _give_back(after: State, hold: str) -> None:
    for unit in _units(after[hold]):
        if after.get(unit, ("", ""))[1] == hold:
            del after[unit]
    for area, quantity in _areas(after[hold]):
        after[area] = (_gone(after, area) - quantity,)
