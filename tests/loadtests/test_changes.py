"""Changes of the fleet: moves and resizes in turn, undone at the end; what fails is said."""

import asyncio
import time

import pytest

from loadtests.changes import ChangeFailed, Changes

EVENT = "event_x"


class Hand:
    """A fleet in memory. `refuses`: what is never done."""

    def __init__(self, count: int, refuses: str = "") -> None:
        self.names = _names(count)
        self.owner = "shard-1"
        self._refuses = refuses

    async def shards(self) -> list[str]:
        """See `FleetHand`, like the others."""
        return self.names

    async def shard_of(self, event_id: str) -> str:
        assert event_id == EVENT
        return self.owner

    async def move(self, event_id: str, shard: str) -> str:
        if self._refuses == "move":
            raise ChangeFailed("it has not moved in 30 s")
        assert (event_id, shard in self.names, shard == self.owner) == (EVENT, True, False)
        self.owner = shard
        return "moved"

    async def resize(self, count: int) -> str:
        self.names = _names(count)
        self.owner = self.owner if self.owner in self.names else self.names[-1]
        return f"there are {count} shards"

    async def close(self) -> None:
        pass


def _names(count: int) -> list[str]:
    return [f"shard-{number}" for number in range(1, count + 1)]


@pytest.mark.parametrize(
    ("count", "whats"),
    [
        (1, ["resize to 2", "move to shard-2", "resize to 1", "resize to 2", "move to shard-2"]),
        (2, ["move to shard-2", "resize to 3", "move to shard-3", "resize to 2", "move to shard-1"]),
        (3, ["move to shard-2", "resize to 4", "move to shard-3", "resize to 3", "move to shard-1"]),
    ],
)
def test_the_event_moves_and_the_fleet_grows_and_shrinks_in_turn(count: int, whats: list[str]) -> None:
    hand = Hand(count)
    changes = Changes(hand, EVENT)

    async def make() -> list[str]:
        made = [await changes.make_one(time.monotonic() - 1) for _ in whats]
        assert all(1_000 <= change.began_at_ms <= change.ended_at_ms < change.felt_until_ms for change in made)
        await changes.undo()
        return [change.what for change in made]

    assert asyncio.run(make()) == whats
    assert len(hand.names) == count


def test_a_change_that_fails_is_followed_by_the_other_kind_of_change() -> None:
    hand = Hand(2, refuses="move")
    changes = Changes(hand, EVENT)

    async def make() -> None:
        with pytest.raises(ChangeFailed):
            await changes.make_one(0.0)
        assert (await changes.make_one(0.0)).what == "resize to 3"

    asyncio.run(make())
