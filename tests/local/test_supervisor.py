"""The whole local stack: comes up on loopback alone, outlives what kills its parts, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import asyncpg
import grpc
import httpx
import pytest
from google.protobuf.wrappers_pb2 import StringValue

from serve.local import log_files
from serve.local.preflight import free_port
from serve.local.processes import marked, named, newest, wait_until, working_in
from serve.local.stack import DataFolder, Stack, find_stack
from serve.settings import variable_of

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
INNER_PORT = 26000
SERVICE = "tiny.v1.Tiny"  # as in tiny_application, which runs in the processes of Ray


class TinyStack:
    """The tiny application's stack as a process of its own, with ports and folder of its own."""

    def __init__(self, data_dir: Path) -> None:
        self.folder = DataFolder(data_dir)
        names = ("http_port", "grpc_port", "postgres_port", "redis_port")
        self.environ = {variable_of(name): str(free_port()) for name in names}
        self.environ |= {variable_of("data_dir"): str(data_dir), variable_of("inner_port"): str(INNER_PORT)}
        self.process: subprocess.Popen[str] | None = None

    def start(self, entry: str = "tiny_application:deploy", patience_s: float = 60.0) -> str:
        """Start it; all that it printed until it was ready or had ended."""
        path = os.pathsep.join([str(ROOT), str(HERE)])
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / "run_tiny_stack.py"), entry],
            env={**os.environ, **self.environ, "PYTHONPATH": path, "COLUMNS": "200"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        return self.read_until("ready:", patience_s)

    def read_until(self, wanted: str, patience_s: float) -> str:
        assert self.process is not None
        assert self.process.stdout is not None
        said = ""
        deadline = time.monotonic() + patience_s
        while wanted not in said and time.monotonic() < deadline:
            line = self.process.stdout.readline()
            if not line:
                break
            said += line
        return said

    @property
    def stack(self) -> Stack:
        found = find_stack(self.folder.root)
        assert found is not None
        return found

    def processes(self) -> list[int]:
        return [
            *marked(self.folder.stack_id),
            *working_in(self.folder.postgres, "postgres"),
            *working_in(self.folder.redis, "redis-server"),
        ]

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(40)


@pytest.fixture
def tiny(tmp_path: Path) -> Iterator[TinyStack]:
    stack = TinyStack(tmp_path / "data")
    yield stack
    if stack.process is not None:
        with suppress(ProcessLookupError):
            stack.process.kill()
        stack.process.wait()
        stack.process.stdout and stack.process.stdout.close()
    for pid in stack.processes():
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def count_over_http(stack: Stack) -> int:
    return int(httpx.get(stack.http_url, timeout=5).text.split()[0])


def count_over_grpc(stack: Stack) -> int:
    with grpc.insecure_channel(stack.grpc_target) as channel:
        call = channel.unary_unary(f"/{SERVICE}/Count", StringValue.SerializeToString, StringValue.FromString)
        return int(call(StringValue(), timeout=5).value.split()[0])


def answers(stack: Stack) -> bool:
    with suppress(httpx.HTTPError, ValueError):
        return count_over_http(stack) > 0
    return False


def listening_beyond_loopback(pids: list[int]) -> list[str]:
    """Addresses in the kernel's words: 0100007F is 127.0.0.1, and so is its form within IPv6."""
    inodes = set()
    for pid in pids:
        with suppress(OSError):
            for fd in Path(f"/proc/{pid}/fd").iterdir():
                with suppress(OSError):
                    inodes.add(os.readlink(fd))
    found = []
    for table in ("tcp", "tcp6"):
        for row in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            _, local, _, state, *rest = row.split()
            listening = state == "0A" and f"socket:[{rest[5]}]" in inodes
            if listening and not local.partition(":")[0].endswith("0100007F"):
                found.append(local)
    return found


def kill(pids: list[int]) -> None:
    assert pids
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


@pytest.mark.stack
@pytest.mark.long
def test_a_stack_outlives_the_death_of_its_parts_keeps_its_data_and_leaves_nothing_behind(tiny: TinyStack) -> None:
    assert "ready:" in tiny.start()
    before = count_over_http(tiny.stack)
    assert count_over_grpc(tiny.stack) == before + 1  # one object answers both protocols
    assert listening_beyond_loopback(tiny.processes()) == []
    execute(tiny.stack, "create table facts (id int)")
    execute(tiny.stack, "insert into facts values (1)")

    with (tiny.folder.logs / "redis.log").open("r+b") as log:
        log.truncate(log_files.MAX_BYTES + 1)  # as if it had said a lot

    haproxy = newest(named(marked(tiny.folder.stack_id), "haproxy"))
    assert haproxy is not None
    os.kill(haproxy, signal.SIGSTOP)
    assert f"HAProxy (pid {haproxy}) does not answer" in tiny.read_until("and was killed", 20)
    assert wait_until(lambda: answers(tiny.stack), 30)

    session = asyncio.run(left_in_a_transaction(tiny.stack))
    assert f"(pid {session}) was stopped at work" in tiny.read_until("told to go on", 10)

    kill(named(marked(tiny.folder.stack_id), "raylet"))
    assert "Ray: raylet ended; starting it again" in tiny.read_until("starting it again", 40)
    kill(working_in(tiny.folder.redis, "redis-server"))
    kill(working_in(tiny.folder.postgres, "postgres"))
    said = tiny.read_until("Ray is back", 60)
    for store in ("PostgreSQL", "Redis"):
        assert said.index(f"{store} is back") < said.index("Ray is back"), "they are looked after meanwhile"
    assert answers(tiny.stack)
    assert execute(tiny.stack, "select count(*) from facts") == 1
    assert wait_until(lambda: (tiny.folder.logs / "redis.log").stat().st_size < 100_000, 15.0)

    tiny.stop(signal.SIGKILL)  # the supervisor takes all others with it, and the next one starts as if nothing happened
    assert wait_until(lambda: tiny.processes() == [], 15.0)
    assert "ready:" in tiny.start()
    assert execute(tiny.stack, "select count(*) from facts") == 1
    assert answers(tiny.stack)

    assert tiny.stop(signal.SIGTERM) == 0
    assert tiny.processes() == []
    assert find_stack(tiny.folder.root) is None
    assert not tiny.folder.ray_short.is_symlink()


def test_control_a_listener_beyond_loopback_is_noticed() -> None:
    with socket.socket() as elsewhere:
        elsewhere.bind(("127.0.0.2", 0))  # not the address we allow, and yet not on the network
        elsewhere.listen()
        port = elsewhere.getsockname()[1]
        assert listening_beyond_loopback([os.getpid()]) == [f"0200007F:{port:04X}"]


@pytest.mark.stack
def test_an_application_that_cannot_be_deployed_is_one_line_and_nothing_is_left(tiny: TinyStack) -> None:
    said = tiny.start("tiny_application:deploy_nothing")
    assert tiny.process is not None
    assert tiny.process.wait(40) == 1
    last = (said + tiny.read_until("never said", 1)).strip().splitlines()[-1]
    assert last.startswith("Holdfast cannot run: LookupError: the schema is missing (see ")
    assert tiny.processes() == []


def test_a_port_in_use_is_one_line_and_a_failure(tiny: TinyStack) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", int(tiny.environ["HOLDFAST_GRPC_PORT"])))
        taken.listen()
        said = tiny.start()
    assert tiny.process is not None
    assert tiny.process.wait(10) == 1
    assert said.strip().count("\n") == 0
    assert "choose another with --grpc-port (HOLDFAST_GRPC_PORT)" in said
    assert tiny.processes() == []


async def left_in_a_transaction(stack: Stack) -> int:
    """A session that is stopped there, and that nobody waits for any more; its process."""
    line = await asyncpg.connect(stack.database_url)
    await line.execute("begin")
    pid = line.get_server_pid()
    os.kill(pid, signal.SIGSTOP)
    line.terminate()
    return int(pid)


def execute(stack: Stack, statement: str) -> object:
    async def run() -> object:
        connection = await asyncpg.connect(stack.database_url)
        try:
            return await connection.fetchval(statement)
        finally:
            await connection.close()

    return asyncio.run(run())
