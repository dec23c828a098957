"""Ways to break what quarantines rest on, gateways that hang, what they tell while an outcome is open or when a client
has left, and what is shown as due (see `controls`).
"""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from actors.core import block as core
from actors.core.outcomes import Reason, Rejected
from actors.core.state import BlockState
from actors.dispatch import _Errand
from actors.engine.leaving import Leaver
from actors.engine.withholding import Withholding
from actors.link.coalescer import Coalescer, Overloaded, _Waiting
from actors.projections import deadlines
from serve import second_hand
from serve.wakefulness import Wakefulness


def quarantines_stop_nobody(patch: pytest.MonkeyPatch) -> None:
    """A block that is here when it is quarantined is served on."""
    patch.setattr(Withholding, "_withhold", lambda *_: None)


def who_leaves_hears_nothing(patch: pytest.MonkeyPatch) -> None:
    """A shard that asks for its successor does not heed what else it is told."""

    class Deaf(Withholding):
        def heed(self, *_: object) -> None:
            """Do nothing."""

    begin = Leaver.__init__

    def deaf(self: Leaver, *arguments: Any) -> None:
        begin(self, *arguments)
        self._withholding = Deaf.__new__(Deaf)
        self._withholding.__dict__.update(vars(arguments[-2]))

    patch.setattr(Leaver, "__init__", deaf)


def corrections_believe_the_clock(patch: pytest.MonkeyPatch) -> None:
    """A quarantine began when the catalogue says, though by the block's time that is yet to come."""
    patch.setattr("actors.core.corrections.min", lambda since_ms, _: since_ms, raising=False)


def no_deadline_is_ever_over(patch: pytest.MonkeyPatch) -> None:
    """Where nothing falls due any more, the list of deadlines has what did last."""
    next_ms: dict[int, int] = {}

    def last_ms(state: BlockState) -> int | None:
        due = core.next_deadline_ms(state)
        if due is not None:
            next_ms[id(state)] = due
        return due or next_ms.get(id(state))

    patch.setattr(deadlines, "core", SimpleNamespace(next_deadline_ms=last_ms))


def a_hang_is_nothing(patch: pytest.MonkeyPatch) -> None:
    """A gateway that wakes up goes on with what it had, though another was asked meanwhile and said no."""
    patch.setattr(Wakefulness, "hangs", lambda _: 0)
    patch.setattr(Wakefulness, "slept_through", lambda *_: False)


def who_is_asked_second_says_no(patch: pytest.MonkeyPatch) -> None:
    """A gateway that reaches no shard says that it was not done, though one that hangs may have been asked before."""
    patch.setattr(second_hand, "NOT_YET", frozenset())


def an_open_outcome_is_told_as_no(patch: pytest.MonkeyPatch) -> None:
    """What a gateway tells where it cannot go on is a "no", though an earlier try may have been served."""
    patch.setattr(_Errand, "_unless_served", lambda _, reason: Rejected(reason))


def who_is_out_of_time_is_told_no(patch: pytest.MonkeyPatch) -> None:
    """Whose time is up is told that there was nobody, though a try was on its way or may have been served."""
    patch.setattr(_Errand, "out_of_time", lambda _: Rejected(Reason.UNAVAILABLE))


def who_leaves_takes_others_along(patch: pytest.MonkeyPatch) -> None:
    """Whose command is on its way together with that of a client who leaves, is told that it was not sent."""
    exchange = Coalescer._exchange

    async def exchange_together(self: Coalescer, batch: list[_Waiting]) -> None:
        def leave(answer: "asyncio.Future[Any]") -> None:
            for other in batch if answer.cancelled() else ():
                other.fail(Overloaded("somebody has left"))

        for waiting in batch:
            waiting.answer.add_done_callback(leave)
        await exchange(self, batch)

    patch.setattr(Coalescer, "_exchange", exchange_together)
