"""How much of the machine others take while a stack is measured: what the kernel counts, without the stack's own."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

_TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
_OF_PROGRAMS = (0, 1, 2, 7)  # user, nice, system, stolen by the host; interrupts are as likely the stack's own network


class CpuTimes(NamedTuple):
    """Seconds of CPU so far: of all there is, and of each process that counts as our own, with its children's."""

    in_all_s: float
    own_s: dict[int, float]


def cpu_times(own: Iterable[int]) -> CpuTimes:
    """As of now."""
    counted = Path("/proc/stat").read_text().splitlines()[0].split()[1:]
    in_all = sum(int(counted[place]) for place in _OF_PROGRAMS)
    times = {pid: seconds for pid in own if (seconds := _taken_s(pid)) is not None}
    return CpuTimes(in_all / _TICKS_A_SECOND, times)


def foreign_share(before: CpuTimes, after: CpuTimes, span_s: float) -> float:
    """Which part of the machine's time others took. What died meanwhile is its parent's; in doubt it is our own."""
    own_s = sum(max(0.0, taken_s - before.own_s.get(pid, 0.0)) for pid, taken_s in after.own_s.items())
    others_s = after.in_all_s - before.in_all_s - own_s
    return min(1.0, max(0.0, others_s / (span_s * (os.cpu_count() or 1))))


def _taken_s(pid: int) -> float | None:
    """By all its threads and the children that it has outlived; None if it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return None
    return sum(map(int, fields[11:15])) / _TICKS_A_SECOND
