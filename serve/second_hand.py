"""What is answered to a write that another replica may have been asked before this one.

HAProxy asks another replica what one that died or hung had not answered. What the first had sent by then may have been
done. The second finds out by the key, if it reaches the block. If not, "it was not done" is more than it knows, and the
outcome is unknown.

HAProxy says whether it may have asked before. A call bears the name of the first replica that was up when it arrived,
who is asked before all others, and whoever is asked is told its own name. Where the two differ, the first may have read
the call. Where all replicas share the calls, none is asked what another was, and no call bears either name.
"""

from collections.abc import Awaitable, Callable, Sequence
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from actors.core.outcomes import Reason, Rejected

FIRST_HEADER = "x-holdfast-first"
"""Header over HTTP, metadata over gRPC: which replica was to be asked; from HAProxy to replicas only."""

ASKED_HEADER = "x-holdfast-asked"
"""Likewise: which replica this is."""

NOT_YET = frozenset((Reason.UNAVAILABLE, Reason.OVERLOADED, Reason.RATE_LIMITED, Reason.DEADLINE_EXCEEDED))
"""What is said of a write that was not carried out and may be asked again."""

A = TypeVar("A")
P = ParamSpec("P")


def is_second_hand(first: Sequence[str | bytes], asked: Sequence[str | bytes]) -> bool:
    """Whether another replica may have been asked before, of what bears these values of the two headers."""
    return bool(first) and list(first) != list(asked)


def as_known(outcome: A, *, second_hand: bool) -> A | Rejected:
    """The outcome; or that it is not known."""
    if second_hand and isinstance(outcome, Rejected) and outcome.reason in NOT_YET:
        return Rejected(Reason.OUTCOME_UNKNOWN)
    return outcome


def write(
    method: Callable[Concatenate[Any, Any, P], Awaitable[A]],
) -> Callable[Concatenate[Any, Any, P], Awaitable[A | Rejected]]:
    """An operation that writes, whose first argument is the envelope: answers no more than is known."""

    @wraps(method)
    async def answered(self: Any, envelope: Any, /, *args: P.args, **kwargs: P.kwargs) -> A | Rejected:
        return as_known(await method(self, envelope, *args, **kwargs), second_hand=envelope.second_hand)

    return answered
