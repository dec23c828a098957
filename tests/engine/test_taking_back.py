"""An older owner never takes a block back, however long its look at the journal takes."""

import pytest

from actors.core.ids import BlockId
from actors.engine.activation import Activator
from actors.journal.journal import Head
from actors.link.batch import Failed, Fault, Replied
from tests.engine.stage import Stage, hold, on_virtual_time, read_event, settle


async def check(first_asked: str, *, other_cluster: bool) -> None:
    """The older one has read the head and is held up; a newer one claims; then the older one goes on."""
    stage = Stage()
    creator = await stage.engine(1)
    block = await stage.on_sale(creator)
    creator.process.kill()
    older = await stage.engine(2)
    newer = await stage.engine(1, generation=2) if other_cluster else await stage.engine(3)
    if first_asked == "to read":
        assert isinstance(await older.ask_one(block, read_event()), Replied)
    held_up = older.script.hold("rows" if first_asked == "to read" else "newest_snapshot")
    older.send(block, hold(1, "1/1"))
    await settle()
    assert isinstance(await newer.ask_one(block, hold(2, "1/2")), Replied)
    held_up.set()
    await settle()
    assert await older.ask_one(block, hold(1, "1/1")) == Failed(Fault.NOT_OWNER)
    assert isinstance(await newer.ask_one(block, hold(3, "1/3")), Replied)
    epochs = [row.epoch for row in stage.store.journals[block]]
    assert epochs == sorted(epochs)
    assert not newer.left


@pytest.mark.parametrize("other_cluster", [False, True])
@pytest.mark.parametrize("first_asked", ["to read", "to write"])
def test_who_was_held_up_behind_the_head_does_not_claim_over_a_newer_one(first_asked: str, other_cluster: bool) -> None:
    on_virtual_time(check)(first_asked, other_cluster=other_cluster)


@pytest.mark.parametrize("first_asked", ["to read", "to write"])
def test_control_with_one_look_at_the_head_it_does(first_asked: str, monkeypatch: pytest.MonkeyPatch) -> None:
    look = Activator._head
    seen: dict[tuple[Activator, BlockId], Head | None] = {}

    async def once(self: Activator, block: BlockId) -> Head | None:
        if (self, block) not in seen:
            seen[self, block] = await look(self, block)
        return seen[self, block]

    monkeypatch.setattr(Activator, "_head", once)
    with pytest.raises(AssertionError):
        on_virtual_time(check)(first_asked, other_cluster=False)
