"""What goes wrong within processes: clocks, and a gateway that repeats itself."""

import asyncio
from typing import ClassVar

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

_OF_A_TIME_TO_COME = """
select block_id, position, recorded_at_ms - (extract(epoch from clock_timestamp()) * 1000)::bigint as ahead_ms
from journal
where recorded_at_ms > (extract(epoch from clock_timestamp()) * 1000)::bigint + 2000
"""


class ClockJumped(Fault):
    """The shards' clock jumps, and stays where it is."""

    jump_s: ClassVar[float]
    inflicted = "the clock that the shell hands to the engine"
    observed = "the shard's heartbeats are of another time"
    ended = "the shard leaves"
    bound_s = JUMP_BOUND_S

    async def inflict(self, stage: Stage) -> None:
        """Move it."""
        self._shard = (await stage.owner()).shard
        stage.within.shift_clock(stage.within.clock_shift_s + self.jump_s)

    async def effect(self, stage: Stage) -> str:
        """Until a heartbeat tells: at once if it jumped ahead, and if it jumped back by standing still."""
        while True:
            ahead_ms: int = (await stage.fetch(_AHEAD, self._shard))[0]["ahead_ms"]
            if ahead_ms * self.jump_s > 0 and abs(ahead_ms) > 3_000:
                return f"a heartbeat {ahead_ms / 1000:+.1f} s from Postgres's time"
            await asyncio.sleep(0.2)

    async def harm(self, stage: Stage) -> list[str]:
        """Rows of a time that has not come yet: what fell due by it has ended too early."""
        return [
            f"row {row['position']} of {row['block_id']} is of {row['ahead_ms'] / 1000:.1f} s from now"
            for row in await stage.fetch(_OF_A_TIME_TO_COME)
        ]


class ClockAhead(ClockJumped):
    """By half a minute, forward."""

    what = "clock of a shard moved forth by 30 s"
    jump_s = JUMP_S


class ClockBack(ClockJumped):
    """By half a minute, back."""

    what = "clock of a shard moved back by 30 s"
    jump_s = -JUMP_S


class ClockSwings(Fault):
    """Forth and back by less than what is believed, every second."""

    what = "clock of a shard swings by 1.5 s"
    inflicted = ClockJumped.inflicted
    observed = ClockJumped.observed
    ended = "after five times"

    async def inflict(self, stage: Stage) -> None:
        """Remember where it was."""
        self._shard = (await stage.owner()).shard
        self._before_s = stage.within.clock_shift_s

    async def effect(self, stage: Stage) -> str:
        """All the swings."""
        seen_ms: list[int] = []
        for _ in range(SWINGS):
            for shift_s in (SWING_S, 0.0):
                stage.within.shift_clock(self._before_s + shift_s)
                await asyncio.sleep(1.0)
                seen_ms.append((await stage.fetch(_AHEAD, self._shard))[0]["ahead_ms"])
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
