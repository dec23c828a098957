"""Quarantined blocks: a shard serves nobody from them, and carries out how that is to end.

What is quarantined stands in the catalogue, and each heartbeat is answered with those of the shard's blocks that are.
A block that is here is let go: what was decided on it becomes durable, nothing more is decided, time brings nothing
about, and no errand of it is done. One that comes in is quarantined as its assignment says, so no restart and no move
lets it sell before the next heartbeat.

The way out is a wish in the catalogue. The shard replays the block from its journal, as it may be memory that was at
fault, claims it, and appends the correcting entry; only when that is durable the quarantine ends in the catalogue, and
the block is served. Who is interrupted goes on at the next heartbeat, or its successor does: the block's state says
which quarantine it has ended. Where the journal does not replay, nothing may be appended behind a row that nobody can
tell the state after: the wish is refused and the quarantine stands, unless the wish has what cannot be applied struck
(`striking`). Then the correcting entry says what, and every replay from there on is without it. What is damaged is
struck by nobody.
"""

import asyncio

import structlog

from actors.core.commands import Correct
from actors.core.corrections import decide_correct
from actors.core.ids import BlockId
from actors.engine.activation import Activator
from actors.engine.catalogue_port import CatalogueUnavailable, Quarantined, ShardCatalogue
from actors.engine.clock import JournalClock
from actors.engine.group_commit import GroupCommit
from actors.engine.hosted import HostedBlock
from actors.engine.replay import RowUnfit
from actors.engine.residence import Residence
from actors.engine.striking import CannotStrike
from actors.journal.journal import JournalRefused, JournalUnavailable
from actors.journal.striking import Struck, by_row

_log = structlog.get_logger(__name__)

NO_STATE = "its journal cannot be gone on with"
"""How it begins why a wish is refused where the journal does not replay: so it would be refused again."""

UNLESS_STRUCK = "unless something is struck"
"""How it goes on where it is no damage: then it may be gone on with."""


class Withholding:
    """What one shard does about quarantines. `may_act`: set when a cluster that only waits no longer does."""

    def __init__(
        self,
        catalogue: ShardCatalogue,
        clock: JournalClock,
        activator: Activator,
        residence: Residence,
        commit: GroupCommit,
        may_act: asyncio.Event,
    ) -> None:
        self._catalogue = catalogue
        self._clock = clock
        self._activator = activator
        self._residence = residence
        self._commit = commit
        self._may_act = may_act
        self._letting_go: dict[BlockId, asyncio.Task[None]] = {}
        self._correcting: dict[BlockId, asyncio.Task[None]] = {}
        self._ended: set[int] = set()  # which a heartbeat that was on its way may still tell of

    def known(self) -> frozenset[BlockId]:
        """Which blocks are withheld now."""
        return frozenset(self._residence.withheld)

    def heed(self, quarantined: tuple[Quarantined, ...], known: frozenset[BlockId]) -> None:
        """These are quarantined, and of those that were `known` when that was asked no others."""
        for tasks in (self._letting_go, self._correcting):
            for block in [block for block, task in tasks.items() if task.done()]:
                tasks.pop(block).result()
        for block in sorted(known - {told.block for told in quarantined}):
            if block not in self._correcting:
                self._residence.admit(block)
        for told in (told for told in quarantined if told.number not in self._ended):
            self._withhold(told.block)
            if told.correct is not None and self._may_act.is_set() and told.block not in self._correcting:
                self._correcting[told.block] = asyncio.create_task(self._correct(told.block, told.correct))

    def _withhold(self, block: BlockId) -> None:
        if block in self._correcting:
            return
        hosted = self._residence.withhold(block)
        if hosted is not None:
            _log.error("quarantined by the catalogue", block=block, position=hosted.position)
            self._letting_go[block] = asyncio.create_task(self._let_go(hosted))

    async def _let_go(self, hosted: HostedBlock) -> None:
        if hosted.claimed:
            await self._commit.collect([hosted]).wait()
        hosted.lost = True

    async def _correct(self, block: BlockId, correct: Correct) -> None:
        if block in self._letting_go:
            await self._letting_go[block]
        try:
            await self._carry_out(block, correct)
        except (CatalogueUnavailable, JournalUnavailable) as fault:
            _log.warning("correction is tried again", block=block, fault=repr(fault))

    async def _carry_out(self, block: BlockId, correct: Correct) -> None:
        try:
            struck = await self._struck(block, correct)
            load = self._activator.load if not struck else lambda block: self._activator.load_without(block, struck)
            hosted = await self._residence.claim_withheld(block, load)
            if hosted is None:
                return  # another's by now, or its journal goes on
            entry = decide_correct(hosted.state, correct, self._clock.sure_ms(), by_row(struck))
            if entry is not None and not isinstance(entry, tuple):
                hosted.apply((entry,))
        except Exception as damage:
            why = _why_refused(damage)
            if not why:
                raise
            _tell(block, damage)
            await self._catalogue.refuse_correction(block, correct, why)
            return
        if isinstance(entry, tuple):
            await self._catalogue.refuse_correction(block, correct, "; ".join(entry))
            return
        if entry is not None:
            cycle = self._commit.collect([hosted])
            await cycle.wait()
            if hosted not in cycle.positions:
                return  # fenced: whoever has it by now finds out
        if struck:
            _log.warning("struck", block=block, by=correct.by, entries=sorted(struck))
        has_ended = await self._catalogue.end_quarantine(block, correct)
        self._ended.add(correct.quarantine)
        _log.warning("quarantine ended", block=block, by=correct.by, position=hosted.position, stays=not has_ended)
        if has_ended:
            self._residence.admit(block, hosted)

    async def _struck(self, block: BlockId, correct: Correct) -> Struck:
        """What is to be struck by the wish so that the journal replays."""
        return await self._activator.to_strike(block, correct.given_up) if correct.strikes else frozenset()


def _tell(block: BlockId, damage: Exception) -> None:
    if isinstance(damage, JournalRefused):
        _log.warning("correction refused by the journal", block=block, because=str(damage))
    else:
        _log.error("correction failed", block=block, exc_info=damage)


def _why_refused(damage: Exception) -> str:
    """Why the wish is refused; empty: it is to be tried again, as it may be carried out yet."""
    if isinstance(damage, CannotStrike):
        return str(damage) if damage.is_of_wish else f"{NO_STATE}: {damage}"
    if isinstance(damage, RowUnfit):
        return f"{NO_STATE}: {UNLESS_STRUCK}, as {damage}"
    may_be_over = isinstance(damage, CatalogueUnavailable | JournalUnavailable)
    if may_be_over and not isinstance(damage, JournalRefused):  # which is of this block alone, and will be so again
        return ""
    return f"{NO_STATE}: {damage!r}"
