"""An older owner never takes a block back, however long its look at the journal takes."""

from collections.abc import Callable

import pytest

from actors.core.ids import BlockId
from actors.engine.activation import Activator
from actors.engine.hosted import HostedBlock
from actors.engine.replay import replay
from actors.journal.journal import Head
from actors.link.batch import Failed, Fault, Replied
from tests.engine.stage import Stage, hold, on_virtual_time, settle


async def check(held_up_at: str, *, other_cluster: bool) -> None:
    """The older one has read the head and is held up; a newer one claims; then the older one goes on."""
    stage = Stage()
    creator = await stage.engine(1)
    block = await stage.on_sale(creator)
    creator.process.kill()
    older = await stage.engine(2)
    newer = await stage.engine(1, generation=2) if other_cluster else await stage.engine(3)
    held_up = older.script.hold(held_up_at)
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


def one_look_at_the_head(patch: pytest.MonkeyPatch) -> None:
    """And what has come since is gone on from, whoever wrote it."""
    look = Activator._head
    seen: dict[tuple[Activator, BlockId], Head | None] = {}

    async def once(self: Activator, block: BlockId) -> Head | None:
        if (self, block) not in seen:
            seen[self, block] = await look(self, block)
        return seen[self, block]

    patch.setattr(Activator, "_head", once)
    patch.setattr(HostedBlock, "ends_at", lambda *_: True)


def whoever_is_in_the_way_is_followed(patch: pytest.MonkeyPatch) -> None:
    async def follow(self: Activator, loaded: HostedBlock, hosted: HostedBlock) -> None:
        loaded.lost = True
        await replay(self._journal, hosted)

    patch.setattr(Activator, "_follow", follow)


HELD_UP = [("newest_snapshot", one_look_at_the_head), ("append", whoever_is_in_the_way_is_followed)]


@pytest.mark.parametrize("other_cluster", [False, True])
@pytest.mark.parametrize("held_up_at", [at for at, _ in HELD_UP])
def test_who_was_held_up_behind_the_head_does_not_claim_over_a_newer_one(held_up_at: str, other_cluster: bool) -> None:
    on_virtual_time(check)(held_up_at, other_cluster=other_cluster)


@pytest.mark.parametrize(("held_up_at", "broken"), HELD_UP)
def test_control_who_does_not_look_does(
    held_up_at: str, broken: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    broken(monkeypatch)
    with pytest.raises(AssertionError, match=r"Replied.* == Failed"):
        on_virtual_time(check)(held_up_at, other_cluster=False)
