"""Who sells: an organizer with events of its own, one of them split, who changes them all the time.

It edits names and prices, pauses, opens and closes, holds something to see the price that is told, and lets somebody
wait and leave. Each thing is asked under one key until it is answered, and some of it once more. Nobody else writes to
these events, so that what it must be told is known each time; to one of which it lost track it writes no more.
"""

import asyncio
import secrets
import time
from collections import Counter
from collections.abc import Iterator
from itertools import chain, repeat
from pathlib import Path
from random import Random
from typing import Any

import httpx
import msgspec

from actors.audit.replies import Acknowledged
from loadtests.calls import Broken, Passing, Refused
from loadtests.history.calls import Outcome
from loadtests.history.standing import TURNED_AWAY
from loadtests.server import Server
from tests.chaos.organizer_front import (
    Answer,
    Deed,
    Kind,
    OrganizerAsk,
    OrganizerFront,
    Said,
    Standing,
    Write,
    Yes,
)
from tests.event_states import EventState
from tests.kept_lines import append

PAUSE_S = 0.8
AGAIN_S = 0.2
PATIENCE_S = 150.0  # longer than any outage may be
FOLLOWED_S = 8.0  # what was answered sooner was answered when all parts knew of it: the server waits for ten at most
READ_WITHIN_S = 60.0
HOLD_TTL_S = 900  # longer than any round takes
ROUNDS = 8  # until the event is closed, and another begun
LOOKING = 0.3  # of what was acknowledged: then the event is read
ASKING_TWICE = 0.2
UNKNOWN_ALLOWED = 0.02
FIRST_PRICE = 1_000
SECTIONS = ("North", "South")
LODGE = "Lodge"  # with one place
CATEGORY = "All"
WRITES_FILE = "organizer-writes.jsonl"

ROUND = {
    Kind.WHOLE: (
        Deed.EDITED,
        Deed.HELD,
        Deed.JOINED,
        Deed.EDITED,
        Deed.LEFT,
        Deed.PAUSED,
        Deed.EDITED,
        Deed.RELEASED,
        Deed.OPENED,
    ),
    Kind.SPLIT: (Deed.EDITED, Deed.HELD, Deed.PAUSED, Deed.EDITED, Deed.RELEASED, Deed.OPENED),
}
_PATHS = {Deed.OPENED: "open-sale", Deed.PAUSED: "pause-sale", Deed.CLOSED: "close-sale"}
_BECOMES = {Deed.OPENED: "ON_SALE", Deed.PAUSED: "PAUSED", Deed.CLOSED: "CLOSED"}
EXPLAINED_BY_DROPS = ("UNITS_HELD",)
"""By a former try under the same key, that was dropped: the audit asks the desk whether one was."""
_EXPLAINED = {(Kind.SPLIT, Deed.HELD): EXPLAINED_BY_DROPS}


class Organized(msgspec.Struct, frozen=True):
    """What became of an organizer's writes: those that were acknowledged, by deed, and of how many nobody knows."""

    acknowledged: dict[str, int] = {}
    unknown: int = 0


class _Event:
    """One that it sells. `answered_in_s`: how long the last answer took that was about the event itself."""

    def __init__(self, event_id: str, kind: Kind, state: EventState) -> None:
        self.event_id = event_id
        self.kind = kind
        self.state = state
        self.answered_in_s = 0.0
        self.hold_id = ""
        self.total_minor = 0
        self.waiter_id = ""
        self.steps: Iterator[Deed] = chain(*repeat(ROUND[kind], ROUNDS), (Deed.CLOSED,))
        self._wish_number = 0

    def ask(self, deed: Deed, number: int) -> OrganizerAsk | None:
        """How to do it; None: there is nothing to do it with. `number`: what is edited is named and priced by it."""
        of_event = f"/v1/events/{self.event_id}"
        match deed:
            case Deed.EDITED:
                return self._edit(of_event, number)
            case Deed.HELD:
                return self._hold(f"{of_event}/holds") if self.answered_in_s < FOLLOWED_S else None
            case Deed.RELEASED if self.hold_id:
                wanted = Standing("RELEASED", self.total_minor)
                return OrganizerAsk(deed, f"/v1/holds/{self.hold_id}/release", {}, wanted)
            case Deed.JOINED if self.hold_id:
                return OrganizerAsk(deed, f"{of_event}/waiting-list", _one_place(), Standing("WAITING"))
            case Deed.LEFT if self.waiter_id:
                return OrganizerAsk(deed, f"/v1/waiters/{self.waiter_id}/leave", {}, Standing("LEFT"))
            case Deed.OPENED | Deed.PAUSED | Deed.CLOSED:
                wanted_state = msgspec.structs.replace(
                    self.state, revision=self.state.revision + 1, status=_BECOMES[deed]
                )
                return OrganizerAsk(deed, f"{of_event}/{_PATHS[deed]}", {}, wanted_state)
        return None

    def learn(self, deed: Deed, yes: Yes, took_s: float) -> None:
        """It was acknowledged."""
        match yes.said:
            case EventState() as state:
                self.state, self.answered_in_s = state, took_s
            case Standing(total_minor=total_minor):
                self.hold_id = {Deed.HELD: yes.id, Deed.RELEASED: ""}.get(deed, self.hold_id)
                self.total_minor = total_minor if deed is Deed.HELD else self.total_minor
                self.waiter_id = {Deed.JOINED: yes.id, Deed.LEFT: ""}.get(deed, self.waiter_id)

    def _edit(self, path: str, number: int) -> OrganizerAsk:
        """Every other time of the layout too."""
        name, price_minor = f"edited {number}", self.state.price_minor
        body: dict[str, Any] = {"name": name}
        if number % 2:
            price_minor = FIRST_PRICE + number
            body["layout"] = layout(price_minor)
        wanted = EventState(self.state.revision + 1, self.state.status, name, price_minor)
        return OrganizerAsk(Deed.EDITED, path, body, wanted, self.state.revision)

    def _hold(self, path: str) -> OrganizerAsk:
        """The only place that is waited for; of the split event a seat of either part, others each time."""
        self._wish_number += 1
        seats = {"units": [f"{section}/1/{self._wish_number}" for section in SECTIONS]}
        wish, count = (_one_place(), 1) if self.kind is Kind.WHOLE else (seats, len(SECTIONS))
        return OrganizerAsk(Deed.HELD, path, wish, Standing("ACTIVE", count * self.state.price_minor))


def layout(price_minor: int) -> dict[str, object]:
    """Two sections, and a place that only one can have."""
    rows = [{"name": "1", "seats": f"1..{ROUNDS}"}]
    return {
        "currency": "EUR",
        "categories": [{"name": CATEGORY, "price": price_minor}],
        "sections": [{"name": section, "category": CATEGORY, "rows": rows} for section in SECTIONS],
        "areas": [{"name": LODGE, "capacity": 1, "category": CATEGORY}],
    }


def _one_place() -> dict[str, object]:
    return {"areas": [{"area": LODGE, "quantity": 1}]}


class Organizer:
    """`writes`: all that it has asked; `told`: what it was told of holds; `wrong`: what it must not have been told.

    In `folder` are its writes. `transport`: in place of the network.
    """

    def __init__(self, server: Server, folder: Path, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self.writes: list[Write] = []
        self.told: list[Acknowledged] = []
        self.wrong: Counter[str] = Counter()
        self._front = OrganizerFront(server, transport)
        self._file = folder / WRITES_FILE
        self._run = secrets.token_hex(4)
        self._random = Random(self._run)
        self._numbers = 0
        self._is_over = False
        self._selling: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Return when both of its events are on sale."""
        begun = {kind: await self._begin(kind) for kind in Kind}
        self._selling = [asyncio.create_task(self._sell(kind, event)) for kind, event in begun.items()]

    async def end(self) -> None:
        """Stop it, and wait for the last answers."""
        self._is_over = True
        for failure in await asyncio.gather(*self._selling, return_exceptions=True):
            if isinstance(failure, BaseException):
                self.wrong[f"it failed: {failure!r}"] += 1
        self._selling = []

    async def close(self) -> None:
        """End all connections."""
        await self._front.close()

    @property
    def events(self) -> list[str]:
        """Those that it was told it has."""
        return [one.event_id for one in self.writes if one.deed is Deed.CREATED and one.outcome is Outcome.OK]

    @property
    def organized(self) -> Organized:
        """Its writes, counted."""
        acknowledged = Counter(str(write.deed) for write in self.writes if write.outcome is Outcome.OK)
        return Organized(dict(acknowledged), sum(write.outcome is Outcome.INFO for write in self.writes))

    def acknowledged(self, kind: Kind) -> int:
        """How many writes to events of this kind were, so far."""
        return sum(write.kind is kind and write.outcome is Outcome.OK for write in self.writes)

    def failed(self, since_s: float) -> Counter[str]:
        """How many calls came to nothing since then, by `time.monotonic`, so that they may be asked again, and why."""
        return Counter(cause for at_s, cause in self._front.passing if at_s >= since_s)

    def objections(self) -> list[str]:
        """What must not be: what it must not have been told, an end that is not known, and no edit at all."""
        edited = {one.kind for one in self.writes if one.deed is Deed.EDITED and one.outcome is Outcome.OK}
        found = [f"organizer: nobody has edited {kind}" for kind in Kind if kind not in edited]
        unknown = self.organized.unknown
        if unknown > UNKNOWN_ALLOWED * len(self.writes):
            found.append(
                f"organizer: {unknown} of {len(self.writes)} writes are of unknown outcome, over the bound of "
                f"{UNKNOWN_ALLOWED:.0%}"
            )
        return found + [f"organizer: {number} times {what}" for what, number in self.wrong.items()]

    async def read_back(self, event_id: str, until_s: float) -> EventState | None:
        """The event as the server tells it in the end; None: it does not until then, by `time.monotonic`."""
        while True:
            read = await self._front.read(event_id)
            if not isinstance(read, Passing) or time.monotonic() > until_s:
                return read if isinstance(read, EventState) else None
            await asyncio.sleep(read.wait_s or AGAIN_S)

    async def _sell(self, kind: Kind, event: _Event | None) -> None:
        while not self._is_over:
            if event is None:
                event = await self._begin(kind)
            elif not await self._do(event, next(event.steps)):
                event = None
            await asyncio.sleep(PAUSE_S * self._random.uniform(0.5, 1.5))

    async def _begin(self, kind: Kind) -> _Event | None:
        """An event that is on sale."""
        name = f"chaos-organizer-{self._run}-{self._next_number()}"
        body: dict[str, Any] = {"name": name, "layout": layout(FIRST_PRICE), "hold_ttl_seconds": HOLD_TTL_S}
        if kind is Kind.SPLIT:
            body["split"] = [[section] for section in SECTIONS]
        else:
            body["rules"] = {"waiting_list": {"claim_seconds": HOLD_TTL_S}}
        state = EventState(1, "DRAFT", name, FIRST_PRICE)
        answer, took_s = await self._ask(OrganizerAsk(Deed.CREATED, "/v1/events", body, state), kind, "")
        if not isinstance(answer, Yes):
            return None
        event = _Event(answer.event_id, kind, state)
        event.learn(Deed.CREATED, answer, took_s)
        return event if await self._do(event, Deed.OPENED) else None

    async def _do(self, event: _Event, deed: Deed) -> bool:
        """Whether there is more to be done with it."""
        ask = event.ask(deed, self._next_number())
        if ask is None:
            return True
        answer, took_s = await self._ask(ask, event.kind, event.event_id)
        if not isinstance(answer, Yes):
            return isinstance(answer, Refused) and answer.code in _EXPLAINED.get((event.kind, deed), ())
        event.learn(deed, answer, took_s)
        if self._chance(LOOKING):
            await self._look(event)
        return deed is not Deed.CLOSED

    async def _ask(self, ask: OrganizerAsk, kind: Kind, event_id: str) -> tuple[Answer, float]:
        """The answer, or why it was given up; and how long the last try took, in seconds."""
        key = f"organizer-{self._run}-{self._next_number()}"
        give_up_at_s = time.monotonic() + PATIENCE_S
        turned_away, asked_us = "", 0
        while True:
            asked_s, now_us = time.monotonic(), time.time_ns() // 1000
            answer = await self._front.ask(ask, key)
            took_s = time.monotonic() - asked_s
            if isinstance(answer, Passing) and answer.cause in TURNED_AWAY and not asked_us:
                turned_away = answer.cause
            else:
                asked_us = asked_us or now_us
            if not isinstance(answer, Passing) or time.monotonic() > give_up_at_s:
                break
            await asyncio.sleep(answer.wait_s or AGAIN_S)
        write = self._as_kept(ask, kind, key, event_id, answer)
        self._keep(msgspec.structs.replace(write, turned_away=turned_away, asked_us=asked_us))
        if isinstance(answer, Yes):
            self._compare(f"{kind} was {ask.deed}", ask.wanted, answer.said)
            if self._chance(ASKING_TWICE):
                await self._ask_again(ask, kind, key, answer)
        return answer, took_s

    def _as_kept(self, ask: OrganizerAsk, kind: Kind, key: str, event_id: str, answer: Answer) -> Write:
        match answer:
            case Yes(said=said):
                event = said if isinstance(said, EventState) else None
                write = Write(ask.deed, kind, key, answer.event_id, Outcome.OK, event, answer.id)
                self.told += [answer.hold] if answer.hold is not None else []
            case Refused(code=code):
                write = Write(ask.deed, kind, key, event_id, Outcome.FAIL, reason=code)
                if code not in _EXPLAINED.get((kind, ask.deed), ()):
                    self.wrong[f"{kind} was not {ask.deed}: {code}"] += 1
            case Passing(cause=cause) | Broken(cause=cause):
                write = Write(ask.deed, kind, key, event_id, Outcome.INFO, reason=cause)
                if isinstance(answer, Broken):
                    self.wrong[f"{kind} was not {ask.deed}: {cause}"] += 1
        return write

    def _keep(self, write: Write) -> None:
        self.writes.append(write)
        append(self._file, write)

    async def _ask_again(self, ask: OrganizerAsk, kind: Kind, key: str, before: Yes) -> None:
        """The same under the same key, as who has lost the answer; whoever is not answered does not insist."""
        again = await self._front.ask(ask, key)
        if isinstance(again, Yes):
            self._compare(f"{kind} was {ask.deed}, asked again,", before.said, again.said)
            if not again.replayed or again.id != before.id:
                self.wrong[f"{kind} was {ask.deed} a second time under its key"] += 1
        elif not isinstance(again, Passing):
            self.wrong[f"{kind} was {ask.deed}, and asked again it was not: {again}"] += 1

    async def _look(self, event: _Event) -> None:
        """Read what was just told of; whoever is not answered does not insist."""
        read = await self._front.read(event.event_id)
        if isinstance(read, EventState):
            self._compare(f"{event.kind} was read", event.state, read)
        elif not isinstance(read, Passing):
            self.wrong[f"{event.kind} was not read: {read}"] += 1

    def _compare(self, what: str, wanted: Said, said: Said) -> None:
        if said != wanted:
            self.wrong[f"{what} as {said}, and had to be {wanted}"] += 1

    def _next_number(self) -> int:
        self._numbers += 1
        return self._numbers

    def _chance(self, share: float) -> bool:
        return self._random.random() < share
