"""Errands between blocks: desks see to it that their legs do what was decided, legs in doubt ask their desk, and events
that are split tell their parts what became of them.

Whatever is sent was durable before, and is sent again until it was acknowledged; the commands bear revisions, so a
second time does nothing.
"""

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, NamedTuple, Protocol, TypeAlias, TypeVar

import structlog

from actors.core.baskets import Deed
from actors.core.commands import AcknowledgeLeg, AcknowledgePart, AskAboutLeg, BookLeg, Errand, FollowEvent, ReleaseLeg
from actors.core.desk_state import Todo
from actors.core.following import what_to_follow
from actors.core.ids import BlockId
from actors.core.outcomes import Reason, Rejected
from actors.core.parts import Part
from actors.core.replies import LegFateReply
from actors.core.state import BlockState, Leg
from actors.engine.block_host import BlockHost
from actors.engine.clock import JournalClock
from actors.engine.group_commit import GroupCommit
from actors.engine.hosted import HostedBlock
from actors.engine.residence import Residence
from actors.link.batch import Replied, encoder, reply_decoder

_log = structlog.get_logger(__name__)

ROUND_S = 0.5
ASK_TIMEOUT_MS = 5_000
MAX_UNDER_WAY = 512

T = TypeVar("T")
_About: TypeAlias = int | str  # a leg, or the block of a part
_Errand: TypeAlias = tuple[BlockId, _About]


class _Doubt(NamedTuple):
    """What a leg asks its desk, and since when it should."""

    desk: BlockId
    question: AskAboutLeg
    since_ms: int


class OtherBlocks(Protocol):
    """The way to blocks, wherever they are."""

    async def ask(
        self, block: BlockId, command: bytes, tenant: str, not_after_ms: int, unknown_block: Reason
    ) -> Replied | Rejected:
        """The outcome of an encoded command, at the latest at `not_after_ms`."""
        ...


class Errands:
    """Looks twice a second, and at once when a batch has left something to do, at the blocks that live here."""

    def __init__(
        self, host: BlockHost, residence: Residence, commit: GroupCommit, clock: JournalClock, others: OtherBlocks
    ) -> None:
        self._host = host
        self._residence = residence
        self._commit = commit
        self._clock = clock
        self._others = others
        self._errands: set[asyncio.Task[None]] = set()
        self._under_way: set[_Errand] = set()
        self._in_vain_ms: dict[_Errand, int] = {}  # when it was tried last, of what does not succeed
        self._told: dict[tuple[BlockId, int], tuple[int, int]] = {}  # of a leg: what it asked at, when it asks again

    async def run(self) -> None:
        """Until cancelled."""
        try:
            while True:
                try:
                    await asyncio.wait_for(self._host.errands_wanted.wait(), ROUND_S)
                except TimeoutError:
                    pass  # a round all the same: for what is due, and for what failed before
                self._host.errands_wanted.clear()
                await self._begin()
        finally:
            for errand in self._errands:
                errand.cancel()

    async def _begin(self) -> None:
        seen = [
            (hosted, self._todos(hosted), self._doubts(hosted), self._behind(hosted))
            for hosted in self._residence.blocks.values()
            if hosted.claimed and not hosted.quarantined and _has_errands(hosted.state)
        ]
        seen = [errands for errands in seen if any(errands[1:])]
        if not seen:
            return
        # What is seen now will be durable when the cycle is done; what comes meanwhile has its own turn.
        cycle = self._commit.collect([hosted for hosted, *_ in seen])
        await cycle.wait()
        for hosted, todos, doubts, behind in seen:
            if hosted in cycle.positions:
                for todo in todos:
                    self._start(hosted, todo.leg, self._carry_out(hosted, todo))
                for doubt in doubts:
                    self._start(hosted, doubt.question.leg, self._ask_desk(hosted, doubt))
                for part, told in behind:
                    self._start(hosted, part.block, self._tell_part(hosted, part, told))

    def _start(self, hosted: HostedBlock, about: _About, work: Coroutine[Any, Any, None]) -> None:
        errand = asyncio.get_running_loop().create_task(work)
        self._errands.add(errand)
        self._under_way.add((hosted.block, about))
        errand.add_done_callback(partial(self._ended, (hosted.block, about)))

    def _ended(self, errand_of: _Errand, errand: asyncio.Task[None]) -> None:
        self._errands.discard(errand)
        self._under_way.discard(errand_of)
        if not errand.cancelled() and errand.exception() is not None:
            _log.error("an errand failed", block=errand_of[0], about=errand_of[1], exc_info=errand.exception())

    def _todos(self, hosted: HostedBlock) -> list[Todo]:
        """The oldest deed of each leg that nobody is about, as many as there is room for."""
        first: dict[int, Todo] = {}
        for todo in hosted.state.desk.todos.values():
            known = first.get(todo.leg)
            if known is None or todo.revision < known.revision:
                first[todo.leg] = todo
        todos = [todo for todo in first.values() if (hosted.block, todo.leg) not in self._under_way]
        return self._fitting(hosted.block, todos, lambda todo: todo.leg)

    def _doubts(self, hosted: HostedBlock) -> list[_Doubt]:
        """Who was told to ask later asks at once all the same when there is something new to ask about."""
        now_ms = self._clock.now_ms()
        doubts = [
            leg
            for leg in hosted.state.asking.values()
            if self._is_to_ask(hosted.block, leg, now_ms) and (hosted.block, leg.number) not in self._under_way
        ]
        tenant, is_void = hosted.state.tenant, hosted.state.was_cancelled
        return [
            _Doubt(BlockId(leg.desk), AskAboutLeg(tenant, leg.basket, leg.number, leg.revision, is_void), leg.ask_at_ms)
            for leg in self._fitting(hosted.block, doubts, lambda leg: leg.number)
        ]

    def _behind(self, hosted: HostedBlock) -> list[tuple[Part, FollowEvent]]:
        """The parts that are to be told what the event is now."""
        parts = [part for part in hosted.state.parts_behind if (hosted.block, part.block) not in self._under_way]
        return [
            (part, what_to_follow(hosted.state, hosted.block, part))
            for part in self._fitting(hosted.block, parts, lambda part: part.block)
        ]

    def _fitting(self, block: BlockId, errands: list[T], about: Callable[[T], _About]) -> list[T]:
        """As many as there is room for; what was in vain comes last, so as not to be in the way of the rest."""
        room = max(MAX_UNDER_WAY - len(self._under_way), 0)
        if len(errands) > room:
            errands.sort(key=lambda errand: self._in_vain_ms.get((block, about(errand)), 0))
        return errands[:room]

    def _is_to_ask(self, block: BlockId, leg: Leg, now_ms: int) -> bool:
        asked_at_ms, again_at_ms = self._told.get((block, leg.number), (0, 0))
        return leg.ask_at_ms <= now_ms and (asked_at_ms != leg.ask_at_ms or again_at_ms <= now_ms)

    async def _carry_out(self, hosted: HostedBlock, todo: Todo) -> None:
        """Have it done, and note that it is. Where there is no such event nothing is to be released."""
        tenant = hosted.state.tenant
        done = await self._ask(BlockId(todo.block), _deed(tenant, todo.leg, todo.deed, todo.revision, todo.tickets))
        if isinstance(done, Rejected) and not (todo.deed is Deed.RELEASE and done.reason is Reason.EVENT_NOT_FOUND):
            if done.reason is Reason.HOLD_NOT_FOUND:
                _log.error("a leg that was pinned is not known", block=todo.block, desk=hosted.block, leg=todo.leg)
            await self._pause(hosted.block, todo.leg)
            return
        self._in_vain_ms.pop((hosted.block, todo.leg), None)
        await self._host.tell(hosted.block, AcknowledgeLeg(tenant, todo.leg, todo.revision))

    async def _ask_desk(self, hosted: HostedBlock, doubt: _Doubt) -> None:
        question = doubt.question
        answer = await self._ask(doubt.desk, question)
        if isinstance(answer, Rejected):
            await self._pause(hosted.block, question.leg)
            return
        self._in_vain_ms.pop((hosted.block, question.leg), None)
        fate = reply_decoder.decode(answer.reply)
        assert isinstance(fate, LegFateReply), "a desk tells a leg its fate"
        if fate.deed is None:
            self._told[hosted.block, question.leg] = doubt.since_ms, fate.ask_at_ms + ASK_TIMEOUT_MS
            return
        self._told.pop((hosted.block, question.leg), None)
        deed = _deed(question.tenant, question.leg, fate.deed, fate.revision, fate.tickets)
        await self._host.tell(hosted.block, deed)

    async def _tell_part(self, hosted: HostedBlock, part: Part, command: FollowEvent) -> None:
        """Have the part be what the event was, and note that it is. What comes meanwhile is told next."""
        followed = await self._ask(BlockId(part.block), command)
        if isinstance(followed, Rejected):
            _log.warning("a part does not follow", block=hosted.block, part=part.block, reason=followed.reason.name)
            await self._pause(hosted.block, part.block)
            return
        self._in_vain_ms.pop((hosted.block, part.block), None)
        await self._host.tell(hosted.block, AcknowledgePart(command.tenant, part.block, command.revision))
        if hosted.state.parts_behind:
            self._host.errands_wanted.set()

    async def _pause(self, block: BlockId, about: _About) -> None:
        """It was in vain, and others may go first."""
        await asyncio.sleep(ROUND_S)
        self._in_vain_ms[block, about] = self._clock.now_ms()

    async def _ask(self, block: BlockId, command: Errand) -> Replied | Rejected:
        not_after_ms = self._clock.now_ms() + ASK_TIMEOUT_MS
        return await self._others.ask(
            block, encoder.encode(command), command.tenant, not_after_ms, Reason.EVENT_NOT_FOUND
        )


def _has_errands(state: BlockState) -> bool:
    return bool(state.desk.todos or state.asking or state.parts_behind)


def _deed(tenant: str, leg: int, deed: Deed, revision: int, tickets: tuple[int, ...]) -> Errand:
    return BookLeg(tenant, leg, revision) if deed is Deed.BOOK else ReleaseLeg(tenant, leg, revision, tickets)
