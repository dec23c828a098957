"""What was told of a row that a failover lost counts no more; what was told of the row in its place counts."""

import msgspec
import pytest

from actors.audit.replies import Told
from actors.core.outcomes import Rejected
from actors.core.replies import HoldReply
from actors.core.wishes import Wish
from actors.journal.codec import encode_entries
from actors.reservations import Done, Request
from tests.engine.stage import on_virtual_time
from tests.simulation.boundary import Boundary
from tests.simulation.buyers import CALLER, DEADLINE_MS, create_event
from tests.simulation.market_notes import Came, Notes
from tests.simulation.world import World, now_ms

NOT_THERE = "was said to be held"


class Scene:
    """An event of which a seat was held, told, lost with its row, and another held in a row of the same number."""

    async def begin(self) -> None:
        self.world = World(1, ("s1",), faults=False)
        self.event = await create_event(self.world.gateway(), "event")
        self.asked_ms = now_ms()
        self.notes = Notes(now_ms, self.world.loses)
        await self._hold("A/1/1")
        self.lost = await self._hold("A/1/2")
        assert self.world.store.fail_over(2, 0.0) == 2
        self.world.newest["s1"].process.kill()
        self.world.succeed("s1")
        self.held = await self._hold("A/1/3")
        assert self.held.position == self.lost.position, "behind the claim of the successor"

    async def _hold(self, seat: str) -> Done[HoldReply]:
        held: Done[HoldReply] | Rejected = await self.world.gateway().place_hold(
            Request(CALLER, seat, DEADLINE_MS, "ana"), self.event, Wish((seat,))
        )
        assert isinstance(held, Done)
        return held

    def tell(self, done: Done[HoldReply], seat: str) -> None:
        """To who had asked for it before the failover."""
        self.notes.begin(seat)
        self.notes.accept(seat, Told.HELD, done, self.asked_ms)

    def empty_its_row(self) -> None:
        """What came in the place of the lost one is there, and nothing is in it."""
        rows = self.world.store.journals[self.held.block]
        rows[-1] = msgspec.structs.replace(rows[-1], entry_count=0, entries=encode_entries([]))

    def wrong(self) -> list[str]:
        """What the notes say in the end."""
        return self.notes.check(self.world.store.journals, Came(self.world.written_s, {}))


@on_virtual_time
async def test_what_was_told_of_a_lost_row_is_not_missed() -> None:
    scene = Scene()
    await scene.begin()
    scene.tell(scene.lost, "A/1/2")
    assert scene.notes.has_lost(scene.lost, scene.asked_ms)
    assert scene.wrong() == []


@on_virtual_time
async def test_what_was_told_of_the_row_in_its_place_is_missed_when_it_is_not_there() -> None:
    scene = Scene()
    await scene.begin()
    scene.tell(scene.held, "A/1/3")
    assert scene.wrong() == []
    scene.empty_its_row()
    assert any(NOT_THERE in wrong for wrong in scene.wrong())


@on_virtual_time
async def test_nor_is_it_if_that_row_is_lost_as_well() -> None:
    scene = Scene()
    await scene.begin()
    scene.tell(scene.held, "A/1/3")
    scene.world.store.fail_over(1, 0.0)
    assert scene.wrong() == []


@on_virtual_time
async def test_what_was_told_of_both_rows_may_be_of_the_lost_one() -> None:
    scene = Scene()
    await scene.begin()
    row = scene.world.store.row_at(scene.held.block, scene.held.position)
    assert row is not None
    assert scene.world.boundary.is_of(row, scene.held.reply)
    scene.world.boundary.spoken[row.block, row.position, scene.held.reply].add(b"the chain of the lost one")
    assert scene.notes.has_lost(scene.held, scene.asked_ms)


def test_control_by_its_position_alone_all_that_was_told_of_a_row_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Boundary, "is_of", lambda *_: False)

    @on_virtual_time
    async def main() -> None:
        scene = Scene()
        await scene.begin()
        scene.tell(scene.held, "A/1/3")
        scene.empty_its_row()
        assert not any(NOT_THERE in wrong for wrong in scene.wrong())

    main()
