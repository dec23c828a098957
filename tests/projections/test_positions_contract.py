"""What whoever keeps positions promises a projector, asked of the shipped one and of that of the simulation."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager

import msgspec
import pytest

from actors.core import block as core
from actors.core.ids import BlockId
from actors.database.connect import Connection
from actors.journal.codec import decode_entries
from actors.journal.journal import GENESIS
from actors.projections import positions
from actors.projections.availability import AvailabilityProjection
from actors.projections.deadlines import DeadlinesProjection
from actors.projections.positions_port import FollowedPositions, Seen, Step
from actors.projections.projection import FollowedRow, Progress
from actors.projections.seat_statuses import pack
from actors.projections.shown import event_shown
from tests.journal.backends import grown, new_block
from tests.projections.both_positions import Records, memory_records, postgres_records
from tests.projections.selling import SellingEvent

pytestmark = pytest.mark.anyio

LONG_MS = 60_000
NAMES = ("notes", "other")
ELSEWHERE = b"another chain..."


class Notes:
    """A projection that writes nothing and keeps of which blocks it was to."""

    name = "notes"

    def __init__(self) -> None:
        self.asked: list[list[BlockId]] = []

    async def write(self, _: Connection, progress: Sequence[Progress]) -> None:
        """See `Projection.write`."""
        self.asked.append([one.block for one in progress])


class Faulty(Notes):
    """It fails when it has written."""

    async def write(self, connection: Connection, progress: Sequence[Progress]) -> None:
        """See `Projection.write`."""
        await DeadlinesProjection().write(connection, progress)
        raise ValueError("a bug")


@pytest.fixture(params=["memory", "postgres"])
def built(request: pytest.FixtureRequest) -> AbstractAsyncContextManager[Records]:
    """Each keeper in turn."""
    return memory_records() if request.param == "memory" else postgres_records(request.getfixturevalue("database_url"))


@pytest.fixture
async def records(built: AbstractAsyncContextManager[Records], anyio_backend: str) -> AsyncIterator[Records]:
    """For as long as the test lasts."""
    async with built as records:
        yield records


async def selling(records: Records) -> SellingEvent:
    """An event on sale, of three rows with a hold, which the catalogue knows."""
    event = SellingEvent(records.journal)
    event.block = new_block()
    await records.enter(event.block)
    await event.open()
    await event.sell(event.hold("Hall/A/1", places=2))
    return event


def step(event: SellingEvent, seen: Seen, end: int = 0) -> Step:
    """From where it was seen to the row at `end`, or to the last."""
    rows = [row for row in event.rows if row.position > seen.position and (not end or row.position <= end)]
    followed = [FollowedRow(row, tuple(decode_entries(row.entries))) for row in rows]
    return Step(seen, Progress(event.block, followed, event.state, event.now_ms))


def at(event: SellingEvent, position: int, because: str | None = None) -> Seen:
    """Whoever has followed it so far."""
    return Seen(position, event.rows[position - 1].chain if position else GENESIS, because)


async def seen_of(followed: FollowedPositions, block: BlockId, name: str = Notes.name) -> Seen:
    """Where one projection of it is."""
    return (await followed.seen([name], [block]))[block][name]


async def test_blocks_that_have_rows_ahead_are_found_page_by_page_and_among_others(records: Records) -> None:
    start, without_rows, first, second, not_entered = (new_block() for _ in range(5))
    for block in (second, without_rows, first):
        await records.enter(block)
    for block in (first, second, not_entered):
        await grown(records.journal, block, 2)

    async def behind(page_start: BlockId, limit: int, *also: BlockId) -> tuple[list[BlockId], BlockId | None]:
        found = await records.positions.behind(page_start, limit, also, NAMES)
        return found.blocks, found.page_end

    assert await behind(start, 2) == ([first], first)
    assert await behind(first, 2) == ([second], None)
    assert await behind(first, 1) == ([second], second)
    assert await behind(second, 1) == ([], None)
    assert await behind(start, 3, first) == ([first, second], second)
    assert await behind(second, 9, not_entered, first, without_rows) == ([first, not_entered], None)
    assert first in (await records.positions.behind(None, 1_000, [], NAMES)).blocks


async def test_a_block_is_behind_while_one_of_the_projections_is_that_is_not_stopped(records: Records) -> None:
    event, followed = await selling(records), records.positions

    async def is_behind(*names: str) -> bool:
        return event.block in (await followed.behind(event.block, 1, [event.block], names)).blocks

    await followed.seen(NAMES, [event.block])
    assert await followed.move(Notes(), [step(event, Seen())]) == {event.block}
    assert not await is_behind("notes")
    assert await is_behind(*NAMES)
    assert await is_behind("notes", "new")
    assert await followed.quarantine(event.block, {"other": Seen()}, "a bug") == ["other"]
    assert not await is_behind(*NAMES)
    await event.sell(event.hold("Hall/A/2"))
    assert await is_behind("notes")


async def test_a_projection_that_is_new_to_a_block_begins_there_once_it_is_seen(records: Records) -> None:
    event, followed = await selling(records), records.positions
    assert await followed.move(Notes(), [step(event, Seen())]) == set()
    assert await followed.quarantine(event.block, {"notes": Seen()}, "a bug") == []
    neighbour = new_block()
    found = await followed.seen(NAMES, [event.block, neighbour])
    assert found == {block: dict.fromkeys(NAMES, Seen()) for block in (event.block, neighbour)}
    assert await followed.move(Notes(), [step(event, Seen())]) == {event.block}
    assert await followed.seen(NAMES, [event.block]) == {event.block: {"notes": at(event, 3), "other": Seen()}}


async def test_so_many_rows_are_found_behind_each_position(records: Records) -> None:
    long, short, unknown = new_block(), new_block(), new_block()
    rows = {
        block: [new.row for new in await grown(records.journal, block, count)]
        for block, count in ((long, 4), (short, 2))
    }
    found = await records.positions.rows({short: 1, long: 0, unknown: 0}, 3)
    assert found.of_block == {short: rows[short][1:], long: rows[long][:3], unknown: []}
    assert found.cut == {long}
    assert abs(found.read_at_ms - await records.clock_ms()) < LONG_MS
    found = await records.positions.rows({long: 4, short: 0}, 2)
    assert found.of_block == {long: [], short: rows[short]}
    assert found.cut == {short}, "there might be more"
    found = await records.positions.rows({long: 4}, 2)
    assert (found.of_block, found.cut, found.read_at_ms) == ({long: []}, frozenset(), 0), (
        "nothing says when it was read"
    )


@pytest.mark.parametrize(
    ("most_bytes", "counts", "is_cut"),
    [(21, (2, 1), True), (22, (2, 2), True), (29, (2, 2), False), (14, (1, 1), True), (1, (1, 0), True)],
)
async def test_rows_come_in_turns_up_to_the_one_that_fills_the_page(
    records: Records, monkeypatch: pytest.MonkeyPatch, most_bytes: int, counts: tuple[int, int], is_cut: bool
) -> None:
    monkeypatch.setattr(positions, "MAX_ROWS_BYTES", most_bytes)
    blocks = [new_block(), new_block()]
    rows = [[new.row for new in await grown(records.journal, block, 2)] for block in blocks]
    assert {len(row.entries) for of_block in rows for row in of_block} == {len(b"entry 0")}
    found = await records.positions.rows({blocks[1]: 0, blocks[0]: 0}, 9)
    assert found.of_block == {block: own[:count] for block, own, count in zip(blocks, rows, counts, strict=True)}
    assert found.cut == (set(blocks) if is_cut else set())


async def test_rows_and_positions_move_together(records: Records) -> None:
    event, neighbour, followed = await selling(records), await selling(records), records.positions
    both = [event, neighbour]
    for projection in (AvailabilityProjection(), DeadlinesProjection()):
        await followed.seen([projection.name], [one.block for one in both])
        assert await followed.move(projection, [step(one, Seen()) for one in both]) == {one.block for one in both}
        for one in both:
            assert await seen_of(followed, one.block, projection.name) == at(one, 3)
    for one in both:
        shown, statuses = event_shown(one.state)
        total = shown.counts.total
        assert total.held == 3
        counts = (shown.status, total.capacity, total.available, total.held, total.sold, shown.layout_version)
        row = await records.shown(one.block)
        assert row is not None
        assert (row[:6], row[7]) == (counts, pack(statuses))
        assert await records.deadline(one.block) == core.next_deadline_ms(one.state)
    event.now_ms += 3_600_000
    await event.tick()
    assert core.next_deadline_ms(event.state) is None
    for projection in (AvailabilityProjection(), DeadlinesProjection()):
        assert await followed.move(projection, [step(event, at(event, 3))]) == {event.block}
    assert await records.deadline(event.block) is None
    row = await records.shown(event.block)
    assert row is not None
    assert row[3] == 0, "nothing is held any more"
    assert await records.deadline(neighbour.block) is not None


async def test_what_fails_to_write_moves_nothing(records: Records) -> None:
    event, followed = await selling(records), records.positions
    await followed.seen(["notes", "availability"], [event.block])
    with pytest.raises(ValueError, match="a bug"):
        await followed.move(Faulty(), [step(event, Seen())])
    assert await records.deadline(event.block) is None
    assert await seen_of(followed, event.block) == Seen()
    late = step(event, at(event, 2))
    late = msgspec.structs.replace(late, seen=Seen())
    with pytest.raises(AssertionError, match="and has no row"):
        await followed.move(AvailabilityProjection(), [late])
    assert await records.shown(event.block) is None
    assert await seen_of(followed, event.block, "availability") == Seen()
    assert await followed.move(Notes(), [step(event, Seen())]) == {event.block}


async def test_what_another_has_moved_meanwhile_is_not_moved_and_not_written(records: Records) -> None:
    moved, ours, followed, notes = await selling(records), await selling(records), records.positions, Notes()
    await followed.seen([notes.name], [moved.block, ours.block])
    assert await followed.move(Notes(), [step(moved, Seen(), end=1)]) == {moved.block}
    assert await followed.move(notes, [step(moved, Seen()), step(ours, Seen())]) == {ours.block}
    assert notes.asked == [[ours.block]]
    assert await seen_of(followed, moved.block) == at(moved, 1)
    elsewhere = step(moved, Seen(1, ELSEWHERE))
    assert await followed.move(notes, [elsewhere]) == set(), "it saw another row there"
    assert await followed.move(notes, [step(moved, at(moved, 1))]) == {moved.block}
    assert await seen_of(followed, moved.block) == at(moved, 3)


async def test_it_moves_only_to_a_row_that_is_in_the_journal(records: Records) -> None:
    event, followed = await selling(records), records.positions
    await followed.seen(NAMES, [event.block])
    whole = step(event, Seen())
    last = whole.progress.rows[-1]
    for other in ({"position": 4}, {"chain": ELSEWHERE}):
        gone = msgspec.structs.replace(last, row=msgspec.structs.replace(last.row, **other))
        progress = msgspec.structs.replace(whole.progress, rows=[*whole.progress.rows[:-1], gone])
        assert await followed.move(Notes(), [Step(Seen(), progress)]) == set()
    assert await seen_of(followed, event.block) == Seen()
    assert await followed.move(Notes(), [whole]) == {event.block}


async def test_a_projection_is_stopped_where_it_was_seen_and_that_is_news_once(records: Records) -> None:
    event, followed = await selling(records), records.positions
    await followed.seen(NAMES, [event.block])
    await followed.move(Notes(), [step(event, Seen(), end=1)])
    seen = dict.fromkeys(NAMES, Seen())
    assert await followed.quarantine(event.block, seen, "a bug") == ["other"], "the first has moved since"
    assert await followed.quarantine(event.block, seen, "a bug") == []
    assert await followed.quarantine(event.block, seen, "another bug") == ["other"]
    assert await followed.quarantine(event.block, {"notes": at(event, 1)}, "a bug") == ["notes"]
    expected = {"notes": at(event, 1, "a bug"), "other": Seen(0, GENESIS, "another bug")}
    assert await followed.seen(NAMES, [event.block]) == {event.block: expected}


async def test_what_is_stopped_is_told_by_block_and_projection(records: Records) -> None:
    first, second = new_block(), new_block()
    followed = records.positions
    await followed.seen(NAMES, [second])
    await followed.seen(NAMES, [first])
    for block, name in ((second, "notes"), (first, "other"), (first, "notes")):
        await followed.quarantine(block, {name: Seen()}, f"{name} of {block}")
    told = [(one.block, one.projection, one.because) for one in await followed.quarantined()]
    expected = [(first, "notes"), (first, "other"), (second, "notes")]
    assert [one for one in told if one[0] in (first, second)] == [
        (block, name, f"{name} of {block}") for block, name in expected
    ]


async def test_a_quarantine_ends_by_moving_from_it_and_not_from_before_it(records: Records) -> None:
    event, followed = await selling(records), records.positions
    await followed.seen(NAMES, [event.block])
    await followed.quarantine(event.block, {"notes": Seen()}, "a bug")
    assert await followed.move(Notes(), [step(event, Seen())]) == set()
    assert await followed.move(Notes(), [step(event, Seen(0, GENESIS, "a bug"))]) == {event.block}
    assert await seen_of(followed, event.block) == at(event, 3)


async def test_a_quarantine_ends_where_the_projection_stands_if_it_is_stopped(records: Records) -> None:
    event, followed = await selling(records), records.positions
    await followed.seen(NAMES, [event.block])
    await followed.move(Notes(), [step(event, Seen(), end=2)])
    stopped = at(event, 2, "a bug")
    assert await followed.end_quarantine(event.block, {"notes": at(event, 2)}) == [], "it goes on"
    await followed.quarantine(event.block, {"notes": stopped}, "a bug")
    assert await followed.end_quarantine(event.block, {"notes": at(event, 1), "other": Seen()}) == []
    assert await seen_of(followed, event.block) == stopped
    await followed.quarantine(event.block, {"notes": stopped}, "another bug")
    assert await followed.end_quarantine(event.block, {"notes": stopped, "new": Seen()}) == ["notes"]
    assert await seen_of(followed, event.block) == at(event, 2)
    assert await followed.end_quarantine(event.block, {"notes": stopped}) == []
