"""Errands between blocks: desks see to it that their legs do what was decided, legs in doubt ask their desk, and events
that are split tell their parts what became of them.

Whatever is sent was durable before, and is sent again until it was acknowledged; the commands bear revisions, so a
second time does nothing.
"""

import asyncio
from collections.abc import Coroutine, Iterator
from typing import Any, NamedTuple, Protocol, TypeAlias

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
from actors.engine.agenda import Agenda
from actors.engine.block_host import BlockHost
from actors.engine.clock import JournalClock
from actors.engine.group_commit import GroupCommit
from actors.engine.hosted import HostedBlock
from actors.engine.residence import Residence
from actors.engine.turns import Asked, is_wanted
from actors.engine.ways import About, CameTo, Way
from actors.link.batch import Replied, encoder, reply_decoder

_log = structlog.get_logger(__name__)

ROUND_S = 0.5
ROUND_MS = 500
ASK_TIMEOUT_MS = 5_000
NOTED_WITHIN_S = 5.0
MAX_UNDER_WAY = 512


class _Doubt(NamedTuple):
    """What a leg asks its desk."""

    desk: BlockId
    question: AskAboutLeg

    @property
    def asked(self) -> Asked:
        """As what it asks."""
        return self.question.revision, self.question.is_void


class _News(NamedTuple):
    """What a part is told of its event."""

    part: Part
    told: FollowEvent


_Errand: TypeAlias = Todo | _Doubt | _News

_OF_ALL = (Reason.OVERLOADED, Reason.UNAVAILABLE, Reason.OUTCOME_UNKNOWN, Reason.DEADLINE_EXCEEDED)
"""Why an errand is in vain where any other to that block would be."""


class _InVain(Exception):
    """Whom it asks refuses the errand, or is silent."""

    def __init__(self, asked: str, refusal: Rejected) -> None:
        self.asked = asked
        self.reason = refusal.reason
        self.is_quarantined = refusal.details.quarantined


class OtherBlocks(Protocol):
    """The way to blocks, wherever they are."""

    async def ask(
        self, block: BlockId, command: bytes, tenant: str, not_after_ms: int, unknown_block: Reason
    ) -> Replied | Rejected:
        """The outcome of an encoded command, at the latest at `not_after_ms`."""
        ...


class Errands:
    """Looks twice a second, and at once when a batch has left something to do, at what has its turn.

    An errand comes back with the time before which it is not to be tried again, if there is more of it then; None: it
    is done. What was in vain stands behind the rest, and one of those that ask the same block is tried for all of them.
    """

    def __init__(
        self, host: BlockHost, residence: Residence, commit: GroupCommit, clock: JournalClock, others: OtherBlocks
    ) -> None:
        self._host = host
        self._residence = residence
        self._commit = commit
        self._clock = clock
        self._others = others
        self._agenda = Agenda(residence.blocks)
        self._under_way: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Until cancelled."""
        try:
            while True:
                try:
                    async with asyncio.timeout(ROUND_S):
                        await self._host.errands_wanted.wait()
                except TimeoutError:
                    pass  # a round all the same: for what is due, and for what failed before
                self._host.errands_wanted.clear()
                self._look()
                await self._begin()
        finally:
            for errand in self._under_way:
                errand.cancel()

    def _look(self) -> None:
        """Give what has come up since the last look its turn; of a block that has just come in that is all it has."""
        for hosted in self._residence.stirred:
            for about, at_ms, asked in self._come_up(hosted):
                self._agenda.give(hosted, about, at_ms, asked)
        self._residence.stirred.clear()

    def _come_up(self, hosted: HostedBlock) -> Iterator[tuple[About, int, Asked | None]]:
        """What is new in the block, when its turn is, and as what it is asked."""
        if hosted.quarantined:
            return
        state, known, now_ms = hosted.state, hosted.turns.known, self._clock.now_ms()
        for todo in self._todos(hosted):
            if todo.leg not in known:
                yield todo.leg, now_ms, None
        for leg in self._doubts(hosted):
            asked = _asked(state, leg)
            if leg.number not in known or known[leg.number].asked != asked:
                yield leg.number, leg.ask_at_ms, asked
        for part in state.parts_behind:
            if part.block not in known:
                yield part.block, now_ms, None

    def _todos(self, hosted: HostedBlock) -> list[Todo]:
        """What is demanded since the last look."""
        return hosted.turns.new_deeds(hosted.state)

    def _doubts(self, hosted: HostedBlock) -> list[Leg]:
        """The legs that were given a time to ask since the last look."""
        return hosted.turns.new_doubts(hosted.state)

    async def _begin(self) -> None:
        due = self._agenda.take_due(self._clock.now_ms(), MAX_UNDER_WAY - len(self._under_way))
        if not due:
            return
        # What is said now will be durable when the cycle is done; what comes meanwhile has its own turn.
        errands = [(hosted, about, _errand(hosted, about)) for hosted, about in due]
        cycle = self._commit.collect({hosted for hosted, _ in due})
        await cycle.wait()
        for hosted, about, errand in errands:
            if hosted not in cycle.positions:
                self._agenda.end(hosted.turns.known[about], self._clock.now_ms(), CameTo.NOT_SENT)
                continue
            under_way = asyncio.get_running_loop().create_task(self._run(hosted, about, errand))
            self._under_way.add(under_way)
            under_way.add_done_callback(self._ended)

    async def _run(self, hosted: HostedBlock, about: About, errand: _Errand) -> None:
        """Do it, and give what is left of it another turn."""
        again_at_ms, fault, came_to = None, None, CameTo.ANSWERED
        try:
            again_at_ms = await self._do(hosted, errand)
        except Exception as why:  # noqa: BLE001  a bug is tried again like what is refused
            fault = why
            came_to = CameTo.IN_VAIN if isinstance(why, _InVain) and why.reason in _OF_ALL else CameTo.REFUSED
        turn, now_ms = hosted.turns.known.pop(about), self._clock.now_ms()
        way = self._agenda.end(turn, now_ms, came_to)
        if fault is not None and way is not None:
            _say(fault, way, hosted, about)
        if not is_wanted(hosted.state, about):
            return
        if isinstance(errand, _Doubt) and turn.asked != errand.asked:
            again_at_ms = way = None  # it asks something else now
        self._agenda.give(hosted, about, max(again_at_ms or 0, now_ms), turn.asked, way)

    def _ended(self, errand: asyncio.Task[None]) -> None:
        """There is room for another."""
        self._under_way.discard(errand)
        if self._agenda.is_due(self._clock.now_ms()):
            self._host.errands_wanted.set()

    def _do(self, hosted: HostedBlock, errand: _Errand) -> Coroutine[Any, Any, int | None]:
        match errand:
            case Todo():
                return self._carry_out(hosted, errand)
            case _Doubt():
                return self._ask_desk(hosted, errand)
            case _News():
                return self._tell_part(hosted, errand.part, errand.told)

    async def _carry_out(self, hosted: HostedBlock, todo: Todo) -> int | None:
        """Have it done, and note that it is. Where there is no such event nothing is to be released."""
        tenant = hosted.state.tenant
        done = await self._ask(BlockId(todo.block), _deed(tenant, todo.leg, todo.deed, todo.revision, todo.tickets))
        if isinstance(done, Rejected) and not (todo.deed is Deed.RELEASE and done.reason is Reason.EVENT_NOT_FOUND):
            raise _InVain(todo.block, done)
        return await self._note(hosted, AcknowledgeLeg(tenant, todo.leg, todo.revision))

    async def _ask_desk(self, hosted: HostedBlock, doubt: _Doubt) -> int | None:
        question = doubt.question
        answer = await self._ask(doubt.desk, question)
        if isinstance(answer, Rejected):
            if answer.details.undecided:
                return self._soon()
            raise _InVain(doubt.desk, answer)
        fate = reply_decoder.decode(answer.reply)
        assert isinstance(fate, LegFateReply), "a desk tells a leg its fate"
        if fate.deed is None:
            return max(fate.ask_at_ms + ASK_TIMEOUT_MS, self._soon())  # its hold may be overdue for long
        deed = _deed(question.tenant, question.leg, fate.deed, fate.revision, fate.tickets)
        return await self._note(hosted, deed)

    async def _tell_part(self, hosted: HostedBlock, part: Part, told: FollowEvent) -> int | None:
        """Have the part be what the event was, and note that it is. What comes meanwhile is told next."""
        followed = await self._ask(BlockId(part.block), told)
        if isinstance(followed, Rejected):
            raise _InVain(part.block, followed)
        return await self._note(hosted, AcknowledgePart(told.tenant, part.block, told.revision))

    async def _note(self, hosted: HostedBlock, command: Errand) -> int | None:
        """Have the block itself know what came of it."""
        noted = await self._host.tell(hosted.block, command, NOTED_WITHIN_S)
        return None if isinstance(noted, Replied) else self._soon()

    def _soon(self) -> int:
        """When it may be tried again."""
        return self._clock.now_ms() + ROUND_MS

    async def _ask(self, block: BlockId, command: Errand) -> Replied | Rejected:
        not_after_ms = self._clock.now_ms() + ASK_TIMEOUT_MS
        return await self._others.ask(
            block, encoder.encode(command), command.tenant, not_after_ms, Reason.EVENT_NOT_FOUND
        )


def _say(fault: Exception, way: Way, hosted: HostedBlock, about: About) -> None:
    """Now and then, however many it befalls."""
    if not isinstance(fault, _InVain):
        if way.is_to_be_said("failed"):
            _log.error("an errand failed", block=hosted.block, about=about, exc_info=fault)
    elif fault.reason is Reason.HOLD_NOT_FOUND:
        if way.is_to_be_said("unknown"):
            _log.error("a leg that was pinned is not known", block=fault.asked, desk=hosted.block, leg=about)
    elif way.is_to_be_said("in vain"):
        _log.warning(
            "errands to a block are in vain", block=fault.asked, of=hosted.block, waiting=len(way.waiting) + 1,
            reason=fault.reason.name, quarantined=fault.is_quarantined,
        )  # fmt: skip


def _errand(hosted: HostedBlock, about: About) -> _Errand:
    """What is to be done about it by what the block is now: the oldest deed of a leg, or what it asks."""
    state = hosted.state
    if isinstance(about, str):
        part = next(part for part in state.parts_behind if part.block == about)
        return _News(part, what_to_follow(state, hosted.block, part))
    if about in state.desk.deeds:
        return state.desk.deeds[about][0]
    leg = state.asking[about]
    return _Doubt(BlockId(leg.desk), AskAboutLeg(state.tenant, leg.basket, about, *_asked(state, leg)))


def _asked(state: BlockState, leg: Leg) -> Asked:
    return leg.revision, state.was_cancelled


def _deed(tenant: str, leg: int, deed: Deed, revision: int, tickets: tuple[int, ...]) -> Errand:
    return BookLeg(tenant, leg, revision) if deed is Deed.BOOK else ReleaseLeg(tenant, leg, revision, tickets)
