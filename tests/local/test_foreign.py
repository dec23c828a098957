"""What others take of a machine is told from what a stack takes (see `stack.foreign`)."""

import os
import subprocess
import sys
import time

import pytest

from tests.stack.foreign import CpuTimes, cpu_times, foreign_share

BURNS_S = 0.6
ALONE = "import time\nwhile time.process_time() < {burns_s}: pass\n"
BY_A_CHILD = "import os, subprocess, sys\nsubprocess.run([sys.executable, '-c', '''{alone}'''])\n"


@pytest.mark.parametrize("script", [ALONE, BY_A_CHILD.replace("{alone}", ALONE)])
def test_what_our_own_processes_take_is_not_others(script: str) -> None:
    """By themselves, and by children that have ended; the same looks without them say that others took it."""
    waits = script.format(burns_s=BURNS_S) + "print(flush=True)\ninput()"
    begun_s, nobodys = time.monotonic(), cpu_times(())
    with subprocess.Popen([sys.executable, "-c", waits], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as burner:
        before = cpu_times((burner.pid,))
        assert burner.stdout is not None
        burner.stdout.readline()
        after, span_s = cpu_times((burner.pid,)), time.monotonic() - begun_s
        burner.kill()
    machine_s = span_s * (os.cpu_count() or 1)
    as_own = foreign_share(nobodys._replace(own_s=before.own_s), after, span_s)
    as_others = foreign_share(nobodys, after._replace(own_s={}), span_s)
    assert (as_others - as_own) * machine_s > BURNS_S * 0.9


def test_who_began_in_between_is_our_own_and_who_ended_is_nobody() -> None:
    before, after = CpuTimes(100.0, {1: 5.0, 2: 1.0}), CpuTimes(104.0, {1: 6.0, 3: 2.0})
    assert foreign_share(before, after, 10.0) * (os.cpu_count() or 1) == pytest.approx(0.1)


@pytest.mark.parametrize(("in_all_s", "share"), [(100.0, 0.0), (1e9, 1.0)])
def test_a_share_is_from_none_to_all(in_all_s: float, share: float) -> None:
    assert foreign_share(CpuTimes(100.0, {1: 0.0}), CpuTimes(in_all_s, {1: 1.0}), 1.0) == share
