"""What a block should answer, written as plainly as possible: lists, loops and one place for each rule.

It knows nothing of the core but the command structs. Statuses are judged by time at every question. Where the promise
leaves room (a key, or an ended hold with its order that nobody paid, may be forgotten once its time is over, not must),
the model looks at what was seen.
"""

from collections import Counter
from dataclasses import dataclass, field

from actors.core.commands import (
    CancelOrder,
    Command,
    ConfirmOrder,
    ExtendHold,
    OpenSale,
    PlaceHold,
    PlaceOrder,
    ReadEvent,
    ReadHold,
    ReadOrder,
    ReleaseHold,
)

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS


@dataclass(frozen=True)
class Answer:
    """A refusal's reason and details, or a yes (`reason` empty) with what the caller sees."""

    reason: str = ""
    units: tuple[str, ...] = ()
    available: int | None = None
    retry_at_ms: int | None = None
    replayed: bool = False
    view: tuple[object, ...] = ()


@dataclass
class _Hold:
    number: int
    buyer: str
    seats: tuple[str, ...]
    areas: tuple[tuple[str, int], ...]
    expires_at_ms: int
    cap_ms: int
    status: str = "ACTIVE"
    order: int = 0
    ended_at_ms: int = 0  # when it was released, expired or ordered: its keys live ten minutes more
    gone_at_ms: int | None = None  # when it came to nothing, by itself or with its unpaid order: a day later it may go


@dataclass
class _Order:
    number: int
    hold: _Hold
    placed_at_ms: int
    status: str = "PENDING"
    was_paid: bool = False


@dataclass
class _Key:
    fingerprint: bytes
    stands_for: _Hold | _Order | None  # None: the event
    kept_until_ms: int | None  # None: as long as the hold and ten minutes


@dataclass
class NaiveBlock:
    """An event of `tenant`, created at `created_at_ms`; `seats` and `areas` give category and price (and places)."""

    tenant: str
    created_at_ms: int
    hold_ttl_ms: int
    seats: dict[str, tuple[str, int]]
    areas: dict[str, tuple[str, int, int]]
    on_sale: bool = False
    last_at_ms: int = 0
    holds: dict[int, _Hold] = field(default_factory=dict)
    orders: dict[int, _Order] = field(default_factory=dict)
    keys: dict[bytes, _Key] = field(default_factory=dict)

    def ask(self, command: Command, now_ms: int, seen: Answer) -> Answer:
        """What the block should answer; `seen` decides only where the promise leaves room."""
        at_ms = max(now_ms, self.last_at_ms)
        if isinstance(command, ReadEvent | ReadHold | ReadOrder):
            missing = self._missing(command, command.tenant, at_ms, seen)
            return Answer(missing) if missing else Answer(view=self._view(self._named(command), at_ms))
        stamp = command.stamp  # type: ignore[union-attr]  # the walk does not ask for digests
        if self._malformed(command, at_ms, seen):
            return Answer("INVALID_ARGUMENT")
        if now_ms > stamp.not_after_ms:
            return Answer("DEADLINE_EXCEEDED")
        missing = self._missing(command, stamp.tenant, at_ms, seen)
        if missing:
            return Answer(missing)
        key = self._remembered(stamp.key, at_ms, seen)
        if key is not None:
            if key.fingerprint != stamp.fingerprint:
                return Answer("IDEMPOTENCY_KEY_REUSED")
            if isinstance(key.stands_for, _Hold) and self._forgotten(key.stands_for, at_ms, seen):
                return Answer("HOLD_NOT_FOUND")
            if isinstance(key.stands_for, _Order) and self._forgotten(key.stands_for.hold, at_ms, seen):
                return Answer("ORDER_NOT_FOUND")
            return Answer(replayed=True, view=self._view(key.stands_for, at_ms))
        return self._write(command, at_ms)

    def expired(self, number: int, at_ms: int, *, is_order: bool) -> None:
        """The block says that this hold or order expired: it must have been overdue."""
        if is_order:
            order = self.orders[number]
            assert order.status == "PENDING", "an order expired that was not pending"
            assert order.hold.expires_at_ms <= at_ms, "an order expired early"
            order.status, order.hold.gone_at_ms = "EXPIRED", at_ms
        else:
            hold = self.holds[number]
            assert hold.status == "ACTIVE", "a hold expired that was not active"
            assert hold.expires_at_ms <= at_ms, "a hold expired early"
            hold.status, hold.ended_at_ms, hold.gone_at_ms = "EXPIRED", at_ms, at_ms
        self.last_at_ms = at_ms

    def overdue(self, at_ms: int) -> set[int]:
        """The holds that claim units although their time is over."""
        return {n for n, hold in self.holds.items() if self._pending(hold) and hold.expires_at_ms <= at_ms}

    def outage(self, from_ms: int, until_ms: int, at_ms: int) -> None:
        """Another shard took over after an outage."""
        for hold in self.holds.values():
            if self._pending(hold) and from_ms <= hold.expires_at_ms <= until_ms:
                hold.expires_at_ms = max(hold.expires_at_ms, min(at_ms + 30_000, hold.cap_ms))
        self.last_at_ms = max(self.last_at_ms, at_ms)

    def claims(self) -> tuple[dict[str, str], Counter[tuple[str, str]]]:
        """HELD or SOLD by seat, and places by area and status, as the journal has it."""
        seats: dict[str, str] = {}
        places: Counter[tuple[str, str]] = Counter()
        for hold in self.holds.values():
            sold = hold.order != 0 and self.orders[hold.order].status == "CONFIRMED"
            if sold or self._pending(hold):
                status = "SOLD" if sold else "HELD"
                for seat in hold.seats:
                    assert seat not in seats, f"{seat} was given twice"
                    seats[seat] = status
                for area, quantity in hold.areas:
                    places[area, status] += quantity
        return seats, places

    def kept_keys(self, at_ms: int) -> set[bytes]:
        """The keys that must be remembered at `at_ms`."""
        return {key for key, known in self.keys.items() if at_ms < self._kept_until_ms(known)}

    def _kept_until_ms(self, known: _Key) -> int:
        if known.kept_until_ms is not None:
            return known.kept_until_ms
        assert isinstance(known.stands_for, _Hold)
        return self._end_ms(known.stands_for) + 10 * MINUTE_MS

    def _pending(self, hold: _Hold) -> bool:
        return hold.status == "ACTIVE" or (hold.order != 0 and self.orders[hold.order].status == "PENDING")

    def _named(self, command: Command) -> _Hold | _Order | None:
        match command:
            case ReadHold() | ExtendHold() | ReleaseHold() | PlaceOrder():
                return self.holds.get(command.hold)
            case ReadOrder() | ConfirmOrder() | CancelOrder():
                return self.orders.get(command.order)
        return None

    def _missing(self, command: Command, tenant: str, at_ms: int, seen: Answer) -> str:
        match command:
            case ReadHold() | ExtendHold() | ReleaseHold() | PlaceOrder():
                hold = self.holds.get(command.hold)
                if tenant != self.tenant or hold is None or self._forgotten(hold, at_ms, seen):
                    return "HOLD_NOT_FOUND"
            case ReadOrder() | ConfirmOrder() | CancelOrder():
                order = self.orders.get(command.order)
                if tenant != self.tenant or order is None or self._forgotten(order.hold, at_ms, seen):
                    return "ORDER_NOT_FOUND"
            case _ if tenant != self.tenant:
                return "EVENT_NOT_FOUND"
        return ""

    def _end_ms(self, hold: _Hold) -> int:
        return hold.expires_at_ms if hold.status in ("ACTIVE", "EXPIRED") else hold.ended_at_ms

    def _forgotten(self, hold: _Hold, at_ms: int, seen: Answer) -> bool:
        if self.holds.get(hold.number) is not hold:
            return True
        if self._may_be_forgotten(hold, at_ms) and seen.reason in ("HOLD_NOT_FOUND", "ORDER_NOT_FOUND"):
            del self.holds[hold.number]
            self.orders.pop(hold.order, None)
            return True
        return False

    def _may_be_forgotten(self, hold: _Hold, at_ms: int) -> bool:
        return hold.gone_at_ms is not None and at_ms >= hold.gone_at_ms + 24 * HOUR_MS

    def _remembered(self, key: bytes, at_ms: int, seen: Answer) -> _Key | None:
        known = self.keys.get(key)
        if known is None:
            return None
        may_be_forgotten = at_ms >= self._kept_until_ms(known)
        known_by = ("IDEMPOTENCY_KEY_REUSED", "HOLD_NOT_FOUND", "ORDER_NOT_FOUND")
        if may_be_forgotten and not seen.replayed and seen.reason not in known_by:
            del self.keys[key]
            return None
        return known

    def _malformed(self, command: Command, at_ms: int, seen: Answer) -> bool:
        match command:
            case PlaceHold():
                quantities = [places.quantity for places in command.wish.areas]
                count = len(command.wish.seats) + sum(quantities)
                names = [*command.wish.seats, *(places.area for places in command.wish.areas)]
                if command.ttl_ms < 0 or min(quantities, default=1) < 1 or not 1 <= count <= 50:
                    return True
                return len(set(names)) != len(names) or self._in_use(command, at_ms, seen)
            case ExtendHold():
                return command.ttl_ms < 0
            case PlaceOrder():
                return self._in_use(command, at_ms, seen)
        return False

    def _in_use(self, command: PlaceHold | PlaceOrder, at_ms: int, seen: Answer) -> bool:
        """Whether something has the number already, other than what the command's key stands for."""
        there = self.holds.get(command.hold) if isinstance(command, PlaceHold) else self.orders.get(command.order)
        if there is None or command.stamp.tenant != self.tenant:
            return False
        refused = seen.reason == "INVALID_ARGUMENT"
        key = self.keys.get(command.stamp.key)
        if key is not None and key.stands_for is there:
            return refused and at_ms >= self._kept_until_ms(key)
        return refused or not self._may_be_forgotten(there if isinstance(there, _Hold) else there.hold, at_ms)

    def _write(self, command: Command, at_ms: int) -> Answer:
        stands_for: _Hold | _Order | None = None
        kept_until_ms: int | None = at_ms + 24 * HOUR_MS
        match command:
            case OpenSale():
                if self.on_sale:
                    return Answer(view=self._view(None, at_ms))
                self.on_sale = True
            case PlaceHold():
                refusal, stands_for = self._place_hold(command, at_ms)
                kept_until_ms = None
            case ExtendHold() | ReleaseHold():
                stands_for = self.holds[command.hold]
                kept_until_ms = None
                refusal = self._change_hold(stands_for, command.ttl_ms if isinstance(command, ExtendHold) else 0, at_ms)
            case PlaceOrder():
                refusal, stands_for = self._place_order(command, at_ms)
            case ConfirmOrder() | CancelOrder():
                stands_for = self.orders[command.order]
                refusal = self._change_order(stands_for, confirm=isinstance(command, ConfirmOrder), at_ms=at_ms)
            case _:
                raise AssertionError("the model knows no such command")
        if not isinstance(command, OpenSale) and refusal is not None:
            return refusal
        self.last_at_ms = at_ms
        stamp = command.stamp
        self.keys[stamp.key] = _Key(stamp.fingerprint, stands_for, kept_until_ms)
        return Answer(view=self._view(stands_for, at_ms))

    def _place_hold(self, command: PlaceHold, at_ms: int) -> tuple[Answer | None, _Hold | None]:
        areas = tuple((places.area, places.quantity) for places in command.wish.areas)
        names = (*command.wish.seats, *(area for area, _ in areas))
        unknown = tuple(name for name in names if name not in self.seats and name not in self.areas)
        if unknown:
            return Answer("UNIT_UNKNOWN", units=unknown), None
        if not self.on_sale:
            return Answer("SALE_NOT_OPEN"), None
        refusal = self._refuse_units(command.wish.seats, areas, at_ms)
        if refusal is not None:
            return refusal, None
        cap_ms = at_ms + 2 * HOUR_MS
        expires_at_ms = min(cap_ms, at_ms + (command.ttl_ms or self.hold_ttl_ms))
        hold = _Hold(command.hold, command.stamp.buyer, command.wish.seats, areas, expires_at_ms, cap_ms)
        self.holds[command.hold] = hold
        return None, hold

    def _refuse_units(self, seats: tuple[str, ...], areas: tuple[tuple[str, int], ...], at_ms: int) -> Answer | None:
        sold: list[str] = []
        held: list[str] = []
        retry_at_ms: list[int] = []
        places: Counter[str] = Counter()
        for hold in self.holds.values():
            is_sold = hold.order != 0 and self.orders[hold.order].status == "CONFIRMED"
            is_held = self._pending(hold) and hold.expires_at_ms > at_ms
            wanted = [seat for seat in seats if seat in hold.seats]
            if is_sold:
                sold += wanted
            if is_held and wanted:
                held += wanted
                retry_at_ms.append(hold.expires_at_ms)
            if is_sold or is_held:
                places.update(dict(hold.areas))
        if sold:
            return Answer("UNITS_SOLD", units=tuple(sorted(sold, key=seats.index)))
        if held:
            return Answer("UNITS_HELD", units=tuple(sorted(held, key=seats.index)), retry_at_ms=min(retry_at_ms))
        for area, quantity in areas:
            available = self.areas[area][2] - places[area]
            if available < quantity:
                return Answer("NOT_ENOUGH_AVAILABLE", units=(area,), available=available)
        return None

    def _refuse_ended(self, hold: _Hold, at_ms: int) -> Answer | None:
        if hold.order:
            return Answer("HOLD_CONFIRMED")
        if hold.status == "RELEASED":
            return Answer("HOLD_RELEASED")
        return Answer("HOLD_EXPIRED") if hold.expires_at_ms <= at_ms else None

    def _change_hold(self, hold: _Hold, ttl_ms: int, at_ms: int) -> Answer | None:
        refusal = self._refuse_ended(hold, at_ms)
        if refusal is not None:
            return refusal
        if ttl_ms == 0:
            hold.status, hold.ended_at_ms, hold.gone_at_ms = "RELEASED", at_ms, at_ms
        else:
            hold.expires_at_ms = max(hold.expires_at_ms, min(at_ms + ttl_ms, hold.cap_ms))
        return None

    def _place_order(self, command: PlaceOrder, at_ms: int) -> tuple[Answer | None, _Order | None]:
        hold = self.holds[command.hold]
        refusal = self._refuse_ended(hold, at_ms)
        if refusal is not None:
            return refusal, None
        hold.status, hold.order, hold.ended_at_ms = "CONFIRMED", command.order, at_ms
        self.orders[command.order] = order = _Order(command.order, hold, at_ms)
        return None, order

    def _order_status(self, order: _Order, at_ms: int) -> str:
        overdue = order.status == "PENDING" and order.hold.expires_at_ms <= at_ms
        return "EXPIRED" if overdue else order.status

    def _change_order(self, order: _Order, *, confirm: bool, at_ms: int) -> Answer | None:
        status = self._order_status(order, at_ms)
        if status not in ("PENDING",) if confirm else status in ("CANCELLED", "EXPIRED"):
            return Answer(f"ORDER_{status}")
        if confirm:
            order.status, order.was_paid = "CONFIRMED", True
        else:
            order.status = "CANCELLED"
            order.hold.gone_at_ms = None if order.was_paid else at_ms
        return None

    def _view(self, named: _Hold | _Order | None, at_ms: int) -> tuple[object, ...]:
        if named is None:
            return ("event", self.tenant, "ON_SALE" if self.on_sale else "DRAFT", self.created_at_ms)
        hold = named if isinstance(named, _Hold) else named.hold
        units = (hold.buyer, hold.seats, hold.areas, self._price(hold), hold.expires_at_ms)
        if isinstance(named, _Hold):
            overdue = hold.status == "ACTIVE" and hold.expires_at_ms <= at_ms
            status = "EXPIRED" if overdue else hold.status
            return ("hold", hold.number, status, *units, hold.cap_ms, hold.order)
        status = self._order_status(named, at_ms)
        tickets = [*hold.seats]
        for area, quantity in hold.areas:
            tickets += [area] * quantity
        shown = tuple(tickets) if status == "CONFIRMED" else ()
        return ("order", named.number, status, *units, hold.number, named.placed_at_ms, shown)

    def _price(self, hold: _Hold) -> frozenset[tuple[str, int, int]]:
        lines: Counter[tuple[str, int]] = Counter(self.seats[seat] for seat in hold.seats)
        for area, quantity in hold.areas:
            lines[self.areas[area][:2]] += quantity
        return frozenset((category, quantity, price) for (category, price), quantity in lines.items())
