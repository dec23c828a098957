"""Processes of a stack are found by their mark wherever they went, and ended; those of others are left alone."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from serve.local.processes import end, is_living, mark, marked, spawn, wait_until
from serve.local.ray_session import ray_environment
from serve.local.stack import DataFolder
from serve.settings import Settings

Start = Callable[[str, str], subprocess.Popen[bytes]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a Python program of the given mark."""
    started: list[subprocess.Popen[bytes]] = []

    def begin(stack_id: str, program: str) -> subprocess.Popen[bytes]:
        process = spawn(
            [sys.executable, "-c", program],
            signal_on_orphan=signal.SIGKILL,
            log=tmp_path / "log",
            folder=tmp_path,
            environment=mark(stack_id),
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        with suppress(ProcessLookupError):
            process.kill()
        process.wait()


SLEEP = "import time; time.sleep(60)"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEP}"
WITH_A_CHILD_IN_ANOTHER_SESSION = (
    f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {SLEEP!r}], start_new_session=True); {SLEEP}"
)


def test_children_are_found_even_in_sessions_of_their_own(start: Start) -> None:
    start("stack-a", WITH_A_CHILD_IN_ANOTHER_SESSION)
    assert wait_until(lambda: len(marked("stack-a")) == 2, 5.0)
    assert end(lambda: marked("stack-a"), (signal.SIGKILL, 5.0)) == []


def test_who_does_not_follow_a_gentle_signal_is_ended_by_force(start: Start) -> None:
    process = start("stack-b", STUBBORN)
    assert wait_until(lambda: marked("stack-b") == [process.pid], 5.0)
    wait_until(lambda: False, 0.3)  # until it ignores the signal
    assert end(lambda: marked("stack-b"), (signal.SIGTERM, 0.3)) == [process.pid]
    assert end(lambda: marked("stack-b"), (signal.SIGTERM, 0.3), (signal.SIGKILL, 5.0)) == []


def test_others_are_left_alone(start: Start) -> None:
    ours, others, longer = start("stack-c", SLEEP), start("stack-d", SLEEP), start("stack-cc", SLEEP)
    assert wait_until(lambda: marked("stack-c") == [ours.pid], 5.0)
    assert end(lambda: marked("stack-c"), (signal.SIGKILL, 5.0)) == []
    assert not is_living(ours.pid)
    assert is_living(others.pid)
    assert is_living(longer.pid)


def test_a_zombie_is_not_living(start: Start) -> None:
    process = start("stack-e", "pass")
    assert wait_until(lambda: not is_living(process.pid), 5.0)
    assert process.returncode is None  # nobody has collected it yet


def test_a_child_ends_when_its_starter_is_killed(tmp_path: Path) -> None:
    starter = (
        "import signal, sys, time; from pathlib import Path; from serve.local.processes import mark, spawn\n"
        f"spawn([sys.executable, '-c', {SLEEP!r}], signal_on_orphan=signal.SIGTERM, log=Path('log'), folder=Path('.'),"
        " environment=mark('stack-f'))\ntime.sleep(60)"
    )
    root = Path(__file__).parents[2]
    process = subprocess.Popen([sys.executable, "-c", starter], cwd=tmp_path, env={"PYTHONPATH": str(root)})
    try:
        assert wait_until(lambda: len(marked("stack-f")) == 1, 5.0)
    finally:
        process.kill()
        process.wait()
    assert wait_until(lambda: marked("stack-f") == [], 5.0)


def found_after_it_named_itself(stack_id: str, environment: dict[str, str]) -> bool:
    """Whether a process of Ray's that has written its title is found by its mark."""
    program = "from ray._raylet import setproctitle; setproctitle('ray::Agent'); print(flush=True); input()"
    started = subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={"PATH": "/usr/bin", **mark(stack_id), **environment},
    )
    with started:
        assert started.stdout is not None
        started.stdout.readline()
        found = started.pid in marked(stack_id)
        started.kill()
    return found


def test_a_title_does_not_wipe_the_mark_out(tmp_path: Path) -> None:
    environment = ray_environment(Settings(), DataFolder(tmp_path))
    assert found_after_it_named_itself("stack-e", environment)


def test_control_without_that_variable_it_does(tmp_path: Path) -> None:
    environment = ray_environment(Settings(), DataFolder(tmp_path))
    del environment["SPT_NOENV"]
    assert not found_after_it_named_itself("stack-f", environment)
