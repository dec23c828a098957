"""What fails in the audit's own code beside the reading of rows: it becomes an alarm, and all else goes on."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog

from actors.auditor.alarms import NOT_AUDITED, Alarm
from actors.auditor.consequences import Consequences

_log = structlog.get_logger(__name__)

TOLD_EVERY_S = 60.0

SHOWING = "to tell what it shows other blocks"
JUDGING = "to judge what was found in it"
JUDGING_BETWEEN = "to judge what was found between it and others"
COMPARING = "to hold blocks against each other"


class Failures:
    """What fails now, by block and by what is being done; an empty block stands for none alone."""

    def __init__(self, consequences: Consequences, monotonic: Callable[[], float]) -> None:
        self._consequences = consequences
        self._monotonic = monotonic
        self._told_at_s: dict[tuple[str, str], float] = {}
        self._unaudited: dict[str, str] = {}

    @property
    def unaudited(self) -> dict[str, str]:
        """The blocks of which something fails that is theirs alone, and what."""
        return self._unaudited

    @contextmanager
    def kept(self, block: str, what: str, doing: str) -> Iterator[None]:
        """Whatever is raised within becomes an alarm, of the kind `what`: at once, and while it goes on once a minute.

        It is another case of it if what was done had not failed the last time.
        """
        try:
            yield
        except Exception as bug:  # noqa: BLE001 - the audit's own: an auditor that dies of it audits nothing
            self._failed(block, what, doing, bug)
        else:
            self._told_at_s.pop((block, doing), None)
            if what == NOT_AUDITED:
                self._unaudited.pop(block, None)

    def forget(self, block: str) -> None:
        """It is not followed any more."""
        self._unaudited.pop(block, None)
        for key in [key for key in self._told_at_s if key[0] == block]:
            del self._told_at_s[key]

    def _failed(self, block: str, what: str, doing: str, bug: Exception) -> None:
        now, told_at_s = self._monotonic(), self._told_at_s.get((block, doing))
        sentence = f"the audit fails {doing}: {bug!r}"
        if what == NOT_AUDITED:
            self._unaudited[block] = sentence
        if told_at_s is None or now - told_at_s >= TOLD_EVERY_S:
            self._told_at_s[block, doing] = now
            _log.error(f"the audit fails {doing}", block=block, exc_info=bug)
            self._consequences.alarm(Alarm(block, 0, what, sentence, recurs=told_at_s is None))
