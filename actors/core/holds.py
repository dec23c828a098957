"""Holds: placed all or nothing, extended, released, expired.

Deadlines are judged by time, not by whether the expiry was already journaled: what stands in the way and is overdue is
expired by the same decision.
"""

from typing import NamedTuple

from actors.core.allotments import returned_at
from actors.core.asking import Asked, read_wish
from actors.core.baskets import LegHeld, leg_replies, price_of_legs
from actors.core.commands import ExtendHold, PlaceHold, ReleaseHold
from actors.core.entries import (
    Activated,
    AllotmentReturned,
    Entry,
    HoldExpired,
    HoldExtended,
    HoldPlaced,
    HoldReleased,
    OrderExpired,
)
from actors.core.ground import Ground
from actors.core.ids import NUMBER_BITS, Kind
from actors.core.keys import HOLD_KEY_KEPT_MS, is_number_in_use, let_keys_go, remember, remember_with_hold
from actors.core.lots import Priced, freeze_prices, unit_count, unit_names, whole_price
from actors.core.outcomes import Accepted, Details, Outcome, Reason, Rejected
from actors.core.pricing import price_point
from actors.core.replies import Choice, EventStatus, HoldReply, HoldStatus, WaiterStatus
from actors.core.state import BlockState, Hold
from actors.core.wishes import AreaPlaces, Wish, faults_of_wish

OUTAGE_GRACE_MS = 30_000
_DIVIDED = "event_id: the event is in parts, and all that is held of it is a basket's"


class Granted(NamedTuple):
    """What a wish comes to: units, their prices, how well they were chosen, and which holds must end for it."""

    seats: tuple[int, ...]
    areas: tuple[tuple[int, int], ...]
    priced: Priced
    chosen: tuple[tuple[int, int], ...]
    overdue: tuple[Hold, ...]


def faults_of_place_hold(state: BlockState, command: PlaceHold) -> tuple[str, ...]:
    """What is malformed about the command."""
    faults = list(faults_of_wish(command.wish))
    if command.ttl_ms < 0:
        faults.append("ttl_ms: must not be negative")
    if not 0 < command.hold < 1 << NUMBER_BITS:
        faults.append("hold: the number is out of bounds")
    elif is_number_in_use(state, command.stamp, Kind.HOLD, command.hold):
        faults.append("hold: the number is in use")
    return tuple(faults)


def faults_of_extend_hold(_: BlockState, command: ExtendHold) -> tuple[str, ...]:
    """What is malformed about the command."""
    return ("ttl_ms: must not be negative",) if command.ttl_ms < 0 else ()


def decide_place_hold(state: BlockState, command: PlaceHold, now_ms: int) -> Outcome:
    """All the units or none; refusals name the units that stand in the way."""
    stamp = command.stamp
    if state.is_divided:
        return Rejected(Reason.INVALID_ARGUMENT, Details(fields=(_DIVIDED,), divided=True))
    granted = grant(state, command.wish, stamp.buyer, now_ms)
    if isinstance(granted, Rejected):
        return granted
    placed = placing(
        state, granted, command.hold, stamp.buyer, command.ttl_ms or state.hold_ttl_ms, command.wish.channel, now_ms,
        stamp.key, stamp.fingerprint,
    )  # fmt: skip
    hold = hold_of(placed, state.layout_version)
    entries: tuple[Entry, ...] = (placed,)
    if granted.overdue:
        entries = (*(expiry_of(overdue, now_ms) for overdue in granted.overdue), placed)
    if state.next_return is not None and state.next_return[0] <= now_ms:
        entries = (*returns_due(state, now_ms), *entries)
    return Accepted(entries, hold_reply(state, hold, now_ms))


def grant(state: BlockState, wish: Wish, buyer: str, now_ms: int) -> Granted | Rejected:
    """What the wish comes to for this buyer, or why it comes to nothing."""
    asked = ask(state, wish, now_ms)
    return asked if isinstance(asked, Rejected) else have(state, asked, buyer, Ground(state, now_ms, wish), now_ms)


def ask(state: BlockState, wish: Wish, now_ms: int) -> Asked | Rejected:
    """The wish in numbers, if all that it names is there and is sold at this time."""
    asked = read_wish(state.index, state.rules, wish)
    if isinstance(asked, Rejected):
        return asked
    return (
        refuse_sale(state, wish.channel, now_ms)
        or (_refuse_begun(state, asked, now_ms) if state.index.unit_count > state.index.seat_count else None)
        or asked
    )


def have(state: BlockState, asked: Asked, buyer: str, ground: Ground, now_ms: int) -> Granted | Rejected:
    """What is asked for, if the buyer may have it and nothing on this ground stands in the way."""
    index, refusal = state.index, None
    if state.rules.max_per_buyer:
        refusal = refuse_buyer(state, buyer, asked.quantity - ground.given_count, now_ms)
    refusal = refusal or ground.refuse(asked)
    if refusal is not None:
        return refusal
    seats, points, scores = asked.seats, asked.seat_points, []
    if asked.best:
        chosen = ground.choose(asked)
        if isinstance(chosen, Rejected):
            return chosen
        for best, (found, score) in zip(asked.best, chosen, strict=True):
            seats += found
            points += (
                price_point(index.layout, index.category_of_unit(seat), price_type)
                for seat, price_type in zip(found, best.types, strict=True)
            )
            scores.append(score)
    priced = freeze_prices(index, seats, asked.areas, points + asked.area_points)
    return Granted(tuple(seats), tuple(asked.areas), priced, tuple(scores), tuple(ground.overdue.values()))


def placing(
    state: BlockState, granted: Granted, number: int, buyer: str, ttl_ms: int, channel: str, now_ms: int,
    key: bytes, fingerprint: bytes, waiter: int = 0,
) -> HoldPlaced:  # fmt: skip
    """The entry that holds what was granted. What is offered to a waiter cannot be held for longer than that."""
    cap_ms = now_ms + (min(ttl_ms, state.rules.max_hold_life_ms) if waiter else state.rules.max_hold_life_ms)
    priced = granted.priced
    return HoldPlaced(
        now_ms, number, buyer, granted.seats, granted.areas, priced.prices, min(now_ms + ttl_ms, cap_ms), cap_ms,
        key, fingerprint, priced.lines, priced.charges, priced.once, channel, granted.chosen, waiter,
    )  # fmt: skip


def refuse_sale(state: BlockState, channel: str, now_ms: int) -> Rejected | None:
    """Why nothing is sold through this channel at this time; the channel's own window stands in the event's place."""
    if state.status in (EventStatus.DRAFT, EventStatus.PAUSED):
        return Rejected(Reason.SALE_NOT_OPEN)
    if state.status is not EventStatus.ON_SALE:
        return Rejected(Reason.SALE_CLOSED)
    window = state.rules.window
    if channel:
        known = state.rules.channel(channel)
        assert known is not None, "whoever names what is not there is refused before"
        window = known.window or window
    if now_ms < window.opens_at_ms:
        return Rejected(Reason.SALE_NOT_OPEN, Details(retry_at_ms=window.opens_at_ms))
    if window.closes_at_ms and now_ms >= window.closes_at_ms:
        return Rejected(Reason.SALE_CLOSED)
    return None


def refuse_buyer(state: BlockState, buyer: str, quantity: int, now_ms: int) -> Rejected | None:
    """Whether so many units more are too many for the buyer; what is overdue does not count."""
    most = state.rules.max_per_buyer
    if quantity <= 0:
        return None
    if not buyer:
        return Rejected(
            Reason.INVALID_ARGUMENT, Details(fields=("buyer_id: this event limits how much a buyer may have",))
        )
    count = state.buyers.units.get(buyer, 0)
    if count + quantity > most:
        count -= _overdue_units(state, buyer, now_ms)
    if count + quantity > most:
        return Rejected(Reason.BUYER_LIMIT_EXCEEDED, Details(available=max(most - count, 0)))
    return None


def _overdue_units(state: BlockState, buyer: str, now_ms: int) -> int:
    """How many of the buyer's units are overdue. A leg never is: its time is its desk's."""
    timed = (state.holds[number] for number in state.buyers.holds.get(buyer, ()) if number not in state.legs)
    return sum(unit_count(hold) for hold in timed if hold.expires_at_ms <= now_ms)


def _refuse_begun(state: BlockState, asked: Asked, now_ms: int) -> Rejected | None:
    """The slots that have begun already."""
    slots = (unit for unit in asked.seats if unit >= state.index.seat_count)
    begun = [unit for unit in slots if state.index.slots.times_ms(unit)[0] <= now_ms]
    return Rejected(Reason.SALE_CLOSED, Details(units=tuple(map(state.index.unit_name, begun)))) if begun else None


def returns_due(state: BlockState, now_ms: int) -> tuple[AllotmentReturned, ...]:
    """The entries for the allotments whose time is over, though it is not in the journal yet."""
    return tuple(AllotmentReturned(now_ms, name) for name in returned_at(state, now_ms))


def decide_extend_hold(state: BlockState, command: ExtendHold, now_ms: int) -> Outcome:
    """Never shortens a hold, never passes its cap; 0 releases it."""
    hold = state.holds[command.hold]
    refusal = refuse_ended(hold, now_ms)
    if refusal is not None:
        return refusal
    stamp = command.stamp
    if command.ttl_ms == 0:
        return _release(state, hold, stamp.key, stamp.fingerprint, now_ms)
    expires_at_ms = max(hold.expires_at_ms, min(now_ms + command.ttl_ms, hold.max_expires_at_ms))
    entry = HoldExtended(now_ms, hold.number, expires_at_ms, stamp.key, stamp.fingerprint)
    return Accepted((entry,), hold_reply(state, hold, now_ms, expires_at_ms=expires_at_ms))


def decide_release_hold(state: BlockState, command: ReleaseHold, now_ms: int) -> Outcome:
    """Only an active hold can be released."""
    hold = state.holds[command.hold]
    refusal = refuse_ended(hold, now_ms)
    if refusal is not None:
        return refusal
    return _release(state, hold, command.stamp.key, command.stamp.fingerprint, now_ms)


def refuse_ended(hold: Hold, now_ms: int) -> Rejected | None:
    """Why nothing more can be done with this hold, or None if it is active."""
    if hold.status is HoldStatus.CONFIRMED:
        return Rejected(Reason.HOLD_CONFIRMED)
    if hold.status is HoldStatus.RELEASED:
        return Rejected(Reason.HOLD_RELEASED)
    if hold.status is HoldStatus.EXPIRED or hold.expires_at_ms <= now_ms:
        return Rejected(Reason.HOLD_EXPIRED)
    return None


def expiry_of(hold: Hold, now_ms: int) -> Entry:
    """The entry that ends an overdue hold, or the unpaid order that took it over."""
    return OrderExpired(now_ms, hold.order) if hold.order else HoldExpired(now_ms, hold.number)


def hold_of(entry: HoldPlaced, layout_version: int) -> Hold:
    """The hold that the entry places."""
    return Hold(
        entry.hold, entry.buyer, entry.seats, entry.areas, entry.prices, entry.expires_at_ms, entry.max_expires_at_ms,
        HoldStatus.ACTIVE, 0, (), entry.lines, entry.charges, entry.once, layout_version, layout_version,
        entry.channel, entry.chosen, entry.waiter,
    )  # fmt: skip


def apply_hold_placed(state: BlockState, entry: HoldPlaced) -> None:
    """The units are held."""
    assert entry.hold not in state.holds, "a hold's number never comes back"
    hold = hold_of(entry, state.layout_version)
    state.claim(hold, state.units_now(hold))
    state.holds[hold.number] = hold
    state.push_deadline(hold)
    if entry.key:
        remember_with_hold(state, hold, entry.key, entry.fingerprint)
    if entry.waiter:
        state.end_waiting(state.waiters[entry.waiter], WaiterStatus.OFFERED, entry.at_ms, hold.number)


def apply_hold_extended(state: BlockState, entry: HoldExtended) -> None:
    """The hold has a later deadline, or the same."""
    hold = state.holds[entry.hold]
    assert hold.status is HoldStatus.ACTIVE, "only an active hold can be extended"
    _move_deadline(state, hold, entry.expires_at_ms)
    remember_with_hold(state, hold, entry.key, entry.fingerprint)


def apply_hold_released(state: BlockState, entry: HoldReleased) -> None:
    """The units are available, at the holder's wish."""
    hold = state.holds[entry.hold]
    end_hold(state, hold, HoldStatus.RELEASED, entry.at_ms)
    if entry.key:
        remember(state, entry.key, entry.fingerprint, Kind.HOLD, hold.number, entry.at_ms + HOLD_KEY_KEPT_MS)


def apply_hold_expired(state: BlockState, entry: HoldExpired) -> None:
    """The units are available, as time was up."""
    end_hold(state, state.holds[entry.hold], HoldStatus.EXPIRED, entry.at_ms)


def apply_activated(state: BlockState, entry: Activated) -> None:
    """An outage does not eat the holds of buyers who were paying: what fell due in it gets a little longer."""
    if entry.down_until_ms:
        give_grace(state, entry.down_from_ms, entry.down_until_ms, entry.at_ms)


def give_grace(state: BlockState, from_ms: int, until_ms: int, at_ms: int) -> None:
    """Nobody was served in this time: deadlines that fell due in it are a little later, never past their cap."""
    for hold in state.holds.values():
        if hold.number in state.legs:
            continue  # its time is its desk's
        if from_ms <= hold.expires_at_ms <= until_ms and state.claims_units(hold):
            later_ms = min(at_ms + OUTAGE_GRACE_MS, hold.max_expires_at_ms)
            _move_deadline(state, hold, max(later_ms, hold.expires_at_ms))


def hold_reply(
    state: BlockState,
    hold: Hold,
    now_ms: int,
    *,
    ends_by_time: bool = True,
    held: tuple[LegHeld, ...] = (),
    **changes: int,
) -> HoldReply:
    """The hold as it is at `now_ms`, or as the decision at hand will leave it (`status`, `expires_at_ms`).

    `ends_by_time` as in `is_over`. `held`: the legs of a basket that is not settled yet.
    """
    status = HoldStatus(changes.get("status", hold.status))
    expires_at_ms = changes.get("expires_at_ms", hold.expires_at_ms)
    if status is HoldStatus.ACTIVE and is_over(state, hold, now_ms, expires_at_ms, ends_by_time=ends_by_time):
        status = HoldStatus.EXPIRED
    basket = state.desk.baskets.get(hold.number)
    if not held and basket is not None:
        held = basket.held[: len(basket.plans)]  # what came by exchanges is the order's
    seats: tuple[str, ...] = ()
    areas: tuple[AreaPlaces, ...] = ()
    if held:
        whole = [(leg, range(len(leg.of_ticket))) for leg in held]
        legs = leg_replies(whole)
        price = price_of_legs(whole)
        chosen = tuple(why for leg in held for why in leg.chosen)
    else:
        legs, chosen = (), hold.chosen
        (seats, areas), price = unit_names(state, hold), whole_price(state, hold)
    return HoldReply(
        hold.number, status, hold.buyer, seats, areas, price, expires_at_ms, hold.max_expires_at_ms, now_ms,
        hold.order, hold.channel if basket is None else basket.channel, tuple(Choice(*why) for why in chosen), legs,
    )  # fmt: skip


def is_over(state: BlockState, hold: Hold, now_ms: int, expires_at_ms: int, *, ends_by_time: bool) -> bool:
    """Whether it is due, though its end is not in the journal yet.

    Not `ends_by_time`: only where whoever takes the block over cannot give it a grace. That is for what falls due in an
    outage, which begins with the last entry at the earliest, and never goes past the cap.
    """
    if ends_by_time:
        return expires_at_ms <= now_ms
    return hold.max_expires_at_ms <= now_ms or expires_at_ms < state.last_at_ms


def _release(state: BlockState, hold: Hold, key: bytes, fingerprint: bytes, now_ms: int) -> Outcome:
    entry = HoldReleased(now_ms, hold.number, key, fingerprint)
    return Accepted((entry,), hold_reply(state, hold, now_ms, status=HoldStatus.RELEASED))


def end_hold(state: BlockState, hold: Hold, status: HoldStatus, at_ms: int) -> None:
    """The hold is over without an order; its units are available."""
    conclude_hold(state, hold, status, at_ms)
    state.give_back(hold, state.units_now(hold), were_sold=False)


def conclude_hold(state: BlockState, hold: Hold, status: HoldStatus, at_ms: int) -> None:
    """All of it but that its units are available."""
    assert hold.status is HoldStatus.ACTIVE, "only an active hold can end"
    hold.status = status
    state.desk.release(hold.number, at_ms)
    state.ended.append((at_ms, hold.number))
    let_keys_go(state, hold, at_ms)


def _move_deadline(state: BlockState, hold: Hold, expires_at_ms: int) -> None:
    if expires_at_ms != hold.expires_at_ms:
        hold.expires_at_ms = expires_at_ms
        state.push_deadline(hold)
