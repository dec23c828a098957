"""Bringing one command to its block: find the shard, send, and send again while that is safe and worth it.

Every command may be sent twice: writes bear a key, reads change nothing. What a caller gets is an outcome, or the
fault that stood in the way when its time was up. A fault after which the outcome is open is never reported as "no".
"""

import asyncio
from collections.abc import Callable
from typing import Protocol

import structlog

from actors.core.ids import BlockId
from actors.core.outcomes import Details, Reason, Rejected
from actors.link.batch import Answer, Failed, Fault, Refused, Replied
from actors.link.coalescer import Coalescer, Expired, Overloaded
from actors.link.transport import NotSent, OutcomeUnknown

_log = structlog.get_logger(__name__)

PAUSE_FIRST_S = 0.01
PAUSE_MAX_S = 0.25
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
        errand = _Errand(self._routes, self._now_ms, block, command, tenant, not_after_ms, unknown_block, to_write)
        try:
            async with asyncio.timeout(max(0, not_after_ms - self._now_ms()) / 1000):
                return await errand.run()
        except TimeoutError:
            return errand.out_of_time()
        finally:
            self.retry_count += errand.retry_count


class _Errand:
    """One command on its way. Remembers whether it may already have been served."""

    def __init__(
        self,
        routes: Routes,
        now_ms: Callable[[], int],
        block: BlockId,
        command: bytes,
        tenant: str,
        not_after_ms: int,
        unknown_block: Reason,
        to_write: bool,
    ) -> None:
        self._routes = routes
        self._now_ms = now_ms
        self._block = block
        self._command = command
        self._tenant = tenant
        self._not_after_ms = not_after_ms
        self._unknown_block = unknown_block
        self._to_write = to_write
        self._maybe_served = False
        self._awaiting_answer = False
        self._tries_alone = 0
        self._pause_s = PAUSE_FIRST_S
        self.retry_count = -1

    async def run(self) -> Replied | Rejected:
        """Try until there is an outcome."""
        while True:
            self.retry_count += 1
            try:
                way = await self._routes.route(self._block)
            except RoutesUnavailable:
                await self._pause()
                continue
            if way is None:
                return self._unless_served(self._unknown_block)
            answer = await self._try(way)
            if isinstance(answer, Replied | Rejected):
                return answer
            await self._pause()

    def out_of_time(self) -> Rejected:
        """What to say when the caller's time is up."""
        if self._awaiting_answer:
            return Rejected(Reason.OUTCOME_UNKNOWN if self._to_write else Reason.DEADLINE_EXCEEDED)
        return self._unless_served(Reason.UNAVAILABLE)

    async def _try(self, way: Coalescer) -> Replied | Rejected | None:
        """One try; None if another is worth it."""
        alone = self._tries_alone > 0
        self._awaiting_answer = True
        try:
            answer = await way.call(self._block, self._command, self._tenant, self._not_after_ms, alone=alone)
        except OutcomeUnknown:
            self._awaiting_answer = False
            self._maybe_served = True
            self._tries_alone += 1
            self._routes.doubt(self._block, way)
            if self._tries_alone > TRIES_ALONE:
                _log.error("given up on a command after which the shard was gone", block=self._block)
                return self._unless_served(Reason.UNAVAILABLE)
            return None
        except NotSent:
            self._awaiting_answer = False
            self._routes.doubt(self._block, way)
            return None
        except Overloaded:
            return self._unless_served(Reason.OVERLOADED)
        except Expired:
            return self._unless_served(Reason.DEADLINE_EXCEEDED)
        self._awaiting_answer = False
        return self._judge(way, answer)

    def _judge(self, way: Coalescer, answer: Answer) -> Replied | Rejected | None:
        if isinstance(answer, Replied):
            return answer
        if isinstance(answer, Refused):
            if answer.reason in (Reason.DEADLINE_EXCEEDED, Reason.OVERLOADED):
                return self._unless_served(answer.reason)
            return Rejected(answer.reason, answer.details)
        return self._judge_fault(way, answer)

    def _judge_fault(self, way: Coalescer, failed: Failed) -> Rejected | None:
        if failed.fault is Fault.FENCED:
            self._maybe_served = True
        if failed.fault in (Fault.FENCED, Fault.NOT_OWNER):
            self._routes.doubt(self._block, way)
        if failed.fault is Fault.OVERLOADED:
            return self._unless_served(Reason.OVERLOADED)
        if failed.fault is Fault.BUG:
            return self._unless_served(Reason.INTERNAL)
        if failed.fault is Fault.QUARANTINED:
            return self._unless_served(Reason.UNAVAILABLE)
        return None

    def _unless_served(self, reason: Reason) -> Rejected:
        if self._maybe_served and self._to_write:
            return Rejected(Reason.OUTCOME_UNKNOWN)
        if reason in (Reason.OVERLOADED, Reason.UNAVAILABLE):
            return Rejected(reason, Details(retry_at_ms=self._now_ms() + RETRY_HINT_MS))
        return Rejected(reason)

    async def _pause(self) -> None:
        await asyncio.sleep(self._pause_s)
        self._pause_s = min(2 * self._pause_s, PAUSE_MAX_S)
