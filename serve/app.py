"""What a Holdfast cluster consists of, deployed onto a running Ray: directory, shards, projector, auditor, gateway."""

import asyncio
import shutil
from typing import Any

import ray
from ray import serve as ray_serve

from actors.auditor import AUDITOR
from actors.auditor.service import AuditorService
from actors.build import BUILD
from actors.catalogue.catalogue import Catalogue
from actors.catalogue.fleet import DIRECTORY, shard_names
from actors.directory import NAMESPACE, Directory, DirectoryConfig
from actors.projections.service import PROJECTOR, ProjectorService
from actors.shard import ShardConfig
from serve.gateway import Gateway, GatewayConfig
from serve.local.stack import DataFolder, Stack

START_TIMEOUT_S = 60.0


def deploy(stack: Stack) -> None:
    """Start all of it and return when it can sell; called in Ray's driver, at each start of Ray."""
    settings = stack.settings
    folder = DataFolder(settings.data_dir)
    secret = folder.secret("link").read_bytes()
    links = folder.ray_short / "link"
    shutil.rmtree(links, ignore_errors=True)  # sockets of an earlier Ray, all of whose processes have ended
    links.mkdir(mode=0o700)
    generation = asyncio.run(_begin_generation(stack.database_url))
    shard = ShardConfig(stack.database_url, secret, str(links), cut_over=True, log_level=settings.log_level)
    names = shard_names(settings.shards)
    directory = _singleton(DIRECTORY, Directory, DirectoryConfig(generation, BUILD, names, shard))
    projector = _singleton(PROJECTOR, ProjectorService, stack.database_url, stack.redis_url, settings.log_level)
    auditor = (stack.database_url, stack.redis_url, settings.log_level, generation)
    _singleton(AUDITOR, AuditorService, *auditor)  # nobody waits for it
    ray.get([directory.pid.remote(), projector.pid.remote()], timeout=START_TIMEOUT_S)
    deployment: Any = Gateway
    gateway = deployment.options(num_replicas=settings.gateways_started).bind(
        GatewayConfig(stack.database_url, stack.redis_url, secret, generation, settings.log_level)
    )
    ray_serve.run(gateway, name="holdfast", route_prefix="/")


async def _begin_generation(database_url: str) -> int:
    catalogue = Catalogue(database_url)
    try:
        return await catalogue.begin_generation()
    finally:
        await catalogue.close()


def _singleton(name: str, actor: Any, *arguments: object) -> Any:
    """The one actor of that name, started unless it is there; it outlives the driver's handle."""
    return actor.options(name=name, namespace=NAMESPACE, lifetime="detached", get_if_exists=True).remote(*arguments)
