"""`run_local`: start the stack in order, keep each part alive, and leave nothing behind."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from types import FrameType

import msgspec
from rich.console import Console

from serve.local.archiving import Archiving
from serve.local.front import PATIENCE_S, Front
from serve.local.haproxy_stand_in import HaproxyStandIn
from serve.local.haproxy_watch import HaproxyWatch
from serve.local.keeping import Keeping
from serve.local.log_files import keep_logs_small
from serve.local.postgres import Postgres, held_told
from serve.local.preflight import LOOPBACK, CannotStart, check_disk, check_platform, check_ports
from serve.local.processes import Part, adopt_orphans, meanwhile, reap, wait_until
from serve.local.ray_session import Order, RaySession
from serve.local.redis import Redis
from serve.local.stack import DataFolder, Stack
from serve.local.stopped_sessions import StoppedSessions
from serve.settings import Settings

LOOK_PERIOD_S = 0.25
_LOGS_PERIOD_S = 10.0
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_RAY = "Ray"
_CLIENTS_OF_EACH = 8  # sessions of Postgres that a shard or a gateway has, with some to spare
_SHARDS_AT_LEAST = 16  # there may come to be so many
_CLIENTS_BESIDE = 84  # directory, projector, spares, commands


class LocalApplication(msgspec.Struct, frozen=True, kw_only=True):
    """What runs on the stack.

    `entry`: "module:function", called with the Stack in Ray's driver process, at each start of Ray; it returns when
    the application is deployed. `prepare`: called here with stores up and Ray not yet (migrations). `ready_text`:
    called here when everything answers. What they return is shown; both raise CannotStart for what a person can change.
    """

    entry: str
    grpc_servicers: tuple[str, ...]
    prepare: Callable[[Stack], str | None]
    ready_text: Callable[[Stack], str]


class _StopRequested(BaseException):
    """INT or TERM; not an Exception, so that nothing on the way takes it for a fault."""


def run_local(settings: Settings, application: LocalApplication, console: Console | None = None) -> int:
    """Run the stack until INT or TERM; the exit code (1: could not start, or something of it could not be ended)."""
    console = console or Console(highlight=False, soft_wrap=True, emoji=False)
    settings = msgspec.structs.replace(settings, data_dir=settings.data_dir.resolve())
    folder = DataFolder(settings.data_dir)
    try:
        check_platform()
        with folder.held(), _stopping_on_signals():
            return _Supervisor(settings, application, folder, console).run()
    except CannotStart as refusal:
        console.print(f"Holdfast cannot run: {refusal}", style="red", markup=False)
        return 1
    except _StopRequested:
        return 0


class _Supervisor:
    def __init__(self, settings: Settings, application: LocalApplication, folder: DataFolder, console: Console) -> None:
        self._settings = settings
        self._application = application
        self._folder = folder
        self._console = console
        self._parts: dict[str, Part] = {}  # in the order of their start
        self._sessions = StoppedSessions(list)  # of a Postgres of ours
        self._stack = self._plan()
        self._archiving = Archiving(self._stack, folder)
        sockets = folder.ray_short / "haproxy"
        self._haproxy = HaproxyWatch(sockets, self._parts[_RAY].processes)
        self._stand_in = HaproxyStandIn(sockets, folder.stack_id, log=folder.logs / "haproxy.log")
        self._front = Front(_reachable(settings.host), settings.http_port, sockets)
        self._keeping = Keeping(self._tell, self._look)
        self._looked_at = 0.0
        self._logs_due_at = 0.0
        self._told_bug = ""

    def run(self) -> int:
        """Start, watch, stop. Raises CannotStart after having stopped what was started."""
        adopt_orphans()
        left: list[int] = []
        with suppress(_StopRequested):
            try:
                self._start()
                self._watch()
            finally:
                left = self._stop()
        if left:
            self._tell(f"could not end these processes of ours: {left}", "red")
        return 1 if left else 0

    def _plan(self) -> Stack:
        """Say of which parts the stack consists, and where they will be."""
        settings, folder, logs = self._settings, self._folder, self._folder.logs
        database_url, redis_url = settings.database_url, settings.redis_url
        if database_url is None:
            secret = folder.secret("postgres")
            clients = _CLIENTS_BESIDE + _CLIENTS_OF_EACH * (
                max(settings.shards, _SHARDS_AT_LEAST) + settings.gateways_started
            )
            postgres = Postgres(
                *(folder.postgres, settings.postgres_port, secret),
                log=logs / "postgres.log",
                clients=clients,
                on_step=self._show_step,
            )
            self._parts["PostgreSQL"], database_url = postgres, postgres.url
            self._sessions = StoppedSessions(postgres.workers)
        if redis_url is None:
            redis = Redis(folder.redis, settings.redis_port, folder.secret("redis"), log=logs / "redis.log")
            self._parts["Redis"], redis_url = redis, redis.url
        stack = Stack(
            settings=settings,
            pid=os.getpid(),
            database_url=database_url,
            redis_url=redis_url,
            http_url=f"http://{_reachable(settings.host)}:{settings.http_port}",
            grpc_target=f"{_reachable(settings.host)}:{settings.grpc_port}",
        )
        order = Order(
            stack=stack,
            entry=self._application.entry,
            grpc_servicers=self._application.grpc_servicers,
            ray_folder=str(folder.ray_short),
        )
        self._parts[_RAY] = RaySession(order, folder, log=logs / "ray.log", on_step=self._show_step)
        return stack

    def _start(self) -> None:
        for part in reversed(self._parts.values()):
            part.stop()  # what a killed run of this data folder left
        check_ports(self._settings)
        check_disk(self._settings, held_told(self._folder.postgres))
        for name, part in self._parts.items():
            if name == _RAY:
                with self._step("preparing the database", "database ready"):
                    warning = self._application.prepare(self._stack)
                self._tell(warning)
            with self._step(f"starting {name}", f"{name} runs"):
                self._start_part(name, part)
        for name, part in self._parts.items():
            self._keeping.keep(name, part, partial(self._start_part, name, part), partial(self._fault, name, part))
        text = self._application.ready_text(self._stack)
        self._folder.publish(self._stack)
        self._console.print(text, markup=False)

    def _start_part(self, name: str, part: Part) -> None:
        """Start it. Serve says that the application runs, and HAProxy may not have heard of it then."""
        part.start()
        if name == _RAY:
            serves = wait_until(self._front.serves, PATIENCE_S)
            self._front.begins()
            if not serves:
                raise CannotStart(f"no answer over HTTP for {PATIENCE_S:.0f} s (see {self._folder.logs})")

    def _fault(self, name: str, part: Part) -> str | None:
        return part.fault() or (self._front.silence() if name == _RAY else None)

    def _watch(self) -> None:
        """Look after the parts until a signal comes."""
        while True:
            time.sleep(LOOK_PERIOD_S)
            self._look()

    def _look(self) -> None:
        """At everything, if that was not done just now: it is called all the time while a part is being started."""
        if time.monotonic() - self._looked_at < LOOK_PERIOD_S:
            return
        self._looked_at = time.monotonic()
        reap()
        with meanwhile(_nothing):  # else what they wait for would do them once more
            for chore in (
                self._keep_logs_small, self._look_after_backup, self._look_after_haproxy, self._look_after_sessions
            ):  # fmt: skip
                self._do(chore)
        self._keeping.look()

    def _do(self, chore: Callable[[], None]) -> None:
        """What goes wrong in it is told, once while it is the same, and ends nothing: the stack sells without it."""
        try:
            chore()
        except Exception as bug:  # noqa: BLE001  # whatever it is
            if self._told_bug != (told := repr(bug)):
                self._told_bug = told
                self._tell(f"{chore.__name__.strip('_')} failed: {told}")

    def _keep_logs_small(self) -> None:
        if time.monotonic() > self._logs_due_at:
            self._logs_due_at = time.monotonic() + _LOGS_PERIOD_S
            keep_logs_small(self._folder)

    def _look_after_backup(self) -> None:
        self._tell(self._archiving.look())

    def _look_after_haproxy(self) -> None:
        if self._keeping.is_starting(_RAY):  # which ends all of them, and starts its own
            return
        for look in (self._haproxy.look, self._stand_in.look):
            self._tell(look())

    def _look_after_sessions(self) -> None:
        self._tell(self._sessions.look())

    def _stop(self) -> list[int]:
        """Stop the parts, last started first; returns the processes of this stack that are left."""
        _ignore_signals()
        self._archiving.stop()  # first: Postgres waits for whoever is to have its log
        for name, part in reversed(self._parts.items()):
            if not part.processes():
                continue
            with self._step(f"stopping {name}", f"{name} stopped"):
                try:
                    part.stop()
                except CannotStart as refusal:
                    self._tell(str(refusal), "red")
        reap()
        return [pid for part in self._parts.values() for pid in part.processes()]

    def _tell(self, text: str | None, style: str = "yellow") -> None:
        with suppress(OSError):  # it may go into a file, on a disk that is full
            if text is not None:
                self._console.print(text, style=style, markup=False)

    def _show_step(self, step: str) -> None:
        self._tell(f"  {step} …", "dim")

    @contextmanager
    def _step(self, doing: str, done: str) -> Iterator[None]:
        began = time.monotonic()
        with self._console.status(doing):
            yield
        with suppress(OSError):
            self._console.print(f"[green]✓[/] {done} [dim]({time.monotonic() - began:.1f} s)[/]")


@contextmanager
def _stopping_on_signals() -> Iterator[None]:
    """INT and TERM raise _StopRequested in the main thread, once; handlers are as before afterwards."""

    def stop(number: int, frame: FrameType | None) -> None:
        _ignore_signals()
        raise _StopRequested

    before = {number: signal.signal(number, stop) for number in _STOP_SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _nothing() -> None:
    """For who looks at nothing meanwhile."""


def _ignore_signals() -> None:
    """While we stop, further wishes to stop change nothing."""
    for number in _STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def _reachable(host: str) -> str:
    """The address by which this machine reaches what listens on `host`."""
    if host in ("0.0.0.0", "::"):  # noqa: S104  # compared, not bound
        return LOOPBACK
    return f"[{host}]" if ":" in host else host
