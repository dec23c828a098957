"""Who is let in: a request is judged in the order of `Reason`: too large, malformed, no credential, one that does not
allow it. What the event, the hold or the order says comes only after that.

Over HTTP a body of more than SMALL_BODY_BYTES is read only for whoever is let in, and as far as there is room.
"""

from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from typing import TypeVar

import msgspec

from actors.core.outcomes import Reason, Rejected
from actors.parking import NoRoomLeft, Room, Space
from actors.reservations import Caller, Request, Reservations
from serve.arrival import wall_ms
from serve.auth import Operator
from serve.refusals import invalid
from serve.validation import Shape, bounded_timeout_ms, key_faults, timeout_faults
from serve.wakefulness import Wakefulness

Authenticate = Callable[[str | None], Awaitable[Caller | Rejected]]
"""Who bears this `Authorization` value, or why nobody does."""

# Bodies that are larger, while they arrive: in all and of a tenant. One whose length is not said counts as the largest.
MAX_LARGE_BODIES, MAX_LARGE_BODIES_BYTES = 128, 64 << 20
MAX_LARGE_BODIES_PER_TENANT, MAX_LARGE_BODIES_BYTES_PER_TENANT = 64, 32 << 20

S = TypeVar("S", bound=Shape)


class Envelope(msgspec.Struct, frozen=True):
    """What a request bears beside its body.

    `arrived_ms`: when the request arrived, by this machine's clock; its limit counts from then (see `arrival`).
    `timeout_ms`: how long the caller waits, 0 if it does not say. `faults`: what is wrong with how the rest was borne.
    `second_hand`: another replica may have been asked before (see `serve.second_hand`).
    """

    authorization: str | None
    arrived_ms: int
    key: str | None = None
    timeout_ms: int = 0
    faults: tuple[str, ...] = ()
    second_hand: bool = False

    def left_ms(self) -> int:
        """How much of its limit is left; 0: it is over."""
        return max(0, bounded_timeout_ms(self.timeout_ms) - max(0, wall_ms() - self.arrived_ms))


class Admission:
    """Judges what arrived beside the body, then the body, then the credential, then whether it is too late.

    `wakefulness` is to be run where another replica may be asked instead of this one.
    """

    def __init__(self, reservations: Reservations, authenticate: Authenticate, wakefulness: Wakefulness) -> None:
        self.wakefulness = wakefulness
        self._reservations = reservations
        self._authenticate = authenticate
        self._large_bodies = Room(
            Space(MAX_LARGE_BODIES, MAX_LARGE_BODIES_BYTES),
            Space(MAX_LARGE_BODIES_PER_TENANT, MAX_LARGE_BODIES_BYTES_PER_TENANT),
        )

    async def let_arrive(self, authorization: str | None, size_bytes: int, arriving: ExitStack) -> Rejected | None:
        """Keep room for a large body until `arriving` is over; or why it is not to be read."""
        caller = await self._authenticate(authorization)
        if isinstance(caller, Rejected):
            return caller
        try:
            arriving.enter_context(self._large_bodies.entered(caller.tenant, size_bytes))
        except NoRoomLeft:
            return Rejected(Reason.OVERLOADED)
        return None

    async def _admit_write(self, envelope: Envelope, body: S | Rejected) -> tuple[Request, S] | Rejected:
        faults = (*envelope.faults, *key_faults(envelope.key), *timeout_faults(envelope.timeout_ms))
        refusal = _malformed(body, faults)
        if refusal is not None:
            return refusal
        caller = await self._authenticate(envelope.authorization)
        if isinstance(caller, Rejected):
            return caller
        # before what is left is known: who is stopped between the two has less, not more
        now_ms, hangs = self._reservations.now_ms(), self.wakefulness.hangs()
        left_ms = envelope.left_ms()
        if not left_ms or self.wakefulness.slept_through(envelope.arrived_ms):
            return Rejected(Reason.DEADLINE_EXCEEDED)
        assert envelope.key is not None
        assert not isinstance(body, Rejected)
        return Request(caller, envelope.key, left_ms, counted_from_ms=now_ms, hangs=hangs), body

    async def _admit_read(self, envelope: Envelope, body: Shape | Rejected | None = None) -> Caller | Rejected:
        refusal = _malformed(body, (*envelope.faults, *timeout_faults(envelope.timeout_ms)))
        if refusal is not None:
            return refusal
        caller = await self._authenticate(envelope.authorization)
        if isinstance(caller, Rejected) or envelope.left_ms():
            return caller
        return Rejected(Reason.DEADLINE_EXCEEDED)

    async def _admit_operator(self, envelope: Envelope) -> Operator | Rejected:
        return only_operators(await self._admit_read(envelope))


def only_operators(caller: Caller | Rejected) -> Operator | Rejected:
    """Who was let in, if an operator."""
    return caller if isinstance(caller, Operator | Rejected) else Rejected(Reason.PERMISSION_DENIED)


def _malformed(body: Shape | Rejected | None, faults: tuple[str, ...]) -> Rejected | None:
    """The refusal of a body and of what goes with it, all faults together, or None."""
    if not isinstance(body, Rejected):
        return invalid(*faults) if faults else None
    return invalid(*faults, *body.details.fields) if body.reason is Reason.INVALID_ARGUMENT else body
