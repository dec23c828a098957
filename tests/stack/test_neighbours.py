"""Two stacks on one machine: they share nothing, and each knows every process that is its own."""

import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.stack import running_stack
from tests.stack.census import Listener, census, descendants, kind_of, listeners
from tests.stack.running_stack import RunningStack

pytestmark = pytest.mark.stack
INNER_PORT = 23000
SHARED_BY_DEFAULT = {44217, 44227, 52365}
"""Ports of Ray's that every stack of a machine would ask for: autoscaler, dashboard and agent."""


def check_apart(one: list[Listener], other: list[Listener]) -> None:
    """Neither is in the other's way, nobody had to do without its port, and nothing listens to the network."""
    assert all(listener.is_on_loopback for listener in (*one, *other))
    assert not {listener.port for listener in one} & {listener.port for listener in other}
    assert not {listener.port for listener in (*one, *other)} & SHARED_BY_DEFAULT
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


def test_two_stacks_share_no_port_and_both_sell(running: RunningStack, inconvenient_folder: Path) -> None:
    neighbour = RunningStack(inconvenient_folder / "data", INNER_PORT)
    neighbour.start()
    try:
        check_apart(listeners(running), listeners(neighbour))
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


ONE = [Listener(kind, "0100007F", 30_000 + number) for number, kind in enumerate("abcdefghijklm")]
OTHER = [Listener(kind, address, port + 1_000) for kind, address, port in ONE]


def test_stacks_that_are_apart_are_let_be() -> None:
    check_apart(ONE, OTHER)


@pytest.mark.parametrize(
    "last",
    [
        [],
        [Listener("m", "00000000", 40_000)],
        [Listener("m", "0200007F", 40_000)],
        [Listener("m", "0100007F", 30_001)],
        [Listener("m", "0100007F", 52_365)],
    ],
)
def test_control_what_is_not_apart_is_noticed(last: list[Listener]) -> None:
    with pytest.raises(AssertionError):
        check_apart(ONE, [*OTHER[:-1], *last])
