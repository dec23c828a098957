"""Counts that were shown as they never were are found, by the row that they were shown as of, and no others."""

from collections.abc import AsyncIterator
from itertools import pairwise
from random import Random

import msgspec
import pytest

from actors.core.ids import event_id
from actors.journal.postgres import PostgresJournal
from tests.chaos import counted
from tests.chaos.counted import MOST_LOOKS, chosen, miscounted
from tests.chaos.looks import Look
from tests.chaos.replayed import Replayed
from tests.projections.selling import SellingEvent, World, selling

pytestmark = pytest.mark.anyio


@pytest.fixture
async def world(anyio_backend: str, own_database_url: str) -> AsyncIterator[World]:
    """Events that sell, in a database of their own."""
    async with selling(own_database_url) as world:
        yield world


async def seen(world: World, event: SellingEvent) -> list[Look]:
    """What who looks at each row is shown, of an event that sells."""
    journal = PostgresJournal(world.database_url, application_name="test-counted")
    replayed = Replayed(event.block)
    looks: list[Look] = []
    for _ in range(8):
        await event.live_at_random(Random(len(looks)), 4)
        ((head,),) = await world.rows("select max(position) from journal where block_id = $1", event.block)
        await replayed.follow(journal, head)
        counts = msgspec.structs.astuple(replayed.available)
        looks.append(Look(event_id(event.block), "availability", 0.0, 0.0, 0, head, counts=counts))
    await journal.close()
    assert len({look.counts for look in looks}) > 2, "nothing was sold"
    return looks


async def check_counts_are_those_of_the_row(world: World) -> None:
    looks = [look for _ in range(2) for look in await seen(world, await world.event())]
    assert await miscounted(world.database_url, looks) == []
    sooner, later = next((one, other) for one, other in pairwise(looks) if one.counts != other.counts)
    for odd, said in (
        (later._replace(counts=sooner.counts), f"shown as of row {later.sequence} with"),
        (looks[-1]._replace(sequence=looks[-1].sequence + 9), "the journal ends"),
    ):
        (wrong,) = await miscounted(world.database_url, [*looks, odd])
        assert odd.event_id in wrong
        assert said in wrong


async def test_what_was_shown_is_held_against_the_journal_as_of_its_row(world: World) -> None:
    await check_counts_are_those_of_the_row(world)


async def test_control_who_counts_nothing_finds_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counted, "chosen", lambda _: [])
    with pytest.raises(ValueError, match="not enough values"):
        await check_counts_are_those_of_the_row(world)


def test_looks_are_chosen_from_all_over_in_the_order_of_rows() -> None:
    def at(row: int, *counts: int) -> Look:
        return Look("event", "availability", 0.0, 0.0, 0, row, counts=counts)

    assert chosen([at(3, 1), at(1, 2), at(3, 1), at(2)]) == [at(1, 2), at(3, 1)]
    assert chosen([at(3, 1), at(3, 2)]) == [at(3, 1), at(3, 2)], "both cannot be so"
    many = chosen([at(row, 1) for row in range(1_000)])
    assert len(many) == MOST_LOOKS
    assert (many[0].sequence, many[-1].sequence) == (0, 990)
