"""Before anything starts: ports, disk and platform are as needed, or one line says what to change."""

from __future__ import annotations

import socket
import sys
from itertools import cycle
from pathlib import Path

import msgspec
import pytest

from serve.local import preflight
from serve.local.preflight import CannotStart, check_disk, check_platform, check_ports, free_port
from serve.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings with ports that are free."""
    return Settings(
        data_dir=tmp_path,
        http_port=free_port(),
        grpc_port=free_port(),
        postgres_port=free_port(),
        redis_port=free_port(),
        inner_port=21000,
    )


def test_free_ports_are_fine(settings: Settings) -> None:
    check_ports(settings)


def test_a_free_port_is_none_that_the_kernel_gives_or_that_somebody_has(monkeypatch: pytest.MonkeyPatch) -> None:
    first_given = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    given = [free_port() for _ in range(1_000)]
    assert max(given) < first_given
    assert len(set(given)) == len(given)  # HAProxy and gRPC would share one, and each get half of what comes
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", free_port()))
        port = int(taken.getsockname()[1])
        monkeypatch.setattr(preflight, "_ports_in_turn", cycle(range(port, port + 10)).__iter__)
        assert port not in {free_port() for _ in range(200)}


@pytest.mark.parametrize("name", ["http_port", "grpc_port", "postgres_port", "redis_port", "inner_port"])
def test_a_port_in_use_is_one_line_that_names_the_setting(settings: Settings, name: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", getattr(settings, name)))
        taken.listen()
        with pytest.raises(CannotStart) as refused:
            check_ports(settings)
    assert f"--{name.replace('_', '-')} (HOLDFAST_{name.upper()})" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_the_port_of_a_store_that_is_elsewhere_may_be_in_use(settings: Settings) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", settings.redis_port))
        taken.listen()
        check_ports(msgspec.structs.replace(settings, redis_url="redis://elsewhere"))


def test_too_little_disk_is_one_line_that_names_both_ways_out(settings: Settings) -> None:
    check_disk(msgspec.structs.replace(settings, disk_reserve_mb=0))
    with pytest.raises(CannotStart, match=r"MB left and 1000000000 MB are required.*--data-dir.*--disk-reserve-mb"):
        check_disk(msgspec.structs.replace(settings, disk_reserve_mb=1_000_000_000))


def test_an_address_of_another_machine_names_the_host(settings: Settings) -> None:
    with pytest.raises(CannotStart, match=r"^cannot listen on 192\.0\.2\.1 port .*: choose an address .* --host "):
        check_ports(msgspec.structs.replace(settings, host="192.0.2.1"))


def test_another_platform_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    check_platform()
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(CannotStart, match="Linux x86-64 only"):
        check_platform()
