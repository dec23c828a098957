"""How blocks come in: the wanted ones first, each once, and never without bound."""

import asyncio

import pytest

from actors.core.ids import BlockId
from actors.engine import residence as residence_module
from actors.engine import standing_refusals
from actors.engine.activation import Activator
from actors.engine.catalogue_port import Assignment
from actors.engine.clock import JournalClock
from actors.engine.residence import ACTIVATIONS_AT_ONCE, CLIENT_PRIORITY, SWEEP_PRIORITY, Residence
from actors.journal.memory import MemoryJournal, MemoryStore
from actors.link.batch import Failed, Fault
from tests.engine.stage import NOT_READY, on_virtual_time, settle

SWEPT = [BlockId(f"swept-{number}") for number in range(20)]


class Door:
    """A residence whose blocks all belong to another shard; `order`: as they were looked at."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.order: list[BlockId] = []
        self.open = asyncio.Event()
        journal = MemoryJournal(MemoryStore(lambda: 0))
        activator = Activator(journal, "s1", JournalClock(loop.time), lambda: bytes(8), _no_outage)
        self.residence = Residence("s1", 1, activator, self)
        self.running = loop.create_task(self.residence.run())

    async def assignment(self, block: BlockId) -> Assignment:
        """See `Assignments.assignment`."""
        self.order.append(block)
        await self.open.wait()
        return Assignment("s2")

    async def claim(self, block: BlockId, shard: str, generation: int) -> Assignment:
        """See `Assignments.claim`."""
        return await self.assignment(block)


async def _no_outage(_former: int, _written_at_ms: int, _assignment: Assignment) -> None:
    return None


@on_virtual_time
async def test_what_a_client_waits_for_goes_before_what_the_sweep_found() -> None:
    door = Door()
    for block in SWEPT:
        assert door.residence.find(block, to_write=True, priority=SWEEP_PRIORITY) == NOT_READY
    await settle()
    assert door.order == SWEPT[:ACTIVATIONS_AT_ONCE]
    wanted = [BlockId("new"), SWEPT[-1], SWEPT[-2]]  # two of them are in the queue already
    for block in wanted:
        assert door.residence.find(block, to_write=True, priority=CLIENT_PRIORITY) == NOT_READY
    door.open.set()
    await settle()
    assert door.order[ACTIVATIONS_AT_ONCE:][: len(wanted)] == wanted
    assert sorted(door.order) == sorted([*SWEPT, BlockId("new")])  # each once
    assert door.residence.find(BlockId("one more"), to_write=True) == NOT_READY
    await settle()
    assert door.order[-1] == "one more"


@on_virtual_time
async def test_a_block_of_another_shard_is_refused_by_its_name_for_a_while_and_then_looked_at_again() -> None:
    door = Door()
    door.open.set()
    block = SWEPT[0]
    assert door.residence.find(block, to_write=False) == NOT_READY
    await settle()
    for _ in range(100):
        assert door.residence.find(block, to_write=False) == Failed(Fault.NOT_OWNER, "s2")
    assert len(door.order) == 1
    await asyncio.sleep(1.1)
    assert door.residence.find(block, to_write=False) == NOT_READY
    await settle()
    assert len(door.order) == 2


def test_what_waits_and_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(residence_module, "MAX_ACTIVATIONS_WAITING", 10)
    monkeypatch.setattr(standing_refusals, "MAX_REFUSALS_KNOWN", 5)
    on_virtual_time(check_bounds)()


async def check_bounds() -> None:
    door = Door()
    found = [door.residence.find(block, to_write=False) for block in SWEPT]
    assert found == [NOT_READY] * 10 + [Failed(Fault.OVERLOADED)] * 10
    door.open.set()
    await settle()
    assert len(door.residence._refusals) == 5
    assert door.residence.find(SWEPT[-1], to_write=False) == NOT_READY


async def check_room() -> None:
    """The sweep finds more than can come in, and then a client asks."""
    door = Door()
    found = [door.residence.find(block, to_write=True, priority=SWEEP_PRIORITY) for block in SWEPT]
    assert found == [NOT_READY] * 5 + [Failed(Fault.OVERLOADED)] * 15
    assert door.residence.find(BlockId("wanted"), to_write=True) == NOT_READY


@pytest.mark.parametrize("sweep_is_a_client", [False, True])
def test_the_sweep_leaves_room_for_clients(sweep_is_a_client: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """And the control: without a difference it does not."""
    monkeypatch.setattr(residence_module, "MAX_ACTIVATIONS_WAITING", 10)
    if sweep_is_a_client:
        monkeypatch.setattr(residence_module, "CLIENT_PRIORITY", SWEEP_PRIORITY)
        with pytest.raises(AssertionError):
            on_virtual_time(check_room)()
    else:
        on_virtual_time(check_room)()


@on_virtual_time
async def test_ending_the_residence_ends_its_activations() -> None:
    door = Door()
    door.residence.find(SWEPT[0], to_write=True)
    await settle()
    door.running.cancel()
    await settle()
    assert door.running.cancelled()
