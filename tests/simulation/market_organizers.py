"""Organizers of a market: they edit their events under a revision, pause them, go on, and end them."""

import asyncio
from collections.abc import Callable
from typing import Any

from actors.core.outcomes import Rejected
from actors.core.replies import EventReply, EventStatus
from actors.reservations import Done
from tests.event_states import price_of
from tests.simulation.clocks import loop_s
from tests.simulation.market_client import Client, Wanted
from tests.simulation.market_wants import Event
from tests.simulation.organized import EventWish

_S = EventStatus


class Organizer:
    """Of one event, from when it is on sale. `ends_at_s`: when it is closed or cancelled; 0: never."""

    def __init__(self, client: Client, event: Event, ends_at_s: float) -> None:
        self._client = client
        self._random = client.random
        self._event = event
        self._ends_at_s = ends_at_s

    async def organize(self, is_over: Callable[[], bool]) -> None:
        """Until then. What is paused goes on soon."""
        while not is_over():
            await asyncio.sleep(self._random.uniform(2, 9))
            seen = await self._client.read(
                "get_event", lambda gateway, caller, ms: gateway.get_event(caller, self._event.id, ms)
            )
            if isinstance(seen, Rejected):
                continue
            if self._ends_at_s and loop_s() > self._ends_at_s and seen.reply.status is not _S.ARCHIVED:
                await self._end(seen.reply)
            else:
                await self._change(seen.reply)

    async def _change(self, event: EventReply) -> None:
        if event.status is _S.PAUSED:
            await self.open()
            return
        step = self._random.random()
        if step < 0.45:
            await self._edit(event)
        elif step < 0.6:
            await self.become(_S.PAUSED)
            await asyncio.sleep(self._random.uniform(0, 1.5))
            await self.open()
        elif step < 0.75:
            await self.become(self._random.choice((_S.ARCHIVED, _S.DRAFT)))
        elif step < 0.85:
            await self.open()
        elif step < 0.9:
            await self._client.stranger_writes(
                "change_status",
                lambda gateway, request: gateway.change_status(request, self._event.id, EventStatus.CANCELLED),
            )

    async def _end(self, event: EventReply) -> None:
        if event.status in (_S.CLOSED, _S.CANCELLED):
            await (self.open() if self._client.chance(0.3) else self.become(_S.ARCHIVED))
        else:
            await self.become(self._random.choice((_S.CLOSED, _S.CANCELLED)))

    async def _edit(self, event: EventReply) -> None:
        shape, what = self._event.shape, self._random.random()
        changes: dict[str, Any] = {"name": f"name {self._random.randrange(100)}"}
        if what < 0.5:
            changes = {"layout": self._random.choice(shape.layouts)}
        elif what < 0.8:
            changes = {"rules": self._random.choice(shape.rules)}
        elif what < 0.85:
            changes = {"hold_ttl_ms": self._random.choice((1, 30_000))}
        layout = changes.get("layout", shape.layout)
        revision = event.revision - self._client.chance(0.1)
        await self._client.write(
            Wanted(
                "edit_event",
                lambda gateway, request: gateway.edit_event(request, self._event.id, revision, **changes),
                is_nonsense=changes.get("hold_ttl_ms") == 1 or layout.currency != shape.layout.currency,
                event=EventWish(
                    name=changes.get("name", ""), price_minor=price_of(layout) if "layout" in changes else 0
                ),
            )
        )

    async def open(self) -> bool:
        """Put it on sale, or let its sale go on."""
        opened = await self._client.write(
            Wanted(
                "open_sale",
                lambda gateway, request: gateway.open_sale(request, self._event.id),
                changes=False,
                event=EventWish(_S.ON_SALE),
            )
        )
        return isinstance(opened, Done)

    async def become(self, status: EventStatus) -> None:
        """Ask for this status."""
        await self._client.write(
            Wanted(
                "change_status",
                lambda gateway, request: gateway.change_status(request, self._event.id, status),
                changes=False,
                is_nonsense=status is _S.DRAFT,
                event=EventWish(status),
            )
        )
