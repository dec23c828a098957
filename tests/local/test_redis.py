"""Embedded Redis: on loopback, behind a password, ended with what a killed run left."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from serve.local import redis as module
from serve.local.preflight import CannotStart, free_port
from serve.local.processes import wait_until
from serve.local.redis import Redis


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Redis]:
    """A server that has not been started, in a folder with a blank in its name."""
    password_file = tmp_path / "password"
    password_file.write_text("for-tests-only")
    embedded = Redis(tmp_path / "the data", free_port(), password_file, log=tmp_path / "redis.log")
    yield embedded
    embedded.stop()
    assert embedded.processes() == []


def test_it_serves_who_knows_the_password(server: Redis) -> None:
    server.start()
    with redis.Redis.from_url(server.url) as client:
        assert client.set("seat", "held")
        assert client.get("seat") == b"held"
    with redis.Redis(port=server._port) as stranger, pytest.raises(redis.AuthenticationError):
        stranger.ping()


def test_after_kill_9_it_starts_again_on_the_same_port(server: Redis) -> None:
    server.start()
    for pid in server.processes():
        os.kill(pid, signal.SIGKILL)
    assert wait_until(lambda: server.fault() is not None, 5.0)
    server.start()
    with redis.Redis.from_url(server.url) as client:
        assert client.ping()


def test_a_server_left_by_a_killed_run_is_ended_first(server: Redis) -> None:
    server.start()
    left = server.processes()
    server._process = None  # as if another process had started it and died
    server.start()
    assert len(left) == 1
    assert not set(left) & set(server.processes())


def test_a_port_in_use_is_one_line_that_names_the_setting(server: Redis) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", server._port))
        taken.listen()
        with pytest.raises(CannotStart, match=r"port \d+: choose another with --redis-port"):
            server.start()


def test_a_disk_without_room_keeps_it_from_nothing_when_it_starts_again(
    server: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.start()
    monkeypatch.setattr(module, "write_private", cannot_write)
    for pid in server.processes():
        os.kill(pid, signal.SIGKILL)
    server.start()
    with redis.Redis.from_url(server.url) as client:
        assert client.ping()


def test_control_what_is_new_cannot_be_written_there(server: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    server.start()
    monkeypatch.setattr(module, "write_private", cannot_write)
    server._port = free_port()
    with pytest.raises(CannotStart, match="No space left on device"):
        server.start()


def cannot_write(path: Path, content: bytes) -> None:
    raise CannotStart(f"cannot write {path} (No space left on device)")
