"""Shows in Redis what a projector has followed, once it is committed. Who misses what gets lost shows it again."""

import re
from collections import OrderedDict
from collections.abc import Sequence

import structlog

from actors.core.ids import BlockId
from actors.projections.live_events import LiveEvents, LiveUnavailable
from actors.projections.projection import Progress
from actors.projections.shown import Change, Shown, seats_of, shown_of

_log = structlog.get_logger(__name__)

MAX_SEATS_CHANGED = 500  # of more, the whole is not much longer
MAX_REMEMBERED_BYTES = 64 * 1024 * 1024

_CHANGED = re.compile(rb"[^\0]")


class LiveWriter:
    """One projector's hand on the live map. For each event it remembers what it showed last, to tell what changed."""

    def __init__(self, live: LiveEvents) -> None:
        self._live = live
        self._last: OrderedDict[BlockId, tuple[int, bytes]] = OrderedDict()
        self._last_bytes = 0
        self._is_away = False

    async def show(self, progress: Sequence[Progress]) -> None:
        """Show these blocks as they are now, those that have an event. Never raises: nothing waits for Redis."""
        events: list[tuple[BlockId, Shown, Change | None]] = []
        seats: dict[BlockId, tuple[int, bytes]] = {}
        for one in progress:
            if one.state.layout is None:
                continue
            try:
                shown, statuses = shown_of(one), bytes(seats_of(one.state))
            except Exception as bug:  # noqa: BLE001 - it must not stop what is kept in Postgres
                _log.error("an event cannot be shown", block=one.block, exc_info=bug)
                continue
            events.append((one.block, shown, self._change(one.block, shown.position, statuses)))
            seats[one.block] = (shown.position, statuses)
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

    def _change(self, block: BlockId, position: int, statuses: bytes) -> Change | None:
        """What changed since it was last shown, if that is known and not too much."""
        before, former = self._last.get(block, (0, b""))
        if before == 0 or before >= position or len(former) != len(statuses):
            return None
        differing = int.from_bytes(former) ^ int.from_bytes(statuses)
        seats = tuple(found.start() for found in _CHANGED.finditer(differing.to_bytes(len(statuses))))
        return Change(before, position, seats) if len(seats) <= MAX_SEATS_CHANGED else None

    def _remember(self, shown: dict[BlockId, tuple[int, bytes]], instead_of: Sequence[BlockId]) -> None:
        for block in instead_of:
            self._drop(block)
        for block, last in shown.items():
            self._last[block] = last
            self._last_bytes += len(last[1])
        while self._last_bytes > MAX_REMEMBERED_BYTES and len(self._last) > 1:
            self._drop(next(iter(self._last)))

    def _drop(self, block: BlockId) -> None:
        self._last_bytes -= len(self._last.pop(block, (0, b""))[1])
