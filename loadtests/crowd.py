"""The processes of buyers: started together, begun at one moment, ended together."""

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Sequence

import msgspec

from loadtests.figures import Figures
from loadtests.load_process import Done, Pulse, Task

START_TIMEOUT_S = 60.0
LINE_LIMIT_BYTES = 1 << 28  # figures bear a byte per millisecond

_answers = msgspec.json.Decoder(Pulse | Done)


class CrowdFailed(Exception):
    """A process of buyers ended before its time; its own words are on standard error."""


class Crowd:
    """Buyers in several processes. `close` ends what is left of them, whatever happened."""

    def __init__(self, tasks: Sequence[Task]) -> None:
        self._tasks = tasks
        self._processes: list[Process] = []
        self._readers: list[asyncio.Task[Figures]] = []
        self._pulses = [Pulse()] * len(tasks)

    async def start(self) -> None:
        """Return when all are ready to begin. Raises CrowdFailed."""
        for task in self._tasks:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "loadtests.load_process", stdin=PIPE, stdout=PIPE, limit=LINE_LIMIT_BYTES
            )
            self._processes.append(process)
            _say(process, msgspec.json.encode(task))
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                ready = await asyncio.gather(*(_line(process) for process in self._processes))
        except TimeoutError:
            raise CrowdFailed(f"not ready within {START_TIMEOUT_S:.0f} s") from None
        assert all(line == b"ready\n" for line in ready), "a process says that it is ready before anything else"

    def begin(self, starts_at_s: float) -> None:
        """Let all begin at that moment of the machine's monotonic clock."""
        for number, process in enumerate(self._processes):
            _say(process, repr(starts_at_s).encode())
            self._readers.append(asyncio.create_task(self._follow(number, process)))

    def stop(self) -> None:
        """End early: what is in flight is still waited for."""
        for process in self._processes:
            _say(process, b"stop")

    async def finish(self) -> list[Figures]:
        """The figures of each process, when all are at their end. Raises CrowdFailed."""
        return list(await asyncio.gather(*self._readers))

    def pulse(self) -> Pulse:
        """Where they all are together."""
        sums = map(sum, zip(*(msgspec.structs.astuple(pulse) for pulse in self._pulses), strict=True))
        return Pulse(*sums)

    async def close(self) -> None:
        """End what still runs."""
        for reader in self._readers:
            reader.cancel()
        for process in self._processes:
            if process.returncode is None:
                process.kill()
            await process.wait()

    async def _follow(self, number: int, process: Process) -> Figures:
        while True:
            answer = _answers.decode(await _line(process))
            if isinstance(answer, Done):
                return answer.figures
            self._pulses[number] = answer


def _say(process: Process, line: bytes) -> None:
    assert process.stdin is not None
    process.stdin.write(line + b"\n")


async def _line(process: Process) -> bytes:
    assert process.stdout is not None
    line = await process.stdout.readline()
    if not line:
        raise CrowdFailed(f"a process of buyers ended with code {await process.wait()}")
    return line
