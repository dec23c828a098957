"""Who is let in: a request is judged in the order of `Reason`: too large, malformed, no credential, one that does not
allow it. What the event, the hold or the order says comes only after that.
"""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import msgspec

from actors.core.outcomes import Reason, Rejected
from actors.reservations import Caller, Request
from serve.auth import Operator
from serve.refusals import invalid
from serve.validation import Shape, bounded_timeout_ms, key_faults, timeout_faults

Authenticate = Callable[[str | None], Awaitable[Caller | Rejected]]
"""Who bears this `Authorization` value, or why nobody does."""

S = TypeVar("S", bound=Shape)


class Envelope(msgspec.Struct, frozen=True):
    """What a request bears beside its body.

    `timeout_ms`: how long the caller waits, 0 if it does not say. `faults`: what is wrong with how the rest was borne.
    """

    authorization: str | None
    key: str | None = None
    timeout_ms: int = 0
    faults: tuple[str, ...] = ()


class Admission:
    """Judges what arrived beside the body, then the body, then the credential."""

    def __init__(self, authenticate: Authenticate) -> None:
        self._authenticate = authenticate

    async def _admit_write(self, envelope: Envelope, body: S | Rejected) -> tuple[Request, S] | Rejected:
        faults = (*envelope.faults, *key_faults(envelope.key), *timeout_faults(envelope.timeout_ms))
        refusal = _malformed(body, faults)
        if refusal is not None:
            return refusal
        caller = await self._authenticate(envelope.authorization)
        if isinstance(caller, Rejected):
            return caller
        assert envelope.key is not None
        assert not isinstance(body, Rejected)
        return Request(caller, envelope.key, bounded_timeout_ms(envelope.timeout_ms)), body

    async def _admit_read(self, envelope: Envelope, body: Shape | Rejected | None = None) -> Caller | Rejected:
        refusal = _malformed(body, (*envelope.faults, *timeout_faults(envelope.timeout_ms)))
        return refusal or await self._authenticate(envelope.authorization)

    async def _admit_operator(self, envelope: Envelope) -> Operator | Rejected:
        return only_operators(await self._admit_read(envelope))


def only_operators(caller: Caller | Rejected) -> Operator | Rejected:
    """Who was let in, if an operator."""
    return caller if isinstance(caller, Operator | Rejected) else Rejected(Reason.PERMISSION_DENIED)


def _malformed(body: Shape | Rejected | None, faults: tuple[str, ...]) -> Rejected | None:
    """The refusal of a body and of what goes with it, all faults together, or None."""
    if not isinstance(body, Rejected):
        return invalid(*faults) if faults else None
    return body if body.reason is Reason.TOO_LARGE else invalid(*faults, *body.details.fields)
