"""The gateway's way to the shards: addresses from the catalogue, one connection and one coalescer per shard."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection
from typing import TypeVar

import structlog

from actors.catalogue.catalogue import Catalogue, Incarnation, ShardLeaves, rendezvous
from actors.core.ids import BlockId, TenantId
from actors.dispatch import RoutesUnavailable
from actors.engine.catalogue_port import CatalogueUnavailable
from actors.engine.clock import PatientClock
from actors.link.address import parse_address
from actors.link.client import LinkClient
from actors.link.coalescer import Coalescer, CoalescerCounters
from actors.link.handshake import Identity
from actors.link.transport import Hangs, NotSent, OutcomeUnknown, never
from actors.questions import Lookups, Questions

_log = structlog.get_logger(__name__)

LOOK_S = 1.0
LOOK_OVERDUE_S = 3.0
PING_TIMEOUT_S = 1.0
LOOK_PAUSE_S = 0.05  # between two looks, however many are in doubt
MAX_OWNERS_KNOWN = 100_000

T = TypeVar("T")


class _Way:
    """One incarnation of a shard, as this process reaches it."""

    def __init__(self, incarnation: Incarnation, secret: bytes, now_ms: Callable[[], int], hangs: Hangs) -> None:
        self.incarnation = incarnation
        self.client = LinkClient(
            parse_address(incarnation.address),
            secret,
            expects=Identity(incarnation.shard, incarnation.epoch),
            hangs=hangs,
        )
        self.coalescer = Coalescer(self.client, now_ms, hangs=hangs, shard=incarnation.shard)

    async def close(self) -> None:
        """Give up the connection; what is in flight fails with an open outcome."""
        await self.coalescer.close()
        await self.client.close()


class CatalogueRoutes:
    """See `Routes` and `NewBlocks`. Looks at the catalogue every second, and at once when in doubt.

    Whose a block is is remembered; that there is none of this id is not, as any process may enter it at any time.
    Knows only the shards of its own cluster's generation: another cluster may wait beside it, or serve.
    """

    def __init__(self, catalogue: Catalogue, secret: bytes, generation: int, hangs: Hangs = never) -> None:
        self._catalogue = catalogue
        self._generation = generation
        self._secret = secret
        self._hangs = hangs
        self._clock = PatientClock(time.monotonic)
        self._ways: dict[str, _Way] = {}  # by the shard's name
        self._owners: OrderedDict[BlockId, str] = OrderedDict()
        self._doubted: set[str] = set()  # shards whose way did not lead to them
        self._next_look_s = 0.0
        self._looked_at_s = 0.0
        self._looking = Questions()
        self._finding = Lookups(self._look_up)  # of owners
        self._assigning = Questions()  # waits for commits, as the others do not
        self._judging = Questions()
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

    async def problems(self) -> tuple[str, ...]:
        """What keeps this process from selling, in words: no shard, one that is silent or cannot write, Postgres away.

        A shard knows what keeps it from writing once a write or three heartbeats have failed, not before.
        """
        return await self._judging.ask("problems", self._problems)

    async def _problems(self) -> tuple[str, ...]:
        silent_s = time.monotonic() - self._looked_at_s
        if silent_s > LOOK_OVERDUE_S:
            return (f"Postgres has not answered for {silent_s:.0f} s",)
        if not self._ways:
            return ("no shard is known",)
        asked = (_problem(name, way.client) for name, way in sorted(self._ways.items()))
        return tuple(filter(None, await asyncio.gather(*asked)))

    def known(self) -> list[tuple[Incarnation, CoalescerCounters]]:
        """The shards by name, as the catalogue last described them, and what went to each."""
        return [(way.incarnation, way.coalescer.counters) for _, way in sorted(self._ways.items())]

    async def route(self, block: BlockId) -> Coalescer | None:
        """See `Routes.route`."""
        shard = self._owners.get(block)
        if shard not in self._ways:  # it is gone, or was never known
            shard = await _answered(self._finding.ask(block))
        if shard is None:
            return None
        if shard in self._doubted or shard not in self._ways:
            await self._refresh()
        way = self._ways.get(shard)
        if way is None:
            raise RoutesUnavailable(f"shard {shard} is not known")
        return way.coalescer

    def doubt(self, block: BlockId, way: Coalescer) -> None:
        """See `Routes.doubt`."""
        self._owners.pop(block, None)
        self._doubted.update(name for name, known in self._ways.items() if known.coalescer is way)

    def moved(self, block: BlockId) -> None:
        """See `Routes.moved`."""
        self._owners.pop(block, None)

    async def assign(self, block: BlockId, tenant: TenantId) -> None:
        """See `NewBlocks.assign`."""
        if block in self._owners:
            return
        if not self._staying():
            await self._refresh()
        if not self._staying():
            raise RoutesUnavailable("no shard is known")
        await _answered(self._assigning.ask(block, lambda: self._assign(block, tenant)))

    async def _assign(self, block: BlockId, tenant: TenantId) -> None:
        try:
            shard = await self._catalogue.assign(block, tenant, rendezvous(block, self._staying()))
        except ShardLeaves as fault:
            await self._look()
            raise RoutesUnavailable(f"{fault} leaves") from fault
        self._remember({block: shard})

    def _staying(self) -> list[str]:
        """The shards that may be given blocks."""
        return sorted(name for name, way in self._ways.items() if not way.incarnation.is_leaving)

    async def close(self) -> None:
        """Give up all connections."""
        await asyncio.gather(*(way.close() for way in self._ways.values()), *self._closing)
        await self._catalogue.close()

    async def _look_up(self, blocks: Collection[BlockId]) -> dict[BlockId, str]:
        """Whose these are; those that do not exist are left out, and not remembered, as another may enter them."""
        found = await self._catalogue.owners(blocks)
        self._remember(found)
        return found

    def _remember(self, owners: dict[BlockId, str]) -> None:
        self._owners.update(owners)
        while len(self._owners) > MAX_OWNERS_KNOWN:
            self._owners.popitem(last=False)

    async def _refresh(self) -> None:
        """Look at the catalogue. Raises RoutesUnavailable; what is known and not in doubt is as good as before."""
        await _answered(self._looking.ask("ways", self._look))

    async def _look(self) -> None:
        await asyncio.sleep(max(0.0, self._next_look_s - time.monotonic()))
        doubted, self._doubted = self._doubted, set()
        asked_s = time.monotonic()
        self._next_look_s = asked_s + LOOK_PAUSE_S
        try:
            newest, now_ms = await self._catalogue.newest_incarnations(self._generation)
        except CatalogueUnavailable:
            self._doubted |= doubted
            raise
        self._looked_at_s = time.monotonic()
        if self._clock.observe(now_ms, asked_s):
            _log.warning("the journal's clock has jumped for good", now_ms=now_ms)
        for name, incarnation in newest.items():
            known = self._ways.get(name)
            if known is None or known.incarnation.epoch != incarnation.epoch:
                self._ways[name] = _Way(incarnation, self._secret, self.now_ms, self._hangs)
                self._give_up(known)
            else:
                known.incarnation = incarnation  # with newer counters
        for name in sorted(self._ways.keys() - newest.keys()):
            self._give_up(self._ways.pop(name))

    def _give_up(self, way: _Way | None) -> None:
        if way is not None:
            closing = asyncio.get_running_loop().create_task(way.close())
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)


async def _answered(asking: Awaitable[T]) -> T:
    """What the catalogue says. Raises RoutesUnavailable."""
    try:
        return await asking
    except CatalogueUnavailable as fault:
        raise RoutesUnavailable(str(fault)) from fault


async def _problem(shard: str, client: LinkClient) -> str:
    """What keeps this shard from serving writes, empty if nothing does."""
    try:
        trouble = await client.ping(PING_TIMEOUT_S)
    except (NotSent, OutcomeUnknown):
        return f"{shard} does not answer"
    return f"{shard} cannot write: {trouble}" if trouble else ""
