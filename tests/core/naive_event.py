"""The naive model's event: its life, its edits, what time brings about, and who may have what. Nothing of the core."""

from typing import Any

from tests.core.naive_ground import Asked, Ground, pieces_of
from tests.core.naive_parts import IN_FORCE, SOLD, Answer, Claims, Hold, Key, Order, Waiter
from tests.core.naive_prices import charges_once

MAY_BECOME = {
    "DRAFT": ("CANCELLED",),
    "ON_SALE": ("PAUSED", "CLOSED", "CANCELLED"),
    "PAUSED": ("CLOSED", "CANCELLED"),
    "CLOSED": ("ARCHIVED", "CANCELLED"),
    "CANCELLED": ("ARCHIVED",),
    "ARCHIVED": (),
}
WHY_NOT = {"DRAFT": "SALE_NOT_OPEN", "ON_SALE": "SALE_OPEN", "PAUSED": "SALE_OPEN"}


class NaiveEvent:
    """An event of `tenant`, created at `created_at_ms` on this layout and these rules."""

    def __init__(
        self, tenant: str, name: str, created_at_ms: int, ttl_ms: int, layout: dict[str, Any], rules: dict[str, Any],
        most_keys: int,
    ) -> None:  # fmt: skip
        self.tenant, self.name, self.created_at_ms, self.ttl_ms = tenant, name, created_at_ms, ttl_ms
        self.layout, self.rules, self.most_keys = layout, rules, most_keys
        self.status, self.revision, self.version = "DRAFT", 1, 1
        self.last_at_ms = created_at_ms
        self.returned = self._over(created_at_ms)
        self.holds: dict[int, Hold] = {}
        self.orders: dict[int, Order] = {}
        self.waiters: dict[int, Waiter] = {}
        self.keys: dict[bytes, Key] = {}

    # What somebody has, at which time.

    def waiting(self) -> list[Waiter]:
        """Who waits, in the order of their joining."""
        return [waiter for waiter in self.waiters.values() if waiter.status == "WAITING"]

    def is_pending(self, hold: Hold) -> bool:
        """Whether its units are held, until its deadline."""
        return hold.status == "ACTIVE" or (hold.order != 0 and self.orders[hold.order].status == "PENDING")

    def claims(self, at_ms: int | None) -> Claims:
        """Who has what. At a time: without what is overdue, unless somebody waits for it; None: as journaled."""
        claims = Claims()
        for hold in self.holds.values():
            order = self.orders.get(hold.order) if hold.order else None
            if self.is_pending(hold):
                if at_ms is None or self.waiting() or hold.expires_at_ms > at_ms:
                    claims.held += ((piece, hold) for piece in hold.pieces)
            elif order is not None and order.status in SOLD:
                claims.sold += ((piece, hold) for piece in order.good())
        return claims

    def returned_at(self, at_ms: int) -> set[str]:
        """The allotments that have come back; by time, unless somebody waits."""
        return self.returned if self.waiting() else self.returned | self._over(at_ms)

    def status_at(self, order: Order, at_ms: int) -> str:
        """An order that is not paid in time is over, journaled or not."""
        is_over = order.status == "PENDING" and order.hold.expires_at_ms <= at_ms
        return "EXPIRED" if is_over else order.status

    def statuses(self) -> dict[str, str]:
        """As journaled, of every unit by name."""
        claims = self.claims(None)
        held, sold = ({piece.key for piece, _ in part if piece.key} for part in (claims.held, claims.sold))
        assert not held & sold, "a unit is held and sold"
        assert len(held) + len(sold) == sum(1 for piece, _ in claims.all() if piece.key), "a unit was given twice"
        ground = Ground(self.layout, self.rules, self.returned, claims)
        return {
            unit.name: "HELD"
            if unit.key in held
            else "SOLD"
            if unit.key in sold
            else "AVAILABLE"
            if ground.pool_of(unit) in (None, "accessible")
            else "BLOCKED"
            for unit in self.layout["units"]
        }

    def places(self) -> dict[str, tuple[int, int]]:
        """As journaled, of every area how many places are held and sold."""
        claims = self.claims(None)
        return {
            area: (
                sum(not piece.key and piece.name == area for piece, _ in claims.held),
                sum(not piece.key and piece.name == area for piece, _ in claims.sold),
            )
            for area in self.layout["areas"]
        }

    def _over(self, at_ms: int) -> set[str]:
        over = {each["name"] for each in self.rules["allotments"] if 0 < each["returns_at_ms"] <= at_ms}
        return over | ({""} if 0 < self.rules["accessible_until_ms"] <= at_ms else set())

    # What becomes of a wish.

    def _refuse_wish(self, asked: Asked, at_ms: int) -> Answer | None:
        return asked.refuse() or self._refuse_sale(asked.wish["channel"], at_ms) or self._refuse_begun(asked, at_ms)

    def _refuse_sale(self, channel: str, at_ms: int) -> Answer | None:
        if self.status in ("DRAFT", "PAUSED"):
            return Answer("SALE_NOT_OPEN")
        if self.status != "ON_SALE":
            return Answer("SALE_CLOSED")
        window = self.rules["window"]
        for known in self.rules["channels"]:
            if known["name"] == channel and known["window"] is not None:
                window = known["window"]
        if at_ms < window["opens_at_ms"]:
            return Answer("SALE_NOT_OPEN", retry_at_ms=window["opens_at_ms"])
        return Answer("SALE_CLOSED") if 0 < window["closes_at_ms"] <= at_ms else None

    def _refuse_begun(self, asked: Asked, at_ms: int) -> Answer | None:
        begun = frozenset(unit.name for unit, _ in asked.units if 0 < unit.begins_ms <= at_ms)
        return Answer("SALE_CLOSED", units=begun) if begun else None

    def _refuse_buyer(self, buyer: str, more: int, at_ms: int) -> Answer | None:
        most = self.rules["max_per_buyer"]
        if not most or more <= 0:
            return None
        if not buyer:
            return Answer("INVALID_ARGUMENT")
        claims = self.claims(None)
        count = sum(hold.buyer == buyer for _, hold in claims.sold)
        count += sum(hold.buyer == buyer and hold.expires_at_ms > at_ms for _, hold in claims.held)
        return Answer("BUYER_LIMIT_EXCEEDED", available=max(most - count, 0)) if count + more > most else None

    def _have(
        self, asked: Asked, buyer: str, ground: Ground, given: int, at_ms: int, held: list[str], seen: Answer
    ) -> tuple[Answer | None, list[str]]:  # fmt: skip
        """Why the wish comes to nothing; or the seats that were chosen, which are the last of those `held`."""
        refusal = self._refuse_buyer(buyer, asked.count() - given, at_ms) or ground.refuse(asked)
        return (refusal, []) if refusal is not None else ground.refuse_best(asked, held[len(asked.units) :], seen)

    def _placed(self, number: int, buyer: str, asked: Asked, ttl_ms: int, at_ms: int, seen: Answer) -> Answer | Hold:
        """The hold, or why not. `seen`: what the caller was shown, if it was accepted."""
        ground = Ground(self.layout, self.rules, self.returned_at(at_ms), self.claims(at_ms))
        names: list[str] = list(seen.view[4]) if seen.view else []  # type: ignore[call-overload]
        refusal, chosen = self._have(asked, buyer, ground, 0, at_ms, names, seen)
        if refusal is not None:
            return refusal
        cap_ms = at_ms + self.rules["max_hold_life_ms"]
        pieces = pieces_of(self.layout, asked, chosen)
        once = charges_once(self.layout)
        hold = Hold(number, buyer, asked.wish["channel"], pieces, once, min(at_ms + ttl_ms, cap_ms), cap_ms)
        self.holds[number] = hold
        return hold

    # What time brings about.

    def expired(self, hold: Hold, at_ms: int) -> None:
        """The block says that it, or its order, expired: it must have been overdue."""
        assert self.is_pending(hold), "what expired was not pending"
        assert hold.expires_at_ms <= at_ms, "it expired early"
        if hold.order:
            self.orders[hold.order].status, hold.gone_at_ms = "EXPIRED", at_ms
        else:
            self._end(hold, "EXPIRED", at_ms)
        self.last_at_ms = at_ms

    def came_back(self, allotment: str, at_ms: int) -> None:
        """The block says that an allotment came back: it must have been time."""
        assert allotment in self._over(at_ms) - self.returned, "it came back early, or twice"
        self.returned.add(allotment)
        self.last_at_ms = at_ms

    def offered(self, number: int, seats: tuple[str, ...], at_ms: int) -> Hold:
        """The block offers something to a waiter: nobody before it in line could have been served."""
        assert not self.is_anything_due(at_ms), "something is offered before it is known what is there"
        first = self.first_served(at_ms)
        assert first is not None, "something is offered that is not there"
        assert first.number == number, f"offered to {number}, though {first.number} came first"
        asked = Asked(self.layout, self.rules, first.wish)
        claim_ms = self.rules["waiting_list"]["claim_ms"]
        seen = Answer(view=("", "", "", "", seats))
        hold = self._placed(number, first.buyer, asked, claim_ms, at_ms, seen)
        assert isinstance(hold, Hold), f"offered though {hold}"
        hold.cap_ms = hold.expires_at_ms  # it is offered for that time and no longer
        first.status, first.hold, first.gone_at_ms = "OFFERED", number, at_ms
        self.last_at_ms = at_ms
        return hold

    def is_anything_due(self, at_ms: int) -> bool:
        """Whether something is overdue or should have come back."""
        overdue = any(self.is_pending(hold) and hold.expires_at_ms <= at_ms for hold in self.holds.values())
        return overdue or bool(self._over(at_ms) - self.returned)

    def first_served(self, at_ms: int) -> Waiter | None:
        """The first in line who can be served with what is there, or None."""
        if self.rules["waiting_list"] is None or self.status != "ON_SALE":
            return None
        ground = Ground(self.layout, self.rules, self.returned, self.claims(None))
        for waiter in self.waiting():
            asked = Asked(self.layout, self.rules, waiter.wish)
            refusal = self._refuse_wish(asked, at_ms) or self._refuse_buyer(waiter.buyer, asked.count(), at_ms)
            if refusal is None and ground.refuse(asked) is None and ground.could_choose(asked):
                return waiter
        return None

    def outage(self, from_ms: int, until_ms: int, at_ms: int) -> None:
        """Another shard took over after an outage."""
        for hold in self.holds.values():
            if self.is_pending(hold) and from_ms <= hold.expires_at_ms <= until_ms:
                hold.expires_at_ms = max(hold.expires_at_ms, min(at_ms + 30_000, hold.cap_ms))

    def _end(self, hold: Hold, status: str, at_ms: int) -> None:
        hold.status, hold.ended_at_ms, hold.gone_at_ms = status, at_ms, at_ms

    def _cancel(self, order: Order, at_ms: int) -> None:
        order.status = "CANCELLED"
        order.hold.gone_at_ms = None if order.was_paid else at_ms

    # The event itself.

    def _do_OpenSale(self, command: dict[str, Any], at_ms: int, seen: Answer) -> Answer | None:
        if self.status not in ("DRAFT", "PAUSED", "ON_SALE"):
            return Answer("SALE_CLOSED")
        self.revision += self.status != "ON_SALE"
        self.status = "ON_SALE"
        return None

    def _do_ChangeStatus(self, command: dict[str, Any], at_ms: int, seen: Answer) -> Answer | None:
        wanted = command["status"]
        if wanted == self.status:
            return None
        if wanted not in MAY_BECOME[self.status]:
            return Answer(WHY_NOT.get(self.status, "SALE_CLOSED"))
        self.status = wanted
        self.revision += 1
        for waiter in self.waiting() if wanted != "PAUSED" else ():
            waiter.status, waiter.gone_at_ms = "LEFT", at_ms
        if wanted == "CANCELLED":
            for hold in self.holds.values():
                if hold.status == "ACTIVE":
                    self._end(hold, "RELEASED", at_ms)
            for order in self.orders.values():
                if order.status in ("PENDING", *IN_FORCE):
                    self._cancel(order, at_ms)
        return None

    def _bad_edit(self, command: dict[str, Any]) -> bool:
        rules = command["rules"] or self.rules
        ttl_ms = command["hold_ttl_ms"]
        repeats = any(len(set(each["units"])) < len(each["units"]) for each in rules["allotments"])
        return repeats or (ttl_ms is not None and not 1_000 <= ttl_ms <= rules["max_hold_life_ms"])

    def _do_EditEvent(self, command: dict[str, Any], at_ms: int, seen: Answer) -> Answer | None:
        if command["if_revision"] != self.revision:
            return Answer("REVISION_MISMATCH")
        layout, rules = command["layout"] or self.layout, command["rules"] or self.rules
        unknown = [
            name
            for allotment in rules["allotments"]
            for name in allotment["units"]
            if not any(unit.is_named(name) for unit in layout["units"])
        ]
        areas = (places["area"] for allotment in rules["allotments"] for places in allotment["places"])
        unknown += (area for area in areas if area not in layout["areas"])
        if unknown:
            return Answer("UNIT_UNKNOWN", units=frozenset(unknown))
        refusal = self._refuse_orphaning(layout) if command["layout"] is not None else None
        if refusal is not None:
            return refusal
        self.version += command["layout"] is not None
        self.layout, self.revision = layout, self.revision + 1
        self.name = self.name if command["name"] is None else command["name"]
        self.ttl_ms = command["hold_ttl_ms"] or self.ttl_ms
        if command["rules"] is not None:
            self.rules = rules
            self.returned = self._over(at_ms)
        return None

    def _refuse_orphaning(self, layout: dict[str, Any]) -> Answer | None:
        if layout["currency"] != self.layout["currency"]:
            return Answer("INVALID_ARGUMENT")
        claims = self.claims(None)
        lengths = {unit.key: unit.ends_ms - unit.begins_ms for unit in layout["units"]}
        name_now = {unit.key: unit.name for unit in self.layout["units"]}
        lost: dict[str, set[str]] = {}
        for what, part in (("UNITS_SOLD", claims.sold), ("UNITS_HELD", claims.held)):
            seats = [piece for piece, _ in part if piece.key]
            gone = [piece for piece in seats if lengths.get(piece.key) != piece.ends_ms - piece.begins_ms]
            lost[what] = {name_now[piece.key] for piece in gone}
        for area, (held, sold) in self.places().items():
            capacity = layout["areas"].get(area, ("", 0))[1]
            if held + sold > capacity:
                lost["UNITS_SOLD" if sold > capacity else "UNITS_HELD"].add(area)
        return next((Answer(what, units=frozenset(names)) for what, names in lost.items() if names), None)
