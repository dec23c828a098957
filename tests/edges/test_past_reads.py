"""An event as it was, over both protocols: for operators, of their own tenant's events, one question at a time."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta, timezone
from types import MethodType
from typing import Any, NamedTuple

import httpx
import msgspec
import pytest

from actors.core.commands import EditEvent
from actors.core.entries import EventEdited
from actors.core.ids import event_id
from actors.core.outcomes import Rejected
from actors.journal.journal import JournalRow
from actors.journal.postgres import PostgresJournal
from actors.projections import fresh, past
from actors.projections.past import Instant, Past
from serve import admission, reads
from serve.ration import Ration
from serve.read_shapes import PastAsked
from serve.validation import read_fields
from serve.wire_time import rfc3339
from tests.edges.asking import Ask, ask_grpc, ask_http
from tests.edges.both import thing
from tests.edges.edge_stack import Edges, operator_of
from tests.edges.refusal_house import NOWHERE_EVENT
from tests.projections.selling import LAYOUT, SellingEvent, World, follow_all, selling

pytestmark = pytest.mark.anyio

OPERATOR = operator_of("alpha")
_TURN = Ration.turn


@pytest.fixture
async def world(edges: Edges, database_url: str) -> AsyncIterator[World]:
    async with selling(database_url) as world:
        yield world
        await world.connection.execute("drop table feed")


@pytest.fixture
async def gala(world: World, monkeypatch: pytest.MonkeyPatch) -> SellingEvent:
    """An event with a hold in row 3, an hour later another in row 4, and no ration."""
    monkeypatch.setattr(Ration, "turn", Ration(0.0).turn)
    event = await world.event("alpha", "Gala")
    await event.sell(event.hold("Hall/A/1"))
    event.now_ms += 3_600_000
    await event.sell(event.hold("Hall/A/2", places=5))
    await follow_all(world.projector())
    return event


async def test_the_past_is_shown_alike(edges: Edges, gala: SellingEvent) -> None:
    later_ms = gala.rows[3].recorded_at_ms
    for at, position, as_of_ms in (
        ("3", 3, gala.rows[2].recorded_at_ms),
        ("4", 4, later_ms),
        (rfc3339(later_ms - 1), 3, later_ms - 1),
        (rfc3339(later_ms), 4, later_ms),
    ):
        for operation in ("get_availability", "get_statuses"):
            ask = Ask(operation, {"at": at}, event_id=event_id(gala.block), tenant=OPERATOR)
            over_http, over_grpc = (await ask_http(edges, ask)).reply, (await ask_grpc(edges, ask)).reply
            assert over_http["sequence"] == over_grpc.sequence == position
            assert over_http["as_of"] == rfc3339(as_of_ms)
            assert over_grpc.as_of.ToMilliseconds() == as_of_ms
            assert over_http["age_ms"] > 3_600_000
            floor = {3: 0, 4: 5}[position]
            assert over_http["areas"][0]["counts"]["held"] == over_grpc.areas[0].counts.held == floor


async def test_it_is_for_operators_of_the_tenant(edges: Edges, gala: SellingEvent) -> None:
    for asking in (ask_http, ask_grpc):
        for operation in ("get_availability", "get_statuses"):
            for whose, event, code in (
                (None, event_id(gala.block), "UNAUTHENTICATED"),
                ("alpha", event_id(gala.block), "PERMISSION_DENIED"),
                (operator_of("beta"), event_id(gala.block), "EVENT_NOT_FOUND"),
                (OPERATOR, NOWHERE_EVENT, "EVENT_NOT_FOUND"),
                (OPERATOR, "event_x", "EVENT_NOT_FOUND"),
            ):
                refused = await asking(edges, Ask(operation, {"at": "3"}, event_id=event, tenant=whose))
                assert refused.code == code, (operation, whose)


async def test_the_check_notices_when_everybody_is_let_in(
    edges: Edges, gala: SellingEvent, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control."""
    monkeypatch.setattr(admission, "Operator", object)
    with pytest.raises(AssertionError):
        await test_it_is_for_operators_of_the_tenant(edges, gala)


async def test_what_is_no_past_is_told(edges: Edges, gala: SellingEvent) -> None:
    for body, field, problem in (
        ({"at": "900"}, "at", "the event has no such past"),
        ({"at": "1"}, "at", "the event has no such past"),
        ({"at": "2999-01-01T00:00:00Z"}, "at", "the event has no such past"),
        ({"at": "yesterday"}, "at", "must be a sequence, or an instant as RFC 3339 writes it, with its zone"),
        ({"at": "3", "since": 2}, "since", "cannot be asked together with at"),
    ):
        for asking in (ask_http, ask_grpc):
            refused = await asking(edges, Ask("get_statuses", body, event_id=event_id(gala.block), tenant=OPERATOR))
            assert (refused.code, refused.fields) == ("INVALID_ARGUMENT", ((field, problem),))


async def check_one_a_second(edges: Edges, event: SellingEvent) -> None:
    """A tenant's second question is turned away with a hint; another tenant's is not its business."""
    ask = Ask("get_statuses", {"at": "3"}, event_id=event_id(event.block), tenant=OPERATOR)
    codes = [(await asking(edges, ask)).code for asking in (ask_http, ask_grpc, ask_http)]
    assert codes == ["", "RATE_LIMITED", "RATE_LIMITED"]


async def test_the_past_is_rationed(edges: Edges, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    event = await rationed(world, monkeypatch, 1e6)
    await check_one_a_second(edges, event)


async def test_the_check_notices_a_past_for_everybody_at_any_time(
    edges: Edges, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control."""
    event = await rationed(world, monkeypatch, 0.0)
    with pytest.raises(AssertionError):
        await check_one_a_second(edges, event)


async def rationed(world: World, patch: pytest.MonkeyPatch, period_s: float) -> SellingEvent:
    """An event, and a ration of this period."""
    patch.setattr(Ration, "turn", Ration(period_s).turn)
    event = await world.event("alpha")
    await event.sell(event.hold("Hall/A/1"))
    await follow_all(world.projector())
    return event


class Edited(NamedTuple):
    """An event whose layout has changed twice since row 3; and over either protocol, what its first version was."""

    event: SellingEvent
    first: dict[Any, Any]
    etag: str

    @property
    def id(self) -> str:
        return event_id(self.event.block)


@pytest.fixture
async def edited(edges: Edges, world: World, monkeypatch: pytest.MonkeyPatch) -> Edited:
    monkeypatch.setattr(fresh, "FRESH_S", -1.0)
    monkeypatch.setattr(Ration, "turn", Ration(0.0).turn)
    event, projector = await world.event("alpha", "Gala"), world.projector()
    await event.sell(event.hold("Hall/A/2"))
    await follow_all(projector)
    ask = Ask("get_layout", event_id=event_id(event.block))
    first = {asking: thing(await asking(edges, ask), "") for asking in (ask_http, ask_grpc)}
    etag = (await layout_over_http(edges, event, "")).headers["etag"]
    for sections in (LAYOUT.sections[::-1], LAYOUT.sections[:1]):
        edit = EditEvent(event.stamp(), event.state.revision, layout=msgspec.structs.replace(LAYOUT, sections=sections))
        assert await event.sell(edit) == 1
        await follow_all(projector)
    return Edited(event, first, etag)


async def layout_over_http(edges: Edges, event: SellingEvent, query: str, **headers: str) -> httpx.Response:
    url = f"/v1/events/{event_id(event.block)}/layout{query}"
    return await edges.http.get(url, headers={"Authorization": edges.bearer(OPERATOR)} | headers)


async def check_old_layouts(edges: Edges, edited: Edited) -> None:
    """The layout of the statuses of then can be read, over both protocols, and is what it was; so can the others."""
    for asking, first in edited.first.items():
        ask = Ask("get_statuses", {"at": "3"}, event_id=edited.id, tenant=OPERATOR)
        then = (await asking(edges, ask)).reply
        version = then["layout_version"] if asking is ask_http else then.layout_version
        shown = {
            number: thing(
                await asking(edges, Ask("get_layout", {"version": number}, event_id=edited.id, tenant=OPERATOR)), ""
            )
            for number in (version, 2, 3)
        }
        assert version == 1
        assert shown[1] == first, "it is not what it was"
        names = [[section["section"] for section in shown[number]["sections"]] for number in shown]
        assert names == [["Hall", "Balcony"], ["Balcony", "Hall"], ["Hall"]]
        assert [shown[number]["layout_version"] for number in shown] == [1, 2, 3]
        newest = thing(await asking(edges, Ask("get_layout", event_id=edited.id)), "")
        assert newest == shown[3]


async def test_a_layout_that_an_event_had_can_be_read(edges: Edges, edited: Edited) -> None:
    await check_old_layouts(edges, edited)


async def test_it_is_read_from_the_journal_where_nothing_of_then_was_shown(edges: Edges, edited: Edited) -> None:
    for asking in (ask_http, ask_grpc):
        ask = Ask("get_layout", {"version": 1}, event_id=edited.id, tenant=OPERATOR)
        assert thing(await asking(edges, ask), "") == edited.first[asking]


def counts_no_first(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(past, "EventCreated", EventEdited)


def remembers_under_one_version(patch: pytest.MonkeyPatch) -> None:
    keep = Past._keep
    patch.setattr(Past, "_keep", lambda looking, block, version, layout: keep(looking, block, 1, layout))


@pytest.mark.parametrize("sabotage", [counts_no_first, remembers_under_one_version])
async def test_the_check_notices_another_layout(
    edges: Edges, edited: Edited, monkeypatch: pytest.MonkeyPatch, sabotage: Callable[[pytest.MonkeyPatch], None]
) -> None:
    """Negative control."""
    sabotage(monkeypatch)
    with pytest.raises(AssertionError):
        await check_old_layouts(edges, edited)


async def test_who_has_an_old_layout_is_told_so(edges: Edges, edited: Edited) -> None:
    """It has the validator that it had when it was the newest, and may be kept for ever."""
    for _ in ("from the journal", "again"):
        old = await layout_over_http(edges, edited.event, "?version=1")
        assert (old.status_code, old.headers["etag"]) == (200, edited.etag)
        assert old.headers["cache-control"] == "private, max-age=31536000, immutable"
    known = await layout_over_http(edges, edited.event, "?version=1", **{"If-None-Match": edited.etag})
    assert (known.status_code, known.content, known.headers["etag"]) == (304, b"", edited.etag)
    other = await layout_over_http(edges, edited.event, "?version=2", **{"If-None-Match": edited.etag})
    assert other.status_code == 200


async def check_who_may_read_old_layouts(edges: Edges, edited: Edited) -> None:
    """Who may read the statuses of then; the newest is for everybody, under its version too."""
    for asking in (ask_http, ask_grpc):
        for whose, event, version, code in (
            (None, edited.id, 1, "UNAUTHENTICATED"),
            ("alpha", edited.id, 1, "PERMISSION_DENIED"),
            ("alpha", edited.id, 3, ""),
            (OPERATOR, edited.id, 1, ""),
            ("alpha", edited.id, 1, "PERMISSION_DENIED"),  # though it is in memory now
            (operator_of("beta"), edited.id, 1, "EVENT_NOT_FOUND"),
            (OPERATOR, NOWHERE_EVENT, 1, "EVENT_NOT_FOUND"),
        ):
            asked = Ask("get_layout", {"version": version}, event_id=event, tenant=whose)
            assert (await asking(edges, asked)).code == code, (whose, version)
        for whose in ("alpha", OPERATOR):
            refused = await asking(edges, Ask("get_layout", {"version": 4}, event_id=edited.id, tenant=whose))
            assert (refused.code, refused.fields) == ("INVALID_ARGUMENT", (("version", "the newest is 3"),))


async def test_an_old_layout_is_for_operators_of_the_tenant(edges: Edges, edited: Edited) -> None:
    await check_who_may_read_old_layouts(edges, edited)


async def test_the_check_notices_old_layouts_for_everybody(
    edges: Edges, edited: Edited, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control."""
    monkeypatch.setattr(reads, "only_operators", lambda caller: caller)
    with pytest.raises(AssertionError):
        await check_who_may_read_old_layouts(edges, edited)


async def check_old_layouts_are_rationed(edges: Edges, edited: Edited) -> None:
    """One read of a journal a second, whatever is read of it; what was read is in memory."""
    codes = []
    for operation, body in (
        ("get_layout", {"version": 2}),
        ("get_layout", {"version": 1}),
        ("get_layout", {"version": 2}),
        ("get_statuses", {"at": "3"}),
        ("get_layout", {"version": 3}),
    ):
        ask = Ask(operation, body, event_id=edited.id, tenant=OPERATOR)
        codes.append([(await asking(edges, ask)).code for asking in (ask_http, ask_grpc)])
    assert codes == [["", ""], ["RATE_LIMITED"] * 2, ["", ""], ["RATE_LIMITED"] * 2, ["", ""]]


@pytest.mark.parametrize("period_s", [1e6, 0.0])
async def test_old_layouts_are_rationed(
    edges: Edges, edited: Edited, monkeypatch: pytest.MonkeyPatch, period_s: float
) -> None:
    """And the check notices when they are not."""
    monkeypatch.setattr(Ration, "turn", MethodType(_TURN, Ration(period_s)))
    with nullcontext() if period_s else pytest.raises(AssertionError):
        await check_old_layouts_are_rationed(edges, edited)


async def test_who_waits_no_longer_is_told_so(edges: Edges, edited: Edited, monkeypatch: pytest.MonkeyPatch) -> None:
    async def silent(journal: PostgresJournal, *_: object) -> list[JournalRow]:
        await asyncio.sleep(60)
        return []

    monkeypatch.setattr(PostgresJournal, "rows", silent)
    asked = Ask("get_layout", {"version": 1, "timeout_ms": 100}, event_id=edited.id, tenant=OPERATOR)
    assert (await ask_grpc(edges, asked)).code == "DEADLINE_EXCEEDED"
    late = await layout_over_http(edges, edited.event, "?version=1", **{"Holdfast-Timeout-Ms": "100"})
    assert late.json()["code"] == "DEADLINE_EXCEEDED"


@pytest.mark.parametrize(
    ("at", "moment"),
    [
        ("2026-05-01T18:00:00Z", datetime(2026, 5, 1, 18, tzinfo=UTC)),
        ("2026-05-01t18:00:00.5z", datetime(2026, 5, 1, 18, 0, 0, 500_000, tzinfo=UTC)),
        ("2026-05-01T18:00:00.123456789+02:00", datetime(2026, 5, 1, 16, 0, 0, 123_000, tzinfo=UTC)),
        ("2026-05-01T18:00:00-11:30", datetime(2026, 5, 1, 18, tzinfo=timezone(-timedelta(hours=11.5)))),
    ],
)
def test_an_instant_is_read_as_rfc_3339_writes_it(at: str, moment: datetime) -> None:
    asked = read_fields({"at": at}, PastAsked)
    assert not isinstance(asked, Rejected)
    assert asked.when() == Instant(int(moment.timestamp() * 1000))


@pytest.mark.parametrize(
    "at", ["2026-05-01", "2026-05-01T18:00:00", "2026-05-01 18:00:00Z", "2026-13-01T18:00:00Z", "-1", "1e3", "1" * 16,
           "1969-12-31T23:59:59Z", "2026-05-01T24:01:00Z", "٣"]
)  # fmt: skip
def test_what_is_neither_a_position_nor_an_instant_is_refused(at: str) -> None:
    assert isinstance(read_fields({"at": at}, PastAsked), Rejected)
