"""Bringing one command to its block: find the shard, send, and send again while that is safe and worth it.

Every command may be sent twice: writes bear a key, reads change nothing. What a caller gets is an outcome, or the
fault that stood in the way when its time was up. A fault after which the outcome is open is never reported as "no".
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from enum import Enum
from typing import Protocol, TypeAlias

import msgspec
import structlog

from actors.core.ids import BlockId
from actors.core.outcomes import Details, Reason, Rejected
from actors.link.batch import Answer, Failed, Fault, Refused, Replied
from actors.link.coalescer import Coalescer, Expired, Overloaded
from actors.link.transport import NotSent, OutcomeUnknown
from actors.parking import NoRoomLeft, Parking, Place, Room, Space
from actors.under_way import MOST_UNDER_WAY

_log = structlog.get_logger(__name__)

PAUSE_FIRST_S = 0.01
PAUSE_MAX_S = 0.25
SCOUT_PAUSE_S = 0.02  # one command a block asks this often whether it is there
# At once, wherever they wait: for a batch, an answer, a block, a pause, the catalogue. What HAProxy lets through is no
# more, but where a gateway takes over what another had: for a tenant as much as that, as to refuse costs a gateway what
# serving does. What is not answered is bounded by less (see `actors.parking`).
MAX_ERRANDS = 2 * MOST_UNDER_WAY
MAX_ERRANDS_BYTES = 64 << 20
MAX_ERRANDS_PER_TENANT = MOST_UNDER_WAY
MAX_ERRANDS_BYTES_PER_TENANT = 32 << 20
RETRY_HINT_MS = 1_000
TRIES_ALONE = 3  # a command after which the shard was gone this often is not sent again


class RoutesUnavailable(Exception):
    """The catalogue cannot be reached and the block's shard is not known."""


class Routes(Protocol):
    """Which shard serves a block, and the way to it. Answers from memory where it can."""

    async def route(self, block: BlockId) -> Coalescer | None:
        """The way to the block's shard; None if the block does not exist. Raises RoutesUnavailable."""
        ...

    def doubt(self, block: BlockId, way: Coalescer) -> None:
        """The way did not lead to the block's owner: look again before the next try."""
        ...

    def moved(self, block: BlockId) -> None:
        """The shard is there, and another has the block by now: ask which before the next try."""
        ...


class Dispatcher:
    """Asks blocks on behalf of the edges. `now_ms` is the journal's clock as this process knows it."""

    def __init__(self, routes: Routes, now_ms: Callable[[], int]) -> None:
        self._routes = routes
        self._now_ms = now_ms
        self._room = Room(
            Space(MAX_ERRANDS, MAX_ERRANDS_BYTES), Space(MAX_ERRANDS_PER_TENANT, MAX_ERRANDS_BYTES_PER_TENANT)
        )
        self._parking = Parking()

    async def ask(
        self,
        block: BlockId,
        command: bytes,
        tenant: str,
        not_after_ms: int,
        unknown_block: Reason,
        *,
        to_write: bool = True,
        enter: Callable[[], Awaitable[None]] | None = None,
        hangs: int | None = None,
    ) -> Replied | Rejected:
        """The outcome of an encoded command, at the latest at `not_after_ms`.

        What does not write leaves no outcome open: it has an answer or none. `enter` is awaited before each try, to see
        to it that there is such a block; it changes nothing where there is, and raises RoutesUnavailable. `hangs`: as
        in `Coalescer.call`. What was let in before a hang is never sent after it, nor sent again, as another process
        may have said no meanwhile: where a try may have arrived before, the outcome is open.
        """
        errand = _Errand(
            self._routes, self._parking, self._now_ms, block, command, tenant, not_after_ms, unknown_block, to_write,
            enter, hangs,
        )  # fmt: skip
        try:
            with self._room.entered(tenant, len(command)):
                async with asyncio.timeout(max(0, not_after_ms - self._now_ms()) / 1000):
                    return await errand.run()
        except NoRoomLeft:
            return errand.no_room()
        except TimeoutError:
            return errand.out_of_time()


class _Again(Enum):
    """There is no outcome yet: when to ask again."""

    AFTER_A_PAUSE = 1
    WHEN_READY = 2  # the block is on its way into memory
    BEHIND_OTHERS = 3  # the shard was gone after it, and may be again: after a pause, and at the end of the line


_Verdict: TypeAlias = Replied | Rejected | _Again


class _Errand:
    """One command on its way. Remembers whether it may already have been served."""

    def __init__(
        self,
        routes: Routes,
        parking: Parking,
        now_ms: Callable[[], int],
        block: BlockId,
        command: bytes,
        tenant: str,
        not_after_ms: int,
        unknown_block: Reason,
        to_write: bool,
        enter: Callable[[], Awaitable[None]] | None,
        hangs: int | None,
    ) -> None:
        self._routes = routes
        self._parking = parking
        self._now_ms = now_ms
        self._block = block
        self._command = command
        self._tenant = tenant
        self._not_after_ms = not_after_ms
        self._unknown_block = unknown_block
        self._to_write = to_write
        self._enter = enter
        self._hangs = hangs
        self._maybe_served = False
        self._broken_off = False
        self._alone = False
        self._unknown_count = 0
        self._waiting = ExitStack()
        self._waits = False
        self._shard = ""  # which was asked last
        self._in_line = False
        self._block_answered = False
        self._pause_s = PAUSE_FIRST_S

    async def run(self) -> Replied | Rejected:
        """Try until there is an outcome. Raises NoRoomLeft."""
        with self._waiting:
            return await self._run(Place(self._block, self._to_write))

    async def _run(self, place: Place) -> Replied | Rejected:
        while not self._parking.has_line(place):
            verdict = await self._try()
            if not isinstance(verdict, _Again):
                return verdict
            self._wait()
            if verdict is _Again.WHEN_READY:
                break
            await self._pause()
        self._shard = self._parking.shard_of(place) or self._shard
        self._wait()
        self._in_line = True
        while True:
            verdict = await self._take_turn(place)
            if not isinstance(verdict, _Again):
                return verdict
            if verdict is _Again.BEHIND_OTHERS:
                await self._pause()

    def _wait(self, *, must: bool = False) -> None:
        """Be one of those who wait, from now on. Who may have been served must: its outcome is open. NoRoomLeft."""
        if not self._waits:
            size, must = len(self._command), must or self._maybe_served
            self._waiting.enter_context(self._parking.entered(self._tenant, self._shard, size, must=must))
            self._waits = True

    def _may_stay(self, is_sent: bool) -> bool:
        """See `Stay`."""
        try:
            self._wait(must=is_sent)
        except NoRoomLeft:
            return False
        return True

    def no_room(self) -> Rejected:
        """What to say where too many wait already."""
        return self._unless_served(Reason.OVERLOADED)

    def out_of_time(self) -> Rejected:
        """What to say when the caller's time is up."""
        if self._broken_off:
            return Rejected(Reason.OUTCOME_UNKNOWN if self._to_write else Reason.DEADLINE_EXCEEDED)
        return self._unless_served(Reason.UNAVAILABLE)

    async def _take_turn(self, place: Place) -> _Verdict:
        """Stand in line, then ask; while the block is not there, in everybody's name and until it is.

        WHEN_READY: it was there, and no longer is. Many have asked then, and stand in line again.
        """
        async with self._parking.turn(place) as line:
            scouting, line.shard = not line.ready, self._shard
            verdict: _Verdict = _Again.WHEN_READY if scouting else await self._try()
            while verdict is _Again.AFTER_A_PAUSE or (scouting and verdict is _Again.WHEN_READY):
                await (asyncio.sleep(SCOUT_PAUSE_S) if verdict is _Again.WHEN_READY else self._pause())
                verdict = await self._try()
                line.shard = self._shard
            if verdict is _Again.WHEN_READY:
                line.ready = False
            elif self._block_answered:
                line.ready = True
        return verdict

    async def _pause(self) -> None:
        await asyncio.sleep(self._pause_s)
        self._pause_s = min(2 * self._pause_s, PAUSE_MAX_S)

    async def _try(self) -> _Verdict:
        """Find the way and ask once."""
        try:
            if self._enter is not None:
                await self._enter()
            way = await self._routes.route(self._block)
        except RoutesUnavailable:
            return _Again.AFTER_A_PAUSE
        if way is None:
            self._block_answered = True  # as good as that: all will hear the same
            return self._unless_served(self._unknown_block)
        return await self._ask(way)

    async def _ask(self, way: Coalescer) -> _Verdict:
        self._shard = way.shard
        try:
            answer = await way.call(
                self._block, self._command, self._tenant, self._not_after_ms,
                alone=self._alone, hangs=self._hangs, stay=self._may_stay,
            )  # fmt: skip
        except asyncio.CancelledError:
            self._broken_off = True
            raise
        except OutcomeUnknown:
            self._maybe_served = self._alone = True
            self._unknown_count += 1
            self._routes.doubt(self._block, way)
            if self._unknown_count > TRIES_ALONE:
                _log.error("given up on a command after which the shard was gone", block=self._block)
                return self._unless_served(Reason.UNAVAILABLE)
            return _Again.BEHIND_OTHERS
        except NotSent:
            self._routes.doubt(self._block, way)
            return _Again.AFTER_A_PAUSE
        except Overloaded:
            return self._overloaded()
        except Expired:
            return self._unless_served(Reason.DEADLINE_EXCEEDED)
        return self._judge(way, answer)

    def _judge(self, way: Coalescer, answer: Answer) -> _Verdict:
        if isinstance(answer, Replied):
            self._block_answered = True
            return answer
        if isinstance(answer, Refused):
            self._block_answered = True
            if answer.reason in (Reason.DEADLINE_EXCEEDED, Reason.OVERLOADED):
                return self._unless_served(answer.reason)
            return Rejected(answer.reason, answer.details)
        return self._judge_fault(way, answer)

    def _judge_fault(self, way: Coalescer, failed: Failed) -> Rejected | _Again:
        match failed.fault:
            case Fault.NOT_READY:
                return _Again.WHEN_READY
            case Fault.NOT_OWNER if failed.note:
                self._routes.moved(self._block)
            case Fault.NOT_OWNER:
                self._routes.doubt(self._block, way)
            case Fault.FENCED:
                self._maybe_served = True
                self._routes.doubt(self._block, way)
            case Fault.OVERLOADED:
                return self._overloaded()
            case Fault.BUG:
                return self._unless_served(Reason.INTERNAL)
            case Fault.QUARANTINED:
                self._block_answered = True
                refusal = self._unless_served(Reason.UNAVAILABLE)
                return Rejected(refusal.reason, msgspec.structs.replace(refusal.details, quarantined=True))
            case Fault.DEFERRED:
                self._maybe_served = self._alone = True
        return _Again.AFTER_A_PAUSE

    def _overloaded(self) -> Rejected | _Again:
        """Refused at once; but who has stood in line is not sent away because all were called together."""
        return _Again.AFTER_A_PAUSE if self._in_line else self._unless_served(Reason.OVERLOADED)

    def _unless_served(self, reason: Reason) -> Rejected:
        if self._maybe_served and self._to_write:
            return Rejected(Reason.OUTCOME_UNKNOWN)
        if reason in (Reason.OVERLOADED, Reason.UNAVAILABLE):
            return Rejected(reason, Details(retry_at_ms=self._now_ms() + RETRY_HINT_MS))
        return Rejected(reason)
