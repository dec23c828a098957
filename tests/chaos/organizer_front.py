"""The way to the server of who sells: what an organizer asks under a key, and what it is told."""

from enum import StrEnum
from typing import NamedTuple, TypeAlias

import httpx
import msgspec

from actors.audit.replies import Acknowledged, Told
from loadtests.calls import Broken, Passing, Refused
from loadtests.history.calls import Outcome
from loadtests.server import Server
from tests.chaos.basket_shop import given
from tests.chaos.http_calls import HttpCalls
from tests.event_states import EventState


class Deed(StrEnum):
    """What an acknowledged write of an organizer has done."""

    CREATED = "created"
    OPENED = "opened"
    EDITED = "edited"
    PAUSED = "paused"
    CLOSED = "closed"
    JOINED = "joined"
    LEFT = "left"
    HELD = "held"
    RELEASED = "released"


OF_HOLDS = {Deed.HELD: Told.HELD, Deed.RELEASED: Told.RELEASED}
OF_WAITERS = (Deed.JOINED, Deed.LEFT)


class Kind(StrEnum):
    """What an organizer sells."""

    WHOLE = "a whole event"
    SPLIT = "a split event"


class Standing(msgspec.Struct, frozen=True):
    """A hold or a waiter as the server tells it."""

    status: str
    total_minor: int = 0

    def __str__(self) -> str:
        return f"{self.status} for {self.total_minor}"


Said: TypeAlias = EventState | Standing


class Yes(NamedTuple):
    """`id`: of the hold or the waiter. `hold`: what the audit holds against the journal."""

    event_id: str
    said: Said
    id: str = ""
    hold: Acknowledged | None = None
    replayed: bool = False


Answer: TypeAlias = Yes | Refused | Passing | Broken


class OrganizerAsk(NamedTuple):
    """A write. `wanted`: what its acceptance must say. `if_revision`: of an edit."""

    deed: Deed
    path: str
    body: object
    wanted: Said
    if_revision: int = 0


class Write(msgspec.Struct, frozen=True):
    """What was asked under one key until it was answered, or given up; in the order in which it was asked of its event.

    `outcome`: INFO, if nobody knows what came of it. `event`: as it was told; `id`: of the hold or the waiter.
    `reason`: of a no, the code. `event_id`: empty, if the event was never acknowledged. `turned_away`: why the tries
    before were that all others followed; `asked_us`: when the first of the others was, in µs since 1970, 0: never.
    """

    deed: Deed
    kind: Kind
    key: str
    event_id: str
    outcome: Outcome
    event: EventState | None = None
    id: str = ""
    reason: str = ""
    turned_away: str = ""
    asked_us: int = 0

    def __str__(self) -> str:
        return f"organizer: {self.event_id or 'an event'}, {self.deed} under {self.key},"

    @property
    def is_at_desk(self) -> bool:
        """Whether the journal of its event does not have it."""
        return self.kind is Kind.SPLIT and self.deed in OF_HOLDS


class _Category(msgspec.Struct):
    price_minor: int


class _Event(msgspec.Struct):
    event_id: str
    revision: int
    status: str
    name: str
    categories: list[_Category]

    @property
    def state(self) -> EventState:
        return EventState(self.revision, self.status, self.name, self.categories[0].price_minor)


class _Waiter(msgspec.Struct):
    waiter_id: str
    event_id: str
    status: str


class _Hold(msgspec.Struct):
    event_id: str
    status: str


_events = msgspec.json.Decoder(_Event)
_waiters = msgspec.json.Decoder(_Waiter)
_holds = msgspec.json.Decoder(_Hold)


class OrganizerFront:
    """See `HttpCalls`."""

    def __init__(self, server: Server, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._http = HttpCalls(server, transport)
        self.passing = self._http.passing

    async def ask(self, ask: OrganizerAsk, key: str) -> Answer:
        """Send it once."""
        headers = {"Idempotency-Key": key}
        if ask.if_revision:
            headers["If-Match"] = f'"{ask.if_revision}"'
        method = "PATCH" if ask.deed is Deed.EDITED else "POST"
        return await self._http.ask(method, ask.path, lambda response: _yes(ask.deed, response, key), ask.body, headers)

    async def read(self, event_id: str) -> EventState | Refused | Passing | Broken:
        """The event as it is now. Asked once."""
        return await self._http.ask("GET", f"/v1/events/{event_id}", _state)

    async def close(self) -> None:
        """End all connections."""
        await self._http.close()


def _state(response: httpx.Response) -> EventState:
    return _events.decode(response.content).state


def _yes(deed: Deed, response: httpx.Response, key: str) -> Yes:
    is_replay = response.headers.get("Idempotency-Replayed") == "true"
    if deed in OF_HOLDS:
        hold, reply = _holds.decode(response.content), given(OF_HOLDS[deed], response, key).reply
        return Yes(hold.event_id, Standing(hold.status, reply.total_minor), reply.id, reply, is_replay)
    if deed in OF_WAITERS:
        waiter = _waiters.decode(response.content)
        return Yes(waiter.event_id, Standing(waiter.status), waiter.waiter_id, None, is_replay)
    event = _events.decode(response.content)
    return Yes(event.event_id, event.state, replayed=is_replay)
