"""What a fault is, and how it is undergone: prepared, inflicted, observed, ended, survived, measured."""

import asyncio
import time
from abc import ABC, abstractmethod
from typing import ClassVar

import msgspec

from loadtests.figures import Figures
from tests.chaos.load import Turn
from tests.chaos.stage import Stage

LEAST_WRITES = 100  # accepted before each fault, since the last one
FIRST_WRITES_S = 60.0
PROMISED_S = 5.0
GAP_MS = 500  # a shorter time without an accepted write is no sign of anything
IMPATIENT = "no answer for"  # what a buyer says who gives up; an outage may be longer than that


class Fault(ABC):
    """One thing that can happen.

    `what`: its name in tables; `inflicted`, `observed`, `ended`: how. `bound_s`: the longest time without an accepted
    write that it may cause. `within_s`: by when, after its end, all must be as before, or it has not been survived.
    """

    what: ClassVar[str]
    inflicted: ClassVar[str]
    observed: ClassVar[str]
    ended: ClassVar[str] = "by itself"
    bound_s: ClassVar[float] = PROMISED_S
    effect_within_s: ClassVar[float] = 20.0
    within_s: ClassVar[float] = 60.0

    async def cannot(self) -> str:
        """Why it cannot be inflicted on this machine; empty if it can."""
        return ""

    async def prepare(self, stage: Stage) -> None:  # noqa: B027  # most have nothing to do here
        """What must be there before; buyers may feel that, and it is not measured."""

    @abstractmethod
    async def inflict(self, stage: Stage) -> None:
        """Do it."""

    @abstractmethod
    async def effect(self, stage: Stage) -> str:
        """Wait until it has shown an effect, and say which. Cancelled where there is none."""

    async def end(self, stage: Stage) -> None:  # noqa: B027  # most have nothing to do here
        """Let it be over, whether or not it had an effect."""

    async def harm(self, stage: Stage) -> list[str]:
        """What must not have come of it and has, beside what an audit finds; asked when all is as before."""
        return []

    async def tidy(self, stage: Stage) -> None:  # noqa: B027  # most have nothing to do here
        """Put away what was prepared; not measured."""


class Outcome(msgspec.Struct, frozen=True):
    """What came of a fault.

    `fault`: its `what`. `segment`: the number of the stack that underwent it. `effect`: what was observed; empty where
    nothing was, and then it does not count. `counted`: it had an effect, and at least 100 writes were accepted since
    the last one. `unavailable_s`: the longest time without an accepted write. `recovered_s`: until when after it began
    there were such times over half a second. `restored_s`: until all processes were there again and it sold steadily.
    `seen`: why clients had to ask again, by code. `impatient`: clients that gave up. `wrong`: what must not be.
    """

    fault: str
    segment: int
    effect: str
    counted: bool
    writes_before: int
    writes: int
    unavailable_s: float
    recovered_s: float
    restored_s: float
    seen: dict[str, int]
    impatient: int
    wrong: list[str]


async def undergo(fault: Fault, stage: Stage, turn: Turn, segment: int) -> tuple[Outcome, Turn | None]:
    """What came of it, and the crowd that buys now; none where it was not survived, and the stack is of no more use."""
    wrong: list[str] = []
    effect = ""
    await fault.prepare(stage)
    async with asyncio.timeout(FIRST_WRITES_S):
        await turn.until_accepted(LEAST_WRITES)
    writes_before = turn.accepted
    began_at_s = time.monotonic()
    try:
        try:
            async with asyncio.timeout(fault.effect_within_s):
                await fault.inflict(stage)
                effect = await fault.effect(stage)
        except TimeoutError:
            pass
        finally:
            await fault.end(stage)
    except Exception as failure:
        wrong.append(f"it could not be inflicted or ended: {failure!r}")
    next_turn = None
    try:
        async with asyncio.timeout(fault.within_s):
            await turn.until_accepted(LEAST_WRITES)
            await stage.until_whole()
            await turn.until_steady()
            restored_s = time.monotonic() - began_at_s
            wrong += await fault.harm(stage)
            next_turn = await stage.load.next_turn()
    except Exception as failure:
        restored_s = time.monotonic() - began_at_s
        wrong.append(f"not survived within {fault.within_s:.0f} s ({failure!r}): {stage.missing or 'it does not sell'}")
    ended_at_s = time.monotonic()
    figures = await turn.end()
    if not wrong:
        await fault.tidy(stage)
    first_ms, end_ms = (int((at_s - turn.began_at_s) * 1000) for at_s in (began_at_s, ended_at_s))
    unavailable_s, recovered_s = gaps(figures, first_ms, end_ms)
    if unavailable_s > fault.bound_s:
        wrong.append(f"nothing was sold for {unavailable_s:.1f} s, over the bound of {fault.bound_s:.0f} s")
    impatient = sum(number for error, number in figures.errors.items() if IMPATIENT in error)
    wrong += [f"{number} times {error}" for error, number in figures.errors.items() if IMPATIENT not in error]
    outcome = Outcome(
        fault.what, segment, effect, bool(effect) and writes_before >= LEAST_WRITES, writes_before, figures.write_count,
        unavailable_s, recovered_s, restored_s, figures.asked_again, impatient, wrong,
    )  # fmt: skip
    return outcome, next_turn


def gaps(figures: Figures, first_ms: int, end_ms: int) -> tuple[float, float]:
    """The longest time between these two without an accepted write, and after how long the last over `GAP_MS` ended."""
    longest = last_end = at = 0
    for silence in bytes(figures.accepted_at[first_ms:end_ms]).split(b"\1"):
        longest = max(longest, len(silence))
        at += len(silence)
        if len(silence) >= GAP_MS:
            last_end = at
        at += 1
    return longest / 1000, last_end / 1000
