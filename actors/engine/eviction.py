"""What a shard's blocks may weigh together, and which are let go when it is too much: the idle ones, the least recently
used first, and of these the ones that were only loaded to answer reads.

A block is let go only when all that was decided on it is durable and nothing else is under way in it. So what is let go
is what its journal has, and it comes in again as any block does, by request or because something in it falls due: this
incarnation claims it again under the same epoch, unless another has written to it meanwhile, as a claim finds out, or a
failover has lost rows of it (see `Ends`). What was fenced is no longer here; that it was, `Residence` remembers apart.

Where nothing is idle, nothing more is loaded. Blocks that come in at once, and what grows between two looks, are beyond
the bound; one that weighs more than all may is loaded alone.
"""

import asyncio
from enum import Enum

import structlog

from actors.core import block as core
from actors.core.waiting import is_restless
from actors.engine.clock import JournalClock
from actors.engine.group_commit import GroupCommit
from actors.engine.hosted import HostedBlock
from actors.engine.now_and_then import NowAndThen
from actors.engine.residence import Residence

_log = structlog.get_logger(__name__)

MAX_BYTES = 2 << 30  # by estimate, see `weights`; what all holds of a tenant may weigh, and a sixth more
IDLE_S = 2.0  # unused for so long; above nothing, so that no batch loses what it has found
DUE_SOON_MS = 10_000  # by then a projector has told the catalogue of the deadline, by which the block comes in again
ANSWERED_MS = 1_000  # an errand, if whom it asks is there; else the asked block may have to come in, and need the room
LOOKS_AT_ONCE = 100
LOOKED_EVERY_S = 1.0
LOOKS_PER_WHOLE_ONE = 30
BLOCKS_AT_ONCE = 1_000
NOTED_EVERY_S = 10.0


class _Use(Enum):
    """Whether a block has anything to do."""

    NONE = 0
    SOON = 1
    NOW = 2


class Eviction:
    """Keeps the blocks of one shard within its bound. `count`: how many were let go."""

    def __init__(self, residence: Residence, commit: GroupCommit, clock: JournalClock) -> None:
        self._residence = residence
        self._commit = commit
        self._clock = clock
        self._noting = NowAndThen(NOTED_EVERY_S)
        self.count = 0

    def make_room(self) -> bool:
        """Let idle blocks go until another may be loaded; whether it may. A bounded number of looks."""
        if self._residence.blocks.weight < MAX_BYTES:
            return True
        self._let_go(but=0)
        has_room = self._residence.blocks.weight < MAX_BYTES
        if not has_room:
            self._note()
        return has_room

    async def run(self) -> None:
        """See, for ever, what the blocks weigh by now, and let go what is too much.

        A block that is alone makes no room for another before another comes.
        """
        while True:
            for look in range(LOOKS_PER_WHOLE_ONE):
                looked_s = asyncio.get_running_loop().time()
                await asyncio.sleep(LOOKED_EVERY_S)
                await self._weigh(None if look == 0 else looked_s)
                await self._let_all_go()

    async def _let_all_go(self) -> None:
        may_be_more = True
        while may_be_more:
            may_be_more = self._let_go(but=1)
            await asyncio.sleep(0)  # buyers have their turn

    async def _weigh(self, used_since_s: float | None) -> None:
        """What was used since then: else hardly anything grows. None: all."""
        blocks = self._residence.blocks
        to_weigh = blocks.one_by_one() if used_since_s is None else blocks.used_since(used_since_s)
        for number, hosted in enumerate(to_weigh, 1):
            blocks.weigh_anew(hosted)
            if number % BLOCKS_AT_ONCE == 0:
                await asyncio.sleep(0)

    def _let_go(self, *, but: int) -> bool:
        """What is idle and too much, as far as a few looks go, but so many blocks; whether there may be more of it.

        What is looked at in vain is in use: it stands behind the others. What has something to do soon goes only where
        nothing else of those that are looked at does, and comes in again. If it stayed, and for that another block had
        to be loaded, neither would ever be done.
        """
        blocks, looks = self._residence.blocks, LOOKS_AT_ONCE
        now_s = asyncio.get_running_loop().time()
        busy: list[HostedBlock] = []
        for order in (blocks.to_read, blocks.to_write):
            while order and looks and self._is_too_much(but):
                hosted = next(iter(order.values()))
                if now_s - hosted.used_s < IDLE_S:
                    break
                looks -= 1
                match self._judged(hosted):
                    case _Use.NONE:
                        self._evict(hosted)
                        continue
                    case _Use.SOON:
                        busy.append(hosted)
                blocks.use(hosted)
        for hosted in busy:
            if self._is_too_much(but):
                self._evict(hosted)
        return not looks and self._is_too_much(but)

    def _is_too_much(self, but: int) -> bool:
        blocks = self._residence.blocks
        return blocks.weight >= MAX_BYTES and len(blocks) > but

    def _evict(self, hosted: HostedBlock) -> None:
        self._residence.evict(hosted)
        self.count += 1

    def _judged(self, hosted: HostedBlock) -> _Use:
        try:
            if not self._is_idle(hosted):
                return _Use.NOW
            return _Use.SOON if self._is_busy_soon(hosted) else _Use.NONE
        except Exception as bug:  # noqa: BLE001 - whoever serves it quarantines it; the others go on
            _log.error("it cannot be told whether a block is idle", block=hosted.block, exc_info=bug)
            return _Use.NOW

    def _is_idle(self, hosted: HostedBlock) -> bool:
        """Nothing of it is on its way, and nothing in it waits for a turn that no deadline tells of.

        What cannot be trusted stays: else it would be served when it came in again.
        """
        if hosted.pending or hosted.quarantined or self._commit.has(hosted) or self._residence.is_awaited(hosted):
            return False
        if not hosted.claimed:
            return True
        now_ms = self._clock.now_ms()
        return not (hosted.turns.is_one_under_way(now_ms - ANSWERED_MS) or is_restless(hosted.state, now_ms))

    def _is_busy_soon(self, hosted: HostedBlock) -> bool:
        """Something in it falls due, or an errand of it has not been answered for long."""
        if hosted.turns.is_one_under_way():
            return True
        due_ms = core.next_deadline_ms(hosted.state) if hosted.claimed else None
        return due_ms is not None and due_ms < self._clock.now_ms() + DUE_SOON_MS

    def _note(self) -> None:
        """Say now and then that blocks are not loaded."""
        if self._noting.is_due():
            blocks = self._residence.blocks
            _log.warning("no room for more blocks", block_count=len(blocks), weight=blocks.weight, most=MAX_BYTES)
