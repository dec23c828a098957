"""Bringing one command to its block: find the shard, send, and send again while that is safe and worth it.

Every command may be sent twice: writes bear a key, reads change nothing. What a caller gets is an outcome, or the
fault that stood in the way when its time was up. A fault after which the outcome is open is never reported as "no".
"""

import asyncio
from collections.abc import Callable
from enum import Enum
from typing import Protocol, TypeAlias

import structlog

from actors.core.ids import BlockId
from actors.core.outcomes import Details, Reason, Rejected
from actors.link.batch import Answer, Failed, Fault, Refused, Replied
from actors.link.coalescer import Coalescer, Expired, Overloaded
from actors.link.transport import NotSent, OutcomeUnknown
from actors.parking import NoPlaceLeft, Parking, Place

_log = structlog.get_logger(__name__)

PAUSE_FIRST_S = 0.01
PAUSE_MAX_S = 0.25
SCOUT_PAUSE_S = 0.02  # one command a block asks this often whether it is there
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


class Dispatcher:
    """Asks blocks on behalf of the edges. `now_ms` is the journal's clock as this process knows it."""

    def __init__(self, routes: Routes, now_ms: Callable[[], int]) -> None:
        self._routes = routes
        self._now_ms = now_ms
        self._parking = Parking()
        self.retry_count = 0

    async def ask(
        self,
        block: BlockId,
        command: bytes,
        tenant: str,
        not_after_ms: int,
        unknown_block: Reason,
        *,
        to_write: bool = True,
    ) -> Replied | Rejected:
        """The outcome of an encoded command, at the latest at `not_after_ms`.

        What does not write leaves no outcome open: it has an answer or none.
        """
        errand = _Errand(
            self._routes, self._parking, self._now_ms, block, command, tenant, not_after_ms, unknown_block, to_write
        )
        try:
            async with asyncio.timeout(max(0, not_after_ms - self._now_ms()) / 1000):
                return await errand.run()
        except TimeoutError:
            return errand.out_of_time()
        finally:
            self.retry_count += errand.retry_count


class _Again(Enum):
    """There is no outcome yet: when to ask again."""

    AFTER_A_PAUSE = 1
    WHEN_READY = 2  # the block is on its way into memory


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
        self._maybe_served = False
        self._awaiting_answer = False
        self._alone = False
        self._unknown_count = 0
        self._pause_s = PAUSE_FIRST_S
        self.retry_count = -1

    async def run(self) -> Replied | Rejected:
        """Try until there is an outcome."""
        place = Place(self._block, self._to_write)
        while True:
            try:
                await self._parking.wait(place)
            except NoPlaceLeft:
                return self._unless_served(Reason.OVERLOADED)
            verdict = await self._try()
            if verdict is _Again.WHEN_READY:
                verdict = await self._scout(place)
            if verdict is _Again.AFTER_A_PAUSE:
                await asyncio.sleep(self._pause_s)
                self._pause_s = min(2 * self._pause_s, PAUSE_MAX_S)
            elif verdict is not _Again.WHEN_READY:
                return verdict

    def out_of_time(self) -> Rejected:
        """What to say when the caller's time is up."""
        if self._awaiting_answer:
            return Rejected(Reason.OUTCOME_UNKNOWN if self._to_write else Reason.DEADLINE_EXCEEDED)
        return self._unless_served(Reason.UNAVAILABLE)

    async def _scout(self, place: Place) -> _Verdict:
        """Ask until the block is there, while all others wait; at once WHEN_READY if another does so already."""
        verdict: _Verdict = _Again.WHEN_READY
        with self._parking.scouting(place) as ours:
            while ours and verdict is _Again.WHEN_READY:
                await asyncio.sleep(SCOUT_PAUSE_S)
                verdict = await self._try()
        return verdict

    async def _try(self) -> _Verdict:
        """Find the way and ask once."""
        self.retry_count += 1
        try:
            way = await self._routes.route(self._block)
        except RoutesUnavailable:
            return _Again.AFTER_A_PAUSE
        if way is None:
            return self._unless_served(self._unknown_block)
        return await self._ask(way)

    async def _ask(self, way: Coalescer) -> _Verdict:
        self._awaiting_answer = True
        try:
            answer = await way.call(self._block, self._command, self._tenant, self._not_after_ms, alone=self._alone)
        except OutcomeUnknown:
            self._awaiting_answer = False
            self._maybe_served = self._alone = True
            self._unknown_count += 1
            self._routes.doubt(self._block, way)
            if self._unknown_count > TRIES_ALONE:
                _log.error("given up on a command after which the shard was gone", block=self._block)
                return self._unless_served(Reason.UNAVAILABLE)
            return _Again.AFTER_A_PAUSE
        except NotSent:
            self._awaiting_answer = False
            self._routes.doubt(self._block, way)
            return _Again.AFTER_A_PAUSE
        except Overloaded:
            return self._unless_served(Reason.OVERLOADED)
        except Expired:
            return self._unless_served(Reason.DEADLINE_EXCEEDED)
        self._awaiting_answer = False
        return self._judge(way, answer)

    def _judge(self, way: Coalescer, answer: Answer) -> _Verdict:
        if isinstance(answer, Replied):
            return answer
        if isinstance(answer, Refused):
            if answer.reason in (Reason.DEADLINE_EXCEEDED, Reason.OVERLOADED):
                return self._unless_served(answer.reason)
            return Rejected(answer.reason, answer.details)
        return self._judge_fault(way, answer)

    def _judge_fault(self, way: Coalescer, failed: Failed) -> Rejected | _Again:
        match failed.fault:
            case Fault.NOT_READY:
                return _Again.WHEN_READY
            case Fault.NOT_OWNER:
                self._routes.doubt(self._block, way)
            case Fault.FENCED:
                self._maybe_served = True
                self._routes.doubt(self._block, way)
            case Fault.OVERLOADED:
                return self._unless_served(Reason.OVERLOADED)
            case Fault.BUG:
                return self._unless_served(Reason.INTERNAL)
            case Fault.QUARANTINED:
                return self._unless_served(Reason.UNAVAILABLE)
            case Fault.DEFERRED:
                self._maybe_served = self._alone = True
        return _Again.AFTER_A_PAUSE

    def _unless_served(self, reason: Reason) -> Rejected:
        if self._maybe_served and self._to_write:
            return Rejected(Reason.OUTCOME_UNKNOWN)
        if reason in (Reason.OVERLOADED, Reason.UNAVAILABLE):
            return Rejected(reason, Details(retry_at_ms=self._now_ms() + RETRY_HINT_MS))
        return Rejected(reason)
