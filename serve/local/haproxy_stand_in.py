"""Another HAProxy serves where Serve's is gone, until Serve has one again that knows where to send requests.

Serve has one again after two to seven seconds, and one without replicas first. The stand-in has the newest file that
had replicas, and shares its ports with Serve's: so one that hung, or did not end, would be given a part of the buyers.
`haproxy_watch` asks it on a socket of its own, where Serve does not look; one that does not end in time is killed.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path

from serve.local.haproxy_socket import SERVES, STAND_INS
from serve.local.loopback import haproxy_binary
from serve.local.processes import mark, spawn

_REPLICA = re.compile(r"^ *server (?!SERVE_PROXY_ACTOR)", re.M)
_CORRECTED = "http-request set-header x-holdfast-arrived-ms "  # by our launcher, just before HAProxy starts
_ITS_SOCKET = re.compile(r"^( *)stats socket .*", re.M)
# What Serve's remembers of its servers: who manages one by it is to find Serve's.
_SERVES_OWN = re.compile(r"^ *(server-state-base|server-state-file|load-server-state-from-file) .*\n", re.M)
_HARD_STOP = re.compile(r"hard-stop-after \S+")
_HARD_STOP_S = 10  # whoever has a connection that rests meanwhile would keep it for long
_KILLED_AFTER_S = _HARD_STOP_S + 2.0
_PATIENCE_S = 1.0


class HaproxyStandIn:
    """For the HAProxy that Serve has in a folder below `folder`; it bears the mark of the stack `stack_id`."""

    def __init__(self, folder: Path, stack_id: str, *, log: Path) -> None:
        self._folder = folder
        self._stack_id = stack_id
        self._log = log
        self._known = ""
        self._process: subprocess.Popen[bytes] | None = None
        self._leaving: list[tuple[subprocess.Popen[bytes], float]] = []  # and when each is to have gone

    def look(self) -> str | None:
        """Begin or end to stand in, as it is called for; then what has happened."""
        if self._process is not None and self._process.poll() is not None:
            self._process = None
        self._kill_who_does_not_leave()
        if any(map(_is_there, self._folder.glob(SERVES))):
            return self._look_at_serves_own()
        if self._process is None and self._known:
            return self._begin()
        return None

    def _look_at_serves_own(self) -> str | None:
        for file in self._folder.glob("*/haproxy.cfg"):
            with suppress(FileNotFoundError):  # it is just being written
                text = file.read_text()
                if _CORRECTED in text and _REPLICA.search(text):
                    self._known = text
                    return self._end()
        return None

    def _begin(self) -> str:
        file = self._folder / "stand-in.cfg"
        text = _HARD_STOP.sub(f"hard-stop-after {_HARD_STOP_S}s", _SERVES_OWN.sub("", self._known))
        its_socket = f"stats socket {self._folder / STAND_INS} mode 600 level admin"
        file.write_text(_ITS_SOCKET.sub(lambda found: found[1] + its_socket, text))
        self._process = spawn(
            [str(haproxy_binary()), "-db", "-f", str(file)],
            signal_on_orphan=signal.SIGTERM,
            log=self._log,
            folder=self._folder,
            environment=mark(self._stack_id),
        )
        return f"HAProxy is gone: another (pid {self._process.pid}) stands in for it"

    def _end(self) -> str | None:
        """It answers what it has been asked, and takes nobody else."""
        process, self._process = self._process, None
        if process is None:
            return None
        with suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGUSR1)
        self._leaving.append((process, time.monotonic() + _KILLED_AFTER_S))
        return "HAProxy is there again"

    def _kill_who_does_not_leave(self) -> None:
        """One that hangs while it is told to end would keep its ports, and the buyers that the kernel gives it."""
        now = time.monotonic()
        for process, _ in [(process, until) for process, until in self._leaving if until < now]:
            with suppress(ProcessLookupError):
                process.kill()
        self._leaving = [(process, until) for process, until in self._leaving if process.poll() is None]


def _is_there(path: Path) -> bool:
    """Whether somebody has the socket, even if it does not answer."""
    with socket.socket(socket.AF_UNIX) as asking:
        asking.settimeout(_PATIENCE_S)
        try:
            asking.connect(str(path))
        except (FileNotFoundError, ConnectionRefusedError):
            return False
        except OSError:  # too many ask at once
            return True
    return True
