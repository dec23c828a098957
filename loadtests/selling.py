"""The time in which a crowd buys: shown as it goes, ended when all is sold, disturbed if that is wanted."""

import asyncio
import time

import asyncpg
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from loadtests.crowd import Crowd
from loadtests.figures import Figures
from loadtests.kills import Kill, KillFailed, kill_owner
from loadtests.load_process import Task
from loadtests.server import Administration, Owner, block_of

BEGIN_AFTER_S = 0.2
SHOW_EVERY_S = 0.2
LOOK_AT_EVENT_EVERY_S = 1.0


class Selling:
    """The time in which the crowd buys: watched, shown, disturbed."""

    def __init__(
        self, seconds: float, kills_wanted: int, administration: Administration, event_id: str, console: Console
    ) -> None:
        self.figures: list[Figures] = []
        self.kills: list[Kill] = []
        self.kill_faults: list[str] = []
        self.elapsed_s = seconds
        self.sold_out = False
        self._seconds = seconds
        self._kills_wanted = kills_wanted
        self._administration = administration
        self._event_id = event_id
        self._console = console
        self._starts_at_s = 0.0
        self._left = ""

    async def run(self, tasks: list[Task]) -> None:
        """Return when all buyers have their last answer. Raises CrowdFailed."""
        crowd = Crowd(tasks)
        beside: list[asyncio.Task[None]] = []
        try:
            await crowd.start()
            self._starts_at_s = time.monotonic() + BEGIN_AFTER_S
            crowd.begin(self._starts_at_s)
            steps = (self._show(crowd), self._until_sold_out(crowd), self._kill(crowd))
            beside = [asyncio.create_task(step) for step in steps]
            self.figures = await crowd.finish()
        finally:
            for task in beside:
                task.cancel()
            ended = await asyncio.gather(*beside, return_exceptions=True)
            await crowd.close()
        for outcome in ended:
            if isinstance(outcome, Exception):
                raise outcome
        if len(self.kills) < self._kills_wanted and not self.kill_faults:
            self.kill_faults.append(f"{len(self.kills)} of {self._kills_wanted} kills fitted into the time")

    async def _show(self, crowd: Crowd) -> None:
        with progress_bar(self._console, "{task.fields[said]}") as progress:
            bar = progress.add_task("selling", total=self._seconds, said="")
            while True:
                await asyncio.sleep(SHOW_EVERY_S)
                pulse = crowd.pulse()
                gone_s = max(time.monotonic() - self._starts_at_s, 0.001)
                said = (
                    f"{pulse.new / gone_s:,.0f}/s new, {pulse.refused:,} refused, {pulse.errors:,} errors{self._left}"
                )
                progress.update(bar, completed=min(gone_s, self._seconds), said=said)

    async def _until_sold_out(self, crowd: Crowd) -> None:
        while True:
            await asyncio.sleep(LOOK_AT_EVENT_EVERY_S)
            units = await self._administration.availability(self._event_id)
            if units is None:
                continue
            self._left = f", {units.available:,} left"
            if units.sold and not units.available and not units.held:
                self.sold_out = True
                self.elapsed_s = min(time.monotonic() - self._starts_at_s, self.elapsed_s)
                crowd.stop()
                return

    async def _kill(self, crowd: Crowd) -> None:
        killed: set[int] = set()
        for number in range(1, self._kills_wanted + 1):
            at_s = self._starts_at_s + self._seconds * number / (self._kills_wanted + 1)
            await asyncio.sleep(max(at_s - time.monotonic(), 0))
            try:
                kill = await kill_owner(self._find_owner, lambda: crowd.pulse().in_flight, self._starts_at_s, killed)
            except (KillFailed, OSError, asyncpg.PostgresError) as failure:
                self.kill_faults.append(str(failure))
                return
            self.kills.append(kill)
            self._console.print(
                f"kill -9 {kill.pid} ({kill.shard}), block {block_of(self._event_id)}, "
                f"{kill.in_flight} commands in flight"
            )

    async def _find_owner(self) -> Owner | None:
        return await self._administration.owner_of(self._event_id)


def progress_bar(console: Console, said: str) -> Progress:
    """A bar that says `said` (a template of the task's fields) and when it will be over."""
    return Progress(
        TextColumn("{task.description}"), BarColumn(), TextColumn(said), TimeRemainingColumn(), console=console
    )
