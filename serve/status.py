"""What a gateway knows of the cluster it serves: its shards, and what has gone through them and through itself."""

import msgspec

from actors.engine.catalogue_port import EngineCounters
from actors.journal.journal import Epoch
from actors.link.coalescer import CoalescerCounters
from actors.routes import CatalogueRoutes


class ShardStatus(msgspec.Struct, frozen=True):
    """The newest incarnation of a shard; its own counters are a second old, `sent` is this gateway's share."""

    shard: str
    generation: int
    build: int
    incarnation: int
    pid: int
    served: EngineCounters
    sent: CoalescerCounters


class ClusterStatus(msgspec.Struct, frozen=True):
    """One gateway's view."""

    shards: list[ShardStatus]


def cluster_status(routes: CatalogueRoutes) -> ClusterStatus:
    """What these routes lead to, by name."""
    shards = []
    for incarnation, sent in routes.known():
        epoch = Epoch.unpacked(incarnation.epoch)
        shards.append(ShardStatus(incarnation.shard, *epoch, incarnation.pid, incarnation.counters, sent))
    return ClusterStatus(shards)
