"""The gRPC methods through the context that Ray Serve hands them, which is stricter than grpc.aio's own."""

import warnings
from typing import Any, cast

import grpc
import pytest
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status

from actors.core.ids import TenantId
from actors.core.outcomes import Reason, Rejected
from actors.projections.read_models import ReadModels
from actors.reservations import Caller, Reservations
from holdfast.v1 import holds_pb2
from serve.grpc_api import refusal_status
from serve.grpc_api.methods import GrpcMethods
from serve.operations import Operations
from serve.wakefulness import Wakefulness
from tests.edges.edge_stack import nothing_known

pytestmark = pytest.mark.anyio

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # Ray Serve's own models, at import
    from ray.serve.grpc_util import RayServegRPCContext


class Wire:
    """The server's own context: what Serve's is made from before the call, and written to after it."""

    def __init__(self, *metadata: tuple[str, str]) -> None:
        self.metadata = metadata
        self.sent: dict[str, Any] = {}

    def invocation_metadata(self) -> tuple[tuple[str, str], ...]:
        return self.metadata

    def trailing_metadata(self) -> tuple[tuple[str, str], ...]:
        return ()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("set_"):
            return lambda value: self.sent.__setitem__(name.removeprefix("set_"), value)
        return lambda: None


class Unasked:
    """Reservations that must not be asked."""


async def _refused(authorization: str) -> tuple[Any, dict[str, Any], list[str | None]]:
    """Reply, what was sent beside it, and the credentials that were seen, of a hold on nothing."""
    seen: list[str | None] = []

    async def authenticate(presented: str | None) -> Caller | Rejected:
        seen.append(presented)
        return Caller(TenantId("alpha"), "alpha")

    methods = GrpcMethods()
    methods.operations = Operations(
        cast(Reservations, Unasked()), cast(ReadModels, None), authenticate, nothing_known, Wakefulness()
    )
    wire = Wire(("authorization", authorization))
    context = cast(Any, RayServegRPCContext(cast(Any, wire)))
    reply = await methods.PlaceHold(holds_pb2.PlaceHoldRequest(units=["a"], idempotency_key="k"), context)
    context._set_on_grpc_context(wire)
    return reply, wire.sent, seen


async def test_a_refusal_reaches_the_wire_whole() -> None:
    """`Unasked` has no methods, so this is a bug on purpose: the one refusal that needs nothing else."""
    reply, sent, seen = await _refused("Bearer x")
    assert seen == ["Bearer x"]
    assert reply == holds_pb2.PlaceHoldResponse()
    status = Status.FromString(dict(sent["trailing_metadata"])[refusal_status.STATUS_DETAILS])
    info = ErrorInfo()
    assert status.details[0].Unpack(info)
    assert (sent["code"], sent["details"]) == (grpc.StatusCode.DEADLINE_EXCEEDED, status.message)
    assert info.reason == Reason.OUTCOME_UNKNOWN.name


async def test_trailing_metadata_in_a_tuple_would_be_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control: what grpc.aio accepts, Serve's context does not."""
    takes = RayServegRPCContext.set_trailing_metadata
    monkeypatch.setattr(
        RayServegRPCContext, "set_trailing_metadata", lambda self, metadata: takes(self, cast(Any, tuple(metadata)))
    )
    with pytest.raises(TypeError, match="concatenate"):
        await _refused("Bearer x")
