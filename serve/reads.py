"""What is read from the read models: events, counts, seats, layouts. A shard is asked only why something is missing."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from actors.core.ids import BlockId, parse_event_id
from actors.core.outcomes import Details, Reason, Rejected
from actors.core.replies import EventStatus, HoldReply, HoldStatus, OrderReply, OrderStatus
from actors.journal.journal import JournalUnavailable
from actors.projections.answers import (
    Availability,
    EventLayout,
    SeatPlan,
    SeatStatuses,
    UnitStatuses,
    availability_of,
)
from actors.projections.availability_reader import EventSummary
from actors.projections.cursor import InvalidCursor
from actors.projections.fresh import ReadUnavailable
from actors.projections.listing_reader import Listed
from actors.projections.past import ManyJournals, NotThere, PutAway
from actors.projections.read_models import ReadModels
from actors.reservations import Caller, Reservations
from serve.admission import Admission, Authenticate, Envelope, only_operators
from serve.ration import Ration
from serve.read_shapes import EventPage, HoldPage, LayoutAsked, OrderPage, PastAsked, StatusesAsked, UnitsAsked
from serve.refusals import invalid
from serve.validation import Shape
from serve.wakefulness import Wakefulness

PAST_PERIOD_S = 1.0
"""An event as it was, and a layout that it had, are read from its journal, which occupies its gateway: one at a time,
and one a second for each tenant."""

T = TypeVar("T")
R = TypeVar("R", HoldReply, OrderReply)


class Reads(Admission):
    """The reads of `Operations`. What they answer is a moment old and says how old."""

    def __init__(
        self, reservations: Reservations, models: ReadModels, authenticate: Authenticate, wakefulness: Wakefulness
    ) -> None:
        super().__init__(reservations, authenticate, wakefulness)
        self._models = models
        self._pasts = Ration(PAST_PERIOD_S)

    async def list_events(
        self, envelope: Envelope, page: EventPage | Rejected
    ) -> tuple[tuple[EventSummary, ...], str] | Rejected:
        """The tenant's events, and the cursor of the next page."""
        caller = await self._admit_read(envelope, page)
        if isinstance(caller, Rejected):
            return caller
        assert isinstance(page, EventPage)
        try:
            status = EventStatus[page.status] if page.status else None
            return await _unless_away(
                self._models.availability.list_events(caller.tenant, page.cursor, page.limit, status)
            )
        except InvalidCursor as error:
            return invalid(f"cursor: {error}")

    async def get_availability(
        self, envelope: Envelope, event_id: str, asked: PastAsked | Rejected
    ) -> Availability | Rejected:
        """An event's units, counted; as they were, for operators."""
        if isinstance(asked, PastAsked) and asked.at:
            plan = await self._past_plan(envelope, event_id, asked)
            if isinstance(plan, Rejected):
                return plan
            return availability_of(plan.block, plan.shown, self._models.availability.age_ms(plan.shown))
        admitted = await self._admit_read_model(envelope, event_id, asked)
        if isinstance(admitted, Rejected):
            return admitted
        caller, block = admitted
        found = await _unless_away(self._models.availability.availability(caller.tenant, block))
        return await self._missing_read_model(caller, event_id, envelope) if found is None else found

    async def list_units(
        self, envelope: Envelope, event_id: str, asked: UnitsAsked | Rejected
    ) -> UnitStatuses | Rejected:
        """A page of the seats of a section, or slots of a resource, with their statuses."""
        admitted = await self._admit_read_model(envelope, event_id, asked)
        if isinstance(admitted, Rejected):
            return admitted
        caller, block = admitted
        assert isinstance(asked, UnitsAsked)
        reader = self._models.availability
        try:
            found = await _unless_away(
                reader.unit_statuses(caller.tenant, block, asked.asked(), asked.cursor, asked.limit)
            )
        except InvalidCursor as error:
            return invalid(f"cursor: {error}")
        except KeyError:
            return Rejected(Reason.UNIT_UNKNOWN, Details(units=(asked.section or asked.resource,)))
        return await self._missing_read_model(caller, event_id, envelope) if found is None else found

    async def get_layout(
        self, envelope: Envelope, event_id: str, asked: LayoutAsked | Rejected
    ) -> EventLayout | Rejected:
        """An event's layout, of the version that is asked for, if any is. Those before the newest are for operators."""
        admitted = await self._admit_read_model(envelope, event_id, asked)
        if isinstance(admitted, Rejected):
            return admitted
        caller, block = admitted
        assert isinstance(asked, LayoutAsked)
        found = await _unless_away(self._models.availability.layout(caller.tenant, block))
        if found is None:
            return await self._missing_read_model(caller, event_id, envelope)
        if isinstance(found, Rejected) or asked.version in (None, found.version):
            return found
        if asked.version > found.version:
            return invalid(f"version: the newest is {found.version}")
        return await self._old_layout(caller, block, asked.version, envelope.left_ms())

    async def get_statuses(
        self, envelope: Envelope, event_id: str, asked: StatusesAsked | Rejected
    ) -> SeatStatuses | Rejected:
        """The status of each seat and slot of an event, or of those that changed since a position; as it was, for
        operators.
        """
        if isinstance(asked, StatusesAsked) and asked.at:
            plan = await self._past_plan(envelope, event_id, asked)
            return (
                plan
                if isinstance(plan, Rejected)
                else plan.of_event(None, self._models.availability.age_ms(plan.shown))
            )
        admitted = await self._admit_read_model(envelope, event_id, asked)
        if isinstance(admitted, Rejected):
            return admitted
        caller, block = admitted
        assert isinstance(asked, StatusesAsked)
        found = await _unless_away(self._models.availability.seat_statuses(caller.tenant, block, asked.since))
        return await self._missing_read_model(caller, event_id, envelope) if found is None else found

    async def list_holds(
        self, envelope: Envelope, event_id: str, page: HoldPage | Rejected
    ) -> Listed[HoldReply] | Rejected:
        """An event's holds, of one buyer and status if they are given."""
        admitted = await self._admit_read_model(envelope, event_id, page)
        if isinstance(admitted, Rejected):
            return admitted
        caller, block = admitted
        assert isinstance(page, HoldPage)
        status = HoldStatus[page.status] if page.status else None
        asking = self._models.lists.holds(caller.tenant, block, page.buyer_id, status, page.cursor, page.limit)
        return await self._listed(caller, event_id, envelope, asking)

    async def list_orders(
        self, envelope: Envelope, event_id: str, page: OrderPage | Rejected
    ) -> Listed[OrderReply] | Rejected:
        """An event's orders, of one buyer and status if they are given."""
        admitted = await self._admit_read_model(envelope, event_id, page)
        if isinstance(admitted, Rejected):
            return admitted
        caller, block = admitted
        assert isinstance(page, OrderPage)
        status = OrderStatus[page.status] if page.status else None
        asking = self._models.lists.orders(caller.tenant, block, page.buyer_id, status, page.cursor, page.limit)
        return await self._listed(caller, event_id, envelope, asking)

    async def _listed(
        self, caller: Caller, event_id: str, envelope: Envelope, asking: Awaitable[Listed[R] | None]
    ) -> Listed[R] | Rejected:
        try:
            found = await _unless_away(asking)
        except InvalidCursor as error:
            return invalid(f"cursor: {error}")
        return await self._missing_read_model(caller, event_id, envelope) if found is None else found

    async def _past_plan(self, envelope: Envelope, event_id: str, asked: PastAsked) -> SeatPlan | Rejected:
        """An event as it was. One at a time, as a gateway folds it from the journal meanwhile."""
        operator = await self._admit_operator(envelope)
        if isinstance(operator, Rejected):
            return operator
        block, when = parse_event_id(event_id), asked.when()
        assert when is not None
        if block is None:
            return Rejected(Reason.EVENT_NOT_FOUND)
        known = await _unless_away(self._models.availability.availability(operator.tenant, block))
        if not isinstance(known, Availability):
            return known or await self._missing_read_model(operator, event_id, envelope)
        with self._pasts.turn(operator.tenant) as ours:
            if not ours:
                return Rejected(Reason.RATE_LIMITED)
            reading = self._models.past.shown(block, when)
            try:
                shown = await _unless_late(reading, envelope.left_ms())
            except PutAway as away:
                return invalid(f"at: the event's rows before {away.position} are in an archive")
            except NotThere:
                return invalid("at: the event has no such past")
            except ManyJournals:
                return invalid("at: must be an instant, as the event is split and has no sequence of its past")
            return shown if isinstance(shown, Rejected) else SeatPlan(block, shown)

    async def _old_layout(
        self, caller: Caller, block: BlockId, version: int, timeout_ms: int
    ) -> EventLayout | Rejected:
        """A layout that the event has no more, of a version that it had; from the journal, unless it is known."""
        operator = only_operators(caller)
        if isinstance(operator, Rejected):
            return operator
        known = self._models.past.known_layout(block, version)
        if known is not None:
            return known
        with self._pasts.turn(operator.tenant) as ours:
            if not ours:
                return Rejected(Reason.RATE_LIMITED)
            try:
                return await _unless_late(self._models.past.layout(block, version), timeout_ms)
            except PutAway as away:
                return invalid(f"version: the event's rows before {away.position} are in an archive")
            except NotThere:
                return invalid("version: the event has no such layout in its journal")

    async def _admit_read_model(
        self, envelope: Envelope, event_id: str, body: Shape | Rejected | None = None
    ) -> tuple[Caller, BlockId] | Rejected:
        caller = await self._admit_read(envelope, body)
        if isinstance(caller, Rejected):
            return caller
        block = parse_event_id(event_id)
        return Rejected(Reason.EVENT_NOT_FOUND) if block is None else (caller, block)

    async def _missing_read_model(self, caller: Caller, event_id: str, envelope: Envelope) -> Rejected:
        """Why there is no read model: there is no such event, or it was created a moment ago."""
        known = await self._reservations.get_event(caller, event_id, envelope.left_ms())
        return known if isinstance(known, Rejected) else Rejected(Reason.UNAVAILABLE)


async def _unless_late(reading: Awaitable[T], timeout_ms: int) -> T | Rejected:
    """What a journal says, or that it does not within this time, or cannot be reached now."""
    try:
        async with asyncio.timeout(timeout_ms / 1000):
            return await reading
    except TimeoutError:
        return Rejected(Reason.DEADLINE_EXCEEDED)
    except JournalUnavailable:
        return Rejected(Reason.UNAVAILABLE)


async def _unless_away(reading: Awaitable[T]) -> T | Rejected:
    """What a read model says, or that it cannot be reached now."""
    try:
        return await reading
    except ReadUnavailable:
        return Rejected(Reason.UNAVAILABLE)
