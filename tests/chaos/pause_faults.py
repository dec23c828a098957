"""Processes of a stack that hang for half a minute, each alone, and wake up."""

import asyncio
import os
import signal
import time
from abc import abstractmethod
from collections.abc import Mapping
from contextlib import suppress
from typing import ClassVar

from serve.local.processes import newest, state_of
from tests.chaos.fault import ONE_PROCESS, SHOWN_WITHIN_S, Fault
from tests.chaos.stage import Stage, until
from tests.stack.census import serving_gateway

PAUSE_S = 30.0
BACK_WITHIN_S = 15.0
WATCHED_PAUSE_S = 45.0  # one that hangs is ended after 25 s
GATEWAY_PAUSE_S = 20.0  # Serve ends one that hangs for a minute and a half


class Paused(Fault):
    """SIGSTOP of one process, and SIGCONT after half a minute, or `pause_s`.

    It counts only if the process stood still all the time; or, where somebody is to end one that hangs, if that came
    within `ended_within_s`.
    """

    pause_s: ClassVar[float] = PAUSE_S
    ended_within_s: ClassVar[float | None] = None
    struck = ONE_PROCESS
    is_single = True
    inflicted = "SIGSTOP"
    observed = "the process is stopped"
    ended = "SIGCONT after 30 s"
    effect_within_s = PAUSE_S + 20

    def __init__(self) -> None:
        super().__init__()
        self._pid = 0

    @abstractmethod
    async def victim(self, stage: Stage) -> int:
        """Whom to stop."""

    async def inflict(self, stage: Stage) -> None:
        """Stop it."""
        self._pid = await self.victim(stage)
        os.kill(self._pid, signal.SIGSTOP)

    async def effect(self, stage: Stage) -> str:
        """For as long as it is to hang, or until somebody has ended it."""
        await until(lambda: state_of(self._pid) == "T")
        began_s = time.monotonic()
        await until(lambda: state_of(self._pid) != "T" or time.monotonic() - began_s > self.pause_s)
        is_whole, self.stood_still_s = state_of(self._pid) == "T", time.monotonic() - began_s
        seen = f"pid {self._pid} in state T for {self.stood_still_s:.1f} s"
        if self.ended_within_s is None:
            return seen if is_whole else ""
        was_ended = not is_whole and self.stood_still_s <= self.ended_within_s
        return f"{seen}, then ended by {self.ender(stage)}" if was_ended else ""

    def ender(self, stage: Stage) -> str:
        """Who ended it, where somebody is to."""
        return "somebody"

    async def end(self, stage: Stage) -> None:
        """Wake it up."""
        if self._pid:
            with suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGCONT)


class GatewayPaused(Paused):
    """The replica that takes all requests hangs, and wakes up."""

    what = "gateway replica paused for 20 s"
    told_s = 3.3
    bound_s = 5.0
    pause_s = GATEWAY_PAUSE_S
    ended = "SIGCONT after 20 s"
    effect_within_s = GATEWAY_PAUSE_S + 20

    async def victim(self, stage: Stage) -> int:
        """Whom HAProxy names first."""
        return serving_gateway(stage.main)


class PartPaused(Paused):
    """A part of which there is one."""

    kind: ClassVar[str]

    async def victim(self, stage: Stage) -> int:
        """The one of this kind; one that somebody has just ended may be on its way back."""
        with suppress(TimeoutError):
            async with asyncio.timeout(BACK_WITHIN_S):
                await until(lambda: bool(stage.pids(self.kind)))
        pid = newest(stage.pids(self.kind))  # of HAProxy there may be one that only serves whom it had
        assert pid is not None, f"there is no {self.kind}"
        return pid


class HaproxyPaused(PartPaused):
    """What all requests come through."""

    what = "HAProxy paused for 30 s"
    told_s = 2.6
    bound_s = 5.0
    observed = "the process is stopped, and somebody ends it"
    ended = "by who ends one that hangs"
    kind = "haproxy"
    ended_within_s = 10.0

    def ender(self, stage: Stage) -> str:
        """The supervisor says so; else it was Serve, which looks less often."""
        has_said = f"HAProxy (pid {self._pid}) does not answer, and was killed" in " ".join(stage.main.said.split())
        return "the supervisor" if has_said else "Serve"


class HaproxyManagerPaused(PartPaused):
    """Who looks after HAProxy."""

    what = "HAProxy's manager paused for 30 s"
    told_s = 1.6
    bound_s = 3.2
    observed = "the process is stopped, and Serve ends it"
    ended = "by Serve"
    kind = "HAProxyManager"
    ended_within_s = 25.0

    def ender(self, stage: Stage) -> str:
        """Nobody else looks after it."""
        return "Serve"


class ControllerPaused(PartPaused):
    """Who looks after Serve's replicas and proxies."""

    what = "Serve's controller paused for 30 s"
    kind = "ServeController"


class WatchedPaused(PartPaused):
    """One of two that watch each other."""

    pause_s = WATCHED_PAUSE_S
    observed = "the process is stopped, and somebody ends it"
    ended = "by who ends one that hangs"
    ended_within_s = WATCHED_PAUSE_S
    excused: ClassVar[Mapping[str, str]] = {
        "it hung and was ended, Ray starts another": "that it hangs is the fault, and to end it what is to come of that"
    }
    effect_within_s = WATCHED_PAUSE_S + 20


class DirectoryPaused(WatchedPaused):
    """Who looks after shards."""

    what = "directory paused for 45 s"
    kind = "Directory"

    def ender(self, stage: Stage) -> str:
        """Who watches it."""
        return "the projector"


class ProjectorPaused(WatchedPaused):
    """Nobody who buys should notice; who looks is told as of when."""

    what = "projector paused for 45 s"
    kind = "ProjectorService"
    is_shown_on = True
    unread_bound_s = SHOWN_WITHIN_S

    def ender(self, stage: Stage) -> str:
        """Who watches it."""
        return "the directory"


class AuditorPaused(PartPaused):
    """Nobody who buys should notice."""

    what = "auditor paused for 30 s"
    kind = "AuditorService"


class RedisPaused(PartPaused):
    """Nobody who buys or looks should notice."""

    what = "Redis paused for 30 s"
    kind = "redis-server"
    is_shown_on = True
    unread_bound_s = SHOWN_WITHIN_S


class GcsPaused(PartPaused):
    """Ray's memory."""

    what = "Ray's GCS paused for 30 s"
    kind = "gcs_server"
    within_s = 120.0


class RayletPaused(PartPaused):
    """Ray's hand on this machine."""

    what = "raylet paused for 30 s"
    kind = "raylet"
    within_s = 120.0
