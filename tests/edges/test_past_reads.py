"""An event as it was, over both protocols: for operators, of their own tenant's events, one question at a time."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta, timezone

import pytest

from actors.core.ids import event_id
from actors.core.outcomes import Rejected
from actors.projections.past import Instant
from serve import admission
from serve.ration import Ration
from serve.read_shapes import PastAsked
from serve.validation import read_fields
from serve.wire_time import rfc3339
from tests.edges.asking import Ask, ask_grpc, ask_http
from tests.edges.edge_stack import Edges, operator_of
from tests.edges.refusal_house import NOWHERE_EVENT
from tests.projections.selling import SellingEvent, World, follow_all, selling

pytestmark = pytest.mark.anyio

OPERATOR = operator_of("alpha")


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
