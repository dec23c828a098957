"""Holdfast as the local supervisor runs it."""

import asyncio

from actors.archive.kept_snapshots import why_unread
from actors.database.connect import FAULTS
from actors.database.migrate import MigrationError, migrate
from serve.demo import ready_text
from serve.grpc_api.methods import SERVICER_FUNCTIONS
from serve.local.preflight import CannotStart
from serve.local.stack import Stack
from serve.local.supervisor import LocalApplication, run_local
from serve.settings import Settings, described


def run_here(settings: Settings) -> int:
    """Run the whole of Holdfast on this machine until INT or TERM; the exit code."""
    application = LocalApplication(
        entry="serve.app:deploy", grpc_servicers=SERVICER_FUNCTIONS, prepare=_prepare, ready_text=ready_text
    )
    return run_local(settings, application)


def _prepare(stack: Stack) -> str | None:
    """Bring the schema up to date; what of the database this version cannot read."""
    try:
        asyncio.run(migrate(stack.database_url))
        return asyncio.run(why_unread(stack.database_url))
    except MigrationError as fault:
        raise CannotStart(str(fault)) from fault
    except FAULTS as fault:
        raise CannotStart(f"the database cannot be used: {fault} (see {described('database_url')})") from fault
