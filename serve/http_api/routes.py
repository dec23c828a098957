"""The routes under /v1 of events, holds and operators. Each reads what arrived, asks, and renders what came back."""

from litestar import Controller, Response, patch, post
from litestar.params import FromPath

from actors.core.outcomes import Reason, Rejected
from actors.core.replies import EventStatus
from serve.http_api.answers import answered, event_answered, operations_of, refused, shown
from serve.http_api.arrivals import HttpRequest, body_of, envelope_of, is_known, query_of, revision_of
from serve.http_api.availability_views import AvailabilityView, UnitListView, availability_view, unit_list_view
from serve.http_api.contracts import contract
from serve.http_api.event_views import EventView, LayoutDocumentView, layout_document_view
from serve.http_api.list_views import HoldListView, OrderListView, hold_list_view, order_list_view
from serve.http_api.order_views import HoldView, hold_view
from serve.http_api.reading import get
from serve.http_api.reasons import HOLD_ENDED, WISH_REFUSED
from serve.http_api.seat_views import LayoutView, StatusesView, layout_headers, layout_view, statuses_view
from serve.http_api.views import DigestView, EventListView, digest_view, event_list_view
from serve.read_shapes import EventPage, HoldPage, LayoutAsked, OrderPage, PastAsked, StatusesAsked, UnitsAsked
from serve.sizes import MAX_LAYOUT_BODY_BYTES
from serve.status import ClusterStatus
from serve.validation import EventEdit, HoldExtension, NewEvent, Nothing
from serve.wish_shapes import NewBasket, NewHold


class Events(Controller):
    """Events, and what can still be had of them."""

    path = "/v1/events"
    tags = ("events",)

    @post("/", opt=contract(EventView, Reason.UNIT_UNKNOWN, body=NewEvent))
    async def create_event(self, request: HttpRequest) -> Response[bytes]:
        """Create an event as a draft. Layout and rules are judged as a whole: every fault of bad ones is named."""
        body = await body_of(request, NewEvent, MAX_LAYOUT_BODY_BYTES)
        return event_answered(request, await operations_of(request).create_event(envelope_of(request), body))

    @get("/", opt=contract(EventListView, query=EventPage))
    async def list_events(self, request: HttpRequest) -> Response[bytes]:
        """List the tenant's events, newest first, or those of one `status`. May lag by a moment: each event names the
        last moment up to which everything that was acknowledged is certain to be in it; where nothing has changed
        since, that is long ago.
        """
        found = await operations_of(request).list_events(envelope_of(request), query_of(request, EventPage))
        return refused(request, found) if isinstance(found, Rejected) else shown(event_list_view(*found))

    @get("/{event_id:str}", opt=contract(EventView, Reason.EVENT_NOT_FOUND))
    async def get_event(self, request: HttpRequest, event_id: FromPath[str]) -> Response[bytes]:
        """Read an event. Shows every write that was acknowledged before."""
        return event_answered(request, await operations_of(request).get_event(envelope_of(request), event_id))

    @get("/{event_id:str}/layout-document", opt=contract(LayoutDocumentView, Reason.EVENT_NOT_FOUND))
    async def get_layout_document(self, request: HttpRequest, event_id: FromPath[str]) -> Response[bytes]:
        """The event's layout as a document of the kind in which it was given: what is read here, changed, and given
        back with `PATCH` under the same `ETag` changes just that. Shows every write that was acknowledged before.
        """
        found = await operations_of(request).get_layout_document(envelope_of(request), event_id)
        if isinstance(found, Rejected):
            return refused(request, found)
        return shown(layout_document_view(found), {"ETag": f'"{found.revision}"'})

    @patch(
        "/{event_id:str}",
        opt=contract(
            EventView,
            Reason.EVENT_NOT_FOUND,
            Reason.REVISION_MISMATCH,
            Reason.UNIT_UNKNOWN,
            Reason.UNITS_SOLD,
            Reason.UNITS_HELD,
            body=EventEdit,
            if_match=True,
        ),
    )
    async def edit_event(self, request: HttpRequest, event_id: FromPath[str]) -> Response[bytes]:
        """Change what is given of an event, whole or not at all, if it is still of the revision in `If-Match`, which is
        the ETag under which it was read. Who holds or has bought units keeps them, at the prices they were promised; a
        layout that would take one away is refused. Units are the same if their names are. The currency cannot change.
        """
        body = await body_of(request, EventEdit, MAX_LAYOUT_BODY_BYTES)
        revision = revision_of(request)
        done = await operations_of(request).edit_event(envelope_of(request), event_id, revision, body)
        return event_answered(request, done)

    @post(
        "/{event_id:str}/open-sale",
        status_code=200,
        opt=contract(EventView, Reason.EVENT_NOT_FOUND, Reason.SALE_CLOSED, body=Nothing),
    )
    async def open_sale(self, request: HttpRequest, event_id: FromPath[str]) -> Response[bytes]:
        """Put an event on sale, or resume its sale. Opening an open sale changes nothing."""
        body = await body_of(request, Nothing)
        return event_answered(request, await operations_of(request).open_sale(envelope_of(request), event_id, body))

    @post(
        "/{event_id:str}/pause-sale",
        status_code=200,
        opt=contract(EventView, Reason.EVENT_NOT_FOUND, Reason.SALE_NOT_OPEN, Reason.SALE_CLOSED, body=Nothing),
    )
    async def pause_sale(self, request: HttpRequest, event_id: FromPath[str]) -> Response[bytes]:
        """Pause a sale: nothing new can be held; what is held can be ordered, and what is ordered paid. `open-sale`
        resumes it.
        """
        return await _change_status(request, event_id, EventStatus.PAUSED)

    @post(
        "/{event_id:str}/close-sale",
        status_code=200,
        opt=contract(EventView, Reason.EVENT_NOT_FOUND, Reason.SALE_NOT_OPEN, Reason.SALE_CLOSED, body=Nothing),
    )
    async def close_sale(self, request: HttpRequest, event_id: FromPath[str]) -> Response[bytes]:
        """End a sale for good: nothing new can be held; what is held can be ordered, and what is ordered paid. Nobody
        waits any more.
        """
        return await _change_status(request, event_id, EventStatus.CLOSED)

    @post(
        "/{event_id:str}/cancel",
        status_code=200,
        opt=contract(EventView, Reason.EVENT_NOT_FOUND, Reason.SALE_CLOSED, body=Nothing),
    )
    async def cancel_event(self, request: HttpRequest, event_id: FromPath[str]) -> Response[bytes]:
        """Cancel an event: its holds are released, its orders cancelled, their tickets void."""
        return await _change_status(request, event_id, EventStatus.CANCELLED)

    @post(
        "/{event_id:str}/archive",
        status_code=200,
        opt=contract(EventView, Reason.EVENT_NOT_FOUND, Reason.SALE_NOT_OPEN, Reason.SALE_OPEN, body=Nothing),
    )
    async def archive_event(self, request: HttpRequest, event_id: FromPath[str]) -> Response[bytes]:
        """Put an event away whose sale is closed, or that is cancelled."""
        return await _change_status(request, event_id, EventStatus.ARCHIVED)

    @get("/{event_id:str}/availability", opt=contract(AvailabilityView, Reason.EVENT_NOT_FOUND, query=PastAsked))
    async def get_availability(self, request: HttpRequest, event_id: FromPath[str]) -> Response[bytes]:
        """Count an event's units by section, area, resource and price category. A moment old: everything that was
        acknowledged before `as_of` is certain to be in it, and `age_ms` says how long ago that was. For a moment after
        the event was created there are no counts yet: UNAVAILABLE, ask again. Operators may ask `at` a past instant or
        `sequence`.
        """
        asked = query_of(request, PastAsked)
        found = await operations_of(request).get_availability(envelope_of(request), event_id, asked)
        return refused(request, found) if isinstance(found, Rejected) else shown(availability_view(found))

    @get(
        "/{event_id:str}/units",
        opt=contract(UnitListView, Reason.EVENT_NOT_FOUND, Reason.UNIT_UNKNOWN, query=UnitsAsked),
    )
    async def list_units(self, request: HttpRequest, event_id: FromPath[str]) -> Response[bytes]:
        """List the seats of a `section`, or slots of a `resource`, with their statuses, page by page. A moment old,
        with `as_of` and `age_ms` as the counts have them, each page as of its own moment. A `cursor` is refused once
        the event has another layout: begin anew. For a moment after the event was created there is no list yet:
        UNAVAILABLE, ask again.
        """
        asked = query_of(request, UnitsAsked)
        found = await operations_of(request).list_units(envelope_of(request), event_id, asked)
        return refused(request, found) if isinstance(found, Rejected) else shown(unit_list_view(event_id, found))

    @get(
        "/{event_id:str}/layout",
        opt=contract(LayoutView, Reason.EVENT_NOT_FOUND, query=LayoutAsked, has_validator=True),
    )
    async def get_layout(self, request: HttpRequest, event_id: FromPath[str]) -> Response[bytes]:
        """The event's layout: sections, rows, tables and seats; areas; resources and their calendars; prices, fees and
        tax. It never changes under its version, and has an `ETag`: with `If-None-Match` the answer is 304 while it is
        the same. Who names the `version` may keep it for ever; those before the newest are for operators. For a moment
        after the event was created there is no layout yet: UNAVAILABLE, ask again.
        """
        asked = query_of(request, LayoutAsked)
        found = await operations_of(request).get_layout(envelope_of(request), event_id, asked)
        if isinstance(found, Rejected):
            return refused(request, found)
        headers = layout_headers(found, is_pinned=isinstance(asked, LayoutAsked) and asked.version is not None)
        if is_known(request, headers["ETag"]):
            return Response(b"", status_code=304, headers=headers)
        return shown(layout_view(found), headers)

    @get("/{event_id:str}/statuses", opt=contract(StatusesView, Reason.EVENT_NOT_FOUND, query=StatusesAsked))
    async def get_statuses(self, request: HttpRequest, event_id: FromPath[str]) -> Response[bytes]:
        """The status of every seat and slot, compactly, by its index in the layout; and the places of areas, counted.
        With `since`, the `sequence` of what the caller has, only those that may have changed after it, as long as that
        is known; else all of them. A moment old, as the counts are. For a moment after the event was created there are
        no statuses yet: UNAVAILABLE, ask again. Operators may ask `at` a past instant or `sequence`.
        """
        asked = query_of(request, StatusesAsked)
        found = await operations_of(request).get_statuses(envelope_of(request), event_id, asked)
        return refused(request, found) if isinstance(found, Rejected) else shown(statuses_view(found))

    @post("/{event_id:str}/holds", opt=contract(HoldView, Reason.EVENT_NOT_FOUND, *WISH_REFUSED, body=NewHold))
    async def place_hold(self, request: HttpRequest, event_id: FromPath[str]) -> Response[bytes]:
        """Hold for a buyer, for a limited time, all that is asked for or nothing: units by name, places of areas, the
        best seats, times of resources. The price is frozen. What is acknowledged is durable.
        """
        body = await body_of(request, NewHold)
        done = await operations_of(request).place_hold(envelope_of(request), event_id, body)
        return answered(request, done, hold_view)

    @get("/{event_id:str}/holds", opt=contract(HoldListView, Reason.EVENT_NOT_FOUND, query=HoldPage))
    async def list_holds(self, request: HttpRequest, event_id: FromPath[str]) -> Response[bytes]:
        """List an event's holds, newest first, or those of one buyer and of one `status`. A moment old, as the counts
        are; a hold whose time is up is ACTIVE here until its end is in the journal. For a moment after the event was
        created there is no list yet: UNAVAILABLE, ask again.
        """
        found = await operations_of(request).list_holds(envelope_of(request), event_id, query_of(request, HoldPage))
        return refused(request, found) if isinstance(found, Rejected) else shown(hold_list_view(found))

    @get("/{event_id:str}/orders", opt=contract(OrderListView, Reason.EVENT_NOT_FOUND, query=OrderPage))
    async def list_orders(self, request: HttpRequest, event_id: FromPath[str]) -> Response[bytes]:
        """List an event's orders, newest first, or those of one buyer and of one `status`. A moment old, as the counts
        are; an order whose time is up is PENDING here until its end is in the journal. For a moment after the event was
        created there is no list yet: UNAVAILABLE, ask again.
        """
        found = await operations_of(request).list_orders(envelope_of(request), event_id, query_of(request, OrderPage))
        return refused(request, found) if isinstance(found, Rejected) else shown(order_list_view(found))


class Holds(Controller):
    """Holds: temporary exclusive claims."""

    path = "/v1/holds"
    tags = ("holds",)

    @post("/", opt=contract(HoldView, Reason.EVENT_NOT_FOUND, *WISH_REFUSED, body=NewBasket))
    async def place_basket(self, request: HttpRequest) -> Response[bytes]:
        """Hold units of 1 to 8 events for one buyer: all that is asked for of all of them, or nothing. The hold has one
        id, one price and one deadline; it is extended, released and ordered as a whole, and its order is paid, and
        cancelled, as a whole or by tickets. A refusal names the event that refused in `event_id`. It takes longer than
        a hold of one event, as the events are asked one after the other. When it is released, cancelled or confirmed,
        its events learn of that within a moment.
        """
        body = await body_of(request, NewBasket)
        return answered(request, await operations_of(request).place_basket(envelope_of(request), body), hold_view)

    @get("/{hold_id:str}", opt=contract(HoldView, Reason.HOLD_NOT_FOUND))
    async def get_hold(self, request: HttpRequest, hold_id: FromPath[str]) -> Response[bytes]:
        """Read a hold. Shows every write that was acknowledged before."""
        return answered(request, await operations_of(request).get_hold(envelope_of(request), hold_id), hold_view)

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
        done = await operations_of(request).extend_hold(envelope_of(request), hold_id, body)
        return answered(request, done, hold_view)

    @post(
        "/{hold_id:str}/release",
        status_code=200,
        opt=contract(HoldView, Reason.HOLD_NOT_FOUND, *HOLD_ENDED, body=Nothing),
    )
    async def release_hold(self, request: HttpRequest, hold_id: FromPath[str]) -> Response[bytes]:
        """End a hold; its units are available at once."""
        body = await body_of(request, Nothing)
        done = await operations_of(request).release_hold(envelope_of(request), hold_id, body)
        return answered(request, done, hold_view)


class Operators(Controller):
    """For whoever runs or audits the server: with an operator's key."""

    path = "/v1"
    tags = ("operators",)

    @get("/events/{event_id:str}/digest", opt=contract(DigestView, Reason.EVENT_NOT_FOUND, for_operators=True))
    async def get_digest(self, request: HttpRequest, event_id: FromPath[str]) -> Response[bytes]:
        """Digests of all that the event's block knows, for comparison with a fold over its journal. One at a time."""
        done = await operations_of(request).get_digest(envelope_of(request), event_id)
        return refused(request, done) if isinstance(done, Rejected) else shown(digest_view(done))

    @get("/status", opt=contract(ClusterStatus, for_operators=True))
    async def get_status(self, request: HttpRequest) -> Response[bytes]:
        """The shards that this gateway knows, what went through them, what is quarantined, how far all is audited."""
        status = await operations_of(request).get_status(envelope_of(request))
        return refused(request, status) if isinstance(status, Rejected) else shown(status)


async def _change_status(request: HttpRequest, event_id: str, status: EventStatus) -> Response[bytes]:
    body = await body_of(request, Nothing)
    done = await operations_of(request).change_status(envelope_of(request), event_id, status, body)
    return event_answered(request, done)
