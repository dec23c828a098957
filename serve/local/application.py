"""Holdfast as the local supervisor runs it."""

import asyncio

from actors.catalogue.catalogue import Catalogue
from actors.database.connect import FAULTS
from actors.database.migrate import MigrationError, migrate
from actors.engine.catalogue_port import CatalogueUnavailable
from serve.demo import ready_text
from serve.grpc_api.methods import SERVICER_FUNCTIONS
from serve.local.preflight import CannotStart
from serve.local.stack import Stack
from serve.local.supervisor import LocalApplication, run_local
from serve.settings import Settings, described, shard_names


def run_here(settings: Settings) -> int:
    """Run the whole of Holdfast on this machine until INT or TERM; the exit code."""
    application = LocalApplication(
        entry="serve.app:deploy", grpc_servicers=SERVICER_FUNCTIONS, prepare=_prepare, ready_text=ready_text
    )
    return run_local(settings, application)


def _prepare(stack: Stack) -> None:
    try:
        homes = asyncio.run(_migrate_and_find_homes(stack.database_url))
    except MigrationError as fault:
        raise CannotStart(str(fault)) from fault
    except (CatalogueUnavailable, *FAULTS) as fault:
        raise CannotStart(f"the database cannot be used: {fault} (see {described('database_url')})") from fault
    homeless = homes - set(shard_names(stack.settings.shards))
    if homeless:
        raise CannotStart(
            f"events live on {', '.join(sorted(homeless))}, which would not be started: raise {described('shards')}"
        )


async def _migrate_and_find_homes(database_url: str) -> set[str]:
    """Bring the schema up to date; the shards that blocks are assigned to."""
    await migrate(database_url)
    catalogue = Catalogue(database_url)
    try:
        return await catalogue.homes()
    finally:
        await catalogue.close()
