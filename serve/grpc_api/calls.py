"""What every RPC goes through: envelope out of the metadata, body within bounds, refusal into status. Never raises."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from actors.core.ids import BlockId
from actors.core.outcomes import Rejected
from actors.core.replies import EventReply, HoldReply, OrderReply, WaiterReply
from actors.reservations import Done
from serve.admission import Envelope
from serve.arrival import ARRIVED_HEADER, arrived_ms
from serve.bugs import report_bug
from serve.grpc_api.refusal_status import GrpcContext, refuse
from serve.members import GIVEN_TWICE
from serve.refusals import too_large
from serve.second_hand import ASKED_HEADER, FIRST_HEADER, is_second_hand
from serve.sizes import MAX_BODY_BYTES
from serve.validation import Shape, read_fields

# Messages are `Any`: the generated code builds their classes at run time.
Message = Any
R = TypeVar("R", EventReply, HoldReply, OrderReply, WaiterReply)
S = TypeVar("S", bound=Shape)
T = TypeVar("T")

Handler = Callable[[Any, Message, Envelope], Awaitable[T | Rejected]]
Rpc = Callable[[Any, Message, GrpcContext], Awaitable[Message]]


def rpc(reply: type[Message], render: Callable[[type[Message], T], Message]) -> Callable[[Handler[T]], Rpc]:
    """Make a method that takes request and envelope into an RPC that answers `reply`, or a status if it is refused.

    Ray Serve hands the context to a parameter that is called `grpc_context`; what is returned has that signature.
    """

    def make(handler: Handler[T]) -> Rpc:
        async def call(self: Any, request: Message, grpc_context: GrpcContext) -> Message:
            try:
                outcome = await handler(self, request, _envelope_of(request, grpc_context))
                if not isinstance(outcome, Rejected):
                    return render(reply, outcome)
            except Exception as error:  # noqa: BLE001 (Ray Serve would send its text to the client)
                to_write = "idempotency_key" in request.DESCRIPTOR.fields_by_name
                outcome = report_bug(error, handler.__name__, to_write=to_write)
            refuse(grpc_context, outcome)
            return reply()

        call.__name__, call.__qualname__, call.__doc__ = handler.__name__, handler.__qualname__, handler.__doc__
        return call

    return make


def writes(field: str, render: Callable[[BlockId, R], Message]) -> Callable[[type[Message], Done[R]], Message]:
    """Renders what a write did, and whether its key was known."""

    def rendered(reply: type[Message], done: Done[R]) -> Message:
        return reply(**{field: render(done.block, done.reply)}, idempotency_replayed=done.replayed)

    return rendered


def reads(field: str, render: Callable[[BlockId, R], Message]) -> Callable[[type[Message], Done[R]], Message]:
    """Renders what a block says."""

    def rendered(reply: type[Message], done: Done[R]) -> Message:
        return reply(**{field: render(done.block, done.reply)})

    return rendered


def body_of(
    request: Message, fields: Mapping[str, object], shape: type[S], max_bytes: int = MAX_BODY_BYTES
) -> S | Rejected:
    """The request's fields in that shape, or every fault of them; the server itself has read it whatever its size."""
    return too_large(max_bytes) if request.ByteSize() > max_bytes else read_fields(fields, shape)


def given(**fields: object) -> dict[str, object]:
    """The fields without those that were left out, which proto3 shows as empty or 0."""
    return {name: value for name, value in fields.items() if value}


def status_named(statuses: Any, number: int) -> str:
    """A status of a request by its bare name, as HTTP has it; "" if it is left out. One that there is not is shown."""
    if number == 0:
        return ""
    unspecified: str = statuses.Name(0)
    names = dict(zip(statuses.values(), statuses.keys(), strict=True))
    return names[number].removeprefix(unspecified.removesuffix("UNSPECIFIED")) if number in names else str(number)


def _envelope_of(request: Message, context: GrpcContext) -> Envelope:
    metadata = context.invocation_metadata()
    borne = [value for name, value in metadata if name == "authorization"]
    authorization = borne[0] if borne and isinstance(borne[0], str) else None
    faults = (f"authorization: {GIVEN_TWICE}",) if len(borne) > 1 else ()
    key, timeout_ms = getattr(request, "idempotency_key", None), getattr(request, "timeout_ms", 0)
    arrived, first, asked = (
        [value for name, value in metadata if name == header] for header in (ARRIVED_HEADER, FIRST_HEADER, ASKED_HEADER)
    )
    second_hand = is_second_hand(first, asked)
    return Envelope(authorization, arrived_ms(arrived), key, timeout_ms, faults, second_hand)
