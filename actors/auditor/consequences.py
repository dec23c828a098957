"""What comes of what was found: a quarantine for what is a danger to who buys next, an alarm that is kept for all else.

What Postgres cannot take now waits, and auditing goes on; what it refuses waits as well, and nothing else behind it.
"""

from collections.abc import Awaitable, Callable, Iterable
from typing import Generic, TypeVar

import structlog

from actors.audit.findings import Finding
from actors.auditor import AUDITOR
from actors.auditor.alarms import NOT_STOPPED, Alarm, as_kept
from actors.auditor.dangers import DANGERS
from actors.auditor.ports import Imposing, Noting
from actors.catalogue.quarantines import Ends, OfNewerCluster
from actors.core.ids import BlockId
from actors.database.line import LineRefused, LineUnavailable
from actors.engine.catalogue_port import CatalogueUnavailable

_log = structlog.get_logger(__name__)

MAX_WAITING = 10_000
NOT_OURS = "not stopped by this auditor, as a newer cluster has claimed it"
REFUSALS_AT_ONCE = 10

K = TypeVar("K")
V = TypeVar("V")


class _Queue(Generic[K, V]):
    """What Postgres is to be told. Whatever it does not take goes to the end, so that it keeps nothing else waiting.

    `is_away`: it could not be reached, and is not asked again in this round. `refused`: what it refuses for good.
    """

    def __init__(self, what: str, tell: Callable[[K, V], Awaitable[None]]) -> None:
        self.waiting: dict[K, V] = {}
        self.is_away = False
        self.refused: set[K] = set()
        self._what = what
        self._tell = tell
        self._told_count = 0  # how many waited when it was said that they cannot be told

    async def carry_out(self) -> list[tuple[K, V]]:
        """Tell what waits, as long as Postgres is there; what it has refused that it had not refused before."""
        refused: list[tuple[K, V]] = []
        refusal_count = 0
        for key, value in list(self.waiting.items()):
            if self.is_away or refusal_count == REFUSALS_AT_ONCE:
                break
            try:
                await self._tell(key, value)
            except (CatalogueUnavailable, LineUnavailable) as fault:
                self.waiting[key] = self.waiting.pop(key)
                if _is_refusal(fault):
                    refusal_count += 1
                    refused += [] if key in self.refused else [(key, value)]
                    self._note_refused(key, value, fault)
                else:
                    self._note_away(fault)
            else:
                del self.waiting[key]
                self.refused.discard(key)
                self._told_count = 0
        return refused

    def _note_refused(self, key: K, value: V, fault: Exception) -> None:
        if key not in self.refused:
            _log.error(f"postgres refuses {self._what}", told=str(value), because=str(fault))
            self.refused.add(key)

    def _note_away(self, fault: Exception) -> None:
        self.is_away = True
        if len(self.waiting) != self._told_count:
            self._told_count = len(self.waiting)
            _log.error(f"postgres cannot be told {self._what} yet", count=self._told_count, because=str(fault))


class Consequences:
    """Quarantines and alarms, those that are there and those that wait."""

    def __init__(self, quarantines: Imposing, alarms: Noting) -> None:
        self.finding_count = self.alarm_count = self.stopped_count = 0
        self._quarantines = quarantines
        self._alarms = alarms
        # Of each block the first finding, and that of its last row.
        self._to_impose: _Queue[str, list[Finding]] = _Queue("a quarantine", self._impose)
        self._to_note: _Queue[tuple[str, bytes], Alarm] = _Queue("an alarm", self._note)
        self._roomless_count = 0

    @property
    def unkept_count(self) -> int:
        """Alarms that are in the log alone: there was no room for them, or Postgres refuses them."""
        return self._roomless_count + len(self._to_note.refused)

    def tell(self, findings: Iterable[Finding]) -> None:
        """See that `carry_out` does what they ask for, and log them."""
        for finding in findings:
            danger = DANGERS[finding.fault]
            self.finding_count += 1
            if danger.stops:
                known = [*self._to_impose.waiting.get(finding.block, ()), finding]
                last = max(known, key=lambda one: one.position)
                self._to_impose.waiting[finding.block] = list(dict.fromkeys((known[0], last)))
            else:
                self.alarm(Alarm(finding.block, finding.position, finding.fault.name, finding.sentence))
            _log.error(
                "the audit has found a fault",
                block=finding.block,
                position=finding.position,
                fault=finding.fault.name,
                finding=finding.sentence,
                quarantines=danger.stops,
                because=danger.because,
            )

    def alarm(self, alarm: Alarm) -> None:
        """Have it kept."""
        self.alarm_count += 1
        if len(self._to_note.waiting) < MAX_WAITING:
            self._to_note.waiting[alarm.block, alarm.mark] = alarm
        else:
            self._no_room(alarm, f"{MAX_WAITING} wait")

    async def ends_of(self, block: str) -> Ends | None:
        """What of the block's quarantines has ended; None while that is not known."""
        if self._to_impose.is_away:
            return None
        try:
            return await self._quarantines.ends_of(BlockId(block))
        except CatalogueUnavailable as fault:
            self._to_impose.is_away = not _is_refusal(fault)
            return None

    async def carry_out(self, *, tries_again: bool = False) -> None:
        """What cannot be done now is done in the next round, which begins with one that `tries_again`."""
        if tries_again:
            self._to_impose.is_away = self._to_note.is_away = False
        for block, findings in await self._to_impose.carry_out():
            sentence = f"Postgres refuses its quarantine, for {_why(findings[0])}"
            self.alarm(Alarm(block, findings[0].position, NOT_STOPPED, sentence, recurs=True))
        await self._to_note.carry_out()

    async def close(self) -> None:
        """End the lines; nothing in flight is waited for."""
        await self._quarantines.close()
        await self._alarms.close()

    async def _impose(self, block: str, findings: list[Finding]) -> None:
        for finding in findings:
            why = _why(finding)
            try:
                is_new = await self._quarantines.impose(BlockId(block), finding.position, why, AUDITOR)
            except OfNewerCluster:
                sentence = f"{finding.sentence}; {NOT_OURS}"
                self.alarm(Alarm(block, finding.position, finding.fault.name, sentence))
                continue
            if is_new:
                _log.error("block is quarantined", block=block, position=finding.position, why=why)
                self.stopped_count += 1

    async def _note(self, _: tuple[str, bytes], alarm: Alarm) -> None:
        if not await self._alarms.note(alarm):
            self._no_room(alarm, "so many are open")

    def _no_room(self, alarm: Alarm, because: str) -> None:
        self._roomless_count += 1
        _log.error("there is no room for an alarm", because=because, alarm=str(alarm))


def _why(finding: Finding) -> str:
    return as_kept(f"{finding.fault}: {finding.sentence}")


def _is_refusal(fault: Exception) -> bool:
    """Whether Postgres was there, and will never take this, be it that the catalogue has said so."""
    return isinstance(fault, LineRefused) or isinstance(fault.__cause__, LineRefused)
