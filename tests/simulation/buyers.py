"""Whose the events of a simulation are, and a small event on sale."""

import asyncio

from actors.core.ids import TenantId
from actors.core.layout import Area, Category, Layout, Row, Section
from actors.core.outcomes import Reason, Rejected
from actors.core.replies import OrderReply
from actors.reservations import Caller, Done, Request, Reservations

TENANT = TenantId("arena")
CALLER = Caller(TENANT, "arena")
DEADLINE_MS = 15_000
OPEN_REASONS = (Reason.OUTCOME_UNKNOWN, Reason.UNAVAILABLE, Reason.DEADLINE_EXCEEDED, Reason.OVERLOADED)
LAYOUT = Layout(
    "EUR",
    (Category("gold", 9000), Category("standing", 4000)),
    (Section("A", tuple(Row(str(row), 0, 1, 10) for row in range(1, 5))),),
    (Area("floor", 1, 30),),
)


async def create_event(gateway: Reservations, key: str) -> str:
    """A small event on sale, however many tries it takes."""
    event: Done[OrderReply] | Rejected | object = None
    for attempt in range(100):
        created = await gateway.create_event(Request(CALLER, key, DEADLINE_MS), key, LAYOUT, 60_000)
        if isinstance(created, Done):
            event = f"event_{created.block}"
            opened = await gateway.open_sale(Request(CALLER, f"{key}-open-{attempt}", DEADLINE_MS), event)
            if isinstance(opened, Done):
                return event
        await asyncio.sleep(0.5)
    raise AssertionError(f"no event after 100 tries: {event}")
