"""What a million holds leave on disk: `python -m tests.measure.journal_growth [HOLDS] [STORAGE]`.

Events of HOLDS (10,000) holds of two seats each, on the embedded PostgreSQL, followed by the real projector while they
sell, with snapshots at a shard's pace; either all expire, or all are ordered and paid. Commits of 1, 20 and 200
commands. STORAGE is that of the journal's entries, `external` (as it is), or `extended` or `main`, which compress.
Figures are bytes a hold, which is MB a million holds; WAL is all that was written, full pages after checkpoints too.
At the end each event is put away and erased: its archive's file, and the rows that stay in the database after either.
"""

import asyncio
import sys
import time
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import uvloop

from actors.archive.erasing import erase
from actors.archive.putting_away import put_away
from actors.core import block as core
from actors.core.commands import (
    ChangeStatus,
    Command,
    ConfirmOrder,
    CreateEvent,
    OpenSale,
    PlaceHold,
    PlaceOrder,
    Stamp,
)
from actors.core.entries import Activated, Entry
from actors.core.ids import BlockId
from actors.core.layout import Category, Layout, Row, Section
from actors.core.outcomes import Accepted
from actors.core.replies import EventStatus
from actors.core.snapshot import FORMAT, freeze, value_count
from actors.core.state import BlockState
from actors.core.wishes import Wish
from actors.database.connect import Connection, connect
from actors.database.migrate import migrate
from actors.engine.group_commit import ENTRIES_PER_SNAPSHOT, VALUES_PER_ENTRY
from actors.journal.codec import encode_entries
from actors.journal.journal import GENESIS, JournalRow, NewRow, Snapshot, chain_of
from actors.journal.postgres import PostgresJournal
from actors.projections.availability import AvailabilityProjection
from actors.projections.deadlines import DeadlinesProjection
from actors.projections.listing import ListingProjection
from actors.projections.positions import Positions
from actors.projections.projector import Projector
from serve.local.postgres import temporary_postgres
from tests.measure.core_costs import NOW_MS

HOLDS = 10_000
SEATS_PER_ROW = 100
ENTRIES_PER_ROUND = 200  # a projector's round, when a thousand holds a second are sold
HOLD_MS = 600_000
COMMITS = (1, 20, 200)
PARTS = {
    "journal": "select pg_relation_size('journal')",
    "its toast": "select pg_total_relation_size(reltoastrelid) from pg_class where oid = 'journal'::regclass",
    "its key": "select pg_relation_size('journal_pkey')",
    "entries": "select sum(octet_length(entries)) from journal",
    "snapshots": "select pg_total_relation_size('snapshots')",
    "lists": "select sum(pg_total_relation_size(name::regclass))::bigint from unnest(array['listings', 'listed_holds', "
    "'listed_orders', 'listed_baskets', 'listed_basket_orders']) as name",
    "availability": "select pg_total_relation_size('availability')",
    "others": "select sum(pg_total_relation_size(name::regclass))::bigint "
    "from unnest(array['deadlines', 'projection_positions']) as name",
}


PUT_AWAY = ("archive", "beside it", "erased")
TABLES = ("journal", "snapshots", "listings", "listed_holds", "listed_orders", "availability")
ROWS = "select coalesce(sum(pg_column_size(kept.*)), 0) from {} as kept where block_id = $1"
AFTER_ALL_MS = 4_000_000_000_000


class Selling:
    """One event that sells in commits of so many commands, and the projector that follows it."""

    def __init__(self, url: str, number: int, commit: int) -> None:
        self._commit = commit
        self._journal = PostgresJournal(url, application_name="measure")
        self._projector = Projector(
            Positions(url),
            PostgresJournal(url, application_name="measure"),
            (AvailabilityProjection(), DeadlinesProjection(), ListingProjection()),
        )
        self.block = BlockId(f"{number:016d}")
        self._state = BlockState()
        self._now_ms = NOW_MS
        self._position, self._chain = 0, GENESIS
        self._unsnapshotted = self._unfollowed = 0

    async def live(self, holds: int, *, paid: bool) -> None:
        """Sell all, or let all expire."""
        await self._append([Activated(self._now_ms, "shard-1", bytes(8))])
        pending: list[Entry] = []
        for number, command in enumerate(_commands(holds, paid=paid)):
            pending += self._said(command)
            if number < 2 or len(pending) >= self._commit:
                await self._append(pending)
                pending = []
        self._now_ms += 2 * HOLD_MS
        while (entry := core.next_due(self._state, self._now_ms)) is not None:
            core.apply(self._state, entry)
            pending.append(entry)
            if len(pending) >= self._commit:
                await self._append(pending)
                pending = []
        await self._append(pending)
        for number, status in enumerate((EventStatus.CLOSED, EventStatus.ARCHIVED)):
            await self._append(list(self._said(ChangeStatus(stamp(-number, self._now_ms + HOLD_MS), status))))
        await self._follow()
        await self._projector.close()
        await self._journal.close()

    def _said(self, command: Command) -> tuple[Entry, ...]:
        outcome = core.decide(self._state, command, self._now_ms)
        assert isinstance(outcome, Accepted), outcome
        for entry in outcome.entries:
            core.apply(self._state, entry)
        return outcome.entries

    async def _append(self, entries: list[Entry]) -> None:
        if not entries:
            return
        encoded = encode_entries(entries)
        position = self._position + 1
        chain = chain_of(self._chain, self.block, position, 1, self._now_ms, encoded)
        row = JournalRow(self.block, position, 1, self._now_ms, len(entries), encoded, chain)
        await self._journal.append([NewRow(row, self._chain)])
        self._position, self._chain = position, chain
        self._unsnapshotted += len(entries)
        self._unfollowed += len(entries)
        due = self._unsnapshotted >= ENTRIES_PER_SNAPSHOT
        if due and self._unsnapshotted * VALUES_PER_ENTRY >= value_count(self._state):
            self._unsnapshotted = 0
            await self._journal.save_snapshot(Snapshot(self.block, position, chain, FORMAT, freeze(self._state)))
        if self._unfollowed >= ENTRIES_PER_ROUND:
            await self._follow()

    async def _follow(self) -> None:
        self._unfollowed = 0
        while await self._projector.round():
            pass


def _commands(holds: int, *, paid: bool) -> Iterator[Command]:
    drawn = Random(1)
    rows = tuple(Row(str(number), 0, 1, SEATS_PER_ROW) for number in range(-(-2 * holds // SEATS_PER_ROW)))
    yield CreateEvent(stamp(1), "measured", Layout("EUR", (Category("all", 9000),), (Section("S", rows),), ()))
    yield OpenSale(stamp(2))
    for number in range(1, holds + 1):
        row, place = divmod(2 * (number - 1), SEATS_PER_ROW)
        wish = Wish((f"S/{row}/{place + 1}", f"S/{row}/{place + 2}"))
        hold, order = drawn.getrandbits(63), drawn.getrandbits(63)
        yield PlaceHold(stamp(3 * number), hold, wish, HOLD_MS)
        if paid:
            yield PlaceOrder(stamp(3 * number + 1), hold, order)
            yield ConfirmOrder(stamp(3 * number + 2), order)


def stamp(number: int, not_after_ms: int = NOW_MS + 60_000) -> Stamp:
    """A buyer of its own; key and fingerprint are hashes, as those of the edges are: nothing compresses them."""
    key, fingerprint = (
        blake2b(b"%d" % number, digest_size=16, person=person).digest() for person in (b"key", b"print")
    )
    return Stamp("acme", f"buyer-{number:08d}", key, fingerprint, not_after_ms)


async def _sizes(connection: Connection) -> dict[str, int]:
    sizes = {name: int(await connection.fetchval(query) or 0) for name, query in PARTS.items()}
    return sizes | {"WAL": int(await connection.fetchval("select pg_current_wal_insert_lsn() - '0/0'"))}


async def _left(connection: Connection, block: BlockId) -> int:
    """Bytes in the rows that are kept of the block."""
    return sum([int(await connection.fetchval(ROWS.format(table), block)) for table in TABLES])


async def _put_away(connection: Connection, block: BlockId, folder: Path) -> dict[str, int]:
    """Bytes of the archive, of what is left beside it, and of what is left once the event is erased."""
    done = await put_away(connection, block, folder, AFTER_ALL_MS)
    sizes = {"archive": done.path.stat().st_size, "beside it": await _left(connection, block)}
    await erase(connection, block, folder, AFTER_ALL_MS)
    return sizes | {"erased": await _left(connection, block)}


async def measure(url: str, folder: Path, holds: int, storage: str) -> None:
    """Print what each mix leaves, by the size of its commits."""
    await migrate(url)
    connection = await connect(url, application_name="measure")
    await connection.execute(f"alter table journal alter column entries set storage {storage}")
    print(f"bytes a hold, events of {holds:,} holds, entries {storage}")
    print(f"{'':22}" + "".join(f"{name:>13}" for name in (*PARTS, "WAL", "entries/s")))
    number = 0
    blocks: dict[str, BlockId] = {}
    for paid in (False, True):
        for commit in COMMITS:
            number += 1
            selling = Selling(url, number, commit)
            await connection.execute(
                "insert into blocks (block_id, tenant, shard) values ($1, 'acme', 'shard-1')", selling.block
            )
            before, begun = await _sizes(connection), time.perf_counter()
            await selling.live(holds, paid=paid)
            seconds, after = time.perf_counter() - begun, await _sizes(connection)
            entries = await connection.fetchval(
                "select sum(entry_count) from journal where block_id = $1", selling.block
            )
            grown = "".join(f"{(after[name] - before[name]) / holds:13.0f}" for name in after)
            mix = f"{'paid' if paid else 'expired':10} commits of {commit:3}"
            blocks[mix] = selling.block
            print(f"{mix:22}{grown}{entries / seconds:13,.0f}")
    print(f"\n{'':22}" + "".join(f"{name:>13}" for name in PUT_AWAY))
    for mix, block in blocks.items():
        sizes = (await _put_away(connection, block, folder)).values()
        print(f"{mix:22}" + "".join(f"{size / holds:13.0f}" for size in sizes))
    await connection.close()


if __name__ == "__main__":
    with temporary_postgres() as url, TemporaryDirectory() as folder:
        uvloop.install()
        asyncio.run(
            measure(
                url,
                Path(folder),
                int(sys.argv[1]) if len(sys.argv) > 1 else HOLDS,
                sys.argv[2] if len(sys.argv) > 2 else "external",
            )
        )
