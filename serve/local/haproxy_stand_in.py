"""Another HAProxy serves where Serve's is gone, until Serve has one again that knows where to send requests.

Serve has one again after two to seven seconds, and one without replicas first. The stand-in has the newest file that
had replicas, and shares its ports with Serve's.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
from contextlib import suppress
from pathlib import Path

from serve.local.loopback import haproxy_binary
from serve.local.processes import mark, spawn

_REPLICA = re.compile(r"^ *server (?!SERVE_PROXY_ACTOR)", re.M)
_CORRECTED = "http-request set-header x-holdfast-arrived-ms "  # by our launcher, just before HAProxy starts
# Its own socket and what Serve's remembers of its servers: who manages one by them is to find Serve's.
_SERVES_OWN = re.compile(
    r"^ *(stats socket|server-state-base|server-state-file|load-server-state-from-file) .*\n", re.M
)
_HARD_STOP = re.compile(r"hard-stop-after \S+")
_STOPS_HARD = "hard-stop-after 10s"  # whoever has a connection that rests meanwhile would keep it for long
_PATIENCE_S = 1.0


class HaproxyStandIn:
    """For the HAProxy that Serve has in a folder below `folder`; it bears the mark of the stack `stack_id`."""

    def __init__(self, folder: Path, stack_id: str, *, log: Path) -> None:
        self._folder = folder
        self._stack_id = stack_id
        self._log = log
        self._known = ""
        self._process: subprocess.Popen[bytes] | None = None

    def look(self) -> str | None:
        """Begin or end to stand in, as it is called for; then what has happened."""
        if self._process is not None and self._process.poll() is not None:
            self._process = None
        if any(map(_is_there, self._folder.glob("*/admin.sock"))):
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
        file.write_text(_HARD_STOP.sub(_STOPS_HARD, _SERVES_OWN.sub("", self._known)))
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
        return "HAProxy is there again"


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
