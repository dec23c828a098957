"""The journal's rows: read from Postgres, checked one after the other, and decoded, all by the auditor's own code."""

from collections.abc import AsyncIterator
from hashlib import blake2b
from pathlib import Path
from typing import Any

import asyncpg
import msgspec

from actors.audit.findings import Fault, Finding
from actors.core.entries import Activated, Entry, EventCreated

ENTRIES_VERSION = 1
CHAIN_BEFORE_FIRST_ROW = bytes(16)
NONCE_BYTES = 8
CLAIM_TAKES_MS = 60_000
ROWS_PER_FETCH = 500

_FOLDER = Path(__file__).parent
_ROWS = (_FOLDER / "rows.sql").read_text(encoding="utf-8")
_DERIVED = (_FOLDER / "derived.sql").read_text(encoding="utf-8")
_PUT_AWAY = (_FOLDER / "put_away.sql").read_text(encoding="utf-8")
_BLOCKS = (_FOLDER / "blocks.sql").read_text(encoding="utf-8")
_decoder: msgspec.msgpack.Decoder[tuple[Entry, ...]] = msgspec.msgpack.Decoder(tuple[Entry, ...])
_entry_decoder: msgspec.msgpack.Decoder[Entry] = msgspec.msgpack.Decoder(Entry)
_envelope_decoder = msgspec.msgpack.Decoder(tuple[msgspec.Raw, ...])
_BEYOND = ("Invalid value ", "Invalid enum value ", "Expected `array` of at most length ")
"""How msgspec begins what it says of a kind, a value or a field that is not known; it says else of wrong ones."""


class Row(msgspec.Struct, frozen=True):
    """A row as it stands in the journal."""

    block: str
    position: int
    epoch: int
    recorded_at_ms: int
    entry_count: int
    entries: bytes
    chain: bytes


class RowCheck:
    """Follows a block's rows: contiguous from 1, chained, readable; epochs rise by activations, times are sound.

    `behind`: a row that is taken as it is, and whose next is the first to follow.
    """

    def __init__(self, block: str, behind: Row | None = None) -> None:
        self.position = 0
        self.findings: list[Finding] = []
        self._block = block
        self._chain = CHAIN_BEFORE_FIRST_ROW
        self._epoch = -1
        self._owner: str | None = None  # the shard whose activation began the epoch; None if none did
        self._knows_owner = True  # or it was before the rows that are followed
        self._nonces: set[bytes] = set()
        self._last_at_ms = 0
        if behind is not None:
            self._begin_behind(behind)

    def _begin_behind(self, row: Row) -> None:
        entries = self._decoded(row, as_written=True) or ()
        self._owner = entries[0].shard if entries and isinstance(entries[0], Activated) else None
        self._knows_owner = self._owner is not None
        self._last_at_ms = max((entry.at_ms for entry in entries), default=0)
        self.position, self._chain, self._epoch = row.position, row.chain, row.epoch

    def entries_of(self, row: Row) -> tuple[Entry, ...] | None:
        """The entries of the next row, or None if they cannot be read; findings go to `findings`."""
        follows = row.chain == _chain_of(self._chain, row)
        if row.position != self.position + 1:
            self._found(row, Fault.ROW_MISSING, f"it stands behind row {self.position}")
        elif not follows:
            self._found(row, Fault.CHAIN_BROKEN, f"its chain does not follow from row {self.position} and its content")
        entries = self._decoded(row, as_written=follows)
        if row.epoch < self._epoch:
            self._found(row, Fault.EPOCH_WENT_BACK, f"epoch {row.epoch} follows epoch {self._epoch}")
        if row.epoch > self._epoch or not self._knows_owner:
            self._owner = entries[0].shard if entries and isinstance(entries[0], Activated) else None
            self._knows_owner = row.epoch > self._epoch or self._owner is not None
        if entries is not None:
            self._check_activations(row, entries)
            self._check_times(row, entries)
        self._epoch = max(self._epoch, row.epoch)
        self.position, self._chain = row.position, row.chain
        return entries

    def _check_activations(self, row: Row, entries: tuple[Entry, ...]) -> None:
        """Every epoch begins with a claim, and every claim begins a row, which its nonce makes unlike any other.

        The shard that began an epoch may claim the block again under it: after it had to drop the block from memory, or
        after a claim that stands although its fate was unknown. Another shard may not, although shards of one
        incarnation number have the same epoch: nothing would tell the rows of the two apart. Two processes of one name
        and one epoch would look like one that claims again; there are none, as the catalogue registers an epoch once.
        """
        if row.epoch > self._epoch and self._owner is None:
            self._found(row, Fault.EPOCH_NOT_ACTIVATED, f"epoch {row.epoch} begins without an activation")
        for place, entry in enumerate(entries):
            if not isinstance(entry, Activated):
                continue
            if place or row.epoch < self._epoch or entry.shard != self._owner:
                self._found(
                    row,
                    Fault.ACTIVATION_MISPLACED,
                    f"{entry.shard} claims it by entry {place + 1} under epoch {row.epoch}, "
                    f"which {self._owner or 'nobody'} began",
                )
            if len(entry.nonce) != NONCE_BYTES or entry.nonce in self._nonces:
                self._found(row, Fault.NONCE_REUSED, f"{entry.nonce.hex()} of {entry.shard}, or no nonce at all")
            self._nonces.add(entry.nonce)

    def _check_times(self, row: Row, entries: tuple[Entry, ...]) -> None:
        """An entry is decided before its row is written; or at the block's time, where a former clock was ahead."""
        for entry in entries:
            if entry.at_ms > max(row.recorded_at_ms, self._last_at_ms):
                ahead_ms = entry.at_ms - row.recorded_at_ms
                self._found(row, Fault.TIME_AHEAD, f"{type(entry).__name__} is {ahead_ms} ms ahead")
            elif isinstance(entry, Activated) and entry.at_ms < row.recorded_at_ms - CLAIM_TAKES_MS:
                self._found(row, Fault.TIME_WENT_BACK, f"{entry.shard} claimed it long before it wrote so")
            self._last_at_ms = max(self._last_at_ms, entry.at_ms)

    def _decoded(self, row: Row, *, as_written: bool) -> tuple[Entry, ...] | None:
        """Its entries. `as_written`: its chain holds, so what is not known here was written by another release."""
        if not row.entries or row.entries[0] != ENTRIES_VERSION:
            is_newer = as_written and row.entries[:1] > bytes([ENTRIES_VERSION])
            fault = Fault.ENTRIES_UNKNOWN if is_newer else Fault.ENTRIES_UNREADABLE
            self._found(row, fault, f"they begin with {row.entries[:1].hex() or 'nothing'}")
            return None
        try:
            entries = _decoder.decode(memoryview(row.entries)[1:])
        except (msgspec.DecodeError, UnicodeDecodeError) as fault:
            is_newer = as_written and _is_of_newer_release(row)
            self._found(row, Fault.ENTRIES_UNKNOWN if is_newer else Fault.ENTRIES_UNREADABLE, str(fault))
            return None
        if len(entries) != row.entry_count or not entries:
            self._found(row, Fault.ENTRY_COUNT_WRONG, f"it says {row.entry_count} and has {len(entries)}")
        return entries

    def _found(self, row: Row, fault: Fault, sentence: str) -> None:
        self.findings.append(Finding(self._block, row.position, fault, sentence))


async def connect_to_read(database_url: str) -> Any:
    """A connection that can only read, and may be idle in a transaction: an archive is read in one.

    Raises OSError, asyncpg.PostgresError.
    """
    return await asyncpg.connect(
        database_url,
        timeout=10,
        server_settings={
            "application_name": "holdfast audit",
            "default_transaction_read_only": "on",
            "idle_in_transaction_session_timeout": "0",
        },
    )


async def all_blocks(connection: Any) -> list[str]:
    """Every block that has rows, in order."""
    return [row["block_id"] for row in await connection.fetch(_BLOCKS)]


async def positions_read(connection: Any, blocks: list[str] | None) -> dict[str, int]:
    """How far snapshots and projections say to have read these blocks' rows, or all."""
    return dict(await connection.fetch(_DERIVED, blocks))


async def blocks_put_away(connection: Any) -> dict[str, str]:
    """The blocks whose rows but the last left the journal, and the names of the archives that have them."""
    return dict(await connection.fetch(_PUT_AWAY))


async def rows_of(connection: Any, block: str) -> AsyncIterator[Row]:
    """The rows of a block in order, as the connection's transaction sees them, a few hundred at a time in memory."""
    async for row in connection.cursor(_ROWS, block, prefetch=ROWS_PER_FETCH):
        yield Row(*row)


async def tenant_of(database_url: str, block: str) -> str:
    """Whose event is in the block; empty: it has none. Raises OSError, asyncpg.PostgresError, msgspec.DecodeError."""
    connection = await connect_to_read(database_url)
    try:
        async with connection.transaction(readonly=True):
            async for row in rows_of(connection, block):
                for entry in _decoder.decode(memoryview(row.entries)[1:]):
                    if isinstance(entry, EventCreated):
                        return entry.tenant
    finally:
        await connection.close()
    return ""


def _is_of_newer_release(row: Row) -> bool:
    """Whether each entry is sound as far as it is known here, and as many are there as the row says."""
    try:
        entries = _envelope_decoder.decode(memoryview(row.entries)[1:])
        return len(entries) == row.entry_count and all(map(_is_sound_as_far_as_known, entries))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False


def _is_sound_as_far_as_known(entry: msgspec.Raw) -> bool:
    """Whether it is known, or is but of another kind, or has more fields or other values than are known.

    Raises msgspec.DecodeError, UnicodeDecodeError, RecursionError: it is no MessagePack.
    """
    try:
        _entry_decoder.decode(entry)
    except msgspec.ValidationError as fault:
        match msgspec.msgpack.decode(entry):
            case [int(kind), int(), *_]:
                return kind > 0 and str(fault).startswith(_BEYOND)
        return False
    return True


def _chain_of(chain_before: bytes, row: Row) -> bytes:
    """BLAKE2b over the chain before, `block|position|epoch|recorded_at_ms|`, and the entries' bytes."""
    head = f"{row.block}|{row.position}|{row.epoch}|{row.recorded_at_ms}|".encode()
    return blake2b(chain_before + head + row.entries, digest_size=16).digest()
