"""Where HAProxy is gone another stands in for it, until there is one again that has replicas. HAProxy is the real one,
its file Ray Serve's own, and the replica tiny.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest

from serve.local import haproxy_stand_in
from serve.local.haproxy_socket import STAND_INS
from serve.local.haproxy_stand_in import HaproxyStandIn
from serve.local.loopback import write_haproxy_launcher
from serve.local.preflight import free_port
from serve.local.processes import is_living, marked, named, wait_until
from tests.local.haproxy_file import FILE, HERE, SOCKET, Replica, environment_of, write_haproxy_file
from tests.local.test_gateway_deaths import NOTHING, PATIENCE_S, await_it, process

STACK = "stand-in-test"


class Serve:
    """What Serve does with HAProxy: it writes its file and starts it, with replicas or without."""

    def __init__(
        self, folder: Path, replica: subprocess.Popen[bytes], replica_ports: tuple[int, int], changed: dict[str, str]
    ) -> None:
        self.replica = replica
        self.haproxy = folder / "haproxy"
        self._node = self.haproxy / "node"
        self._node.mkdir(parents=True)
        self._launcher = folder / "launcher"
        write_haproxy_launcher(self._launcher, "127.0.0.1")
        self.http_port, self.grpc_port = free_port(), free_port()
        self._replica = Replica("SERVE_REPLICA_tiny", *replica_ports)
        self._changed = changed
        self._is_shared = (environment_of(self._node, 0, 0) | changed)["SERVE_SOCKET_REUSE_PORT_ENABLED"] == "1"

    def write(self, *, replicas: bool) -> None:
        own = [self._replica] if replicas else []
        write_haproxy_file(self._node, self.http_port, self.grpc_port, own, self._changed)

    @contextmanager
    def running(self, *words: str) -> Iterator[subprocess.Popen[bytes]]:
        alone = () if self._is_shared else ("-dR",)  # as Serve does
        with process([str(self._launcher), "-db", "-f", str(self._node / FILE), *alone, *words]) as haproxy:
            assert wait_until(lambda: accepts(self._node / SOCKET), PATIENCE_S), "Serve's does not start"
            yield haproxy

    def answers(self) -> bool:
        """Whether a new connection leads to the replica."""
        try:
            return httpx.post(f"http://127.0.0.1:{self.http_port}/v1/holds", content=b"{}", timeout=5).text == "first"
        except httpx.HTTPError:
            return False


def accepts(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as asking:
        return asking.connect_ex(str(path)) == 0


@contextmanager
def serve(folder: Path, changed: dict[str, str] = NOTHING) -> Iterator[Serve]:
    """With a replica; no HAProxy runs yet, and none is left. `changed`: of what Serve reads from the environment."""
    ports = free_port(), free_port()
    with process([sys.executable, str(HERE / "tiny_gateway.py"), "first", "answer", *map(str, ports)]) as tiny:
        assert tiny.stdout is not None
        assert tiny.stdout.readline() == b"ready\n"
        try:
            yield Serve(folder, tiny, ports, changed)
        finally:
            for pid in marked(STACK):
                os.kill(pid, signal.SIGKILL)


def standing_in() -> list[int]:
    return named(marked(STACK), "haproxy")


def kill(haproxy: subprocess.Popen[bytes]) -> None:
    haproxy.kill()
    haproxy.wait()


@contextmanager
def stood_in(folder: Path) -> Iterator[tuple[Serve, HaproxyStandIn, int]]:
    """Serve, whose HAProxy is gone, and the one that stands in for it, which is this process."""
    with serve(folder) as one:
        stand_in = HaproxyStandIn(one.haproxy, STACK, log=folder / "log")
        one.write(replicas=True)
        with one.running() as haproxy:
            assert stand_in.look() is None
            kill(haproxy)
        stand_in.look()
        assert wait_until(one.answers, PATIENCE_S)
        (pid,) = standing_in()
        yield one, stand_in, pid


def check_standing_in(folder: Path, changed: dict[str, str] = NOTHING) -> None:
    with serve(folder, changed) as one, ExitStack() as running:
        stand_in = HaproxyStandIn(one.haproxy, STACK, log=folder / "log")
        assert stand_in.look() is None, "nobody knows where to"
        one.write(replicas=True)
        first = running.enter_context(one.running())
        await_it(one.http_port)
        assert stand_in.look() is None, "HAProxy is there"
        kill(first)
        assert not one.answers()
        said = stand_in.look()
        assert said is not None, "HAProxy is gone"
        assert wait_until(one.answers, PATIENCE_S)
        (pid,) = standing_in()
        assert str(pid) in said
        assert accepts(one.haproxy / STAND_INS), "it can be asked how it is"
        assert stand_in.look() is None, "one is enough"

        one.write(replicas=False)
        second = running.enter_context(one.running())
        assert stand_in.look() is None
        assert standing_in() == [pid], "the other knows no replica"
        one.write(replicas=True)
        running.enter_context(one.running("-sf", str(second.pid)))
        assert wait_until(lambda: second.poll() is not None, PATIENCE_S)
        assert stand_in.look() == "HAProxy is there again"
        assert wait_until(lambda: not is_living(pid), PATIENCE_S), "it has nothing to do any more"
        assert all(one.answers() for _ in range(20))
        assert stand_in.look() is None


def test_another_stands_in_until_there_is_one_with_replicas(tmp_path: Path) -> None:
    check_standing_in(tmp_path)


def test_control_where_ports_are_not_shared_serves_own_does_not_start(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="Serve's does not start"):
        check_standing_in(tmp_path, {"SERVE_SOCKET_REUSE_PORT_ENABLED": "0"})


def test_one_that_dies_itself_has_a_successor(tmp_path: Path) -> None:
    with stood_in(tmp_path) as (one, stand_in, pid):
        os.kill(pid, signal.SIGKILL)
        assert wait_until(lambda: stand_in.look() is not None, PATIENCE_S)
        assert wait_until(one.answers, PATIENCE_S)


def check_one_that_does_not_leave(folder: Path) -> None:
    with stood_in(folder) as (one, stand_in, pid):
        os.kill(pid, signal.SIGSTOP)
        with one.running():
            assert stand_in.look() == "HAProxy is there again"
            assert is_living(pid)
            assert wait_until(lambda: stand_in.look() is None and not is_living(pid), 4.0), "it keeps its ports"
            assert all(one.answers() for _ in range(20))


def test_one_that_does_not_leave_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(haproxy_stand_in, "_KILLED_AFTER_S", 0.5)
    check_one_that_does_not_leave(tmp_path)


def test_control_one_that_is_let_be_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(HaproxyStandIn, "_kill_who_does_not_leave", lambda self: None)
    with pytest.raises(AssertionError, match="it keeps its ports"):
        check_one_that_does_not_leave(tmp_path)


@pytest.mark.parametrize(
    ("changed", "to", "noticed"),
    [
        ("_REPLICA", re.compile(""), "HAProxy is there again"),
        ("_REPLICA", re.compile(r"^ *server ", re.M), "HAProxy is there again"),
        ("_ITS_SOCKET", re.compile("no line is like this"), "it can be asked how it is"),
        ("_is_there", lambda path: True, "HAProxy is gone"),
        ("_is_there", lambda path: False, "HAProxy is gone"),
    ],
)
def test_control_one_that_comes_or_goes_otherwise_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changed: str, to: object, noticed: str
) -> None:
    monkeypatch.setattr(haproxy_stand_in, changed, to)
    with pytest.raises(AssertionError, match=noticed):
        check_standing_in(tmp_path)
