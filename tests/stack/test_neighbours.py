"""Two stacks on one machine: they share nothing, and each knows every process that is its own."""

import sys
from collections import Counter
from pathlib import Path

import pytest

from serve.local.preflight import INNER_PORTS
from tests.stack import running_stack
from tests.stack.census import Listener, census, descendants, kind_of, listeners
from tests.stack.running_stack import RunningStack

pytestmark = pytest.mark.stack
INNER_PORT = 23000
SHARED_BY_DEFAULT = {"monitor.py": 44217, "dashboard.py": 44227, "DashboardAgent": 52365}
"""Ports of Ray's that every stack of a machine would ask for: autoscaler, dashboard and agent.

The kernel gives them to anybody who asks for no port in particular, so it counts who listens there.
"""
INSTEAD = {"dashboard.py": INNER_PORTS["metrics of Ray"], "DashboardAgent": INNER_PORTS["Ray's agent"]}


def check_own(found: list[Listener], inner_port: int) -> None:
    """What would ask for a port that all stacks share has one of this stack instead, or is not there."""
    heard = {(listener.kind, listener.port) for listener in found}
    wanted = {(kind, inner_port + distance) for kind, distance in INSTEAD.items()}
    assert wanted <= heard, wanted - heard
    # The agent asks the kernel for further ports, and may be given any; the other two ask for what they have.
    assert not heard & {(kind, SHARED_BY_DEFAULT[kind]) for kind in ("monitor.py", "dashboard.py")}


def check_apart(one: list[Listener], other: list[Listener], inner_ports: tuple[int, int]) -> None:
    """Neither is in the other's way, nobody had to do without its port, and nothing listens to the network."""
    assert all(listener.is_on_loopback for listener in (*one, *other))
    assert not {listener.port for listener in one} & {listener.port for listener in other}
    check_own(one, inner_ports[0])
    check_own(other, inner_ports[1])
    kinds = Counter(listener.kind for listener in one), Counter(listener.kind for listener in other)
    assert kinds[0] == kinds[1], "somebody has no port of its own"
    assert len(kinds[0]) > 10


@pytest.fixture
def inconvenient_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A long path with blanks in it, where both the data and the installed Holdfast are."""
    folder = tmp_path / "a folder with blanks" / ("and a long name " * 6).strip()
    folder.mkdir(parents=True)
    installed = folder / "venv"
    installed.symlink_to(sys.prefix)
    holdfast = folder / "holdfast"
    holdfast.write_text(f"#!/bin/sh\nexec '{installed}/bin/python' -c 'from serve.cli import main; main()' \"$@\"\n")
    holdfast.chmod(0o700)
    monkeypatch.setattr(running_stack, "HOLDFAST", str(holdfast))
    return folder


@pytest.mark.long
def test_two_stacks_share_no_port_and_both_sell(running: RunningStack, inconvenient_folder: Path) -> None:
    neighbour = RunningStack(inconvenient_folder / "data", INNER_PORT)
    neighbour.start()
    try:
        check_apart(listeners(running), listeners(neighbour), (running.inner_port, INNER_PORT))
        for stack in (running, neighbour):
            with stack.client() as client:
                assert client.get("/readyz").status_code == 200
            held = stack.command("hold", stack.event_id, "--area", "Floor:1")
            assert held.returncode == 0, held.stderr
    finally:
        assert neighbour.stop() == 0
    assert neighbour.processes() == []


def test_every_process_that_a_stack_started_is_known_to_be_its_own(running: RunningStack) -> None:
    unknown = descendants(running.stack.pid) - set(running.processes())
    assert [kind_of(pid) for pid in unknown] == []
    assert census(running.processes())["RuntimeEnvAgent"] == 1  # which writes its title over its environment


INNER_PORTS_OF_BOTH = 30_000, 31_000
KINDS = ("dashboard.py", "DashboardAgent", *"abcdefghijk")
ONE = [
    Listener(kind, "0100007F", INNER_PORTS_OF_BOTH[0] + INSTEAD.get(kind, 10 + number))
    for number, kind in enumerate(KINDS)
]
OTHER = [Listener(kind, address, port + 1_000) for kind, address, port in ONE]


@pytest.mark.parametrize("ephemeral", SHARED_BY_DEFAULT.values())
def test_stacks_that_are_apart_are_let_be_whatever_the_kernel_gives_them(ephemeral: int) -> None:
    check_apart(ONE, [*OTHER[:-1], Listener("k", "0100007F", ephemeral)], INNER_PORTS_OF_BOTH)
    check_apart(
        [*ONE, Listener("DashboardAgent", "0100007F", ephemeral)],
        [*OTHER, Listener("DashboardAgent", "0100007F", 40_000)],
        INNER_PORTS_OF_BOTH,
    )


@pytest.mark.parametrize(
    "last",
    [
        [],
        [Listener("k", "00000000", 40_000)],
        [Listener("k", "0200007F", 40_000)],
        [Listener("k", "0100007F", 30_014)],
    ],
)
def test_control_what_is_not_apart_is_noticed(last: list[Listener]) -> None:
    with pytest.raises(AssertionError):
        check_apart(ONE, [*OTHER[:-1], *last], INNER_PORTS_OF_BOTH)


@pytest.mark.parametrize(("kind", "port"), SHARED_BY_DEFAULT.items())
def test_control_a_port_that_all_stacks_would_ask_for_is_noticed(kind: str, port: int) -> None:
    """As of a Ray that is left as it is; the other stack is none of ours, and has its port elsewhere."""
    theirs = Listener(kind, "0100007F", port)
    one = [*(listener for listener in ONE if listener.kind != kind), theirs]
    other = [*(listener for listener in OTHER if listener.kind != kind), theirs._replace(port=40_000)]
    with pytest.raises(AssertionError):
        check_apart(one, other, INNER_PORTS_OF_BOTH)
