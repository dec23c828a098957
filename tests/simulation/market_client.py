"""One client of a market: how it asks, asks again under the same key at another gateway, and twists what it asks."""

import asyncio
from collections.abc import Awaitable, Callable
from random import Random
from typing import Any, NamedTuple, TypeAlias

from actors.audit.replies import Told
from actors.core.ids import TenantId
from actors.core.outcomes import Reason, Rejected
from actors.core.replies import EventReply, HoldReply, OrderReply
from actors.reservations import Caller, Done, Request, Reservations
from loadtests.history.calls import Begun, Kind
from tests.simulation.buyers import CALLER, DEADLINE_MS, OPEN_REASONS
from tests.simulation.gateways import ConnectionLost, Front, Gateway, HasLeft, Write
from tests.simulation.market_notes import LEFT, Notes
from tests.simulation.nonsense import may_be_invalid
from tests.simulation.organized import EventWish, Organized
from tests.simulation.recording import About, has_home
from tests.simulation.world import now_ms

MOST_TRIES = 5
AT_ONCE = 0.03  # of what is asked is asked twice at the same time
IN_HASTE = 0.02  # of the tries have next to no time
STRANGER = Caller(TenantId("stranger"), "stranger")
NO_ANSWER = Rejected(Reason.OUTCOME_UNKNOWN)

_READS = {"get_hold": Kind.READ_HOLD, "get_order": Kind.READ_ORDER}

Answer: TypeAlias = Done[Any] | Rejected
Read: TypeAlias = Callable[[Reservations, Caller, int], Awaitable[Any]]


class Wanted(NamedTuple):
    """A write as a client means it. `told`: what a yes acknowledges, and `about` what it is about, for the history.

    `changes`: False if it may find nothing to do. `is_nonsense`: it is wrong in a way that it does not show by itself.
    `event`: what it is to make of an event, where it is an organizer's.
    """

    what: str
    call: Write
    told: Told | None = None
    about: About = About()
    buyer: str = ""
    changes: bool = True
    is_nonsense: bool = False
    event: EventWish | None = None


class Client:
    """Asks. What comes of it goes into the notes."""

    def __init__(self, notes: Notes, gateways: list[Gateway], random: Random, name: str) -> None:
        self.notes = notes
        self._name = name
        self.random = random
        self._front = Front(gateways, random, name)

    def chance(self, share: float) -> bool:
        """True so often."""
        return self.random.random() < share

    async def write(self, wanted: Wanted, key: str = "") -> Answer:
        """What came of it, after as many tries as this client has patience for, all under one key."""
        key = key or self.notes.new_key()
        if self.chance(AT_ONCE):
            asked_ms = now_ms()
            first, second = await asyncio.gather(self._try(wanted, key), self._try(wanted, key))
            self._compare(wanted, key, first, second, asked_ms)
            return first if isinstance(first, Done) else second
        first_ms = asked_ms = now_ms()
        answer = await self._try(wanted, key)
        for _ in range(MOST_TRIES):
            if isinstance(answer, Done):
                if self.chance(0.04) and now_ms() <= first_ms + self.notes.patience_ms:
                    self._compare(wanted, key, answer, await self._try(wanted, key), asked_ms, sure=True)
                return answer
            if answer.reason not in OPEN_REASONS or self.chance(0.1):
                return answer
            await asyncio.sleep(self.random.uniform(0, 1))
            if now_ms() > first_ms + self.notes.patience_ms:
                return answer
            asked_ms, answer = now_ms(), await self._try(wanted, key)
        return answer

    async def read(self, what: str, call: Read, id_: str = "") -> Answer:
        """What is seen there. `id_`: of the hold or the order, for the history."""
        asked, asked_ms = self.notes.facts.tick(), now_ms()
        kind = _READS.get(what)
        begun = None if kind is None else self._begin(kind, "", About(id_), DEADLINE_MS)
        try:
            answer: Answer = await self._front.ask(lambda gateway: call(gateway, CALLER, DEADLINE_MS))
        except ConnectionLost as lost:
            self._end_unanswered(begun, lost)
            return NO_ANSWER
        self.notes.history.end(begun, answer)
        self.notes.reads += 1
        self._count(what, answer)
        self._judge(what, answer, may_be_invalid=False)
        if isinstance(answer, Done):
            self.notes.facts.note(answer, asked, asked_ms)
        return answer

    async def stranger_writes(self, what: str, call: Write) -> None:
        """Another tenant asks for the same: it is told that nothing of it is there."""
        request = Request(STRANGER, self.notes.new_key(), DEADLINE_MS, "eve")
        await self._as_stranger(what, lambda gateway: call(gateway, request))

    async def stranger_reads(self, what: str, call: Read) -> None:
        """As `stranger_writes`."""
        await self._as_stranger(what, lambda gateway: call(gateway, STRANGER, DEADLINE_MS))

    async def _as_stranger(self, what: str, call: Callable[[Reservations], Awaitable[Any]]) -> None:
        try:
            answer: Answer = await self._front.ask(call)
        except ConnectionLost:
            return
        self._count(f"stranger's {what}", answer)
        if isinstance(answer, Done):
            self.notes.faults.append(f"{what} of another tenant was answered: {answer.reply}")

    async def reuse_key(self, wanted: Wanted, key: str, stands: Done[Any], asked_ms: int) -> None:
        """Something else under a key that stands for something, asked for then: it is never done."""
        if now_ms() > asked_ms + self.notes.patience_ms:
            return
        request = Request(CALLER, key, DEADLINE_MS, wanted.buyer)
        try:
            answer: Answer = await self._front.ask_to_write(wanted.call, request)
        except ConnectionLost:
            return
        self._count(wanted.what, answer)
        if isinstance(answer, Done) and not self.notes.has_lost(stands, asked_ms):
            self.notes.faults.append(f"{key} stood for something, and {wanted.what} was accepted under it")

    async def _try(self, wanted: Wanted, key: str) -> Answer:
        notes, deadline_ms = self.notes, DEADLINE_MS
        if self.chance(IN_HASTE):
            deadline_ms = self.random.choice((0, 1, 4, 20, 300))
        request = Request(CALLER, key, deadline_ms, wanted.buyer)
        asked, asked_ms = notes.facts.tick(), now_ms()
        notes.begin(key)
        notes.writes += 1
        kind = None if wanted.told is None else Kind(wanted.told)
        begun = None if kind is None else self._begin(kind, key, wanted.about, deadline_ms, wanted)
        try:
            answer: Answer = await self._front.ask_to_write(wanted.call, request)
        except ConnectionLost as lost:
            notes.leave_open(key, asked_ms + deadline_ms)
            self._end_unanswered(begun, lost)
            return NO_ANSWER
        notes.history.end(begun, answer)
        self._count(wanted.what, answer)
        self._judge(wanted.what, answer, may_be_invalid=may_be_invalid(wanted))
        if isinstance(answer, Done):
            notes.accepted += not answer.replayed
            notes.facts.note(answer, asked, asked_ms)
            notes.accept(key, wanted.told, answer, asked_ms)
            if wanted.event is not None:
                told = Organized(wanted.what, key, wanted.event, not wanted.changes, answer, asked_ms)
                notes.organized.append(told)
        else:
            notes.refuse(key, answer, asked_ms, asked_ms + deadline_ms)
        return answer

    def _begin(
        self, kind: Kind, key: str, about: About, deadline_ms: int, wanted: Wanted | None = None
    ) -> Begun | None:
        """The call is on its way, and will be in a history if it is about anything."""
        self.notes.in_histories += has_home(kind, about)
        buyer, is_odd = ("", False) if wanted is None else (wanted.buyer, may_be_invalid(wanted))
        return self.notes.history.begin(self._name, kind, key, about, deadline_ms, buyer, may_be_invalid=is_odd)

    def _end_unanswered(self, begun: Begun | None, lost: ConnectionLost) -> None:
        self.notes.history.end(begun, NO_ANSWER)
        self.notes.judged[LEFT] += begun is not None and isinstance(lost, HasLeft)

    def _judge(self, what: str, answer: Answer, *, may_be_invalid: bool) -> None:
        """What was asked well is not called malformed."""
        if isinstance(answer, Rejected) and answer.reason is Reason.INVALID_ARGUMENT and not may_be_invalid:
            self.notes.faults.append(f"{what} was asked well, and refused as malformed: {answer.details.fields}")

    def _compare(
        self, wanted: Wanted, key: str, first: Answer, second: Answer, asked_ms: int, *, sure: bool = False
    ) -> None:
        """Two answers under one key, first asked for then, are of one thing, unless that was lost.

        `sure`: the first had been told when the second was asked.
        """
        if any(isinstance(one, Done) and self.notes.has_lost(one, asked_ms) for one in (first, second)):
            return
        if not (isinstance(first, Done) and isinstance(second, Done)):
            if sure and isinstance(second, Rejected) and second.reason not in OPEN_REASONS and wanted.changes:
                self.notes.faults.append(f"{wanted.what} under {key} was accepted, then {second.reason.name}")
            return
        if _of(first) != _of(second):
            self.notes.faults.append(f"{key} got two answers: {_of(first)} and {_of(second)}")
        if sure and wanted.changes and not second.replayed:
            self.notes.faults.append(f"{wanted.what} was done twice under {key}")

    def _count(self, what: str, answer: Answer) -> None:
        self.notes.met[f"{what} {outcome_of(answer)}"] += 1


def outcome_of(answer: Answer) -> str:
    """In a word."""
    if isinstance(answer, Rejected):
        return answer.reason.name
    return "REPLAYED" if answer.replayed else "ACCEPTED"


def _of(done: Done[Any]) -> tuple[object, ...]:
    reply = done.reply
    match reply:
        case HoldReply():
            return done.block, reply.hold, reply.seats, reply.areas, reply.price
        case OrderReply():
            return done.block, reply.order, reply.hold
        case EventReply():
            return (done.block,)
    return done.block, reply.waiter
