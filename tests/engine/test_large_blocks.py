"""A block that remembers much comes in slice by slice, beside its neighbours, and is not frozen all the time."""

import asyncio
import gc
from collections.abc import Generator, Iterator
from itertools import pairwise
from time import thread_time
from typing import TypeVar

import pytest

from actors.core.block import apply
from actors.core.entries import Entry, EventCreated, HoldPlaced, SaleOpened
from actors.core.ids import BlockId
from actors.core.layout import Area, Category, Layout
from actors.core.snapshot import _in_one_go, restore, value_count
from actors.core.state import BlockState
from actors.engine import group_commit
from actors.engine import replay as replay_module
from actors.engine.hosted import HostedBlock
from actors.journal.journal import GENESIS, Epoch, Snapshot
from actors.link.batch import Replied
from tests.engine.stage import (
    NOT_READY,
    TENANT,
    Running,
    Stage,
    answered,
    hold,
    on_virtual_time,
    read_event,
    release,
    settle,
)

T = TypeVar("T")

HOLDS = 100_000
FORMER = Epoch(1, 1, 1).packed()


@pytest.fixture(autouse=True)
def _no_collections() -> Iterator[None]:
    """A collection looks at all that a whole run of tests has left: a pause that is not the engine's."""
    gc.disable()
    yield
    gc.enable()


def crowded(block: BlockId) -> HostedBlock:
    """A block with very many holds, all of them still to be written."""
    layout = Layout("EUR", (Category("standing", 1),), (), (Area("floor", 0, HOLDS),))
    entries: tuple[Entry, ...] = (
        EventCreated(1, TENANT, "A crowd", layout, 60_000, b"created".ljust(16), bytes(16)),
        SaleOpened(1, b"opened".ljust(16), bytes(16)),
        *(
            HoldPlaced(1, number, "ana", (), ((0, 1),), ((0, 1, 1),), 1 << 60, 1 << 60, number.to_bytes(16), bytes(16))
            for number in range(1, HOLDS + 1)
        ),
    )
    hosted = HostedBlock(block, BlockState(), 0, GENESIS, claimed=True)
    hosted.epoch = FORMER
    for entry in entries:
        apply(hosted.state, entry)
    hosted.pending.extend(entries[:2])  # the snapshot has the rest, and the rows do not matter behind it
    return hosted


def save(stage: Stage, hosted: HostedBlock) -> None:
    """Its row and its snapshot."""
    stage.store.append([hosted.next_row(1)])
    stage.store.save_snapshot(hosted.snapshot())


async def turns_until(owner: Running, loaded: BlockId) -> list[float]:
    """When the loop came round, by the processor's time, until the block was there."""
    turns_s = [thread_time()]
    while loaded not in owner.engine.residence.blocks:
        await asyncio.sleep(0)
        turns_s.append(thread_time())
        assert len(turns_s) < 100_000, "it never comes in"
    return turns_s


async def check_neighbours() -> None:
    stage = Stage()
    owner = await stage.engine()
    neighbour, large = await stage.on_sale(owner), stage.new_block()
    save(stage, crowded(large))
    snapshot = owner.script.hold("newest_snapshot")
    assert await answered(owner.send(large, read_event())) == [NOT_READY]
    await settle()
    snapshot.set()
    turning = owner.process.start(turns_until(owner, large))
    served = 0
    while not turning.done():
        served += 1
        for command in (hold(served, "1/1"), release(served)):
            assert isinstance((await answered(owner.send(neighbour, command)))[0], Replied)
    turns_s = turning.result()
    longest_s = max(later - earlier for earlier, later in pairwise(turns_s))
    assert len(turns_s) > HOLDS // 1_000, "the loop hardly came round"
    assert longest_s < (turns_s[-1] - turns_s[0]) / 4, "most of the time it stood"
    assert served > 3, "the neighbour hardly had a turn"
    assert isinstance(await owner.ask_one(large, read_event()), Replied)


def test_a_large_block_that_comes_in_leaves_its_neighbours_their_turns() -> None:
    on_virtual_time(check_neighbours)()


def test_control_restored_in_one_go_it_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    async def in_one_go(steps: Generator[None, None, T]) -> T:
        return _in_one_go(steps)

    monkeypatch.setattr(replay_module, "in_slices", in_one_go)
    with pytest.raises(AssertionError):
        on_virtual_time(check_neighbours)()


def saved_by(owner: Running) -> list[Snapshot]:
    """The snapshots that an engine saves from now on."""
    saved: list[Snapshot] = []
    line = owner.engine._lines.snapshots
    save_snapshot = line.save_snapshot

    async def noted(snapshot: Snapshot) -> None:
        saved.append(snapshot)
        await save_snapshot(snapshot)

    line.save_snapshot = noted  # type: ignore[method-assign]
    return saved


async def check_pace() -> None:
    """What all snapshots together hold is a bounded multiple of what was written to the journal."""
    stage = Stage()
    owner = await stage.engine()
    saved = saved_by(owner)
    block = await stage.on_sale(owner)
    for number in range(1, 41):
        await owner.ask(block, hold(number, f"{(number - 1) // 10 + 1}/{(number - 1) % 10 + 1}"))
    await settle()
    assert len(saved) > 2, "it is frozen now and then"
    values = [value_count(restore(snapshot.state)) for snapshot in saved]
    assert sum(values) <= group_commit.VALUES_PER_ENTRY * len(stage.entries(block)), values


def test_snapshots_are_a_bounded_share_of_the_work_however_large_the_block(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group_commit, "ENTRIES_PER_SNAPSHOT", 3)
    on_virtual_time(check_pace)()


def test_control_a_snapshot_every_so_many_entries_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group_commit, "ENTRIES_PER_SNAPSHOT", 3)
    monkeypatch.setattr(group_commit, "value_count", lambda state: 0)
    with pytest.raises(AssertionError):
        on_virtual_time(check_pace)()
