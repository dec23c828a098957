"""Whatever position a client has, what it is told changed since comes to the same as the whole."""

from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from actors.core.ids import BlockId
from actors.core.inventory import UnitStatus
from actors.projections import live_events
from actors.projections.live_events import LiveEvents
from actors.projections.live_writer import LiveWriter
from actors.projections.projection import FollowedRow, Progress
from actors.projections.seat_statuses import pack, unpack
from actors.projections.shown import Shown
from serve.local.redis import Redis
from tests.projections.selling import SellingEvent, World
from tests.projections.watching import ACME, NOWHERE, Known, now_ms, reading

pytestmark = pytest.mark.anyio


class Walk:
    """An event that is followed row by row by two projectors' hands, and what each position looked like."""

    def __init__(self, event: SellingEvent, redis: Redis) -> None:
        self.event = event
        self.known = Known()
        self.writers = [LiveWriter(LiveEvents(redis.url)) for _ in range(2)]

    async def step(self, random: Random) -> None:
        """One row; seen by one of the two, or by neither."""
        await self.event.live_at_random(random, 1)
        self.known.note(self.event)
        writer = random.choice([*self.writers, *self.writers, None])
        if writer is not None:
            last = FollowedRow(self.event.rows[-1], ())
            await writer.show([Progress(self.event.block, [last], self.event.state, now_ms())])

    async def close(self) -> None:
        for writer in self.writers:
            await writer.close()


async def check_since(world: World, redis: Redis, seed: int, steps: int = 40) -> int:
    """Whatever position is named, what is told makes of what was there what is there now; how often only changes."""
    event, random, only_changes = await world.event(), Random(seed), 0
    walk = Walk(event, redis)
    async with reading(NOWHERE, redis.url) as reader:
        for _ in range(steps):
            await walk.step(random)
            whole = await reader.seat_statuses(ACME, event.block) if walk.known.at else None
            if whole is None:
                continue
            for since, former in walk.known.at.items():
                if since > whole.position:
                    continue
                told = await reader.seat_statuses(ACME, event.block, since)
                assert told.position == whole.position
                assert (told.statuses is None) != (told.changed is None)
                assert told.areas == walk.known.at[whole.position].event.counts.areas
                if told.changed is None:
                    assert told.statuses == whole.statuses
                    continue
                only_changes += 1
                seats = bytearray(unpack(former.statuses))
                for seat, status in told.changed.items():
                    assert isinstance(status, UnitStatus)
                    seats[seat] = status
                assert pack(seats) == whole.statuses, f"what changed since {since} is not told"
    await walk.close()
    return only_changes


@pytest.mark.parametrize("seed", range(3))
async def test_what_changed_since_any_position_comes_to_the_same_as_the_whole(
    world: World, redis: Redis, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.setattr(live_events, "MAX_CHANGES_KEPT", 5)
    assert await check_since(world, redis, seed) > 10


def forgets_a_seat(patch: pytest.MonkeyPatch) -> None:
    change = LiveWriter._change

    def forgetful(writer: LiveWriter, block: BlockId, now: Any) -> Any:
        found = change(writer, block, now)
        return found and type(found)(found.before, found.position, found.seats[1:])

    patch.setattr(LiveWriter, "_change", forgetful)


def takes_any_position_for_known(patch: pytest.MonkeyPatch) -> None:
    def changed_since(shown: Shown, position: int) -> tuple[int, ...]:
        return tuple({seat for change in shown.changes if change.position > position for seat in change.seats})

    patch.setattr(Shown, "changed_since", changed_since)


@pytest.mark.parametrize("sabotage", [forgets_a_seat, takes_any_position_for_known])
async def test_control_changes_that_are_left_out_are_noticed(
    world: World, redis: Redis, monkeypatch: pytest.MonkeyPatch, sabotage: Callable[[pytest.MonkeyPatch], None]
) -> None:
    sabotage(monkeypatch)
    monkeypatch.setattr(live_events, "MAX_CHANGES_KEPT", 5)
    with pytest.raises(AssertionError, match="not told"):
        await check_since(world, redis, 1)
