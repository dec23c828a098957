"""What comes of what was found: a quarantine for what is a danger to who buys next, an alarm that is kept for all else.

What Postgres cannot take now waits, and auditing goes on.
"""

from collections.abc import Iterable

import structlog

from actors.audit.findings import Finding
from actors.auditor import AUDITOR
from actors.auditor.alarms import Alarm
from actors.auditor.dangers import DANGERS
from actors.auditor.ports import Imposing, Noting
from actors.core.ids import BlockId
from actors.database.line import LineUnavailable
from actors.engine.catalogue_port import CatalogueUnavailable

_log = structlog.get_logger(__name__)

MAX_WAITING = 10_000


class Consequences:
    """Quarantines and alarms, those that are there and those that wait.

    `unkept_count`: alarms that were told of in the log alone, as there was no room.
    """

    def __init__(self, quarantines: Imposing, alarms: Noting) -> None:
        self.finding_count = self.alarm_count = self.stopped_count = self.unkept_count = 0
        self._quarantines = quarantines
        self._alarms = alarms
        self._to_impose: dict[str, list[Finding]] = {}  # the first of each block, and that of its last row
        self._to_note: dict[tuple[str, bytes], Alarm] = {}
        self._waiting_told = 0

    def tell(self, findings: Iterable[Finding]) -> None:
        """Log them, and see that `carry_out` does what they ask for."""
        for finding in findings:
            danger = DANGERS[finding.fault]
            _log.error(
                "the audit has found a fault",
                block=finding.block,
                position=finding.position,
                fault=finding.fault.name,
                finding=finding.sentence,
                quarantines=danger.stops,
                because=danger.because,
            )
            self.finding_count += 1
            if danger.stops:
                known = [*self._to_impose.get(finding.block, ()), finding]
                last = max(known, key=lambda one: one.position)
                self._to_impose[finding.block] = list(dict.fromkeys((known[0], last)))
            else:
                self.alarm(Alarm(finding.block, finding.position, finding.fault.name, finding.sentence))

    def alarm(self, alarm: Alarm) -> None:
        """Have it kept."""
        self.alarm_count += 1
        if len(self._to_note) < MAX_WAITING:
            self._to_note[alarm.block, alarm.mark] = alarm
        else:
            self._unkept(alarm, f"{MAX_WAITING} wait")

    async def settled_up_to(self, block: str) -> int | None:
        """Up to which row whoever ended a quarantine of the block has looked at it; None while that is not known."""
        try:
            return await self._quarantines.ended_up_to(BlockId(block))
        except CatalogueUnavailable:
            return None

    async def carry_out(self) -> None:
        """What cannot be done now is done in the next round."""
        await self._impose()
        await self._note()

    async def close(self) -> None:
        """End the lines; nothing in flight is waited for."""
        await self._quarantines.close()
        await self._alarms.close()

    async def _impose(self) -> None:
        for block, findings in list(self._to_impose.items()):
            for finding in findings:
                why = f"{finding.fault}: {finding.sentence}"
                try:
                    is_new = await self._quarantines.impose(BlockId(block), finding.position, why, AUDITOR)
                except CatalogueUnavailable as fault:
                    _log.error("block cannot be quarantined yet", block=block, why=why, because=str(fault))
                    return
                if is_new:
                    _log.error("block is quarantined", block=block, position=finding.position, why=why)
                    self.stopped_count += 1
            del self._to_impose[block]

    async def _note(self) -> None:
        for key, alarm in list(self._to_note.items()):
            try:
                is_kept = await self._alarms.note(alarm)
            except LineUnavailable as fault:
                if len(self._to_note) != self._waiting_told:
                    self._waiting_told = len(self._to_note)
                    _log.error("alarms cannot be kept yet", count=self._waiting_told, because=str(fault))
                return
            del self._to_note[key]
            self._waiting_told = 0
            if not is_kept:
                self._unkept(alarm, "so many are open")

    def _unkept(self, alarm: Alarm, because: str) -> None:
        self.unkept_count += 1
        _log.error("there is no room for an alarm", because=because, alarm=str(alarm))
