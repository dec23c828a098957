"""The coalescer: many callers' commands for one shard, sent in few batches.

A batch leaves as soon as fewer than `max_batches_in_flight` are under way; whatever is called meanwhile forms the next.
So a lone command leaves alone and at once, and under load batches grow by themselves. No timer makes anybody wait.

A shard that leaves a batch unanswered for a second is silent until it answers. It may be long: of those who wait for it
then only those stay who may, by whoever calls.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeAlias

import msgspec

from actors.core.ids import BlockId
from actors.link.batch import Answer, Call, answers_decoder, encoder
from actors.link.transport import Hangs, NotSent, OutcomeUnknown, Transport, never
from actors.under_way import MOST_UNDER_WAY

SILENT_S = 1.0
CALL_OVERHEAD_BYTES = 9  # at most: what encodes a call beside the characters of its block and the bytes of its command


class Overloaded(Exception):
    """Too much is waiting for this shard, or of this tenant; nothing was sent."""


class Expired(Exception):
    """The caller's `not_after_ms` passed while it waited, or the process hung; nothing was sent."""


Stay: TypeAlias = Callable[[bool], bool]
"""What a silent shard's caller says, whether it may wait on. It must where it was sent, which the argument tells."""


class CoalescerBounds(msgspec.Struct, frozen=True):
    """What may be under way and what may wait. A tenant has half, so that one cannot fill the shard's queue alone.

    It is as many calls as a gateway lets in (see `actors.dispatch`): a shard that answers is not refused to anybody.
    """

    max_batches_in_flight: int = 1
    max_batch_calls: int = 512
    max_batch_bytes: int = 256 * 1024  # a larger command goes alone
    max_waiting_calls: int = 2 * MOST_UNDER_WAY
    max_waiting_bytes: int = 32 * 1024 * 1024
    max_tenant_waiting_calls: int = MOST_UNDER_WAY
    max_tenant_waiting_bytes: int = 16 * 1024 * 1024


class CoalescerCounters(msgspec.Struct):
    """What happened so far, and what waits now. Bytes are those of calls."""

    calls: int = 0  # admitted
    overloaded: int = 0  # not admitted
    expired: int = 0
    withdrawn: int = 0  # cancelled by the caller before they were sent
    batches: int = 0
    sent_calls: int = 0
    sent_bytes: int = 0
    answered_calls: int = 0
    not_sent_calls: int = 0
    unknown_calls: int = 0
    waiting_calls: int = 0
    waiting_bytes: int = 0
    batches_in_flight: int = 0


class Coalescer:
    """The way to the shard of this name, for all callers of one process. `hangs`: as that process notices them."""

    def __init__(
        self,
        transport: Transport,
        now_ms: Callable[[], int],
        bounds: CoalescerBounds | None = None,
        *,
        hangs: Hangs = never,
        shard: str = "",
    ) -> None:
        self.shard = shard
        self.counters = CoalescerCounters()
        self._transport = transport
        self._now_ms = now_ms
        self._hangs = hangs
        self._bounds = bounds or CoalescerBounds()
        self._queues: OrderedDict[str, _Queue] = OrderedDict()  # of tenants with something waiting; the first is next
        self._flights: set[asyncio.Task[None]] = set()
        self._silent: set[int] = set()  # batches, by their number
        self._closed = False

    async def call(
        self,
        block: BlockId,
        command: bytes,
        tenant: str,
        not_after_ms: int,
        *,
        alone: bool = False,
        hangs: int | None = None,
        stay: Stay | None = None,
    ) -> Answer:
        """The shard's answer to an encoded command; Overloaded, Expired, NotSent or OutcomeUnknown.

        `not_after_ms` is by the coalescer's clock and counts until the command is sent; how long to wait for the answer
        is the caller's to bound, by cancelling. `alone` keeps the command out of others' batches. `hangs`: how often
        the process had hung when the caller was let in; if it has again, the command is not sent. None: it is all one.
        `stay` is asked when the shard is silent, and again whenever it is; None: yes. Who may not is Overloaded.
        """
        future = asyncio.get_running_loop().create_future()
        waiting = _Waiting(Call(block, command), not_after_ms, alone, hangs, stay, future)
        queue = self._admit(waiting, tenant)
        self._take_off()
        try:
            return await waiting.answer
        except asyncio.CancelledError:
            if waiting in queue.calls:
                self._remove(tenant, queue, waiting)
                self.counters.withdrawn += 1
            raise

    async def close(self) -> None:
        """Callers that wait fail with NotSent, those in flight with OutcomeUnknown, later ones with NotSent."""
        self._closed = True
        for tenant, queue in list(self._queues.items()):
            for waiting in list(queue.calls):
                self._remove(tenant, queue, waiting)
                self.counters.not_sent_calls += 1
                waiting.fail(NotSent("the coalescer was closed"))
        for flight in list(self._flights):
            flight.cancel()
        if self._flights:
            await asyncio.wait(self._flights)

    def _admit(self, waiting: "_Waiting", tenant: str) -> "_Queue":
        if self._closed:
            raise NotSent("the coalescer is closed")
        size, bounds, counters = waiting.size, self._bounds, self.counters
        queue = self._queues.get(tenant)
        if (
            counters.waiting_calls >= bounds.max_waiting_calls
            or counters.waiting_bytes + size > bounds.max_waiting_bytes
            or (queue is not None and len(queue.calls) >= bounds.max_tenant_waiting_calls)
            or (queue.bytes if queue is not None else 0) + size > bounds.max_tenant_waiting_bytes
        ):
            counters.overloaded += 1
            raise Overloaded(f"{counters.waiting_calls} calls of {counters.waiting_bytes} bytes are waiting")
        if self._silent and not waiting.may_stay(is_sent=False):
            counters.overloaded += 1
            raise Overloaded("the shard is silent")
        if queue is None:
            queue = self._queues[tenant] = _Queue()
        queue.calls[waiting] = None
        queue.bytes += size
        counters.calls += 1
        counters.waiting_calls += 1
        counters.waiting_bytes += size
        return queue

    def _remove(self, tenant: str, queue: "_Queue", waiting: "_Waiting") -> None:
        del queue.calls[waiting]
        queue.bytes -= waiting.size
        self.counters.waiting_calls -= 1
        self.counters.waiting_bytes -= waiting.size
        if not queue.calls:
            del self._queues[tenant]

    def _take_off(self) -> None:
        """Start a flight if one is due. Callers that are ready now come before its first step and join its batch."""
        if self._queues and not self._closed and len(self._flights) < self._bounds.max_batches_in_flight:
            flight = asyncio.get_running_loop().create_task(self._fly())
            self._flights.add(flight)
            flight.add_done_callback(self._landed)

    def _landed(self, flight: asyncio.Task[None]) -> None:
        self._flights.discard(flight)
        self._take_off()

    async def _fly(self) -> None:
        while batch := self._next_batch():
            self.counters.batches_in_flight += 1
            try:
                await self._exchange(batch)
            finally:
                self.counters.batches_in_flight -= 1

    def _next_batch(self) -> "list[_Waiting]":
        """What goes out next, each tenant in turn; whoever is too late is told so instead.

        From here to the transport nothing is awaited, so that no hang comes between.
        """
        now_ms, hangs = self._now_ms(), self._hangs()
        batch: list[_Waiting] = []
        size = 0
        while self._queues and len(batch) < self._bounds.max_batch_calls:
            tenant, queue = next(iter(self._queues.items()))
            waiting = next(iter(queue.calls))
            late = waiting.why_late(now_ms, hangs)
            if not late and batch and (waiting.alone or size + waiting.size > self._bounds.max_batch_bytes):
                break
            self._remove(tenant, queue, waiting)
            if late:
                self.counters.expired += 1
                waiting.fail(Expired(late))
                continue
            if queue.calls:
                self._queues.move_to_end(tenant)
            batch.append(waiting)
            size += waiting.size
            if waiting.alone:
                break
        self.counters.sent_bytes += size
        return batch

    @contextmanager
    def _heeded(self, batch: "list[_Waiting]") -> Iterator[None]:
        """While this lasts the batch is under way; the shard is silent once that has lasted for long."""
        number = self.counters.batches
        silence = asyncio.get_running_loop().call_later(SILENT_S, self._fall_silent, number, batch)
        try:
            yield
        finally:
            silence.cancel()
            self._silent.discard(number)

    def _fall_silent(self, number: int, batch: "list[_Waiting]") -> None:
        self._silent.add(number)
        for waiting in batch:
            waiting.may_stay(is_sent=True)
        for tenant, queue in list(self._queues.items()):
            for waiting in list(queue.calls):
                if not waiting.may_stay(is_sent=False):
                    self._remove(tenant, queue, waiting)
                    self.counters.overloaded += 1
                    waiting.fail(Overloaded("the shard is silent"))

    async def _exchange(self, batch: "list[_Waiting]") -> None:
        """Send a batch and give everyone in it an answer or a failure, whatever happens."""
        counters = self.counters
        counters.batches += 1
        counters.sent_calls += len(batch)
        try:
            payload = encoder.encode([waiting.call for waiting in batch])
            with self._heeded(batch):
                answers = answers_decoder.decode(await self._transport.exchange(payload))
            if len(answers) != len(batch):
                raise OutcomeUnknown(f"{len(answers)} answers to {len(batch)} calls")
        except NotSent as failure:
            counters.not_sent_calls += len(batch)
            for waiting in batch:
                waiting.fail(NotSent(str(failure)))
        except (OutcomeUnknown, msgspec.MsgspecError) as failure:
            self._lose(batch, str(failure))
        except BaseException:  # closed, or a bug of the transport: nobody may be left waiting
            self._lose(batch, "the exchange was broken off")
            raise
        else:
            counters.answered_calls += len(batch)
            for waiting, answer in zip(batch, answers, strict=True):
                if not waiting.answer.done():  # a caller that was cancelled leaves its neighbours alone
                    waiting.answer.set_result(answer)

    def _lose(self, batch: "list[_Waiting]", why: str) -> None:
        self.counters.unknown_calls += len(batch)
        for waiting in batch:
            waiting.fail(OutcomeUnknown(why))  # each its own: a raised exception belongs to one traceback


class _Waiting:
    """A call and who waits for it."""

    __slots__ = ("alone", "answer", "call", "hangs", "not_after_ms", "size", "stay")

    def __init__(
        self,
        call: Call,
        not_after_ms: int,
        alone: bool,
        hangs: int | None,
        stay: Stay | None,
        answer: asyncio.Future[Answer],
    ) -> None:
        self.call = call
        self.size = len(call.block) + len(call.command) + CALL_OVERHEAD_BYTES
        self.not_after_ms = not_after_ms
        self.alone = alone
        self.hangs = hangs
        self.stay = stay
        self.answer = answer

    def why_late(self, now_ms: int, hangs: int) -> str:
        """Why it is not to be sent; empty: it is."""
        if now_ms > self.not_after_ms:
            return f"{now_ms - self.not_after_ms} ms too late to be sent"
        return "the process hung after it was let in" if self.hangs not in (None, hangs) else ""

    def may_stay(self, *, is_sent: bool) -> bool:
        """Whether to wait for a silent shard. Who has left already is not asked."""
        return self.stay is None or self.answer.done() or self.stay(is_sent)

    def fail(self, failure: Exception) -> None:
        if not self.answer.done():
            self.answer.set_exception(failure)


class _Queue:
    """What waits of one tenant, in the order of calling."""

    __slots__ = ("bytes", "calls")

    def __init__(self) -> None:
        self.calls: OrderedDict[_Waiting, None] = OrderedDict()
        self.bytes = 0
