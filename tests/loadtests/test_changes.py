"""Changes of the fleet: moves and resizes in turn, undone at the end; what fails is said."""

import asyncio
import time

import pytest

from loadtests.changes import ChangeFailed, Changes

EVENT = "event_x"


class Hand:
    """A fleet in memory. `refuses`: what is never done; `ignores`: what is said to be done and is not."""

    def __init__(self, count: int, refuses: str = "", ignores: str = "") -> None:
        self.names = _names(count)
        self.owners: dict[str, str] = {}
        self._refuses = refuses
        self._ignores = ignores

    async def shards(self) -> list[str]:
        """See `FleetHand`, like the others."""
        return self.names

    async def shard_of(self, event_id: str) -> str:
        return self.owners.get(event_id, "shard-1")

    async def desks_of(self, event_id: str) -> list[str]:
        return ["event_d", "event_e"]

    async def move(self, event_id: str, shard: str) -> str:
        if self._refuses == "move":
            raise ChangeFailed("it has not moved in 30 s")
        assert shard in self.names
        assert shard != await self.shard_of(event_id)
        if self._ignores != "move":
            self.owners[event_id] = shard
        return "moved"

    async def resize(self, count: int) -> str:
        if self._ignores != "resize":
            self.names = _names(count)
        for event_id, owner in self.owners.items():
            self.owners[event_id] = owner if owner in self.names else self.names[-1]
        return f"there are {count} shards"

    async def close(self) -> None:
        pass


def _names(count: int) -> list[str]:
    return [f"shard-{number}" for number in range(1, count + 1)]


@pytest.mark.parametrize(
    ("count", "moves", "resizes", "whats"),
    [
        (1, 2, 2, ["resize to 2", "move event_x to shard-2", "move event_x to shard-1", "resize to 1"]),
        (2, 3, 2, ["move event_x to shard-2", "resize to 3", "move event_x to shard-3", "resize to 2"]),
        (3, 2, 2, ["move event_x to shard-2", "resize to 4", "move event_x to shard-3", "resize to 3"]),
        (3, 0, 2, ["resize to 4", "resize to 3"]),
        (2, 2, 0, ["move event_x to shard-2", "move event_x to shard-1"]),
    ],
)
def test_the_event_moves_and_the_fleet_grows_and_shrinks_in_turn(
    count: int, moves: int, resizes: int, whats: list[str]
) -> None:
    hand = Hand(count)
    changes = Changes(hand, [EVENT], moves, resizes)

    async def make() -> list[str]:
        made = [await changes.make_one(time.monotonic() - 1) for _ in whats]
        assert all(1_000 <= change.began_at_ms <= change.ended_at_ms < change.felt_until_ms for change in made)
        assert all(change.what.startswith(change.kind) for change in made)
        await changes.undo()
        return [change.what for change in made]

    assert asyncio.run(make()) == whats
    assert len(hand.names) == count


def test_the_blocks_of_an_event_that_is_split_and_desks_are_moved_in_turn() -> None:
    changes = Changes(Hand(2), ["event_a", "event_b"], 6, 0)

    async def make() -> list[str]:
        return [(await changes.make_one(0.0)).what.split()[1] for _ in range(6)]

    assert asyncio.run(make()) == ["event_a", "event_d", "event_b", "event_e", "event_a", "event_d"]


def test_a_change_that_fails_is_followed_by_the_other_kind_of_change() -> None:
    hand = Hand(2, refuses="move")
    changes = Changes(hand, [EVENT], 1, 1)

    async def make() -> None:
        with pytest.raises(ChangeFailed):
            await changes.make_one(0.0)
        assert (await changes.make_one(0.0)).what == "resize to 3"

    asyncio.run(make())


@pytest.mark.parametrize(("count", "ignores"), [(2, "move"), (2, "resize"), (1, "")])
def test_a_change_without_effect_is_none(count: int, ignores: str) -> None:
    moves = 0 if ignores == "resize" else 1
    changes = Changes(Hand(count, ignores=ignores), [EVENT], moves, 1 - moves)
    with pytest.raises(ChangeFailed):
        asyncio.run(changes.make_one(0.0))
