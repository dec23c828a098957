"""What was up is started again however often that fails, with pauses; others do not wait. The supervisor is real."""

from __future__ import annotations

import io
import os
import signal
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import pytest
from rich.console import Console

from serve.local import keeping, supervisor
from serve.local.haproxy_stand_in import HaproxyStandIn
from serve.local.haproxy_watch import HaproxyWatch
from serve.local.keeping import Keeping, pause_s
from serve.local.postgres import Postgres
from serve.local.preflight import CannotStart, free_port
from serve.local.processes import Part, wait_until
from serve.local.stack import DataFolder
from serve.local.supervisor import LocalApplication, _StopRequested, _Supervisor
from serve.settings import Settings, variable_of

FULL = OSError(28, "No space left on device")
BEYOND_ANY_LIMIT = 12
PORTS = ("http_port", "grpc_port", "postgres_port", "redis_port")
INNER_PORT = 25500  # below those that the kernel gives


class FakePart:
    """One that starts at once, unless it is told otherwise."""

    def __init__(self) -> None:
        self.runs = False
        self.starts: list[float] = []
        self.on_start: Callable[[], None] = lambda: None

    def start(self) -> None:
        self.starts.append(time.monotonic())
        self.on_start()
        self.runs = True

    def fault(self) -> str | None:
        return None if self.runs else "it ended"

    def stop(self) -> None:
        self.runs = False

    def processes(self) -> list[int]:
        return []


class Stage:
    """A supervisor of these parts, and what it says."""

    def __init__(self, folder: Path, **parts: Part) -> None:
        self._said = io.StringIO()
        self.parts = parts
        folder.mkdir(exist_ok=True)
        self.folder = DataFolder(folder)
        settings = Settings.from_environ(
            {variable_of(name): str(free_port()) for name in PORTS}
            | {variable_of("inner_port"): str(INNER_PORT), variable_of("data_dir"): str(folder)}
            | {variable_of("disk_reserve_mb"): "1"}
        )
        application = LocalApplication(
            entry="", grpc_servicers=(), prepare=lambda stack: None, ready_text=lambda stack: "ready"
        )
        self.supervisor = _Supervisor(settings, application, self.folder, Console(file=self._said, width=200))
        self.supervisor._parts = parts

    @property
    def said(self) -> str:
        return self._said.getvalue()

    def start(self) -> None:
        with self.folder.held():
            self.supervisor._start()

    def watch(self) -> None:
        """Until a part stops it."""
        with pytest.raises(_StopRequested):
            self.supervisor._watch()


def stop() -> None:
    raise _StopRequested


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "LOOK_PERIOD_S", 0.01)
    monkeypatch.setattr(keeping, "_FIRST_PAUSE_S", 0.02)
    monkeypatch.setattr(keeping, "_LONGEST_PAUSE_S", 0.3)


def check_a_part_that_cannot_start_for_a_while(folder: Path) -> Stage:
    """As on a disk that is full: it fails more often than any limit would bear, and then starts."""
    store, other = FakePart(), FakePart()
    stage = Stage(folder, store=store, other=other)
    stage.start()

    def fail() -> None:
        if len(store.starts) <= BEYOND_ANY_LIMIT:
            raise FULL
        other.on_start = stop
        other.runs = False  # which is noticed after the store is back

    store.on_start = fail
    store.runs = False
    stage.watch()
    assert len(store.starts) == 1 + BEYOND_ANY_LIMIT
    pauses = [later - earlier for earlier, later in zip(store.starts[1:-1], store.starts[2:], strict=True)]
    assert pauses[-1] >= 0.3 > pauses[0], "it is left alone for longer and longer"
    return stage


def test_a_part_that_cannot_start_for_a_while_starts_as_soon_as_it_can(tmp_path: Path) -> None:
    said = check_a_part_that_cannot_start_for_a_while(tmp_path).said
    assert "store: it ended; starting it again" in said
    assert "No space left on device" in said
    assert said.count("No space left on device") < BEYOND_ANY_LIMIT / 2, "told now and then"
    assert "store is back" in said


def test_control_a_part_that_is_tried_without_a_pause_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "pause_s", lambda tries: 0.0)
    with pytest.raises(AssertionError, match="it is left alone for longer and longer"):
        check_a_part_that_cannot_start_for_a_while(tmp_path)


def test_control_with_a_limit_everything_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As it was: five starts in two minutes."""
    restart = Keeping._restart

    def limited(self: Keeping, kept: keeping._Kept, fault: str) -> None:
        if kept.tries == 5:
            raise CannotStart(f"{kept.name} does not stay up")
        restart(self, kept, fault)

    monkeypatch.setattr(Keeping, "_restart", limited)
    with pytest.raises(CannotStart, match="store does not stay up"):
        check_a_part_that_cannot_start_for_a_while(tmp_path)


def test_the_first_start_of_a_stack_fails_at_once(tmp_path: Path) -> None:
    store = FakePart()
    store.on_start = fail_to_start
    with pytest.raises(CannotStart, match="no room"):
        Stage(tmp_path, store=store).start()
    assert len(store.starts) == 1


def fail_to_start() -> None:
    raise CannotStart("no room")


def test_pauses_end_at_ten_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert [pause_s(tries) for tries in (1, 2, 3, 6, 7, 5_000)] == [0.25, 0.5, 1.0, 8.0, 10.0, 10.0]


def told_of_one_that_starts_and_hangs(folder: Path) -> int:
    """How often, in so many tries."""
    store = FakePart()
    stage = Stage(folder, store=store)
    stage.start()
    store.on_start = lambda: stop() if len(store.starts) > BEYOND_ANY_LIMIT else None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "fault", lambda: "it hangs")
        stage.supervisor._keeping.keep("store", store, store.start, store.fault)
        stage.watch()
    return stage.said.count("store: it hangs; starting it again")


def test_one_that_starts_and_does_not_last_is_told_of_now_and_then(tmp_path: Path) -> None:
    assert told_of_one_that_starts_and_hangs(tmp_path) < BEYOND_ANY_LIMIT / 2


def test_one_that_lasted_is_told_of_each_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "_LASTS_S", 0.0)
    assert told_of_one_that_starts_and_hangs(tmp_path) == BEYOND_ANY_LIMIT


def check_a_store_that_dies_while_another_part_is_started(folder: Path) -> None:
    """Postgres is the real one, and the other starts slowly, as Ray does."""
    (folder / "password").write_text("for-tests-only")
    store = Postgres(folder / "postgres", free_port(), folder / "password", log=folder / "log")
    slow = FakePart()
    stage = Stage(folder / "stack", store=store, slow=slow)
    back: list[bool] = []
    try:
        stage.start()

        def start_slowly() -> None:
            for pid in store.processes():
                os.kill(pid, signal.SIGKILL)
            assert wait_until(lambda: store.fault() is not None, 5.0)
            back.append(wait_until(lambda: store.fault() is None and store._is_ready(), 10.0))
            raise _StopRequested

        slow.on_start = start_slowly
        slow.runs = False
        stage.watch()
    finally:
        store.stop()
    assert back == [True], "nobody looked after it meanwhile"
    assert stage.said.index("slow: it ended") < stage.said.index("store is back")


def test_a_store_that_dies_while_another_part_is_started_comes_back_meanwhile(tmp_path: Path) -> None:
    check_a_store_that_dies_while_another_part_is_started(tmp_path)


def test_control_where_nobody_looks_meanwhile_it_does_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "meanwhile", lambda look: nullcontext())
    with pytest.raises(AssertionError, match="nobody looked after it meanwhile"):
        check_a_store_that_dies_while_another_part_is_started(tmp_path)


@pytest.mark.parametrize("who", [HaproxyStandIn, HaproxyWatch])
def test_haproxy_is_looked_after_except_while_ray_is_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, who: type[HaproxyStandIn | HaproxyWatch]
) -> None:
    ray, times = FakePart(), iter(range(3))

    def ends_soon() -> str | None:
        return "it ended" if next(times, None) is None else None

    def start_slowly() -> None:
        wait_until(lambda: False, 0.3)
        raise _StopRequested

    monkeypatch.setattr(who, "look", lambda self: "something happened to HAProxy")
    stage = Stage(tmp_path, other=FakePart())
    stage.start()
    ray.on_start = start_slowly
    stage.supervisor._keeping.keep("Ray", ray, ray.start, ends_soon)
    stage.watch()
    assert stage.said.count("something happened to HAProxy") == 4
