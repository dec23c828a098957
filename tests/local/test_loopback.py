"""What Serve would open to the network, or answer in a way that clients cannot act on, is corrected."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from serve.local.loopback import write_haproxy_launcher

CONFIGURATION = """global
    maxconn 100
    nbthread 1
defaults
    mode http
    timeout connect 5s
    timeout client 5s
    timeout server 5s
    errorfile 502 /nowhere/500.http
    errorfile 503 /nowhere/500.http
    errorfile 504 /nowhere/500.http
frontend prometheus
    bind :9101
frontend http_frontend
    bind 127.0.0.1:8000
    default_backend default_backend
backend http-holdfast
    server replica 127.0.0.1:30010 check observe layer4 error-limit 3 on-error mark-down
backend default_backend
    http-request return status 404 content-type text/plain lf-string "no such path"
frontend grpc_frontend
    bind 127.0.0.1:9000 proto h2
    default_backend default_grpc_backend
backend default_grpc_backend
    http-request return status 200 content-type application/grpc hdr grpc-status 5 hdr grpc-message "nobody"
listen stats
  bind *:8404
"""


def corrected(tmp_path: Path, host: str) -> str:
    """The configuration after the launcher, checked by the real HAProxy."""
    launcher, configuration = tmp_path / "launcher", tmp_path / "haproxy.cfg"
    write_haproxy_launcher(launcher, host)
    configuration.write_text(CONFIGURATION)
    checked = subprocess.run([launcher, "-db", "-f", configuration, "-c"], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
    return configuration.read_text()


@pytest.mark.parametrize(("host", "front"), [("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "0.0.0.0"), ("::1", "[::1]")])
def test_only_http_and_grpc_follow_the_host_setting(tmp_path: Path, host: str, front: str) -> None:
    text = corrected(tmp_path, host)
    binds = [line.strip() for line in text.splitlines() if line.strip().startswith("bind")]
    assert binds == ["bind 127.0.0.1:9101", f"bind {front}:8000", f"bind {front}:9000 proto h2", "bind 127.0.0.1:8404"]


def test_headers_must_come_in_time(tmp_path: Path) -> None:
    lines = [line.strip() for line in corrected(tmp_path, "127.0.0.1").splitlines()]
    begin = lines.index("timeout client 5s")
    wanted = ["timeout http-request 10s", "timeout check 3s", "option http-buffer-request"]
    assert lines[begin + 1 : begin + 4] == wanted
    assert lines.count("timeout http-request 10s") == 1


def test_calls_are_stamped_first_of_all(tmp_path: Path) -> None:
    """Over both protocols, and whatever a client says."""
    lines = [line.strip() for line in corrected(tmp_path, "127.0.0.1").splitlines()]
    stamped = "http-request set-header x-holdfast-arrived-ms %[date(0,ms)]"
    assert [lines[lines.index(f"frontend {protocol}_frontend") + 1] for protocol in ("http", "grpc")] == [stamped] * 2
    assert lines.count(stamped) == 2


def test_what_one_that_hangs_was_asked_is_let_go(tmp_path: Path) -> None:
    """A server is marked down by its health check alone: else the call that counts as the last error is cut too."""
    assert "check observe layer4 error-limit 3 on-error fastinter on-marked-down shutdown-sessions\n" in corrected(
        tmp_path, "127.0.0.1"
    )


def test_connections_to_replicas_are_kept_however_many_clients_have_resting_ones(tmp_path: Path) -> None:
    lines = [line.strip() for line in corrected(tmp_path, "127.0.0.1").splitlines()]
    begin = lines.index("maxconn 100")
    assert lines[begin + 1 : begin + 3] == ["tune.pool-low-fd-ratio 80", "tune.pool-high-fd-ratio 90"]


def test_without_a_server_or_a_route_clients_are_told_to_come_again(tmp_path: Path) -> None:
    text = corrected(tmp_path, "127.0.0.1")
    assert "errorfile" not in text
    assert "return status 503 hdr Retry-After 1 " in text
    assert "hdr grpc-status 14 " in text
    assert "status 404" not in text
    assert "grpc-status 5 " not in text


@pytest.mark.parametrize(
    "line",
    [
        "    bind :{{ config.metrics_port }}\n",
        "\nfrontend http_frontend\n",
        "\nfrontend grpc_frontend\n",
        "  bind *:{{ config.stats_port }}\n",
        "    bind {{ config.frontend_host }}:{{ config.frontend_port }}\n",
        "    bind {{ config.grpc_frontend_host }}:{{ config.grpc_frontend_port }} proto h2\n",
        "    errorfile 503 {{ config.error_file_path }}\n",
        "backend default_backend\n    http-request return status 404 ",
        "backend default_grpc_backend\n",
        " hdr grpc-status 5 ",
        " on-error mark-down{% endif %}\n",
        "    http-check expect status 200\n",
        "\n    maxconn {{ config.maxconn }}\n",
        "\n    use_backend {{ backend.name or 'unknown' }} if is_{{ backend.name or 'unknown' }}\n",
    ],
)
def test_this_ray_still_writes_what_is_corrected(line: str) -> None:
    ray = importlib.util.find_spec("ray")  # read, not imported: it takes a second and warns a lot
    assert ray is not None
    assert ray.origin is not None
    assert line in (Path(ray.origin).parent / "serve" / "_private" / "haproxy_templates.py").read_text()


BIND = """
import grpc, asyncio
{hook}
async def main():
    server = grpc.aio.server()
    port = server.add_insecure_port("[::]:0")
    await server.start()
    table = [row.split()[1] for row in open("/proc/net/tcp6").read().splitlines()[1:]]
    print([local for local in table if local.endswith(f":{{port:04X}}")])
    await server.stop(0)
asyncio.run(main())
"""


def where_a_grpc_server_listens(hook: str) -> str:
    program = BIND.format(hook=hook)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return done.stdout


def test_the_hook_keeps_grpc_servers_on_loopback() -> None:
    hook = "from serve.local.loopback import bind_grpc_to_loopback; bind_grpc_to_loopback()"
    assert "0000000000000000FFFF00000100007F:" in where_a_grpc_server_listens(hook)
