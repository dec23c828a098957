"""What the auditor needs of others: journals to read, quarantines to impose, alarms to keep."""

from collections.abc import Collection, Mapping
from typing import Protocol

from actors.auditor.alarms import Alarm
from actors.auditor.journals import Heads, Page, Span
from actors.catalogue.quarantines import Ends
from actors.core.ids import BlockId


class Reading(Protocol):
    """See `Journals`."""

    async def heads(self, page_start: str | None, page_limit: int, also: Collection[str]) -> Heads: ...

    async def all_heads(self) -> Heads: ...

    async def rows(self, spans: Mapping[str, Span], limit: int) -> dict[str, Page]: ...

    async def close(self) -> None: ...


class Imposing(Protocol):
    """See `Quarantines`; `impose` raises OfNewerCluster."""

    async def impose(self, block: BlockId, position: int, why: str, by: str) -> bool: ...

    async def ends_of(self, block: BlockId) -> Ends: ...

    async def close(self) -> None: ...


class Noting(Protocol):
    """See `Alarms`."""

    async def note(self, alarm: Alarm) -> bool: ...

    async def close(self) -> None: ...
