"""Ray on one machine, as one part of the stack: a child process that is Ray's driver, and all that Ray starts.

The supervisor is never a driver itself: whatever happens to Ray, it ends the whole session and starts it again.
"""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgspec

from serve.local.loopback import MOST_SENT_BYTES, write_haproxy_launcher
from serve.local.preflight import INNER_PORTS, REPLICA_GRPC_PORTS, REPLICA_HTTP_PORTS, CannotStart
from serve.local.processes import end, is_living, mark, marked, named, spawn, wait_until
from serve.local.shedding import MOST_CONNECTIONS
from serve.local.stack import DataFolder, Stack
from serve.settings import Settings

START_PATIENCE_S = 120.0
_STOP_PATIENCE_S = 15.0
_ANSWER_PATIENCE_S = 5.0  # nobody is waited for longer
_KEPT_SESSIONS = 3  # Ray's own logs, for the curious
_CRUCIAL = ("raylet", "gcs_server")  # nothing rebuilds these: replicas and HAProxy would go on as orphans


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What the driver is told on its standard input; it stops when that closes."""

    stack: Stack
    entry: str
    grpc_servicers: tuple[str, ...]
    ray_folder: str


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """One line from the driver."""

    step: str
    ready: bool = False
    failed: bool = False


class RaySession:
    """Ray, Serve in HAProxy mode and the application on it; see `processes.Part`."""

    def __init__(self, order: Order, folder: DataFolder, *, log: Path, on_step: Callable[[str], None]) -> None:
        self._order = order
        self._folder = folder
        self._log = log
        self._on_step = on_step
        self._process: subprocess.Popen[bytes] | None = None
        self._crucial: dict[int, str] = {}

    def start(self) -> None:
        """Return when the application answers. Raises CannotStart."""
        self.stop()
        self._clear_folder()
        reports, report_end = os.pipe()
        try:
            try:
                self._process = spawn(
                    [sys.executable, "-m", "serve.local.ray_driver", str(report_end)],
                    signal_on_orphan=signal.SIGTERM,
                    log=self._log,
                    folder=Path.cwd(),
                    environment=ray_environment(self._order.stack.settings, self._folder) | mark(self._folder.stack_id),
                    stdin=subprocess.PIPE,
                    pass_fds=(report_end,),
                )
            finally:
                os.close(report_end)
            assert self._process.stdin is not None
            self._process.stdin.write(msgspec.json.encode(self._order, enc_hook=str) + b"\n")
            self._process.stdin.flush()
            self._await_ready(reports)
        except BrokenPipeError:
            raise self._ended_early() from None
        finally:
            os.close(reports)
        self._crucial = {pid: name for name in _CRUCIAL for pid in named(self.processes(), name)}

    def fault(self) -> str | None:
        """None while driver, raylet and GCS live; the rest is repaired by Ray itself."""
        if self._process is None or self._process.poll() is not None:
            return "its driver ended"
        for pid, name in self._crucial.items():
            if not is_living(pid):
                return f"{name} ended"
        return None

    def stop(self) -> None:
        """Let what was taken be answered, the application drain and Ray end; then end what is left of the session."""
        process = self._process
        gently = (signal.SIGTERM, 3.0)
        if process is not None and process.stdin is not None:
            broken = self.fault() is not None
            if not broken:
                self._answer_what_was_taken()
            with suppress(BrokenPipeError):
                process.stdin.close()
            if broken:  # it would only time out; the journal does not need anybody's last words
                gently = (signal.SIGKILL, 5.0)
            else:
                wait_until(lambda: process.poll() is not None, _STOP_PATIENCE_S)
        left = end(self.processes, gently, (signal.SIGKILL, 10.0))
        if left:
            raise CannotStart(f"cannot end process {left[0]}, which belongs to the Ray session of this stack")
        if process is not None:
            process.wait()
        self._process = None
        self._crucial = {}

    def processes(self) -> list[int]:
        """All that bears this stack's mark: driver, Ray, Serve, HAProxy, replicas and the application's actors."""
        return marked(self._folder.stack_id)

    def _answer_what_was_taken(self) -> None:
        """HAProxy takes no more, and ends when all is answered that it has; so does another that Ray puts in its place.

        Serve itself ends it while replicas still work for it.
        """
        end(lambda: named(self.processes(), "haproxy"), (signal.SIGUSR1, _ANSWER_PATIENCE_S))

    def _await_ready(self, reports: int) -> None:
        deadline = time.monotonic() + START_PATIENCE_S
        received = b""
        while True:
            if not wait_until(lambda: _is_readable(reports), deadline - time.monotonic()):
                raise CannotStart(f"Ray did not get ready within {START_PATIENCE_S:.0f} s (see {self._log})")
            piece = os.read(reports, 65536)
            if not piece:
                raise self._ended_early()
            *lines, received = (received + piece).split(b"\n")
            for line in lines:
                report = msgspec.json.decode(line, type=Report)
                if report.failed:
                    raise CannotStart(f"{report.step} (see {self._log})")
                if report.ready:
                    return
                self._on_step(report.step)

    def _ended_early(self) -> CannotStart:
        return CannotStart(f"Ray's driver ended before it was ready (see {self._log})")

    def _clear_folder(self) -> None:
        """Sockets and generated files of the last session go; the logs of the last few stay."""
        shutil.rmtree(self._folder.ray / "haproxy", ignore_errors=True)
        (self._folder.ray / "haproxy").mkdir(mode=0o700)
        settings = self._order.stack.settings
        launcher = self._folder.ray / "haproxy-launcher"
        write_haproxy_launcher(launcher, settings.host, replicas=settings.gateway_replicas)
        sessions = sorted(path for path in self._folder.ray.glob("session_2*") if path.is_dir())
        for old in sessions[:-_KEPT_SESSIONS]:
            shutil.rmtree(old, ignore_errors=True)


def _is_readable(reports: int) -> bool:
    return bool(select.select([reports], [], [], 0)[0])


def ray_environment(settings: Settings, folder: DataFolder) -> dict[str, str]:
    """What Ray and Serve read from the environment when they start (each seen to matter with Ray 2.60)."""
    haproxy = folder.ray_short / "haproxy"
    inner = {use: str(settings.inner_port + distance) for use, distance in INNER_PORTS.items()}
    replica_ports = {
        f"RAY_SERVE_DIRECT_INGRESS_{bound}_{protocol}_PORT": str(settings.inner_port + distance)
        for protocol, distances in (("HTTP", REPLICA_HTTP_PORTS), ("GRPC", REPLICA_GRPC_PORTS))
        for bound, distance in zip(("MIN", "MAX"), distances, strict=True)
    }
    return {
        # The proxy in C instead of the one in Python, and user code on the replica's only event loop.
        "RAY_SERVE_ENABLE_HA_PROXY": "1",
        "RAY_SERVE_THROUGHPUT_OPTIMIZED": "1",
        # With that, else, what a replica writes on standard error is a message of Serve's below the level that it logs.
        "RAY_SERVE_LOG_TO_STDERR": "1",
        "RAY_SERVE_HAPROXY_NBTHREAD": "1",
        # Else one that Serve starts finds its ports taken for as long as another stands in.
        "SERVE_SOCKET_REUSE_PORT_ENABLED": "1",
        # All to the first of two that lives: a replica takes over that is there already, where one must begin to start.
        "RAY_SERVE_HAPROXY_BALANCE_ALGORITHM": "first" if settings.one_stands_by else "leastconn",
        # What a dead one was asked the other is asked: every write has a key, so nothing is done twice. Where all are
        # asked, nobody could tell it that another had been (see `serve.second_hand`), and the caller asks again.
        "RAY_SERVE_HAPROXY_RETRY_ON": "conn-failure empty-response" if settings.one_stands_by else "conn-failure",
        # One that hangs is noticed within 4 s (see loopback): by one check, as under a burst many take a second.
        "RAY_SERVE_HAPROXY_HEALTH_CHECK_INTER": "1s",
        "RAY_SERVE_HAPROXY_HEALTH_CHECK_FALL": "1",
        "RAY_SERVE_HAPROXY_MAXCONN": str(MOST_CONNECTIONS),
        # A HAProxy that dies is back after 3 s, not 24 s: three checks, and the start of another.
        "RAY_SERVE_PROXY_HEALTH_CHECK_PERIOD_S": "0.25",
        "RAY_SERVE_PROXY_HEALTH_CHECK_TIMEOUT_S": "1",
        # One that stops goes on serving until HAProxy has a file without it: after 0.2 s, or 1 s on a busy machine.
        "RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S": "2",
        # Of answers; what is received is bounded by less (see loopback).
        "RAY_SERVE_GRPC_MAX_MESSAGE_SIZE": str(MOST_SENT_BYTES),
        # One log line a request to a Python process; the gateway counts its requests itself.
        "RAY_SERVE_HAPROXY_METRICS_ENABLED": "0",
        "RAY_SERVE_HAPROXY_BINARY_PATH": str(folder.ray_short / "haproxy-launcher"),
        "RAY_SERVE_HAPROXY_CONFIG_FILE_LOC": str(haproxy / "haproxy.cfg"),
        "RAY_SERVE_HAPROXY_SOCKET_PATH": str(haproxy / "admin.sock"),
        "RAY_SERVE_HAPROXY_METRICS_SOCKET_PATH": str(haproxy / "metrics.sock"),
        "RAY_SERVE_HAPROXY_SERVER_STATE_BASE": str(haproxy),
        "RAY_SERVE_HAPROXY_SERVER_STATE_FILE": str(haproxy / "server-state"),
        "RAY_SERVE_HAPROXY_STATS_PORT": inner["statistics"],
        "RAY_SERVE_HAPROXY_METRICS_PORT": inner["metrics"],
        "RAY_SERVE_FALLBACK_PROXY_HTTP_PORT": inner["fallback HTTP"],
        "RAY_SERVE_FALLBACK_PROXY_GRPC_PORT": inner["fallback gRPC"],
        **replica_ports,
        "DASHBOARD_METRIC_PORT": inner["metrics of Ray"],
        # Only so does Ray keep 127.0.0.1 as the machine's address and bind everything of its own to it.
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
        # Ray's processes write their titles over their environment, and with it over the mark that they are found by.
        "SPT_NOENV": "1",
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": str(folder.secret("ray")),
        # Ray makes its workers, HAProxy among them, give way to everything else (nice 15).
        "RAY_worker_niceness": "0",
        "RAY_enable_worker_prestart": "0",
        "RAY_prestart_worker_first_driver": "0",
        "RAY_USAGE_STATS_ENABLED": "0",
    }
