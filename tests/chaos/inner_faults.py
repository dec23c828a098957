"""What goes wrong within processes: clocks, and a gateway that repeats itself."""

import asyncio
from collections.abc import Sequence
from typing import ClassVar, NamedTuple

from actors.audit.ids import block_of_event
from tests.chaos.fault import Fault
from tests.chaos.stage import Stage

JUMP_S = 30.0
JUMP_BOUND_S = 20.0  # a shard whose clock is wrong leaves after ten beats
SWING_S = 1.5  # less than what is believed
SWINGS = 5
TWICE_FOR_S = 8.0

_AHEAD = """
select distinct on (shard) shard, heartbeat_at_ms - (extract(epoch from clock_timestamp()) * 1000)::bigint as ahead_ms
from shards
order by shard, epoch desc
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
MOVED_MS = 3_000  # the newest heartbeat of a shard whose clock is right is no further from Postgres's time
SWUNG_MS = 300  # so far a clock that swings is seen ahead of all others
HALF_SWING_S = 1.0
SWING_LOOKS = 10  # while it is forth, and as many while it is back


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


class Heartbeats(NamedTuple):
    """So far the newest are ahead of Postgres's clock, in ms: that of one shard, and those of the others."""

    own_ms: int
    others_ms: Sequence[int]

    def is_alone(self, jump_s: float) -> bool:
        """Whether this shard's alone is of another time, in the direction of the jump."""
        is_moved = self.own_ms * jump_s > 0 and abs(self.own_ms) > MOVED_MS
        return is_moved and bool(self.others_ms) and max(map(abs, self.others_ms)) <= MOVED_MS


class ClockMoved(Fault):
    """The clock of the shard that sells is not the journal's, nor that of other shards, with which desks and parts are:
    what it writes is held against the times when the rows came.
    """

    inflicted = "the clock that the shell of the shard that sells hands to the engine, and of no other"
    observed = "its heartbeats alone are of another time"
    moves_a_clock = True
    ahead_s = BELIEVED_AHEAD_S

    async def inflict(self, stage: Stage) -> None:
        """Remember whose it is, where it was, and which rows there are."""
        await stage.before_a_clock_moves()
        self._shard = (await stage.owner()).shard
        self._before_s = stage.within.clock_shift_s(self._shard)
        self._times = RowTimes()
        await self._times.begin(stage)

    def shift(self, stage: Stage, seconds: float) -> None:
        """The clock is so far from where it was before."""
        stage.within.shift_clock(self._shard, self._before_s + seconds)

    async def heartbeats(self, stage: Stage) -> Heartbeats:
        """As they are now."""
        ahead_ms: dict[str, int] = {row["shard"]: row["ahead_ms"] for row in await stage.fetch(_AHEAD)}
        return Heartbeats(ahead_ms.pop(self._shard), tuple(ahead_ms.values()))

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
        self.shift(stage, self.jump_s)

    async def effect(self, stage: Stage) -> str:
        """Until a heartbeat tells: at once if it jumped ahead, and if it jumped back by standing still."""
        while True:
            seen = await self.heartbeats(stage)
            if seen.is_alone(self.jump_s):
                others_s = max(map(abs, seen.others_ms)) / 1000
                return (
                    f"a heartbeat of {self._shard}, which sells, {seen.own_ms / 1000:+.1f} s from Postgres's time, "
                    f"of others at most {others_s:.1f} s"
                )
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
        """All the swings: now and then a heartbeat is ahead of the time, as no other shard's is."""
        seen: list[Heartbeats] = []
        for shift_s in (SWING_S, 0.0) * SWINGS:
            self.shift(stage, shift_s)
            for _ in range(SWING_LOOKS):
                await asyncio.sleep(HALF_SWING_S / SWING_LOOKS)
                seen.append(await self.heartbeats(stage))
        own_ms = max(each.own_ms for each in seen)
        others_ms = max((ahead_ms for each in seen for ahead_ms in each.others_ms), default=own_ms)
        if own_ms - others_ms < SWUNG_MS:
            return ""
        return (
            f"heartbeats of {self._shard}, which sells, up to {own_ms / 1000:+.1f} s from Postgres's time, "
            f"of others up to {others_ms / 1000:+.1f} s"
        )

    async def end(self, stage: Stage) -> None:
        """Where it was."""
        self.shift(stage, 0.0)


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
