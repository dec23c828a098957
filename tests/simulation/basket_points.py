"""The points of a run at which something can go wrong, as the running code comes by them, and what goes wrong there.

A point is named for where it is: who asks whom for what, or who writes what, which step of it, and how often that has
been there before in the run. The same faults at the same points are the same run, so the names of faults and points are
the name of a run.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import NamedTuple

ROLES = ("gateway", "desk", "leg1", "leg2", "leg3")


class Step(StrEnum):
    """Where on its way something is."""

    SEND = "send"  # about to leave who asks
    RECEIVE = "receive"  # arrived, not served yet
    ANSWER = "answer"  # served, the answer is about to leave
    ANSWERED = "answered"  # the answer has arrived
    APPEND = "append"  # about to reach the journal
    APPENDED = "appended"  # durable, not acknowledged yet
    CHECK = "check"  # a look at the head of a journal, about to begin
    CHECKED = "checked"  # and about to be answered
    PAUSE = "pause"  # of who asks again later


class Point(NamedTuple):
    """`parties`: the roles that take part."""

    name: str
    step: Step
    parties: tuple[str, ...]


class Strike(NamedTuple):
    """A fault at a point."""

    point: str
    fault: str

    def __str__(self) -> str:
        return f"{self.fault} @ {self.point}"


DELAY, REPEAT, REPEAT_AFTER_TAKEOVER = "delay", "repeat", "repeat after takeover"
LOSE, LATE, REFUSE = "lose", "late", "refuse"
KILL, AWAY, DOUBLE = "kill", "away", "double"

_OF_STEP: dict[Step, tuple[str, ...]] = {
    Step.SEND: (DELAY, REPEAT, REPEAT_AFTER_TAKEOVER),
    Step.ANSWER: (LOSE,),
    Step.APPEND: (LATE, REFUSE),
    Step.APPENDED: (LOSE,),
    Step.CHECKED: (LOSE,),
}


def faults_at(point: Point) -> tuple[str, ...]:
    """Everything that can go wrong at a point: whoever it is dies, shards for longer too or not quite; and the rest.

    `kill`: a successor comes a second later. `away`: it comes so late that legs are in doubt. `double`: it comes at
    once, and the old one is still there.
    """
    shards = [role for role in point.parties if role != "gateway"]
    return (
        *(f"{KILL} {role}" for role in ROLES),
        *(f"{AWAY} {role}" for role in shards),
        *(f"{DOUBLE} {role}" for role in shards),
        *_OF_STEP.get(point.step, ()),
    )


def faults_of_parties(point: Point) -> tuple[str, ...]:
    """What goes wrong at a point with who takes part in it.

    That somebody else dies there is the same as that it dies at the last point before in which it took part.
    """
    return (*(f"{KILL} {role}" for role in point.parties), *_OF_STEP.get(point.step, ()))


class Points:
    """The points of one run. `strike`: carries out what befalls processes; the other faults are the place's own.

    `seen`: called at each point.
    """

    def __init__(self, strikes: Sequence[Strike], strike: Callable[[str], None], is_dead: Callable[[], bool]) -> None:
        self.trace: list[Point] = []
        self.tracing = False
        self.seen: Callable[[], None] | None = None
        self._outstanding = list(strikes)
        self._strike = strike
        self._is_dead = is_dead
        self._counts: Counter[str] = Counter()

    @property
    def outstanding(self) -> tuple[Strike, ...]:
        """The faults whose points did not come."""
        return tuple(self._outstanding)

    async def reach(self, step: Step, what: str, *parties: str) -> str:
        """Come by a point; the fault that its place is to carry out, or nothing. Who dies here never returns."""
        if not self.tracing:
            return ""
        label = f"{what} {step}"
        self._counts[label] += 1
        point = Point(f"{label} {self._counts[label]}", step, parties)
        self.trace.append(point)
        if self.seen is not None:
            self.seen()
        if not self._outstanding or self._outstanding[0].point != point.name:
            return ""
        fault = self._outstanding.pop(0).fault
        if not fault.startswith((f"{KILL} ", f"{AWAY} ", f"{DOUBLE} ")):
            return fault
        self._strike(fault)
        if self._is_dead():
            await asyncio.get_running_loop().create_future()
        return ""
