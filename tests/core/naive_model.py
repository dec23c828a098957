"""What a block should answer, written as plainly as possible: lists, loops and one place for each rule.

It takes commands and layouts as plain data, by names, and knows nothing of the core. Statuses are judged by time at
every question. Where the promise leaves room (what may be forgotten once its time is over, and which of the best seats
are chosen) the model looks at what was seen, and says whether that is allowed.
"""

from collections.abc import Mapping
from itertools import combinations
from typing import Any

from tests.core.naive_event import NaiveEvent
from tests.core.naive_ground import Asked, Ground, missing_of_tables, pieces_of
from tests.core.naive_parts import HOUR_MS, IN_FORCE, MINUTE_MS, Answer, Claims, Hold, Key, Order, Waiter
from tests.core.naive_views import view_of

NO_LONGER = {
    "PENDING": "ORDER_PENDING",
    "CONFIRMED": "ORDER_CONFIRMED",
    "PARTLY_CANCELLED": "ORDER_CONFIRMED",
    "CANCELLED": "ORDER_CANCELLED",
    "EXPIRED": "ORDER_EXPIRED",
    "COMPLETED": "ORDER_CLOSED",
    "NO_SHOW": "ORDER_CLOSED",
}
CALLED_BY = {"hold": "HOLD_NOT_FOUND", "order": "ORDER_NOT_FOUND", "waiter": "WAITER_NOT_FOUND"}
OF_HOLDS = ("ReadHold", "ExtendHold", "ReleaseHold", "PlaceOrder")
OF_ORDERS = (
    "ReadOrder", "ConfirmOrder", "CancelOrder", "CloseOrder", "CancelTickets", "ExchangeTickets", "ReassignTicket",
)  # fmt: skip
OF_WAITERS = ("ReadWaiter", "LeaveWaitingList")
MOST_WAITS = 20
Command = dict[str, Any]
Done = Answer | Hold | Order | Waiter | None
"""What a write comes to: a refusal, or what its key stands for; None: the event."""


class NaiveBlock(NaiveEvent):
    """A block in plain words. `ask` what should come of a command; `brought`: what time has brought about."""

    def ask(self, do: str, command: Command, now_ms: int, seen: Answer) -> Answer:
        """What the block should answer; `seen` decides only where the promise leaves room."""
        at_ms = max(now_ms, self.last_at_ms)
        if do.startswith("Read"):
            missing = self._missing(do, command, command["tenant"], at_ms, seen)
            return Answer(missing) if missing else Answer(view=view_of(self, self._named(do, command), at_ms))
        stamp = command["stamp"]
        if self._malformed(do, command, at_ms, seen):
            return Answer("INVALID_ARGUMENT")
        if stamp["tenant"] == self.tenant and self._is_full(stamp["key"], at_ms, seen):
            return Answer("OVERLOADED")
        if now_ms > stamp["not_after_ms"]:
            return Answer("DEADLINE_EXCEEDED")
        missing = self._missing(do, command, stamp["tenant"], at_ms, seen)
        if missing:
            return Answer(missing)
        key = self._remembered(stamp["key"], at_ms, seen)
        if key is not None and key.fingerprint == stamp["fingerprint"]:
            for what in (key.stands_for,):
                if what is not None and self._forgotten(what, at_ms, seen):
                    return Answer(CALLED_BY[type(what).__name__.lower()])
            return Answer(replayed=True, view=view_of(self, key.stands_for, at_ms))
        if key is not None or do == "CreateEvent":
            return Answer("IDEMPOTENCY_KEY_REUSED")
        return self._write(do, command, at_ms, seen)

    def _write(self, do: str, command: Command, at_ms: int, seen: Answer) -> Answer:
        before = self.revision
        done: Done = getattr(self, f"_do_{do}")(command, at_ms, seen)
        if isinstance(done, Answer):
            return done
        view = view_of(self, done, at_ms)
        if done is None and self.revision == before:
            return Answer(view=view)  # it is so already: nothing is kept
        self.last_at_ms = at_ms
        lives_on = do in ("PlaceHold", "ExtendHold", "ReleaseHold")
        kept_until_ms = None if lives_on else at_ms + 24 * HOUR_MS
        self.keys[command["stamp"]["key"]] = Key(command["stamp"]["fingerprint"], done, kept_until_ms)
        return Answer(view=view)

    def knows_key(self, key: bytes, fingerprint: bytes) -> None:
        """The key under which the event was created, which is kept for ever."""
        self.keys[key] = Key(fingerprint, None, 1 << 62)

    # Memory: what is malformed, missing, remembered.

    def _malformed(self, do: str, command: Command, at_ms: int, seen: Answer) -> bool:
        tenant = command["stamp"]["tenant"]
        match do:
            case "PlaceHold" | "JoinWaitingList":
                if self._bad_wish(command["wish"]) or command.get("ttl_ms", 0) < 0:
                    return True
                if do == "JoinWaitingList" and len(command["wish"]["best"]) > 1:
                    return True
                return self._in_use(do, command, at_ms, seen)
            case "ExtendHold":
                return bool(command["ttl_ms"] < 0)
            case "PlaceOrder":
                return self._in_use(do, command, at_ms, seen)
            case "ChangeStatus":
                return command["status"] in ("DRAFT", "ON_SALE")
            case "EditEvent":
                return self._bad_edit(command)
            case "CloseOrder":
                return command["status"] not in ("COMPLETED", "NO_SHOW")
            case "CancelTickets" | "ExchangeTickets" | "ReassignTicket":
                tickets = command["tickets"] if do != "ReassignTicket" else (command["ticket"],)
                order = self.orders.get(command["order"]) if tenant == self.tenant else None
                beyond = order is not None and order.was_paid and max(tickets, default=0) >= len(order.pieces)
                bad = not tickets or len(set(tickets)) < len(tickets) or beyond
                return (
                    bad or (do == "ExchangeTickets" and self._bad_wish(command["wish"])) or command.get("holder") == ""
                )
        return False

    def _bad_wish(self, wish: dict[str, Any]) -> bool:
        counts = [part["quantity"] for part in (*wish["areas"], *wish["best"])]
        count = len(wish["seats"]) + sum(counts) + len(wish["spans"])
        alike = [(places["area"], places["price_type"]) for places in wish["areas"]]
        kinds = [name for name, _ in wish["seat_types"]]
        return (
            min(counts, default=1) < 1
            or not 1 <= count <= 50
            or len(set(wish["seats"])) < len(wish["seats"])
            or len(set(alike)) < len(alike)
            or not set(kinds) <= set(wish["seats"])
            or any(not 0 <= best["accessible"] <= best["quantity"] for best in wish["best"])
            or any(sum(n for _, n in best["price_types"]) > best["quantity"] for best in wish["best"])
            or any(span["ends_at_ms"] <= span["starts_at_ms"] for span in wish["spans"])
            or any(
                one["resource"] == other["resource"]
                and one["starts_at_ms"] < other["ends_at_ms"]
                and other["starts_at_ms"] < one["ends_at_ms"]
                for one, other in combinations(wish["spans"], 2)
            )
        )

    def _in_use(self, do: str, command: Command, at_ms: int, seen: Answer) -> bool:
        """Whether something has the number already, other than what the command's key stands for."""
        if command["stamp"]["tenant"] != self.tenant:
            return False
        kinds: dict[str, tuple[str, type[Hold | Order | Waiter]]] = {
            "PlaceHold": ("hold", Hold),
            "PlaceOrder": ("order", Order),
            "JoinWaitingList": ("waiter", Waiter),
        }
        field, kind = kinds[do]
        number = command[field]
        kept: tuple[Mapping[int, Hold | Order | Waiter], ...]
        kept = (self.orders,) if kind is Order else (self.holds, self.waiters)
        there = [those[number] for those in kept if number in those]
        refused = seen.reason == "INVALID_ARGUMENT"
        key = self.keys.get(command["stamp"]["key"])
        stands_for = None if key is None else key.stands_for
        if key is not None and isinstance(stands_for, kind) and stands_for.number == number:
            return bool(there) and refused and at_ms >= self._kept_until_ms(key)
        return bool(there) and (refused or not all(self._may_be_forgotten(each, at_ms) for each in there))

    def _is_full(self, key: bytes, at_ms: int, seen: Answer) -> bool:
        """Whether a key that nobody knows finds no room. Which keys are forgotten already, only the block knows."""
        known = self.keys.get(key)
        surely = self.kept_keys(at_ms)
        if seen.reason == "OVERLOADED" and (known is None or key not in surely):
            return len(self.keys) >= self.most_keys
        return known is None and len(surely) == len(self.keys) >= self.most_keys

    def _named(self, do: str, command: Command) -> Hold | Order | Waiter | None:
        if do in OF_HOLDS:
            return self.holds.get(command["hold"])
        if do in OF_ORDERS:
            return self.orders.get(command["order"])
        return self.waiters.get(command["waiter"]) if do in OF_WAITERS else None

    def _missing(self, do: str, command: Command, tenant: str, at_ms: int, seen: Answer) -> str:
        if do not in (*OF_HOLDS, *OF_ORDERS, *OF_WAITERS):
            return "" if tenant == self.tenant else "EVENT_NOT_FOUND"
        what = self._named(do, command)
        kind = "hold" if do in OF_HOLDS else "order" if do in OF_ORDERS else "waiter"
        there = tenant == self.tenant and what is not None and not self._forgotten(what, at_ms, seen)
        return "" if there else CALLED_BY[kind]

    def _forgotten(self, what: Hold | Order | Waiter, at_ms: int, seen: Answer) -> bool:
        """Whether the block has forgotten it, which it may after a day; then it never comes back."""
        there = (*self.holds.values(), *self.orders.values(), *self.waiters.values())
        if not any(each is what for each in there):
            return True
        if self._may_be_forgotten(what, at_ms) and seen.reason in CALLED_BY.values():
            self._forget(what)
            return True
        return False

    def _may_be_forgotten(self, what: Hold | Order | Waiter, at_ms: int) -> bool:
        gone_at_ms = what.hold.gone_at_ms if isinstance(what, Order) else what.gone_at_ms
        return gone_at_ms is not None and at_ms >= gone_at_ms + 24 * HOUR_MS

    def _forget(self, what: Hold | Order | Waiter) -> None:
        if isinstance(what, Waiter):
            del self.waiters[what.number]
        else:
            hold = what.hold if isinstance(what, Order) else what
            del self.holds[hold.number]
            self.orders.pop(hold.order, None)

    def _remembered(self, key: bytes, at_ms: int, seen: Answer) -> Key | None:
        known = self.keys.get(key)
        if known is None:
            return None
        known_by = ("IDEMPOTENCY_KEY_REUSED", *CALLED_BY.values())
        if at_ms >= self._kept_until_ms(known) and not seen.replayed and seen.reason not in known_by:
            del self.keys[key]
            return None
        return known

    def kept_keys(self, at_ms: int) -> set[bytes]:
        """The keys that must be remembered at `at_ms`."""
        return {key for key, known in self.keys.items() if at_ms < self._kept_until_ms(known)}

    def _kept_until_ms(self, known: Key) -> int:
        if known.kept_until_ms is not None:
            return known.kept_until_ms
        hold = known.stands_for
        assert isinstance(hold, Hold)
        return (hold.expires_at_ms if hold.status in ("ACTIVE", "EXPIRED") else hold.ended_at_ms) + 10 * MINUTE_MS

    # Holds.

    def _do_PlaceHold(self, command: Command, at_ms: int, seen: Answer) -> Done:
        asked = Asked(self.layout, self.rules, command["wish"])
        refusal = self._refuse_wish(asked, at_ms)
        if refusal is not None:
            return refusal
        buyer = command["stamp"]["buyer"]
        return self._placed(command["hold"], buyer, asked, command["ttl_ms"] or self.ttl_ms, at_ms, seen)

    def _do_ExtendHold(self, command: Command, at_ms: int, seen: Answer) -> Done:
        hold = self.holds[command["hold"]]
        refusal = self._refuse_ended(hold, at_ms)
        if refusal is None and command["ttl_ms"] == 0:
            self._end(hold, "RELEASED", at_ms)
        elif refusal is None:
            hold.expires_at_ms = max(hold.expires_at_ms, min(at_ms + command["ttl_ms"], hold.cap_ms))
        return refusal or hold

    def _do_ReleaseHold(self, command: Command, at_ms: int, seen: Answer) -> Done:
        return self._do_ExtendHold({**command, "ttl_ms": 0}, at_ms, seen)

    def _refuse_ended(self, hold: Hold, at_ms: int) -> Answer | None:
        if hold.order:
            return Answer("HOLD_CONFIRMED")
        if hold.status == "RELEASED":
            return Answer("HOLD_RELEASED")
        return Answer("HOLD_EXPIRED") if hold.expires_at_ms <= at_ms else None

    # Orders and their tickets.

    def _do_PlaceOrder(self, command: Command, at_ms: int, seen: Answer) -> Done:
        hold = self.holds[command["hold"]]
        refusal = self._refuse_ended(hold, at_ms)
        if refusal is not None:
            return refusal
        hold.status, hold.order, hold.ended_at_ms = "CONFIRMED", command["order"], at_ms
        order = Order(command["order"], hold, at_ms, list(hold.pieces))
        self.orders[order.number] = order
        return order

    def _do_ConfirmOrder(self, command: Command, at_ms: int, seen: Answer) -> Done:
        order = self.orders[command["order"]]
        if self.status_at(order, at_ms) != "PENDING":
            return Answer(NO_LONGER[self.status_at(order, at_ms)])
        order.status, order.was_paid = "CONFIRMED", True
        for piece in order.pieces:
            piece.revision = 1
        return order

    def _do_CancelOrder(self, command: Command, at_ms: int, seen: Answer) -> Done:
        order = self.orders[command["order"]]
        if self.status_at(order, at_ms) not in ("PENDING", *IN_FORCE):
            return Answer(NO_LONGER[self.status_at(order, at_ms)])
        self._cancel(order, at_ms)
        return order

    def _do_CloseOrder(self, command: Command, at_ms: int, seen: Answer) -> Done:
        order = self.orders[command["order"]]
        if self.status_at(order, at_ms) not in IN_FORCE:
            return Answer(NO_LONGER[self.status_at(order, at_ms)])
        begins_ms = min((piece.begins_ms for piece in order.good() if piece.begins_ms), default=None)
        if begins_ms is None or begins_ms > at_ms:
            return Answer("ORDER_NOT_DUE", retry_at_ms=begins_ms)
        order.status = command["status"]
        return order

    def _do_CancelTickets(self, command: Command, at_ms: int, seen: Answer) -> Done:
        order = self.orders[command["order"]]
        refusal = self._refuse_tickets(order, command["tickets"], at_ms, must_be_whole=True)
        if refusal is not None:
            return refusal
        if len(command["tickets"]) == len(order.good()):
            self._cancel(order, at_ms)
            return order
        for ticket in command["tickets"]:
            order.pieces[ticket].revision = 0
        order.status = "PARTLY_CANCELLED"
        return order

    def _do_ExchangeTickets(self, command: Command, at_ms: int, seen: Answer) -> Done:
        order = self.orders[command["order"]]
        asked = Asked(self.layout, self.rules, command["wish"])
        refusal = self._refuse_wish(asked, at_ms) or self._refuse_tickets(
            order, command["tickets"], at_ms, must_be_whole=True
        )
        if refusal is not None:
            return refusal
        given = [order.pieces[ticket] for ticket in command["tickets"]]
        ground = Ground(
            self.layout, self.rules, self.returned_at(at_ms), self.claims(at_ms), given, order.hold
        )  # fmt: skip
        held: list[str] = list(seen.view[4]) if seen.view else []  # type: ignore[call-overload]
        left = [piece for piece in order.good() if piece not in given and piece.key]
        refusal, chosen = self._have(asked, order.hold.buyer, ground, len(given), at_ms, held[len(left) :], seen)
        if refusal is not None:
            return refusal
        for piece in given:
            piece.revision = 0
        for piece in pieces_of(self.layout, asked, chosen):
            piece.revision = 1
            order.pieces.append(piece)
        return order

    def _do_ReassignTicket(self, command: Command, at_ms: int, seen: Answer) -> Done:
        order = self.orders[command["order"]]
        refusal = self._refuse_tickets(order, (command["ticket"],), at_ms, must_be_whole=False)
        if refusal is not None:
            return refusal
        piece = order.pieces[command["ticket"]]
        piece.revision, piece.holder = piece.revision + 1, command["holder"]
        return order

    def _refuse_tickets(
        self, order: Order, tickets: tuple[int, ...], at_ms: int, *, must_be_whole: bool
    ) -> Answer | None:  # fmt: skip
        if self.status_at(order, at_ms) not in IN_FORCE:
            return Answer(NO_LONGER[self.status_at(order, at_ms)])
        given = {piece.key for piece in (order.pieces[ticket] for ticket in tickets) if piece.key and piece.revision}
        missing = missing_of_tables(self.layout["units"], given, {piece.key for piece in order.good()})
        if missing and must_be_whole:
            return Answer("TABLE_NOT_WHOLE", units=missing)
        return Answer("TICKET_VOID") if any(not order.pieces[ticket].revision for ticket in tickets) else None

    # The waiting list.

    def _do_JoinWaitingList(self, command: Command, at_ms: int, seen: Answer) -> Done:
        asked = Asked(self.layout, self.rules, command["wish"])
        buyer = command["stamp"]["buyer"]
        refusal = self._refuse_wish(asked, at_ms)
        if refusal is None and self.rules["waiting_list"] is None:
            refusal = Answer("NO_WAITING_LIST")
        if refusal is None and buyer and sum(waiter.buyer == buyer for waiter in self.waiting()) >= MOST_WAITS:
            refusal = Answer("BUYER_LIMIT_EXCEEDED")
        refusal = refusal or self._refuse_buyer(buyer, asked.count(), at_ms) or self._refuse_never(asked)
        if refusal is not None:
            return refusal
        wish = command["wish"]
        in_order = {
            "seats": sorted(wish["seats"]),
            "areas": sorted(wish["areas"], key=lambda places: (places["area"], places["price_type"])),
            "spans": sorted(wish["spans"], key=lambda span: (span["resource"], span["starts_at_ms"])),
        }
        waiter = Waiter(command["waiter"], buyer, {**wish, **in_order}, at_ms)
        self.waiters.pop(waiter.number, None)  # one that was forgotten had the number; this one is the last in line
        self.waiters[waiter.number] = waiter
        return waiter

    def _refuse_never(self, asked: Asked) -> Answer | None:
        """Whether it could not be had if nobody had anything and nothing were set aside."""
        empty = Ground(self.layout, {**self.rules, "allotments": ()}, {""}, Claims())
        refusal = empty.refuse(asked)
        if refusal is not None or empty.could_choose(asked):
            return refusal
        return empty.refuse_best(asked, [], Answer())[0]

    def _do_LeaveWaitingList(self, command: Command, at_ms: int, seen: Answer) -> Done:
        waiter = self.waiters[command["waiter"]]
        if waiter.status != "WAITING":
            return Answer("WAITER_GONE")
        waiter.status, waiter.gone_at_ms = "LEFT", at_ms
        return waiter
