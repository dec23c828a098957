"""Two gateway replicas that share all calls (`--gateway-replicas 2`): one dies and one hangs while a crowd buys."""

import csv
import os
import re
import signal
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from serve.local.haproxy_socket import SERVES, _answer
from tests.chaos.within import Within
from tests.stack.load import hall_on_sale
from tests.stack.patience import await_that
from tests.stack.running_stack import RunningStack, kill
from tests.stack.test_leaving import replicas
from tests.stack.test_onsale import onsale

pytestmark = pytest.mark.stack
INNER_PORT = 28000
SECONDS = 24
LEAST_SHARE = 0.2  # of what both are asked: whoever waits least is asked next
LEAST_CALLS = 200
HANGS_S = 6.0  # HAProxy waits for 3, and who hung for 2 refuses what came before
BEGINS_WITHIN_S = 60.0  # the crowd's processes start, on a machine that does other things
PATIENCE_S = 15.0
LOOK_EVERY_S = 0.25
KEYS = 20
PLACE = {"areas": [{"area": "Hall", "quantity": 1}]}
PROTOCOLS = ("http-holdfast", "grpc-holdfast")


@pytest.fixture(scope="module")
def within(tmp_path_factory: pytest.TempPathFactory) -> Within:
    """The way into the stack's processes."""
    return Within(tmp_path_factory.mktemp("within"))


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, within: Within) -> Iterator[RunningStack]:
    """A stack of its own: that of other tests gives all calls to one, and another stands by."""
    running = RunningStack(tmp_path_factory.mktemp("two-gateways"), INNER_PORT, gateway_replicas="2")
    running.environ = within.environ(running.environ)
    running.start()
    yield running
    assert running.stop() == 0, running.said
    assert running.processes() == []


def asked(running: RunningStack, protocol: str) -> dict[str, int]:
    """How often HAProxy has chosen each replica, since it has its present file."""
    said = "".join(_answer(path, "show stat -1 4 -1") for path in running.folder.ray_short.glob(f"haproxy/{SERVES}"))
    return {
        server["svname"]: int(server["lbtot"] or 0)
        for server in csv.DictReader(said.removeprefix("# ").splitlines())
        if server["pxname"] == protocol and server["svname"].startswith("SERVE_REPLICA")
    }


def is_shared(before: Mapping[str, int], now: Mapping[str, int]) -> bool:
    """Whether two have a good part each of what was asked since then."""
    then = {replica: before.get(replica, 0) for replica in now}
    if any(now[replica] < then[replica] for replica in now):
        then = dict.fromkeys(now, 0)  # it has another file
    shares = sorted(now[replica] - then[replica] for replica in now)
    return len(shares) == 2 and sum(shares) >= LEAST_CALLS and shares[0] >= LEAST_SHARE * sum(shares)


def await_both_asked(running: RunningStack, patience_s: float = PATIENCE_S) -> None:
    """Until of both protocols each replica has a good part, from now on."""
    before = {protocol: asked(running, protocol) for protocol in PROTOCOLS}
    deadline = time.monotonic() + patience_s
    while True:
        now = {protocol: asked(running, protocol) for protocol in PROTOCOLS}
        if all(is_shared(before[protocol], now[protocol]) for protocol in PROTOCOLS):
            print(f"both were asked: {before}, then {now}")
            return
        assert time.monotonic() < deadline, f"not both were asked: {before}, then {now}"
        time.sleep(LOOK_EVERY_S)


def test_both_are_asked_and_buyers_lose_nothing_when_one_dies_and_one_hangs(
    running: RunningStack, tmp_path: Path
) -> None:
    (file,) = running.folder.ray.glob("haproxy/*/haproxy.cfg")
    assert "balance leastconn" in file.read_text()
    with ThreadPoolExecutor(1) as beside:
        selling: Future[Any] = beside.submit(onsale, running, tmp_path / "report.json", SECONDS)
        await_both_asked(running, BEGINS_WITHIN_S)
        killed, hung = sorted(replicas(running))
        kill([killed])
        await_that("another has come", lambda: len(replicas(running) - {killed}) == 2, PATIENCE_S)
        await_both_asked(running)
        os.kill(hung, signal.SIGSTOP)
        try:
            time.sleep(HANGS_S)
        finally:
            os.kill(hung, signal.SIGCONT)
        await_both_asked(running)
        assert not selling.done(), "nobody bought any more"
        report = selling.result()
    assert hung in replicas(running), "it was there all the time"
    accepted = report["figures"]["accepted"]
    assert all(accepted.get(told) for told in ("held", "ordered", "confirmed")), accepted


def ports(running: RunningStack) -> list[int]:
    """Where each replica listens for HTTP, by HAProxy's file."""
    (file,) = running.folder.ray.glob("haproxy/*/haproxy.cfg")
    backend = re.search(r"^backend http-holdfast$(.*?)^backend", file.read_text(), re.M | re.S)
    assert backend is not None
    return [int(port) for port in re.findall(r"^ *server SERVE_REPLICA\S* \S*:([0-9]+) ", backend[1], re.M)]


def held(url: str, running: RunningStack, event_id: str, key: str) -> tuple[str, bool]:
    """A place, from this replica: the hold's id, and whether it is told as what had been done before."""
    headers = {"Authorization": f"Bearer {running.api_key}", "Idempotency-Key": key}
    answer = httpx.post(f"{url}/v1/events/{event_id}/holds", json=PLACE, headers=headers, timeout=10)
    assert answer.status_code == 201, answer.text
    return answer.json()["hold_id"], answer.headers.get("Idempotency-Replayed") == "true"


def check_one_key_has_one_effect(running: RunningStack, name: str) -> None:
    """Each replica is asked under the same key, at the same time, past HAProxy."""
    with running.client() as client:
        event_id = hall_on_sale(client, name)
    urls = [f"http://127.0.0.1:{port}" for port in ports(running)]
    assert len(urls) == 2
    holds = set()
    with ThreadPoolExecutor(2) as both:
        for number in range(KEYS):
            answers = list(both.map(lambda url, key=f"{name} {number}": held(url, running, event_id, key), urls))
            assert len({hold for hold, _ in answers}) == 1, f"one key had two effects: {answers}"
            assert sorted(replayed for _, replayed in answers) == [False, True], "one of them did it"
            holds.add(answers[0][0])
    assert len(holds) == KEYS


def test_what_both_are_asked_under_one_key_is_done_once(running: RunningStack) -> None:
    check_one_key_has_one_effect(running, "one key")


@pytest.mark.parametrize(
    ("now", "is_so"),
    [
        ({"a": 1_300, "b": 1_200}, True),
        ({"a": 1_900, "b": 1_000}, False),
        ({"a": 1_050, "b": 1_050}, False),
        ({"a": 150, "c": 150}, True),
        ({"a": 2_000}, False),
    ],
)
def test_control_one_that_only_stands_by_is_noticed(now: dict[str, int], is_so: bool) -> None:
    assert is_shared({"a": 1_000, "b": 1_000}, now) == is_so


def test_control_a_server_that_remembers_no_keys_is_noticed(running: RunningStack, within: Within) -> None:
    """The last here: nobody mends it."""
    within.remember_no_keys()
    with pytest.raises(AssertionError, match="two effects"):
        check_one_key_has_one_effect(running, "no key")
