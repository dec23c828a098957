"""A bug that a process of a stack has survived is heard from its log, whichever process it is, unless it is excused."""

import asyncio
import json
import shutil
import subprocess
import sys
import time
from fnmatch import fnmatchcase
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import msgspec
import pytest
from rich.console import Console

from loadtests.figures import Figures
from serve.local.log_files import _FORMER
from serve.local.stack import DataFolder
from tests.chaos import bugs_heard as module
from tests.chaos.baskets import Ware
from tests.chaos.bugs_heard import LogReader
from tests.chaos.campaign import Campaign, Kept
from tests.chaos.database_faults import PostgresKilled
from tests.chaos.fault import Fault, undergo
from tests.chaos.load import UNITS, Turn
from tests.chaos.plan import KINDS
from tests.chaos.process_faults import ShardKilled
from tests.chaos.stage import Stage, until
from tests.chaos.succession_faults import TwoStacks
from tests.logged_errors import errors

ROOT = Path(__file__).parents[2]
SESSION, NEXT_SESSION = "session_2026-01-01_1", "session_2026-01-02_2"
CATALOGUE_AWAY = "the catalogue cannot be reached"
MEETING = """
import asyncio
import structlog
from actors.logs import configure_logs
from serve.bugs import report_bug
configure_logs("info")
try:
    raise ZeroDivisionError("in a test")
except ZeroDivisionError as bug:
    report_bug(bug, "PlaceHold", to_write=True)
    structlog.get_logger().error("quarantined", block="b1", exc_info=bug)
    structlog.get_logger().warning("fenced", why="quarantined", block="b1")

async def main():
    asyncio.create_task(fail())
    await asyncio.sleep(0)

async def fail():
    raise LookupError("unheard")

asyncio.run(main())
"""
"""A process that logs what a gateway does and what a shard does, and lets a task fail that nobody waits for."""


def line(event: str, level: str = "error", **said: str) -> str:
    """As a process logs it."""
    return json.dumps(said | {"event": event, "level": level, "timestamp": "2026-01-01T00:00:00Z"}) + "\n"


def log(folder: DataFolder, name: str, said: str, session: str = SESSION) -> Path:
    """Let the log of a process say this as well."""
    path = folder.ray / session / "logs" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.write(said)
    return path


def reader_of(*folders: DataFolder) -> LogReader:
    """One that has read nothing yet."""
    reader = LogReader()
    for folder in folders:
        reader.follow(folder)
    return reader


def check_all_processes_are_heard(root: Path) -> None:
    """Those of every session of each stack, as they log it; of each event the first."""
    one, other = DataFolder(root / "stack"), DataFolder(root / "other")
    reader = reader_of(one, other)
    assert reader.new_errors() == []
    met = subprocess.run([sys.executable, "-c", MEETING], capture_output=True, check=True, text=True)
    log(one, "worker-1-17.out", "it has started\nall is well\n")
    log(one, "worker-2-18.err", f"it has started\n{met.stderr}it goes on\n")
    request, block, task = reader.new_errors()
    assert request.startswith('worker-2-18.err has logged: {"where": "PlaceHold"')
    assert "ZeroDivisionError" in request
    assert '"event": "quarantined"' in block
    assert "LookupError: unheard" in task
    log(one, "worker-3-19.err", line("the engine failed"), NEXT_SESSION)
    log(other, "worker-4-20.err", 3 * line("an errand failed"))
    assert [error[:15] for error in reader.new_errors()] == ["worker-3-19.err", "worker-4-20.err"]
    assert reader.new_errors() == []


def test_what_any_process_of_a_stack_says_of_a_bug_is_heard(tmp_path: Path) -> None:
    check_all_processes_are_heard(tmp_path)


@pytest.mark.parametrize(
    ("name", "deaf"),
    [
        ("LOGS", ("ray/session_2*/logs/worker-1-*",)),
        ("LOGS", (f"ray/{SESSION}/logs/**/*",)),
        ("LEVELS", ("critical",)),
        ("UNHEARD", ()),
    ],
    ids=["one process", "one session", "another level", "documents only"],
)
def test_control_who_does_not_listen_to_all_of_it_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, deaf: tuple[str, ...]
) -> None:
    monkeypatch.setattr(module, name, deaf)
    with pytest.raises((AssertionError, ValueError)):
        check_all_processes_are_heard(tmp_path)


def test_a_line_that_only_looks_like_it_is_not_heard(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    reader = reader_of(folder)
    log(
        folder,
        "worker-1-17.err",
        line("fenced", "warning", why='{"event": "quarantined", "level": "error"}')
        + line("block let go", "info", level_before="error")
        + '"event": "quarantined", "level": "error"\n'
        + f"(Shard pid=17) {line('quarantined')}"
        + '["quarantined", {"level": "error"}]\n'
        + "it says: Task exception was never retrieved\n",
    )
    of_ray = "future: <Task finished coro=<f() done, defined at /x/site-packages/ray/serve/_private/proxy.py:164>>\n"
    log(folder, "worker-2-18.err", f"Task exception was never retrieved\n{of_ray}")
    log(folder, "dashboard.err", "Task exception was never retrieved\n")  # it is Ray's own, and no code of ours
    assert reader.new_errors() == []


def check_excuse_holds_for_its_fault_alone(folder: DataFolder) -> None:
    reader = reader_of(folder)
    path = log(folder, "worker-1-17.err", line(CATALOGUE_AWAY) + line("the directory failed"))
    (heard,) = reader.new_errors(PostgresKilled.excused)
    assert "the directory failed" in heard
    log(folder, path.name, line(CATALOGUE_AWAY, fault="another"))
    (heard,) = reader.new_errors(ShardKilled.excused)
    assert CATALOGUE_AWAY in heard


def test_what_a_fault_excuses_is_excused_of_it_alone(tmp_path: Path) -> None:
    check_excuse_holds_for_its_fault_alone(DataFolder(tmp_path))


def test_control_an_excuse_for_every_fault_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ShardKilled, "excused", PostgresKilled.excused)
    with pytest.raises(ValueError, match="not enough values"):
        check_excuse_holds_for_its_fault_alone(DataFolder(tmp_path))


def test_what_a_supervisor_says_of_a_bug_is_heard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(tmp_path / "stage")
    running = stage.stack(tmp_path / "stack", 31_000)
    for said, heard in (
        ("✓ Redis runs (0.2 s)\nRay: it failed: no answer; starting it again\n", 0),
        ("keep_logs_small failed: FileNotFoundError('logs')\nRay is back (3.1 s)\n", 1),
        ("", 0),
    ):
        monkeypatch.setattr(running, "_said", running.said + said)
        assert len(stage.logs.new_errors()) == heard, said


def test_what_a_second_stack_of_a_stage_logs_is_heard(tmp_path: Path) -> None:
    stage = Stage(tmp_path / "stage")
    other = TwoStacks().stack(stage)
    log(other.folder, "worker-1-17.err", line("the projector failed"))
    assert len(stage.logs.new_errors()) == 1


class Logging(PostgresKilled):
    """A fault of which a process has logged this before, while and after it is inflicted."""

    def __init__(self, folder: DataFolder) -> None:
        super().__init__()
        self._folder = folder

    async def prepare(self, stage: Stage) -> None:
        """What it excuses, and what it does not."""
        log(self._folder, "worker-1-17.err", line(CATALOGUE_AWAY) + line("the directory failed"))

    async def inflict(self, stage: Stage) -> None:
        """Only say what it excuses."""
        log(self._folder, "worker-1-17.err", line(CATALOGUE_AWAY))

    async def effect(self, stage: Stage) -> str:
        """At once."""
        return "logged"

    async def end(self, stage: Stage) -> None:
        """Nothing is to be started."""

    async def tidy(self, stage: Stage) -> None:
        """Another error."""
        log(self._folder, "worker-1-17.err", line("an errand failed"))


async def at_once(*_: object) -> None:
    """All is well."""


async def undergone(folder: DataFolder) -> list[str]:
    """What is wrong with that fault, undergone on an imagined stage that has logged what it excuses before it."""
    figures = Figures(accepted_at=bytearray(10_000), accepted_over={"HTTP": bytearray(b"\1" * 10_000)})

    async def ended() -> Figures:
        return figures

    async def stock() -> int:
        return UNITS

    async def next_turn() -> Turn:
        return turn

    turn = cast(
        "Turn",
        SimpleNamespace(
            accepted=500, began_at_s=time.monotonic(), calls_files=[],
            until_accepted=at_once, until_steady=at_once, end=ended,
        ),
    )  # fmt: skip
    onlooker = SimpleNamespace(looks=[], ahead_ms=0, until_fresh=at_once)
    stage = SimpleNamespace(
        logs=reader_of(folder), onlooker=onlooker, until_whole=at_once, missing="",
        load=SimpleNamespace(stock=stock, next_turn=next_turn),
        baskets=SimpleNamespace(taken_s={ware: [] for ware in Ware}),
    )  # fmt: skip
    outcome, _ = await undergo(Logging(folder), cast("Stage", stage), turn, 0)
    return outcome.wrong


def check_a_fault_answers_for_what_is_logged(folder: DataFolder) -> None:
    log(folder, "worker-1-17.err", line(CATALOGUE_AWAY))
    wrong = asyncio.run(undergone(folder))
    events = [msgspec.json.decode(one.partition(": ")[2])["event"] for one in wrong]
    assert events == [CATALOGUE_AWAY, "the directory failed", "an errand failed"]


def test_a_fault_answers_for_what_is_logged_from_its_beginning_to_its_end(tmp_path: Path) -> None:
    check_a_fault_answers_for_what_is_logged(DataFolder(tmp_path))


def test_control_what_a_fault_excuses_does_not_reach_before_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    new_errors = LogReader.new_errors
    monkeypatch.setattr(LogReader, "new_errors", lambda reader, _=(): new_errors(reader, PostgresKilled.excused))
    with pytest.raises(AssertionError):
        check_a_fault_answers_for_what_is_logged(DataFolder(tmp_path))


def test_a_line_is_read_when_it_is_whole_and_once_though_its_log_is_cut(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    reader, whole = reader_of(folder), line("quarantined", block="b1")
    path = log(folder, "worker-1-17.err", whole[:20])
    assert reader.new_errors() == []
    log(folder, path.name, whole[20:])
    assert len(reader.new_errors()) == 1
    shutil.copyfile(path, path.with_name(path.name + _FORMER))
    path.write_text("")
    assert reader.new_errors() == []
    log(folder, path.name, line("quarantined", block="b2"))
    assert len(reader.new_errors()) == 1


def test_what_is_excused_says_why_and_exists() -> None:
    shipped = {
        event
        for part in ("actors", "serve")
        for path in (ROOT / part).rglob("*.py")
        for event in errors(path.read_text())
    }
    for kind in KINDS:
        for event, reason in kind.excused.items():
            assert any(fnmatchcase(event, said) for said in shipped), f"nobody says {event!r}"
            assert len(reason) > 15, kind.what


def test_shipped_code_logs_documents_alone() -> None:
    """Else nobody knows of a line what it says."""
    for part in ("actors", "serve"):
        for path in (ROOT / part).rglob("*.py"):
            assert "logging.getLogger(" not in path.read_text(), path


class ShardKilledAndFaulty(ShardKilled):
    """Its successor meets a bug with one block, which is served again after some seconds."""

    what = "shard killed, and a bug met in a block"
    bound_s = 40.0

    async def prepare(self, stage: Stage) -> None:
        """The bug waits for who loads a block next."""
        stage.within.fail_to_load_a_block()


class GatewayFaulty(Fault):
    """A request meets a bug in a gateway; who asked asks again."""

    what = "a bug met by a request"
    inflicted = observed = "an AttributeError"
    bound_s = 40.0

    async def inflict(self, stage: Stage) -> None:
        """Of the next hold."""
        stage.within.fail_a_hold()

    async def effect(self, stage: Stage) -> str:
        """Until it was met."""
        await until(lambda: stage.within.has_failed_a_hold)
        return "it was met"


@pytest.mark.long
@pytest.mark.stack
def test_control_bugs_that_are_survived_fail_a_campaign(tmp_path: Path) -> None:
    """One stops a block for some seconds; without them the same is survived without a word (see the short form)."""
    kept, faults = Kept(tmp_path), (GatewayFaulty, ShardKilledAndFaulty)
    assert asyncio.run(Campaign(kept, Console(quiet=True), faults, buyers=4).run()) == 1
    assert all(outcome.counted for outcome in kept.outcomes), kept.outcomes
    for outcome, event in zip(kept.outcomes, ("a request met a bug", "quarantined"), strict=True):
        (heard,) = outcome.wrong
        assert f'"event": "{event}"' in heard
        assert "AttributeError" in heard
    assert kept.segments[0].findings == []
    assert (tmp_path / "stack-0" / "stack").exists(), "somebody will want to look into it"
