"""A crowd that buys all the time: one takes over from the other, so that each fault has figures of its own."""

import asyncio
import secrets
import time
from collections.abc import Sequence
from pathlib import Path

from loadtests.crowd import Crowd
from loadtests.figures import Figures, together
from loadtests.house import BEST_SHARE, House, HouseKind
from loadtests.load_process import Task
from loadtests.server import Administration, Server

UNITS = 200_000
STOCK_SHARE = 0.9  # with less than that left, the next crowd goes to a fresh event: the longest fault needs half of one
HOLD_TTL_S = 12
BUYERS = 12  # over each protocol
PROCESSES = 2  # of a crowd: buyers of one process tell each other what is gone
FRONT_SEATS = 200
EAGER_SHARE = 0.6  # of the choices of seats by name: for the front
LONGEST_MS = 600_000
BEGIN_AFTER_S = 0.05
LOOK_EVERY_S = 0.05
STEADY_S = 2.0
PULSES_S = 1.0  # in which something must have been accepted while it is steady

HOUSE = House(UNITS, HouseKind.MIXED)


class Turn:
    """One crowd: when it began, and what it has had accepted. `figures`: what it came to, when it has ended."""

    def __init__(self, tasks: Sequence[Task]) -> None:
        self._crowd = Crowd(tasks)
        self.calls_files = [Path(task.calls_file) for task in tasks]
        self.began_at_s = 0.0
        self.figures: Figures | None = None

    async def begin(self) -> None:
        """Return when it buys."""
        await self._crowd.start()
        self.began_at_s = time.monotonic() + BEGIN_AFTER_S
        self._crowd.begin(self.began_at_s)

    async def end(self) -> Figures:
        """Stop it; its figures when the last answer is there."""
        self._crowd.stop()
        try:
            self.figures = together(await self._crowd.finish())
            return self.figures
        finally:
            await self._crowd.close()

    async def abandon(self) -> None:
        """End it at once; what it was told last may be lost."""
        await self._crowd.close()

    @property
    def accepted(self) -> int:
        """Writes so far, as of its last pulse."""
        return self._crowd.pulse().accepted

    async def until_accepted(self, count: int) -> None:
        """Until so many more writes were accepted than now."""
        wanted = self.accepted + count
        while self.accepted < wanted:  # noqa: ASYNC110  # it tells by pulses
            await asyncio.sleep(LOOK_EVERY_S)

    async def until_steady(self) -> None:
        """Until for two seconds something was accepted in each."""
        steady_since_s, last, last_at_s = time.monotonic(), self.accepted, time.monotonic()
        while time.monotonic() - steady_since_s < STEADY_S:
            await asyncio.sleep(LOOK_EVERY_S)
            now_s, accepted = time.monotonic(), self.accepted
            if accepted > last:
                last, last_at_s = accepted, now_s
            elif now_s - last_at_s > PULSES_S:
                steady_since_s = now_s


class Load:
    """The crowds of a stack, and the events that they buy: `event_id` is the one that is on sale now.

    `buyers`: over each protocol. `calls_files`: of each crowd that has begun.
    """

    def __init__(self, server: Server, folder: Path, buyers: int = BUYERS) -> None:
        self._buyers = buyers
        self.server = server
        self.event_id = ""
        self.calls_files: list[Path] = []
        self._folder = folder
        self._administration = Administration(server)
        self._run = secrets.token_hex(4)
        self._begun = 0
        self._fronts = 0
        self._turns: list[Turn] = []

    async def next_turn(self, server: Server | None = None, event_id: str = "") -> Turn:
        """A crowd that buys, of an event with stock left; of this event from another server, where they are given."""
        if not event_id:
            await self._stock()
            self._fronts += 1
        self._begun += 1
        turn = Turn(self._tasks(server or self.server, event_id or self.event_id))
        try:
            await turn.begin()
        except BaseException:
            await turn.abandon()
            raise
        self.calls_files += turn.calls_files
        self._turns.append(turn)
        return turn

    def _tasks(self, server: Server, event_id: str) -> list[Task]:
        """Processes that know nothing of each other, and want the same few seats, which nobody has wanted before.

        Who sends a crowd to an event that has one already has it want the same.
        """
        first = self._fronts * FRONT_SEATS % (HOUSE.seat_count - FRONT_SEATS)
        ahead_us = (time.time_ns() - time.monotonic_ns()) // 1000
        return [
            Task(
                http_url=server.http_url,
                grpc_target=server.grpc_target,
                api_key=server.api_key,
                event_id=event_id,
                units=UNITS,
                house=HouseKind.MIXED,
                best_share=BEST_SHARE,
                http_buyers=self._buyers // PROCESSES,
                grpc_buyers=self._buyers // PROCESSES,
                duration_ms=LONGEST_MS,
                part=part,
                parts=PROCESSES,
                run=f"{self._run}-{self._begun}",
                calls_file=str(self._folder / f"calls-{self._begun}-{part}.jsonl"),
                clock_ahead_us=ahead_us,
                front=(first, first + FRONT_SEATS),
                eager_share=EAGER_SHARE,
            )
            for part in range(PROCESSES)
        ]

    @property
    def figures(self) -> Figures:
        """What all crowds that have ended came to."""
        return together(turn.figures for turn in self._turns if turn.figures is not None)

    async def stock(self) -> int:
        """How many units of the event on sale are available, when the server can tell."""
        while (units := await self._administration.availability(self.event_id)) is None:  # noqa: ASYNC110  # as above
            await asyncio.sleep(LOOK_EVERY_S)
        return units.available

    async def close(self) -> None:
        """End what it needs for itself."""
        await self._administration.close()

    async def _stock(self) -> None:
        """See to it that the event on sale has stock left."""
        if self.event_id and await self.stock() > UNITS * STOCK_SHARE:
            return
        key = f"chaos-{self._run}-{self._begun}"
        self.event_id = await self._administration.create_event(key, HOUSE.layout(), HOLD_TTL_S, key)
