"""Where Postgres takes snapshots slowly, those that wait have a bound, and what was not made is made later."""

import asyncio
from collections.abc import Callable

import pytest

from actors.core.ids import BlockId
from actors.core.snapshot import FORMAT
from actors.engine import group_commit, waiting_snapshots
from actors.engine.waiting_snapshots import WaitingSnapshots
from actors.journal.journal import Snapshot
from tests.engine.stage import Stage, hold, on_virtual_time, release

MAX_BYTES = 1_000


def of(size: int) -> Snapshot:
    """One of so many bytes."""
    return Snapshot(BlockId("b"), 1, b"", FORMAT, bytes(size))


@on_virtual_time
async def test_there_is_room_for_so_many_and_so_much() -> None:
    waiting = WaitingSnapshots()
    for _ in range(waiting_snapshots.MAX_WAITING):
        assert waiting.has_room()
        waiting.put(of(1))
    assert not waiting.has_room()
    first = await waiting.get()
    assert not waiting.has_room(), "it is still here"
    waiting.done(first)
    assert waiting.has_room()
    assert not waiting.has_room([of(1)])
    assert not waiting.has_room([of(waiting_snapshots.MAX_WAITING_BYTES)])
    waiting.put(of(waiting_snapshots.MAX_WAITING_BYTES))
    assert not waiting.has_room()


async def check_slow_snapshots() -> None:
    """While one is written, all blocks sell on; when that is done, each has its own as soon as it is written to."""
    stage = Stage()
    engine = await stage.engine(1)
    blocks = [await stage.on_sale(engine) for _ in range(4)]
    written = engine.script.hold("save_snapshot")
    for number in range(1, 40):
        for block in blocks:
            await engine.ask(block, hold(number, "1/1"))
            await engine.ask(block, release(number))
    waiting = engine.engine._snapshots
    largest = max(len(one.state) for one in waiting._queue._queue) if waiting._count > 1 else 0  # type: ignore[attr-defined]
    assert waiting._bytes <= MAX_BYTES + largest
    assert waiting._count < 10
    written.set()
    await asyncio.sleep(1)
    for block in blocks:
        await engine.ask(block, hold(50, "1/2"))
        await asyncio.sleep(0.1)  # it is written
    for block in blocks:
        (newest,) = stage.store.snapshots[block, FORMAT][-1:]
        assert newest.position >= len(stage.store.journals[block]) - 1, "its turn was lost when there was no room"


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Snapshots come often, and there is room for few of them."""
    monkeypatch.setattr(group_commit, "ENTRIES_PER_SNAPSHOT", 4)
    monkeypatch.setattr(group_commit, "VALUES_PER_ENTRY", 1_000)


@pytest.fixture
def little_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting_snapshots, "MAX_WAITING_BYTES", MAX_BYTES)


def test_what_waits_has_a_bound_and_no_turn_is_lost(little_room: None) -> None:
    on_virtual_time(check_slow_snapshots)()


def _there_is_always_room(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(WaitingSnapshots, "has_room", lambda *_: True)


def _made_and_dropped(patch: pytest.MonkeyPatch) -> None:
    """As it was."""
    put, has_room = WaitingSnapshots.put, WaitingSnapshots.has_room

    def put_if_there_is_room(self: WaitingSnapshots, snapshot: Snapshot) -> None:
        if has_room(self):
            put(self, snapshot)

    patch.setattr(group_commit, "ENTRIES_PER_SNAPSHOT", 30)  # so that a turn that is lost is missed
    patch.setattr(WaitingSnapshots, "has_room", lambda *_: True)
    patch.setattr(WaitingSnapshots, "put", put_if_there_is_room)


@pytest.mark.parametrize("sabotage", [_there_is_always_room, _made_and_dropped], ids=["no bound", "dropped"])
def test_control_without_a_bound_or_with_lost_turns_it_is_noticed(
    little_room: None, monkeypatch: pytest.MonkeyPatch, sabotage: Callable[[pytest.MonkeyPatch], None]
) -> None:
    sabotage(monkeypatch)
    with pytest.raises(AssertionError):
        on_virtual_time(check_slow_snapshots)()
