"""The routes under /v1. Each reads what arrived, asks, and renders what came back."""

from collections.abc import Callable
from typing import TypeVar, cast

import msgspec
from litestar import Controller, Response, post
from litestar.params import FromPath

from actors.core.ids import BlockId
from actors.core.outcomes import Reason, Rejected
from actors.core.replies import EventReply, HoldReply, OrderReply
from actors.reservations import Done
from serve.http_api.arrivals import HttpRequest, body_of, envelope_of, is_known, query_of
from serve.http_api.contracts import contract
from serve.http_api.list_views import HoldListView, OrderListView, hold_list_view, order_list_view
from serve.http_api.problems import problem_response
from serve.http_api.reading import get
from serve.http_api.seat_views import LayoutView, StatusesView, layout_headers, layout_view, statuses_view
from serve.http_api.views import (
    AvailabilityView,
    DigestView,
    EventListView,
    EventView,
    HoldView,
    OrderView,
    UnitListView,
    availability_view,
    digest_view,
    event_list_view,
    event_view,
    hold_view,
    order_view,
    unit_list_view,
)
from serve.operations import Operations
from serve.status import ClusterStatus
from serve.validation import (
    MAX_LAYOUT_BODY_BYTES,
    EventPage,
    HoldExtension,
    HoldPage,
    LayoutAsked,
    NewEvent,
    NewHold,
    NewOrder,
    Nothing,
    OrderPage,
    PastAsked,
    SectionAsked,
    StatusesAsked,
)

R = TypeVar("R", EventReply, HoldReply, OrderReply)

HOLD_ENDED = (Reason.HOLD_EXPIRED, Reason.HOLD_RELEASED, Reason.HOLD_CONFIRMED)


class Events(Controller):
    """Events, and what can still be had of them."""

    path = "/v1/events"
    tags = ("events",)

    @post("/", opt=contract(EventView, body=NewEvent))
    async def create_event(self, request: HttpRequest) -> Response[bytes]:
        """Create an event as a draft. Its layout is judged as a whole: a bad one is refused naming every fault."""
        body = await body_of(request, NewEvent, MAX_LAYOUT_BODY_BYTES)
        return _answered(request, await _operations(request).create_event(envelope_of(request), body), event_view)

    @get("/", opt=contract(EventListView, query=EventPage))
    async def list_events(self, request: HttpRequest) -> Response[bytes]:
        """List the tenant's events, newest first, or those of one `status`. May lag by a moment: each event names the
        last moment up to which everything that was acknowledged is certain to be in it; where nothing has changed
        since, that is long ago.
        """
        found = await _operations(request).list_events(envelope_of(request), query_of(request, EventPage))
        return _refused(request, found) if isinstance(found, Rejected) else _shown(event_list_view(*found))

    @get("/{event_id:str}", opt=contract(EventView, Reason.EVENT_NOT_FOUND))
    async def get_event(self, request: HttpRequest, event_id: FromPath[str]) -> Response[bytes]:
        """Read an event. Shows every write that was acknowledged before."""
        return _answered(request, await _operations(request).get_event(envelope_of(request), event_id), event_view)

    @post("/{event_id:str}/open-sale", status_code=200, opt=contract(EventView, Reason.EVENT_NOT_FOUND, body=Nothing))
    async def open_sale(self, request: HttpRequest, event_id: FromPath[str]) -> Response[bytes]:
        """Put an event on sale. Opening an open sale changes nothing."""
        body = await body_of(request, Nothing)
        done = await _operations(request).open_sale(envelope_of(request), event_id, body)
        return _answered(request, done, event_view)

    @get("/{event_id:str}/availability", opt=contract(AvailabilityView, Reason.EVENT_NOT_FOUND, query=PastAsked))
    async def get_availability(self, request: HttpRequest, event_id: FromPath[str]) -> Response[bytes]:
        """Count an event's units by section, area and price category. A moment old: everything that was acknowledged
        before `as_of` is certain to be in it, and `age_ms` says how long ago that was. For a moment after the event was
        created there are no counts yet: UNAVAILABLE, ask again. Operators may ask `at` a past instant or `sequence`.
        """
        asked = query_of(request, PastAsked)
        found = await _operations(request).get_availability(envelope_of(request), event_id, asked)
        return _refused(request, found) if isinstance(found, Rejected) else _shown(availability_view(found))

    @get(
        "/{event_id:str}/units",
        opt=contract(UnitListView, Reason.EVENT_NOT_FOUND, Reason.UNIT_UNKNOWN, query=SectionAsked),
    )
    async def list_units(self, request: HttpRequest, event_id: FromPath[str]) -> Response[bytes]:
        """List the seats of a section with their statuses. A moment old, with `as_of` and `age_ms` as the counts have
        them. For a moment after the event was created there is no list yet: UNAVAILABLE, ask again.
        """
        asked = query_of(request, SectionAsked)
        found = await _operations(request).list_units(envelope_of(request), event_id, asked)
        return _refused(request, found) if isinstance(found, Rejected) else _shown(unit_list_view(event_id, found))

    @get(
        "/{event_id:str}/layout",
        opt=contract(LayoutView, Reason.EVENT_NOT_FOUND, query=LayoutAsked, has_validator=True),
    )
    async def get_layout(self, request: HttpRequest, event_id: FromPath[str]) -> Response[bytes]:
        """The event's layout: sections, rows, seats, areas and prices. It never changes under its version, and has an
        `ETag`: with `If-None-Match` the answer is 304 while it is the same. Who names the `version` may keep it for
        ever. For a moment after the event was created there is no layout yet: UNAVAILABLE, ask again.
        """
        asked = query_of(request, LayoutAsked)
        found = await _operations(request).get_layout(envelope_of(request), event_id, asked)
        if isinstance(found, Rejected):
            return _refused(request, found)
        headers = layout_headers(found, is_pinned=isinstance(asked, LayoutAsked) and asked.version is not None)
        if is_known(request, headers["ETag"]):
            return Response(b"", status_code=304, headers=headers)
        return _shown(layout_view(found), headers)

    @get("/{event_id:str}/statuses", opt=contract(StatusesView, Reason.EVENT_NOT_FOUND, query=StatusesAsked))
    async def get_statuses(self, request: HttpRequest, event_id: FromPath[str]) -> Response[bytes]:
        """The status of every seat, compactly, by its index in the layout; and the places of areas, counted. With
        `since`, the `sequence` of what the caller has, only the seats that may have changed after it, as long as that
        is known; else all of them. A moment old, as the counts are. For a moment after the event was created there are
        no statuses yet: UNAVAILABLE, ask again. Operators may ask `at` a past instant or `sequence`.
        """
        asked = query_of(request, StatusesAsked)
        found = await _operations(request).get_statuses(envelope_of(request), event_id, asked)
        return _refused(request, found) if isinstance(found, Rejected) else _shown(statuses_view(found))

    @post(
        "/{event_id:str}/holds",
        opt=contract(
            HoldView,
            Reason.EVENT_NOT_FOUND,
            Reason.UNIT_UNKNOWN,
            Reason.SALE_NOT_OPEN,
            Reason.SALE_CLOSED,
            Reason.UNITS_SOLD,
            Reason.UNITS_HELD,
            Reason.NOT_ENOUGH_AVAILABLE,
            body=NewHold,
        ),
    )
    async def place_hold(self, request: HttpRequest, event_id: FromPath[str]) -> Response[bytes]:
        """Hold units for a buyer for a limited time: all of them or none. What is acknowledged is durable."""
        body = await body_of(request, NewHold)
        done = await _operations(request).place_hold(envelope_of(request), event_id, body)
        return _answered(request, done, hold_view)

    @get("/{event_id:str}/holds", opt=contract(HoldListView, Reason.EVENT_NOT_FOUND, query=HoldPage))
    async def list_holds(self, request: HttpRequest, event_id: FromPath[str]) -> Response[bytes]:
        """List an event's holds, newest first, or those of one buyer and of one `status`. A moment old, as the counts
        are; a hold whose time is up is ACTIVE here until its end is in the journal. For a moment after the event was
        created there is no list yet: UNAVAILABLE, ask again.
        """
        found = await _operations(request).list_holds(envelope_of(request), event_id, query_of(request, HoldPage))
        return _refused(request, found) if isinstance(found, Rejected) else _shown(hold_list_view(found))

    @get("/{event_id:str}/orders", opt=contract(OrderListView, Reason.EVENT_NOT_FOUND, query=OrderPage))
    async def list_orders(self, request: HttpRequest, event_id: FromPath[str]) -> Response[bytes]:
        """List an event's orders, newest first, or those of one buyer and of one `status`. A moment old, as the counts
        are; an order whose time is up is PENDING here until its end is in the journal. For a moment after the event was
        created there is no list yet: UNAVAILABLE, ask again.
        """
        found = await _operations(request).list_orders(envelope_of(request), event_id, query_of(request, OrderPage))
        return _refused(request, found) if isinstance(found, Rejected) else _shown(order_list_view(found))


class Holds(Controller):
    """Holds: temporary exclusive claims."""

    path = "/v1/holds"
    tags = ("holds",)

    @get("/{hold_id:str}", opt=contract(HoldView, Reason.HOLD_NOT_FOUND))
    async def get_hold(self, request: HttpRequest, hold_id: FromPath[str]) -> Response[bytes]:
        """Read a hold. Shows every write that was acknowledged before."""
        return _answered(request, await _operations(request).get_hold(envelope_of(request), hold_id), hold_view)

    @post(
        "/{hold_id:str}/extend",
        status_code=200,
        opt=contract(HoldView, Reason.HOLD_NOT_FOUND, *HOLD_ENDED, body=HoldExtension),
    )
    async def extend_hold(self, request: HttpRequest, hold_id: FromPath[str]) -> Response[bytes]:
        """Let a hold live until `ttl_seconds` from now, but never past its `max_expires_at` and never shorter than it
        would have lived; 0 releases it.
        """
        body = await body_of(request, HoldExtension)
        done = await _operations(request).extend_hold(envelope_of(request), hold_id, body)
        return _answered(request, done, hold_view)

    @post(
        "/{hold_id:str}/release",
        status_code=200,
        opt=contract(HoldView, Reason.HOLD_NOT_FOUND, *HOLD_ENDED, body=Nothing),
    )
    async def release_hold(self, request: HttpRequest, hold_id: FromPath[str]) -> Response[bytes]:
        """End a hold; its units are available at once."""
        body = await body_of(request, Nothing)
        done = await _operations(request).release_hold(envelope_of(request), hold_id, body)
        return _answered(request, done, hold_view)


class Orders(Controller):
    """Orders: what buyers pay for."""

    path = "/v1/orders"
    tags = ("orders",)

    @post("/", opt=contract(OrderView, Reason.HOLD_NOT_FOUND, *HOLD_ENDED, body=NewOrder))
    async def place_order(self, request: HttpRequest) -> Response[bytes]:
        """Turn an active hold into an order, to be paid before the hold's deadline."""
        body = await body_of(request, NewOrder)
        return _answered(request, await _operations(request).place_order(envelope_of(request), body), order_view)

    @get("/{order_id:str}", opt=contract(OrderView, Reason.ORDER_NOT_FOUND))
    async def get_order(self, request: HttpRequest, order_id: FromPath[str]) -> Response[bytes]:
        """Read an order. Shows every write that was acknowledged before."""
        return _answered(request, await _operations(request).get_order(envelope_of(request), order_id), order_view)

    @post(
        "/{order_id:str}/confirm",
        status_code=200,
        opt=contract(
            OrderView,
            Reason.ORDER_NOT_FOUND,
            Reason.ORDER_EXPIRED,
            Reason.ORDER_CANCELLED,
            Reason.ORDER_CONFIRMED,
            body=Nothing,
        ),
    )
    async def confirm_order(self, request: HttpRequest, order_id: FromPath[str]) -> Response[bytes]:
        """The order is paid: its units are sold and it has tickets."""
        body = await body_of(request, Nothing)
        done = await _operations(request).confirm_order(envelope_of(request), order_id, body)
        return _answered(request, done, order_view)

    @post(
        "/{order_id:str}/cancel",
        status_code=200,
        opt=contract(OrderView, Reason.ORDER_NOT_FOUND, Reason.ORDER_EXPIRED, Reason.ORDER_CANCELLED, body=Nothing),
    )
    async def cancel_order(self, request: HttpRequest, order_id: FromPath[str]) -> Response[bytes]:
        """Cancel a whole order, pending or confirmed; its units are available at once."""
        body = await body_of(request, Nothing)
        done = await _operations(request).cancel_order(envelope_of(request), order_id, body)
        return _answered(request, done, order_view)


class Operators(Controller):
    """For whoever runs or audits the server: with an operator's key."""

    path = "/v1"
    tags = ("operators",)

    @get("/events/{event_id:str}/digest", opt=contract(DigestView, Reason.EVENT_NOT_FOUND, for_operators=True))
    async def get_digest(self, request: HttpRequest, event_id: FromPath[str]) -> Response[bytes]:
        """Digests of all that the event's block knows, for comparison with a fold over its journal. One at a time."""
        done = await _operations(request).get_digest(envelope_of(request), event_id)
        return _refused(request, done) if isinstance(done, Rejected) else _shown(digest_view(done))

    @get("/status", opt=contract(ClusterStatus, for_operators=True))
    async def get_status(self, request: HttpRequest) -> Response[bytes]:
        """The shards that this gateway knows, what went through them, and what is quarantined."""
        status = await _operations(request).get_status(envelope_of(request))
        return _refused(request, status) if isinstance(status, Rejected) else _shown(status)


def _operations(request: HttpRequest) -> Operations:
    return cast(Operations, request.app.state["operations"])


def _answered(
    request: HttpRequest, done: Done[R] | Rejected, view: Callable[[BlockId, R], msgspec.Struct]
) -> Response[bytes]:
    """What a block answered, with the route's status: a creation keeps its 201 when it is replayed."""
    if isinstance(done, Rejected):
        return _refused(request, done)
    return _shown(view(done.block, done.reply), {"Idempotency-Replayed": "true"} if done.replayed else None)


def _shown(view: msgspec.Struct, headers: dict[str, str] | None = None) -> Response[bytes]:
    return Response(msgspec.json.encode(view), media_type="application/json", headers=headers)


def _refused(request: HttpRequest, refusal: Rejected) -> Response[bytes]:
    return problem_response(refusal, request.scope["path"])
