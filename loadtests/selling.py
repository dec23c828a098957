"""The time in which a crowd buys: shown as it goes, ended when all is sold, disturbed if that is wanted."""

import asyncio
import math
import time
from functools import partial

import asyncpg
import msgspec
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from actors.audit.ids import event_of
from loadtests.changes import Change, ChangeFailed, Changes, FleetHand, Kind
from loadtests.crowd import Crowd
from loadtests.event_blocks import EventBlocks
from loadtests.figures import Figures
from loadtests.kills import Kill, KillFailed, kill_owner
from loadtests.load_process import Task
from loadtests.server import Administration, Availability, block_of

BEGIN_AFTER_S = 0.2
SHOW_EVERY_S = 0.2
LOOK_AT_EVENT_EVERY_S = 1.0
LOOK_AT_CLOCK_EVERY_S = 0.05


class Wanted(msgspec.Struct, frozen=True):
    """How long the crowd buys at most, and what is to happen meanwhile.

    Kills and changes come at even steps of the time, or with `until_sold_out` of what is sold.
    """

    seconds: float
    kills: int = 0
    moves: int = 0
    resizes: int = 0
    until_sold_out: bool = False


class Selling:
    """The time in which the crowd buys: watched, shown, disturbed.

    The blocks that sell are moved in turn, and the shard is killed that serves the next of them. `hand`: who makes
    changes, if some are wanted.
    """

    def __init__(
        self,
        wanted: Wanted,
        administration: Administration,
        event: EventBlocks,
        console: Console,
        hand: FleetHand | None = None,
    ) -> None:
        self.figures: list[Figures] = []
        self.kills: list[Kill] = []
        self.kill_faults: list[str] = []
        self.changes: list[Change] = []
        self.change_faults: list[str] = []
        self.elapsed_s = wanted.seconds
        self.units: Availability | None = None  # as last seen
        self.full_at_ms: int | None = None  # when nothing was first seen to be available
        self.sold_out = False
        self._wanted = wanted
        self._administration = administration
        self._event = event
        self._console = console
        self._changes = None if hand is None else Changes(hand, event.that_sell, wanted.moves, wanted.resizes)
        self._starts_at_s = 0.0
        self._is_over = False

    async def run(self, tasks: list[Task]) -> None:
        """Return when all buyers have their last answer. Raises CrowdFailed."""
        crowd = Crowd(tasks)
        beside: list[asyncio.Task[None]] = []
        changing: asyncio.Task[None] | None = None
        try:
            await crowd.start()
            self._starts_at_s = time.monotonic() + BEGIN_AFTER_S
            crowd.begin(self._starts_at_s)
            steps = (self._show(crowd), self._until_sold_out(crowd), self._kill(crowd))
            beside = [asyncio.create_task(step) for step in steps]
            if self._changes is not None:
                changing = asyncio.create_task(self._change(self._changes))
            self.figures = await crowd.finish()
            self._is_over = True
            if changing is not None:
                await changing  # a change that has begun is brought to its end
        finally:
            for task in beside if changing is None else [*beside, changing]:
                task.cancel()
            ended = await asyncio.gather(*beside, return_exceptions=True)
            await crowd.close()
        for outcome in ended:
            if isinstance(outcome, Exception):
                raise outcome
        self._count_what_was_wanted()

    def _count_what_was_wanted(self) -> None:
        for done, wanted, faults, what in (
            (len(self.kills), self._wanted.kills, self.kill_faults, "kills"),
            (self._made(Kind.MOVE), self._wanted.moves, self.change_faults, "moves"),
            (self._made(Kind.RESIZE), self._wanted.resizes, self.change_faults, "resizes"),
        ):
            if done < wanted and not faults:
                faults.append(f"{done} of {wanted} {what} fitted into the time")

    def _made(self, kind: Kind) -> int:
        return sum(change.kind is kind for change in self.changes)

    async def _reach(self, share: float) -> None:
        """Wait until this share of the time is gone, or of the units sold; or all is over."""
        while not self._is_over:
            gone = (time.monotonic() - self._starts_at_s) / self._wanted.seconds
            if self._wanted.until_sold_out:
                units = self.units
                gone = 0.0 if units is None else units.sold / max(units.available + units.held + units.sold, 1)
            if gone >= share:
                return
            await asyncio.sleep(LOOK_AT_CLOCK_EVERY_S)

    async def _show(self, crowd: Crowd) -> None:
        with progress_bar(self._console, "{task.fields[said]}") as progress:
            bar = progress.add_task("selling", total=self._wanted.seconds, said="")
            while True:
                await asyncio.sleep(SHOW_EVERY_S)
                pulse = crowd.pulse()
                gone_s = max(time.monotonic() - self._starts_at_s, 0.001)
                left = "" if self.units is None else f", {self.units.available:,} left"
                said = f"{pulse.new / gone_s:,.0f}/s new, {pulse.refused:,} refused, {pulse.errors:,} errors{left}"
                progress.update(bar, completed=min(gone_s, self._wanted.seconds), said=said)

    async def _until_sold_out(self, crowd: Crowd) -> None:
        while True:
            await asyncio.sleep(LOOK_AT_EVENT_EVERY_S)
            units = await self._administration.availability(event_of(self._event.home))
            if units is None:
                continue
            self.units = units
            if self.full_at_ms is None and not units.available:
                self.full_at_ms = int((time.monotonic() - self._starts_at_s) * 1000)
            if units.sold and not units.available and not units.held:
                self.sold_out = True
                self.elapsed_s = min(time.monotonic() - self._starts_at_s, self.elapsed_s)
                crowd.stop()
                return

    async def _kill(self, crowd: Crowd) -> None:
        killed: set[int] = set()
        for number in range(1, self._wanted.kills + 1):
            await self._reach(number / (self._wanted.kills + 1))
            if self._is_over:
                return
            block = self._event.that_sell[(number - 1) % len(self._event.that_sell)]
            find_owner = partial(self._administration.owner_of, block)
            try:
                kill = await kill_owner(find_owner, lambda: crowd.pulse().in_flight, self._starts_at_s, killed)
            except (KillFailed, OSError, asyncpg.PostgresError) as failure:
                self.kill_faults.append(str(failure))
                return
            self.kills.append(kill)
            self._console.print(
                f"kill -9 {kill.pid} ({kill.shard}), block {block_of(block)}, {kill.in_flight} commands in flight"
            )

    async def _change(self, changes: Changes) -> None:
        count = self._wanted.moves + self._wanted.resizes
        for number in range(1, count + 1):
            await self._reach(number / (count + 1))
            if self._is_over:
                break
            try:
                change = await changes.make_one(self._starts_at_s)
            except ChangeFailed as failure:
                self.change_faults.append(str(failure))
                continue
            self.changes.append(change)
            self._console.print(f"{change.what}: {change.said}")
        await self._reach(math.inf)
        try:
            await changes.undo()
        except ChangeFailed as failure:
            self.change_faults.append(str(failure))


def progress_bar(console: Console, said: str) -> Progress:
    """A bar that says `said` (a template of the task's fields) and when it will be over."""
    return Progress(
        TextColumn("{task.description}"), BarColumn(), TextColumn(said), TimeRemainingColumn(), console=console
    )
