"""Whatever the shipped code logs as an error is a bug to the simulation, or is excused by name."""

import os
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

import pytest

from tests.logged_errors import errors
from tests.simulation.runs import BUGS, BUGS_UNLESS_LOST, simulate

ROOT = Path(__file__).parents[2]
ELSEWHERE: dict[str, str] = {
    "actors/watchdog.py": "it ends what hangs in a real cluster, by Ray",
    "actors/link/server.py": "there are no sockets; what `Engine.serve` raises fails in a task of its process",
    "actors/auditor/service.py": "Ray's; the auditor runs in `AuditorProcess`, whose failure is told",
    "actors/database/": "there is no Postgres",
    "actors/directory.py": "Ray's; clusters are directed by `Cluster`",
    "actors/shard.py": "Ray's; engines run in `Shard`, which tells of what they raise",
    "actors/watch.py": "Ray's; `Cluster` looks after shards",
    "actors/projections/service.py": "Ray's; projectors run in `ProjectorProcess`, whose failure is told",
    "actors/projections/past.py": "nobody asks for the past",
}
"""Modules that simulated runs have stand-ins for, or no use."""
OF_EDGES = ("serve/wakefulness.py", "serve/arrival.py", "serve/second_hand.py")
"""What simulated gateways have of the edges."""
EXCUSED: dict[str, str] = {
    "given up on a command after which the shard was gone": "crashes may come one after the other, and they do",
    "the journal does not answer": "what it refuses is a fault of the simulation's own",
    "what is struck cannot be read": "told of rows that were refused, which is a fault of the simulation's own",
    "snapshot cannot be read": "told of a statement that was refused, which is such a fault",
    "quarantined by the catalogue": "an operator or the auditor has decided that",
    "leaving with commands whose outcome is open": "the journal may be away for as long as a shard has to leave",
}
"""Events that faults explain."""


def said_of_errors() -> set[str]:
    """In the modules that simulated runs run."""
    return {
        event
        for path in (*(ROOT / "actors").rglob("*.py"), *(ROOT / path for path in OF_EDGES))
        if not str(path.relative_to(ROOT)).startswith(tuple(ELSEWHERE))
        for event in errors(path.read_text())
    }


def test_what_is_heard_of_the_edges_is_all_that_a_run_has_of_them() -> None:
    command = [sys.executable, "-c", "import sys, tests.simulation.sim; print(*sys.modules)"]
    environ = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    loaded = subprocess.run(command, env=environ, capture_output=True, text=True, check=True).stdout.split()
    assert {f"{name.replace('.', '/')}.py" for name in loaded if name.startswith("serve.")} == set(OF_EDGES)


def test_every_error_that_is_logged_is_a_bug_or_excused() -> None:
    said, heard = said_of_errors(), BUGS | BUGS_UNLESS_LOST
    assert said - heard == EXCUSED.keys()
    assert heard - said == set()


def test_what_is_excused_says_why_and_exists() -> None:
    assert all(len(reason) > 15 for reason in (*EXCUSED.values(), *ELSEWHERE.values()))
    for path in ELSEWHERE:
        modules = [ROOT / path] if path.endswith(".py") else list((ROOT / path).glob("*.py"))
        assert any(list(errors(module.read_text())) for module in modules), f"{path} says nothing"


def test_control_every_way_to_say_an_error_is_found() -> None:
    code = """
def work(is_bad):
    _log.error("one", exc_info=1)
    say = _log.error if is_bad else _log.warning
    say("two")
    _log.error(f"{what} three")
    _log.warning("four")
    _log.exception("five")
"""
    assert set(errors(code)) == {"one", "two", "* three", "five"}


def _fails(*_: object) -> NoReturn:
    raise LookupError("a bug")


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ("actors.auditor.follower.Follower.take", "the audit of a block fails"),
        pytest.param("actors.auditor.follower.Follower.note_sides", "the audit fails ", marks=pytest.mark.long),
    ],
)
def test_control_what_the_auditor_survives_is_heard(broken: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broken, _fails)
    assert any(wrong.startswith(said) for wrong in simulate(1, faults=frozenset()).wrong)
