"""Which blocks live in this shard, and how they come in: by request, a few at a time, the wanted ones first.

Where the journal lets a block not in and it is not the block's fault, its place goes to the next at once, and whoever
wants it asks again. One such block is tried again without being asked for, until it is known how it ends: so a shard
that says that nobody comes in does not say so for longer than that is true.
"""

import asyncio
from collections.abc import Callable
from heapq import heappop, heappush
from typing import NamedTuple

import structlog

from actors.core.ids import BlockId
from actors.engine.activation import Activator, Load, Superseded
from actors.engine.block_memory import BlockMemory
from actors.engine.catalogue_port import Assignment, Assignments, CatalogueUnavailable
from actors.engine.ends import Ends
from actors.engine.hosted import HostedBlock
from actors.engine.now_and_then import NowAndThen
from actors.engine.stall import Stall
from actors.engine.standing_refusals import StandingRefusals
from actors.journal.journal import JournalRefused, JournalUnavailable, epoch_of_claim
from actors.journal.succession import JournalDamaged
from actors.link.batch import Failed, Fault

_log = structlog.get_logger(__name__)

CLIENT_PRIORITY = 0
SWEEP_PRIORITY = 1
ACTIVATIONS_AT_ONCE = 4
MAX_ACTIVATIONS_WAITING = 10_000
NOT_TRIED_AGAIN_S = 0.1
COMING_IN_LOOK_S = 0.01
STALLED_TRIED_AGAIN_S = 0.5
OWNER_KNOWN_S = 1.0
SOUNDNESS_KNOWN_S = 10.0
NOTED_EVERY_S = 10.0


class _NoRoom(Exception):
    """So much is in memory that nothing more is loaded."""


class Fence(NamedTuple):
    """Under which epoch a block was lost, and until when (the loop's time) it is believed not to have moved since."""

    epoch: int
    believed_until_s: float


class Residence:
    """The hosted blocks, and the queue of those that are to be loaded or claimed. `incarnation`: our epoch, packed.

    A block that was fenced is never claimed again by this incarnation, unless it was moved away and back again since:
    then its epoch is higher than any under which it was lost.
    """

    def __init__(self, shard: str, incarnation: int, activator: Activator, assignments: Assignments) -> None:
        self._shard = shard
        self._incarnation = incarnation
        self._activator = activator
        self._assignments = assignments
        self.blocks = BlockMemory()
        self.make_room: Callable[[], bool] = lambda: True  # whether another block may be loaded (see `Eviction`)
        self._ends = Ends()
        self.stirred: dict[HostedBlock, None] = {}  # claimed or written to since errands were looked for, in this order
        self.fenced: dict[BlockId, Fence] = {}
        self.to_judge: asyncio.Queue[HostedBlock] = asyncio.Queue()  # claimed and fenced, by whom is to be looked up
        self.expected: set[BlockId] = set()  # on their way here: loaded, and not claimed before they are ours
        self.withheld: set[BlockId] = set()  # quarantined by the catalogue: nobody is served from them
        self._parting: set[BlockId] = set()  # on their way out: nobody is served from them
        self.closed = False  # nobody is served from any block, and none comes in
        self._all_gone = False
        self._unsound: set[BlockId] = set()  # those that did not replay when they were last tried
        self._failed: set[BlockId] = set()  # those that did not come in when they were last tried, and nothing said why
        self._refusals = StandingRefusals()
        self._queue: list[tuple[int, int, BlockId]] = []  # priority, sequence; twice where the priority was raised
        self._queued: dict[BlockId, int] = {}  # those whose turn has not come, with their priority
        self._wanted: dict[BlockId, bool] = {}  # to be claimed (True) or only loaded; until that is done
        self._stall = Stall()
        self._sequence = 0
        self._noting = NowAndThen(NOTED_EVERY_S)
        self._arrived = asyncio.Semaphore(0)

    @property
    def stalled(self) -> bool:
        """By what Postgres itself has last said, no block can be loaded, or none claimed."""
        return self._stall.by is not None

    @property
    def quarantined_count(self) -> int:
        """How many blocks are stopped because their state cannot be trusted."""
        return len(self._unsound | self.withheld) + sum(bool(hosted.quarantined) for hosted in self.blocks.values())

    def find(self, block: BlockId, *, to_write: bool, priority: int = CLIENT_PRIORITY) -> HostedBlock | Failed:
        """The block if it can be served now; else why not, and it is on its way in if it may come."""
        if (shut := self._shut(block)) is not None:
            return shut
        hosted = self._here(block)
        if hosted is not None:
            if hosted.quarantined:
                return Failed(Fault.QUARANTINED, "the block is quarantined")
            if hosted.claimed or (hosted.replicated and not to_write):
                if priority == CLIENT_PRIORITY:
                    self.blocks.use(hosted)
                return hosted
        fence = self.fenced.get(block)
        if to_write and fence is not None and asyncio.get_running_loop().time() < fence.believed_until_s:
            return Failed(Fault.NOT_OWNER)
        refusal = self._refusals.find(block)
        if refusal is not None:
            return refusal
        if not self._request(block, to_write, priority):
            return Failed(Fault.OVERLOADED)
        return Failed(Fault.NOT_READY)

    def is_awaited(self, hosted: HostedBlock) -> bool:
        """Whether it is to be claimed, is on its way here, or what it has to do in other blocks is to be looked for."""
        return hosted.block in self._wanted or hosted.block in self.expected or hosted in self.stirred

    def _shut(self, block: BlockId) -> Failed | None:
        """Why nobody is served from the block, whatever is here of it; None if somebody may be."""
        if self._all_gone:
            return Failed(Fault.NOT_OWNER)
        if block in self.withheld:
            return Failed(Fault.QUARANTINED, "the block is quarantined until an operator has looked at it")
        if self.closed or block in self._parting:
            return Failed(Fault.NOT_READY)
        return None

    def lose(self, hosted: HostedBlock) -> None:
        """Another shard has written to the block."""
        if self.blocks.get(hosted.block) is hosted:
            del self.blocks[hosted.block]
        if hosted.claimed:
            self._fence(hosted.block, hosted.epoch)
            self.to_judge.put_nowait(hosted)
            _log.warning("fenced", block=hosted.block, shard=self._shard, position=hosted.position)

    def evict(self, hosted: HostedBlock) -> None:
        """All of it is durable, nothing is under way in it, and nobody uses it."""
        hosted.lost = True  # whoever has it still decides nothing on it
        del self.blocks[hosted.block]
        self._ends.note(hosted)

    def drop(self, hosted: HostedBlock, why: Exception) -> None:
        """The journal takes no rows of the block: it is to be loaded anew, after a while, from what is there.

        Unless it has been claimed since it was asked for: then that is judged by itself.
        """
        if self.blocks.get(hosted.block) is hosted:
            del self.blocks[hosted.block]
            self._quarantine(hosted.block, why)

    def arrive(self, block: BlockId) -> None:
        """It was on its way here and no longer is: claim it if it is ours, whatever was believed before."""
        self.expected.discard(block)
        self._refusals.forget(block)
        if block in self.fenced:
            self.fenced[block] = self.fenced[block]._replace(believed_until_s=0.0)
        self.find(block, to_write=True, priority=SWEEP_PRIORITY)

    def begin_parting(self, block: BlockId) -> None:
        """Serve nobody from the block any more, whoever asks: it is not ready."""
        self._parting.add(block)

    async def take_out(self, block: BlockId) -> HostedBlock | None:
        """The block, which is no longer here; None if it was not. What was decided on it may still be on its way."""
        while block in self._wanted:  # noqa: ASYNC110  (on its way in: rare, and over within moments)
            await asyncio.sleep(COMING_IN_LOOK_S)
        return self.blocks.pop(block, None)

    def end_parting(self, block: BlockId, owner: str) -> None:
        """It has gone to its new owner; empty: it has not, or nobody knows. Whoever asks then finds out."""
        self._parting.discard(block)
        if owner:
            self._refusals.put(block, Failed(Fault.NOT_OWNER, owner), OWNER_KNOWN_S)

    def withhold(self, block: BlockId) -> HostedBlock | None:
        """Serve nobody from the block until it is admitted. What was here of it may still be on its way."""
        self.withheld.add(block)
        return self.blocks.pop(block, None)

    async def claim_withheld(self, block: BlockId, load: Load) -> HostedBlock | None:
        """The block as it is loaded, and ours, though nobody else is served from it; None if it cannot be ours.

        Raises CatalogueUnavailable, JournalUnavailable, JournalRefused, what `load` does.
        """
        assignment = await self._assigned(block, to_write=True)
        epoch = self._epoch_under(assignment)
        if self.closed or assignment is None or epoch is None or self._was_lost_under(block, epoch):
            return None
        try:
            return await self._claim(await load(block), epoch, assignment)
        except Superseded as superseded:
            self._fence(block, superseded.epoch)
            return None

    def admit(self, block: BlockId, claimed: HostedBlock | None = None) -> None:
        """The quarantine is over. `claimed`: the block, if it is here."""
        self.withheld.discard(block)
        self._refusals.forget(block)
        if claimed is not None and not claimed.lost:
            self._unsound.discard(block)
            self.blocks[block] = claimed
            self.stirred[claimed] = None

    def close(self) -> None:
        """Serve nobody from any block any more: none is ready."""
        self.closed = True

    def let_all_go(self) -> None:
        """What was decided on them is durable: whoever asks for a block from now on is to look anew who has it."""
        self.blocks.clear()
        self._all_gone = True

    async def run(self) -> None:
        """Activate what is asked for, for ever."""
        async with asyncio.TaskGroup() as group:
            for _ in range(ACTIVATIONS_AT_ONCE):
                group.create_task(self._activate_in_turn())
            group.create_task(self._try_stalled_again())

    def _request(self, block: BlockId, to_write: bool, priority: int) -> bool:
        if block in self._wanted:
            self._wanted[block] |= to_write
            if priority < self._queued.get(block, priority):
                self._enqueue(block, priority)
            return True
        room = MAX_ACTIVATIONS_WAITING if priority == CLIENT_PRIORITY else MAX_ACTIVATIONS_WAITING // 2
        if len(self._wanted) >= room or not self._has_room(block):
            return False
        self._wanted[block] = to_write
        self._enqueue(block, priority)
        return True

    def _enqueue(self, block: BlockId, priority: int) -> None:
        self._sequence += 1
        self._queued[block] = priority
        heappush(self._queue, (priority, self._sequence, block))
        self._arrived.release()

    async def _activate_in_turn(self) -> None:
        while True:
            await self._arrived.acquire()
            _, _, block = heappop(self._queue)
            if self._queued.pop(block, None) is None or self.closed:
                continue  # its turn came before, by a higher priority; or it is too late for one
            try:
                await self._activate(block)
            finally:
                self._wanted.pop(block, None)

    def _here(self, block: BlockId) -> HostedBlock | None:
        hosted = self.blocks.get(block)
        return None if hosted is None or hosted.lost else hosted

    async def _activate(self, block: BlockId) -> None:
        try:
            await self._bring_in(block)
        except Superseded as superseded:
            self._fence(block, superseded.epoch)
        except _NoRoom:
            return self._refusals.put(block, Failed(Fault.OVERLOADED), NOT_TRIED_AGAIN_S)
        except JournalRefused as refusal:
            self._quarantine(block, refusal)
        except (JournalUnavailable, CatalogueUnavailable) as fault:
            return self._put_off(block, fault)
        except JournalDamaged as damage:
            self._quarantine(block, damage)
        except Exception as bug:  # noqa: BLE001  it may pass; if not, it stops this block, not the shard
            if block not in self._failed:
                return self._fail(block, bug)
            self._quarantine(block, bug)
        else:
            self._unsound.discard(block)
            self._failed.discard(block)
        if block in self.withheld:
            self._forget_withheld(block)
        return self._stall.end(block, self._here(block), to_write=self._wanted[block])

    def _forget_withheld(self, block: BlockId) -> None:
        """It came in as it was quarantined: nobody has been served from it yet."""
        came_in = self.blocks.pop(block, None)
        if came_in is not None:
            came_in.lost = True

    async def _bring_in(self, block: BlockId) -> None:
        to_write = self._wanted[block]
        assignment = await self._assigned(block, to_write=to_write)
        epoch = self._epoch_under(assignment)
        if assignment is not None and assignment.is_quarantined and (epoch is not None or block in self.expected):
            self.withheld.add(block)
            return
        if assignment is None or epoch is None:
            if block not in self.expected or self._wanted[block]:
                self._refuse_as_anothers(block, assignment)
                return
        elif self._wanted[block] and self._was_lost_under(block, epoch):
            self._fence(block, epoch)
            return
        for _ in range(2):  # what was loaded before may be of no use any more
            hosted = self._here(block) or await self._load(block)
            self.blocks[block] = hosted
            if hosted.claimed:
                return
            if assignment is None or epoch is None or not (to_write and self._wanted[block]):
                await self._activator.until_replicated(hosted)
                return  # wanted to write only since we looked: whoever wants that asks again
            claimed = await self._claim(hosted, epoch, assignment)
            if claimed is not None:
                self.blocks[block] = claimed
                self.stirred[claimed] = None
                return
            if self._was_lost_under(block, epoch):
                return
        raise JournalUnavailable("it goes on faster than it is followed; what is damaged cannot be loaded")

    async def _claim(self, loaded: HostedBlock, epoch: int, assignment: Assignment) -> HostedBlock | None:
        """As `Activator.claim`; None also where a failover has lost rows since it was let go.

        Then it is fenced, as if it had stayed.
        """
        if self._ends.is_behind(loaded, epoch):
            lost = loaded.handed_over()
            lost.epoch, lost.claimed = epoch, True
            self.lose(lost)
            return None
        claimed = await self._activator.claim(loaded, epoch, assignment)
        if claimed is not None:
            self._ends.forget(loaded.block)
        return claimed

    async def _load(self, block: BlockId) -> HostedBlock:
        if not self._has_room(block):
            raise _NoRoom
        return await self._activator.load(block)

    def _has_room(self, block: BlockId) -> bool:
        """Whether it may be loaded, if it is to be: the one that shows whether any comes in at all may always."""
        return self._stall.is_of(block) or self._here(block) is not None or self.make_room()

    async def _assigned(self, block: BlockId, *, to_write: bool) -> Assignment | None:
        assignment = await self._assignments.assignment(block)
        generation = self._incarnation >> 40
        if assignment is None or assignment.shard != self._shard or not to_write:
            return assignment
        if assignment.claiming_generation >= generation:
            return assignment
        return await self._assignments.claim(block, self._shard, generation)

    def _refuse_as_anothers(self, block: BlockId, assignment: Assignment | None) -> None:
        """It is not ours, or is that of our namesake in a newer cluster; what was only loaded of it goes."""
        owner = assignment.shard if assignment is not None and assignment.shard != self._shard else ""
        self._refusals.put(block, Failed(Fault.NOT_OWNER, owner), OWNER_KNOWN_S)
        loaded = self.blocks.get(block)
        if loaded is not None and not loaded.claimed:
            del self.blocks[block]

    def _epoch_under(self, assignment: Assignment | None) -> int | None:
        """Under which this incarnation claims a block; None if the block is not ours."""
        if assignment is None or assignment.shard != self._shard:
            return None
        return epoch_of_claim(self._incarnation, assignment.epoch)

    def _was_lost_under(self, block: BlockId, epoch: int) -> bool:
        return block in self.fenced and epoch <= self.fenced[block].epoch

    def _fence(self, block: BlockId, epoch: int) -> None:
        """Lost under this epoch, or found to be lost; an epoch that is not known to be higher does not get it back."""
        known = self.fenced.get(block)
        lost_under = epoch if known is None else max(epoch, known.epoch)
        self.fenced[block] = Fence(lost_under, asyncio.get_running_loop().time() + OWNER_KNOWN_S)

    def _fail(self, block: BlockId, bug: Exception) -> None:
        """It may be of the moment: who asks again soon has it tried again."""
        _log.error("block does not come in, and nothing says why", block=block, shard=self._shard, exc_info=bug)
        self._failed.add(block)
        self._refusals.put(block, Failed(Fault.NOT_READY), NOT_TRIED_AGAIN_S)

    def _put_off(self, block: BlockId, fault: JournalUnavailable | CatalogueUnavailable) -> None:
        """Others have its turn."""
        if self._noting.is_due():
            _log.warning("block does not come in", block=block, shard=self._shard, fault=repr(fault))
        self._refusals.put(block, Failed(Fault.NOT_READY), NOT_TRIED_AGAIN_S)
        self._stall.begin(block, fault, to_write=self._wanted[block])

    async def _try_stalled_again(self) -> None:
        while True:
            await asyncio.sleep(STALLED_TRIED_AGAIN_S)
            if self._stall.by is not None:
                self._request(*self._stall.by, CLIENT_PRIORITY)

    def _quarantine(self, block: BlockId, why: Exception) -> None:
        _log.error("quarantined", block=block, shard=self._shard, why=repr(why), exc_info=why)
        self._unsound.add(block)
        refusal = Failed(Fault.QUARANTINED, "the block cannot be loaded or written to")
        self._refusals.put(block, refusal, SOUNDNESS_KNOWN_S)
