"""The waiting list: who finds nothing waits, and what comes back is held for them, in order, for a time.

A group is served whole or not at all. Who cannot be served with what is there is stepped over, not waited for; what
nobody in the list can use is on sale. Offers are made as soon as something is back, before any other command is
decided.

Where much comes back at once, that takes several turns (see `engine.block_host`). Until it is done, whoever does not
wait is put off, as what is there may be due to somebody who does (`is_restless`).
"""

from actors.core.commands import JoinWaitingList, LeaveWaitingList
from actors.core.empty_house import refuse_never
from actors.core.entries import Entry, WaiterJoined, WaiterLeft
from actors.core.ground import Ground
from actors.core.holds import ask, grant, have, placing
from actors.core.ids import NUMBER_BITS, Kind
from actors.core.keys import ORDER_KEY_KEPT_MS, is_number_in_use, remember
from actors.core.outcomes import Accepted, Details, Outcome, Reason, Rejected
from actors.core.replies import EventStatus, WaiterReply, WaiterStatus
from actors.core.state import BlockState, Waiter
from actors.core.waiting_line import MAX_WAITERS_OF_BUYER, ROWS_PER_LOOK
from actors.core.wishes import MAX_BEST_OF_WAITER, canonical, faults_of_wish

ENDLESS = 1 << 62
_WAITS_ENOUGH = f"buyer_id: waits {MAX_WAITERS_OF_BUYER} times already"


def faults_of_join(state: BlockState, command: JoinWaitingList) -> tuple[str, ...]:
    """What is malformed about the command."""
    faults = list(faults_of_wish(command.wish))
    if len(command.wish.best) > MAX_BEST_OF_WAITER:
        faults.append(f"best: at most {MAX_BEST_OF_WAITER} can be waited for")
    if not 0 < command.waiter < 1 << NUMBER_BITS:
        faults.append("waiter: the number is out of bounds")
    elif is_number_in_use(state, command.stamp, Kind.WAITER, command.waiter):
        faults.append("waiter: the number is in use")
    return tuple(faults)


def decide_join(state: BlockState, command: JoinWaitingList, now_ms: int) -> Outcome:
    """Wait. Who could be served at once is: the offer follows by itself. What could not be had of an event of which
    nobody has anything is refused.
    """
    stamp, wish = command.stamp, canonical(command.wish)
    if state.is_divided:
        return Rejected(Reason.EVENT_NOT_FOUND if state.home else Reason.NO_WAITING_LIST)
    asked = ask(state, wish, now_ms)
    if isinstance(asked, Rejected):
        return asked
    if state.rules.waiting_list is None:
        return Rejected(Reason.NO_WAITING_LIST)
    if not state.line.has_room_of(stamp.buyer):
        return Rejected(Reason.BUYER_LIMIT_EXCEEDED, Details(fields=(_WAITS_ENOUGH,)))
    granted = have(state, asked, stamp.buyer, Ground(state, now_ms, wish), now_ms)
    if isinstance(granted, Rejected):
        never = refuse_never(state, asked) if granted.reason in WORTH_WAITING_FOR else granted
        if never is not None:
            return never
    if not state.line.has_room(wish):
        return Rejected(Reason.OVERLOADED)
    entry = WaiterJoined(now_ms, command.waiter, stamp.buyer, wish, stamp.key, stamp.fingerprint)
    waiter = Waiter(command.waiter, stamp.buyer, wish, now_ms)
    return Accepted((entry,), _reply(waiter, len(state.line)))


def decide_leave(state: BlockState, command: LeaveWaitingList, now_ms: int) -> Outcome:
    """Wait no longer. Who was offered something releases that hold instead."""
    waiter = state.waiters[command.waiter]
    if waiter.status is not WaiterStatus.WAITING:
        return Rejected(Reason.WAITER_GONE)
    entry = WaiterLeft(now_ms, waiter.number, command.stamp.key, command.stamp.fingerprint)
    left = Waiter(waiter.number, waiter.buyer, waiter.wish, waiter.joined_at_ms, WaiterStatus.LEFT)
    return Accepted((entry,), _reply(left, 0))


def next_offer(state: BlockState, now_ms: int, patience: int) -> Entry | None:
    """The entry that holds something for the first in line who can be served, or None: also when `patience` is at an
    end, which is so much of the line's effort.

    Between two times that something comes back, each wish is looked at once, and so is who stands aside of it: an offer
    only takes.
    """
    line, waiting_list = state.line, state.rules.waiting_list
    if waiting_list is None or not is_restless(state, now_ms):
        return None
    if line.stirred or 0 < line.opens_at_ms <= now_ms:
        line.begin_anew()
    patience += line.effort
    while (number := line.first()) is not None:
        if line.effort >= patience:
            return None
        rows = state.seat_finders.row_looks
        waiter = state.waiters[number]
        granted = grant(state, waiter.wish, waiter.buyer, now_ms)
        line.looks += 1
        line.effort += 1 + (state.seat_finders.row_looks - rows) // ROWS_PER_LOOK
        if not isinstance(granted, Rejected):
            return placing(
                state, granted, number, waiter.buyer, waiting_list.claim_ms, waiter.wish.channel, now_ms, b"", b"",
                number,
            )  # fmt: skip
        if granted.reason in OF_THE_BUYER:
            line.set_aside(number)
        else:
            line.skip(number)
        if granted.reason is Reason.SALE_NOT_OPEN and granted.details.retry_at_ms is not None:
            line.opens_at_ms = min(line.opens_at_ms or granted.details.retry_at_ms, granted.details.retry_at_ms)
    line.looked_at_ms = now_ms
    return None


def is_restless(state: BlockState, now_ms: int) -> bool:
    """Whether something may have come back for somebody who waits, and has not been offered yet."""
    line = state.line
    if not len(line) or state.rules.waiting_list is None or state.status is not EventStatus.ON_SALE:
        return False
    return line.stirred or 0 < line.opens_at_ms <= now_ms or line.first() is not None


def next_opening_ms(state: BlockState) -> int | None:
    """When a window opens through which somebody waits to be served, or None. One that has opened is no longer next
    when an entry has been applied since, or all who wait were looked at.
    """
    rules = state.rules
    if not len(state.line) or rules.waiting_list is None or state.status is not EventStatus.ON_SALE:
        return None
    after_ms = max(state.last_at_ms, state.line.looked_at_ms)
    channels = map(rules.channel, {wish.channel for wish in state.line.wishes})
    windows = (rules.window if channel is None else channel.window or rules.window for channel in channels)
    return min((window.opens_at_ms for window in windows if window.opens_at_ms > after_ms), default=None)


WORTH_WAITING_FOR = (
    Reason.UNITS_BLOCKED,
    Reason.CHANNEL_REQUIRED,
    Reason.UNITS_SOLD,
    Reason.UNITS_HELD,
    Reason.NOT_ENOUGH_AVAILABLE,
    Reason.OVERLOADED,
)
"""What may pass while somebody waits."""


OF_THE_BUYER = (Reason.INVALID_ARGUMENT, Reason.BUYER_LIMIT_EXCEEDED)
"""Why one who waits gets nothing though another may get the same: without a name under a limit, or beyond it."""


def apply_waiter_joined(state: BlockState, entry: WaiterJoined) -> None:
    """Somebody more waits."""
    assert entry.waiter not in state.waiters, "a waiter's number never comes back"
    state.waiters[entry.waiter] = Waiter(entry.waiter, entry.buyer, entry.wish, entry.at_ms)
    state.line.join(entry.waiter, entry.buyer, entry.wish)
    remember(state, entry.key, entry.fingerprint, Kind.WAITER, entry.waiter, entry.at_ms + ORDER_KEY_KEPT_MS)


def apply_waiter_left(state: BlockState, entry: WaiterLeft) -> None:
    """Somebody waits no longer."""
    state.end_waiting(state.waiters[entry.waiter], WaiterStatus.LEFT, entry.at_ms)
    remember(state, entry.key, entry.fingerprint, Kind.WAITER, entry.waiter, entry.at_ms + ORDER_KEY_KEPT_MS)


def waiter_reply(state: BlockState, waiter: Waiter) -> WaiterReply:
    """The waiter as it stands."""
    is_waiting = waiter.status is WaiterStatus.WAITING
    return _reply(waiter, state.line.ahead_of(waiter.number) if is_waiting else 0)


def _reply(waiter: Waiter, ahead: int) -> WaiterReply:
    return WaiterReply(waiter.number, waiter.status, waiter.buyer, waiter.wish, waiter.joined_at_ms, ahead, waiter.hold)
