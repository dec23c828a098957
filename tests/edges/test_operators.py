"""What costs much or concerns the whole cluster is for operators; only HTTP has it.

An operator belongs to a tenant: its key opens what the tenant's does, and another tenant's events look like nothing.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import nullcontext
from typing import cast

import pytest

from actors.core.ids import BlockId, TenantId
from actors.core.outcomes import Rejected
from actors.core.replies import DigestReply
from actors.projections.read_models import ReadModels
from actors.reservations import Caller, Done, Reservations
from serve import admission, operations
from serve.auth import Operator
from serve.operations import Operations
from serve.ration import Ration
from serve.wakefulness import Wakefulness
from tests.edges.asking import Answered, Ask, ask_grpc, ask_http, read_http
from tests.edges.edge_stack import Edges, edges_over, nothing_known, operator_of, whole_edges
from tests.edges.refusal_house import LAYOUT, NOWHERE_EVENT

pytestmark = pytest.mark.anyio

FOR_OPERATORS = ("get_status", "get_digest")


@pytest.fixture(scope="module")
async def edges(anyio_backend: str, database_url: str) -> AsyncIterator[Edges]:
    """Both edges; a digest may be asked for as soon as the one before is there."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(operations, "DIGEST_PERIOD_S", 0.0)
        async with whole_edges(database_url) as running:
            yield running


@pytest.fixture(scope="module")
async def event(edges: Edges) -> str:
    """The id of an event of alpha's that is on sale."""
    created = await ask_http(edges, Ask("create_event", {"name": "An event", "layout": LAYOUT}, key="event"))
    opened = await ask_http(edges, Ask("open_sale", event_id=created.reply["event_id"], key="open"))
    return str(opened.reply["event_id"])


async def check(edges: Edges, event: str) -> None:
    """Whose key opens what is for operators, and the first of several reasons why it does not."""
    for operation in FOR_OPERATORS:
        for event_id in (event, NOWHERE_EVENT, "event_x"):
            for whose, code in (
                (None, "UNAUTHENTICATED"),
                ("alpha", "PERMISSION_DENIED"),
                ("beta", "PERMISSION_DENIED"),
            ):
                refused = await ask_http(edges, Ask(operation, event_id=event_id, tenant=whose))
                assert refused.code == code, (operation, whose)
    assert (await ask_http(edges, Ask("get_status", tenant=operator_of("beta")))).status == 200
    for whose, event_id, code in (
        (operator_of("alpha"), event, ""),
        (operator_of("alpha"), NOWHERE_EVENT, "EVENT_NOT_FOUND"),
        (operator_of("beta"), event, "EVENT_NOT_FOUND"),
    ):
        assert (await ask_http(edges, Ask("get_digest", event_id=event_id, tenant=whose))).code == code


async def test_only_an_operators_key_opens_what_is_for_operators(edges: Edges, event: str) -> None:
    await check(edges, event)


async def test_the_check_notices_when_everybody_is_let_in(
    edges: Edges, event: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control."""
    monkeypatch.setattr(admission, "Operator", Caller)
    with pytest.raises(AssertionError, match="alpha"):
        await check(edges, event)


@pytest.mark.parametrize("operation", FOR_OPERATORS)
async def test_a_refused_tenant_is_told_so_whole(edges: Edges, event: str, operation: str) -> None:
    refused = await ask_http(edges, Ask(operation, event_id=event))
    assert (refused.status, refused.code, refused.wait_s) == (403, "PERMISSION_DENIED", None)
    assert refused.reply["transient"] is False


@pytest.mark.parametrize("operation", FOR_OPERATORS)
async def test_malformed_comes_before_not_allowed(edges: Edges, event: str, operation: str) -> None:
    path = {"get_status": "/v1/status", "get_digest": f"/v1/events/{event}/digest"}[operation]
    answered = read_http(await edges.http.get(path, headers=[("Authorization", edges.bearer("alpha"))] * 2))
    assert (answered.status, answered.code) == (400, "INVALID_ARGUMENT")


async def test_the_digest_is_of_what_was_done(edges: Edges, event: str) -> None:
    ask = Ask("get_digest", event_id=event, tenant=operator_of("alpha"))
    before = (await ask_http(edges, ask)).reply
    placed = await ask_http(edges, Ask("place_hold", {"units": ["101/J/1"]}, event_id=event, key="for the digest"))
    assert placed.status == 201
    after = (await ask_http(edges, ask)).reply
    assert after["position"] > before["position"]
    assert after["ledger_digest"] != before["ledger_digest"]


@pytest.mark.parametrize("asking", [ask_http, ask_grpc])
async def test_for_all_else_it_is_the_tenants_key(edges: Edges, event: str, asking: object) -> None:
    """The operator's repetition of a tenant's write is a replay: the principal is the tenant, whatever the key."""
    ask = Ask("place_hold", {"units": ["101/J/2"]}, event_id=event, key="by both")
    first = await ask_http(edges, ask)
    again = await (ask_grpc if asking is ask_grpc else ask_http)(edges, ask._replace(tenant=operator_of("alpha")))
    assert _hold_id(again) == _hold_id(first)


def _hold_id(answered: Answered) -> str:
    assert not answered.code, answered
    return str(answered.reply["hold_id"] if answered.protocol == "http" else answered.reply.hold.hold_id)


class Digesting:
    """Reservations whose first digest is there when `done` is set; `begun`: how often one was asked for."""

    def __init__(self) -> None:
        self.begun = 0
        self.under_way = asyncio.Event()
        self.done = asyncio.Event()

    async def get_digest(self, caller: Caller, event_id: str, deadline_ms: int) -> Done[DigestReply] | Rejected:
        self.begun += 1
        self.under_way.set()
        if self.begun == 1:
            await self.done.wait()
        return Done(BlockId("0" * 16), DigestReply(b"d", b"l", 7), replayed=False, position=3)


async def check_one_at_a_time() -> None:
    """Who asks while a digest is under way is told when to ask again; who may not ask at all uses no turn up."""
    reservations = Digesting()

    async def authenticate(authorization: str | None) -> Caller | Rejected:
        kind, _, tenant = (authorization or "").removeprefix("Bearer ").partition("-")
        return (Operator if kind == "operator" else Caller)(TenantId(tenant), tenant)

    whole = Operations(
        cast(Reservations, reservations), cast(ReadModels, None), authenticate, nothing_known, Wakefulness()
    )
    keys = {"alpha": "tenant-alpha"} | {operator_of(tenant): f"operator-{tenant}" for tenant in ("alpha", "beta")}
    async with edges_over(whole, keys) as edges:
        ask = Ask("get_digest", event_id=NOWHERE_EVENT, tenant=operator_of("alpha"))
        assert (await ask_http(edges, ask._replace(tenant="alpha"))).code == "PERMISSION_DENIED"
        first = asyncio.create_task(ask_http(edges, ask))
        await asyncio.wait_for(reservations.under_way.wait(), 10)
        second = await ask_http(edges, ask._replace(tenant=operator_of("beta")))
        refused = await ask_http(edges, ask._replace(tenant="alpha"))
        reservations.done.set()
        assert (await first).reply["position"] == 3
        assert (second.status, second.code, second.wait_s) == (429, "RATE_LIMITED", 1)
        assert refused.code == "PERMISSION_DENIED"
        assert (await ask_http(edges, ask)).status == 200
    assert reservations.begun == 2


async def test_one_digest_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operations, "DIGEST_PERIOD_S", 0.0)
    await check_one_at_a_time()


async def test_the_check_notices_a_ration_that_gives_everybody_a_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control."""
    monkeypatch.setattr(Ration, "turn", lambda self, whose: nullcontext(True))
    with pytest.raises(AssertionError):
        await check_one_at_a_time()


async def test_the_check_notices_a_turn_for_each_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control: each digest stops its shard."""
    monkeypatch.setattr(operations, "DIGEST_PERIOD_S", 0.0)
    monkeypatch.setattr(Ration, "_under_way", property(lambda _: False, lambda *_: None), raising=False)
    with pytest.raises(AssertionError):
        await check_one_at_a_time()


async def check_a_turn_for_each_tenant(database_url: str) -> None:
    """Whoever asks for an event that there is not uses its own tenant's turn up, and no other's."""
    async with whole_edges(database_url) as edges:
        ask = Ask("get_digest", event_id=NOWHERE_EVENT)
        for tenant in ("alpha", "beta"):
            for code in ("EVENT_NOT_FOUND", "RATE_LIMITED"):
                assert (await ask_http(edges, ask._replace(tenant=operator_of(tenant)))).code == code, tenant


@pytest.fixture
def _long_period(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operations, "DIGEST_PERIOD_S", 1e6)


@pytest.mark.usefixtures("_long_period")
async def test_a_tenant_waits_for_its_own_turn_only(database_url: str) -> None:
    await check_a_turn_for_each_tenant(database_url)


@pytest.mark.usefixtures("_long_period")
async def test_the_check_notices_one_turn_for_all(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control."""
    turn = Ration.turn
    monkeypatch.setattr(Ration, "turn", lambda self, whose: turn(self, "everybody"))
    with pytest.raises(AssertionError, match="beta"):
        await check_a_turn_for_each_tenant(database_url)


def test_a_turn_begins_when_the_one_before_is_over_and_the_period_too() -> None:
    now_s = 100.0
    ration = Ration(1.0, lambda: now_s)
    with ration.turn("alpha") as first:
        now_s += 5.0
        with ration.turn("alpha") as meanwhile:
            pass
        with ration.turn("alpha") as still_meanwhile:
            pass
        with ration.turn("beta") as of_another:
            pass
    assert (first, meanwhile, still_meanwhile, of_another) == (True, False, False, False)
    with ration.turn("alpha") as after:
        pass
    now_s += 0.9
    with ration.turn("alpha") as too_soon:
        pass
    with ration.turn("beta") as not_its_period:
        pass
    now_s += 0.2
    with ration.turn("alpha") as later:
        pass
    assert (after, too_soon, not_its_period, later) == (True, False, True, True)


def test_a_turn_that_fails_is_over() -> None:
    ration = Ration(0.0, lambda: 0.0)
    with pytest.raises(RuntimeError), ration.turn("alpha"):
        raise RuntimeError
    with ration.turn("alpha") as again:
        assert again


def check_who_is_remembered(pause_s: float) -> None:
    """Of a thousand who had a turn one after the other, those of the last period are."""
    now_s = 100.0
    ration = Ration(1.0, lambda: now_s)
    for tenant in range(1_000):
        with ration.turn(f"tenant-{tenant}") as ours:
            assert ours
        now_s += pause_s
    assert len(ration._next_s) <= 11


def test_nobody_is_remembered_for_longer_than_a_period() -> None:
    check_who_is_remembered(0.1)


def test_the_check_notices_a_period_that_never_ends() -> None:
    """Negative control."""
    with pytest.raises(AssertionError):
        check_who_is_remembered(0.0)
