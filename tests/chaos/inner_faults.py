"""What goes wrong within processes: clocks, and a gateway that repeats itself."""

import asyncio
from collections.abc import Sequence
from typing import ClassVar

from actors.audit.ids import block_of_event
from tests.chaos.fault import Fault
from tests.chaos.stage import Stage

JUMP_S = 30.0
JUMP_BOUND_S = 20.0  # a shard whose clock is wrong leaves after ten beats
SWING_S = 1.5  # less than what is believed
SWINGS = 5
TWICE_FOR_S = 8.0

_AHEAD = """
select heartbeat_at_ms - (extract(epoch from clock_timestamp()) * 1000)::bigint as ahead_ms
from shards
where shard = $1
order by epoch desc
limit 1
"""

_LAST = "select coalesce(max(position), 0) from journal where block_id = $1"
_SINCE = """
select position, recorded_at_ms - (extract(epoch from clock_timestamp()) * 1000)::bigint as ahead_ms
from journal
where block_id = $1 and position > $2
order by position
"""
BELIEVED_AHEAD_S = 5.0  # see `JournalClock.sure_ms`: two beyond what the journal told, three that it took to tell
LOOK_EVERY_S = 0.25


class RowTimes:
    """Of what time the rows of the event on sale are, as seen within a moment of when each is written, in seconds from
    then.
    """

    def __init__(self) -> None:
        self._seen_s: list[float] = []
        self._looking: asyncio.Task[None] | None = None

    async def begin(self, stage: Stage) -> None:
        """Look from now on."""
        block = block_of_event(stage.load.event_id)
        ((position,),) = await stage.fetch(_LAST, block)
        self._looking = asyncio.create_task(self._look(stage, block, position))

    async def _look(self, stage: Stage, block: str, position: int) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            rows = await stage.fetch(_SINCE, block, position)
            self._seen_s += [row["ahead_ms"] / 1000 for row in rows]
            position = rows[-1]["position"] if rows else position

    async def end(self) -> list[float]:
        """What was seen, in order of positions."""
        assert self._looking is not None, "it was begun"
        self._looking.cancel()
        await asyncio.wait([self._looking])
        if not self._looking.cancelled() and (failure := self._looking.exception()) is not None:
            raise failure
        return self._seen_s


def of_another_time(seen_s: Sequence[float]) -> list[str]:
    """What must not be: rows of a time to come, as what falls due by it ends too early; or of one that is long gone, by
    which nothing falls due.
    """
    if not seen_s:
        return ["nobody saw a row being written"]
    wrong = []
    if max(seen_s) > BELIEVED_AHEAD_S:
        wrong.append(f"rows are of up to {max(seen_s):.1f} s from when they were written")
    if min(seen_s) < -JUMP_BOUND_S:
        wrong.append(f"rows are of up to {-min(seen_s):.1f} s before they were written")
    return wrong


class ClockMoved(Fault):
    """The shards' clock is not the journal's: what they write is held against the times when the rows came."""

    inflicted = "the clock that the shell hands to the engine"
    observed = "the shard's heartbeats are of another time"
    ahead_s = BELIEVED_AHEAD_S

    async def inflict(self, stage: Stage) -> None:
        """Remember whose it is, where it was, and which rows there are."""
        stage.is_clock_moved = True
        self._shard = (await stage.owner()).shard
        self._before_s = stage.within.clock_shift_s
        self._times = RowTimes()
        await self._times.begin(stage)

    async def ahead_ms(self, stage: Stage) -> int:
        """Of Postgres's clock, by the newest heartbeat."""
        ahead_ms: int = (await stage.fetch(_AHEAD, self._shard))[0]["ahead_ms"]
        return ahead_ms

    async def harm(self, stage: Stage) -> list[str]:
        """Rows of another time."""
        return of_another_time(await self._times.end())


class ClockJumped(ClockMoved):
    """It jumps, and stays where it is."""

    jump_s: ClassVar[float]
    ended = "the shard leaves"
    told_s = 12.5
    bound_s = JUMP_BOUND_S

    async def inflict(self, stage: Stage) -> None:
        """Move it."""
        await super().inflict(stage)
        stage.within.shift_clock(self._before_s + self.jump_s)

    async def effect(self, stage: Stage) -> str:
        """Until a heartbeat tells: at once if it jumped ahead, and if it jumped back by standing still."""
        while True:
            ahead_ms = await self.ahead_ms(stage)
            if ahead_ms * self.jump_s > 0 and abs(ahead_ms) > 3_000:
                return f"a heartbeat {ahead_ms / 1000:+.1f} s from Postgres's time"
            await asyncio.sleep(0.2)


class ClockAhead(ClockJumped):
    """By half a minute, forward."""

    what = "clock of a shard moved forth by 30 s"
    jump_s = JUMP_S


class ClockBack(ClockJumped):
    """By half a minute, back."""

    what = "clock of a shard moved back by 30 s"
    jump_s = -JUMP_S


class ClockSwings(ClockMoved):
    """Forth and back by less than what is believed, every second."""

    what = "clock of a shard swings by 1.5 s"
    ended = "after five times"

    async def effect(self, stage: Stage) -> str:
        """All the swings."""
        seen_ms: list[int] = []
        for _ in range(SWINGS):
            for shift_s in (SWING_S, 0.0):
                stage.within.shift_clock(self._before_s + shift_s)
                await asyncio.sleep(1.0)
                seen_ms.append(await self.ahead_ms(stage))
        spread_ms = max(seen_ms) - min(seen_ms)
        return f"heartbeats spread over {spread_ms / 1000:.1f} s" if spread_ms > SWING_S * 500 else ""

    async def end(self, stage: Stage) -> None:
        """Where it was."""
        stage.within.shift_clock(self._before_s)


class SentTwice(Fault):
    """Every batch, for a while; either answer is taken."""

    what = "a gateway sends every batch twice"
    inflicted = "the coalescer's transport"
    observed = "so many batches were sent twice"
    ended = "after 8 s"

    async def inflict(self, stage: Stage) -> None:
        """Begin."""
        self._before = stage.within.sent_twice
        stage.within.send_twice(True)

    async def effect(self, stage: Stage) -> str:
        """For as long as it is to last."""
        await asyncio.sleep(TWICE_FOR_S)
        count = stage.within.sent_twice - self._before
        return f"{count} batches sent twice" if count else ""

    async def end(self, stage: Stage) -> None:
        """Stop."""
        stage.within.send_twice(False)
