"""A front that is full of connections is not a dead one. HAProxy is the real one, its file Ray Serve's own."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path

import pytest

from serve.local import front as module
from serve.local.front import Front
from serve.local.processes import wait_until
from tests.local.test_gateway_deaths import PATIENCE_S, await_it
from tests.local.test_haproxy_stand_in import Serve, serve

MOST = 20
SILENCE_S = 1.0
SOON_S = 10.0


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Silence is noticed after a second, and not after twenty."""
    monkeypatch.setattr(module, "PATIENCE_S", SILENCE_S)
    monkeypatch.setattr(module, "_PROBE_PERIOD_S", 0.1)


@contextmanager
def full(folder: Path) -> Iterator[tuple[Serve, Front]]:
    """As many connections rest as may be, each of which has been answered."""
    with serve(folder, {"RAY_SERVE_HAPROXY_MAXCONN": str(MOST)}) as one, ExitStack() as all_of_it:
        one.write(replicas=True)
        all_of_it.enter_context(one.running())
        await_it(one.http_port)
        front = Front("127.0.0.1", one.http_port, one.haproxy)
        front.begins()
        assert front.serves()
        for _ in range(MOST):
            connection = all_of_it.enter_context(closing(HTTPConnection("127.0.0.1", one.http_port, timeout=5)))
            connection.request("GET", "/-/healthz")
            assert connection.getresponse().read() == b"success"
        assert wait_until(lambda: not front._answers(), PATIENCE_S), "nobody else is accepted"
        yield one, front


def check_a_crowd_that_rests(folder: Path) -> None:
    with full(folder) as (_, front):
        until = time.monotonic() + 4 * SILENCE_S
        while time.monotonic() < until:
            assert front.silence() is None, "those who are connected are served"
            time.sleep(0.05)


def test_a_front_that_is_full_of_resting_connections_is_no_fault(tmp_path: Path) -> None:
    check_a_crowd_that_rests(tmp_path)


def test_control_one_that_is_asked_over_http_alone_is_taken_for_dead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "serves_all_it_can", lambda path: False)
    with pytest.raises(AssertionError, match="those who are connected are served"):
        check_a_crowd_that_rests(tmp_path)


def test_a_full_front_without_a_replica_is_a_fault(tmp_path: Path) -> None:
    with full(tmp_path) as (one, front):
        one.replica.kill()
        assert wait_until(lambda: front.silence() is not None, SOON_S)


def test_one_that_is_gone_is_a_fault(tmp_path: Path) -> None:
    with full(tmp_path) as (_, front):
        pass
    assert wait_until(lambda: front.silence() is not None, SOON_S)
