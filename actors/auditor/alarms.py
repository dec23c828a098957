"""Alarms: what the audit found that stops no block, kept in Postgres until an operator has acknowledged it.

They outlive the auditor and Redis. There is room for so many of a kind in a block and for so many in all; those that
were acknowledged first make way, an open one never does. Rows that are gone have room of their own, so that nothing
else crowds them out.
"""

from collections.abc import Collection
from hashlib import blake2b
from pathlib import Path

import msgspec

from actors.audit.findings import Fault
from actors.database.line import Line
from actors.database.queries import load_queries

_SQL = load_queries(Path(__file__).parent / "alarms.sql")
KEPT = _SQL["kept"]
"""The query for the fields of `KeptAlarm`: of open alarms, or all ($1), so many at most ($2)."""
OPEN_COUNTS = _SQL["open_counts"]
"""The query for how many alarms are open, by `what`."""

NOT_CROSSED = "NOT_CROSSED"
"""Blocks were not held against each other for long, or something of this one cannot be."""
NOT_AUDITED = "NOT_AUDITED"
"""A block cannot be audited on from this row, or not with others, so that nothing stops it if it sells wrongly."""
NOT_READ_ON = "NOT_READ_ON"
"""A block that is behind has not had its turn to be audited on for minutes."""
MUCH_SHOWN = "MUCH_SHOWN"
"""What blocks show each other takes much of the auditor's memory, and grows with each basket."""
NOT_STOPPED = "NOT_STOPPED"
"""A block is to be quarantined, and Postgres refuses that for good."""
GONE = frozenset((Fault.JOURNAL_EMPTY.name, Fault.TAIL_MISSING.name))
"""A row that was audited is gone: what was acknowledged may be lost."""
GRAVE = GONE | {NOT_AUDITED, NOT_STOPPED}
"""Somebody may have been told of what is gone, or what sells wrongly may not be stopped."""

MAX_OF_A_KIND = 20  # in a block
MAX_ALARMS = 10_000  # and as many again of rows that are gone
MAX_SENTENCE_LENGTH = 1_000


class Alarm(msgspec.Struct, frozen=True):
    """What an operator is to look at. `position`: of the row where it shows, 0 if in none. `what`: a fault's name.

    `old_chain`: of a row that was audited and is gone, `new_chain`: of the one in its place; empty where there is none.
    `recurs`: seen again it is another case of it, and open again although somebody has acknowledged it.
    """

    block: str
    position: int
    what: str
    sentence: str
    old_chain: bytes = b""
    new_chain: bytes = b""
    recurs: bool = False

    @property
    def mark(self) -> bytes:
        """16 bytes that no other alarm of the block has."""
        told = f"{self.position}|{self.what}|{self.old_chain.hex()}|{self.new_chain.hex()}|{self.sentence}"
        return blake2b(told.encode(errors="backslashreplace"), digest_size=16).digest()


def as_kept(sentence: str) -> str:
    """As Postgres can keep it, which knows no NUL and no half of a character, and no longer than somebody reads."""
    return sentence.encode(errors="backslashreplace").decode().replace("\0", "")[:MAX_SENTENCE_LENGTH]


def alarm_of_gone(block: str, position: int, chain: bytes, there: bytes | None, end: int) -> Alarm:
    """A row that was audited is gone. `there`: the chain of another in its place; `end`: of the journal."""
    if there is not None:
        found = "another stands in its place"
    else:
        found = f"the journal ends at row {end}" if end else "the journal has no row"
    fault = Fault.TAIL_MISSING if end or there is not None else Fault.JOURNAL_EMPTY
    sentence = f"row {position} was audited and is gone: {found}"
    return Alarm(block, position, fault.name, sentence, chain, there or b"", recurs=True)


class KeptAlarm(msgspec.Struct, frozen=True):
    """An alarm as it is kept; times in ms since 1970 by Postgres's clock, 0 and empty while it is not acknowledged."""

    number: int
    block: str
    position: int
    what: str
    sentence: str
    old_chain: bytes
    new_chain: bytes
    first_seen_at_ms: int
    last_seen_at_ms: int
    seen_count: int
    acknowledged_at_ms: int
    acknowledged_by: str
    acknowledged_because: str


class Alarms:
    """The alarms in Postgres, over one line. Every method raises LineUnavailable where that is away."""

    def __init__(self, database_url: str, *, application_name: str = "holdfast-alarms") -> None:
        self._line = Line(database_url, application_name=application_name)

    async def note(self, alarm: Alarm) -> bool:
        """Keep it, or note that it was seen again; False: there is no room, as so many are open."""
        most = MAX_ALARMS * 2 if alarm.what in GONE else MAX_ALARMS
        arguments = (
            alarm.block, alarm.position, alarm.what, as_kept(alarm.sentence), alarm.mark,
            alarm.old_chain, alarm.new_chain, MAX_OF_A_KIND, most, alarm.recurs,
        )  # fmt: skip
        while not await self._line.fetch(_SQL["note"], *arguments):
            if not await self._line.fetch(_SQL["make_room"], alarm.block, alarm.what, most):
                return False
        return True

    async def kept(self, limit: int, *, acknowledged: bool = False) -> list[KeptAlarm]:
        """Those that are open, rows that are gone first; with `acknowledged` all. So many at most."""
        return [KeptAlarm(*row) for row in await self._line.fetch(KEPT, acknowledged, limit)]

    async def open_counts(self) -> dict[str, int]:
        """How many are open, by `what`."""
        return {row["what"]: row["alarm_count"] for row in await self._line.fetch(OPEN_COUNTS)}

    async def acknowledge(self, numbers: Collection[int], up_to: int, by: str, why: str) -> list[int]:
        """Close those of these numbers that are open, and all up to another number; which were closed."""
        rows = await self._line.fetch(_SQL["acknowledge"], list(numbers), up_to, by, why)
        return sorted(row["number"] for row in rows)

    async def close(self) -> None:
        """End the line; nothing in flight is waited for."""
        await self._line.close()
