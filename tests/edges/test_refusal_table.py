"""The refusals of the contract, asked over both protocols: the same code, fields and names on each."""

import asyncio
from collections.abc import Mapping

import pytest

from actors.core.outcomes import Reason, Rejected
from actors.reservations import baskets, orders
from serve import admission, auth, operations, wish_shapes
from serve.grpc_api import calls
from serve.http_api import answers
from serve.http_api.problems import problem_response
from tests.edges.asking import Answered, Ask, ask_grpc, ask_http
from tests.edges.basket_cases import NAMED_EVENTS
from tests.edges.club import Club, make_club, span
from tests.edges.edge_stack import Edges, now_ms
from tests.edges.refusal_cases import BOTH_FIRST, CASES, EXPECTED
from tests.edges.refusal_house import LAYOUT, NOWHERE_HOLD, Case, House, ticket_of

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
async def house(edges: Edges) -> House:
    """One event with something in every state; made over both protocols in turn."""
    event = await _event(edges, "event")
    draft = await _done(edges, Ask("create_event", {"name": "Draft", "layout": LAYOUT}, key="draft"), "event_id")
    held = await _hold(edges, event, "B/1")
    released = await _hold(edges, event, "B/3")
    await _done(edges, Ask("release_hold", hold_id=released, key="release"), "hold_id")
    expired = await _hold(edges, event, "B/4", ttl_seconds=1)
    expired_order = await _order(edges, await _hold(edges, event, "B/5", ttl_seconds=2))  # time to order it
    pending_order_hold = await _hold(edges, event, "B/6")
    pending_order = await _order(edges, pending_order_hold)
    cancelled_order = await _order(edges, await _hold(edges, event, "B/7"))
    await _done(edges, Ask("cancel_order", order_id=cancelled_order, key="cancel"), "order_id")
    confirmed_order = await _order(edges, await _hold(edges, event, "B/2"))
    await _done(edges, Ask("confirm_order", order_id=confirmed_order, key="confirm"), "order_id")
    closed = await _event(edges, "closed")
    await _done(edges, Ask("close_sale", event_id=closed, key="close"), "event_id")
    club = await make_club(edges, "club", soon_in_ms=4_000)
    stalls_order = await _paid(edges, club, {"units": ["Stalls/C/1", "Stalls/C/2"]}, "stalls")
    first = {"tickets": [ticket_of(stalls_order, 1)]}
    await _done(edges, Ask("cancel_tickets", first, order_id=stalls_order, key="cancel the first"), "order_id")
    court_order = await _paid(edges, club, {"slots": [club.slot(6)], "buyer_id": "c"}, "court")
    completed_order = await _paid(edges, club, {"slots": [span("Court 1", club.soon_ms, 1)]}, "begun")
    table_order = await _paid(edges, club, {"units": ["Salon/T1"], "buyer_id": "t"}, "table")
    house_seat = {"units": ["Stalls/A/10"], "buyer_id": "d"}
    waiter = await _done(edges, Ask("join_waiting_list", house_seat, event_id=club.event, key="wait"), "waiter_id")
    await _done(edges, Ask("leave_waiting_list", waiter_id=waiter, key="leave"), "waiter_id")
    await _expiry(edges, Ask("get_hold", hold_id=expired))
    await _expiry(edges, Ask("get_order", order_id=expired_order))
    await asyncio.sleep(max(club.soon_ms - now_ms(), 0) / 1000 + 0.1)
    await _done(edges, Ask("complete_order", order_id=completed_order, key="complete"), "order_id")
    spare, dollars = await _event(edges, "spare"), await _event(edges, "dollars", LAYOUT | {"currency": "USD"})
    basket_hold = await _done(edges, Ask("place_basket", _legs(spare, event), key="basket"), "hold_id")
    basket_order = await _order(edges, basket_hold)
    await _done(edges, Ask("confirm_order", order_id=basket_order, key="confirm"), "order_id")
    first = {"tickets": [ticket_of(basket_order, 1)]}
    await _done(edges, Ask("cancel_tickets", first, order_id=basket_order, key="cancel the first"), "order_id")
    return House(
        event, draft, held, expired, released, pending_order_hold,
        pending_order, expired_order, cancelled_order, confirmed_order,
        closed, club, stalls_order, court_order, completed_order, table_order, waiter,
        spare, dollars, basket_hold, basket_order,
    )  # fmt: skip


async def _paid(edges: Edges, club: Club, wish: dict[str, object], key: str) -> str:
    body = {"buyer_id": "b"} | wish
    hold = await _done(edges, Ask("place_hold", body, event_id=club.event, key=f"hold {key}"), "hold_id")
    order = await _order(edges, hold)
    return await _done(edges, Ask("confirm_order", order_id=order, key=f"confirm {key}"), "order_id")


def _legs(spare: str, event: str) -> dict[str, object]:
    seats = ["101/J/1", "101/J/2"]
    return {"legs": [{"event_id": one, "units": seats} for one in (event, spare)], "buyer_id": "b"}


async def _event(edges: Edges, key: str, layout: Mapping[str, object] = LAYOUT) -> str:
    event = await _done(edges, Ask("create_event", {"name": "An event", "layout": layout}, key=key), "event_id")
    return await _done(edges, Ask("open_sale", event_id=event, key="open"), "event_id")


async def _hold(edges: Edges, event: str, seat: str, ttl_seconds: int = 600) -> str:
    body = {"units": [f"101/{seat}"], "ttl_seconds": ttl_seconds}
    return await _done(edges, Ask("place_hold", body, event_id=event, key=f"hold {seat}"), "hold_id")


async def _order(edges: Edges, hold: str) -> str:
    return await _done(edges, Ask("place_order", {"hold_id": hold}, key=f"order {hold}"), "order_id")


async def _expiry(edges: Edges, ask: Ask) -> None:
    """Ask until it is said to have expired."""
    for _ in range(200):
        if (await ask_http(edges, ask)).reply["status"] == "EXPIRED":
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"{ask} never expired")


async def _done(edges: Edges, ask: Ask, field: str) -> str:
    """The id in the reply. Asked over both protocols: the second is a replay of the first."""
    first, second = await ask_http(edges, ask), await ask_grpc(edges, ask)
    assert not first.code, first.reply
    assert not second.code, second.reply
    assert second.reply.idempotency_replayed
    reply = next(value for _, value in second.reply.ListFields() if hasattr(value, field))
    assert getattr(reply, field) == first.reply[field]
    return str(first.reply[field])


def check(case: Case, over_http: Answered, over_grpc: Answered) -> None:
    """Both protocols refuse with the case's code, and tell the same about it."""
    status, code = EXPECTED[case.code]
    assert (over_http.code, over_http.status) == (case.code, status)
    assert (over_grpc.code, over_grpc.status) == (case.code, code)
    if case.fields:
        assert tuple(field for field, _ in over_http.fields) == case.fields
    if case.same_words:
        assert over_http.fields == over_grpc.fields
    if case.units:
        assert over_http.units == case.units
    assert over_http.units == over_grpc.units
    assert over_http.available == over_grpc.available
    assert over_http.retry_at == over_grpc.retry_at
    assert over_http.event_id == over_grpc.event_id
    assert over_http.wait_s is over_grpc.wait_s is None


@pytest.mark.parametrize("name", CASES | BOTH_FIRST)
async def test_both_protocols_refuse_alike(edges: Edges, house: House, name: str) -> None:
    case = (CASES | BOTH_FIRST)[name]
    ask = case.ask(house)
    check(case, await ask_http(edges, ask), await ask_grpc(edges, ask))


@pytest.mark.parametrize("name", NAMED_EVENTS)
async def test_a_refusal_says_which_of_several_events_refused(edges: Edges, house: House, name: str) -> None:
    for asking in (ask_http, ask_grpc):
        assert (await asking(edges, CASES[name].ask(house))).event_id == NAMED_EVENTS[name](house)


async def test_refused_requests_leave_nothing_behind(edges: Edges, house: House) -> None:
    """After every refusal of the table the seats and places that it asked for can still be had."""
    for case in CASES.values():
        for asking in (ask_http, ask_grpc):
            assert (await asking(edges, case.ask(house))).code == case.code
    body = {"units": ["101/A/1"], "areas": [{"area": "Floor", "quantity": 5}]}
    hold = await _done(edges, Ask("place_hold", body, event_id=house.event, key="after all"), "hold_id")
    await _done(edges, Ask("release_hold", hold_id=hold, key="after all, release"), "hold_id")


async def test_what_is_another_tenants_looks_like_nothing(edges: Edges, house: House) -> None:
    """Nothing but the id differs between the answer for another tenant's hold and for none."""
    foreign = await ask_http(edges, Ask("get_hold", hold_id=house.held, tenant="beta"))
    unknown = await ask_http(edges, Ask("get_hold", hold_id=NOWHERE_HOLD, tenant="beta"))
    assert foreign.reply | {"instance": ""} == unknown.reply | {"instance": ""}
    over_grpc = [
        await ask_grpc(edges, Ask("get_hold", hold_id=hold, tenant="beta")) for hold in (house.held, NOWHERE_HOLD)
    ]
    assert over_grpc[0] == over_grpc[1]


async def test_held_units_say_when_they_may_come_back(edges: Edges, house: House) -> None:
    hold = await ask_http(edges, Ask("get_hold", hold_id=house.held))
    refused = await ask_http(edges, Ask("place_hold", {"units": ["101/B/1"]}, event_id=house.event))
    assert refused.retry_at == hold.reply["expires_at"]


def test_every_reason_is_asked_for_or_named_as_out_of_reach() -> None:
    """A new reason must get a case here; these cannot be brought about over both protocols, see `test_every_reason`."""
    out_of_reach = {
        "PERMISSION_DENIED",  # only HTTP has what is for operators, see `test_operators`
        "RATE_LIMITED",
        "OVERLOADED",
        "UNAVAILABLE",
        "OUTCOME_UNKNOWN",
        "DEADLINE_EXCEEDED",
        "INTERNAL",
    }
    assert {case.code for case in CASES.values()} | out_of_reach == {reason.name for reason in Reason}


@pytest.mark.parametrize(
    ("name", "module", "attribute", "broken"),
    [
        (
            "another tenant's hold",
            answers,
            "refused",
            lambda request, refusal: problem_response(_other(), request.scope["path"]),
        ),
        ("300 seats in one hold", calls, "refuse", lambda context, refusal: None),
        ("no credential", admission, "_malformed", lambda body, faults: _other()),
        ("tickets of another order", operations, "_of_order", lambda order_id, body: body),
        ("a wish with faults of every kind", wish_shapes, "_faults_of_times", lambda span, path: ()),
        ("a leg with more slots than a hold takes", baskets, "_with_leg", lambda refusal, events: refusal),
        ("exchange in a basket for units of no event", orders, "desks_of", lambda tenant: frozenset()),
        ("wrong secret", auth, "compare_digest", lambda stored, presented: True),
    ],
)
async def test_the_check_notices_an_edge_that_answers_otherwise(
    edges: Edges,
    house: House,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    module: object,
    attribute: str,
    broken: object,
) -> None:
    """Negative control: with one place of one edge broken, the unchanged check fails."""
    case = CASES[name]
    ask = case.ask(house)
    monkeypatch.setattr(module, attribute, broken)
    over_http, over_grpc = await ask_http(edges, ask), await ask_grpc(edges, ask)
    with pytest.raises(AssertionError):
        check(case, over_http, over_grpc)


def _other() -> Rejected:
    return Rejected(Reason.SALE_CLOSED)
