"""Projection "availability": per event, what may be bought, as `availability_reader` shows it.

One row per event, and per part of one that is split, with absolute values. The layout and what else an event's creation
fixed are written when an entry bears them, the rest every time.
"""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from actors.core.entries import EventCreated, EventEdited, EventFollowed
from actors.core.events import event_layout
from actors.database.connect import Connection
from actors.database.queries import load_queries
from actors.projections.projection import Progress
from actors.projections.seat_statuses import pack
from actors.projections.shown import event_shown
from actors.projections.split import encode_split, sells_units, split_of

_SQL = load_queries(Path(__file__).parent / "sql" / "availability.sql")

_encoder = msgspec.msgpack.Encoder()


class AvailabilityProjection:
    """Rows of blocks that have units to sell."""

    name = "availability"

    async def write(self, connection: Connection, progress: Sequence[Progress]) -> None:
        """See `Projection.write`."""
        events = [one for one in progress if sells_units(one.state)]
        created = [one for one in events if _is_told_anew(one)]
        await connection.execute(_SQL["create"], *_columns([_fixed(one) for one in created], 8))
        changed = await connection.fetchval(_SQL["change"], *_columns([_changing(one) for one in events], 11))
        assert changed == len(events), "an event was followed past its creation, and has no row"


def _is_told_anew(progress: Progress) -> bool:
    """Whether the event may have another name or layout."""
    return any(
        isinstance(entry, EventCreated | EventEdited | EventFollowed) for row in progress.rows for entry in row.entries
    )


def _fixed(progress: Progress) -> tuple[object, ...]:
    state, layout = progress.state, event_layout(progress.state)
    split = encode_split(split_of(state))
    columns = (layout.currency, state.created_at_ms, _encoder.encode(layout), state.home, split)
    return progress.block, state.tenant, state.name, *columns


def _changing(progress: Progress) -> tuple[object, ...]:
    shown, statuses = event_shown(progress.state)
    total = shown.counts.total
    units = (total.capacity, total.available, total.held, total.sold)
    columns = (shown.layout_version, _encoder.encode(shown.counts), pack(statuses))
    return progress.block, progress.position, progress.as_of_ms, shown.status, *units, *columns


def _columns(rows: Sequence[tuple[object, ...]], width: int) -> list[list[object]]:
    """Rows as one list per column, as `unnest` wants them."""
    return [[row[column] for row in rows] for column in range(width)]
