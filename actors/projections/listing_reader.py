"""Lists of an event's holds and orders, by buyer and status, the newest first, page by page; from Postgres.

What is listed is as the journal has it as of `as_of_ms`: all that was acknowledged before is in it. What is over by
time alone is not so here before the journal says so.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, TypeVar

import msgspec

from actors.core.ids import BlockId, Kind, TenantId, desks_of
from actors.core.replies import HoldReply, HoldStatus, OrderReply, OrderStatus
from actors.database.line import Line
from actors.database.queries import load_queries
from actors.database.short_line import ShortLine
from actors.projections.cursor import number_behind, number_cursor
from actors.projections.fresh import FreshValues

MAX_PAGES_KNOWN = 200
BOUND_MS = 2_000

_SQL = load_queries(Path(__file__).parent / "sql" / "listing.sql")
_BEFORE_ALL = ((1 << 63) - 1, 0)

_holds = msgspec.msgpack.Decoder(HoldReply)
_orders = msgspec.msgpack.Decoder(OrderReply)

T = TypeVar("T")
R = TypeVar("R", HoldReply, OrderReply)


class Listed(msgspec.Struct, Generic[T], frozen=True):
    """A page of an event's list, and the cursor of the next ("" at the end). `homes`: the block of each that is listed.

    `position`: of the event's block; what has its home elsewhere is there as of `as_of_ms` too.
    """

    block: BlockId
    listed: tuple[T, ...]
    homes: tuple[BlockId, ...]
    next_cursor: str
    position: int
    as_of_ms: int
    age_ms: int


class _Asked(msgspec.Struct, frozen=True):
    """Which page: of what, whose, of which buyer and status ("" and None: all), behind which place."""

    kind: Kind
    tenant: TenantId
    block: BlockId
    buyer: str
    status: int | None
    place: tuple[int, int]
    limit: int


class _Page(msgspec.Struct, frozen=True):
    """What Postgres has; `tenant` whose it is."""

    tenant: TenantId
    position: int
    as_of_ms: int
    shown: tuple[bytes, ...]
    homes: tuple[BlockId, ...]
    next_cursor: str


class ListingReader:
    """The lists of one process, over one short line; a page serves all who ask for 200 ms. `now_ms`: see `ReadModels`.

    Every method raises InvalidCursor; and ReadUnavailable where Postgres is away, or too many ask at once, and the page
    was not seen before. None: the tenant has no such event, or it was created a moment ago.
    """

    def __init__(
        self,
        database_url: str,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        now_ms: Callable[[], int] = lambda: int(time.time() * 1000),
    ) -> None:
        # planned anew each time: which index is of use depends on what is asked
        settings = {"plan_cache_mode": "force_custom_plan"}
        line = Line(database_url, application_name="holdfast-lists", settings=settings, bound_ms=BOUND_MS)
        self._line = ShortLine(line, monotonic=monotonic)
        self._now_ms = now_ms
        self._pages = FreshValues(self._read, limit=MAX_PAGES_KNOWN, monotonic=monotonic)

    async def holds(
        self, tenant: TenantId, block: BlockId, buyer: str, status: HoldStatus | None, cursor: str, limit: int
    ) -> Listed[HoldReply] | None:
        """Up to `limit` of the event's holds; of one buyer and of one status, unless those are "" and None."""
        page = await self._page(Kind.HOLD, tenant, block, buyer, status, cursor, limit)
        if page is None:
            return None
        now_ms = self._now_ms()
        holds = tuple(msgspec.structs.replace(_holds.decode(shown), now_ms=now_ms) for shown in page.shown)
        return self._listed(block, page, holds, now_ms)

    async def orders(
        self, tenant: TenantId, block: BlockId, buyer: str, status: OrderStatus | None, cursor: str, limit: int
    ) -> Listed[OrderReply] | None:
        """Up to `limit` of the event's orders; of one buyer and of one status, unless those are "" and None."""
        page = await self._page(Kind.ORDER, tenant, block, buyer, status, cursor, limit)
        if page is None:
            return None
        return self._listed(block, page, tuple(map(_orders.decode, page.shown)), self._now_ms())

    async def close(self) -> None:
        """End the line; nothing in flight is waited for."""
        await self._line.close()

    def _listed(self, block: BlockId, page: _Page, listed: tuple[R, ...], now_ms: int) -> Listed[R]:
        age_ms = max(0, now_ms - page.as_of_ms)
        return Listed(block, listed, page.homes, page.next_cursor, page.position, page.as_of_ms, age_ms)

    async def _page(
        self, kind: Kind, tenant: TenantId, block: BlockId, buyer: str, status: int | None, cursor: str, limit: int
    ) -> _Page | None:
        if block in desks_of(tenant):
            return None  # a desk has lists, and is no event
        place = number_behind(_owner(kind, tenant, block), cursor) if cursor else _BEFORE_ALL
        page = await self._pages.get(_Asked(kind, tenant, block, buyer, status, place, limit))
        return page if page is not None and page.tenant == tenant else None

    async def _read(self, asked: _Asked) -> _Page | None:
        query = _SQL["newest_holds" if asked.kind is Kind.HOLD else "newest_orders"]
        rows: list[Any] = await self._line.fetch(
            query,
            asked.block,
            *asked.place,
            asked.buyer or None,
            asked.status,
            asked.limit + 1,
            sorted(desks_of(asked.tenant)),
        )
        if not rows:
            return None
        first, listed = rows[0], [row for row in rows if row["number"] is not None]
        next_cursor = ""
        if len(listed) > asked.limit:
            listed = listed[: asked.limit]
            owner = _owner(asked.kind, asked.tenant, asked.block)
            next_cursor = number_cursor(owner, listed[-1]["placed_at_ms"], listed[-1]["number"])
        shown = tuple(row["shown"] for row in listed)
        homes = tuple(BlockId(row["block_id"]) for row in listed)
        return _Page(TenantId(first["tenant"]), first["position"], first["as_of_ms"], shown, homes, next_cursor)


def _owner(kind: Kind, tenant: TenantId, block: BlockId) -> str:
    """Whose cursors these are."""
    return f"{tenant}/{block}/{kind}"
