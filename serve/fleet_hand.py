"""What `holdfast onsale` changes the fleet with while it sells: the very functions of `holdfast shards`."""

from collections.abc import Awaitable
from typing import TypeVar

from actors.catalogue.fleet import LEAVING, Fleet
from actors.core.ids import BlockId, TenantId, desks_of, parse_event_id
from actors.core.ids import event_id as id_of_event
from actors.engine.catalogue_port import CatalogueUnavailable
from loadtests.changes import ChangeFailed
from serve.database_command import Refused
from serve.shards import move, resize

T = TypeVar("T")


class ShardsHand:
    """See `loadtests.changes.FleetHand`. Must be made where it is used: on that event loop."""

    def __init__(self, database_url: str) -> None:
        self._fleet = Fleet(database_url, application_name="holdfast onsale shards")

    async def shards(self) -> list[str]:
        """Those that may have events, in order."""
        states = await _done(self._fleet.states())
        return sorted(shard for shard, state in states.items() if state != LEAVING)

    async def shard_of(self, event_id: str) -> str:
        """The one that has the event."""
        found = await _done(self._fleet.place(_block_of(event_id)))
        if found is None:
            raise ChangeFailed(f"there is no event {event_id}")
        return found[0].shard

    async def desks_of(self, event_id: str) -> list[str]:
        """The desks of the event's tenant that are in use, named like events."""
        found = await _done(self._fleet.place(_block_of(event_id)))
        if found is None:
            raise ChangeFailed(f"there is no event {event_id}")
        desks = sorted(desks_of(TenantId(found[0].tenant)))
        return [id_of_event(desk) for desk in desks if await _done(self._fleet.place(desk)) is not None]

    async def move(self, event_id: str, shard: str) -> str:
        """Move the event; how that went."""
        return await _done(move(self._fleet, _block_of(event_id), shard))

    async def resize(self, count: int) -> str:
        """Let there be so many shards; how that went."""
        said: list[str] = []
        await _done(resize(self._fleet, count, said.append))
        return said[-1]

    async def close(self) -> None:
        """End the line to the catalogue."""
        await self._fleet.close()


async def _done(wish: Awaitable[T]) -> T:
    try:
        return await wish
    except (Refused, CatalogueUnavailable) as fault:
        raise ChangeFailed(str(fault)) from None


def _block_of(event_id: str) -> BlockId:
    block = parse_event_id(event_id)
    assert block is not None, "the server gave it"
    return block
