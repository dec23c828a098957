"""What the catalogue promises a shard, asked of the shipped one and of the one that simulations stand on."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, nullcontext

import pytest

from actors.catalogue.quarantines import Correction
from actors.core.commands import Correct
from actors.core.ids import BlockId
from actors.engine.catalogue_port import Assignment, Due, EngineCounters, Move, Quarantined
from actors.journal.journal import MAX_MOVES, Epoch
from tests.catalogue.both_catalogues import (
    House,
    MemoryHouse,
    blocks,
    clock_ms,
    first_row,
    number,
    postgres_house,
)

pytestmark = pytest.mark.anyio

IDLE = EngineCounters()
HAS_WRITTEN = EngineCounters(row_count=1)
LONG_MS = 60_000
ONE_MOVE = 1 << 28
ENDING = Correction("mara", "looked at it", holds=(7,))


class Shards:
    """Two shards whose names no test has used, in a generation that none has used."""

    def __init__(self) -> None:
        self.generation = number()
        self.one, self.other = f"one-{self.generation}", f"other-{self.generation}"

    def epoch(self, incarnation: int = 1, later: int = 0) -> int:
        """Packed; `later`: so many generations."""
        return Epoch(self.generation + later, 1, incarnation).packed()


@pytest.fixture(params=["memory", "postgres"])
def built(request: pytest.FixtureRequest) -> AbstractAsyncContextManager[House]:
    """Each catalogue in turn."""
    if request.param == "memory":
        return nullcontext(MemoryHouse())
    return postgres_house(request.getfixturevalue("database_url"))


@pytest.fixture
async def house(built: AbstractAsyncContextManager[House], anyio_backend: str) -> AsyncIterator[House]:
    """For as long as the test lasts."""
    async with built as house:
        yield house


@pytest.fixture
def shards() -> Shards:
    """Whose nothing is yet."""
    found = Shards()
    for _ in range(2):
        number()  # the generations behind it are the test's own as well
    return found


async def wished(house: House, shards: Shards) -> Move:
    """A block of the one that is to go to the other, which beats."""
    (block,) = blocks(1)
    await house.register(shards.other, shards.epoch())
    await house.enter(block, shards.one)
    await house.wish(block, shards.other)
    return Move(block, shards.one, shards.other, 1)


async def told(house: House, shards: Shards, shard: str) -> dict[BlockId, Quarantined]:
    """What a shard learns of quarantines."""
    beat = await house.catalogue.heartbeat(shard, shards.epoch(), clock_ms(), IDLE)
    return {one.block: one for one in beat.quarantined}


async def is_quarantined(house: House, block: BlockId) -> bool:
    """As who brings the block in is told."""
    assignment = await house.catalogue.assignment(block)
    assert assignment is not None
    return assignment.is_quarantined


async def test_the_first_to_enter_a_block_decides_where_it_lives(house: House, shards: Shards) -> None:
    (block,) = blocks(1)
    assert await house.catalogue.assignment(block) is None
    for shard in (shards.one, shards.other):
        await house.enter(block, shard)
        assert await house.catalogue.assignment(block) == Assignment(shards.one)


async def test_who_gives_and_who_takes_are_told_of_moves_by_block_and_so_many(house: House, shards: Shards) -> None:
    await house.register(shards.other, shards.epoch())
    moving = blocks(3)
    for block in reversed(moving):
        await house.enter(block, shards.one)
        await house.wish(block, shards.other)
    expected = [Move(block, shards.one, shards.other, 1) for block in moving]
    for shard in (shards.one, shards.other):
        assert await house.catalogue.moves(shard, shards.generation, 10) == expected
        assert await house.catalogue.moves(shard, shards.generation, 2) == expected[:2]
    assert await house.catalogue.moves("a third", shards.generation, 10) == []
    await house.wish(moving[0], None)
    assert await house.catalogue.moves(shards.one, shards.generation, 10) == expected[1:]


async def test_nothing_is_to_go_to_who_does_not_beat_in_this_generation(house: House, shards: Shards) -> None:
    (block,) = blocks(1)
    await house.enter(block, shards.one)
    await house.wish(block, shards.other)
    move = Move(block, shards.one, shards.other, 1)

    async def is_told(later: int = 0) -> bool:
        generation = shards.generation + later
        assert await house.catalogue.moves(shards.other, generation, 10) == [move], "who takes it beats by asking"
        return await house.catalogue.moves(shards.one, generation, 10) == [move]

    await house.catalogue.heartbeat(shards.other, shards.epoch(), clock_ms(), IDLE)
    assert not await is_told(), "nobody of that number is registered"
    await house.register(shards.other, shards.epoch())
    assert await is_told()
    assert not await is_told(1)
    await house.catalogue.heartbeat(shards.other, shards.epoch(), clock_ms() - LONG_MS, IDLE)
    assert not await is_told()
    await house.catalogue.heartbeat(shards.other, shards.epoch(), clock_ms(), IDLE)
    assert await is_told()


async def test_a_move_is_carried_out_once_and_counts_from_its_epoch_on(house: House, shards: Shards) -> None:
    move = await wished(house, shards)
    begun_ms = clock_ms()
    assert await house.catalogue.carry_out(move, shards.generation, 4_711)
    moved = await house.catalogue.assignment(move.block)
    assert moved is not None
    assert begun_ms - 1 <= moved.moved_at_ms <= clock_ms() + 1
    expected = Assignment(shards.other, shards.generation << 40 | ONE_MOVE, shards.one, moved.moved_at_ms)
    assert moved == expected
    assert not await house.catalogue.carry_out(move, shards.generation, 4_711)
    assert await house.catalogue.moves(shards.other, shards.generation, 10) == []
    await house.wish(move.block, shards.one)
    back = Move(move.block, shards.other, shards.one, 2)
    assert await house.catalogue.moves(shards.one, shards.generation, 10) == [back]
    assert await house.catalogue.carry_out(back, shards.generation, None)
    again = await house.catalogue.assignment(move.block)
    assert again is not None
    assert again.epoch == shards.generation << 40 | 2 * ONE_MOVE


@pytest.mark.parametrize(
    "other", [{"shard": "a third"}, {"to_shard": "a third"}, {"version": 2}, {"block": "nobody's"}]
)
async def test_another_move_than_the_wish_is_not_carried_out(
    house: House, shards: Shards, other: dict[str, object]
) -> None:
    move = await wished(house, shards)
    assert not await house.catalogue.carry_out(move._replace(**other), shards.generation, None)  # type: ignore[arg-type]
    assert await house.catalogue.assignment(move.block) == Assignment(shards.one)
    await house.wish(move.block, None)
    assert not await house.catalogue.carry_out(move, shards.generation, None)


async def test_nothing_moves_away_behind_the_back_of_a_newer_generation_that_claims_it(
    house: House, shards: Shards
) -> None:
    move = await wished(house, shards)
    newer = shards.generation + 1
    claimed = Assignment(shards.one, claiming_generation=newer)
    assert await house.catalogue.claim(move.block, shards.other, newer) == Assignment(shards.one), (
        "it has another owner"
    )
    assert await house.catalogue.claim(move.block, shards.one, newer) == claimed
    assert await house.catalogue.assignment(move.block) == claimed
    assert await house.catalogue.claim(move.block, shards.one, shards.generation) == claimed, "by an older one"
    assert await house.catalogue.moves(shards.other, shards.generation, 10) == []
    assert not await house.catalogue.carry_out(move, shards.generation, None)
    assert await house.catalogue.moves(shards.other, newer, 10) == [move]
    assert await house.catalogue.carry_out(move, newer, None)
    assert await house.catalogue.claim(BlockId("nobody's"), shards.one, newer) is None


async def test_a_newer_generation_counts_moves_anew_and_an_older_one_moves_nothing(
    house: House, shards: Shards
) -> None:
    move = await wished(house, shards)
    assert await house.catalogue.carry_out(move, shards.generation + 1, None)
    moved = await house.catalogue.assignment(move.block)
    assert moved is not None
    assert moved.epoch == shards.generation + 1 << 40 | ONE_MOVE
    await house.wish(move.block, shards.one)
    back = Move(move.block, shards.other, shards.one, 2)
    assert await house.catalogue.moves(shards.one, shards.generation, 10) == []
    assert not await house.catalogue.carry_out(back, shards.generation, None)
    assert await house.catalogue.moves(shards.one, shards.generation + 2, 10) == [back]
    assert await house.catalogue.carry_out(back, shards.generation + 2, None)


async def test_what_a_newer_generation_has_written_to_is_moved_by_no_older_one(house: House, shards: Shards) -> None:
    move = await wished(house, shards)
    await house.append(first_row(move.block, shards.epoch(later=1)))
    assert not await house.catalogue.carry_out(move, shards.generation, None)
    assert await house.catalogue.carry_out(move, shards.generation + 1, None)


async def test_a_block_moves_only_as_often_as_a_generation_can_count(house: House, shards: Shards) -> None:
    move = await wished(house, shards)
    await house.assigned_from(move.block, shards.generation << 40 | MAX_MOVES * ONE_MOVE)
    for shard in (shards.one, shards.other):
        assert await house.catalogue.moves(shard, shards.generation, 10) == []
    assert not await house.catalogue.carry_out(move, shards.generation, None)
    assert await house.catalogue.moves(shards.other, shards.generation + 1, 10) == [move]
    await house.assigned_from(move.block, shards.generation << 40 | (MAX_MOVES - 1) * ONE_MOVE)
    assert await house.catalogue.moves(shards.one, shards.generation, 10) == [move]
    assert await house.catalogue.carry_out(move, shards.generation, None)


async def test_a_heartbeat_is_kept_of_who_is_registered_and_of_nobody_else(house: House, shards: Shards) -> None:
    shard, catalogue = shards.one, house.catalogue
    beat = await catalogue.heartbeat(shard, shards.epoch(1), 5, IDLE)
    assert (beat.newest_epoch, beat.quarantined, beat.is_cut_over) == (0, (), False)
    assert abs(beat.now_ms - clock_ms()) < LONG_MS
    assert await catalogue.last_heartbeat_ms(shard, shards.epoch(1)) is None
    assert await house.register(shard, shards.epoch(2))
    registered_ms = await catalogue.last_heartbeat_ms(shard, shards.epoch(2))
    assert registered_ms is not None
    assert abs(registered_ms - clock_ms()) < LONG_MS, "who is registered is alive"
    for epoch in (shards.epoch(1), shards.epoch(2)):
        assert (await catalogue.heartbeat(shard, epoch, 7, IDLE)).newest_epoch == shards.epoch(2)
    assert await catalogue.last_heartbeat_ms(shard, shards.epoch(2)) == 7
    assert await catalogue.last_heartbeat_ms(shard, shards.epoch(1)) is None
    assert await catalogue.last_heartbeat_ms(shards.other, shards.epoch(2)) is None


async def test_the_newest_incarnation_is_that_of_the_shards_own_generation(house: House, shards: Shards) -> None:
    for epoch in (shards.epoch(1), shards.epoch(3), shards.epoch(1, later=1)):
        assert await house.register(shards.one, epoch)
    assert await house.register(shards.other, shards.epoch(9))
    for used in (shards.epoch(3), shards.epoch(2)):
        assert not await house.register(shards.one, used)
    assert (await house.catalogue.heartbeat(shards.one, shards.epoch(1), 1, IDLE)).newest_epoch == shards.epoch(3)
    newer = await house.catalogue.heartbeat(shards.one, shards.epoch(1, later=1), 1, IDLE)
    assert newer.newest_epoch == shards.epoch(1, later=1)


async def test_the_last_few_incarnations_are_known_and_those_of_silent_generations_not(
    house: House, shards: Shards
) -> None:
    week_ms = 7 * 24 * 3_600_000
    for incarnation, at_ms in ((1, clock_ms() - week_ms - LONG_MS), (2, clock_ms() - week_ms + LONG_MS)):
        await house.register(shards.one, shards.epoch(incarnation))
        await house.catalogue.heartbeat(shards.one, shards.epoch(incarnation), at_ms, IDLE)
    for incarnation in range(1, 14):
        await house.register(shards.one, shards.epoch(incarnation, later=1))

    async def known(later: int) -> list[int]:
        last = {one: await house.catalogue.last_heartbeat_ms(shards.one, shards.epoch(one, later)) for one in range(16)}
        return [incarnation for incarnation, at_ms in last.items() if at_ms is not None]

    assert await known(0) == [2]
    assert await known(1) == [*range(4, 14)]


async def test_a_generation_is_cut_over_to_when_a_shard_of_it_has_said_that_it_wrote(
    house: House, shards: Shards
) -> None:
    async def is_cut_over(shard: str, counters: EngineCounters = IDLE, later: int = 0) -> bool:
        epoch = shards.epoch(later=later)
        return (await house.catalogue.heartbeat(shard, epoch, clock_ms(), counters)).is_cut_over

    assert not await is_cut_over(shards.one, HAS_WRITTEN)
    assert not await is_cut_over(shards.one), "it is not registered"
    for shard in (shards.one, shards.other):
        await house.register(shard, shards.epoch())
    await house.register(shards.other, shards.epoch(later=1))
    assert not await is_cut_over(shards.other)
    assert not await is_cut_over(shards.one, HAS_WRITTEN), "a beat is answered as of before it"
    assert await is_cut_over(shards.other)
    assert not await is_cut_over(shards.other, later=1)


async def test_a_shard_learns_which_of_its_blocks_are_quarantined_and_how_that_is_to_end(
    house: House, shards: Shards
) -> None:
    block, neighbour, elsewhere = blocks(3)
    for one, shard in ((block, shards.one), (neighbour, shards.one), (elsewhere, shards.other)):
        await house.enter(one, shard)
    imposed = await house.impose(block, 3)
    await house.impose(elsewhere, 1)
    assert await told(house, shards, shards.one) == {block: Quarantined(block, imposed)}
    assert [await is_quarantined(house, one) for one in (block, neighbour)] == [True, False]
    assert await house.impose(block, 5) == imposed, "one stands"
    await house.wish_end(block, ENDING)
    correct = (await told(house, shards, shards.one))[block].correct
    assert correct is not None
    assert abs(correct.since_ms - clock_ms()) < LONG_MS
    assert correct == Correct(imposed, 5, "mara", "looked at it", correct.since_ms, (), (7,))
    await house.impose(block, 8)
    assert (await told(house, shards, shards.one))[block].correct == correct, "nobody has looked at the last row"


async def test_a_quarantine_ends_once(house: House, shards: Shards) -> None:
    (block,) = blocks(1)
    await house.enter(block, shards.one)
    correct = Correct(await house.impose(block, 3), 3, "mara", "looked at it", 0)
    for _ in range(2):
        assert await house.catalogue.end_quarantine(block, correct)
        assert not await is_quarantined(house, block)
        assert await told(house, shards, shards.one) == {}


async def test_what_was_found_behind_the_end_is_a_quarantine_of_its_own(house: House, shards: Shards) -> None:
    (block,) = blocks(1)
    await house.enter(block, shards.one)
    first = await house.impose(block, 3)
    await house.wish_end(block, ENDING)
    await house.impose(block, 4)
    for position in (3, 4):
        correct = Correct(first, position, "mara", "looked at it", 0)
        assert not await house.catalogue.end_quarantine(block, correct), "one is left"
        assert await is_quarantined(house, block)
    renewed = (await told(house, shards, shards.one))[block]
    assert renewed.number > first
    assert renewed.correct is None
    assert await house.catalogue.end_quarantine(block, Correct(renewed.number, 4, "mara", "and at that", 0))
    assert not await is_quarantined(house, block)


async def test_a_correction_is_refused_of_the_quarantine_that_it_was_to_end(house: House, shards: Shards) -> None:
    (block,) = blocks(1)
    await house.enter(block, shards.one)
    imposed = await house.impose(block, 3)
    await house.wish_end(block, ENDING)
    another, correct = Correct(imposed + 1, 3, "mara", "", 0), Correct(imposed, 3, "mara", "", 0)
    await house.catalogue.refuse_correction(block, another, "no such hold")
    assert (await told(house, shards, shards.one))[block].correct is not None
    await house.catalogue.refuse_correction(block, correct, "no such hold")
    assert await told(house, shards, shards.one) == {block: Quarantined(block, imposed)}
    assert await house.catalogue.end_quarantine(block, correct)
    await house.catalogue.refuse_correction(block, correct, "too late")
    assert not await is_quarantined(house, block)


async def test_due_blocks_come_page_by_page_the_most_overdue_first(house: House, shards: Shards) -> None:
    a, b, c, elsewhere, later, d = blocks(6)
    for block, due_at_ms in ((a, 30), (b, 10), (c, 10), (elsewhere, 10), (later, 41), (d, 40)):
        await house.enter(block, shards.other if block == elsewhere else shards.one)
        await house.set_deadline(block, due_at_ms)
    due = [Due(10, b), Due(10, c), Due(30, a), Due(40, d)]
    assert await house.catalogue.due_blocks(shards.one, 40, None, 10) == due
    for start in range(4):
        after = due[start - 1] if start else None
        assert await house.catalogue.due_blocks(shards.one, 40, after, 2) == due[start : start + 2]
    assert await house.catalogue.due_blocks(shards.one, 40, due[-1], 2) == []
    assert await house.catalogue.due_blocks(shards.one, 9, None, 2) == []
