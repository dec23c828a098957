"""A shard's actor as a process of its own, without Ray; `test_numbers` tells it a database, a folder and a generation.

Serves as incarnation 1 of shard s1, prints its address when it does, and goes on for ever. The words behind are
functions of this module that are called first: strains and sabotages.
"""

import asyncio
import os
import sys
from typing import Any

from actors import shard
from actors.catalogue.catalogue import Catalogue
from actors.engine.catalogue_port import CatalogueUnavailable
from actors.link.address import UnixAddress
from actors.link.server import LinkServer
from actors.shard import Shard, ShardConfig
from tests.link.loopback import SECRET


def the_answer_gets_lost() -> None:
    """Strain: it is registered and does not hear of it."""
    register = Catalogue.register

    async def unheard(self: Catalogue, shard: str, epoch: int, address: str, pid: int) -> None:
        await register(self, shard, epoch, address, pid)
        raise CatalogueUnavailable("the answer got lost")

    Catalogue.register = unheard  # type: ignore[method-assign]


def it_stays() -> None:
    """Sabotage: what should end does not."""
    os._exit = lambda status: None  # type: ignore[assignment, return-value]


def it_listens_where_its_number_says() -> None:
    """Sabotage: where another process of this number listens."""
    shard._address = lambda config, name: UnixAddress(f"{config.link_folder}/{name.rpartition('-')[0]}")


def it_leaves_its_socket_file() -> None:
    """Sabotage: where it was listening when it ended."""
    LinkServer._remove_socket_file = lambda self: None  # type: ignore[method-assign]


async def serve(url: str, folder: str, generation: int) -> None:
    kind: Any = Shard
    actor = kind.__ray_metadata__.modified_class(ShardConfig(url, SECRET, folder, cut_over=False))
    print(await actor.serve_as("s1", generation, 1, 1), flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    for word in sys.argv[4:]:
        globals()[word]()
    asyncio.run(serve(sys.argv[1], sys.argv[2], int(sys.argv[3])))
