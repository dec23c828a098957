"""The whole of Holdfast as a newcomer starts it, on ports and a folder of its own."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import httpx

from serve.demo import demo_operator_key_file
from serve.local.preflight import free_port
from serve.local.processes import _TETHER, marked, working_in
from serve.local.stack import DataFolder, Stack, find_stack
from serve.settings import variable_of

READY_S = 90.0
STOP_S = 60.0
HOLDFAST = str(Path(sys.executable).with_name("holdfast"))


def kill(pids: Iterable[int]) -> None:
    """SIGKILL to each."""
    send(pids, signal.SIGKILL)


def send(pids: Iterable[int], number: signal.Signals) -> None:
    """The signal to each; one may have ended because another did."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


class RunningStack:
    """`holdfast run` as a process; everything else is learned from what it prints, as a newcomer would."""

    def __init__(self, data_dir: Path, inner_port: int, **settings: str) -> None:
        self.folder = DataFolder(data_dir)
        self.inner_port = inner_port
        ports = ("http_port", "grpc_port", "postgres_port", "redis_port")
        given = {name: str(free_port()) for name in ports} | {"data_dir": str(data_dir), "inner_port": str(inner_port)}
        self.environ = os.environ | {variable_of(name): value for name, value in (given | settings).items()}
        self._process: subprocess.Popen[str] | None = None
        self._said = ""

    @property
    def said(self) -> str:
        """All that it has printed."""
        return self._said

    @property
    def is_up(self) -> bool:
        """Whether it was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    @property
    def supervisor_pid(self) -> int:
        """The process that was started last."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it and wait for `Holdfast is ready`."""
        self._said = ""
        tether = (sys.executable, "-ISc", _TETHER, str(int(signal.SIGINT)), str(os.getpid()))  # so nothing outlives us
        self._process = subprocess.Popen(
            [*tether, HOLDFAST, "run"],
            env=self.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        threading.Thread(target=self._listen, args=(self._process,), daemon=True).start()
        self.await_said("Holdfast is ready", READY_S)

    def _listen(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdout is not None
        for line in process.stdout:
            self._said += line

    def await_said(self, text: str, patience_s: float) -> None:
        """Wait until it has printed the text."""
        deadline = time.monotonic() + patience_s
        while text not in self._said:
            assert self._process is not None
            assert self._process.poll() is None, f"it ended:\n{self._said}"
            assert time.monotonic() < deadline, f"it never said {text!r}:\n{self._said}"
            time.sleep(0.05)

    def stop(self) -> int:
        """Stop it as Ctrl-C would; its exit code."""
        assert self._process is not None
        self._process.send_signal(signal.SIGINT)
        return self._process.wait(STOP_S)

    def kill_everything(self) -> None:
        """SIGKILL to the supervisor and to every process of the stack, Postgres and Ray included."""
        assert self._process is not None
        self._process.kill()
        while living := self.processes():  # again, as some were just being started
            kill(living)
            time.sleep(0.1)
        self._process.wait(STOP_S)

    def processes(self) -> list[int]:
        """Everything of the stack that lives, the supervisor apart."""
        return [
            *marked(self.folder.stack_id),
            *working_in(self.folder.postgres, "postgres"),
            *working_in(self.folder.redis, "redis-server"),
        ]

    @property
    def stack(self) -> Stack:
        """The addresses, as the project's own commands find them."""
        stack = find_stack(self.folder.root)
        assert stack is not None
        return stack

    @property
    def event_id(self) -> str:
        """The demo event."""
        return self._found(r"event_[0-9a-z]{16}")

    @property
    def api_key(self) -> str:
        """The demo key."""
        return self._found(r"hf_[0-9a-f]{16}_[0-9a-f]{64}")

    @property
    def operator_key(self) -> str:
        """The demo's operator's key, which is kept and not shown."""
        return demo_operator_key_file(self.folder.root).read_text()

    def _found(self, pattern: str) -> str:
        found = re.search(pattern, self._said)
        assert found is not None, self._said
        return found[0]

    def client(self) -> httpx.Client:
        """An HTTP client that bears the demo key."""
        headers = {"Authorization": f"Bearer {self.api_key}"}
        return httpx.Client(base_url=self.stack.http_url, headers=headers, timeout=30.0)

    def command(self, *words: str, patience_s: float = 60.0) -> "subprocess.CompletedProcess[str]":
        """Run one of `holdfast`'s commands against it."""
        return subprocess.run(
            [HOLDFAST, *words],
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=patience_s,
            check=False,
        )
