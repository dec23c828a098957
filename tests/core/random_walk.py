"""Random walks: a checked block beside the naive model; whatever is asked, both must answer the same."""

from collections import Counter
from typing import ClassVar

import msgspec
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from actors.core.commands import (
    CancelOrder,
    Command,
    ConfirmOrder,
    CreateEvent,
    ExtendHold,
    OpenSale,
    PlaceHold,
    PlaceOrder,
    Read,
    ReadEvent,
    ReadHold,
    ReadOrder,
    ReleaseHold,
    Stamp,
    Write,
)
from actors.core.entries import Activated, Entry, HoldExpired, OrderExpired
from actors.core.ids import TenantId
from actors.core.inventory import UnitStatus
from actors.core.keys import fingerprint, key_hash
from actors.core.layout import Area, Category, Layout, Row, Section
from actors.core.outcomes import Accepted, Outcome
from actors.core.replies import EventReply, HoldReply, OrderReply
from actors.core.wishes import AreaPlaces, Wish
from tests.core.checked_block import CheckedBlock
from tests.core.naive_model import HOUR_MS, MINUTE_MS, Answer, NaiveBlock

START_MS = 1_700_000_000_000
TTL_MS = 10 * MINUTE_MS
SEATS = ("Hall/A/1", "Hall/A/2", "Hall/A/3", "Hall/B/1", "Hall/B/2")
LAYOUT = Layout(
    "EUR",
    (Category("front", 5000), Category("back", 3000), Category("standing", 2000)),
    (Section("Hall", (Row("A", 0, 1, 3), Row("B", 1, 1, 2))),),
    (Area("floor", 2, 4), Area("balcony", 1, 2)),
)

_tenants = st.sampled_from(("acme",) * 15 + ("evil",))
_buyers = st.sampled_from(("ana", "ana", "ana", "bob"))
_steps_ms = st.sampled_from((0, 0, 0, 1, 999, 7_000, -30_000))
_leaps_ms = st.sampled_from(
    (1_000, MINUTE_MS - 1, MINUTE_MS, TTL_MS, 25 * MINUTE_MS, 25 * MINUTE_MS, 2 * HOUR_MS, 25 * HOUR_MS)
)
_ttls_ms = st.sampled_from((0, 1, MINUTE_MS, MINUTE_MS, HOUR_MS, HOUR_MS, 3 * HOUR_MS, -1))
_time_limits_ms = st.sampled_from((MINUTE_MS,) * 10 + (48 * HOUR_MS, 0, -1))
_keys = st.sampled_from((None,) * 9 + (0, 1, 2))  # None: one that nobody has used
_seats = st.lists(st.sampled_from((*SEATS * 3, "Hall/Z/1")), min_size=1, max_size=2)
_places = st.lists(
    st.tuples(st.sampled_from(("floor",) * 8 + ("balcony",) * 4 + ("roof",)), st.integers(0, 3)), max_size=2
)
_picks = st.integers(0, 11)


class RandomWalk(RuleBasedStateMachine):
    """The walk. Every rule asks both and compares; the block's own checks run besides."""

    met: ClassVar[Counter[str]] = Counter()  # over all walks: what was asked and what came of it

    @initialize(opened=st.sampled_from((True,) * 5 + (False,)))
    def create(self, opened: bool) -> None:
        self.block = CheckedBlock()
        self.now_ms = START_MS
        self.sent: list[Write] = []
        self.numbers = 0
        self.holds: list[int] = []
        self.orders: list[int] = []
        seats = {name: ("front", 5000) if "/A/" in name else ("back", 3000) for name in SEATS}
        areas = {"floor": ("standing", 2000, 4), "balcony": ("back", 3000, 2)}
        self.model = NaiveBlock("acme", START_MS, TTL_MS, seats, areas, last_at_ms=START_MS)
        event_stamp = Stamp("acme", "", b"event".ljust(16), b"print".ljust(16), START_MS)
        created = self.block.ask(CreateEvent(event_stamp, "Night", LAYOUT, TTL_MS), START_MS)
        assert isinstance(created, Accepted)
        if opened:
            self.write(OpenSale(self.stamp("acme", "ana", None, MINUTE_MS, "open")))

    @rule(
        step_ms=_steps_ms, tenant=_tenants, buyer=_buyers, key=_keys, limit_ms=_time_limits_ms,
        seats=_seats, places=_places, ttl_ms=_ttls_ms,
    )  # fmt: skip
    def place_hold(
        self, step_ms: int, tenant: str, buyer: str, key: int | None, limit_ms: int, seats: list[str],
        places: list[tuple[str, int]], ttl_ms: int,
    ) -> None:  # fmt: skip
        self.now_ms += step_ms
        stamp = self.stamp(tenant, buyer, key, limit_ms, "hold", seats, places, ttl_ms)
        areas = tuple(AreaPlaces(area, quantity) for area, quantity in places)
        self.write(PlaceHold(stamp, self.new_number(), Wish(tuple(seats), areas), ttl_ms))

    @rule(step_ms=_steps_ms, seat=st.sampled_from((*SEATS, None)), places=st.integers(0, 2), ttl_ms=_ttls_ms)
    def place_plain_hold(self, step_ms: int, seat: str | None, places: int, ttl_ms: int) -> None:
        areas = [("floor", places)] if places else []
        self.place_hold(step_ms, "acme", "ana", None, MINUTE_MS, [seat] if seat else [], areas, ttl_ms)

    @precondition(lambda self: self.holds)
    @rule(pick=st.integers(0, 2), ttl_ms=st.sampled_from((TTL_MS, HOUR_MS, HOUR_MS, 3 * HOUR_MS)))
    def extend_hold(self, pick: int, ttl_ms: int) -> None:
        self.change_hold("extend", 0, "acme", None, MINUTE_MS, pick, ttl_ms)

    @precondition(lambda self: self.holds)
    @rule(
        change=st.sampled_from(("extend", "release", "order", "order")),
        step_ms=_steps_ms, tenant=_tenants, key=_keys, limit_ms=_time_limits_ms, pick=_picks, ttl_ms=_ttls_ms,
    )  # fmt: skip
    def change_hold(
        self, change: str, step_ms: int, tenant: str, key: int | None, limit_ms: int, pick: int, ttl_ms: int
    ) -> None:
        self.now_ms += step_ms
        hold = self.picked(self.holds, pick)
        stamp = self.stamp(tenant, "ana", key, limit_ms, change, hold, ttl_ms)
        if change == "extend":
            self.write(ExtendHold(stamp, hold, ttl_ms))
        elif change == "release":
            self.write(ReleaseHold(stamp, hold))
        else:
            self.write(PlaceOrder(stamp, hold, self.new_number()))

    @precondition(lambda self: self.orders)
    @rule(
        change=st.sampled_from((ConfirmOrder, ConfirmOrder, CancelOrder)),
        step_ms=_steps_ms, tenant=_tenants, key=_keys, limit_ms=_time_limits_ms, pick=_picks,
    )  # fmt: skip
    def change_order(
        self, change: type[ConfirmOrder | CancelOrder], step_ms: int, tenant: str, key: int | None, limit_ms: int,
        pick: int,
    ) -> None:  # fmt: skip
        self.now_ms += step_ms
        order = self.picked(self.orders, pick)
        self.write(change(self.stamp(tenant, "ana", key, limit_ms, change.__name__, order), order))

    @precondition(lambda self: self.sent)
    @rule(step_ms=_steps_ms, pick=_picks, still_wanted=st.booleans(), tenant=_tenants)
    def repeat_older_command(self, step_ms: int, pick: int, still_wanted: bool, tenant: str) -> None:
        self.now_ms += step_ms
        command = self.sent[-1 - pick % len(self.sent)]
        limit_ms = self.now_ms + MINUTE_MS if still_wanted else command.stamp.not_after_ms
        stamp = msgspec.structs.replace(command.stamp, not_after_ms=limit_ms, tenant=tenant)
        self.write(msgspec.structs.replace(command, stamp=stamp))

    @rule(leap_ms=_leaps_ms, ticks=st.booleans())
    def wait(self, leap_ms: int, ticks: bool) -> None:
        self.now_ms += leap_ms
        if ticks:
            self.tick()

    @rule(
        care=st.sampled_from(("tick", "open", "snapshot", "replay", "takeover", "outage")), key=_keys, tenant=_tenants
    )
    def look_after(self, care: str, key: int | None, tenant: str) -> None:
        match care:
            case "tick":
                self.tick()
            case "open":
                self.write(OpenSale(self.stamp(tenant, "ana", key, MINUTE_MS, "open")))
            case "snapshot":
                self.block.take_snapshot()
            case "replay":
                self.block.check_replays()
            case _:
                self.activate(MINUTE_MS if care == "outage" else 0)

    @rule(tenant=_tenants, pick=_picks, step_ms=_steps_ms)
    def read(self, tenant: str, pick: int, step_ms: int) -> None:
        self.now_ms += step_ms
        reads: list[Read] = [ReadEvent(tenant)]
        reads += [ReadHold(tenant, self.picked(self.holds, pick))] if self.holds else []
        reads += [ReadOrder(tenant, self.picked(self.orders, pick))] if self.orders else []
        for command in reads:
            self.compare(command)

    def teardown(self) -> None:
        if hasattr(self, "block"):
            self.block.check_replays()

    def at_ms(self) -> int:
        return max(self.now_ms, self.model.last_at_ms)

    def new_number(self) -> int:
        self.numbers += 1
        return self.numbers

    def picked(self, numbers: list[int], pick: int) -> int:
        """One of the newer ones, now and then one that never was."""
        return 77_777 if pick == 11 else numbers[-1 - pick % len(numbers)]

    def stamp(self, tenant: str, buyer: str, key: int | None, limit_ms: int, *asked: object) -> Stamp:
        name = f"new {len(self.sent)}" if key is None else f"shared {key}"
        hashed = key_hash(TenantId("acme"), name)
        return Stamp(tenant, buyer, hashed, fingerprint("principal", buyer, *asked), self.now_ms + limit_ms)

    def tick(self) -> None:
        due = self.model.overdue(self.at_ms())
        self.note_expired(self.block.tick(self.now_ms))
        assert not self.model.overdue(self.at_ms()), "the tick left something overdue"
        self.met["tick expired" if due else "tick nothing"] += 1
        self.compare_memory()

    def activate(self, outage_ms: int) -> None:
        at_ms = self.at_ms()
        down = (at_ms - outage_ms, at_ms - outage_ms // 4) if outage_ms else (0, 0)
        self.block.activate(Activated(at_ms, "shard", b"n" * 16, *down))
        if outage_ms:
            self.model.outage(*down, at_ms)
        self.model.last_at_ms = at_ms
        self.compare_memory()

    def write(self, command: Write) -> None:
        self.sent.append(command)
        outcome = self.compare(command)
        if isinstance(outcome, Accepted) and not outcome.replayed:
            if isinstance(command, PlaceHold):
                self.holds.append(command.hold)
            elif isinstance(command, PlaceOrder):
                self.orders.append(command.order)
        self.compare_memory()

    def compare(self, command: Command) -> Outcome:
        outcome = self.block.ask(command, self.now_ms)
        seen = _answer(outcome)
        if isinstance(outcome, Accepted):
            self.note_expired(outcome.entries)
        expected = self.model.ask(command, self.now_ms, seen)
        assert seen == expected, f"at {self.now_ms} {command}"
        self.met[f"{type(command).__name__} {seen.reason or ('REPLAYED' if seen.replayed else 'ACCEPTED')}"] += 1
        return outcome

    def note_expired(self, entries: tuple[Entry, ...] | list[Entry]) -> None:
        for entry in entries:
            if isinstance(entry, HoldExpired):
                self.model.expired(entry.hold, entry.at_ms, is_order=False)
            elif isinstance(entry, OrderExpired):
                self.model.expired(entry.order, entry.at_ms, is_order=True)

    def compare_memory(self) -> None:
        assert self.model.kept_keys(self.model.last_at_ms) <= self.block.live.memos.keys(), "a key is forgotten early"
        seats, places = self.model.claims()
        inventory = self.block.live.inventory
        status_of = {name: UnitStatus(status).name for name, status in zip(SEATS, inventory.statuses, strict=True)}
        assert status_of == {name: seats.get(name, "AVAILABLE") for name in SEATS}
        for index, area in enumerate(LAYOUT.areas):
            counted = (inventory.area_held[index], inventory.area_sold[index])
            assert counted == (places[area.name, "HELD"], places[area.name, "SOLD"])
            assert sum(counted) <= area.capacity


def _answer(outcome: Outcome) -> Answer:
    """The core's outcome in the model's words."""
    if not isinstance(outcome, Accepted):
        details = outcome.details
        assert bool(details.fields) == (outcome.reason.name == "INVALID_ARGUMENT"), "a bad field is named, always"
        return Answer(outcome.reason.name, details.units, details.available, details.retry_at_ms)
    reply = outcome.reply
    if isinstance(reply, EventReply):
        view: tuple[object, ...] = ("event", reply.tenant, reply.status.name, reply.created_at_ms)
        return Answer(replayed=outcome.replayed, view=view)
    assert isinstance(reply, HoldReply | OrderReply)
    prices = frozenset((line.category, line.quantity, line.unit_price) for line in reply.price.lines)
    areas = tuple((places.area, places.quantity) for places in reply.areas)
    if isinstance(reply, HoldReply):
        units = (reply.buyer, reply.seats, areas, prices, reply.expires_at_ms)
        view = ("hold", reply.hold, reply.status.name, *units, reply.max_expires_at_ms, reply.order)
    else:
        units = (reply.buyer, reply.seats, areas, prices, reply.pay_by_ms)
        tickets = tuple(ticket.unit for ticket in reply.tickets)
        view = ("order", reply.order, reply.status.name, *units, reply.hold, reply.placed_at_ms, tickets)
    return Answer(replayed=outcome.replayed, view=view)
