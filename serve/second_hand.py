"""What is answered to a write that another replica may have been asked before this one.

HAProxy gives up a replica that is silent for 3 s, and asks another what it had not answered. What the first had sent
by then may have been done. The second finds out by the key, if it reaches the block. If not, "it was not done" is more
than it knows, and the outcome is unknown. HAProxy does not say whether it has asked before, so it goes by how old the
stamp of the arrival is (see `arrival`); a request that has merely waited for so long is told the same, which is true.

Not covered: a replica that dies, and does not hang, has its calls asked again at once, of whatever age. Where the
second can then reach no shard, it says so as if it had been the first.
"""

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from actors.core.outcomes import Reason, Rejected
from serve.arrival import wall_ms

OLD_MS = 2_500
"""Less than HAProxy's 3 s by more than its checks and two clocks are apart."""

NOT_YET = frozenset((Reason.UNAVAILABLE, Reason.OVERLOADED, Reason.RATE_LIMITED, Reason.DEADLINE_EXCEEDED))
"""What is said of a write that was not carried out and may be asked again."""

A = TypeVar("A")
P = ParamSpec("P")


def is_second_hand(arrived_ms: int) -> bool:
    """Whether another replica may have been asked before, of what arrived then by this machine's clock."""
    return wall_ms() - arrived_ms >= OLD_MS


def as_known(outcome: A, *, second_hand: bool) -> A | Rejected:
    """The outcome; or that it is not known. `second_hand`: as it was when the request was read."""
    if second_hand and isinstance(outcome, Rejected) and outcome.reason in NOT_YET:
        return Rejected(Reason.OUTCOME_UNKNOWN)
    return outcome


def write(
    method: Callable[Concatenate[Any, Any, P], Awaitable[A]],
) -> Callable[Concatenate[Any, Any, P], Awaitable[A | Rejected]]:
    """An operation that writes, whose first argument is the envelope: answers no more than is known."""

    @wraps(method)
    async def answered(self: Any, envelope: Any, /, *args: P.args, **kwargs: P.kwargs) -> A | Rejected:
        second_hand = is_second_hand(envelope.arrived_ms)
        return as_known(await method(self, envelope, *args, **kwargs), second_hand=second_hand)

    return answered
