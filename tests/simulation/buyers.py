"""Buyers of the simulation: they hold, read, order, give up, retry under the same key, and note what they were told."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from random import Random
from typing import Any, TypeVar, cast

import msgspec

from actors.audit.keys import journaled_key
from actors.audit.replies import Acknowledged, Told
from actors.core.ids import BlockId, Kind, TenantId, outside_id
from actors.core.layout import Area, Category, Layout, Row, Section
from actors.core.outcomes import Reason, Rejected
from actors.core.replies import HoldReply, HoldStatus, OrderReply, OrderStatus
from actors.core.wishes import AreaPlaces, Wish
from actors.journal.codec import decode_entries
from actors.journal.journal import JournalRow
from actors.reservations import Caller, Done, Request, Reservations
from loadtests.history.calls import Kind as Asked
from tests.loadtests.journals import acknowledged
from tests.simulation.gateways import ConnectionLost, Gateway
from tests.simulation.journal_audit import audited
from tests.simulation.recording import History
from tests.simulation.world import World

TENANT = TenantId("arena")
CALLER = Caller(TENANT, "arena")
DEADLINE_MS = 15_000
LOST_S = 0.2  # until somebody whose gateway is gone asks another
TRIES = 8
OPEN_REASONS = (Reason.OUTCOME_UNKNOWN, Reason.UNAVAILABLE, Reason.DEADLINE_EXCEEDED, Reason.OVERLOADED)
LAYOUT = Layout(
    "EUR",
    (Category("gold", 9000), Category("standing", 4000)),
    (Section("A", tuple(Row(str(row), 0, 1, 10) for row in range(1, 5))),),
    (Area("floor", 1, 30),),
)


T = TypeVar("T")
R = TypeVar("R", HoldReply, OrderReply)


class Crowd:
    """All buyers of one run, and what they found wrong. `asked`: how many commands had an answer."""

    def __init__(self, world: World, events: list[str]) -> None:
        self.world = world
        self.events = events
        self.told: list[Acknowledged] = []
        self.homes: list[BlockId] = []  # the block of each
        self.faults: list[str] = []
        self.accepted = 0
        self.asked = 0
        self.writes = 0  # that had an answer
        self.refused: dict[Reason, int] = {}
        self.history = History()
        self._denied: dict[bytes, str] = {}  # the only call under this key was refused for good
        self._keys = 0

    def new_key(self) -> str:
        """A key nobody has used."""
        self._keys += 1
        return f"key-{self._keys}"

    async def buy(self, random: Random, is_over: Callable[[], bool]) -> None:
        """One buyer, until then."""
        while not is_over():
            await _Visit(self, random, random.choice(self.events)).run()
            await asyncio.sleep(random.uniform(0, 0.5))

    async def ask(
        self,
        random: Random,
        call: Callable[[Reservations], Awaitable[T]],
        note: Callable[[Awaitable[T]], Awaitable[T]],
        *,
        tries: int = TRIES,
    ) -> tuple[T, bool]:
        """The answer of some gateway, and whether one was asked before that died. Raises ConnectionLost in the end."""
        gateways: Sequence[Gateway] = self.world.gateways
        for count in range(tries):
            gateway = random.choice(gateways)
            try:
                answer = await note(gateway.ask(call))
            except ConnectionLost:
                await asyncio.sleep(LOST_S * 2**count)
            else:
                self.asked += 1
                return answer, count > 0
        raise ConnectionLost("of all gateways")

    def unanswered(self) -> int:
        """How many calls nobody could answer in time."""
        return sum(self.refused.get(reason, 0) for reason in OPEN_REASONS)

    async def ask_once_more(self) -> None:
        """In the end every event answers each gateway, a write too; one that was refused is read anew after a while."""
        for event in self.events:
            for gateway in self.world.gateways:
                if not await self._is_answered(gateway, event):
                    self.faults.append(f"{event} does not answer {gateway.name} in the end")

    async def _is_answered(self, gateway: Gateway, event: str) -> bool:
        hold_id = outside_id(Kind.HOLD, BlockId(event[len("event_") :]), 1)
        for _ in range(4):
            request = Request(CALLER, self.new_key(), DEADLINE_MS, buyer="someone")

            async def release(gateway: Reservations, request: Request = request) -> object:
                return await gateway.release_hold(request, hold_id)

            answer = await gateway.ask(release)
            if not isinstance(answer, Rejected) or answer.reason not in OPEN_REASONS:
                return True
            await asyncio.sleep(5)
        return False

    def note_refusal(self, rejected: Rejected, key: str, *, asked_before: bool = False) -> None:
        """A buyer was told no, or that it is not known."""
        self.refused[rejected.reason] = self.refused.get(rejected.reason, 0) + 1
        if rejected.reason not in OPEN_REASONS and not asked_before:
            self._denied[journaled_key(TENANT, key)] = f"{key} was refused as {rejected.reason.name}"

    def check(self) -> list[str]:
        """Everything that is wrong with the journals, or between them and what buyers were told."""
        faults = [*self.faults, *audited(self.world.store.journals, self._owed())]
        for rows in self.world.store.journals.values():
            for row in rows:
                faults += self._denials_broken(row)
        return faults

    def _owed(self) -> list[Acknowledged]:
        """What was told and no failover has lost."""
        homes = zip(self.told, self.homes, strict=True)
        return [told for told, home in homes if not self.world.loses(home, told.position)]

    def _denials_broken(self, row: JournalRow) -> list[str]:
        """What happened in this row although its buyer was told that it did not.

        Not of calls that the network repeated: TCP does not, and a shard that gets one late cannot know.
        """
        keys = {getattr(entry, "key", b"") for entry in decode_entries(row.entries)} - self.world.repeated_keys
        return [f"{self._denied[key]}, and it happened" for key in keys if key in self._denied]


class _Visit:
    """One buyer at one event, from hold to whatever end. Remembers what was acknowledged, to judge what is read."""

    def __init__(self, crowd: Crowd, random: Random, event: str) -> None:
        self._crowd = crowd
        self._random = random
        self._event = event

    async def run(self) -> None:
        try:
            await self._run()
        except ConnectionLost:
            return  # who is left without an answer goes away

    async def _run(self) -> None:
        hold = await self._hold()
        if hold is None:
            return
        hold_id = outside_id(Kind.HOLD, hold.block, hold.reply.hold)
        if self._random.random() < 0.3:
            await self._read_hold(hold_id, hold, hold.reply.expires_at_ms, (HoldStatus.ACTIVE,))
        step = self._random.random()
        if step < 0.25:
            await self._release(hold_id)
        elif step < 0.75:
            await self._order(hold_id)

    def _request(self, key: str) -> Request:
        return Request(CALLER, key, DEADLINE_MS, buyer="someone")

    async def _read(
        self, kind: Asked, id_: str, call: Callable[[Reservations], Awaitable[Done[R] | Rejected]]
    ) -> Done[R] | Rejected:
        found, _ = await self._crowd.ask(self._random, call, self._noting(kind, id=id_))
        answer: Done[R] | Rejected = found
        return answer

    async def _write(
        self, kind: Asked, id_: str, call: Callable[[Reservations, Request], Awaitable[Done[R] | Rejected]]
    ) -> Done[R] | None:
        """What was done under a new key, if it was."""
        key = self._crowd.new_key()
        answer: Done[R] | Rejected
        answer, asked_before = await self._crowd.ask(
            self._random, lambda gateway: call(gateway, self._request(key)), self._noting(kind, key, id=id_)
        )
        self._crowd.writes += 1
        if isinstance(answer, Rejected):
            self._crowd.note_refusal(answer, key, asked_before=asked_before)
            return None
        self._key = key
        return answer

    def _noting(self, kind: Asked, key: str = "", **asked: Any) -> Callable[[Awaitable[Any]], Awaitable[Any]]:
        """Awaits an answer and notes it in the history."""
        noting: Any = partial(self._crowd.history.ask, self, kind, self._event, key, **asked)
        return cast("Callable[[Awaitable[Any]], Awaitable[Any]]", noting)

    def _seats(self) -> tuple[str, ...]:
        row = self._random.randint(1, 4)
        first = self._random.randint(1, 9)
        return tuple(f"A/{row}/{seat}" for seat in range(first, first + self._random.randint(1, 2)))

    async def _hold(self) -> Done[HoldReply] | None:
        """Hold some units; retried under one key while the outcome is open, and now and then once more for nothing."""
        key = self._crowd.new_key()
        by_area = self._random.random() < 0.3
        seats = () if by_area else self._seats()
        wish = Wish(seats, (AreaPlaces("floor", self._random.randint(1, 4)),) if by_area else ())
        ttl_ms = self._random.choice((3_000, 60_000))
        first: Done[HoldReply] | None = None
        request, was_asked = self._request(key), False
        answer: Done[HoldReply] | Rejected
        for attempt in range(6):
            answer, lost = await self._crowd.ask(
                self._random,
                lambda gateway: gateway.place_hold(request, self._event, wish, ttl_ms),
                self._noting(
                    Asked.HOLD,
                    key,
                    units=seats,
                    areas=tuple((places.area, places.quantity) for places in wish.areas),
                    ttl_ms=ttl_ms,
                ),
            )
            was_asked |= lost
            self._crowd.writes += 1
            if isinstance(answer, Rejected):
                self._crowd.note_refusal(answer, key, asked_before=was_asked or attempt > 0)
                if answer.reason not in OPEN_REASONS:
                    break
                continue
            stands = first is not None and not self._crowd.world.loses(first.block, first.position)
            if first and stands and (answer.reply.hold, answer.reply.seats) != (first.reply.hold, first.reply.seats):
                self._crowd.faults.append(f"{key} got two holds: {first.reply} and {answer.reply}")
            self._note(Told.HELD, answer, key)
            if first is not None or self._random.random() < 0.7:
                return answer
            first = answer
        return first

    async def _release(self, hold_id: str) -> None:
        done = await self._write(
            Asked.RELEASE, hold_id, lambda gateway, request: gateway.release_hold(request, hold_id)
        )
        if done is not None:
            self._note(Told.RELEASED, done, self._key)
            await self._read_hold(hold_id, done, 0, (HoldStatus.RELEASED,))

    async def _read_hold(
        self, hold_id: str, told: Done[HoldReply], sure_until_ms: int, expected: tuple[HoldStatus, ...]
    ) -> None:
        answer = await self._read(
            Asked.READ_HOLD, hold_id, lambda gateway: gateway.get_hold(CALLER, hold_id, DEADLINE_MS)
        )
        if self._crowd.world.loses(told.block, told.position):
            return
        if isinstance(answer, Rejected):
            if answer.reason not in OPEN_REASONS:
                self._crowd.faults.append(f"{hold_id} was acknowledged and reads {answer.reason.name}")
        elif answer.reply.status not in expected and (not sure_until_ms or answer.reply.now_ms < sure_until_ms):
            self._crowd.faults.append(f"stale or lost: {hold_id} reads {answer.reply.status.name}, not {expected}")

    async def _order(self, hold_id: str) -> None:
        placed = await self._write(Asked.ORDER, hold_id, lambda gateway, request: gateway.place_order(request, hold_id))
        if placed is None:
            return
        self._note(Told.ORDERED, placed, self._key)
        order_id = outside_id(Kind.ORDER, placed.block, placed.reply.order)
        if self._random.random() < 0.6:
            done = await self._write(
                Asked.CONFIRM, order_id, lambda gateway, request: gateway.confirm_order(request, order_id)
            )
            told, expected = Told.CONFIRMED, OrderStatus.CONFIRMED
        else:
            done = await self._write(
                Asked.CANCEL, order_id, lambda gateway, request: gateway.cancel_order(request, order_id)
            )
            told, expected = Told.CANCELLED, OrderStatus.CANCELLED
        if done is None:
            return
        self._note(told, done, self._key)
        await self._read_order(order_id, done, expected)
        if expected is OrderStatus.CONFIRMED and self._random.random() < 0.7:  # or the event would sell out
            done = await self._write(
                Asked.CANCEL, order_id, lambda gateway, request: gateway.cancel_order(request, order_id)
            )
            self._crowd.accepted += done is not None

    async def _read_order(self, order_id: str, told: Done[OrderReply], expected: OrderStatus) -> None:
        answer = await self._read(
            Asked.READ_ORDER, order_id, lambda gateway: gateway.get_order(CALLER, order_id, DEADLINE_MS)
        )
        if self._crowd.world.loses(told.block, told.position):
            return
        if isinstance(answer, Done) and answer.reply.status is not expected:
            self._crowd.faults.append(
                f"stale or lost: {order_id} reads {answer.reply.status.name}, not {expected.name}"
            )

    def _note(self, told: Told, done: Done[HoldReply] | Done[OrderReply], key: str) -> None:
        self._crowd.accepted += 1
        reply = acknowledged(told, done.reply, done.position, done.block, key)
        if done.replayed:  # tells the deadline as it is by then
            reply = msgspec.structs.replace(reply, expires_at_ms=0)
        self._crowd.told.append(reply)
        self._crowd.homes.append(done.block)


async def create_event(gateway: Reservations, key: str) -> str:
    """A small event on sale, however many tries it takes."""
    event: Done[OrderReply] | Rejected | object = None
    for attempt in range(100):
        created = await gateway.create_event(Request(CALLER, key, DEADLINE_MS), key, LAYOUT, 60_000)
        if isinstance(created, Done):
            event = f"event_{created.block}"
            opened = await gateway.open_sale(Request(CALLER, f"{key}-open-{attempt}", DEADLINE_MS), event)
            if isinstance(opened, Done):
                return event
        await asyncio.sleep(0.5)
    raise AssertionError(f"no event after 100 tries: {event}")
