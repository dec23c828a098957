"""A program that runs the tiny application on a local stack, as `holdfast run` runs the real one."""

from __future__ import annotations

import os
import sys

from serve.local.stack import Stack
from serve.local.supervisor import LocalApplication, run_local
from serve.settings import Settings


def prepare(stack: Stack) -> None:
    """Nothing to migrate."""


def ready_text(stack: Stack) -> str:
    """What the tests wait for."""
    return f"ready: {stack.http_url} {stack.grpc_target}"


if __name__ == "__main__":
    application = LocalApplication(
        entry=sys.argv[1],
        grpc_servicers=("tiny_application.add_tiny_servicer_to_server",),
        prepare=prepare,
        ready_text=ready_text,
    )
    sys.exit(run_local(Settings.from_environ(os.environ), application))
