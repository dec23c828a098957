"""Holdfast as the local supervisor runs it."""

import asyncio

from actors.database.migrate import migrate
from serve.demo import ready_text
from serve.grpc_api.methods import SERVICER_FUNCTIONS
from serve.local.stack import Stack
from serve.local.supervisor import LocalApplication, run_local
from serve.settings import Settings


def run_here(settings: Settings) -> int:
    """Run the whole of Holdfast on this machine until INT or TERM; the exit code."""
    application = LocalApplication(
        entry="serve.app:deploy", grpc_servicers=SERVICER_FUNCTIONS, prepare=_prepare, ready_text=ready_text
    )
    return run_local(settings, application)


def _prepare(stack: Stack) -> None:
    asyncio.run(migrate(stack.database_url))
