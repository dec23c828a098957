"""The child process that starts Ray and deploys: `python -m serve.local.ray_driver REPORT_FD`, told by `Order`.

It is Ray's driver, so raylet and GCS end with it, and it ends when its standard input closes or its parent dies.
"""

from __future__ import annotations

import functools
import importlib
import os
import shlex
import sys
import traceback
from collections.abc import Callable
from typing import Any, cast

import msgspec
import ray
from ray import serve as ray_serve
from ray._private import parameter
from ray.serve.config import HTTPOptions, gRPCOptions

from serve.local.preflight import INNER_PORTS, LOOPBACK
from serve.local.ray_session import Order, Report
from serve.local.stack import Stack

_CONNECTIONS_REST_S = 300  # whoever keeps one for the minute of the on-sale finds it open, and holds no place for ever
_OBJECT_STORE_BYTES = 80_000_000  # the least that Ray accepts, nearly: batches travel over sockets, not through it


def main() -> int:
    """Run until the supervisor closes our standard input; 1 if the application could not be deployed."""
    report_fd = int(sys.argv[1])
    os.set_inheritable(report_fd, False)  # else every process of Ray would hold the pipe open

    def report(step: str, *, ready: bool = False, failed: bool = False) -> None:
        os.write(report_fd, msgspec.json.encode(Report(step=step, ready=ready, failed=failed)) + b"\n")

    order = msgspec.json.decode(sys.stdin.buffer.readline(), type=Order, dec_hook=lambda kind, value: kind(value))
    try:
        _bring_up(order, report)
        report("ready", ready=True)
        sys.stdin.buffer.read()
    except Exception as error:  # noqa: BLE001  # whatever it is: the person at the terminal gets one line, the log all
        traceback.print_exc()
        report(
            f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error).strip() else ''}", failed=True
        )
        return 1
    finally:
        if ray.is_initialized():
            ray_serve.shutdown()  # type: ignore[no-untyped-call]
            ray.shutdown()
    return 0


def _bring_up(order: Order, report: Callable[[str], None]) -> None:
    settings = order.stack.settings
    report("Ray")
    _leave_out_what_has_no_use(settings.inner_port + INNER_PORTS["Ray's agent"])
    ray.init(
        address="local",
        num_cpus=settings.cores,
        num_gpus=0,
        object_store_memory=_OBJECT_STORE_BYTES,
        include_dashboard=False,
        namespace="holdfast",
        log_to_driver=False,
        configure_logging=False,
        runtime_env={
            "worker_process_setup_hook": "serve.local.loopback.set_up_worker",
            "py_executable": shlex.quote(sys.executable),  # Ray gives it to a shell: a blank in it would end it
        },
        _node_ip_address=LOOPBACK,
        _temp_dir=order.ray_folder,
    )
    report("Ray Serve and HAProxy")
    ray_serve.start(
        proxy_location="HeadOnly",
        # HAProxy's launcher puts the outer ports on settings.host (see loopback); inner servers stay.
        http_options=HTTPOptions(host=LOOPBACK, port=settings.http_port, keep_alive_timeout_s=_CONNECTIONS_REST_S),
        grpc_options=gRPCOptions(port=settings.grpc_port, grpc_servicer_functions=list(order.grpc_servicers)),
        logging_config={"enable_access_log": False, "log_level": settings.log_level.upper()},
    )
    report("the application")
    module, _, function = order.entry.partition(":")
    deploy = cast("Callable[[Stack], None]", getattr(importlib.import_module(module), function))
    deploy(order.stack)


def _leave_out_what_has_no_use(agent_port: int) -> None:
    """Arguments of Ray's processes that `ray.init` does not offer.

    No autoscaler for a machine that cannot grow, no log monitor for a driver that does not listen; and the agent gets a
    port of this stack, not one that all stacks of the machine would share.
    """
    ours: Any = {"no_monitor": True, "include_log_monitor": False, "dashboard_agent_listen_port": agent_port}
    parameter.RayParams = functools.partial(parameter.RayParams, **ours)  # type: ignore[misc, assignment]


if __name__ == "__main__":
    raise SystemExit(main())
