"""What a process has sent is carried out, whatever becomes of the process: a database does not notice who is gone."""

import asyncio

import pytest

from actors.core.replies import HoldReply
from actors.core.wishes import Wish
from actors.reservations import Done, Request
from tests.engine.stage import on_virtual_time
from tests.simulation import journal_faults
from tests.simulation.buyers import CALLER, DEADLINE_MS, create_event
from tests.simulation.faults import AFTER_DEATH, BEHIND_A_LOOK, IN_A_PAUSE
from tests.simulation.journal_faults import STRANDED_S, Database
from tests.simulation.shards import Shard
from tests.simulation.world import World

ON_ITS_WAY_S = 0.01
STANDS_S = 2.0
BUYER = "ana"


class Sale:
    """One shard that sells one event, and a buyer whose hold is on its way to the journal."""

    def __init__(self) -> None:
        self.world = World(1, ("s1",), faults=False)

    async def begin(self) -> Shard:
        """Ask for a hold; the shard, at the moment when it has sent the row of it."""
        self.event = await create_event(self.world.gateway(), "event")
        self.shard = self.world.newest["s1"]
        before = self.rows
        self.asking = asyncio.create_task(self.hold())
        await self.world.journal_faults.until_writing(self.shard.process, STANDS_S)
        assert self.rows == before, "its row is on its way"
        return self.shard

    async def hold(self) -> Done[HoldReply]:
        """One seat, under the same key each time."""
        asked = Request(CALLER, "key", DEADLINE_MS, BUYER)
        done = await self.world.gateway().place_hold(asked, self.event, Wish(("A/1/1",)))
        assert isinstance(done, Done), done
        return done

    @property
    def rows(self) -> int:
        """How many there are."""
        return sum(map(len, self.world.store.journals.values()))


def nothing_is_stranded(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(journal_faults, "STRANDED", 0.0)


async def a_dead_shards_row_lands() -> None:
    sale = Sale()
    shard = await sale.begin()
    before = sale.rows
    shard.process.kill()
    await asyncio.sleep(ON_ITS_WAY_S)
    assert sale.rows == before + 1, "what the dead has sent has come"
    assert sale.world.store.landed == {AFTER_DEATH: 1}
    sale.world.succeed("s1")
    assert (await sale.asking).replayed, "it is found done by who comes next"


def test_a_row_of_a_dead_shard_lands_after_its_death(monkeypatch: pytest.MonkeyPatch) -> None:
    nothing_is_stranded(monkeypatch)
    on_virtual_time(a_dead_shards_row_lands)()


async def a_dead_shards_row_lands_behind_a_look() -> None:
    sale = Sale()
    shard = await sale.begin()
    before = sale.rows
    shard.process.kill()
    await asyncio.sleep(STANDS_S)
    assert sale.rows == before, "it is on its way for long"
    sale.world.succeed("s1")
    assert (await sale.asking).replayed, "the successor looked anew and found it"
    assert sale.world.store.landed == {AFTER_DEATH: 1, BEHIND_A_LOOK: 1}


def test_a_row_of_a_dead_shard_lands_behind_its_successors_look_at_the_head(monkeypatch: pytest.MonkeyPatch) -> None:
    assert STRANDED_S > STANDS_S
    monkeypatch.setattr(journal_faults, "STRANDED", 1.0)
    on_virtual_time(a_dead_shards_row_lands_behind_a_look)()


async def a_row_lands_in_a_pause() -> None:
    sale = Sale()
    shard = await sale.begin()
    before = sale.rows
    shard.pause()
    await asyncio.sleep(ON_ITS_WAY_S)
    assert sale.rows == before + 1, "what was sent has come"
    assert not sale.asking.done(), "who sent it stands still"
    assert sale.world.store.landed == {IN_A_PAUSE: 1}
    shard.resume()
    assert not (await sale.asking).replayed


def test_a_row_of_a_shard_that_stands_still_lands_meanwhile() -> None:
    on_virtual_time(a_row_lands_in_a_pause)()


@pytest.mark.parametrize("lands", [a_dead_shards_row_lands, a_row_lands_in_a_pause])
def test_control_in_the_senders_own_process_nothing_lands(lands: object, monkeypatch: pytest.MonkeyPatch) -> None:
    nothing_is_stranded(monkeypatch)
    monkeypatch.setattr(Database, "carry_out", lambda _, work: asyncio.create_task(work))
    with pytest.raises(AssertionError, match="has come"):
        on_virtual_time(lands)()  # type: ignore[arg-type]
