"""What random walks are made of: a checked block beside the naive model, and how both are asked and compared."""

from collections import Counter
from random import Random
from typing import ClassVar

import msgspec
from hypothesis import note
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize

from actors.core import keys
from actors.core.commands import (
    Command,
    ConfirmOrder,
    Correct,
    CreateEvent,
    EditEvent,
    ExchangeTickets,
    JoinWaitingList,
    OpenSale,
    PlaceHold,
    PlaceOrder,
    Stamp,
    Write,
)
from actors.core.entries import Activated, AllotmentReturned, Corrected, Entry, HoldExpired, HoldPlaced, OrderExpired
from actors.core.ids import TenantId
from actors.core.inventory import UnitStatus
from actors.core.keys import fingerprint, key_hash
from actors.core.outcomes import Accepted, Outcome
from actors.core.rules import Rules
from tests.core.checked_block import CheckedBlock
from tests.core.naive_corrections import correct, faults_of
from tests.core.naive_model import NaiveBlock
from tests.core.naive_parts import HOUR_MS, IN_FORCE, MINUTE_MS, SOLD
from tests.core.plain_layout import plain, plain_layout, units_of
from tests.core.walk_answers import answer_of
from tests.core.walk_events import FULL, RULES, START_MS, any_wish, mostly

TTL_MS = 10 * MINUTE_MS
MANY_KEYS, FEW_KEYS = keys.MAX_KEYS_PER_BLOCK, 14
STEPS_MS = (0, 0, 0, 1, 999, 7_000, -30_000)

seeds = st.integers(0, 1 << 63)
"""A step draws from a generator of its own: Hypothesis likes to repeat what it drew, and would repeat its wishes."""


class Walk(RuleBasedStateMachine):
    """Whatever is asked, both must answer the same; the block's own checks run besides."""

    met: ClassVar[Counter[str]] = Counter()  # over all walks: what was asked and what came of it

    @initialize(seed=seeds)
    def create(self, seed: int) -> None:
        self.salt = seed
        self.drawn: Counter[int] = Counter()
        random = self.random(seed)
        rules = mostly(random, random.choice(tuple(RULES.values())), Rules(), odds=12)
        self.block = CheckedBlock()
        self.now_ms = START_MS
        self.sent: list[Write] = []
        self.numbers = 0
        self.quarantine = 0
        self.holds: list[int] = []
        self.orders: list[int] = []
        self.waiters: list[int] = []
        keys.MAX_KEYS_PER_BLOCK = most_keys = mostly(random, MANY_KEYS, FEW_KEYS, odds=8)
        event_stamp = Stamp("acme", "", b"event".ljust(16), b"print".ljust(16), START_MS)
        command = CreateEvent(event_stamp, "Night", FULL, TTL_MS, rules)
        created = self.block.ask(command, START_MS)
        assert isinstance(created, Accepted)
        self.sent.append(command)
        event = plain_layout(FULL), plain(rules)
        self.model = NaiveBlock("acme", "Night", START_MS, TTL_MS, *event, most_keys)
        self.model.knows_key(event_stamp.key, event_stamp.fingerprint)
        if mostly(random, True, False, odds=20):
            self.write(OpenSale(self.plain_stamp("ana", "open")))

    def teardown(self) -> None:
        if hasattr(self, "block"):
            keys.MAX_KEYS_PER_BLOCK = MANY_KEYS
            self.block.check_replays()

    def at_ms(self) -> int:
        return max(self.now_ms, self.model.last_at_ms)

    def new_number(self) -> int:
        self.numbers += 1
        return self.numbers

    def random(self, seed: int) -> Random:
        """A generator for one step, another for each step though the seeds be the same."""
        self.drawn[seed] += 1
        return Random(f"{self.salt} {seed} {self.drawn[seed]}")

    def picked(self, random: Random, numbers: list[int]) -> int:
        """One of the newer ones mostly, now and then one that never was."""
        if not numbers:
            return 77_777
        return mostly(random, random.choice(numbers[-4:]), random.choice(numbers), 77_777, odds=5)

    def picked_order(self, random: Random) -> int:
        """Mostly one that is paid, or was."""
        paid = [number for number, order in self.model.orders.items() if order.status in SOLD]
        return self.picked(random, paid if paid and random.randrange(5) else self.orders)

    def buy_something(self, random: Random) -> None:
        """Try a few times, if there is no paid order."""
        for _ in range(3):
            if not self.orders or not any(order.status in IN_FORCE for order in self.model.orders.values()):
                self.try_to_buy(random)

    def begun_order(self, random: Random) -> int:
        """One that is on slots, if there is any, mostly when they have begun."""
        begins_ms = {
            number: min(piece.begins_ms for piece in order.pieces if piece.begins_ms)
            for number, order in self.model.orders.items()
            if order.status in IN_FORCE and any(piece.begins_ms for piece in order.pieces)
        }
        if not begins_ms or not random.randrange(4):
            return self.picked_order(random)
        order = random.choice(list(begins_ms))
        if begins_ms[order] < START_MS + 3 * HOUR_MS and random.randrange(3):
            self.now_ms = max(self.now_ms, begins_ms[order])
        return order

    def tickets_of(self, random: Random, number: int) -> tuple[int, ...]:
        """Some tickets of an order, good ones mostly."""
        order = self.model.orders.get(number)
        pieces = order.pieces if order is not None else []
        good = [ticket for ticket, piece in enumerate(pieces) if piece.revision] or [0]
        void = [ticket for ticket, piece in enumerate(pieces) if not piece.revision]
        some = random.choice((good[:1], good[-1:], good, random.sample(good, k=len(good) // 2 + 1)))
        if void and random.randrange(3):
            some = good[:1] + void[:1]
        return tuple(mostly(random, some, [len(pieces)], [0, 0], [], odds=6))

    def plain_stamp(self, buyer: str, *asked: object) -> Stamp:
        """A new key, and time enough."""
        hashed = key_hash(TenantId("acme"), f"new {len(self.sent)}")
        return Stamp("acme", buyer, hashed, fingerprint("principal", buyer, repr(asked)), self.now_ms + MINUTE_MS)

    def stamp(self, random: Random, *asked: object) -> Stamp:
        """A stamp of whoever, with a key that may be another command's, perhaps too late, or of another tenant."""
        self.now_ms += random.choice(STEPS_MS)
        buyer = mostly(random, random.choice(("ana", "ana", "bob")), "", odds=15)
        plain_one = self.plain_stamp(buyer, *asked)
        name = mostly(random, "", "shared 0", "shared 1", "shared 2", odds=6)
        return msgspec.structs.replace(
            plain_one,
            tenant=mostly(random, "acme", "evil", odds=25),
            key=key_hash(TenantId("acme"), name) if name else plain_one.key,
            not_after_ms=self.now_ms + mostly(random, MINUTE_MS, 48 * HOUR_MS, 0, -1, odds=8),
        )

    def tick(self) -> None:
        was_due = self.model.is_anything_due(self.at_ms())
        entries = self.block.tick(self.now_ms)
        self.brought(entries)
        at_ms = self.at_ms()
        assert not self.model.is_anything_due(at_ms), "the tick left something overdue"
        assert self.model.first_served(at_ms) is None, "somebody waits for what is there"
        self.met["tick expired" if was_due else "tick nothing"] += 1
        self.met["tick offered"] += sum(isinstance(entry, HoldPlaced) for entry in entries)
        self.compare_memory()

    def activate(self, outage_ms: int) -> None:
        at_ms = self.at_ms()
        down = (at_ms - outage_ms, at_ms - outage_ms // 4) if outage_ms else (0, 0)
        self.block.activate(Activated(at_ms, "shard", b"n" * 16, *down))
        if outage_ms:
            self.model.outage(*down, at_ms)
        self.model.last_at_ms = at_ms
        self.compare_memory()

    def correct(self, command: Correct) -> None:
        """A quarantine ends: both say so, or that it had ended, or name the same fields as wrong."""
        note(f"at {self.now_ms - START_MS} {command}")
        decided = self.block.correct(command, self.now_ms)
        ends = command.tickets, command.holds, command.orders
        if command.quarantine <= self.quarantine:
            assert decided is None, "it had ended"
            self.met["correct REPLAYED"] += 1
        elif faults := faults_of(self.model, *ends):
            assert isinstance(decided, tuple), f"{faults} can end"
            assert {fault.partition(":")[0] for fault in decided} == faults
            self.met["correct REFUSED"] += 1
        else:
            assert isinstance(decided, Corrected), f"refused: {decided}"
            self.quarantine = command.quarantine
            correct(self.model, *ends, command.since_ms, self.at_ms())
            for field, named in zip(("tickets", "holds", "orders"), ends, strict=True):
                self.met[f"correct {field}"] += bool(named)
            if self.block.is_awaited:
                self.tick()
        self.compare_memory()

    def write(self, command: Write) -> None:
        self.sent.append(command)
        note(f"at {self.now_ms - START_MS} {command}")
        outcome = self.compare(command)
        if isinstance(outcome, Accepted) and outcome.entries:
            match command:
                case PlaceHold():
                    self.holds.append(command.hold)
                case PlaceOrder():
                    self.orders.append(command.order)
                case JoinWaitingList():
                    self.waiters.append(command.waiter)
            self.compare_memory()
            if self.block.is_awaited:
                self.tick()  # as a shard does
        self.compare_memory()

    def compare(self, command: Command) -> Outcome:
        outcome = self.block.ask(command, self.now_ms)
        seen = answer_of(outcome)
        told = {field: plain(getattr(command, field)) for field in command.__struct_fields__}
        if isinstance(command, EditEvent) and command.layout is not None:
            told["layout"] = plain_layout(command.layout)
        expected = self.model.ask(type(command).__name__, told, self.now_ms, seen)
        assert seen == expected, f"at {self.now_ms} {command}: came {seen}, expected {expected}"
        if isinstance(outcome, Accepted):  # only now: the model has judged by time, not by what the block says is over
            self.brought([entry for entry in outcome.entries if not isinstance(entry, HoldPlaced)])
        self.met[f"{type(command).__name__} {seen.reason or ('REPLAYED' if seen.replayed else 'ACCEPTED')}"] += 1
        if isinstance(command, PlaceHold | ExchangeTickets) and len(command.wish.best) > 1 and not seen.replayed:
            others = command.wish.seats or command.wish.areas or command.wish.spans
            self.met[f"choices {'among others ' if others else ''}{seen.reason or 'ACCEPTED'}"] += 1
        return outcome

    def brought(self, entries: list[Entry]) -> None:
        """What the block did of itself."""
        for entry in entries:
            match entry:
                case HoldExpired():
                    self.model.expired(self.model.holds[entry.hold], entry.at_ms)
                case OrderExpired():
                    self.model.expired(self.model.orders[entry.order].hold, entry.at_ms)
                case AllotmentReturned():
                    self.model.came_back(entry.allotment, entry.at_ms)
                case HoldPlaced():
                    units = units_of(self.block.live.layout)
                    self.model.offered(entry.waiter, tuple(units[seat].name for seat in entry.seats), entry.at_ms)
                    self.holds.append(entry.hold)

    def compare_memory(self) -> None:
        assert self.model.kept_keys(self.model.last_at_ms) <= self.block.live.memos.keys(), "a key is forgotten early"
        layout, inventory = self.block.live.layout, self.block.live.inventory
        assert layout is not None
        statuses = zip(units_of(layout), inventory.statuses, strict=True)
        assert {unit.name: UnitStatus(status).name for unit, status in statuses} == self.model.statuses()
        counted = zip(layout.areas, inventory.area_held, inventory.area_sold, strict=True)
        assert {area.name: (held, sold) for area, held, sold in counted} == self.model.places()

    def try_to_buy(self, random: Random) -> None:
        hold, order, wish = self.new_number(), self.new_number(), any_wish(random)
        buyer = mostly(random, "ana", "bob", "", odds=2)
        self.write(PlaceHold(self.plain_stamp(buyer, "hold", wish), hold, wish, HOUR_MS))
        if hold in self.holds:
            self.write(PlaceOrder(self.plain_stamp(buyer, "order", hold), hold, order))
            if order in self.orders and mostly(random, True, False, odds=4):
                self.write(ConfirmOrder(self.plain_stamp(buyer, "pay", order), order))
