"""Every reason, whatever brings it about, leaves both edges whole; and a bug tells nothing."""

from base64 import b64encode
from collections.abc import AsyncIterator
from typing import cast
from urllib.parse import quote

import pytest

from actors.core.ids import TenantId
from actors.core.outcomes import Details, Reason, Rejected
from actors.core.replies import HoldReply
from actors.projections.read_models import ReadModels
from actors.reservations import Caller, Done, Reservations
from serve.operations import Operations
from serve.refusals import STANDINGS, split_fault
from serve.wakefulness import Wakefulness
from tests.edges.asking import Ask, ask_grpc, ask_http
from tests.edges.edge_stack import Edges, edges_over, nothing_known

pytestmark = pytest.mark.anyio

GET = Ask("get_hold", hold_id="hold_x")


class Refusing:
    """Reservations that answer `get_hold` as they are told to."""

    def __init__(self) -> None:
        self.answer: Rejected | Exception = Rejected(Reason.INTERNAL)

    async def get_hold(self, caller: Caller, hold_id: str, deadline_ms: int) -> Done[HoldReply] | Rejected:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture(scope="module")
def refusing() -> Refusing:
    return Refusing()


@pytest.fixture(scope="module")
async def stubborn_edges(anyio_backend: str, refusing: Refusing) -> AsyncIterator[Edges]:
    """Both edges over `refusing`; everybody is let in."""

    async def authenticate(authorization: str | None) -> Caller | Rejected:
        return Caller(TenantId("alpha"), "alpha")

    operations = Operations(
        cast(Reservations, refusing), cast(ReadModels, None), authenticate, nothing_known, Wakefulness()
    )
    async with edges_over(operations, {"alpha": "unused"}) as running:
        yield running


@pytest.mark.parametrize("reason", Reason)
async def test_every_reason_looks_the_same_on_both(stubborn_edges: Edges, refusing: Refusing, reason: Reason) -> None:
    refusing.answer = Rejected(reason, Details(units=("A",), fields=("f: is bad",), available=3, retry_at_ms=1_000))
    over_http, over_grpc = await ask_http(stubborn_edges, GET), await ask_grpc(stubborn_edges, GET)
    standing = STANDINGS[reason]
    assert (over_http.code, over_http.status) == (reason.name, standing.http_status)
    assert (over_grpc.code, over_grpc.status) == (reason.name, standing.grpc_code.name)
    assert over_http.reply["transient"] is standing.transient
    assert over_http.fields == over_grpc.fields == (("f", "is bad"),)
    assert over_http.units == over_grpc.units == ("A",)
    assert over_http.available == over_grpc.available == 3
    assert over_http.retry_at == over_grpc.retry_at == "1970-01-01T00:00:01.000Z"
    assert (over_grpc.wait_s is not None) is standing.transient
    assert (over_http.wait_s is not None) is (standing.http_status in (429, 503))


async def test_waiting_times_are_whole_seconds_and_at_least_one(stubborn_edges: Edges, refusing: Refusing) -> None:
    refusing.answer = Rejected(Reason.OVERLOADED)
    over_http, over_grpc = await ask_http(stubborn_edges, GET), await ask_grpc(stubborn_edges, GET)
    assert over_http.wait_s == over_grpc.wait_s == 1


async def test_where_there_will_never_be_room_nobody_is_told_to_wait(stubborn_edges: Edges, refusing: Refusing) -> None:
    refusing.answer = Rejected(Reason.OVERLOADED, Details(full=True))
    over_http, over_grpc = await ask_http(stubborn_edges, GET), await ask_grpc(stubborn_edges, GET)
    assert over_http.code == over_grpc.code == "OVERLOADED"
    assert over_http.reply["transient"] is False
    assert over_http.wait_s is over_grpc.wait_s is None


async def test_many_long_names_fit_into_the_trailing_metadata(stubborn_edges: Edges, refusing: Refusing) -> None:
    """A stock gRPC client may drop a reply with more than 8 kB of metadata; HTTP names them all."""
    units = tuple(f"Nordtribüne Oberrang/{row}/" + "ß" * 30 for row in range(50))
    fields = tuple(f"units[{index}]: " + "\N{TICKET}" * 200 for index in range(100))
    refusing.answer = Rejected(Reason.UNITS_HELD, Details(units=units, fields=fields))
    over_http, over_grpc = await ask_http(stubborn_edges, GET), await ask_grpc(stubborn_edges, GET)
    assert over_http.units == units
    assert over_http.fields == tuple(map(split_fault, fields))
    assert over_grpc.units == units[: len(over_grpc.units)]
    assert 10 < len(over_grpc.units) < len(units)
    assert over_grpc.fields[-1] == ("request", f"{len(fields) - len(over_grpc.fields) + 1} more faults")
    status = over_grpc.reply
    assert len(quote(status.message)) + len(b64encode(status.SerializeToString())) < 7_500


async def test_a_bug_is_an_internal_error_that_tells_nothing(stubborn_edges: Edges, refusing: Refusing) -> None:
    refusing.answer = RuntimeError("the password is swordfish")
    over_http, over_grpc = await ask_http(stubborn_edges, GET), await ask_grpc(stubborn_edges, GET)
    assert (over_http.code, over_http.status) == ("INTERNAL", 500)
    assert (over_grpc.code, over_grpc.status) == ("INTERNAL", "INTERNAL")
    assert "swordfish" not in f"{over_http.reply}{over_grpc.reply}"


async def test_a_bug_is_logged_without_the_callers_key(
    stubborn_edges: Edges, refusing: Refusing, capsys: pytest.CaptureFixture[str]
) -> None:
    refusing.answer = RuntimeError("the password is swordfish")
    key = "Bearer hf_0123456789abcdef_" + "a" * 64
    await ask_http(stubborn_edges, GET._replace(authorization=key))
    await ask_grpc(stubborn_edges, GET._replace(authorization=key))
    logged = capsys.readouterr().out
    assert logged.count("swordfish") >= 2
    assert "a" * 64 not in logged
