"""What a route takes, gives and refuses, said once: the documentation is made from it."""

from typing import Any

import msgspec

from actors.core.outcomes import Reason
from serve.validation import Shape

CONTRACT = "contract"
"""The key under which a route handler's options bear its contract."""

ALWAYS = (
    Reason.INVALID_ARGUMENT,
    Reason.UNAUTHENTICATED,
    Reason.PERMISSION_DENIED,
    Reason.RATE_LIMITED,
    Reason.OVERLOADED,
    Reason.UNAVAILABLE,
    Reason.DEADLINE_EXCEEDED,
    Reason.INTERNAL,
)
"""What every operation may answer."""

ON_WRITES = (Reason.TOO_LARGE, Reason.OUTCOME_UNKNOWN, Reason.IDEMPOTENCY_KEY_REUSED)


class Contract(msgspec.Struct, frozen=True):
    """`body`: of a write; `query`: of a read. `refuses`: beyond what every operation may answer.

    `has_validator`: it bears an `ETag`, and is not sent to who names that in `If-None-Match`. `if_match`: the caller
    names the revision that it has read.
    """

    gives: type[msgspec.Struct]
    refuses: tuple[Reason, ...] = ()
    body: type[Shape] | None = None
    query: type[Shape] | None = None
    for_operators: bool = False
    has_validator: bool = False
    if_match: bool = False

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """All the reasons that the operation may answer, in order of precedence."""
        return tuple(sorted({*ALWAYS, *(ON_WRITES if self.body else ()), *self.refuses}))


def contract(
    gives: type[msgspec.Struct],
    *refuses: Reason,
    body: type[Shape] | None = None,
    query: type[Shape] | None = None,
    for_operators: bool = False,
    has_validator: bool = False,
    if_match: bool = False,
) -> dict[str, Any]:
    """A route handler's options: what it takes, gives and refuses, and from whom."""
    return {CONTRACT: Contract(gives, refuses, body, query, for_operators, has_validator, if_match)}
