"""A gateway replica dies or hangs with a call in its hands: the other answers, and nobody hears of it.

HAProxy is the real one, its file Ray Serve's own; the replicas are tiny.
"""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import grpc
import httpx
import pytest

from serve.arrival import ARRIVED_HEADER, arrived_ms, wall_ms
from serve.local import loopback
from serve.local.loopback import write_haproxy_launcher as write_launcher
from serve.local.preflight import free_port
from serve.local.processes import wait_until
from serve.second_hand import ASKED_HEADER, FIRST_HEADER, is_second_hand
from tests.local.haproxy_file import FILE, HERE, Replica, write_haproxy_file

PATIENCE_S = 12.0
CLOCK_STEP_MS = 5_000  # HAProxy looks at its clock when it wakes up, and may be kept waiting then
HANGS_AT_LEAST_MS = 1_000  # a check that is under way when a call comes may fail sooner than 3 s after it
DOWN_WITHIN_S = 6
OWN = tuple((header, own) for header in (ARRIVED_HEADER, FIRST_HEADER, ASKED_HEADER) for own in ("1", "later"))
NOTHING: dict[str, str] = {}
NOT_SENT_AGAIN = {"RAY_SERVE_HAPROXY_RETRY_ON": "conn-failure"}
NOT_LOOKED_AFTER = {"RAY_SERVE_HAPROXY_HEALTH_CHECK_INTER": "1h"}


class Front:
    """HAProxy in front of `first` and `second`, in this order; what it answers is the name of who answered.

    Every call bears stamps and names of the client's own.
    """

    def __init__(self, http_port: int, grpc_port: int, replicas: list[subprocess.Popen[bytes]]) -> None:
        self._http_port = http_port
        self._grpc_port = grpc_port
        self.replicas = replicas

    def stamp_seen(self, replica: int) -> int:
        """The stamp of the next call that this replica has read; there must be one, and only one."""
        stamp, _, _ = self._told(replica)
        assert re.fullmatch(r"[1-9][0-9]{12}", stamp), f"stamped {stamp!r}"
        return int(stamp)

    def named_seen(self, replica: int) -> list[str]:
        """Of the next call that this replica has read: who was to be asked first, and who was asked."""
        return self._told(replica)[1:]

    def _told(self, replica: int) -> list[str]:
        out = self.replicas[replica].stdout
        assert out is not None
        return out.readline().decode().strip("\n").split("|")

    def over_http(self) -> str:
        """Who answers a write over HTTP; empty if it was not answered well."""
        try:
            url = f"http://127.0.0.1:{self._http_port}/v1/holds"
            answer = httpx.post(url, content=b"{}", headers=OWN, timeout=PATIENCE_S)
        except httpx.HTTPError:
            return ""
        return answer.text if answer.is_success else ""

    def over_grpc(self) -> str:
        """Who answers a write over gRPC; empty if it was not answered well."""
        with grpc.insecure_channel(f"127.0.0.1:{self._grpc_port}") as channel:
            call = channel.unary_unary("/tiny.v1.Tiny/Write", bytes, bytes)
            try:
                return bytes(call(b"", metadata=OWN, timeout=PATIENCE_S)).decode()
            except grpc.RpcError as refused:
                print(refused)  # for whoever reads why a test failed
                return ""


@contextmanager
def process(command: list[str], environment: dict[str, str] | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """A process that lives as long as the block."""
    started = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment)
    try:
        yield started
    finally:
        started.send_signal(signal.SIGKILL)
        started.wait()
        assert started.stdout is not None
        started.stdout.close()


@contextmanager
def front(
    folder: Path, deed: str, *, of_second: str = "answer", gateways: int = 1, changed: dict[str, str] = NOTHING
) -> Iterator[Front]:
    """All of it, where the replicas do these deeds. `changed`: of what Ray and Serve read from the environment."""
    launcher = folder / "launcher"
    write_launcher(launcher, "127.0.0.1", replicas=gateways)
    http_port, grpc_port = free_port(), free_port()
    replicas = [Replica(name, free_port(), free_port()) for name in ("first", "second")]
    with ExitStack() as all_of_it:
        running = []
        for (name, *ports), does in zip(replicas, (deed, of_second), strict=True):
            command = [sys.executable, str(HERE / "tiny_gateway.py"), name, does, *map(str, ports)]
            tiny = all_of_it.enter_context(process(command))
            assert tiny.stdout is not None
            assert tiny.stdout.readline() == b"ready\n"
            running.append(tiny)
        write_haproxy_file(folder, http_port, grpc_port, replicas, changed, gateways)
        all_of_it.enter_context(process([str(launcher), "-db", "-f", str(folder / FILE)]))
        await_it(http_port)
        yield Front(http_port, grpc_port, running)


def await_it(http_port: int) -> None:
    """Until HAProxy takes calls."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        with suppress(httpx.HTTPError):
            if httpx.get(f"http://127.0.0.1:{http_port}/-/healthz").is_success:
                return
        time.sleep(0.05)
    pytest.fail("HAProxy does not take calls")


PROTOCOLS = pytest.mark.parametrize("call", [Front.over_http, Front.over_grpc])


@PROTOCOLS
@pytest.mark.parametrize("deed", ["die", "hang"])
def test_what_it_was_asked_the_other_is_asked(tmp_path: Path, deed: str, call: Callable[[Front], str]) -> None:
    with front(tmp_path, deed) as haproxy:
        assert [call(haproxy) for _ in range(5)] == ["second"] * 5


@pytest.mark.parametrize(
    ("deed", "changed", "call"),
    [
        pytest.param("die", NOT_SENT_AGAIN, Front.over_http),
        pytest.param("hang", NOT_SENT_AGAIN, Front.over_grpc),
        pytest.param("hang", NOT_LOOKED_AFTER, Front.over_http),
        pytest.param("die", NOT_SENT_AGAIN, Front.over_grpc, marks=pytest.mark.long),
        pytest.param("hang", NOT_SENT_AGAIN, Front.over_http, marks=pytest.mark.long),
        pytest.param("hang", NOT_LOOKED_AFTER, Front.over_grpc, marks=pytest.mark.long),
    ],
)
def test_control_without_that_the_caller_is_told(
    tmp_path: Path, deed: str, changed: dict[str, str], call: Callable[[Front], str]
) -> None:
    with front(tmp_path, deed, changed=changed) as haproxy:
        assert call(haproxy) == ""


def answered_by(folder: Path) -> list[str]:
    """Who answers three calls, one after the other, where all are about to stop and no file without them is there."""
    with front(folder, "drain", of_second="drain") as haproxy:
        return [haproxy.over_http() for _ in range(3)]


def test_one_that_is_about_to_stop_is_asked_as_long_as_haproxy_knows_no_better(tmp_path: Path) -> None:
    assert answered_by(tmp_path) == ["first"] * 3


@pytest.mark.parametrize(
    ("expected", "answers"),
    [("error-status L7OKC status 200", ["first", "second", ""]), ("status 200", ["", "", ""])],
    ids=["it gets no more", "it is taken for dead"],
)
def test_control_otherwise_nobody_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, expected: str, answers: list[str]
) -> None:
    def write(path: Path, host: str, replicas: int) -> None:
        loopback.write_haproxy_launcher(path, host, replicas=replicas)
        path.write_text(path.read_text().replace("rstatus ^", expected))

    monkeypatch.setattr("tests.local.test_gateway_deaths.write_launcher", write)
    assert answered_by(tmp_path) == answers


@PROTOCOLS
def test_one_that_stands_by_is_asked_nothing(tmp_path: Path, call: Callable[[Front], str]) -> None:
    with front(tmp_path, "answer") as haproxy:
        assert {call(haproxy) for _ in range(10)} == {"first"}


@PROTOCOLS
def test_where_several_are_wanted_all_are_asked(tmp_path: Path, call: Callable[[Front], str]) -> None:
    with front(tmp_path, "answer", gateways=2) as haproxy:
        assert {call(haproxy) for _ in range(10)} == {"first", "second"}


def check_that_it_is_stamped_once(haproxy: Front, call: Callable[[Front], str]) -> None:
    """The one that hangs and the one that is asked instead read the same stamp, which no client gave."""
    before_ms = wall_ms()
    assert call(haproxy) == "second"
    stamps = [haproxy.stamp_seen(replica) for replica in (0, 1)]
    assert stamps[0] == stamps[1]
    assert before_ms - CLOCK_STEP_MS <= stamps[0] <= wall_ms() + 1


@PROTOCOLS
@pytest.mark.parametrize("deed", ["die", pytest.param("hang", marks=pytest.mark.long)])
def test_both_are_told_when_it_arrived(tmp_path: Path, deed: str, call: Callable[[Front], str]) -> None:
    with front(tmp_path, deed) as haproxy:
        check_that_it_is_stamped_once(haproxy, call)


@PROTOCOLS
def test_control_without_a_stamp_a_clients_own_arrives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: Callable[[Front], str]
) -> None:
    monkeypatch.setattr(loopback, "_ARRIVED", "http-request set-header x-other 1")
    with front(tmp_path, "die") as haproxy, pytest.raises(AssertionError, match="stamped '1 later'"):
        check_that_it_is_stamped_once(haproxy, call)


def check_who_is_second_hand(haproxy: Front, call: Callable[[Front], str]) -> None:
    """Of what the first read and did not answer the second knows that it was asked; what comes later is its own."""
    assert call(haproxy) == "second"
    assert haproxy.named_seen(0) == ["first", "first"]
    assert haproxy.named_seen(1) == ["first", "second"]
    for _ in range(DOWN_WITHIN_S * 10):
        time.sleep(0.1)
        assert call(haproxy) == "second"
        first, asked = haproxy.named_seen(1)
        assert is_second_hand([first], [asked]) == (first != asked)
        if first == "second":
            return
    pytest.fail("what comes later counts as what another was asked")


@PROTOCOLS
@pytest.mark.parametrize("deed", ["die", pytest.param("hang", marks=pytest.mark.long)])
def test_the_second_knows_that_it_is_not_the_first(tmp_path: Path, deed: str, call: Callable[[Front], str]) -> None:
    with front(tmp_path, deed) as haproxy:
        check_who_is_second_hand(haproxy, call)


@PROTOCOLS
@pytest.mark.parametrize(
    ("left_out", "named"),
    [(FIRST_HEADER, r"\['1 later', 'first'\]"), (ASKED_HEADER, r"\['first', '1 later'\]")],
    ids=["first", "asked"],
)
def test_control_without_names_a_clients_own_arrive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, left_out: str, named: str, call: Callable[[Front], str]
) -> None:
    names = [rule for rule in loopback._naming_the_asked() if left_out not in rule]
    monkeypatch.setattr(loopback, "_naming_the_asked", lambda: names)
    with front(tmp_path, "die") as haproxy, pytest.raises(AssertionError, match=named):
        check_who_is_second_hand(haproxy, call)


def died(haproxy: Front) -> int:
    """How many replicas have."""
    return sum(replica.poll() is not None for replica in haproxy.replicas)


@PROTOCOLS
def test_where_all_are_asked_none_is_asked_what_another_was(tmp_path: Path, call: Callable[[Front], str]) -> None:
    with front(tmp_path, "die", of_second="die", gateways=2) as haproxy:
        assert call(haproxy) == ""
        assert wait_until(lambda: died(haproxy) > 0, PATIENCE_S)
        assert died(haproxy) == 1


@PROTOCOLS
def test_control_else_another_is_asked_and_cannot_know_it(tmp_path: Path, call: Callable[[Front], str]) -> None:
    asks_again = {"RAY_SERVE_HAPROXY_RETRY_ON": "conn-failure empty-response"}
    with front(tmp_path, "die", of_second="die", gateways=2, changed=asks_again) as haproxy:
        assert call(haproxy) == ""
        assert wait_until(lambda: died(haproxy) == 2, PATIENCE_S)


def test_one_that_wakes_up_reads_how_old_a_call_is(tmp_path: Path) -> None:
    with front(tmp_path, "answer") as haproxy:
        first = haproxy.replicas[0]
        first.send_signal(signal.SIGSTOP)
        assert haproxy.over_http() == "second"
        answered_ms = wall_ms()
        first.send_signal(signal.SIGCONT)
        late, asked_again = haproxy.stamp_seen(0), haproxy.stamp_seen(1)
        assert arrived_ms([str(late)]) == late == asked_again < answered_ms - HANGS_AT_LEAST_MS
