"""Shows in Redis what a projector has followed, once it is committed. Who misses what gets lost shows it again."""

from collections import OrderedDict
from collections.abc import Sequence

import msgspec
import structlog

from actors.core.ids import BlockId
from actors.projections.live_events import LiveEvents, LiveUnavailable
from actors.projections.projection import Progress
from actors.projections.shown import Change, Shown, change_between, shown_of
from actors.projections.split import sells_units

_log = structlog.get_logger(__name__)

MAX_REMEMBERED_BYTES = 64 * 1024 * 1024


class _Last(msgspec.Struct, frozen=True):
    """What was shown last of an event: statuses by their places in a version of its layout."""

    position: int
    layout_version: int
    statuses: bytes


class LiveWriter:
    """One projector's hand on the live map. For each event it remembers what it showed last, to tell what changed."""

    def __init__(self, live: LiveEvents) -> None:
        self._live = live
        self._last: OrderedDict[BlockId, _Last] = OrderedDict()
        self._last_bytes = 0
        self._is_away = False

    async def show(self, progress: Sequence[Progress]) -> None:
        """Show these blocks as they are now, those that have units to sell. Never raises: nothing waits for Redis."""
        events: list[tuple[BlockId, Shown, Change | None]] = []
        seats: dict[BlockId, _Last] = {}
        for one in progress:
            if not sells_units(one.state):
                continue
            try:
                shown, statuses = shown_of(one.state, one.position, one.as_of_ms)
                last = _Last(shown.position, shown.event.layout_version, bytes(statuses))
            except Exception as bug:  # noqa: BLE001 - it must not stop what is kept in Postgres
                _log.error("an event cannot be shown", block=one.block, exc_info=bug)
                continue
            events.append((one.block, shown, self._change(one.block, last)))
            seats[one.block] = last
        if events:
            self._remember(seats if await self._showed(events) else {}, [block for block, _, _ in events])

    async def close(self) -> None:
        """End the connections."""
        await self._live.close()

    async def _showed(self, events: Sequence[tuple[BlockId, Shown, Change | None]]) -> bool:
        """Whether it went through; said when that changes."""
        try:
            await self._live.show(events)
        except LiveUnavailable as fault:
            if not self._is_away:
                _log.warning("the live map cannot be written", because=str(fault))
            self._is_away = True
            return False
        if self._is_away:
            _log.warning("the live map is written again")
        self._is_away = False
        return True

    def _change(self, block: BlockId, now: _Last) -> Change | None:
        """What changed since it was last shown, if that is known and not too much."""
        before = self._last.get(block)
        if before is None or before.position >= now.position or before.layout_version != now.layout_version:
            return None
        return change_between(before.position, before.statuses, now.position, now.statuses)

    def _remember(self, shown: dict[BlockId, _Last], instead_of: Sequence[BlockId]) -> None:
        for block in instead_of:
            self._drop(block)
        for block, last in shown.items():
            self._last[block] = last
            self._last_bytes += len(last.statuses)
        while self._last_bytes > MAX_REMEMBERED_BYTES and len(self._last) > 1:
            self._drop(next(iter(self._last)))

    def _drop(self, block: BlockId) -> None:
        if block in self._last:
            self._last_bytes -= len(self._last.pop(block).statuses)
