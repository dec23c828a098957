"""What a fault is, and how it is undergone: prepared, inflicted, observed, ended, survived, measured."""

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar

import msgspec

from loadtests.figures import Figures, together
from tests.chaos.baskets import Ware
from tests.chaos.load import UNITS, Turn
from tests.chaos.looks import regarded
from tests.chaos.silences import longest_silence
from tests.chaos.stage import Stage

LEAST_WRITES = 100  # accepted before each fault, since the last one
LEAST_STOCK = (
    UNITS // 20
)  # units that can still be sold when a fault is over; buyers refused for want of them say little
FIRST_WRITES_S = 60.0
PROMISED_S = 5.0  # at most, for the death or pause of one process
MARGIN = 2.0  # a bound is no more than so many times what is said of the fault: machines have other things to do
UNNOTICED_S = (
    1.5  # nor less than this: in turns that nothing disturbs gaps are of up to 0.7 s over one of the protocols
)
UNNOTICED_ASKED = 5  # of 24 buyers, all of whom would ask again if anything were away; else none had to
BASKETS_LATER_S = 4.0  # six buyers buy them, and leave gaps of up to 3 s where nothing is struck
SHOWN_WITHIN_S = 2.0  # where availability is shown on
ONE_PROCESS = "one process"  # of which there are many kinds, with one figure
GAP_MS = 500  # a shorter time without an accepted write is no sign of anything
IMPATIENT = "no answer for"  # what a buyer says who gives up after 20 s


class Fault(ABC):
    """One thing that can happen.

    `what`: its name in tables; `inflicted`, `observed`, `ended`: how. `told_s`: the longest time without an accepted
    write that "When things die" in ARCHITECTURE.md says of it; 0: nothing is noticed. `bound_s`: the longest that there
    may be; `baskets_later_s`: so much longer of baskets and of the split event, which few buy. `within_s`: by when,
    after its end, all must be as before, or it has not been survived.
    `moves_a_clock`: from then on it is not said by shards' clocks whether something is told late.
    `ahead_s`: how far the clock of a shard may be ahead by it. `is_shown_on`: whether all who look at the event on sale
    are answered all the time, by one gateway. `unread_bound_s`: the longest time without an answer to them; none:
    `bound_s`, or `SHOWN_WITHIN_S` if that is longer.
    `struck`: whose death or pause it is, where that has a figure of its own over all kinds of faults. `is_single`:
    whether one process alone is struck.
    `excused`: what processes may log as an error because of it, by event, each with the reason; all else is a bug.
    """

    what: ClassVar[str]
    inflicted: ClassVar[str]
    observed: ClassVar[str]
    ended: ClassVar[str] = "by itself"
    struck: ClassVar[str] = ""
    is_single: ClassVar[bool] = False
    told_s: ClassVar[float] = 0.0
    bound_s: ClassVar[float] = UNNOTICED_S
    baskets_later_s: ClassVar[float] = BASKETS_LATER_S
    moves_a_clock: ClassVar[bool] = False
    ahead_s: ClassVar[float] = 0.0
    is_shown_on: ClassVar[bool] = False
    unread_bound_s: ClassVar[float | None] = None
    excused: ClassVar[Mapping[str, str]] = {}
    effect_within_s: ClassVar[float] = 20.0
    within_s: ClassVar[float] = 60.0

    def __init__(self) -> None:
        self.beside: list[tuple[float, Figures]] = []  # of other crowds: when each began, and what it came to
        self.shown = ""  # by `harm`: what the journal says
        self.stood_still_s = 0.0  # by `effect`, of a process that is paused: how long it was
        self.is_shown = True  # by `harm`: whether that says anything; if not, the fault does not count

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

    async def judge(self, stage: Stage, turn: Turn) -> list[str]:
        """What buyers were told and must not have been; asked when all have their answers."""
        return []

    async def tidy(self, stage: Stage) -> None:  # noqa: B027  # most have nothing to do here
        """Put away what was prepared; not measured."""


class Outcome(msgspec.Struct, frozen=True):
    """What came of a fault.

    `fault`: its `what`. `segment`: the number of the stack that underwent it. `effect`: what was observed; empty where
    nothing was, and then it does not count. `counted`: see `counts`, and `is_shown`. `unavailable_s`: the longest time
    without an accepted write. `recovered_s`: until when after it began there were such times over half a second.
    `restored_s`: until all processes were there again and it sold steadily. `took_s`: all of it, with what was prepared
    and tidied. `seen`: why clients had to ask again, by code. `impatient`: clients that gave up. `wrong`: what must not
    be. `stock`: units of the event that could still be sold at its end. `shown`: what the journal says of it.
    `unread_s`: the longest time without an answer to who looks at the event, `unread` why, by code; `stalest_s`: how
    old what was shown was at most, `back_s`: how far it went back. `stood_still_s`: how long who was paused did.
    `baskets_s`, `split_s`: the longest time in which nothing was accepted of baskets, or of the event that is split.
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
    stock: int
    took_s: float
    shown: str = ""
    unread_s: float = 0.0
    stalest_s: float = 0.0
    back_s: float = 0.0
    unread: dict[str, int] = {}
    stood_still_s: float = 0.0
    baskets_s: float = 0.0
    split_s: float = 0.0


def counts(effect: str, writes_before: int, stock: int) -> bool:
    """Whether a fault counts: it had an effect, enough was accepted since the last one, and there was stock left."""
    return bool(effect) and writes_before >= LEAST_WRITES and stock >= LEAST_STOCK


async def undergo(fault: Fault, stage: Stage, turn: Turn, segment: int) -> tuple[Outcome, Turn | None]:
    """What came of it, and the crowd that buys now; none where it was not survived, and the stack is of no more use."""
    wrong: list[str] = []
    effect = ""
    stock = 0
    came_at_s = began_at_s = time.monotonic()
    logged = await asyncio.to_thread(stage.logs.new_errors)
    try:
        await fault.prepare(stage)
        async with asyncio.timeout(FIRST_WRITES_S):
            await turn.until_accepted(LEAST_WRITES)
            await stage.onlooker.until_fresh()
        stage.onlooker.ahead_ms = int(fault.ahead_s * 1000)
        writes_before, began_at_s = turn.accepted, time.monotonic()
        effect = await _inflicted(fault, stage)
    except Exception as failure:
        writes_before = 0
        wrong.append(f"it could not be inflicted or ended: {failure!r}")
    next_turn = None
    try:
        async with asyncio.timeout(fault.within_s):
            await turn.until_accepted(LEAST_WRITES)
            await stage.until_whole()
            await turn.until_steady()
            restored_s = time.monotonic() - began_at_s
            await stage.onlooker.until_fresh()
            wrong += await fault.harm(stage)
            stock = await stage.load.stock()
            next_turn = await stage.load.next_turn()
    except Exception as failure:
        restored_s = time.monotonic() - began_at_s
        wrong.append(f"not survived within {fault.within_s:.0f} s ({failure!r}): {stage.missing or 'it does not sell'}")
    ended_at_s = time.monotonic()
    figures = await turn.end()
    wrong += await fault.judge(stage, turn)
    if not wrong:
        await fault.tidy(stage)
    wrong += [*logged, *await asyncio.to_thread(stage.logs.new_errors, fault.excused)]
    crowds = [(turn.began_at_s, figures), *fault.beside]
    unavailable_s, recovered_s = longest_gaps(crowds, began_at_s, ended_at_s)
    both = together(figures for _, figures in crowds)
    impatient = sum(number for error, number in both.errors.items() if IMPATIENT in error)
    wrong += unexplained(both.errors, fault.bound_s)
    seen = regarded(stage.onlooker.looks, began_at_s, ended_at_s, is_promised=fault.is_shown_on)
    wrong += seen.wrong
    taken_s = stage.baskets.taken_s
    baskets_s, split_s = (longest_silence(taken_s[ware], began_at_s, ended_at_s) for ware in (Ware.BASKETS, Ware.SPLIT))
    is_counted = fault.is_shown and counts(effect, writes_before, stock)
    outcome = Outcome(
        fault.what, segment, effect, is_counted, writes_before, both.write_count,
        unavailable_s, recovered_s, restored_s, both.asked_again, impatient, wrong,
        stock, time.monotonic() - came_at_s, fault.shown,
        seen.unread_s, seen.stalest_s, seen.back_s, seen.why_not, fault.stood_still_s, baskets_s, split_s,
    )  # fmt: skip
    return outcome, next_turn


async def _inflicted(fault: Fault, stage: Stage) -> str:
    """What was observed of it, empty where nothing was in its time; it is over then."""
    try:
        async with asyncio.timeout(fault.effect_within_s):
            await fault.inflict(stage)
            return await fault.effect(stage)
    except TimeoutError:
        return ""
    finally:
        await fault.end(stage)


def unexplained(errors: Mapping[str, int], bound_s: float) -> list[str]:
    """What nothing explains. That buyers gave up is explained by an outage, if so long a one may be."""
    return [
        f"{number} times {error}" for error, number in errors.items() if IMPATIENT not in error or bound_s <= PROMISED_S
    ]


def longest_gaps(crowds: Sequence[tuple[float, Figures]], began_at_s: float, ended_at_s: float) -> tuple[float, float]:
    """As `gaps`, the larger of each over the protocols, as who comes over one of them is not helped by the other."""
    protocols = dict.fromkeys(protocol for _, figures in crowds for protocol in figures.accepted_over)
    of_each = [gaps(_accepted(crowds, protocol, began_at_s, ended_at_s)) for protocol in protocols]
    longest, last_end = zip(*of_each, strict=True)
    return max(longest), max(last_end)


def _accepted(crowds: Sequence[tuple[float, Figures]], protocol: str, began_at_s: float, ended_at_s: float) -> bytes:
    """A byte for each ms between these two, 1 where one of the crowds had a write accepted over this protocol."""
    length = int((ended_at_s - began_at_s) * 1000)
    total = 0
    for crowd_began_at_s, figures in crowds:
        first = int((began_at_s - crowd_began_at_s) * 1000)
        at = bytes(max(-first, 0)) + bytes(figures.accepted_over.get(protocol, b"")[max(first, 0) :])
        total |= int.from_bytes(at[:length], "little")
    return total.to_bytes(length, "little")


def gaps(accepted_at: bytes) -> tuple[float, float]:
    """The longest time without an accepted write, and after how long the last over `GAP_MS` ended, in seconds."""
    longest = last_end = at = 0
    for silence in accepted_at.split(b"\1"):
        longest = max(longest, len(silence))
        at += len(silence)
        if len(silence) >= GAP_MS:
            last_end = at
        at += 1
    return longest / 1000, last_end / 1000
