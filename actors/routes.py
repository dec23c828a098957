"""The gateway's way to the shards: addresses from the catalogue, one connection and one coalescer per shard."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable

import structlog

from actors.catalogue.catalogue import Catalogue, Incarnation, rendezvous
from actors.core.ids import BlockId, TenantId
from actors.dispatch import RoutesUnavailable
from actors.engine.catalogue_port import CatalogueUnavailable
from actors.engine.clock import JournalClock
from actors.link.address import parse_address
from actors.link.client import LinkClient
from actors.link.coalescer import Coalescer, CoalescerCounters
from actors.link.handshake import Identity

_log = structlog.get_logger(__name__)

LOOK_S = 1.0
MAX_OWNERS_KNOWN = 100_000
UNKNOWN_BLOCK_S = 1.0


class _Way:
    """One incarnation of a shard, as this process reaches it."""

    def __init__(self, incarnation: Incarnation, secret: bytes, now_ms: Callable[[], int]) -> None:
        self.incarnation = incarnation
        self.client = LinkClient(
            parse_address(incarnation.address), secret, expects=Identity(incarnation.shard, incarnation.epoch)
        )
        self.coalescer = Coalescer(self.client, now_ms)

    async def close(self) -> None:
        """Give up the connection; what is in flight fails with an open outcome."""
        await self.coalescer.close()
        await self.client.close()


class CatalogueRoutes:
    """See `Routes` and `NewBlocks`. Looks at the catalogue every second, and at once when in doubt."""

    def __init__(self, catalogue: Catalogue, secret: bytes) -> None:
        self._catalogue = catalogue
        self._secret = secret
        self._clock = JournalClock(time.monotonic)
        self._ways: dict[str, _Way] = {}  # by the shard's name
        self._owners: OrderedDict[BlockId, str] = OrderedDict()
        self._unknown: OrderedDict[BlockId, float] = OrderedDict()  # until when
        self._look: asyncio.Task[None] | None = None
        self._in_doubt = False
        self._closing: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Look once. Raises RoutesUnavailable."""
        await self._refresh()

    async def run(self) -> None:
        """Keep looking, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_S)
            try:
                await self._refresh()
            except RoutesUnavailable as fault:
                _log.warning("the catalogue cannot be reached", fault=str(fault))

    def now_ms(self) -> int:
        """The journal's clock."""
        return self._clock.now_ms()

    @property
    def ready(self) -> bool:
        """Whether at least one shard is known."""
        return bool(self._ways)

    def counters(self) -> dict[str, CoalescerCounters]:
        """What went to each shard."""
        return {name: way.coalescer.counters for name, way in self._ways.items()}

    async def route(self, block: BlockId) -> Coalescer | None:
        """See `Routes.route`."""
        if self._in_doubt:
            await self._refresh()
        shard = self._owners.get(block)
        if shard is None:
            shard = await self._find_owner(block)
        if shard is None:
            return None
        way = self._ways.get(shard)
        if way is None:
            self._in_doubt = True
            raise RoutesUnavailable(f"shard {shard} is not known")
        return way.coalescer

    def doubt(self, block: BlockId, way: Coalescer) -> None:
        """See `Routes.doubt`."""
        self._owners.pop(block, None)
        shards = [name for name, known in self._ways.items() if known.coalescer is way]
        self._in_doubt = self._in_doubt or bool(shards)

    async def assign(self, block: BlockId, tenant: TenantId) -> None:
        """See `NewBlocks.assign`."""
        if block in self._owners:
            return
        if not self._ways:
            await self._refresh()
        if not self._ways:
            raise RoutesUnavailable("no shard is known")
        try:
            self._owners[block] = await self._catalogue.assign(block, tenant, rendezvous(block, sorted(self._ways)))
        except CatalogueUnavailable as fault:
            raise RoutesUnavailable(str(fault)) from fault
        self._unknown.pop(block, None)

    async def close(self) -> None:
        """Give up all connections."""
        await asyncio.gather(*(way.close() for way in self._ways.values()), *self._closing)
        await self._catalogue.close()

    async def _find_owner(self, block: BlockId) -> str | None:
        """The block's shard by the catalogue; that a block does not exist is believed for a second."""
        loop = asyncio.get_running_loop()
        if self._unknown.get(block, 0.0) > loop.time():
            return None
        try:
            shard = await self._catalogue.owner(block)
        except CatalogueUnavailable as fault:
            raise RoutesUnavailable(str(fault)) from fault
        if shard is None:
            self._unknown[block] = loop.time() + UNKNOWN_BLOCK_S
        else:
            self._owners[block] = shard
        for known in (self._unknown, self._owners):
            while len(known) > MAX_OWNERS_KNOWN:
                known.popitem(last=False)
        return shard

    async def _refresh(self) -> None:
        """Look at the catalogue; callers that come meanwhile share the look."""
        if self._look is None:
            self._look = asyncio.get_running_loop().create_task(self._do_look())
            self._look.add_done_callback(self._looked)
        await asyncio.shield(self._look)

    def _looked(self, look: asyncio.Task[None]) -> None:
        self._look = None
        if not look.cancelled():
            look.exception()  # whoever waited was told

    async def _do_look(self) -> None:
        self._in_doubt = False
        try:
            newest, now_ms = await self._catalogue.newest_incarnations()
        except CatalogueUnavailable as fault:
            self._in_doubt = True
            raise RoutesUnavailable(str(fault)) from fault
        self._clock.observe(now_ms)
        for name, incarnation in newest.items():
            known = self._ways.get(name)
            if known is None or known.incarnation.epoch != incarnation.epoch:
                self._ways[name] = _Way(incarnation, self._secret, self.now_ms)
                self._give_up(known)
        for name in self._ways.keys() - newest.keys():
            self._give_up(self._ways.pop(name))

    def _give_up(self, way: _Way | None) -> None:
        if way is not None:
            closing = asyncio.get_running_loop().create_task(way.close())
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)
